"""The reference of CPMS 2.0: sealed with the identity, found exactly, corrected, and erased with the patient."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Incomplete
from app.models import Patient, PatientIdentity, db
from app.premises import premises
from app.services import identities, patients
from app.words import Sex
from tests.services.patient_words import NEW, changed, hospital

REFERENCE = "EURO-NMD/2026-00418"


def enrolled(world: Any, actor: Any, **parts: Any) -> Patient:
    """A new patient of the owner's, with a reference."""
    identity = changed(NEW, **{"cpms_reference": REFERENCE, **parts})
    made: Patient = patients.enrol(actor, hospital(world), identity=identity, sex=Sex.UNKNOWN)
    return made


def test_the_reference_is_kept_sealed_and_nothing_of_it_lies_open(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        made = enrolled(world, actor)
        assert identities.identity_of(made) == changed(NEW, cpms_reference=REFERENCE)
        assert identities.reference_of(made) == REFERENCE
        key = made.id
    for column in ("sealed_reference", "reference_index", "sealed"):
        stored = world.house.value(f"SELECT {column} FROM patient_identity WHERE patient_id = :key", key=key)
        assert REFERENCE.encode() not in bytes(stored)


def test_a_patient_is_found_by_exactly_the_reference_in_ones_own_records(world: Any) -> None:
    def found(who: str, reference: str) -> list[int]:
        with world.house.acting(world.people[who]) as actor:
            nothing = {"family_name": None, "birth_date": None, "file_number": None}
            records = identities.find(actor, hospital(world), **nothing, cpms_reference=reference)
            return [record.id for record in records]

    with world.house.acting(world.people["owner"]) as actor:
        key = enrolled(world, actor).id
    assert found("owner", "euro-nmd/2026-00418") == [key]
    assert found("owner", "EURO-NMD/2026-0041") == []
    assert found("colleague", REFERENCE) == []
    with pytest.raises(Incomplete):
        found("owner", "–")


def test_a_reference_is_corrected_and_taken_away(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        made = enrolled(world, actor)
        patients.correct(actor, made, identity=changed(NEW, cpms_reference="E-2"), sex=Sex.FEMALE)
        assert identities.reference_of(made) == "E-2"
        patients.correct(actor, made, identity=NEW, sex=Sex.FEMALE)
        assert (identities.reference_of(made), made.identity.reference_index) == (None, None)


@pytest.mark.parametrize("wrong", ["x" * 41, " E-1", "E-1 ", "E\n1", "–", "\u202eE-1"])
def test_what_can_be_no_reference_is_refused_by_its_field(world: Any, wrong: str) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(Incomplete) as refused:
        enrolled(world, actor, cpms_reference=wrong)
    assert set(refused.value.fields) == {"cpms_reference"}


def test_with_the_patient_the_reference_is_erased(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        made = enrolled(world, actor)
        patients.delete(actor, made)
        assert identities.reference_of(made) is None
        assert db.session.query(PatientIdentity).filter_by(patient_id=made.id).count() == 0


def test_a_reference_is_no_file_number_and_leads_nowhere_from_another_hospital(world: Any) -> None:
    vault = premises_vault(world)
    scope = b"a hospital"
    assert vault.blind_reference(scope, "e 1") == vault.blind_reference(scope, "E1")
    assert vault.blind_reference(scope, "e1") != vault.blind_file_number(scope, "e1")
    assert vault.blind_reference(b"another", "e1") != vault.blind_reference(scope, "e1")


def premises_vault(world: Any) -> Any:
    """The vault of the house."""
    with world.house.app.app_context():
        return premises().vault
