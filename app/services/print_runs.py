"""Forms for several patients at once: asked for, printed by a job into one file, fetched for a day by who asked.

The job has the rights its person has on the day it runs; each form is prepared and printed by the acts of ``prints``, so
one that is refused does not stop the others. It may be killed and begun again: a form it made is then the one that waits.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app import audit, rights
from app.act import act, undo_on_rollback
from app.actors import Actor
from app.errors import Incomplete, NotAllowed, Refusal
from app.models import ConsentForm, Patient, Person, PrintItem, PrintRun, db, now
from app.outside import paper, storage
from app.outside.storage import Stored
from app.premises import premises
from app.services import jobs, papers, prints
from app.services.jobs import Every, job
from app.services.prints import Wish
from app.words import Bundle, RunState, _, spoken_in

PRINTING = "prints.make"
"""The kind of job that prints a run."""
MOST = 200
KEPT = dt.timedelta(hours=24)
FAILED = _("The form could not be set. Open it on its own and print it again.")
LATE = dt.timedelta(days=2)
"""A run no job has finished by then is given up."""


# --- asked for --------------------------------------------------------------------------------------------------------


@act("print_run.ask", creates=PrintRun)
def ask(actor: Actor, person: Person, *, wishes: Sequence[Wish], bundle: Bundle) -> PrintRun:
    """Ask for the forms of several patients; those one may prepare no form for are left out unsaid.

    Raises:
        Incomplete: none, or too many at once.
    """
    if len(wishes) > MOST:
        sentence = _("These are more than %(most)s patients. Print them in two parts.", most=MOST)
        raise Incomplete(sentence, fields={"patient": sentence})
    keys = {wish.patient for wish in wishes}
    mine = select(Patient).where(Patient.public_id.in_(keys), rights.right(actor, "consent.prepare"))
    known = {patient.public_id: patient for patient in db.session.scalars(mine).unique()}
    chosen = list({wish.patient: wish for wish in wishes if wish.patient in known}.values())
    if not chosen:
        sentence = _("Choose at least one patient.")
        raise Incomplete(sentence, fields={"patient": sentence})
    run = PrintRun(public_id=uuid.uuid4().hex, person_id=person.id, bundle=bundle, asked_at=now())
    run.asked_for = len(chosen)
    for position, wish in enumerate(chosen, start=1):
        item = PrintItem(position=position, patient=known[wish.patient], language=wish.language)
        item.variant, item.large_print = wish.variant, wish.large_print
        run.items.append(item)
    run.job_key = jobs.ask(PRINTING, {"run": run.public_id}, person_id=person.id).public_id
    return run


# --- printed by a job ---------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of one patient's form: the form with its paper, or why there is none; what to write by hand."""

    form_id: int | None
    code: str
    pdf: bytes
    remark: str


@job(PRINTING)
def make(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Prepare and print the forms of a run one after the other, and keep them as one file for a day."""
    run = db.session.scalar(select(PrintRun).where(PrintRun.public_id == payload["run"]))
    if run is None or run.state is not RunState.ASKED:
        return
    outcomes: dict[int, Outcome] = {}
    items, total, since = [item.id for item in run.items], len(run.items) + 1, run.asked_at
    with spoken_in(run.person.language):
        for done, item_id in enumerate(items, start=1):
            outcomes[item_id] = _printed(actor, db.session.get_one(PrintItem, item_id), since)
            jobs.report(done, total)
    key = premises().vault.new_key(storage.PURPOSE)
    content = _bundled(run.bundle, [one for one in outcomes.values() if one.form_id is not None])
    stored = premises().store.put(content, key, premises().vault) if content else None
    finish(actor, run, outcomes=outcomes, stored=stored, key=key)


def _printed(actor: Actor, item: PrintItem, since: dt.datetime) -> Outcome:
    wish = Wish(item.patient.public_id, item.language, item.variant, item.large_print)
    try:
        form = prints.print_form(actor, item.patient, wish=wish, once=item.public_id, since=since)
        printed = papers.set_paper(form)
        return Outcome(form.id, form.code, printed.pdf, papers.by_hand(printed))
    except paper.PaperFault:
        db.session.rollback()
        return Outcome(None, "", b"", str(FAILED))
    except Refusal as refusal:
        db.session.rollback()
        return Outcome(None, "", b"", str(refusal))


def _bundled(bundle: Bundle, made: Sequence[Outcome]) -> bytes:
    """All papers as one file; nothing where there is none."""
    if not made:
        return b""
    if bundle is Bundle.ONE_PDF:
        return premises().printer.join([one.pdf for one in made])
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in made:
            archive.writestr(f"consent-{one.code}.pdf", one.pdf)
    return written.getvalue()


@act("print_run.finish", blind=True)
def finish(_actor: Actor, run: PrintRun, *, outcomes: Mapping[int, Outcome], stored: Stored | None, key: bytes) -> None:
    """Keep what was printed, and say for whom nothing was; the file can be fetched for a day."""
    run.ends_at = now() + KEPT
    if stored is not None:
        undo_on_rollback(lambda: premises().store.delete(stored.key))
        run.storage_key, run.wrapped_key, run.size = stored.key, key, stored.size
    for item in run.items:
        outcome = outcomes.get(item.id)
        if outcome is not None:
            item.form_id, item.remark = outcome.form_id, outcome.remark[:300] or None


# --- fetched ----------------------------------------------------------------------------------------------------------


def unseen(run: PrintRun) -> int:
    """How many of the patients asked for one may no longer open."""
    return run.asked_for - len(run.items)


def read(actor: Actor, run: PrintRun) -> bytes:
    """The file of a run; each form in it is noted as opened.

    Raises:
        NotAllowed: the right to one of its patients has ended.
        Incomplete: there is none, or its day is over.
    """
    if run.storage_key is None or run.wrapped_key is None or run.ends_at is None or run.ends_at <= now():
        raise Incomplete(_("The file is gone: it is kept for a day. Choose the patients again."))
    forms = [item.form_id for item in run.items if item.form_id is not None]
    mine = select(ConsentForm).where(ConsentForm.id.in_(forms), rights.right(actor, "consent.open"))
    known = list(db.session.scalars(mine.options(joinedload(ConsentForm.patient))).unique())
    if unseen(run) or len(known) < len(forms):
        raise NotAllowed(
            _("You may no longer open one of these records, so the file is closed. Choose the others again.")
        )
    content = b"".join(premises().store.get(run.storage_key, run.wrapped_key, premises().vault))
    audit.note_each(actor, "consent.open", known)
    return content


# --- over ---------------------------------------------------------------------------------------------------------------


@job("prints.sweep", every=Every.HOUR)
def sweep(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete the printed files whose day is over, and give up the runs no job has finished."""
    over = (PrintRun.ends_at <= now()) | ((PrintRun.state == RunState.ASKED) & (PrintRun.asked_at < now() - LATE))
    due = select(PrintRun).where(PrintRun.state != RunState.OVER, over)
    for run in list(db.session.scalars(due).unique()):
        key = run.storage_key
        expire(actor, run)
        if key is not None:
            premises().store.delete(key)


@act("print_run.expire", gives_away=True)
def expire(_actor: Actor, run: PrintRun) -> None:
    """The run's day is over: its key is destroyed."""
    run.storage_key = run.wrapped_key = run.size = None


def file_keys(session: Session) -> Iterator[str]:
    """Every file a run names, for ``fsck``."""
    keys = session.scalars(select(PrintRun.storage_key).where(PrintRun.storage_key.is_not(None)))
    yield from (key for key in keys if key is not None)
