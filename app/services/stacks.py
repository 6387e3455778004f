"""Stacks of scans: dropped, read by a job, sorted by form, confirmed by a person and filed; the rest waits, then lapses.

How a page is read is ``outside.stacks``. Nothing is decided by the machine: what it read is a proposal, and ``file`` takes
what a person chose. Signing and archiving are the acts of ``consents`` and ``archives``. Pages of a colleague's forms go
to a stack of the colleague's, unread; the uploader keeps their number and nothing else.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import access, sight
from app.act import act, undo_on_rollback
from app.actors import Actor, memberships_in_force
from app.errors import Incomplete, NoRoom, NotFound, WrongStep
from app.models import ConsentForm, Patient, Person, Stack, StackPage, db, now, today
from app.outside import paper, stacks, storage
from app.outside.children import ChildFault
from app.outside.paper import lines
from app.outside.scans import ScanRefused
from app.outside.storage import StorageFault, StorageFull
from app.outside.vault import Place
from app.premises import premises
from app.services import archives, consents, jobs, papers
from app.services.archives import Upload
from app.services.jobs import Every, job
from app.words import Answer, FormState, Relation, ScanState, StackState, _

READING = "stacks.read"
"""The kind of job that reads a stack."""
KEPT_DAYS = 14
FILEABLE = (FormState.PRINTED, FormState.SIGNED)
"""The states of forms whose paper is awaited."""
MOST_NUMBER = 99


@dataclass
class Scanned:
    """One page as the job found it, before it is a row."""

    public_id: str
    position: int
    storage_key: str
    wrapped_key: bytes
    code: str | None = None
    number: int | None = None
    turned: int = 0
    foreign: bool = False
    form_id: int | None = None
    of_pages: int | None = None
    sealed: bytes | None = None
    reading: dict[str, Any] = field(default_factory=dict)


# --- dropped --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Files:
    """Stored files of a stack. What it looks like is their contents: so a second click is known for the same."""

    kept: list[list[str]]
    wrapped_key: bytes
    contents: str

    def __repr__(self) -> str:
        return self.contents


def drop(actor: Actor, uploads: Sequence[Upload], *, once: str | None = None) -> Stack:
    """Keep uploaded files encrypted, and ask for a job that reads them.

    Raises:
        Incomplete: no file, or too much at once.
        NoRoom: the disk is full.
    """
    if not uploads:
        raise _unfit(_("Choose the scans: one PDF or TIFF of many pages, or photographs."))
    if len(uploads) > stacks.MOST_FILES or sum(len(one.content) for one in uploads) > stacks.MOST_BYTES:
        raise _unfit(_("This is more than 200 files or 60 MB. Send the stack in two parts."))
    store, vault = premises().store, premises().vault
    key, kept, digest = vault.new_key(storage.PURPOSE), [], hashlib.sha256()
    try:
        for one in uploads:
            stored = store.put(one.content, key, vault)
            kept.append([stored.key, _ending(one.filename)])
            digest.update(stored.sha256.encode())
        person = db.session.get(Person, actor.user_id)
        stack: Stack = upload(actor, person, files=Files(kept, key, digest.hexdigest()), once=once)
    except StorageFull as full:
        _remove(name for name, _ending_ in kept)
        raise NoRoom(
            _("The disk of the platform is full, so the scans were not stored. Keep the paper and tell the operator.")
        ) from full
    except BaseException:
        _remove(name for name, _ending_ in kept)
        raise
    if stack.wrapped_key != key:  # a second click: the first one's files are kept
        _remove(name for name, _ending_ in kept)
    return stack


def _unfit(sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={"files": sentence})


def _ending(filename: str) -> str:
    """The ending alone: a file's name may be somebody's."""
    dot, ending = filename.lower().rpartition(".")[1:]
    return dot + ending if ending in {"pdf", "tif", "tiff", "jpg", "jpeg", "jpe", "jfif", "png"} else dot + "other"


def _remove(keys: Any) -> None:
    for key in list(keys):
        if key:
            premises().store.delete(key)


@act("stack.upload", creates=Stack)
def upload(_actor: Actor, person: Person, *, files: Files) -> Stack:
    """Put stored files on one's list of stacks; a job reads them."""
    stack = Stack(public_id=uuid.uuid4().hex, person_id=person.id, added_at=now(), files=files.kept, faults=[])
    stack.wrapped_key, stack.passed_on, stack.from_colleague = files.wrapped_key, 0, False
    jobs.ask(READING, {"stack": stack.public_id}, person_id=person.id)
    return stack


