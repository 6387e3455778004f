"""Patients: enrol, correct, delete. What consent does to a record is a consequence of ``consents``.

Who a patient is, and how one is found by it, is ``identities``.
"""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import select, tuple_

from app import sight
from app.act import act
from app.actors import Actor, in_force
from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Authorisation, ConsentForm, Hospital, Patient, PatientIdentity, Person, db, now, today
from app.outside import nicknames
from app.premises import premises
from app.scopes import clause, enrollers, enrolling_hospital, grants
from app.services import days, identities, jobs, proofs, renewals
from app.services.identities import Identity
from app.words import OPEN_FORMS, GrantScope, PatientState, Sex, _, gettext

DECIDE_DAYS = 30
"""Within so many days after a withdrawal a record is erased, unless a law is named that keeps it."""
REMIND_DAYS = 7
_dice = secrets.SystemRandom()


# --- enrol ---------------------------------------------------------------------------------------------------------


@act("patient.enrol", creates=Patient)
def enrol(
    actor: Actor,
    hospital: Hospital,
    *,
    identity: Identity,
    sex: Sex,
    clinician: Person | None = None,
    despite_duplicate: bool = False,
) -> Patient:
    """Make a draft under a new nickname. It is enrolled when care consent is archived or attested.

    Raises:
        NotAllowed: the hospital's authorisation is not in force, or the clinician granted nothing here.
        Incomplete: the identity cannot be right, or the hospital may have this person already.
    """
    refuse_unauthorised(hospital)
    identities.check(hospital, identity)
    if not despite_duplicate and identities.known(hospital, identity):
        sentence = _(
            "Your hospital may have this person already: a record has the same file number, or the same family name and "
            "birth date. Ask your colleagues first. If this is somebody else, tick the box and enrol."
        )
        raise Incomplete(sentence, fields={"despite_duplicate": sentence}, noted=True)
    patient = Patient(
        nickname=_nickname(),
        hospital=hospital,
        clinician_id=clinician_for(actor, hospital, clinician),
        procedure=hospital.country.procedure,
        state=PatientState.DRAFT,
        sex=sex,
        birth_year=identity.birth_date.year,
        birth_month=identity.birth_date.month,
        enrolled_by_id=actor.user_id,
        created_at=now(),
    )
    db.session.add(patient)
    db.session.flush()
    patient.identity = PatientIdentity(
        patient_id=patient.id,
        hospital_id=hospital.id,
        wrapped_key=premises().vault.new_key(identities.purpose(patient)),
        sealed=b"",
        person_index=b"",
        file_index=b"",
    )
    identities.seal(patient, patient.identity, identity)
    return patient


def age(patient: Patient) -> int:
    """The patient's age in years today, as far as year and month of birth say it."""
    return renewals.age_on(patient, days.day_at(patient.hospital))


def authorised(hospital: Hospital) -> bool:
    """Whether the hospital may enrol today."""
    table = Authorisation.__table__
    found = select(Authorisation.id).where(Authorisation.hospital_id == hospital.id, in_force(table, today()))
    return db.session.scalar(found.limit(1)) is not None


def refuse_unauthorised(hospital: Hospital) -> None:
    """Refuse what begins with an enrolment while the hospital's authorisation is not in force.

    Raises:
        NotAllowed: with whom to ask.
    """
    if not authorised(hospital):
        raise NotAllowed(
            _(
                "%(hospital)s has no authorisation in force, so it cannot enrol patients now. "
                "Ask your hospital representative to renew it.",
                hospital=hospital.name,
            )
        )


def clinician_for(actor: Actor, hospital: Hospital, clinician: Person | None) -> int:
    """Who treats the patient: the clinician who enrols, or the one an assistant enrols for."""
    if clinician is None or clinician.id == actor.user_id:
        if not treats_at(actor, hospital):
            sentence = _("Choose the clinician who treats the patient.")
            raise Incomplete(sentence, fields={"clinician": sentence})
        return actor.user_id
    if clinician.id not in {person.id for person in served(actor, hospital)}:
        raise NotAllowed(_("This clinician has not granted you all records of this hospital."))
    return int(clinician.id)


def treats_at(actor: Actor, hospital: Hospital) -> bool:
    """Whether the actor is a clinician who may enrol in this hospital, not in another alone."""
    mine = clause(Hospital, [enrolling_hospital(actor, Hospital)])
    return db.session.scalar(select(Hospital.id).where(Hospital.id == hospital.id, mine)) is not None


def served(actor: Actor, hospital: Hospital) -> list[Person]:
    """The clinicians of a hospital for whom the assistant may enrol: who may themselves, and granted all records."""
    g, granted = grants(actor)
    all_here = (granted, g.c.hospital_id == hospital.id, g.c.scope == GrantScope.ALL)
    may = tuple_(g.c.clinician_id, g.c.hospital_id).in_(enrollers(actor.on))
    statement = select(Person).where(Person.id.in_(select(g.c.clinician_id).where(*all_here, may)))
    return list(db.session.scalars(statement.order_by(Person.last_name)).unique())


