"""How requests for a place end that nobody ends, and what is kept of them; who is written to when one is corrected."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import WrongStep
from app.models import Mail, MembershipRequest, Person, db
from app.services import accounts, admissions, policies, request_drafts, request_ends, requests
from app.words import RequestKind
from tests import factories as make
from tests.services.job_words import run_due
from tests.services.request_words import Clinic, assistant, begun, did, opened, sent, state


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


def sweep(house: Any) -> None:
    with house.system("expiry") as actor:
        db.session.commit()
        request_ends.sweep(actor, {})


def kept(house: Any) -> set[int]:
    return {row[0] for row in house.rows("SELECT id FROM membership_request")}


def aged(house: Any, key: int, days: int) -> None:
    """A request, and all that happened to it, so many days older."""
    back = dt.timedelta(days=days)
    with house.system():
        one = db.session.get_one(MembershipRequest, key)
        one.begun_at -= back
        one.submitted_at = one.submitted_at and one.submitted_at - back
        turns = [turn | {"at": (dt.datetime.fromisoformat(turn["at"]) - back).isoformat()} for turn in one.history]
        one.history = turns
        db.session.commit()


def told(house: Any) -> list[str]:
    """The addresses of colleagues who were written to that somebody named them."""
    with house.system():
        found = select(Person.email).join(Mail, Mail.person_id == Person.id).where(Mail.kind == "request.named")
        return list(db.session.scalars(found.order_by(Mail.id)))


@pytest.mark.parametrize("how", ["locked", "withdrawn"])
def test_the_requests_of_a_closed_account_are_closed(house: Any, clinic: Clinic, how: str) -> None:
    waits = sent(house, clinic)
    draft = begun(house, clinic.newcomer, RequestKind.ASSISTANT, clinic.hospital)
    other = sent(house, clinic, clinic.other)
    with house.system():
        admin = make.admin(make.person("admin")).id
    with house.acting(admin if how == "locked" else clinic.newcomer) as actor:
        end = accounts.disable if how == "locked" else policies.withdraw
        end(actor, db.session.get_one(Person, clinic.newcomer))
    run_due(house)
    assert [state(house, key) for key in (waits, draft, other)] == ["withdrawn", "withdrawn", "at_hospital"]


def test_a_request_nobody_answers_is_closed_and_what_is_over_is_deleted(house: Any, clinic: Clinic) -> None:
    old, young = sent(house, clinic), sent(house, clinic, clinic.other)
    accepted = sent(house, clinic, clinic.clinician, centres=[clinic.second])
    did(house, clinic.representative, admissions.confirm, accepted)
    did(house, clinic.second_coordinator, admissions.accept, accepted)
    for key, days in ((old, 181), (young, 179), (accepted, 500)):
        aged(house, key, days)
    sweep(house)
    assert [state(house, key) for key in (old, young)] == ["withdrawn", "at_hospital"]
    assert kept(house) == {old, young, accepted}  # who asked reads what became of it
    aged(house, old, 181)
    sweep(house)
    assert kept(house) == {young, accepted}


def test_what_was_refused_or_begun_and_forgotten_is_deleted_with_the_addresses_it_names(
    house: Any, clinic: Clinic
) -> None:
    refused = assistant(house, clinic, clinic.emails["clinician"])
    did(house, clinic.representative, admissions.refuse, refused, reason="Unknown")
    forgotten = begun(house, clinic.newcomer, RequestKind.GUEST, emails=["third@people.example"])
    young = begun(house, clinic.other, RequestKind.GUEST, emails=["fourth@people.example"])
    for key, days in ((refused, 181), (forgotten, 181), (young, 179)):
        aged(house, key, days)
    sweep(house)
    assert kept(house) == {young}
    assert [row[0] for row in house.rows("SELECT email FROM request_confirmation")] == ["fourth@people.example"]


def test_a_colleague_is_written_to_once_and_a_corrected_address_too(house: Any, clinic: Clinic) -> None:
    right = clinic.emails["clinician"]
    key = assistant(house, clinic, clinic.emails["other"])
    did(house, clinic.newcomer, requests.take_back, key)
    did(house, clinic.newcomer, request_drafts.write, key, emails=[clinic.emails["other"], right])
    did(house, clinic.newcomer, requests.submit, key)
    assert told(house) == [clinic.emails["other"], right]


def test_nobody_floods_colleagues_by_correcting(house: Any, clinic: Clinic) -> None:
    key = assistant(house, clinic, clinic.emails["other"])
    for _number in range(requests.MOST_OPEN - 1):
        did(house, clinic.newcomer, requests.take_back, key)
        did(house, clinic.newcomer, requests.submit, key)
    did(house, clinic.newcomer, requests.take_back, key)
    with pytest.raises(WrongStep, match="many requests"):
        did(house, clinic.newcomer, requests.submit, key)
    aged(house, key, 1)
    did(house, clinic.newcomer, requests.submit, key)
