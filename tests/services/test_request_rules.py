"""Requests for a place, where something has changed since: a word that no longer holds gives nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.errors import NotAllowed, WrongStep
from app.models import Centre, Hospital, Mandate, Membership, MembershipRequest, Person, RequestConfirmation, db, now
from app.pages import request_words
from app.services import admissions, batches, entries, finder, patients, requests, worklist
from app.words import GrantScope, MandateKind, RequestKind
from tests import factories as make
from tests.services.request_words import WORK, Clinic, asked, assistant, begun, did, opened, roles, sent, state


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


def leaves(house: Any, table: Any, who: int) -> None:
    with house.system():
        db.session.scalars(select(table).where(table.person_id == who)).one().ended_at = now()
        db.session.commit()


def test_confirming_an_accepted_request_gives_nothing_to_who_has_left_since(house: Any, clinic: Clinic) -> None:
    with house.system():
        late = make.person("late")
        make.member(late, db.session.get_one(Centre, clinic.centre))
        late_id, email = late.id, late.email
    key = assistant(house, clinic, clinic.emails["clinician"], email)
    first = asked(house, clinic.emails["clinician"])
    did(house, clinic.clinician, admissions.give, first, RequestConfirmation, scope=GrantScope.ALL)
    did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.coordinator, admissions.accept, key)
    leaves(house, Mandate, clinic.newcomer)
    with pytest.raises(WrongStep, match="no longer an assistant"):
        did(house, late_id, admissions.give, asked(house, email), RequestConfirmation, scope=GrantScope.ALL)
    assert house.value("SELECT count(*) FROM assistant_grant") == 1


def test_the_word_of_a_clinician_who_has_left_since_admits_no_assistant(house: Any, clinic: Clinic) -> None:
    key = assistant(house, clinic, clinic.emails["clinician"])
    first = asked(house, clinic.emails["clinician"])
    did(house, clinic.clinician, admissions.give, first, RequestConfirmation, scope=GrantScope.ALL)
    did(house, clinic.representative, admissions.confirm, key)
    leaves(house, Membership, clinic.clinician)
    with pytest.raises(WrongStep, match="No clinician has confirmed"):
        did(house, clinic.coordinator, admissions.accept, key)
    with house.system():
        make.member(db.session.get_one(Person, clinic.clinician), db.session.get_one(Centre, clinic.centre))
    did(house, clinic.coordinator, admissions.accept, key)
    assert house.value("SELECT count(*) FROM assistant_grant") == 1


def lonely_request(house: Any, clinic: Clinic) -> int:
    return sent(house, clinic, hospital=clinic.lonely, centres=[clinic.lonely_centre])


@pytest.mark.parametrize("before", ["a member", "a clinician of records"])
def test_who_worked_in_a_hospital_comes_back_by_its_word_alone(house: Any, clinic: Clinic, before: str) -> None:
    with house.system():
        newcomer, hospital = db.session.get_one(Person, clinic.newcomer), db.session.get_one(Hospital, clinic.lonely)
        if before == "a member":
            make.member(newcomer, db.session.get_one(Centre, clinic.lonely_centre), ended_at=now())
        else:
            make.patient(newcomer, hospital)
    key = lonely_request(house, clinic)
    with pytest.raises(WrongStep, match="worked in this hospital before"):
        did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == set()
    word = {"name": "H. Resources", "on": now().date(), "how": "by phone"}
    did(house, clinic.coordinator, admissions.record_employment, key, **word)
    did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == {"Clinician"}


def test_a_locked_account_gets_no_place(house: Any, clinic: Clinic) -> None:
    key = lonely_request(house, clinic)
    locked(house, clinic.newcomer)
    with pytest.raises(WrongStep, match="locked"):
        did(house, clinic.coordinator, admissions.accept, key)


def test_a_clinician_takes_their_word_back_while_the_request_waits(house: Any, clinic: Clinic) -> None:
    key, first = assistant(house, clinic, clinic.emails["clinician"]), asked(house, clinic.emails["clinician"])
    did(house, clinic.clinician, admissions.give, first, RequestConfirmation, scope=GrantScope.ALL)
    did(house, clinic.clinician, admissions.decline, first, RequestConfirmation)
    did(house, clinic.representative, admissions.confirm, key)
    with pytest.raises(WrongStep, match="No clinician has confirmed"):
        did(house, clinic.coordinator, admissions.accept, key)
    did(house, clinic.clinician, admissions.give, first, RequestConfirmation, scope=GrantScope.ALL)
    did(house, clinic.coordinator, admissions.accept, key)
    with pytest.raises(WrongStep, match="over"):
        did(house, clinic.clinician, admissions.decline, first, RequestConfirmation)


def test_a_host_takes_no_word_back_once_the_network_decides(house: Any, clinic: Clinic) -> None:
    key = guest(house, clinic)
    with pytest.raises(WrongStep, match="not the host"):
        did(house, clinic.clinician, admissions.decline, asked(house, clinic.emails["clinician"]), RequestConfirmation)
    assert state(house, key) == "at_network"


def guest(house: Any, clinic: Clinic) -> int:
    known = {"institution": "Elsewhere", "country_code": "GR", "job_title": "Professor", "reason": "A case"}
    key = begun(house, clinic.newcomer, RequestKind.GUEST, emails=[clinic.emails["clinician"]], **known)
    did(house, clinic.newcomer, requests.submit_as_guest, key)
    found = "SELECT id FROM request_confirmation WHERE request_id = :key"
    did(house, clinic.clinician, admissions.give, house.value(found, key=key), RequestConfirmation)
    return key


def test_a_guests_stay_is_not_prolonged_by_asking_again(house: Any, clinic: Clinic) -> None:
    did(house, clinic.coordinator, admissions.accept, guest(house, clinic))
    again = guest(house, clinic)
    with pytest.raises(WrongStep, match="guest of this host already"):
        did(house, clinic.coordinator, admissions.accept, again)
    assert house.value("SELECT count(*) FROM mandate WHERE kind = 'guest'") == 1


def test_the_hospitals_word_holds_for_the_same_register_alone(house: Any, clinic: Clinic) -> None:
    first = sent(house, clinic)
    other = begun(
        house,
        clinic.newcomer,
        RequestKind.CLINICIAN,
        clinic.hospital,
        centres=[clinic.second],
        **WORK | {"registered_with": "Another chamber"},
    )
    did(house, clinic.newcomer, requests.submit, other)
    did(house, clinic.representative, admissions.confirm, first)
    assert [state(house, key) for key in (first, other)] == ["at_network", "at_hospital"]


def test_further_centres_count_among_the_many(house: Any, clinic: Clinic) -> None:
    with house.system():
        hospital = db.session.get_one(Hospital, clinic.hospital)
        more = [make.centre(hospital, make.network(f"ERN {number}")).id for number in range(requests.MOST_OPEN)]
    centres = [clinic.centre, *more]
    key = begun(house, clinic.newcomer, RequestKind.CLINICIAN, clinic.hospital, centres=centres, **WORK)
    with pytest.raises(WrongStep, match="many requests"):
        did(house, clinic.newcomer, requests.submit, key)
    assert house.value("SELECT count(*) FROM membership_request") == 1


def locked(house: Any, who: int) -> None:
    with house.system():
        db.session.get_one(Person, who).disabled_at = now()
        db.session.commit()


def test_a_representative_who_is_locked_out_keeps_nobody_from_deciding(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    with pytest.raises(NotAllowed):
        did(house, clinic.coordinator, admissions.accept, key)
    with house.acting(clinic.newcomer):
        assert finder.represented([clinic.hospital]) == {clinic.hospital}
    locked(house, clinic.representative)
    with house.acting(clinic.newcomer):
        assert finder.represented([clinic.hospital]) == set()
    with house.acting(clinic.coordinator) as actor:
        assert clinic.hospital in {one.id for one in worklist.unrepresented(actor)}
    did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == {"Clinician"}


def test_the_only_representatives_own_employment_is_confirmed_by_the_network(house: Any, clinic: Clinic) -> None:
    with house.system():
        member = make.member(
            db.session.get_one(Person, clinic.representative),
            db.session.get_one(Centre, clinic.centre),
            may_enrol=False,
        ).id
    word = {"name": "H. Resources", "on": now().date(), "how": "by phone"}
    with pytest.raises(NotAllowed):
        did(house, clinic.representative, entries.confirm_employment, member, Membership, **word)
    did(house, clinic.coordinator, entries.confirm_employment, member, Membership, **word)
    assert house.value("SELECT count(*) FROM membership WHERE may_enrol AND id = :id", id=member) == 1


def test_an_assistant_enrols_nobody_for_a_clinician_who_is_locked_out(house: Any, clinic: Clinic) -> None:
    with house.system():
        hospital, helper = db.session.get_one(Hospital, clinic.hospital), db.session.get_one(Person, clinic.other)
        make.mandate(helper, MandateKind.ASSISTANT, hospital=hospital)
        make.grant(db.session.get_one(Person, clinic.clinician), helper, hospital)

    def served() -> list[int]:
        with house.acting(clinic.other) as actor:
            return [one.id for one in patients.served(actor, db.session.get_one(Hospital, clinic.hospital))]

    assert served() == [clinic.clinician]
    locked(house, clinic.clinician)
    assert served() == []


def test_who_said_the_hospitals_word_accepts_only_where_nobody_else_can(house: Any, clinic: Clinic) -> None:
    with house.system():
        hospital, both = db.session.get_one(Hospital, clinic.hospital), db.session.get_one(Person, clinic.coordinator)
        make.mandate(both, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=hospital)
        network = db.session.get_one(Centre, clinic.centre).network
        another = make.mandate(make.person("another"), MandateKind.ERN_COORDINATOR, network=network).id
    key = sent(house, clinic)
    did(house, clinic.coordinator, admissions.confirm, key)
    with pytest.raises(WrongStep, match="Another coordinator"):
        did(house, clinic.coordinator, admissions.accept, key)
    with house.acting(clinic.coordinator) as actor:
        assert "yourself" in str(batches.unfit(actor, db.session.get_one(MembershipRequest, key)))
    with house.system():
        db.session.get_one(Mandate, another).ended_at = now()
        db.session.commit()
    did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == {"Clinician"}


def test_an_address_anybody_can_have_proves_no_hospital(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.get_one(Hospital, clinic.hospital).email = "clinic@gmail.com"
        db.session.get_one(Person, clinic.newcomer).email = "newcomer@gmail.com"
        db.session.commit()
    key = sent(house, clinic)
    with house.acting(clinic.representative):
        assert batches.same_domain(db.session.get_one(MembershipRequest, key)) is False


def test_who_decides_is_said_as_it_is(house: Any, clinic: Clinic) -> None:
    key = assistant(house, clinic, clinic.emails["clinician"])
    did(house, clinic.representative, admissions.confirm, key)
    assert said(house, clinic, key).startswith("A clinician who is named confirms first")
    first = asked(house, clinic.emails["clinician"])
    did(house, clinic.clinician, admissions.give, first, RequestConfirmation, scope=GrantScope.ALL)
    assert said(house, clinic, key).startswith("The coordinator of a network of Home")
    other = sent(house, clinic)
    did(house, clinic.representative, admissions.confirm, other)
    assert said(house, clinic, other) == "The coordinator of ERN ONE decides."
    leaves(house, Mandate, clinic.coordinator)
    assert said(house, clinic, other).startswith("Nobody else coordinates ERN ONE here")


def said(house: Any, clinic: Clinic, key: int) -> str:
    with house.acting(clinic.newcomer), house.app.test_request_context():
        return str(request_words.deciding(db.session.get_one(MembershipRequest, key)))
