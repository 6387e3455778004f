"""Patients: enrol, find, correct, delete. What consent does to a record is a consequence of ``consents``.

The identity is sealed with a key of the patient's own; deleting its row erases the person.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import unicodedata
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, or_, select

from app import sight
from app.act import act
from app.actors import Actor, in_force
from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Authorisation, ConsentForm, Grant, Hospital, Patient, PatientIdentity, Person, db, now, today
from app.outside import nicknames
from app.outside.vault import Place, Vault, VaultFault
from app.premises import premises
from app.scopes import clause, own_hospital
from app.services import days, jobs, proofs, renewals
from app.words import FormState, PatientState, Sex, _, gettext

OLDEST = 125
DECIDE_DAYS = 30
"""Within so many days after a withdrawal a record is erased, unless a law is named that keeps it."""
REMIND_DAYS = 7
LONGEST_REFERENCE = 40
OPEN_FORMS = (FormState.PREPARED, FormState.PRINTED, FormState.SIGNED, FormState.TO_CHECK, FormState.SENT_BACK)
_dice = secrets.SystemRandom()


@dataclass(frozen=True)
class Identity:
    """Who a patient is. Only the treating people see it.

    ``cpms_reference`` is what the Commission's CPMS 2.0 calls the patient, where the case is discussed there.
    """

    family_name: str
    given_names: str
    birth_date: dt.date
    file_number: str
    birth_place: str | None = None
    cpms_reference: str | None = None

    @property
    def name(self) -> str:
        """The name as it is read."""
        return f"{self.given_names} {self.family_name}"


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
    check(hospital, identity)
    if not despite_duplicate and known(hospital, identity):
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
        wrapped_key=premises().vault.new_key(_purpose(patient)),
        sealed=b"",
        person_index=b"",
        file_index=b"",
    )
    _seal(patient, patient.identity, identity)
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
    """Whether the actor is a clinician of this hospital, not of another alone."""
    mine = clause(Hospital, [own_hospital(actor, Hospital)])
    return db.session.scalar(select(Hospital.id).where(Hospital.id == hospital.id, mine)) is not None


def served(actor: Actor, hospital: Hospital) -> list[Person]:
    """The clinicians of a hospital for whom the assistant may enrol: those who granted all records."""
    grant = Grant.__table__
    statement = (
        select(Person)
        .join(Grant, Grant.clinician_id == Person.id)
        .where(
            Grant.assistant_id == actor.user_id,
            Grant.hospital_id == hospital.id,
            Grant.scope == "all",
            in_force(grant, actor.on),
        )
    )
    return list(db.session.scalars(statement.order_by(Person.last_name)).unique())


def check(hospital: Hospital, identity: Identity) -> None:
    """Refuse an identity that cannot be right.

    Raises:
        Incomplete: with the sentence by its field.
    """
    if identity.birth_date > days.day_at(hospital):
        sentence = _("This date lies in the future.")
        raise Incomplete(sentence, fields={"birth_date": sentence})
    if identity.birth_date.year < today().year - OLDEST:
        sentence = _("This is more than %(years)s years ago. Check the year.", years=OLDEST)
        raise Incomplete(sentence, fields={"birth_date": sentence})
    for name in ("family_name", "given_names"):
        if not any(
            unicodedata.category(sign)[0] == "L" for sign in unicodedata.normalize("NFKC", getattr(identity, name))
        ):
            sentence = _("A name has at least one letter.")
            raise Incomplete(sentence, fields={name: sentence})
    try:
        premises().vault.blind_identity(hospital.public_id.encode(), identity.family_name, identity.birth_date)
    except VaultFault as fault:
        sentence = _("A name has at least one letter.")
        raise Incomplete(sentence, fields={"family_name": sentence}) from fault
    try:
        premises().vault.blind_file_number(hospital.public_id.encode(), identity.file_number)
    except VaultFault as fault:
        sentence = _("A file number has at least one letter or digit.")
        raise Incomplete(sentence, fields={"file_number": sentence}) from fault
    _check_reference(identity.cpms_reference)


def _check_reference(reference: str | None) -> None:
    """Refuse what can be no reference: it is one word or a few, of signs one can read, with a letter or digit."""
    if reference is None:
        return
    fits = len(reference) <= LONGEST_REFERENCE and reference.isprintable() and reference == reference.strip()
    if not fits or not any(sign.isalnum() for sign in reference):
        sentence = _(
            "Type the reference as CPMS shows it: at most %(count)s letters, digits and signs.", count=LONGEST_REFERENCE
        )
        raise Incomplete(sentence, fields={"cpms_reference": sentence})


def known(hospital: Hospital, identity: Identity) -> bool:
    """Whether the hospital may have this person already. Names nobody, looks in no other hospital."""
    persons, numbers = zip(*(_indexes(vault, hospital, identity) for vault in _vaults()), strict=True)
    with sight.wide("duplicate-check") as session:
        found = select(PatientIdentity.id).where(
            PatientIdentity.hospital_id == hospital.id,
            or_(PatientIdentity.person_index.in_(persons), PatientIdentity.file_index.in_(numbers)),
        )
        return session.scalar(found.limit(1)) is not None


def _indexes(vault: Vault, hospital: Hospital, identity: Identity) -> tuple[bytes, bytes]:
    scope = hospital.public_id.encode()
    return (
        vault.blind_identity(scope, identity.family_name, identity.birth_date),
        vault.blind_file_number(scope, identity.file_number),
    )


def _vaults() -> list[Vault]:
    """One for each master key: until all keys are wrapped anew, some rows have the blind indexes of an older one."""
    return [Vault({one: key}, one) for one, key in premises().settings["MASTER_KEY"].items()]


def is_person(hospital: Hospital, family_name: str, birth_date: dt.date) -> ColumnElement[bool]:
    """Whose identity has exactly this family name and birth date, in a hospital.

    Raises:
        VaultFault: the name cannot be anybody's.
    """
    scope = hospital.public_id.encode()
    return PatientIdentity.person_index.in_([one.blind_identity(scope, family_name, birth_date) for one in _vaults()])


def has_file_number(hospital: Hospital, file_number: str) -> ColumnElement[bool]:
    """Whose identity has exactly this file number, in a hospital.

    Raises:
        VaultFault: the number cannot be anybody's.
    """
    scope = hospital.public_id.encode()
    return PatientIdentity.file_index.in_([vault.blind_file_number(scope, file_number) for vault in _vaults()])


def has_reference(hospital: Hospital, reference: str) -> ColumnElement[bool]:
    """Whose identity has exactly this reference of CPMS, in a hospital.

    Raises:
        VaultFault: it can be no reference.
    """
    scope = hospital.public_id.encode()
    return PatientIdentity.reference_index.in_([vault.blind_reference(scope, reference) for vault in _vaults()])


def _nickname() -> str:
    with sight.wide("nickname") as session:
        while True:
            name = nicknames.propose(_dice)
            if session.scalar(select(Patient.id).where(Patient.nickname == name)) is None:
                return name


# --- identity ------------------------------------------------------------------------------------------------------


def _seal(patient: Patient, row: PatientIdentity, identity: Identity) -> None:
    words = asdict(identity) | {"birth_date": identity.birth_date.isoformat()}
    reference = words.pop("cpms_reference")
    vault = premises().vault
    plain = json.dumps(words, ensure_ascii=False).encode()
    row.sealed = vault.seal(row.wrapped_key, _purpose(patient), plain, _place(patient))
    row.person_index, row.file_index = _indexes(vault, patient.hospital, identity)
    row.sealed_reference = row.reference_index = None
    if reference is not None:  # sealed apart: a list shows it without opening who the patient is
        place = _place(patient, "sealed_reference")
        row.sealed_reference = vault.seal(row.wrapped_key, _purpose(patient), reference.encode(), place)
        row.reference_index = vault.blind_reference(patient.hospital.public_id.encode(), reference)


def identity_of(patient: Patient) -> Identity | None:
    """Who the patient is; ``None`` for eyes that may not see it, or after erasure."""
    row = patient.identity
    if row is None:
        return None
    return opened(patient, row)


def opened(patient: Patient, row: PatientIdentity) -> Identity:
    """The identity that is sealed in a row.

    Raises:
        VaultFault: it does not open.
    """
    plain = premises().vault.open(row.wrapped_key, _purpose(patient), row.sealed, _place(patient))
    words = json.loads(plain)
    return Identity(
        **words | {"birth_date": dt.date.fromisoformat(words["birth_date"])},
        cpms_reference=_reference(patient, row),
    )


def reference_of(patient: Patient) -> str | None:
    """What CPMS 2.0 calls the patient; ``None`` for eyes that may not see it, and where there is none."""
    return None if patient.identity is None else _reference(patient, patient.identity)


def _reference(patient: Patient, row: PatientIdentity) -> str | None:
    if row.sealed_reference is None:
        return None
    place = _place(patient, "sealed_reference")
    return premises().vault.open(row.wrapped_key, _purpose(patient), row.sealed_reference, place).decode()


def _purpose(patient: Patient) -> bytes:
    """What the key of a patient's identity is made for."""
    return b"patient:" + patient.public_id.encode()


