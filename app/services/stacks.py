"""Stacks of scans as a person looks at them: pages sorted by form, what the machine proposes, and pictures.

Nothing is decided by the machine: what it read is a proposal. Files come in by ``stack_drops`` and are read by a job in
``stack_readings``; pages leave, filed, discarded or lapsed, in ``stack_filings``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, NotFound
from app.models import BlankForm, ConsentForm, Stack, StackPage, db
from app.outside import stacks as reader
from app.outside import storage
from app.outside.children import ChildFault
from app.outside.scans import ScanRefused
from app.outside.storage import StorageFault
from app.outside.vault import Place, VaultFault
from app.premises import premises
from app.words import AWAITED_FORMS, Answer, ScanState, StackState, _

S = TypeVar("S", bound="Sheets")

KEPT_DAYS = 14
SLIP_SHEET = 2
"""How many pages there may be behind those that come back: the slip's, and an empty one before it."""
OF_PATIENT = "patient-"
"""How the lines are called on which a hand writes who the patient is."""


@dataclass
class Sheets:
    """Pages of a stack that belong together."""

    pages: list[StackPage]

    @cached_property
    def readings(self) -> list[dict[str, Any]]:
        """What was read on each page: opened once for all that is shown of it."""
        return [reading_of(page) for page in self.pages]

    @property
    def of_pages(self) -> int | None:
        """How many pages of the form have to come back."""
        return next((page.of_pages for page in self.pages if page.of_pages), None)

    @property
    def missing(self) -> list[int]:
        """The numbers of the pages that are not there."""
        there = {page.number for page in self.pages}
        return [number for number in range(1, (self.of_pages or 0) + 1) if number not in there]

    @property
    def twice(self) -> list[int]:
        """The numbers that are there more than once."""
        numbers = [page.number or 0 for page in self.pages]
        return sorted({number for number in numbers if numbers.count(number) > 1})

    @property
    def beyond(self) -> list[int]:
        """The numbers of pages that the form does not have: another print of it was longer."""
        last = (self.of_pages or 0) + SLIP_SHEET
        return sorted({page.number or 0 for page in self.pages if self.of_pages and (page.number or 0) > last})

    @property
    def has_slip(self) -> bool:
        """Whether the sheet of the withdrawal slip came along: it should have stayed with the patient."""
        return any(self.of_pages and (page.number or 0) > self.of_pages for page in self.pages) and not self.beyond


@dataclass
class Group(Sheets):
    """The pages of one form in a stack."""

    form: ConsentForm

    @property
    def fileable(self) -> bool:
        """Whether the form waits for its paper, and all of it is here and nothing else."""
        return self.form.state in AWAITED_FORMS and bool(self.of_pages) and not self.missing and not self.beyond

    @property
    def mark(self) -> str:
        """What stands for exactly these pages as they were placed: another when one comes, goes or is placed anew."""
        words = [f"{page.public_id}:{page.version}" for page in self.pages]
        return hashlib.sha256(" ".join(words).encode()).hexdigest()


@dataclass
class BlankGroup(Sheets):
    """The pages of a blank form of which nobody has said yet whose it is."""

    blank: BlankForm


@dataclass
class Sorted:
    """A stack as a person looks at it: forms to confirm, those that lack something, blank ones, pages nobody can place."""

    ready: list[Group]
    waiting: list[Group]
    blanks: list[BlankGroup]
    loose: list[StackPage]


def sort(stack: Stack) -> Sorted:
    """Sort the pages of a stack that wait, by form."""
    forms: dict[int, Group] = {}
    blanks: dict[int, BlankGroup] = {}
    loose = []
    for page in pages_of(stack):
        form = page.form if page.blank is None or page.form is not None else page.blank.form
        if form is not None and form.patient is not None:
            forms.setdefault(form.id, Group([], form)).pages.append(page)
        elif form is None and page.blank is not None:
            blanks.setdefault(page.blank.id, BlankGroup([], page.blank)).pages.append(page)
        else:
            loose.append(page)
    groups, unbound = _in_order(forms.values()), _in_order(blanks.values())
    ready = [group for group in groups if group.fileable]
    return Sorted(ready, [group for group in groups if not group.fileable], unbound, loose)


def _in_order(found: Iterable[S]) -> list[S]:
    """Each with its pages by number; the first that lay in the stack first."""
    groups = sorted(found, key=lambda group: group.pages[0].position)
    for group in groups:
        group.pages.sort(key=lambda page: (page.number or 0, page.position))
    return groups


def pages_of(stack: Stack) -> list[StackPage]:
    """The pages of a stack that wait, as they lay."""
    statement = (
        select(StackPage)
        .where(StackPage.stack_id == stack.id, StackPage.state == ScanState.WAITING)
        .order_by(StackPage.position)
    )
    bound = joinedload(StackPage.blank).joinedload(BlankForm.form)
    loads = [
        load
        for form in (joinedload(StackPage.form), bound)
        for load in (form.selectinload(ConsentForm.decisions), form.joinedload(ConsentForm.patient))
    ]
    return list(db.session.scalars(statement.options(*loads)).unique())


def waiting_for(blank: BlankForm) -> BlankGroup | None:
    """The pages of a blank form that wait in one's own stacks: those of the stack that came last."""
    statement = select(StackPage).where(StackPage.blank_id == blank.id, StackPage.state == ScanState.WAITING)
    pages = list(db.session.scalars(statement.order_by(StackPage.stack_id.desc(), StackPage.number)).unique())
    return BlankGroup([page for page in pages if page.stack_id == pages[0].stack_id], blank) if pages else None