def _nickname() -> str:
    with sight.wide("nickname") as session:
        while True:
            name = nicknames.propose(_dice)
            if session.scalar(select(Patient.id).where(Patient.nickname == name)) is None:
                return name


@act("patient.correct")
def correct(_actor: Actor, patient: Patient, *, identity: Identity, sex: Sex) -> None:
    """Correct a misspelt identity. Forms printed before keep what was printed on them."""
    identities.check(patient.hospital, identity)
    if patient.identity is None:
        raise NotAllowed(_("The identity of this patient is erased."))
    identities.seal(patient, patient.identity, identity)
    patient.sex, patient.corrected_at = sex, now()
    patient.birth_year, patient.birth_month = identity.birth_date.year, identity.birth_date.month
    renewals.compute_again(patient)


# --- the end of a draft, and what consent does -----------------------------------------------------------------------


@act("patient.delete", gives_away=True)
def delete(actor: Actor, patient: Patient) -> None:
    """Erase an abandoned draft: its key is destroyed, nobody can read who it was."""
    wipe(actor, patient, gettext("The draft was deleted."), draft=True)


@act("patient.expire", gives_away=True)
def expire(actor: Actor, patient: Patient) -> None:
    """Erase a draft whose time is over: care was refused, or no form came back.

    Raises:
        WrongStep: its last day is not over, or has been taken off meanwhile.
    """
    if patient.draft_ends_on is None or patient.draft_ends_on >= today():
        raise WrongStep(_("The last day of this draft is not over."), noted=False)
    wipe(actor, patient, gettext("The draft’s time was over."), draft=True)


TAKE_SCANS = "stacks.sweep"
"""The kind of job that takes an erased record's waiting scans away."""


def wipe(actor: Actor, patient: Patient, reason: str, *, draft: bool = False) -> None:
    """Erase whose record it is, and have scans that wait in stacks taken away."""
    forget(actor, patient, reason, draft=draft)
    jobs.ask(TAKE_SCANS, {})


def forget(actor: Actor, patient: Patient, reason: str, *, draft: bool = False) -> None:
    """Destroy the identity's key and every signer's name; the row under its nickname stays as a gravestone.

    The proof of a consent that counted stays for its term, apart (``proofs``). A draft's never did.
    """
    forms = _forms_of(patient)
    documents = [document for form in forms for document in proofs.readable(form)]  # out of sight once it is erased
    lapse_open(actor, patient, reason)
    if draft:
        proofs.destroy(documents)
    proofs.end_with(forms)
    for form in forms:
        form.sealed_signer = form.sealed_paper = None
    patient.identity = None
    patient.draft_ends_on = patient.erase_on = None


def _forms_of(patient: Patient) -> list[ConsentForm]:
    return list(db.session.scalars(select(ConsentForm).where(ConsentForm.patient_id == patient.id)))


def lapse_open(actor: Actor, patient: Patient, reason: str) -> None:
    """End every form of the patient that is not archived."""
    for form in _forms_of(patient):
        if form.state in OPEN_FORMS:
            lapse(actor, form, reason=reason)


@act("consent.lapse")
def lapse(_actor: Actor, form: ConsentForm, *, reason: str) -> None:
    """A form under way can no longer count: the draft is erased, or care was withdrawn."""
    form.end_reason, form.ended_at = reason, now()
    proofs.destroy(form.documents)


def stay(patient: Patient) -> None:
    """The patient has consented to care: the record no longer waits for its end, whatever else restricts it."""
    patient.draft_ends_on = patient.erase_on = patient.kept_on = None
    patient.kept_ground = patient.kept_law = None


@act("patient.admit")
def admit(_actor: Actor, _patient: Patient) -> None:
    """Care consent is in force: the record is enrolled."""


@act("patient.restrict")
def restrict(_actor: Actor, patient: Patient) -> None:
    """Care consent is no longer in force: nothing is shared any more."""


def await_decision(patient: Patient, since: dt.date) -> None:
    """Care consent ended on a day: the hospital has thirty days to erase the record, or to keep it by law.

    A withdrawal recorded late leaves seven days all the same, so that somebody reads the reminder.
    """
    last = since + dt.timedelta(days=DECIDE_DAYS)
    patient.erase_on = max(last, today() + dt.timedelta(days=REMIND_DAYS))


def due_drafts(on: dt.date) -> list[int]:
    """Ids of the drafts whose last day is over."""
    with sight.wide("expiry") as session:
        statement = select(Patient.id).where(Patient.state == PatientState.DRAFT, Patient.draft_ends_on < on)
        return list(session.scalars(statement))
