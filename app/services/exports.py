"""Exports of a hospital's consent archive: asked for by the representative, released by each clinician, fetched encrypted.

Four eyes (docs/decisions/0003): the representative fetches the file and cannot open it, the data-protection contact reads
the passphrase and has no file. Neither sees a patient here; who the patients are stands inside the file alone. A job makes
it (``export_files``). What is released is what a clinician's patients had archived when the clinician released it. The
proof of erased records is the hospital's own: no clinician sees it any more, so none releases it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import func, select, union_all

from app import sight
from app.act import act, undo_on_rollback
from app.actors import Actor, able_mandates
from app.errors import Incomplete, NotFound, WrongStep
from app.models import ConsentForm, Export, ExportRelease, Hospital, Job, Patient, db, now, today
from app.outside import storage
from app.outside.storage import StorageFault, Stored
from app.outside.vault import Place
from app.premises import premises
from app.services import jobs
from app.services.jobs import Every, job
from app.words import PROVING_FORMS, ExportState, MandateKind, PatientState, ReleaseState, _

MAKING: Final = "exports.make"
"""The kind of job that makes the file (``export_files``)."""
KEPT_DAYS: Final = 7
WAITING_DAYS: Final = 30
"""How long an export waits to be released."""
MOST_FORMS: Final = 20_000
"""Of one export: its manifest stands in memory while it is made, its files never."""
UNDER_WAY: Final = (ExportState.RELEASING, ExportState.MAKING)


# --- asked for --------------------------------------------------------------------------------------------------------


def ask_for(actor: Actor, hospital: Hospital, *, reason: str, once: str | None = None) -> Export:
    """Ask for an export; where nobody has anything to release, it is made at once."""
    export: Export = ask(actor, hospital, reason=reason, once=once)
    if export.state is ExportState.RELEASING and not export.releases:
        go_on(actor, export)
    return export


@act("export.ask", creates=Export)
def ask(actor: Actor, hospital: Hospital, *, reason: str) -> Export:
    """Ask every clinician of the hospital who has archived forms to release them for one export.

    Raises:
        Incomplete: one is under way, nothing is archived, too much is, or nobody could read the passphrase.
    """
    open_one = select(Export.id).where(Export.hospital_id == hospital.id, Export.state.in_(UNDER_WAY))
    if db.session.scalar(open_one.limit(1)) is not None:
        raise Incomplete(_("An export of this hospital is under way. Wait until it is made, or stop it first."))
    _refuse_without_contact(actor, hospital)
    counts, proofs = _counts(hospital.id), proofs_of_erased(hospital.id)
    if not counts and not proofs:
        raise Incomplete(_("Nothing is archived in this hospital yet."))
    if sum(counts.values()) + proofs > MOST_FORMS:
        raise Incomplete(_("The hospital has more than 20,000 archived forms. Ask the operator for a backup instead."))
    export = Export(public_id=uuid.uuid4().hex, hospital=hospital, person_id=actor.user_id, reason=reason)
    export.asked_at = now()
    for clinician_id, forms in sorted(counts.items()):
        ExportRelease(export=export, hospital_id=hospital.id, person_id=clinician_id, forms=forms)
    return export


def _refuse_without_contact(actor: Actor, hospital: Hospital) -> None:
    places = (able_mandates(actor.on, left=left).subquery() for left in (False, True))
    contacts = (
        select(able.c.id).where(able.c.kind == MandateKind.DATA_PROTECTION_CONTACT, able.c.hospital_id == hospital.id)
        for able in places
    )
    if db.session.scalar(union_all(*contacts).limit(1)) is None:
        raise Incomplete(
            _("The hospital has no data-protection contact, who alone may read the passphrase. Appoint one first.")
        )


def _counts(hospital_id: int) -> dict[int, int]:
    """How many archived forms each clinician's patients have: the representative may see none of them."""
    statement = (
        select(Patient.clinician_id, func.count(ConsentForm.id))
        .join(ConsentForm, ConsentForm.patient_id == Patient.id)
        .where(ConsentForm.hospital_id == hospital_id, ConsentForm.state.in_(PROVING_FORMS))
        .where(Patient.restricted_on.is_(None), Patient.state != PatientState.ERASED)  # of those nobody treats anybody
        .group_by(Patient.clinician_id)
    )
    with sight.wide("export") as session:
        return {clinician: forms for clinician, forms in session.execute(statement)}  # noqa: C416  typed


