"""Stacks of scans going out: placed by hand, filed with what a person confirmed, discarded, or lapsed.

Signing and archiving are the acts of ``consents`` and ``archives``; what lies in a stack is ``stacks``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select

from app import rights
from app.act import act
from app.actors import Actor
from app.errors import Conflict, Incomplete, NotFound, WrongStep
from app.models import BlankForm, ConsentForm, Patient, Stack, StackPage, db, now
from app.outside import paper
from app.outside import stacks as reader
from app.outside.children import ChildFault
from app.outside.scans import ScanRefused
from app.outside.storage import StorageFault
from app.services import archives, consents, jobs, papers, patients, signers, stacks, stored_files
from app.services.archives import Upload
from app.services.jobs import Every, job
from app.services.stacks import Group
from app.words import FormState, PatientState, ScanState, StackState, _

# --- by hand ----------------------------------------------------------------------------------------------------------


def place(actor: Actor, page: StackPage, form: ConsentForm, *, number: int, seen: int | None) -> None:
    """Say which form a page without a readable code belongs to, and which page of it it is."""
    try:
        printed = papers.set_paper(form)
    except (NotFound, paper.PaperFault):
        printed = None
    if printed is None or not 1 <= number <= printed.pages:
        sentence = _("This form has no such page. The number stands at the foot of the page.")
        raise Incomplete(sentence, fields={"number": sentence})
    assign(actor, page, form=form, number=number, of_pages=printed.returning, seen=seen)


@act("stack_page.assign")
def assign(actor: Actor, page: StackPage, *, form: ConsentForm, number: int, of_pages: int) -> None:
    """Note by hand which page of which form this is. A code that was read is not overruled."""
    if page.code is not None and (page.form_id or page.blank_id) is not None and not page.by_hand:
        raise WrongStep(_("This page says itself where it belongs."))
    if page.code is not None and page.code != form.code:
        raise WrongStep(_("This page carries the code of another form, so it is filed nowhere else. Discard it."))
    if (
        db.session.scalar(select(ConsentForm.id).where(ConsentForm.id == form.id, rights.right(actor, "consent.sign")))
        is None
    ):
        raise NotFound
    page.form, page.number, page.of_pages, page.by_hand = form, number, of_pages, True


def throw_away(actor: Actor, page: StackPage, *, seen: int | None) -> None:
    """Discard a page, and its file."""
    key = page.storage_key
    discard(actor, page, seen=seen)
    stored_files.remove([key])


@act("stack_page.discard")
def discard(actor: Actor, page: StackPage) -> None:
    """Discard a page: its key is destroyed."""
    stacks.forget(page)
    stacks.close_when_done(actor, page.stack, but=page)


# --- filed ------------------------------------------------------------------------------------------------------------


def file(actor: Actor, stack: Stack, group: Group, said: signers.Said, *, seen: int | None, mark: str) -> None:
    """Sign and archive one confirmed form with its pages as one PDF.

    Each is an act of its own: what has become true stays true when a later one is refused, and the pages wait on.

    Args:
        actor: who confirms.
        stack: where the pages lie.
        group: the pages of one form.
        said: what was read on the paper.
        seen: the version of the form that was on the screen.
        mark: ``group.mark`` of the pages that were on the screen.

    Raises:
        Conflict: other pages lie there by now.
        Refusal: whatever ``archives.take_in``, ``consents.sign`` or ``archives.archive`` refuses.
    """
    form, keys = group.form, [page.storage_key for page in group.pages]
    ids = [page.id for page in group.pages]
    if mark != group.mark:
        raise Conflict(_("The pages of this form have changed since you opened the stack. Compare them again."))
    try:
        document = reader.bind([stacks.content_of(page.storage_key, page.wrapped_key) for page in group.pages])
    except (ScanRefused, ChildFault, StorageFault) as fault:
        raise Incomplete(
            _("The pages of this form could not be put together. Archive its scan on the form’s page.")
        ) from fault
    # Before the signature: what is no scan signs nothing.
    taken = archives.take_in([Upload(document, "stack.pdf")], form)
    with stored_files.removed_on_refusal(taken.keys):
        consents.sign(actor, form, **vars(said), seen=seen)
        if form.state is FormState.SIGNED:
            archives.archive(actor, form, stored=taken.kept, source="stack", seen=form.version)
        else:  # a refusal of care is archived by its signature
            archives.keep_scan(actor, form, taken=taken, source="stack", seen=form.version)
    file_pages(actor, stack, pages=ids)
    stored_files.remove(keys)


@act("stack.file", blind=True)
def file_pages(actor: Actor, stack: Stack, *, pages: Sequence[int]) -> None:
    """The pages of a form are in the archive: they leave the stack."""
    statement = select(StackPage).where(
        StackPage.id.in_(pages), StackPage.stack_id == stack.id, StackPage.state == ScanState.WAITING
    )
    for page in db.session.scalars(statement):
        file_page(actor, page)
    stacks.close_when_done(actor, stack)


@act("stack_page.file")
def file_page(_actor: Actor, page: StackPage) -> None:
    """The page is in the archive."""
    stacks.forget(page)


# --- the rest lapses --------------------------------------------------------------------------------------------------


@job(patients.TAKE_SCANS, every=Every.DAY)
def sweep(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete the stacks nobody filed within fourteen days with their files, and the waiting pages of erased records."""
    _lapse_pages(actor)
    old = select(Stack.id).where(
        Stack.state != StackState.CLOSED, Stack.added_at < now() - dt.timedelta(days=stacks.KEPT_DAYS)
    )
    due = db.session.scalars(old).all()
    for done, key in enumerate(due, start=1):
        stack = db.session.get(Stack, key)
        if stack is not None:
            files = [*(page.storage_key for page in stack.pages), *(name for name, _ending_ in stack.files)]
            expire(actor, stack)
            stored_files.remove(files)
        jobs.report(done, len(due))


def _lapse_pages(actor: Actor) -> None:
    """Pages that wait where nobody would look for them: of erased records, or in a stack that was closed over them."""
    erased = select(ConsentForm.id).join(ConsentForm.patient).where(Patient.state == PatientState.ERASED)
    codes = erased.with_only_columns(ConsentForm.code)  # of pages that say whose they are and were routed to nobody
    bound = select(BlankForm.id).where(BlankForm.form_id.in_(erased))
    waiting = (
        select(StackPage)
        .join(StackPage.stack)
        .where(
            StackPage.state == ScanState.WAITING,
            or_(
                Stack.state == StackState.CLOSED,
                StackPage.form_id.in_(erased),
                StackPage.blank_id.in_(bound),
                StackPage.code.in_(codes),
            ),
        )
    )
    for page in db.session.scalars(waiting).unique().all():
        key = page.storage_key
        lapse(actor, page)
        stored_files.remove([key])


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
    stacks.forget(page)
