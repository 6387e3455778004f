"""Assistants and guests: a clinician confirms them, and what each may then do."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.errors import NotAllowed, WrongStep
from app.models import (
    Centre,
    Grant,
    Mandate,
    MembershipRequest,
    Person,
    RequestConfirmation,
    db,
    today,
)
from app.services import admissions, requests
from app.words import GrantScope, RequestKind
from tests import factories as make
from tests.factories import DAY
from tests.services.request_words import Clinic, asked, assistant, begun, did, opened, roles, state


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


# --- an assistant -----------------------------------------------------------------------------------------------------


def test_an_assistant_is_confirmed_by_hospital_and_clinician_then_has_the_grant(house: Any, clinic: Clinic) -> None:
    mine, nobodys = clinic.emails["clinician"], "nobody@people.example"
    key = assistant(house, clinic, mine.upper(), nobodys)
    did(house, clinic.representative, admissions.confirm, key)
    with pytest.raises(WrongStep, match="No clinician has confirmed"):
        did(house, clinic.coordinator, admissions.accept, key)
    did(house, clinic.clinician, admissions.give, asked(house, mine), RequestConfirmation, scope=GrantScope.ALL)
    did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == {"Assistant"}
    rows = house.rows("SELECT clinician_id, assistant_id, hospital_id, scope FROM assistant_grant")
    assert [tuple(row) for row in rows] == [(clinic.clinician, clinic.newcomer, clinic.hospital, "all")]
    with house.acting(clinic.newcomer):
        shown = {one.email: one.state.value for one in db.session.scalars(select(RequestConfirmation))}
    assert shown == {mine.lower(): "confirmation_given", nobodys: "confirmation_asked"}


def test_a_clinician_who_confirms_later_gives_the_grant_then(house: Any, clinic: Clinic) -> None:
    with house.system():
        second = make.person("late")
        make.member(second, db.session.get_one(Centre, clinic.centre))
        late, email = second.id, second.email
    key = assistant(house, clinic, clinic.emails["clinician"], email)
    first = asked(house, clinic.emails["clinician"])
    did(house, clinic.clinician, admissions.give, first, RequestConfirmation, scope=GrantScope.CHOSEN)
    did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.coordinator, admissions.accept, key)
    did(house, late, admissions.give, asked(house, email), RequestConfirmation, scope=GrantScope.ALL)
    with house.system():
        found = {(one.clinician_id, one.scope.value) for one in db.session.scalars(select(Grant))}
    assert found == {(clinic.clinician, "chosen"), (late, "all")}


def test_only_the_clinician_of_that_hospital_confirms(house: Any, clinic: Clinic) -> None:
    with house.system():
        make.member(db.session.get_one(Person, clinic.other), db.session.get_one(Centre, clinic.lonely_centre))
    assistant(house, clinic, clinic.emails["clinician"], clinic.emails["other"])
    for who, email in ((clinic.other, "other"), (clinic.other, "clinician"), (clinic.representative, "clinician")):
        with pytest.raises(NotAllowed):
            did(
                house,
                who,
                admissions.give,
                asked(house, clinic.emails[email]),
                RequestConfirmation,
                scope=GrantScope.ALL,
            )


def test_an_assistant_needs_the_hospitals_word(house: Any, clinic: Clinic) -> None:
    key = begun(
        house, clinic.newcomer, RequestKind.ASSISTANT, clinic.lonely, emails=["x@people.example"], job_title="Secretary"
    )
    did(house, clinic.newcomer, requests.submit, key)
    with pytest.raises(WrongStep, match="has not confirmed"):
        did(house, clinic.coordinator, admissions.accept, key)


# --- a guest ----------------------------------------------------------------------------------------------------------


def guest(house: Any, clinic: Clinic, host: str) -> int:
    words = {"institution": "Institute", "country_code": "FR", "job_title": "Physician", "reason": "A second opinion"}
    key = begun(house, clinic.newcomer, RequestKind.GUEST, emails=[host], **words)
    did(house, clinic.newcomer, requests.submit_as_guest, key)
    return key


def test_a_guest_is_confirmed_by_the_host_and_admitted_for_ninety_days(house: Any, clinic: Clinic) -> None:
    key = guest(house, clinic, clinic.emails["clinician"])
    for who in (clinic.coordinator, clinic.representative):
        with pytest.raises(NotAllowed):
            did(house, who, admissions.accept, key)
    did(house, clinic.clinician, admissions.give, asked(house, clinic.emails["clinician"]), RequestConfirmation)
    assert state(house, key) == "at_network"
    with pytest.raises(NotAllowed):
        did(house, clinic.second_coordinator, admissions.accept, key)
    did(house, clinic.coordinator, admissions.accept, key)
    assert roles(house, clinic.newcomer) == {"Guest"}
    with house.system():
        mandate = db.session.scalars(select(Mandate).where(Mandate.person_id == clinic.newcomer)).one()
        assert (mandate.host_id, mandate.to_on) == (clinic.clinician, today() + 90 * DAY)


def test_a_host_who_is_nobody_or_says_no_looks_the_same_to_the_applicant(house: Any, clinic: Clinic) -> None:
    key = guest(house, clinic, clinic.emails["clinician"])
    did(house, clinic.clinician, admissions.decline, asked(house, clinic.emails["clinician"]), RequestConfirmation)
    assert state(house, key) == "at_host"
    with house.acting(clinic.newcomer):
        one = db.session.get_one(MembershipRequest, key)
        assert [turn["what"] for turn in one.history] == ["request.submit-as-guest"]


def test_nobody_floods_colleagues_with_requests(house: Any, clinic: Clinic) -> None:
    for _number in range(requests.MOST_OPEN):
        key = guest(house, clinic, clinic.emails["clinician"])
        did(house, clinic.newcomer, requests.withdraw, key)
    with pytest.raises(WrongStep, match="many requests"):
        guest(house, clinic, clinic.emails["clinician"])