def _place(patient: Patient, column: str = "sealed") -> Place:
    return Place(PatientIdentity.__tablename__, column, patient.public_id)


def find(
    _actor: Actor,
    hospital: Hospital,
    *,
    family_name: str | None,
    birth_date: dt.date | None,
    file_number: str | None,
    cpms_reference: str | None = None,
) -> list[Patient]:
    """One's own patients of a hospital with exactly this file number, reference, or family name and birth date."""
    matches = []
    try:
        if file_number:
            matches.append(has_file_number(hospital, file_number))
        if cpms_reference:
            matches.append(has_reference(hospital, cpms_reference))
        if family_name and birth_date:
            matches.append(is_person(hospital, family_name, birth_date))
    except VaultFault:
        matches = []
    if not matches:
        sentence = _("Type a file number, a CPMS reference, or a family name and the birth date.")
        raise Incomplete(sentence)
    statement = select(Patient).join(Patient.identity).where(Patient.hospital_id == hospital.id, or_(*matches))
    return list(db.session.scalars(statement.limit(20)).unique())


@act("patient.correct")
def correct(_actor: Actor, patient: Patient, *, identity: Identity, sex: Sex) -> None:
    """Correct a misspelt identity. Forms printed before keep what was printed on them."""
    check(patient.hospital, identity)
    if patient.identity is None:
        raise NotAllowed(_("The identity of this patient is erased."))
    _seal(patient, patient.identity, identity)
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