# --- read by a job ----------------------------------------------------------------------------------------------------


@job(READING)
def read_stack(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Take a stack's files apart, find whose pages they are, and read the boxes of those one may open."""
    stack = db.session.scalar(select(Stack).where(Stack.public_id == payload["stack"]))
    if stack is None or stack.state is not StackState.READING:
        return
    files, key, known = list(stack.files), stack.wrapped_key, _known(stack)
    db.session.rollback()  # no transaction stays open while pages are read
    fresh: list[Scanned] = []
    try:
        faults = _take_apart(files, key, fresh)
        others = _whose(actor, fresh)
        _mark(actor, [*known, *fresh])
        read(actor, stack, fresh=fresh, marked=known, others=others, faults=faults)
    except BaseException:
        _remove(page.storage_key for page in fresh)
        raise
    _remove(name for name, _ending_ in files)


def _known(stack: Stack) -> list[Scanned]:
    """The pages of a stack that a colleague's job has taken apart."""
    return [
        Scanned(
            page.public_id,
            page.position,
            page.storage_key or "",
            page.wrapped_key or b"",
            page.code,
            page.number,
            page.turned,
            form_id=page.form_id,
            reading=reading_of(page),
        )
        for page in stack.pages
        if page.state is ScanState.WAITING
    ]


def _take_apart(files: Sequence[Sequence[str]], key: bytes | None, fresh: list[Scanned]) -> list[list[Any]]:
    """Store each page of each file under a key of its own. Gives which files could not be read, and why."""
    faults: list[list[Any]] = []
    store, vault = premises().store, premises().vault
    for number, (name, ending) in enumerate(files, start=1):
        try:
            content = b"".join(store.get(name, key or b"", vault))
            for page in stacks.take_apart(content, f"scan{ending}", stacks.MOST_PAGES - len(fresh)):
                fresh.append(_scanned(page, len(fresh) + 1))
                jobs.report(len(fresh), 2 * max(len(fresh), len(files)))
        except ScanRefused as refused:
            faults.append([number, refused.code])
        except StorageFault as fault:
            faults.append([number, f"storage_{fault.code}"])
    return faults


def _scanned(page: bytes, position: int) -> Scanned:
    store, vault = premises().store, premises().vault
    key = vault.new_key(storage.PURPOSE)
    made = Scanned(uuid.uuid4().hex, position, store.put(page, key, vault).key, key)
    try:
        seen = stacks.look(page)
    except ScanRefused:  # it stays, to be looked at in another program or discarded
        return made
    made.code, made.number, made.turned, made.foreign = seen.code, seen.number, seen.turned, seen.foreign
    made.reading = {"small": _said(seen.small)}
    return made


def _whose(actor: Actor, pages: Sequence[Scanned]) -> dict[str, int]:
    """Note on each page its form. Gives for the codes of forms one may not open the clinician they belong to."""
    codes = {page.code for page in pages if page.code}
    mine = select(ConsentForm.code, ConsentForm.id).where(
        ConsentForm.code.in_(codes), access.right(actor, "consent.open")
    )
    forms: dict[str, int] = {code: form_id for code, form_id in db.session.execute(mine)}  # noqa: C416  typed
    db.session.rollback()
    member = memberships_in_force(today()).subquery()
    there = (member.c.person_id == Patient.clinician_id) & (member.c.hospital_id == Patient.hospital_id)
    with sight.wide("scan-route") as session:
        theirs = session.execute(
            select(ConsentForm.code, ConsentForm.id, Patient.clinician_id)
            .join(Patient, ConsentForm.patient_id == Patient.id)
            .join(member, there)
            .join(Person, Person.id == Patient.clinician_id)
            .where(ConsentForm.code.in_(codes - forms.keys()), Person.active.is_(True), Person.disabled_at.is_(None))
        ).all()
    forms |= {code: form_id for code, form_id, _clinician in theirs}
    for page in pages:
        page.form_id = forms.get(page.code or "")
    return {code: clinician for code, _form, clinician in theirs}


def _mark(actor: Actor, pages: Sequence[Scanned]) -> None:
    """Read the boxes and lines of the pages of one's own forms, and of no others."""
    printed: dict[int, tuple[paper.Rendered, Mapping[str, lines.Line]]] = {}
    statement = select(ConsentForm).where(
        ConsentForm.id.in_({page.form_id for page in pages}), access.right(actor, "consent.open")
    )
    for form in db.session.scalars(statement.options(joinedload(ConsentForm.text))).unique().all():
        with suppress(NotFound, paper.PaperFault):  # never printed, or erased: its pages are named, no more
            rendered = papers.set_paper(form)
            printed[form.id] = rendered, lines.signatures(rendered, form.variant.value)
    db.session.rollback()
    for done, page in enumerate(pages, start=1):
        if page.form_id in printed:
            rendered, signing = printed[page.form_id]
            page.of_pages = rendered.pages
            _read_marks(page, rendered.places, signing)
        jobs.report(len(pages) + done, 2 * len(pages))
        if page.reading:
            plain = json.dumps(page.reading).encode()
            page.sealed = premises().vault.seal(page.wrapped_key, storage.PURPOSE, plain, _place(page.public_id))


def _read_marks(page: Scanned, places: Mapping[str, Any], signing: Mapping[str, lines.Line]) -> None:
    boxes = {
        name: (place.left, place.top, place.width, place.height)
        for name, place in places.items()
        if name.endswith(("-yes", "-no")) and place.page == page.number
    }
    writing = {name: line.writing for name, line in signing.items() if line.page == page.number}
    if not boxes and not writing:
        return
    try:
        marks = stacks.read_marks(content_of(page.storage_key, page.wrapped_key), boxes, writing)
    except ScanRefused:
        return
    if marks is not None:
        page.reading["boxes"] = {name: [box.crossed, _said(box.picture)] for name, box in marks.boxes.items()}
        page.reading["inked"] = marks.inked
        page.reading["lines"] = {name: _said(picture) for name, picture in marks.pictures.items()}


def _said(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _place(public_id: str) -> Place:
    return Place(StackPage.__tablename__, "sealed_reading", public_id)


@act("stack.read", blind=True)
def read(
    actor: Actor,
    stack: Stack,
    *,
    fresh: Sequence[Scanned],
    marked: Sequence[Scanned],
    others: Mapping[str, int],
    faults: list[list[Any]],
) -> None:
    """Keep what was read: one's own pages here, each colleague's on a list of the colleague's."""
    stack.files, stack.wrapped_key, stack.faults = [], None, faults
    readings = {page.public_id: page for page in marked}
    for row in stack.pages:
        if row.public_id in readings:
            row.sealed_reading, row.of_pages = readings[row.public_id].sealed, readings[row.public_id].of_pages
    apart: dict[int, list[Scanned]] = {}
    for page in fresh:
        undo_on_rollback(lambda key=page.storage_key: premises().store.delete(key))  # type: ignore[misc]
        clinician = others.get(page.code or "")
        if clinician is None:
            db.session.add(_row(stack, page))
        else:
            apart.setdefault(clinician, []).append(page)
    db.session.flush()
    for clinician, pages in apart.items():
        pass_on(actor, stack, person_id=clinician, pages=pages)
        stack.passed_on += len(pages)
    _close_when_done(actor, stack)


def _row(stack: Stack, page: Scanned) -> StackPage:
    return StackPage(
        public_id=page.public_id,
        stack=stack,
        position=page.position,
        state=ScanState.WAITING,
        code=page.code,
        number=page.number,
        turned=page.turned,
        foreign_code=page.foreign,
        by_hand=False,
        form_id=page.form_id,
        of_pages=page.of_pages,
        storage_key=page.storage_key,
        wrapped_key=page.wrapped_key,
        sealed_reading=page.sealed,
    )


@act("stack.pass-on", creates=Stack, gives_away=True)
def pass_on(_actor: Actor, _stack: Stack, *, person_id: int, pages: Sequence[Scanned]) -> Stack:
    """Put the pages of a colleague's forms on the colleague's list, unread; a job of the colleague's reads them."""
    made = Stack(public_id=uuid.uuid4().hex, person_id=person_id, added_at=now(), files=[], faults=[])
    made.passed_on, made.from_colleague = 0, True
    for page in pages:
        _row(made, page)
    jobs.ask(READING, {"stack": made.public_id}, person_id=person_id)
    return made


# --- sorted -----------------------------------------------------------------------------------------------------------


@dataclass
class Group:
    """The pages of one form in a stack."""

    form: ConsentForm
    pages: list[StackPage]

    @property
    def of_pages(self) -> int | None:
        """How many pages the form has."""
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
    def fileable(self) -> bool:
        """Whether the form waits for its paper, and all of it is here."""
        return self.form.state in FILEABLE and bool(self.of_pages) and not self.missing


@dataclass
class Sorted:
    """A stack as a person looks at it: forms to confirm, forms that lack something, pages nobody can place."""

    ready: list[Group]
    waiting: list[Group]
    loose: list[StackPage]


def sort(stack: Stack) -> Sorted:
    """Sort the pages of a stack that wait, by form."""
    by_form: dict[int, Group] = {}
    loose = []
    for page in pages_of(stack):
        if page.form is None or page.form.patient is None:
            loose.append(page)
        else:
            by_form.setdefault(page.form.id, Group(page.form, [])).pages.append(page)
    for group in by_form.values():
        group.pages.sort(key=lambda page: (page.number or 0, page.position))
    groups = sorted(by_form.values(), key=lambda group: group.pages[0].position)
    return Sorted(
        [group for group in groups if group.fileable], [group for group in groups if not group.fileable], loose
    )


def pages_of(stack: Stack) -> list[StackPage]:
    """The pages of a stack that wait, as they lay."""
    statement = (
        select(StackPage)
        .where(StackPage.stack_id == stack.id, StackPage.state == ScanState.WAITING)
        .order_by(StackPage.position)
    )
    form = joinedload(StackPage.form)
    loads = (form.selectinload(ConsentForm.decisions), form.joinedload(ConsentForm.patient))
    return list(db.session.scalars(statement.options(*loads)).unique())


def reading_of(page: StackPage) -> dict[str, Any]:
    """What was read on a page: ``small``, ``boxes``, ``inked``, ``lines``; pictures as base64."""
    if page.sealed_reading is None or page.wrapped_key is None:
        return {}
    plain = premises().vault.open(page.wrapped_key, storage.PURPOSE, page.sealed_reading, _place(page.public_id))
    words: dict[str, Any] = json.loads(plain)
    return words


@dataclass(frozen=True)
class Proposal:
    """What the machine would answer to a question, and the pictures of its two boxes; ``None``: it asks."""

    answer: Answer | None
    pictures: list[tuple[str, str]]


def proposals(group: Group) -> dict[str, Proposal]:
    """By the public id of each decision. A page that is there twice must say the same twice."""
    readings = [reading_of(page).get("boxes", {}) for page in group.pages if not page.by_hand]
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
    inked = [reading_of(page).get("inked", {}) for page in group.pages]
    return [name for name in ("signer", "date", "clinician") if any(one.get(name) is False for one in inked)]


def lines_of(group: Group) -> dict[str, str]:
    """Pictures of the lines one signs on, by name."""
    found: dict[str, str] = {}
    for page in group.pages:
        found |= reading_of(page).get("lines", {})
    return found


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
        return stacks.draw(content_of(page.storage_key, page.wrapped_key), page.turned, width)
    except ScanRefused as refused:
        raise NotFound(_("This page cannot be drawn. Scan it again.")) from refused
    except ChildFault as busy:
        raise Incomplete(_("Many pages are being drawn at this moment. Wait a little and open it again.")) from busy


# --- by hand ----------------------------------------------------------------------------------------------------------


def place(actor: Actor, page: StackPage, form: ConsentForm, *, number: int, seen: int | None) -> None:
    """Say which form a page without a readable code belongs to, and which page of it it is."""
    try:
        of_pages = papers.set_paper(form).pages
    except (NotFound, paper.PaperFault):
        of_pages = None
    if of_pages is None or not 1 <= number <= of_pages:
        sentence = _("This form has no such page. The number stands at the foot of the page.")
        raise Incomplete(sentence, fields={"number": sentence})
    assign(actor, page, form=form, number=number, of_pages=of_pages, seen=seen)


@act("stack_page.assign")
def assign(actor: Actor, page: StackPage, *, form: ConsentForm, number: int, of_pages: int) -> None:
    """Note by hand which page of which form this is. A code that was read is not overruled."""
    if page.code is not None and page.form_id is not None and not page.by_hand:
        raise WrongStep(_("This page says itself where it belongs."))
    if (
        db.session.scalar(select(ConsentForm.id).where(ConsentForm.id == form.id, access.right(actor, "consent.sign")))
        is None
    ):
        raise NotFound
    page.form, page.number, page.of_pages, page.by_hand = form, number, of_pages, True


def throw_away(actor: Actor, page: StackPage, *, seen: int | None) -> None:
    """Discard a page, and its file."""
    key = page.storage_key
    discard(actor, page, seen=seen)
    _remove([key])


@act("stack_page.discard")
def discard(actor: Actor, page: StackPage) -> None:
    """Discard a page: its key is destroyed."""
    _forget(page)
    _close_when_done(actor, page.stack, but=page)


def _forget(page: StackPage) -> None:
    page.storage_key = page.wrapped_key = page.sealed_reading = None


# --- filed ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What a person read on the paper of a form and confirmed."""

    signed_on: dt.date
    relation: Relation
    signer: consents.Signer | None
    answers: Mapping[str, Answer]
    mandate_ends_on: dt.date | None = None


def file(actor: Actor, stack: Stack, group: Group, said: Said, *, seen: int | None) -> None:
    """Sign and archive one confirmed form with its pages as one PDF.

    Each is an act of its own: what has become true stays true when a later one is refused, and the pages wait on.

    Raises:
        Refusal: whatever ``consents.sign`` or ``archives.file_scan`` refuses.
    """
    form, keys = group.form, [page.storage_key for page in group.pages]
    ids = [page.id for page in group.pages]
    try:
        document = stacks.bind([content_of(page.storage_key, page.wrapped_key) for page in group.pages])
    except (ScanRefused, ChildFault, StorageFault) as fault:
        raise Incomplete(
            _("The pages of this form could not be put together. Archive its scan on the form’s page.")
        ) from fault
    consents.sign(
        actor,
        form,
        signed_on=said.signed_on,
        relation=said.relation,
        signer=said.signer,
        answers=said.answers,
        mandate_ends_on=said.mandate_ends_on,
        seen=seen,
    )
    if form.state is FormState.SIGNED:  # a refusal of care is kept without its scan
        archives.file_scan(actor, form, [Upload(document, "stack.pdf")], source="stack", seen=form.version)
    file_pages(actor, stack, pages=ids)
    _remove(keys)


@act("stack.file", blind=True)
def file_pages(actor: Actor, stack: Stack, *, pages: Sequence[int]) -> None:
    """The pages of a form are in the archive: they leave the stack."""
    for page in db.session.scalars(select(StackPage).where(StackPage.id.in_(pages), StackPage.stack_id == stack.id)):
        file_page(actor, page)
    _close_when_done(actor, stack)


@act("stack_page.file")
def file_page(_actor: Actor, page: StackPage) -> None:
    """The page is in the archive."""
    _forget(page)


def _close_when_done(actor: Actor, stack: Stack, but: StackPage | None = None) -> None:
    """Close a stack in which nothing waits any more."""
    db.session.flush()
    with db.session.no_autoflush:
        left = select(StackPage.id).where(StackPage.stack_id == stack.id, StackPage.state == ScanState.WAITING)
        if but is not None:
            left = left.where(StackPage.id != but.id)
        if db.session.scalar(left.limit(1)) is None:
            close(actor, stack)


@act("stack.close")
def close(_actor: Actor, _stack: Stack) -> None:
    """Nothing waits in the stack any more."""


# --- the rest lapses --------------------------------------------------------------------------------------------------


@job("stacks.sweep", every=Every.DAY)
def sweep(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete the stacks nobody filed within fourteen days, with their files."""
    old = select(Stack.id).where(
        Stack.state != StackState.CLOSED, Stack.added_at < now() - dt.timedelta(days=KEPT_DAYS)
    )
    due = db.session.scalars(old).all()
    for done, key in enumerate(due, start=1):
        stack = db.session.get(Stack, key)
        if stack is not None:
            files = [*(page.storage_key for page in stack.pages), *(name for name, _ending_ in stack.files)]
            expire(actor, stack)
            _remove(files)
        jobs.report(done, len(due))


@act("stack.expire", gives_away=True)
def expire(actor: Actor, stack: Stack) -> None:
    """The stack's time is over: its keys are destroyed."""
    stack.files, stack.wrapped_key, stack.faults = [], None, []
    for page in stack.pages:
        if page.state is ScanState.WAITING:
            lapse(actor, page)


@act("stack_page.lapse")
def lapse(_actor: Actor, page: StackPage) -> None:
    """Nobody filed the page in time."""
    _forget(page)


def file_keys(session: Any) -> Iterator[str]:
    """Every file a stack names, for ``fsck``."""
    yield from session.scalars(select(StackPage.storage_key).where(StackPage.storage_key.is_not(None)))
    for files in session.scalars(select(Stack.files)):
        yield from (name for name, _ending_ in files)
