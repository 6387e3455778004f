"""The job that reads a stack of scans: files taken apart, pages looked at, each found its form, boxes read.

How a page is read is ``outside.stacks``, whose form it is ``stack_routes``; what a person sees of it is ``stacks``. Pages
of a colleague's forms go to a stack of the colleague's, unread; the uploader keeps their number and nothing else.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import rights
from app.act import act, undo_on_rollback
from app.actors import Actor
from app.errors import NotFound
from app.models import BlankForm, ConsentForm, Stack, StackPage, db, now
from app.outside import paper, storage
from app.outside import stacks as reader
from app.outside.paper import lines
from app.outside.scans import ScanRefused
from app.outside.storage import StorageFault
from app.premises import premises
from app.services import jobs, papers, stacks, stored_files
from app.services.jobs import job
from app.services.stack_routes import Scanned, whose
from app.words import ScanState, StackState, Variant

READING = "stacks.read"
"""The kind of job that reads a stack."""
MOST_SECONDS = 600
"""What one stack may take of the worker's time: 200 pages take a fifth of it."""


@job(READING)
def read_stack(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Take a stack's files apart, find whose pages they are, and read the boxes of those one may open."""
    stack = db.session.scalar(select(Stack).where(Stack.public_id == payload["stack"]))
    if stack is None or stack.state is not StackState.READING:
        return
    files, key, known = list(stack.files), stack.wrapped_key, _known(stack)
    db.session.rollback()  # no transaction stays open while pages are read
    fresh: list[Scanned] = []
    with stored_files.removed_on_failure(page.storage_key for page in fresh):
        faults = _take_apart(files, key, fresh)
        others = whose(actor, fresh, stack.hospital_id)
        _mark(actor, [*known, *fresh])
    with stored_files.removed_on_refusal(page.storage_key for page in fresh):
        read(actor, stack, fresh=fresh, marked=known, others=others, faults=faults)
    stored_files.remove(name for name, _ending_ in files)


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
            blank_id=page.blank_id,
            reading=stacks.reading_of(page),
        )
        for page in stack.pages
        if page.state is ScanState.WAITING
    ]


def _take_apart(files: Sequence[Sequence[str]], key: bytes | None, fresh: list[Scanned]) -> list[list[Any]]:
    """Store each page of each file under a key of its own. Gives which files could not be read, and why.

    Raises:
        StorageFault: ``full`` or ``broken``: the files stay, and the job is tried again.
    """
    faults: list[list[Any]] = []
    ends = time.monotonic() + MOST_SECONDS
    for number, (name, ending) in enumerate(files, start=1):
        try:
            content = _content(name, key)
            for page in _until(ends, reader.take_apart(content, f"scan{ending}", reader.MOST_PAGES - len(fresh))):
                fresh.append(_scanned(page, len(fresh) + 1))
                jobs.report(len(fresh), 2 * max(len(fresh), len(files)))
        except ScanRefused as refused:
            faults.append([number, refused.code])
    return faults


def _until(ends: float, pages: Iterator[bytes]) -> Iterator[bytes]:
    for page in pages:
        if time.monotonic() > ends:
            raise ScanRefused("too_slow")
        yield page


def _content(name: str, key: bytes | None) -> bytes:
    """A file as it was dropped. One that is missing or spoilt is refused; a disk that fails may work again later."""
    try:
        return b"".join(premises().store.get(name, key or b"", premises().vault))
    except StorageFault as fault:
        if fault.code in {"missing", "damaged"}:
            raise ScanRefused("lost") from fault
        raise


def _scanned(page: bytes, position: int) -> Scanned:
    store, vault = premises().store, premises().vault
    key = vault.new_key(storage.PURPOSE)
    made = Scanned(uuid.uuid4().hex, position, store.put(page, key, vault).key, key)
    try:
        seen = reader.look(page)
    except ScanRefused:  # it stays, to be looked at in another program or discarded
        return made
    made.code, made.number, made.turned, made.foreign = seen.code, seen.number, seen.turned, seen.foreign
    made.reading = {"small": _said(seen.small)}
    return made


