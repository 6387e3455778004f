"""Requests for a place: who asks, who confirms, who decides, and what comes of it; nobody decides about themselves."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import (
    Centre,
    Grant,
    Hospital,
    Mail,
    Mandate,
    Membership,
    MembershipRequest,
    Person,
    RequestConfirmation,
    db,
    now,
    today,
)
from app.services import admissions, entries, patients, request_drafts, requests
from app.words import GrantScope, MandateKind, RequestKind, RequestState, Sex
from tests import factories as make
from tests.factories import DAY

S = RequestState
WORK = {"job_title": "Consultant", "registration_number": "REG 7", "registered_with": "Chamber", "languages": "en,el"}


@dataclass
class Clinic:
    """Ids of a represented hospital with two centres, of one nobody represents, and of people."""

    hospital: int
    centre: int
    second: int
    lonely: int
    lonely_centre: int
    newcomer: int
    other: int
    clinician: int
    representative: int
    coordinator: int
    second_coordinator: int
    emails: dict[str, str]


@pytest.fixture
def clinic(house: Any) -> Clinic:
    with house.system():
        country, network, second = make.country("GR"), make.network("ERN ONE"), make.network("ERN TWO")
        home, lonely = make.hospital("Home", country), make.hospital("Lonely", country)
        home.email = lonely.email = "withdrawals@people.example"
        centre, other_centre = make.centre(home, network), make.centre(home, second)
        lonely_centre = make.centre(lonely, network)
        names = ("newcomer", "other", "clinician", "representative", "coordinator", "second_coordinator")
        people = {name: make.person(name) for name in names}
        make.member(people["clinician"], centre)
        make.mandate(people["representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        make.mandate(people["coordinator"], MandateKind.ERN_COORDINATOR, network=network)
        make.mandate(people["second_coordinator"], MandateKind.ERN_COORDINATOR, network=second)
        db.session.commit()
        return Clinic(
            hospital=home.id,
            centre=centre.id,
            second=other_centre.id,
            lonely=lonely.id,
            lonely_centre=lonely_centre.id,
            emails={name: one.email for name, one in people.items()},
            **{name: one.id for name, one in people.items()},
        )


def begun(house: Any, who: int, kind: RequestKind, hospital: int | None = None, **answers: Any) -> int:
    """A draft with answers."""
    with house.acting(who) as actor:
        draft = request_drafts.begin(actor, db.session.get_one(Person, who), kind=kind)
        centres = answers.pop("centres", None)
        if hospital is not None:
            request_drafts.write(actor, draft, hospital=db.session.get_one(Hospital, hospital))
        if centres is not None:
            request_drafts.write(actor, draft, centres=[db.session.get_one(Centre, key) for key in centres])
        request_drafts.write(actor, draft, **answers)
        return draft.id


def sent(
    house: Any, clinic: Clinic, who: int | None = None, *, hospital: int | None = None, centres: Any = None
) -> int:
    """A clinician's request, sent."""
    where = hospital or clinic.hospital
    key = begun(house, who or clinic.newcomer, RequestKind.CLINICIAN, where, centres=centres or [clinic.centre], **WORK)
    with house.acting(who or clinic.newcomer) as actor:
        requests.submit(actor, db.session.get_one(MembershipRequest, key))
    return key


def did(house: Any, who: int, act: Any, key: int, table: Any = MembershipRequest, **given: Any) -> None:
    """Let a person act on a row; a row they do not see is refused as the page would refuse it."""
    with house.acting(who) as actor:
        record = db.session.scalars(select(table).where(table.id == key)).unique().one_or_none()
        if record is None:
            raise NotAllowed
        act(actor, record, **given)


def state(house: Any, key: int) -> str:
    return str(house.value("SELECT state FROM membership_request WHERE id = :key", key=key))


def roles(house: Any, who: int) -> set[str]:
    with house.acting(who) as actor:
        return {role.value for role in actor.roles} - {"Any signed-in"}


# --- a clinician -----------------------------------------------------------------------------------------------------


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


# --- asked, corrected, withdrawn, refused ------------------------------------------------------------------------------


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


# --- an assistant ------------------------------------------------------------------------------------------------------


def assistant(house: Any, clinic: Clinic, *emails: str) -> int:
    key = begun(
        house, clinic.newcomer, RequestKind.ASSISTANT, clinic.hospital, emails=list(emails), job_title="Secretary"
    )
    did(house, clinic.newcomer, requests.submit, key)
    return key


def asked(house: Any, email: str) -> int:
    return int(house.value("SELECT id FROM request_confirmation WHERE email = :email", email=email.lower()))


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


# --- a guest -----------------------------------------------------------------------------------------------------------


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


# --- mails ---


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
    assert house.value("SELECT count(*) FROM mail WHERE kind = 'request.named'") == 1
    with house.acting(clinic.newcomer):
        assert {mail.kind for mail in db.session.scalars(select(Mail))} == {"request.sent"}


def test_nobody_floods_colleagues_with_requests(house: Any, clinic: Clinic) -> None:
    for _number in range(requests.MOST_OPEN):
        key = guest(house, clinic, clinic.emails["clinician"])
        did(house, clinic.newcomer, requests.withdraw, key)
    with pytest.raises(WrongStep, match="many requests"):
        guest(house, clinic, clinic.emails["clinician"])


# --- several at once ---------------------------------------------------------------------------------------------------


def test_what_is_accepted_together_has_all_three_proofs(house: Any, clinic: Clinic) -> None:
    with house.system():
        hospital = db.session.get_one(Hospital, clinic.hospital)
        person = db.session.get_one(Person, clinic.newcomer)
        base: dict[str, Any] = {"hospital": hospital, "confirmed_by": "R"}

        def one(state: RequestState, kind: RequestKind = RequestKind.CLINICIAN, **given: Any) -> bool:
            made = MembershipRequest(kind=kind, state=state, email=given.pop("email", person.email), **base | given)
            made.registration_number = given.get("registration_number", "R 1")
            return admissions.unfit(made) is None

        assert one(S.AT_NETWORK)
        assert one(S.AT_NETWORK, email="a@unit.people.example")
        assert not one(S.AT_NETWORK, email="a@evilpeople.example")
        assert not one(S.AT_NETWORK, registration_number=None)
        assert not one(S.AT_NETWORK, confirmed_by=None)
        assert not one(S.AT_HOSPITAL)
        assert not one(S.AT_NETWORK, RequestKind.ASSISTANT)
