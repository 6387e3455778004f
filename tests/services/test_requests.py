"""Requests for a place: who asks, who confirms, who decides, and what comes of it; nobody decides about themselves."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import (
    Centre,
    Hospital,
    Mandate,
    Membership,
    MembershipRequest,
    Person,
    db,
    now,
    today,
)
from app.services import admissions, batches, entries, patients, requests
from app.words import MandateKind, RequestKind, RequestState, Sex
from tests import factories as make
from tests.factories import DAY
from tests.services.request_words import Clinic, did, opened, roles, sent, state

S = RequestState


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


# --- a clinician ------------------------------------------------------------------------------------------------------


def test_a_clinician_is_confirmed_by_the_hospital_and_accepted_by_the_network(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    assert state(house, key) == "at_hospital"
    did(house, clinic.representative, admissions.confirm, key)
    assert state(house, key) == "at_network"
    did(house, clinic.coordinator, admissions.accept, key)
    assert state(house, key) == "accepted"
    assert roles(house, clinic.newcomer) == {"Clinician"}
    row = house.rows(
        "SELECT centre_id, may_enrol, employment_by FROM membership WHERE person_id = :p", p=clinic.newcomer
    )
    assert [tuple(one) for one in row] == [(clinic.centre, True, "representative Tester")]
    assert house.value("SELECT job_title FROM ab_user WHERE id = :p", p=clinic.newcomer) == "Consultant"


def test_the_network_waits_for_a_hospital_that_somebody_represents(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    for act, given in (
        (admissions.accept, {}),
        (admissions.refuse, {"reason": "no"}),
        (admissions.record_employment, {"name": "P", "on": today(), "how": "phone"}),
    ):
        with pytest.raises(NotAllowed):
            did(house, clinic.coordinator, act, key, **given)
    assert state(house, key) == "at_hospital"


def test_without_a_representative_one_may_join_but_not_enrol_until_the_employment_is_recorded(
    house: Any, clinic: Clinic
) -> None:
    key = sent(house, clinic, hospital=clinic.lonely, centres=[clinic.lonely_centre])
    did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == {"Clinician"}
    person = patients.Identity("Family", "Given", dt.date(1980, 1, 1), "F-1")
    with pytest.raises(NotAllowed):
        did(house, clinic.newcomer, patients.enrol, clinic.lonely, Hospital, identity=person, sex=Sex.FEMALE)
    membership = house.value("SELECT id FROM membership WHERE person_id = :p", p=clinic.newcomer)
    words = {"name": "P. Ersonnel, head of personnel", "on": today(), "how": "by phone"}
    for who in (clinic.newcomer, clinic.second_coordinator, clinic.representative):
        with pytest.raises(NotAllowed):
            did(house, who, entries.confirm_employment, membership, Membership, **words)
    did(house, clinic.coordinator, entries.confirm_employment, membership, Membership, **words)
    did(house, clinic.newcomer, patients.enrol, clinic.lonely, Hospital, identity=person, sex=Sex.FEMALE)
    with pytest.raises(WrongStep):
        did(house, clinic.coordinator, entries.confirm_employment, membership, Membership, **words)


def test_the_recorded_word_of_a_hospital_lets_the_person_enrol_at_once(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic, hospital=clinic.lonely, centres=[clinic.lonely_centre])
    words = {"name": "P. Ersonnel", "how": "by letter"}
    for day in (today() + 5 * DAY, today() - 400 * DAY):
        with pytest.raises(Incomplete):
            did(house, clinic.coordinator, admissions.record_employment, key, on=day, **words)
    did(house, clinic.coordinator, admissions.record_employment, key, on=today(), **words)
    did(house, clinic.coordinator, admissions.accept, key)
    row = house.rows(
        "SELECT may_enrol, employment_by, employment_how FROM membership WHERE person_id = :p", p=clinic.newcomer
    )
    assert [tuple(one) for one in row] == [(True, "P. Ersonnel", "by letter")]


def test_an_assistant_of_somebody_who_may_not_enrol_may_not_either(house: Any, clinic: Clinic) -> None:
    with house.system():
        lonely = db.session.get_one(Hospital, clinic.lonely)
        other = db.session.get_one(Person, clinic.other)
        member = db.session.get_one(Person, clinic.newcomer)
        make.member(member, db.session.get_one(Centre, clinic.lonely_centre), may_enrol=False)
        make.mandate(other, MandateKind.ASSISTANT, hospital=lonely)
        make.grant(member, other, lonely)
    identity = patients.Identity("Family", "Given", dt.date(1980, 1, 1), "F-1")
    with pytest.raises(NotAllowed):
        did(house, clinic.other, patients.enrol, clinic.lonely, Hospital, identity=identity, sex=Sex.FEMALE)


def test_two_centres_are_two_requests_that_the_hospital_confirms_at_once(house: Any, clinic: Clinic) -> None:
    sent(house, clinic, centres=[clinic.centre, clinic.second])
    (first, second) = [key for (key,) in house.rows("SELECT id FROM membership_request ORDER BY id")]
    did(house, clinic.representative, admissions.confirm, second)
    assert (state(house, first), state(house, second)) == ("at_network", "at_network")
    did(house, clinic.coordinator, admissions.accept, first)
    with pytest.raises(NotAllowed):
        did(house, clinic.coordinator, admissions.accept, second)
    did(house, clinic.second_coordinator, admissions.refuse, second, reason="Not in this network")
    assert (state(house, first), state(house, second)) == ("accepted", "refused")


def test_nobody_decides_on_their_own_request(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic, clinic.representative)
    with pytest.raises(NotAllowed):
        did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.coordinator, admissions.record_employment, key, name="P", on=today(), how="phone")
    own = sent(house, clinic, clinic.coordinator, hospital=clinic.lonely, centres=[clinic.lonely_centre])
    for act, given in ((admissions.accept, {}), (admissions.refuse, {"reason": "no"})):
        with pytest.raises(NotAllowed):
            did(house, clinic.coordinator, act, own, **given)


def test_a_foreign_request_is_not_there(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.confirm, key)
    for who in (clinic.other, clinic.clinician, clinic.second_coordinator):
        for act in (admissions.accept, admissions.confirm, requests.withdraw, requests.take_back):
            with pytest.raises(NotAllowed):
                did(house, who, act, key)


def test_the_second_of_two_deciders_reads_that_it_is_decided(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.coordinator, admissions.accept, key)
    for act, given in ((admissions.accept, {}), (admissions.refuse, {"reason": "no"})):
        with pytest.raises(WrongStep, match="decided meanwhile"):
            did(house, clinic.coordinator, act, key, **given)


def test_a_person_is_not_made_a_member_twice(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.confirm, key)
    with house.system():
        make.member(db.session.get_one(Person, clinic.newcomer), db.session.get_one(Centre, clinic.centre))
    with pytest.raises(WrongStep, match="member of this centre already"):
        did(house, clinic.coordinator, admissions.accept, key)
    assert house.value("SELECT count(*) FROM membership WHERE person_id = :p", p=clinic.newcomer) == 1


@pytest.mark.parametrize("left", [Hospital, Centre])
def test_a_place_that_is_over_meanwhile_takes_nobody(house: Any, clinic: Clinic, left: Any) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.confirm, key)
    with house.system():
        db.session.get_one(left, clinic.hospital if left is Hospital else clinic.centre).ended_at = now()
        db.session.commit()
    with pytest.raises(WrongStep):
        did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == set()


def test_a_hospital_whose_representative_left_is_decided_by_the_network(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    with house.system():
        for mandate in db.session.scalars(select(Mandate).where(Mandate.hospital_id == clinic.hospital)):
            mandate.ended_at = now()
        db.session.commit()
    did(house, clinic.coordinator, admissions.ask_back, key, question="Who is your head?")
    assert state(house, key) == "asked_by_hospital"


# --- several at once --------------------------------------------------------------------------------------------------


def test_what_is_accepted_together_has_all_three_proofs(house: Any, clinic: Clinic) -> None:
    with house.system() as actor:
        hospital = db.session.get_one(Hospital, clinic.hospital)
        person = db.session.get_one(Person, clinic.newcomer)
        base: dict[str, Any] = {"hospital": hospital, "confirmed_by": "R"}

        def one(state: RequestState, kind: RequestKind = RequestKind.CLINICIAN, **given: Any) -> bool:
            known = {"email": person.email, "registration_number": "R 1", "kind": kind, "state": state}
            made = MembershipRequest(**known | base | given)
            return batches.unfit(actor, made) is None

        assert one(S.AT_NETWORK)
        assert one(S.AT_NETWORK, email="a@unit.people.example")
        make.identity(person, person.email.upper(), used_at=now() - dt.timedelta(days=2))
        assert one(S.AT_NETWORK, person_id=person.id)
        make.identity(person, "a@moved.example")  # EU Login knows another address by now
        assert not one(S.AT_NETWORK, person_id=person.id)
        assert not one(S.AT_NETWORK, email="a@evilpeople.example")
        assert not one(S.AT_NETWORK, registration_number=None)
        assert not one(S.AT_NETWORK, confirmed_by=None)
        assert not one(S.AT_HOSPITAL)
        assert not one(S.AT_NETWORK, RequestKind.ASSISTANT)
