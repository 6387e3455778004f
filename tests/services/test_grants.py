"""Grants: an assistant sees the records a clinician has chosen, and passes nothing on."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Incomplete, NotAllowed
from app.models import Centre, Grant, Hospital, Patient, Person, db, now, today
from app.services import people
from app.words import GrantScope
from tests import factories as make
from tests.services.clinics import Clinic, patients_seen


def _assistant_and_patients(clinic: Clinic, *ids: int) -> dict[str, Any]:
    return {
        "assistant": db.session.get(Person, clinic.assistant),
        "chosen": [db.session.get(Patient, one) for one in ids],
    }


def _no_grant(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.get(Grant, clinic.grant).ended_at = now()
        db.session.commit()


def test_an_assistant_sees_the_chosen_records_and_follows_the_choice(house: Any, clinic: Clinic) -> None:
    _no_grant(house, clinic)
    with house.acting(clinic.clinician) as actor:
        given = _assistant_and_patients(clinic, clinic.first)
        hospital = db.session.get(Hospital, clinic.hospital)
        key = people.give(actor, hospital, scope=GrantScope.CHOSEN, from_on=today(), **given).id
    assert patients_seen(house, clinic.assistant) == {clinic.first}

    with house.acting(clinic.clinician) as actor:
        grant = db.session.get(Grant, key)
        people.choose(actor, grant, scope=GrantScope.CHOSEN, chosen=[db.session.get(Patient, clinic.second)])
    assert patients_seen(house, clinic.assistant) == {clinic.second}

    with house.acting(clinic.clinician) as actor:
        people.choose(actor, db.session.get(Grant, key), scope=GrantScope.ALL)
    assert patients_seen(house, clinic.assistant) == {clinic.first, clinic.second}


def test_a_grant_of_chosen_records_names_at_least_one_of_ones_own(house: Any, clinic: Clinic) -> None:
    with house.system():
        colleague = make.person("colleague")
        make.member(colleague, db.session.get(Centre, clinic.centre))
        hospital = db.session.get(Hospital, clinic.hospital)
        foreign = make.patient(colleague, hospital).id
    with house.everything() as all_of_it:
        unseen = all_of_it.get(Patient, foreign)
    with house.acting(clinic.clinician) as actor:
        hospital = db.session.get(Hospital, clinic.hospital)
        assistant = db.session.get(Person, clinic.assistant)
        for chosen in ([], [unseen]):
            with pytest.raises(Incomplete) as refused:
                people.give(
                    actor, hospital, assistant=assistant, scope=GrantScope.CHOSEN, chosen=chosen, from_on=today()
                )
            assert list(refused.value.fields) == ["chosen"]


@pytest.mark.parametrize("who", ["outsider", "representative", "clinician"])
def test_only_an_assistant_of_the_hospital_is_granted_anything(house: Any, clinic: Clinic, who: str) -> None:
    with house.everything() as all_of_it:
        somebody = all_of_it.get(Person, getattr(clinic, who))
    with house.acting(clinic.clinician) as actor:
        hospital = db.session.get(Hospital, clinic.hospital)
        with pytest.raises(Incomplete) as refused:
            people.give(actor, hospital, assistant=somebody, scope=GrantScope.ALL, from_on=today())
    assert list(refused.value.fields) == ["assistant"]


def test_an_assistant_passes_no_grant_on(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.assistant) as actor, pytest.raises(NotAllowed):
        people.give(
            actor,
            db.session.get(Hospital, clinic.hospital),
            assistant=db.session.get(Person, clinic.assistant),
            scope=GrantScope.ALL,
            from_on=today(),
        )