def proofs_of_erased(hospital_id: int) -> int:
    """How many forms of erased records are in every export of a hospital: nobody releases them."""
    erased = Patient.state == PatientState.ERASED, Patient.restricted_on.is_(None)
    mine = ConsentForm.hospital_id == hospital_id, ConsentForm.state.in_(PROVING_FORMS)
    statement = select(func.count(ConsentForm.id)).join(Patient, Patient.id == ConsentForm.patient_id)
    with sight.wide("export") as session:
        return session.scalar(statement.where(*mine, *erased)) or 0


# --- released ---------------------------------------------------------------------------------------------------------


@act("export_release.prepare")
def prepare(actor: Actor, release: ExportRelease) -> None:
    """An assistant has looked through what is to be released; the clinician decides."""
    _hold(release)
    release.prepared_at, release.prepared_by_id = now(), actor.user_id


@act("export_release.release")
def release(actor: Actor, release: ExportRelease) -> None:
    """Release one's patients' archived forms; for a clinician who has left the data-protection contact does."""
    _hold(release)
    release.reason = None
    _decide(actor, release)


@act("export_release.refuse")
def refuse(actor: Actor, release: ExportRelease, *, reason: str) -> None:
    """Keep one's patients' forms out of the export, and say why."""
    _hold(release)
    release.reason = reason
    _decide(actor, release)


def _hold(release: ExportRelease) -> None:
    """One decision about an export after the other, and none after it is being made."""
    state = db.session.scalar(select(Export.state).where(Export.id == release.export_id).with_for_update(of=Export))
    if state is not ExportState.RELEASING:
        raise WrongStep(_("This export is no longer waiting for a release."))


def _decide(actor: Actor, release: ExportRelease) -> None:
    release.decided_at, release.decided_by_id = now(), actor.user_id
    db.session.flush()
    said = _said_by_others(release) | {release.state}
    if ReleaseState.ASKED in said:
        return
    if ReleaseState.RELEASED in said or proofs_of_erased(release.hospital_id):
        begin(actor, release.export)


def _said_by_others(release: ExportRelease) -> set[ReleaseState]:
    """What the others have said; whoever decides holds the export, so nobody decides beside."""
    others = select(ExportRelease.state).where(
        ExportRelease.export_id == release.export_id, ExportRelease.id != release.id
    )
    with sight.wide("export") as session:
        return set(session.scalars(others.distinct()))


# --- made -------------------------------------------------------------------------------------------------------------


@act("export.begin")
def begin(_actor: Actor, export: Export) -> None:
    """Everybody has decided: a job makes the file."""
    jobs.ask(MAKING, {"export": export.public_id})


@act("export.go-on")
def go_on(_actor: Actor, export: Export) -> None:
    """Make the file of what is released, and of the proof of erased records, without waiting for the others.

    Raises:
        Incomplete: nothing is released yet, and there is no such proof.
    """
    released = any(one.state is ReleaseState.RELEASED for one in export.releases)
    if not released and not proofs_of_erased(export.hospital_id):
        raise Incomplete(_("Nobody has released anything yet."))
    jobs.ask(MAKING, {"export": export.public_id})


@dataclass(frozen=True)
class Made:
    """A finished file: where it lies, its key, its passphrase, how many forms are in it and how many are not."""

    file: Stored
    wrapped_key: bytes
    passphrase: str
    forms: int
    left_out: int


