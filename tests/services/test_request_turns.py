"""Requests go back and forth: asked, corrected, withdrawn, begun anew; and what is mailed of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import (
    Centre,
    Mail,
    MembershipRequest,
    Person,
    db,
)
from app.services import admissions, request_drafts, requests
from app.words import RequestKind
from tests.services.request_words import WORK, Clinic, assistant, begun, did, opened, sent, state


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


# --- asked, corrected, withdrawn, refused -----------------------------------------------------------------------------


def test_a_question_goes_to_the_applicant_and_back_to_who_asked(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.ask_back, key, question="Since when?")
    with pytest.raises(WrongStep):
        did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.newcomer, requests.answer, key, text="Since May")
    assert state(house, key) == "at_hospital"
    did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.coordinator, admissions.ask_back, key, question="Which unit?")
    did(house, clinic.newcomer, requests.answer, key, text="The first")
    assert state(house, key) == "at_network"
    with house.acting(clinic.newcomer):
        turns = [(turn["by"], turn["text"]) for turn in db.session.get_one(MembershipRequest, key).history]
    assert turns == [
        ("applicant", None),
        ("hospital", "Since when?"),
        ("applicant", "Since May"),
        ("hospital", None),
        ("network", "Which unit?"),
        ("applicant", "The first"),
    ]


def test_a_corrected_request_is_confirmed_anew(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.newcomer, requests.take_back, key)
    with pytest.raises(NotAllowed):
        did(house, clinic.coordinator, admissions.accept, key)
    with house.acting(clinic.newcomer) as actor:
        draft = db.session.get_one(MembershipRequest, key)
        request_drafts.write(actor, draft, registration_number="REG 8")
        requests.submit(actor, draft)
    assert state(house, key) == "at_hospital"
    assert house.value("SELECT confirmed_by FROM membership_request WHERE id = :key", key=key) is None


def test_after_a_refusal_one_begins_anew_with_what_one_said(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.refuse, key, reason="Nobody knows you")
    with house.acting(clinic.newcomer) as actor:
        draft = request_drafts.begin(actor, db.session.get_one(Person, clinic.newcomer), kind=RequestKind.CLINICIAN)
        assert (draft.registration_number, draft.centre_id, draft.decision_reason) == ("REG 7", clinic.centre, None)
        with pytest.raises(WrongStep):
            request_drafts.begin(actor, db.session.get_one(Person, clinic.newcomer), kind=RequestKind.GUEST)
        requests.submit(actor, draft)


def test_the_same_is_not_asked_for_twice(house: Any, clinic: Clinic) -> None:
    sent(house, clinic)
    again = begun(house, clinic.newcomer, RequestKind.CLINICIAN, clinic.hospital, centres=[clinic.centre], **WORK)
    with pytest.raises(WrongStep, match="asked for this already"):
        did(house, clinic.newcomer, requests.submit, again)


def test_what_is_missing_or_cannot_be_right_is_said(house: Any, clinic: Clinic) -> None:
    key = begun(house, clinic.newcomer, RequestKind.CLINICIAN, clinic.hospital)
    with pytest.raises(Incomplete):
        did(house, clinic.newcomer, requests.submit, key)
    for name, value in {"registration_number": "---", "orpha_codes": "558, x"}.items():
        with pytest.raises(Incomplete) as refused:
            did(house, clinic.newcomer, request_drafts.write, key, **{name: value})
        assert set(refused.value.fields) == {name}
    with house.acting(clinic.newcomer) as actor, pytest.raises(Incomplete):
        foreign = db.session.get_one(Centre, clinic.lonely_centre)
        request_drafts.write(actor, db.session.get_one(MembershipRequest, key), centres=[foreign])
    did(house, clinic.newcomer, request_drafts.write, key, orpha_codes="ORPHA:558, 0730,558")
    assert house.value("SELECT orpha_codes FROM membership_request WHERE id = :key", key=key) == "558, 730"


@pytest.mark.parametrize("typed", [",".join(str(9_000_001 + n) for n in range(25)), "0", "558 Marfan", "12345678"])
def test_codes_that_are_none_or_do_not_fit_are_refused_by_the_field(house: Any, clinic: Clinic, typed: str) -> None:
    key = begun(house, clinic.newcomer, RequestKind.CLINICIAN)
    with pytest.raises(Incomplete) as refused:
        did(house, clinic.newcomer, request_drafts.write, key, orpha_codes=typed)
    assert list(refused.value.fields) == ["orpha_codes"]


# --- mails ------------------------------------------------------------------------------------------------------------


def mails(house: Any, who: int) -> list[str]:
    rows = house.rows("SELECT kind, facts FROM mail WHERE person_id = :p ORDER BY id", p=who)
    assert not any("REG" in str(row.facts) or "secret" in str(row.facts) for row in rows)
    return [row.kind for row in rows]


def test_the_applicant_is_written_to_at_each_step_and_the_mail_quotes_nobody(house: Any, clinic: Clinic) -> None:
    key = sent(house, clinic)
    did(house, clinic.representative, admissions.ask_back, key, question="secret question")
    did(house, clinic.newcomer, requests.answer, key, text="secret answer")
    did(house, clinic.representative, admissions.confirm, key)
    did(house, clinic.coordinator, admissions.refuse, key, reason="secret reason")
    wanted = ["request.sent", "request.asked", "request.confirmed", "request.refused"]
    assert mails(house, clinic.newcomer) == wanted


def test_who_is_named_is_written_to_once_and_the_applicant_cannot_tell(house: Any, clinic: Clinic) -> None:
    key = assistant(house, clinic, clinic.emails["clinician"], "nobody@people.example")
    did(house, clinic.newcomer, requests.take_back, key)
    did(house, clinic.newcomer, requests.submit, key)
    assert mails(house, clinic.clinician) == ["request.named"]
    (facts,) = house.rows("SELECT facts FROM mail WHERE kind = 'request.named'")
    assert set(json.loads(facts[0]) if isinstance(facts[0], str) else facts[0]) == {"role"}  # no word of a stranger's
    with house.acting(clinic.newcomer):
        assert {mail.kind for mail in db.session.scalars(select(Mail))} == {"request.sent"}
