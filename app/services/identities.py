"""Who a patient is: what may be typed, how it is sealed, how one's own patients are found by it.

It is sealed with a key of the patient's own; deleting its row erases the person. It is found by keyed hashes (blind
indexes), within one hospital.
"""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, or_, select

from app import sight
from app.actors import Actor
from app.errors import Incomplete
from app.models import Hospital, Patient, PatientIdentity, db, today
from app.outside.vault import Place, Vault, VaultFault
from app.premises import premises
from app.services import days
from app.words import _

OLDEST = 125
LONGEST_REFERENCE = 40


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


def seal(patient: Patient, row: PatientIdentity, identity: Identity) -> None:
    """Seal who the patient is in a row, with the row's key, and note by what it is found."""
    words = asdict(identity) | {"birth_date": identity.birth_date.isoformat()}
    reference = words.pop("cpms_reference")
    vault = premises().vault
    plain = json.dumps(words, ensure_ascii=False).encode()
    row.sealed = vault.seal(row.wrapped_key, purpose(patient), plain, _place(patient))
    row.person_index, row.file_index = _indexes(vault, patient.hospital, identity)
    row.sealed_reference = row.reference_index = None
    if reference is not None:  # sealed apart: a list shows it without opening who the patient is
        place = _place(patient, "sealed_reference")
        row.sealed_reference = vault.seal(row.wrapped_key, purpose(patient), reference.encode(), place)
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
    plain = premises().vault.open(row.wrapped_key, purpose(patient), row.sealed, _place(patient))
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
    return premises().vault.open(row.wrapped_key, purpose(patient), row.sealed_reference, place).decode()


def purpose(patient: Patient) -> bytes:
    """What the key of a patient's identity is made for."""
    return b"patient:" + patient.public_id.encode()


def _place(patient: Patient, column: str = "sealed") -> Place:
    return Place(PatientIdentity.__tablename__, column, patient.public_id)
