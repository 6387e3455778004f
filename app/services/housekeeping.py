"""Housekeeping: the standing work of every day, and ``fsck``: does what is on the disk fit what is in the tables?

A finding names keys of rows and files, never a patient. A repair does only what loses nothing: remove files no row
names, and finish what an act or a daily job would have done anyway. Jobs themselves are ``jobs``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, not_, or_, select, update
from sqlalchemy.orm import Session, joinedload

from app import actors, audit_chain, sight
from app.actors import Actor
from app.models import (
    Attempt,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Country,
    Handover,
    Hospital,
    Job,
    Login,
    LoginIdentity,
    LoginTrip,
    Mail,
    OnceKey,
    PasskeyQuestion,
    PasswordLink,
    Patient,
    PatientIdentity,
    Person,
    PhoneLink,
    db,
    now,
    today,
)
from app.outside.vault import VaultFault
from app.premises import premises
from app.scopes import care_in_force, readers
from app.services import (
    consents,
    copies,
    file_findings,
    identities,
    idle,
    keys,
    limits,
    papers,
    patients,
    policies,
    proofs,
    text_changes,
    withdrawals,
)
from app.services.file_findings import Finding
from app.services.jobs import Every, each, job
from app.words import HandoverState, JobState, MailState, MandateKind, PatientState

KEPT_DAYS = 90
"""How long ended logins, used links and finished jobs stay to be looked at; what happened is in the audit log."""
SLOTS_KEPT_DAYS = KEPT_DAYS + 400
"""How long mails of which there is one stay: longer than any job asks whether it was written (``farewells``, a year ahead)."""


# --- every day -------------------------------------------------------------------------------------------------------


@job("drafts.expire", reason="expiry", every=Every.DAY)
def expire_drafts(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Erase the drafts whose last day is over."""
    each(actor, patients.expire, Patient, patients.due_drafts(today()))