@act("export.keep-file")
def keep_file(_actor: Actor, export: Export, *, made: Made) -> None:
    """The file is made: for a week the representative may fetch it, the data-protection contact read its passphrase."""
    undo_on_rollback(lambda: premises().store.delete(made.file.key))
    export.storage_key, export.wrapped_key = made.file.key, made.wrapped_key
    export.size, export.sha256 = made.file.size, made.file.sha256
    export.forms, export.left_out = made.forms, made.left_out
    export.made_at, export.fetch_until = now(), today() + dt.timedelta(days=KEPT_DAYS)
    plain = made.passphrase.encode()
    export.sealed_passphrase = premises().vault.seal(made.wrapped_key, storage.PURPOSE, plain, _place(export))


def _place(export: Export) -> Place:
    return Place(Export.__tablename__, "sealed_passphrase", export.public_id)


def work_of(export: Export) -> Job | None:
    """The job that makes the file: it is nobody's own, and how far it has come is no secret of anybody."""
    if export.state is not ExportState.MAKING:
        return None
    recent = select(Job).where(Job.kind == MAKING, Job.created_at >= export.asked_at).order_by(Job.id.desc()).limit(50)
    with sight.wide("export") as session:
        return next((job for job in session.scalars(recent) if job.payload.get("export") == export.public_id), None)


# --- fetched ----------------------------------------------------------------------------------------------------------


@act("export.fetch", blind=True)
def fetch(_actor: Actor, export: Export) -> Iterator[bytes]:
    """The encrypted file, a piece at a time; each is checked before it is given.

    Raises:
        NotFound: it is gone, or damaged at its beginning.
    """
    if export.storage_key is None or export.wrapped_key is None:
        raise NotFound
    export.fetched_at = now()
    try:
        pieces = premises().store.get(export.storage_key, export.wrapped_key, premises().vault)
        return chain([next(pieces)], pieces)
    except StorageFault as fault:
        raise NotFound(_("The file is gone or damaged. Stop this export and ask for a new one.")) from fault


@act("export.take-passphrase")
def take_passphrase(_actor: Actor, export: Export) -> str:
    """Read the passphrase, once: it is destroyed by reading.

    Raises:
        Incomplete: it was read already.
    """
    if export.sealed_passphrase is None or export.wrapped_key is None:
        raise Incomplete(_("The passphrase was read already. If it is lost, stop this export and ask for a new one."))
    plain = premises().vault.open(export.wrapped_key, storage.PURPOSE, export.sealed_passphrase, _place(export))
    export.sealed_passphrase, export.shown_at = None, now()
    return plain.decode()


# --- over -------------------------------------------------------------------------------------------------------------


def end(actor: Actor, export: Export, *, reason: str, seen: int | None) -> None:
    """Stop an export at any point; what was made is deleted."""
    key = export.storage_key
    stop(actor, export, reason=reason, seen=seen)
    _remove(key)


@act("export.stop")
def stop(_actor: Actor, export: Export, *, reason: str) -> None:
    """Stop the export: the key of a file already made is destroyed."""
    export.end_reason = reason
    _forget(export)


@job("exports.sweep", every=Every.DAY)
def sweep(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete the exports whose week is over, with their files, and those nobody released within a month."""
    old = now() - dt.timedelta(days=WAITING_DAYS)
    over = Export.state.in_((ExportState.TO_FETCH, ExportState.FETCHED)) & (Export.fetch_until < today())
    late = Export.state.in_(UNDER_WAY) & (Export.asked_at < old)
    for export_id in db.session.scalars(select(Export.id).where(over | late)).all():
        export = db.session.get(Export, export_id)
        if export is not None:
            key = export.storage_key
            lapse(actor, export)
            _remove(key)


@act("export.lapse")
def lapse(_actor: Actor, export: Export) -> None:
    """The export's time is over: its key is destroyed."""
    _forget(export)


def _forget(export: Export) -> None:
    export.storage_key = export.wrapped_key = export.sealed_passphrase = None


def _remove(key: str | None) -> None:
    if key:
        premises().store.delete(key)


def file_keys(session: Any) -> Iterator[str]:
    """Every file an export names, for ``fsck``."""
    yield from session.scalars(select(Export.storage_key).where(Export.storage_key.is_not(None)))
