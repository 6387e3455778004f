"""Patients: finding, correcting, the end of a draft, who sees whom."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Conflict, Incomplete, NotAllowed, WrongStep
from app.models import ConsentForm, Patient, PatientIdentity, db, today
from app.outside.vault import VaultFault
from app.services import consents, housekeeping, identities, patients
from app.words import PatientState, Sex, Variant
from tests.factories import DAY
from tests.papers import sentence
from tests.services.patient_words import NEW, changed, hospital, write


def record(world: Any, name: str) -> Any:
    return db.session.get(Patient, world.patients[name][0])


# --- find -----------------------------------------------------------------------------------------------------------
FINDS = [
    ({"file_number": "FN-7700-4431"}, ["draft"]),
    ({"file_number": " fn-7700 - 4431 "}, ["draft"]),  # blanks and case are no part of a number
    ({"family_name": "Quexington00vlad", "birth_date": dt.date(1931, 1, 11)}, ["draft"]),
    ({"family_name": "Quexington00", "birth_date": dt.date(1931, 1, 11)}, []),  # a part is not exact
    ({"family_name": "Quexington00vlad", "birth_date": dt.date(1931, 1, 12)}, []),
    ({"file_number": "FN-77"}, []),
    ({"file_number": "FN-7713-4431"}, []),  # the colleague's, in the same hospital
    ({"file_number": "FN-7716-4431"}, []),  # the neighbour's, in another one
]


def test_identities_are_found_only_exactly_and_only_ones_own(world: Any) -> None:
    known = world.identities
    assert (known["colleague's"].file_number, known["neighbour's"].file_number) == ("FN-7713-4431", "FN-7716-4431")
    with world.house.acting(world.people["owner"]) as actor:
        for how, names in FINDS:
            asked = {"family_name": None, "birth_date": None, "file_number": None} | how
            found = identities.find(actor, hospital(world), **asked)
            assert [patient.id for patient in found] == [world.patients[name][0] for name in names]


def test_a_name_or_a_birth_date_alone_finds_nobody(world: Any) -> None:
    alone: list[dict[str, Any]] = [{}, {"family_name": "Quexington00vlad"}, {"birth_date": dt.date(1931, 1, 11)}]
    with world.house.acting(world.people["owner"]) as actor:
        for how in alone:
            asked = {"family_name": None, "birth_date": None, "file_number": None} | how
            with pytest.raises(Incomplete) as refusal:
                identities.find(actor, hospital(world), **asked)
            assert (
                sentence(refusal.value) == "Type a file number, a CPMS reference, or a family name and the birth date."
            )


# --- correct --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["draft", "withdrawn"])
def test_a_misspelt_identity_is_corrected_and_found_as_corrected(world: Any, name: str) -> None:
    was = world.identities[name]
    right = changed(
        was, family_name="Rightspelt", birth_date=dt.date(2001, 12, 31), file_number="R-9", birth_place=None
    )
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, name)
        state = patient.state
        patients.correct(actor, patient, identity=right, sex=Sex.MALE)

        assert identities.identity_of(patient) == right
        assert (patient.birth_year, patient.birth_month, patient.sex) == (2001, 12, Sex.MALE)
        assert patient.state is state
        search = {"family_name": None, "birth_date": None}
        assert identities.find(actor, hospital(world), **search, file_number="R-9") == [patient]
        assert identities.find(actor, hospital(world), **search, file_number=was.file_number) == []


def test_of_two_who_correct_the_same_record_the_second_is_told(world: Any) -> None:
    right = changed(world.identities["draft"], family_name="Rightspelt")
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "draft")
        seen = patient.version
        patients.correct(actor, patient, identity=right, sex=Sex.FEMALE, seen=seen)
        with pytest.raises(Conflict):
            patients.correct(actor, patient, identity=world.identities["draft"], sex=Sex.MALE, seen=seen)

        assert identities.identity_of(record(world, "draft")) == right


def test_a_correction_that_cannot_be_right_changes_nothing(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        with pytest.raises(Incomplete):
            patients.correct(
                actor, record(world, "draft"), identity=changed(NEW, birth_date=today() + 2 * DAY), sex=Sex.MALE
            )

        assert identities.identity_of(record(world, "draft")) == world.identities["draft"]
        assert record(world, "draft").sex is Sex.FEMALE


def test_an_erased_record_has_nothing_to_correct(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(WrongStep):
        patients.correct(actor, record(world, "erased"), identity=NEW, sex=Sex.MALE)


# --- the end of a draft ---------------------------------------------------------------------------------------------


def test_a_deleted_draft_leaves_its_nickname_and_no_key_that_could_open_it(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "draft")
        nickname = patient.nickname
        sealed = (bytes(patient.identity.wrapped_key), bytes(patient.identity.sealed))
        patients.delete(actor, patient)
    with world.house.acting(world.people["owner"]):
        gone = record(world, "draft")
        assert (gone.state, gone.nickname, identities.identity_of(gone)) == (PatientState.ERASED, nickname, None)
    with world.house.everything() as session:
        left = session.execute(select(PatientIdentity.wrapped_key, PatientIdentity.sealed)).all()
        assert sealed not in [tuple(map(bytes, row)) for row in left]


def test_with_a_draft_its_open_forms_and_their_signers_names_go(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patients.delete(actor, record(world, "represented"))  # signed by her mother, not yet scanned
    (form,) = world.house.rows("SELECT * FROM consent_form WHERE id = :key", key=world.forms["represented"][0])

    assert form.state not in ("prepared", "printed", "signed", "archived")
    assert (form.sealed_signer, form.end_reason) == (None, "The draft was deleted.")


def test_only_a_draft_can_be_deleted(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for name in ("enrolled", "withdrawn", "erased"):
            with pytest.raises(WrongStep):
                patients.delete(actor, record(world, name))


def test_a_draft_whose_time_is_not_over_does_not_expire(world: Any) -> None:
    with world.house.system("expiry") as actor:
        for name in ("draft", "printed", "signed"):
            with pytest.raises(WrongStep):
                patients.expire(actor, record(world, name))
    assert world.house.value("SELECT count(*) FROM patient WHERE state = 'erased'") == 1


def test_a_draft_ends_thirty_days_after_the_first_print_of_its_form(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = consents.prepare(actor, record(world, "draft"), language="en", variant=Variant.ADULT)
        assert record(world, "draft").draft_ends_on is None
        consents.note_print(actor, form)
        key = form.id
        assert record(world, "draft").draft_ends_on == today() + 30 * DAY
    with world.house.system():
        record(world, "draft").draft_ends_on = today() + 3 * DAY
        db.session.commit()
    with world.house.acting(world.people["owner"]) as actor:
        consents.note_print(actor, db.session.get(ConsentForm, key))  # a lost page: no more time
        assert record(world, "draft").draft_ends_on == today() + 3 * DAY
        other = consents.prepare(actor, record(world, "draft"), language="el", variant=Variant.ADULT)
        consents.note_print(actor, other)
        assert record(world, "draft").draft_ends_on == today() + 30 * DAY


def test_what_has_come_to_its_end_is_erased_and_nothing_else(world: Any) -> None:
    with world.house.system():
        for name, day in (("printed", today() - DAY), ("cancelled", today())):
            record(world, name).draft_ends_on = day
        db.session.commit()
    with world.house.app.app_context():
        assert patients.due_drafts(today()) == [world.patients["printed"][0]]
    with world.house.system("expiry") as actor:
        housekeeping.expire_drafts(actor, {})

    states = dict(world.house.rows("SELECT id, state FROM patient"))
    assert (states[world.patients["printed"][0]], states[world.patients["cancelled"][0]]) == ("erased", "draft")
    assert list(states.values()).count("erased") == 2  # and the one the owner had deleted
    with world.house.everything() as session:
        statement = select(PatientIdentity.id).where(PatientIdentity.patient_id == world.patients["printed"][0])
        assert session.scalar(statement) is None


def test_nobody_enrols_a_draft_but_by_its_consent(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for consequence in (patients.admit, patients.restrict, patients.expire):
            with pytest.raises(NotAllowed):
                consequence(actor, record(world, "draft"))

        assert record(world, "draft").state is PatientState.DRAFT


def test_each_state_of_a_patient_came_from_its_consent(world: Any) -> None:
    expected = {
        "draft": "draft",
        "prepared": "draft",
        "printed": "draft",
        "signed": "draft",
        "cancelled": "draft",
        "refused": "draft",
        "enrolled": "enrolled",
        "attested": "enrolled",
        "renewed": "enrolled",
        "withdrawn": "restricted",
        "annulled": "restricted",
        "erased": "erased",
        "ukrainian": "enrolled",
        "ukrainian draft": "draft",
    }
    states = dict(world.house.rows("SELECT id, state FROM patient"))

    assert {name: states[world.patients[name][0]] for name in expected} == expected


# --- who sees whom --------------------------------------------------------------------------------------------------


def test_nobody_but_the_treating_people_sees_that_a_patient_is_there(world: Any) -> None:
    seeing = {}
    for who in world.people:
        with world.house.acting(world.people[who]):
            patient = record(world, "enrolled")
            seeing[who] = patient is not None and identities.identity_of(patient) == world.identities["enrolled"]

    assert {who for who, sees in seeing.items() if sees} == {"owner", "assistant", "assistant of chosen"}


def test_an_identity_cannot_be_read_with_another_patients_key(world: Any) -> None:
    table = PatientIdentity.__table__
    one, other = (world.patients[name][0] for name in ("draft", "printed"))
    sealed = world.house.value("SELECT sealed FROM patient_identity WHERE patient_id = :key", key=other)
    write(world, table.update().where(table.c.patient_id == one).values(sealed=sealed))
    with world.house.acting(world.people["owner"]), pytest.raises(VaultFault):
        identities.identity_of(record(world, "draft"))