@job("records.erase", reason="expiry", every=Every.DAY)
def erase_records(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Erase the records whose care consent was withdrawn thirty days ago and that nobody keeps by law."""
    each(actor, withdrawals.erase_when_due, Patient, withdrawals.due())


@job("proofs.end", reason="expiry", every=Every.DAY)
def end_proofs(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Destroy the proofs of consent whose term is over."""
    each(actor, proofs.end, ConsentForm, proofs.all_due())


@job("logins.sweep", every=Every.DAY)
def sweep_logins(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete what has no use any more: old logins, links, one-time keys, failed attempts, finished jobs."""
    old = now() - dt.timedelta(days=KEPT_DAYS)
    phones, visits, links, work = (t.__table__.c for t in (PhoneLink, Login, PasswordLink, Job))
    with sight.wide("job") as session:
        session.connection(execution_options={"writes": True})
        # A phone's link names its desk's login, so it goes first.
        session.execute(delete(PhoneLink.__table__).where(phones.expires_at < now() - dt.timedelta(days=1)))
        session.execute(delete(Login.__table__).where(or_(visits.ended_at < old, visits.expires_at < old)))
        session.execute(delete(PasswordLink.__table__).where(links.expires_at < old))
        session.execute(delete(LoginTrip.__table__).where(LoginTrip.__table__.c.begun_at < now() - limits.WINDOW))
        asked = PasskeyQuestion.__table__
        session.execute(delete(asked).where(asked.c.asked_at < now() - limits.WINDOW))
        session.execute(delete(Attempt.__table__).where(Attempt.__table__.c.at < now() - limits.WINDOW))
        session.execute(delete(OnceKey.__table__).where(OnceKey.__table__.c.at < now() - dt.timedelta(days=7)))
        session.execute(
            delete(Job.__table__).where(work.state.in_([JobState.DONE, JobState.FAILED]), work.finished_at < old)
        )
        session.commit()


@job("mails.forget", reason="expiry", every=Every.DAY)
def forget_mails(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete mails that are done with, and the addresses that others vouched for of accounts that ended long ago.

    The account elsewhere itself stays bound: whoever was locked out does not come in again as somebody new.
    """
    ended = now() - dt.timedelta(days=365.25 * premises().settings["ACCEPTANCE_YEARS"])
    gone = select(Person.id).where(Person.disabled_at < ended)
    with sight.wide("expiry") as session:
        session.connection(execution_options={"writes": True})
        waits = Mail.state.in_([MailState.QUEUED, MailState.SENDING])
        once = and_(Mail.slot.is_not(None), Mail.kind != "account.idle")  # who was never told is told anew
        old, older = (now() - dt.timedelta(days=days) for days in (KEPT_DAYS, SLOTS_KEPT_DAYS))
        forgotten = or_(and_(not_(once), Mail.written_at < old), Mail.written_at < older)
        session.execute(delete(Mail).where(not_(waits), forgotten))
        known = (LoginIdentity.person_id.in_(gone), LoginIdentity.email.is_not(None))
        session.execute(update(LoginIdentity).where(*known).values(email=None, email_verified=False))
        session.commit()


@job("files.sweep", every=Every.DAY)
def sweep_partials(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Remove the half-written files a crash left behind."""
    for finding in file_findings.partials():
        if finding.repair:
            finding.repair()


@job("ledgers.settle", every=Every.DAY)
def settle_ledgers(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Ask the database what became of erasures that were announced and of whose end nobody heard."""
    keys.settle()


@job("papers.sweep", every=Every.DAY)
def sweep_papers(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete compiled papers nobody printed for a season; one that is wanted again is compiled again."""
    premises().printer.sweep(now() - dt.timedelta(days=KEPT_DAYS))


# --- fsck ------------------------------------------------------------------------------------------------------------


def fsck(*, deep: bool = False) -> Iterator[Finding]:
    """Everything that does not fit.

    Args:
        deep: also read every file to its end and compare its SHA-256.
    """
    with sight.wide("fsck") as session:
        yield from file_findings.documents(session, deep=deep)
        yield from _copies(session)
        yield from file_findings.single_files(session)
        yield from file_findings.waiting_scans(session, deep=deep)
        yield from file_findings.orphans(session)
        yield from file_findings.partials()
        yield from _identities(session)
        yield from _form_keys(session)
        yield from _procedures(session)
        yield from _cares(session)
        yield from _drafts(session)
        yield from _withdrawn(session)
        yield from _proofs(session)
        yield from _renewals(session)
        yield from _policies(session)
        yield from _unattended(session)
        yield from _idle(session)
        yield from _log(session)


def _copies(session: Session) -> Iterator[Finding]:
    """Archived forms without their sealed copy: a day is the job's grace."""
    late = session.scalars(copies.missing(now() - dt.timedelta(days=1))).all()
    if late and premises().seal is None:
        sentence = f"it is not set, so {len(late)} archived forms have no sealed copy"
        yield Finding("setting", "SEAL_KEY", sentence)
        return
    for key in late:
        yield Finding("copy", key, "the form's sealed copy is missing", partial(copies.ask, key))


def _identities(session: Session) -> Iterator[Finding]:
    for row in file_findings.each(session, PatientIdentity, joinedload(PatientIdentity.patient)):
        try:
            identities.opened(row.patient, row)
        except VaultFault as fault:
            yield Finding("identity", row.patient.public_id, f"it does not open ({fault.code})")


def _form_keys(session: Session) -> Iterator[Finding]:
    for form in file_findings.each(session, ConsentForm):
        try:
            papers.check_key(form)
        except VaultFault as fault:
            yield Finding("form", form.public_id, f"its key does not open ({fault.code})")


def _procedures(session: Session) -> Iterator[Finding]:
    """One procedure from the country to the decision."""
    pairs = (
        ("patient", Patient, select(Patient.public_id).join(Hospital).join(Country), Country.procedure),
        ("form", ConsentForm, select(ConsentForm.public_id).join(Patient), Patient.procedure),
        ("form", ConsentForm, select(ConsentForm.public_id).join(ConsentText), ConsentText.procedure),
        ("decision", ConsentDecision, select(ConsentDecision.public_id).join(ConsentForm), ConsentForm.procedure),
    )
    for word, table, statement, of_parent in pairs:
        for public_id in session.scalars(statement.where(table.procedure != of_parent)):
            yield Finding(word, public_id, "its procedure is not that of what it belongs to")


def _cares(session: Session) -> Iterator[Finding]:
    """Enrolled means care consent in force; restricting such a record is the safe side."""
    enrolled = select(Patient).where(Patient.state == PatientState.ENROLLED, Patient.id.not_in(care_in_force()))
    for patient in session.scalars(enrolled):
        sentence = "it is enrolled without care consent in force"
        yield Finding("patient", patient.public_id, sentence, partial(_settle, patient.id))


def _settle(patient_id: int) -> None:
    consents.settle(actors.system("fsck"), db.session.get_one(Patient, patient_id))


def _drafts(session: Session) -> Iterator[Finding]:
    """Drafts the daily job should have erased: a day is its grace."""
    late = select(Patient).where(
        Patient.state == PatientState.DRAFT, Patient.draft_ends_on < today() - dt.timedelta(days=1)
    )
    for patient in session.scalars(late):
        sentence = "the draft's last day is over and it is not erased"
        repair = partial(each, actors.system("expiry"), patients.expire, Patient, [patient.id])
        yield Finding("patient", patient.public_id, sentence, repair)


def _withdrawn(session: Session) -> Iterator[Finding]:
    """Records the daily job should have erased: a day is its grace."""
    late = select(Patient).where(
        Patient.state == PatientState.RESTRICTED, Patient.erase_on < today() - dt.timedelta(days=1)
    )
    for patient in session.scalars(late):
        sentence = "its care consent was withdrawn, its last day is over and it is not erased"
        repair = partial(each, actors.system("expiry"), withdrawals.erase_when_due, Patient, [patient.id])
        yield Finding("patient", patient.public_id, sentence, repair)


def _proofs(session: Session) -> Iterator[Finding]:
    """Proofs the daily job should have destroyed: a day is its grace."""
    for form_id in proofs.due(session, today() - dt.timedelta(days=1)):
        key = session.get_one(ConsentForm, form_id).public_id
        repair = partial(each, actors.system("expiry"), proofs.end, ConsentForm, [form_id])
        yield Finding("proof", key, "its term is over and it is not destroyed", repair)


def _renewals(session: Session) -> Iterator[Finding]:
    for change in text_changes.unspread(session):
        sentence = "forms it reaches are not due for renewal, or still are"
        yield Finding("text change", change.public_id, sentence, partial(text_changes.ask, change.public_id))


def _policies(session: Session) -> Iterator[Finding]:
    for version in policies.changed(session):
        yield Finding("policy", str(version.number), "its texts are not those that were published")


def _unattended(session: Session) -> Iterator[Finding]:
    """Records nobody treats and nobody is asked to take over: the account is closed, or nobody is there to offer them.

    Of a hospital that has left: nobody is there to record a withdrawal.
    """
    gone = actors.hospitals_left(today())
    behind = (Patient.state != PatientState.ERASED, Patient.hospital_id.in_(gone))
    for patient in session.scalars(select(Patient).where(*behind, *_unkept())):
        yield Finding("patient", patient.public_id, "its hospital has left, and nobody could record a withdrawal")
    member = actors.memberships_in_force(today()).subquery()
    there = select(member.c.person_id).where(member.c.hospital_id == Patient.hospital_id).correlate(Patient)
    account = select(Person.id).where(or_(Person.disabled_at.is_not(None), Person.active.is_(False)))
    closed, left = Patient.clinician_id.in_(account), Patient.clinician_id.not_in(there)
    lonely = Patient.hospital_id.not_in(_held(actors.able_mandates(today()), MandateKind.HOSPITAL_REPRESENTATIVE))
    offered = select(Handover.patient_id).where(Handover.state == HandoverState.PROPOSED)
    kept = (Patient.state != PatientState.ERASED, Patient.id.not_in(offered), Patient.hospital_id.not_in(gone))
    nobody = or_(and_(left, closed), and_(or_(left, closed), lonely))
    for patient in session.scalars(select(Patient).where(*kept, nobody)):
        sentence = (
            "its clinician has no place in the hospital or a closed account, and nobody was asked to take it over"
        )
        yield Finding("patient", patient.public_id, sentence)


def _unkept() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Neither does who treats the patient go on reading, nor has the hospital a data-protection contact."""
    reader = readers(today()).subquery()
    there = select(reader.c.person_id).where(reader.c.hospital_id == Patient.hospital_id).correlate(Patient)
    kept = _held(actors.able_mandates(today(), left=True), MandateKind.DATA_PROTECTION_CONTACT)
    return Patient.clinician_id.not_in(there), Patient.hospital_id.not_in(kept)


def _held(mandates: Select[Any], kind: MandateKind) -> Select[Any]:
    mandate = mandates.subquery()
    return select(mandate.c.hospital_id).where(mandate.c.kind == kind, mandate.c.hospital_id.is_not(None))


def _idle(session: Session) -> Iterator[Finding]:
    for key in idle.faults(session):
        sentence = "nobody has signed in for a year, its owner was told, and the account is still open"
        repair = partial(each, actors.system("idle"), idle.lock, Person, [key])
        yield Finding("account", session.get_one(Person, key).public_id, sentence, repair)


def _log(session: Session) -> Iterator[Finding]:
    verdict = audit_chain.verify(session)
    if verdict.first_bad is not None:
        yield Finding("audit", str(verdict.first_bad), verdict.reason)
