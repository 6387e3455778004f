"""Patients: who may be enrolled, under which name, and what the hospital learns of duplicates."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, Incomplete, NotAllowed
from app.models import AuditEntry, Patient, Person, db, now, today
from app.services import identities, patients
from app.words import PatientState, Procedure, Sex
from tests import factories as make
from tests.factories import DAY
from tests.papers import by_field, sentence
from tests.services.patient_words import NEW, changed, hospital, write


def refused(world: Any, who: str, act: str) -> int:
    statement = "SELECT count(*) FROM audit_entry WHERE actor_id = :who AND act = :act AND outcome = 'refused'"
    return int(world.house.value(statement, who=world.people[who], act=act))


# --- enrol ----------------------------------------------------------------------------------------------------------


def test_a_clinician_enrols_a_draft_whose_nickname_age_and_sex_alone_stand_open(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        made = patients.enrol(actor, hospital(world), identity=NEW, sex=Sex.FEMALE)
        key = made.id

        assert (made.state, made.birth_year, made.birth_month, made.sex) == (PatientState.DRAFT, 1980, 2, Sex.FEMALE)
        assert (made.hospital.name, made.clinician_id, made.draft_ends_on) == ("Thessaloniki", actor.user_id, None)
        assert re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)+", made.nickname)
        assert identities.identity_of(made) == NEW
    (open_row,) = world.house.rows("SELECT * FROM patient WHERE id = :key", key=key)
    (sealed_row,) = world.house.rows("SELECT * FROM patient_identity WHERE patient_id = :key", key=key)
    stored = b"|".join(
        bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in (*open_row, *sealed_row)
    )
    for planted in ("Novakova", "Zdenka", "1980-02-03", "N-1 / 2026", "Brno"):
        assert planted.encode() not in stored


def test_the_place_of_birth_may_stay_unknown(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        made = patients.enrol(actor, hospital(world), identity=changed(NEW, birth_place=None), sex=Sex.UNKNOWN)

        assert identities.identity_of(made) == changed(NEW, birth_place=None)


@pytest.mark.parametrize(
    ("who", "where", "procedure"), [("owner", "Thessaloniki", Procedure.EU), ("ukrainian", "Kyiv", Procedure.UA)]
)
def test_the_procedure_follows_from_the_hospitals_country(
    world: Any, who: str, where: str, procedure: Procedure
) -> None:
    ukrainian_name = changed(NEW, family_name="Шевченко", given_names="Олена", birth_place="Київ")
    with world.house.acting(world.people[who]) as actor:
        made = patients.enrol(actor, hospital(world, where), identity=ukrainian_name, sex=Sex.FEMALE)

        assert made.procedure is procedure


def test_the_procedure_of_a_patient_cannot_be_changed_in_the_database(world: Any) -> None:
    table = Patient.__table__
    with pytest.raises(IntegrityError):
        write(world, table.update().where(table.c.id == world.patients["draft"][0]).values(procedure="ua"))


def test_without_an_authorisation_in_force_nobody_is_enrolled_and_the_refusal_says_whom_to_ask(world: Any) -> None:
    with world.house.acting(world.people["unauthorised"]) as actor:
        with pytest.raises(NotAllowed) as refusal:
            patients.enrol(actor, hospital(world, "Unauthorised house"), identity=NEW, sex=Sex.MALE)

        assert sentence(refusal.value) == (
            "Unauthorised house has no authorisation in force, so it cannot enrol patients now. "
            "Ask your hospital representative to renew it."
        )
    assert world.house.value("SELECT count(*) FROM patient WHERE clinician_id = :who", who=actor.user_id) == 0
    assert refused(world, "unauthorised", "patient.enrol") == 1


@pytest.mark.parametrize(
    ("spell", "enrols"),
    [
        (lambda: {"from_on": today() - 9 * DAY, "to_on": today() - DAY}, False),
        (lambda: {"from_on": today() + DAY, "to_on": today() + 9 * DAY}, False),
        (lambda: {"ended_at": now()}, False),
        (lambda: {"from_on": today(), "to_on": today()}, True),
    ],
)
def test_an_authorisation_counts_on_its_days_and_until_it_is_ended(
    world: Any, spell: Callable[[], dict[str, Any]], enrols: bool
) -> None:
    with world.house.system():
        make.authorisation(hospital(world, "Unauthorised house"), **spell())
    with world.house.acting(world.people["unauthorised"]):
        assert patients.authorised(hospital(world, "Unauthorised house")) is enrols


def test_nobody_enrols_in_a_hospital_not_their_own(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(NotAllowed):
        patients.enrol(actor, hospital(world, "Leipzig"), identity=NEW, sex=Sex.MALE)
    assert refused(world, "owner", "patient.enrol") == 1


def test_the_refusal_can_be_read_outside_a_request_too(world: Any) -> None:
    with world.house.acting(world.people["unauthorised"]) as actor:
        with pytest.raises(NotAllowed) as refusal:
            patients.enrol(actor, hospital(world, "Unauthorised house"), identity=NEW, sex=Sex.MALE)

        assert str(refusal.value).startswith("Unauthorised house has no authorisation in force")


def test_a_form_sent_twice_makes_one_patient(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        first = patients.enrol(actor, hospital(world), identity=NEW, sex=Sex.FEMALE, once="one-time-key")
        again = patients.enrol(actor, hospital(world), identity=NEW, sex=Sex.FEMALE, once="one-time-key")

        assert again.id == first.id
        with pytest.raises(Conflict):  # the browser's Back, and another name in the same form
            patients.enrol(
                actor, hospital(world), identity=changed(NEW, family_name="Other"), sex=Sex.FEMALE, once="one-time-key"
            )
    assert world.house.value("SELECT count(*) FROM patient WHERE birth_year = 1980 AND birth_month = 2") == 1


# --- an assistant ---------------------------------------------------------------------------------------------------


def test_an_assistant_enrols_for_the_clinician_who_granted_all_records(world: Any) -> None:
    with world.house.acting(world.people["assistant"]) as actor:
        owner = db.session.get(Person, world.people["owner"])
        made = patients.enrol(actor, hospital(world), identity=NEW, sex=Sex.MALE, clinician=owner)

        assert (made.clinician_id, made.enrolled_by_id) == (world.people["owner"], world.people["assistant"])
        assert identities.identity_of(made) == NEW
        noted = db.session.scalars(
            select(AuditEntry).where(AuditEntry.patient_id == made.id, AuditEntry.act == "patient.enrol")
        ).one()
        assert (noted.actor_id, noted.on_behalf_of_id) == (world.people["assistant"], world.people["owner"])


def test_an_assistant_has_to_name_a_clinician(world: Any) -> None:
    with world.house.acting(world.people["assistant"]) as actor:
        with pytest.raises(Incomplete) as refusal:
            patients.enrol(actor, hospital(world), identity=NEW, sex=Sex.MALE)

        assert by_field(refusal.value) == {"clinician": "Choose the clinician who treats the patient."}


def test_an_assistant_enrols_for_nobody_who_did_not_grant_it(world: Any) -> None:
    with world.house.acting(world.people["assistant"]) as actor:
        colleague = db.session.get(Person, world.people["colleague"])
        with pytest.raises(NotAllowed):
            patients.enrol(actor, hospital(world), identity=NEW, sex=Sex.MALE, clinician=colleague)


@pytest.mark.parametrize("who", ["assistant of chosen", "revoked assistant", "gone assistant", "assistant of a leaver"])
def test_an_assistant_without_a_grant_of_all_records_in_force_enrols_nobody(world: Any, who: str) -> None:
    with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
        patients.enrol(
            actor, hospital(world), identity=NEW, sex=Sex.MALE, clinician=db.session.get(Person, world.people["owner"])
        )


# --- nickname -------------------------------------------------------------------------------------------------------


def test_a_nickname_that_is_taken_is_not_given_again(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    with world.house.acting(world.people["owner"]) as actor:
        for number in range(2):
            monkeypatch.setattr(patients, "_dice", random.Random(7))  # the same throws both times
            one = changed(NEW, family_name=f"Family{number}x", file_number=f"T-{number}")
            names.append(patients.enrol(actor, hospital(world), identity=one, sex=Sex.MALE).nickname)

    assert len(set(names)) == 2


def test_the_database_itself_refuses_a_nickname_twice(world: Any) -> None:
    table, taken, other = Patient.__table__, world.patients["draft"][0], world.patients["enrolled"][0]
    name = world.house.value("SELECT nickname FROM patient WHERE id = :key", key=taken)
    with pytest.raises(IntegrityError):
        write(world, table.update().where(table.c.id == other).values(nickname=name))


# --- duplicates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alike",
    [
        {"family_name": "Somebody", "given_names": "Else", "birth_date": dt.date(1999, 9, 9)},  # the file number
        {"file_number": "another", "given_names": "Other"},  # family name and birth date
        {"file_number": "another", "family_name": "  qUEXINGTON07VLAD "},  # as somebody else types it
    ],
)
@pytest.mark.parametrize("who", ["owner", "colleague"])
def test_a_likely_duplicate_inside_the_hospital_is_told_and_names_nobody(
    world: Any, who: str, alike: dict[str, Any]
) -> None:
    known = world.identities["withdrawn"]
    assert known.family_name == "Quexington06vlad"
    alike = {k: v.replace("07", "06") if isinstance(v, str) else v for k, v in alike.items()}
    with world.house.acting(world.people[who]) as actor:
        with pytest.raises(Incomplete) as refusal:
            patients.enrol(actor, hospital(world), identity=changed(known, **alike), sex=Sex.MALE)

        said = sentence(refusal.value)
        assert by_field(refusal.value) == {"despite_duplicate": said}
        assert said == (
            "Your hospital may have this person already: a record has the same file number, or the same family name and "
            "birth date. Ask your colleagues first. If this is somebody else, tick the box and enrol."
        )


def test_who_is_somebody_else_is_enrolled_despite_the_warning(world: Any) -> None:
    with world.house.acting(world.people["colleague"]) as actor:
        made = patients.enrol(
            actor, hospital(world), identity=world.identities["draft"], sex=Sex.MALE, despite_duplicate=True
        )

        assert made.state is PatientState.DRAFT


def test_another_hospitals_patient_is_no_duplicate_and_stays_unknown(world: Any) -> None:
    same_person = world.identities["neighbour's"]  # in Leipzig
    with world.house.acting(world.people["owner"]) as actor:
        assert identities.known(hospital(world), same_person) is False
        made = patients.enrol(actor, hospital(world), identity=same_person, sex=Sex.MALE)

        assert made.state is PatientState.DRAFT


def test_an_erased_patient_is_no_duplicate(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        assert identities.known(hospital(world), world.identities["erased"]) is False


# --- an identity that cannot be right -------------------------------------------------------------------------------
WRONG = [
    ({"birth_date": today() + 9 * DAY}, {"birth_date": "This date lies in the future."}),
    ({"birth_date": dt.date(1, 1, 1)}, {"birth_date": "This is more than 125 years ago. Check the year."}),
    ({"birth_date": dt.date(9999, 12, 31)}, {"birth_date": "This date lies in the future."}),
    ({"family_name": "12345"}, {"family_name": "A name has at least one letter."}),
    ({"given_names": "-- ' --"}, {"given_names": "A name has at least one letter."}),
    ({"file_number": "/--/"}, {"file_number": "A file number has at least one letter or digit."}),
]


def test_an_identity_that_cannot_be_right_is_refused_by_its_field(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for wrong, told in WRONG:
            with pytest.raises(Incomplete) as refusal:
                patients.enrol(actor, hospital(world), identity=changed(NEW, **wrong), sex=Sex.MALE)
            assert by_field(refusal.value) == told


def test_a_child_born_today_and_somebody_very_old_are_enrolled(world: Any) -> None:
    old = dt.date(today().year - 125, 1, 1)
    with world.house.acting(world.people["owner"]) as actor:
        for number, born in enumerate((today(), old)):
            one = changed(NEW, birth_date=born, file_number=f"AGE-{number}")
            made = patients.enrol(actor, hospital(world), identity=one, sex=Sex.UNKNOWN)
            assert (made.birth_year, made.birth_month) == (born.year, born.month)


NAMES = [
    "Παπαδοπούλου-Ζαχαριάδη",
    "Щукіна-Ґонґадзе",
    "محمد عبد الله",
    "שָׁלוֹם כֹּהֵן",
    "李小龍",
    "क्षत्रिय",
    "Nguyễn Thị Ánh",
    "Þórðardóttir",
    "O’Ħalloran Ġużeppi",
    "Zoë\u0301 n\u0303",  # letters with combining marks
    "𐍅𐌿𐌻𐍆𐌹𐌻𐌰",  # outside the first plane
    "<b>Bold</b><script>alert(1)</script>",
    '=HYPERLINK("http://x.example","a")',
    "{{ 7*7 }}{% raw %}",
    "Robert'); DROP TABLE patient;--",
    "Null None",
    "%s %(name)s",
]


def test_a_name_in_any_script_or_like_code_is_kept_letter_by_letter(world: Any) -> None:
    made = {}
    with world.house.acting(world.people["owner"]) as actor:
        for number, name in enumerate(NAMES):
            one = changed(NEW, family_name=name, given_names=name, file_number=f"S-{number}")
            made[name] = patients.enrol(actor, hospital(world), identity=one, sex=Sex.MALE).id
    with world.house.acting(world.people["owner"]) as actor:
        for name, key in made.items():
            kept = identities.identity_of(db.session.get(Patient, key))
            assert (kept.family_name, kept.given_names) == (name, name)
            found = identities.find(
                actor, hospital(world), family_name=name, birth_date=NEW.birth_date, file_number=None
            )
            assert [patient.id for patient in found] == [key]