Printed = tuple[paper.Rendered, Mapping[str, lines.Rectangle]]
"""The paper of a form, and where one writes on it."""


def _mark(actor: Actor, pages: Sequence[Scanned]) -> None:
    """Read the boxes and lines of the pages of one's own forms, and of no others."""
    forms, blanks = _papers(actor, pages)
    db.session.rollback()
    for done, page in enumerate(pages, start=1):
        printed = forms.get(page.form_id or 0) or blanks.get(page.blank_id or 0)
        if printed is not None:
            page.of_pages = printed[0].returning
            _read_marks(page, *printed)
        jobs.report(len(pages) + done, 2 * len(pages))
        if page.reading:
            plain = json.dumps(page.reading).encode()
            page.sealed = premises().vault.seal(
                page.wrapped_key, storage.PURPOSE, plain, stacks.reading_place(page.public_id)
            )


def _papers(actor: Actor, pages: Sequence[Scanned]) -> tuple[dict[int, Printed], dict[int, Printed]]:
    """The papers of one's own forms and blank forms, by their keys."""
    mine = select(ConsentForm).where(
        ConsentForm.id.in_({page.form_id for page in pages}), rights.right(actor, "consent.open")
    )
    out = select(BlankForm).where(
        BlankForm.id.in_({page.blank_id for page in pages}), rights.right(actor, "blank.open")
    )
    forms, blanks = {}, {}
    for form in db.session.scalars(mine.options(joinedload(ConsentForm.text))).unique().all():
        with suppress(NotFound, paper.PaperFault):  # never printed, or erased: its pages are named, no more
            forms[form.id] = _printed(papers.set_paper(form), form.variant)
    for blank in db.session.scalars(out.options(joinedload(BlankForm.text))).unique().all():
        with suppress(paper.PaperFault):
            blanks[blank.id] = _printed(papers.set_blank(blank), blank.variant)
    return forms, blanks


def _printed(rendered: paper.Rendered, variant: Variant) -> Printed:
    writing = {name: (line.page, *line.writing) for name, line in lines.signatures(rendered, variant.value).items()}
    return rendered, {**writing, **lines.identity(rendered)}


def _read_marks(page: Scanned, printed: paper.Rendered, lines_: Mapping[str, lines.Rectangle]) -> None:
    boxes = {
        name: (place.left, place.top, place.width, place.height)
        for name, place in printed.places.items()
        if name.endswith(("-yes", "-no")) and place.page == page.number
    }
    writing = {
        name: (left, top, width, height) for name, (on, left, top, width, height) in lines_.items() if on == page.number
    }
    if not boxes and not writing:
        return
    try:
        marks = reader.read_marks(stacks.content_of(page.storage_key, page.wrapped_key), boxes, writing)
    except ScanRefused:
        return
    if marks is not None:
        page.reading["boxes"] = {name: [box.crossed, _said(box.picture)] for name, box in marks.boxes.items()}
        page.reading["inked"] = marks.inked
        page.reading["lines"] = {name: _said(picture) for name, picture in marks.pictures.items()}


def _said(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


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
    stacks.close_when_done(actor, stack)


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
        blank_id=page.blank_id,
        of_pages=page.of_pages,
        storage_key=page.storage_key,
        wrapped_key=page.wrapped_key,
        sealed_reading=page.sealed,
    )


@act("stack.pass-on", creates=Stack, gives_away=True)
def pass_on(_actor: Actor, stack: Stack, *, person_id: int, pages: Sequence[Scanned]) -> Stack:
    """Put the pages of a colleague's forms on the colleague's list, unread; a job of the colleague's reads them."""
    made = Stack(public_id=uuid.uuid4().hex, person_id=person_id, added_at=now(), files=[], faults=[])
    made.passed_on, made.passed_by_id, made.hospital_id = 0, stack.person_id, stack.hospital_id
    for page in pages:
        _row(made, page)
    jobs.ask(READING, {"stack": made.public_id}, person_id=person_id)
    return made