def handwriting(group: Sheets) -> dict[str, str]:
    """Pictures of what the paper says of the patient, in print or by hand: ``family_name``, ``birth_date`` and so on."""
    found = [(name, picture) for one in group.readings for name, picture in one.get("lines", {}).items()]
    return {name.removeprefix(OF_PATIENT): picture for name, picture in found if name.startswith(OF_PATIENT)}


def reading_of(page: StackPage) -> dict[str, Any]:
    """What was read on a page: ``small``, ``boxes``, ``inked``, ``lines``; pictures as base64. Nothing when it is spoilt."""
    if page.sealed_reading is None or page.wrapped_key is None:
        return {}
    place = reading_place(page.public_id)
    try:
        words: dict[str, Any] = json.loads(
            premises().vault.open(page.wrapped_key, storage.PURPOSE, page.sealed_reading, place)
        )
    except VaultFault:
        return {}
    return words


@dataclass(frozen=True)
class Proposal:
    """What the machine would answer to a question, and the pictures of its two boxes; ``None``: it asks."""

    answer: Answer | None
    pictures: list[tuple[str, str]]


def proposals(group: Group) -> dict[str, Proposal]:
    """By the public id of each decision. A page that is there twice must say the same twice."""
    readings = [one.get("boxes", {}) for page, one in zip(group.pages, group.readings, strict=True) if not page.by_hand]
    found, registries = {}, 0
    for decision in group.form.decisions:
        registries += decision.named_registry is not None
        name = decision.purpose.value if decision.named_registry is None else f"registry-{registries}"
        pairs = [
            (boxes[f"{name}-yes"], boxes[f"{name}-no"])
            for boxes in readings
            if f"{name}-yes" in boxes and f"{name}-no" in boxes
        ]
        said = {_answer(yes[0], no[0]) for yes, no in pairs}
        pictures = [(yes[1], no[1]) for yes, no in pairs]
        found[decision.public_id] = Proposal(said.pop() if len(said) == 1 else None, pictures)
    return found


def _answer(yes: str, no: str) -> Answer | None:
    return {("yes", "no"): Answer.GIVEN, ("no", "yes"): Answer.REFUSED}.get((yes, no))


def unsigned(group: Group) -> list[str]:
    """Which of ``signer``, ``clinician``, ``date`` seem to be left empty on the paper."""
    inked = [one.get("inked", {}) for one in group.readings]
    return [name for name in ("signer", "date", "clinician") if any(one.get(name) is False for one in inked)]


def lines_of(group: Group) -> dict[str, str]:
    """Pictures of the lines one signs on, by name."""
    found: dict[str, str] = {}
    for one in group.readings:
        found |= one.get("lines", {})
    return {name: picture for name, picture in found.items() if not name.startswith(OF_PATIENT)}


def content_of(storage_key: str | None, wrapped_key: bytes | None) -> bytes:
    """A page's PDF.

    Raises:
        NotFound: it is filed or discarded.
        StorageFault: its file is missing or was changed.
    """
    if storage_key is None or wrapped_key is None:
        raise NotFound
    return b"".join(premises().store.get(storage_key, wrapped_key, premises().vault))


def picture_of(page: StackPage, width: int) -> bytes:
    """The page upright, as a JPEG so many dots wide.

    Raises:
        NotFound: it is filed, discarded, or cannot be drawn.
        Incomplete: too many pages are being drawn at this moment.
    """
    try:
        return reader.draw(content_of(page.storage_key, page.wrapped_key), page.turned, width)
    except (ScanRefused, StorageFault) as refused:
        raise NotFound(_("This page cannot be drawn. Scan it again.")) from refused
    except ChildFault as busy:
        raise Incomplete(_("Many pages are being drawn at this moment. Wait a little and open it again.")) from busy


# --- lives -------------------------------------------------------------------------------------------------------------


def reading_place(public_id: str) -> Place:
    """Where what was read on a page is sealed."""
    return Place(StackPage.__tablename__, "sealed_reading", public_id)


def forget(page: StackPage) -> None:
    """The page leaves the stack: its key is destroyed. Its file is the caller's to remove after the act."""
    page.storage_key = page.wrapped_key = page.sealed_reading = None


def close_when_done(actor: Actor, stack: Stack, but: StackPage | None = None) -> None:
    """Close a stack in which nothing waits any more, nor anything one may no longer see."""
    db.session.flush()
    pages = select(StackPage.id).where(StackPage.stack_id == stack.id)
    with db.session.no_autoflush:
        seen = set(db.session.scalars(pages))
        left = set(db.session.scalars(pages.where(StackPage.state == ScanState.WAITING)))
    with sight.wide("scan-rest") as session:
        unseen = set(session.scalars(pages.where(StackPage.state == ScanState.WAITING))) - seen
    if not (left - {but.id if but else None} or unseen):
        close(actor, stack)


@act("stack.close")
def close(_actor: Actor, _stack: Stack) -> None:
    """Nothing waits in the stack any more."""


def file_keys(session: Any) -> Iterator[str]:
    """Every file a stack names, for ``fsck``."""
    yield from session.scalars(select(StackPage.storage_key).where(StackPage.storage_key.is_not(None)))
    for files in session.scalars(select(Stack.files)):
        yield from (name for name, _ending_ in files)


def kept_files(session: Any) -> Iterator[tuple[str, str, bytes | None]]:
    """(public id of the stack, key of the file, its wrapped key) of every scan that waits, for ``fsck``."""
    waiting = select(Stack.public_id, StackPage.storage_key, StackPage.wrapped_key).join(Stack.pages)
    for row in session.execute(waiting.where(StackPage.state == ScanState.WAITING)):
        yield row[0], row[1], row[2]
    for stack in session.scalars(select(Stack).where(Stack.state == StackState.READING)).unique():
        for name, _ending in stack.files:
            yield stack.public_id, name, stack.wrapped_key
