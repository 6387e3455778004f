"""Who appoints whom, and who ends what: in one’s own hospital or network, and never oneself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Incomplete, NotAllowed
from app.models import Centre, Country, Hospital, Mandate, Membership, Network, Person, db, now, today
from app.services import people
from app.services.accounts import Typed
from app.words import MandateKind
from tests import factories as make
from tests.services.clinics import DAY, REPRESENTATIVE, Clinic, email_of, typed

APPOINT = {
    "admin": [(people.appoint_coordinator, Network, "network")],
    "coordinator": [(people.appoint_representative, Hospital, "hospital")],
    "representative": [
        (people.appoint_protection, Hospital, "hospital"),
        (people.appoint_assistant, Hospital, "hospital"),
        (people.add_member, Centre, "centre"),
    ],
}
CASES = [(who, *case) for who, cases in APPOINT.items() for case in cases]


@pytest.mark.parametrize(("who", "act", "table", "place"), CASES)
def test_each_appoints_what_is_theirs_and_sees_it(
    house: Any, clinic: Clinic, who: str, act: Any, table: Any, place: str
) -> None:
    tomorrow = today() + DAY
    with house.acting(getattr(clinic, who)) as actor:
        made = act(actor, db.session.get(table, getattr(clinic, place)), typed=typed(), from_on=tomorrow)
        assert (made.appointed_by_id, str(made.person)) == (actor.user_id, "Typed Name")


@pytest.mark.parametrize("who", ["admin", "coordinator", "representative", "protection", "clinician", "assistant"])
@pytest.mark.parametrize(("owner", "act", "table", "place"), CASES)
def test_nobody_else_does(house: Any, clinic: Clinic, who: str, owner: str, act: Any, table: Any, place: str) -> None:
    if who == owner:
        pytest.skip("it is theirs")
    with house.acting(getattr(clinic, who)) as actor, pytest.raises(NotAllowed):
        act(actor, db.session.get(table, getattr(clinic, place)), typed=typed(), from_on=today())
    assert house.rows("SELECT id FROM ab_user WHERE email = 'new.person@people.example'") == []


@pytest.mark.parametrize(("who", "act", "table", "place"), CASES)
def test_nobody_appoints_themselves(house: Any, clinic: Clinic, who: str, act: Any, table: Any, place: str) -> None:
    me = getattr(clinic, who)
    email = email_of(house, me)
    with house.acting(me) as actor, pytest.raises(Incomplete) as refused:
        act(actor, db.session.get(table, getattr(clinic, place)), typed=typed(email), from_on=today())
    assert list(refused.value.fields) == ["email"]


@pytest.mark.parametrize(
    ("said", "verified", "found"),
    [
        ("anna.k@home.example", True, True),
        ("Anna.K@Home.example", True, True),
        ("anna.k@elsewhere.example", True, False),  # the hospital may have given the address to somebody else meanwhile
        ("anna.k@elsewhere.example", False, True),
        (None, False, True),
    ],
)
@pytest.mark.parametrize(("who", "act", "table", "place"), CASES)
def test_an_address_appoints_its_account_until_the_account_has_moved_on(
    house: Any, clinic: Clinic, who: str, act: Any, table: Any, place: str, said: str, *, verified: bool, found: bool
) -> None:
    with house.system():
        anna = make.person("Anna", email="anna.k@home.example")
        make.identity(anna, "anna.k@home.example", used_at=now() - DAY)
        make.identity(anna, said, verified=verified)
        anna_id = anna.id
    with house.acting(getattr(clinic, who)) as actor:
        there = db.session.get(table, getattr(clinic, place))
        if found:
            assert act(actor, there, typed=typed("anna.k@home.example"), from_on=today()).person_id == anna_id
        else:
            with pytest.raises(Incomplete, match="somebody else’s today") as refused:
                act(actor, there, typed=typed("anna.k@home.example"), from_on=today())
            assert list(refused.value.fields) == ["email"]


def test_the_database_refuses_a_mandate_appointed_by_its_holder(house: Any, clinic: Clinic) -> None:
    with house.system(), pytest.raises(IntegrityError):
        make.mandate(
            db.session.get(Person, clinic.clinician),
            MandateKind.ASSISTANT,
            hospital_id=clinic.hospital,
            appointed_by_id=clinic.clinician,
        )


def test_a_representative_appoints_in_no_other_hospital(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        for act, table, place in (
            (people.appoint_assistant, Hospital, clinic.other_hospital),
            (people.add_member, Centre, clinic.other_centre),
        ):
            with pytest.raises(NotAllowed):
                act(actor, db.session.get(table, place), typed=typed(), from_on=today())


def test_who_decides_is_never_who_advises(house: Any, clinic: Clinic) -> None:
    contact, decider = email_of(house, clinic.protection), email_of(house, clinic.representative)
    with house.system():  # a second representative, who may appoint the first one as contact
        second = make.mandate(make.person("second"), REPRESENTATIVE, hospital_id=clinic.hospital).person_id
    with house.acting(clinic.coordinator) as actor, pytest.raises(Incomplete) as one:
        people.appoint_representative(
            actor, db.session.get(Hospital, clinic.hospital), typed=typed(contact), from_on=today()
        )
    with house.acting(second) as actor, pytest.raises(Incomplete) as other:
        people.appoint_protection(
            actor, db.session.get(Hospital, clinic.hospital), typed=typed(decider), from_on=today()
        )
    assert [list(refused.value.fields) for refused in (one, other)] == [["email"], ["email"]]


def test_the_hub_is_ukraines(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.admin) as actor:
        greece, ukraine = (db.session.scalars(select(Country).where(Country.code == c)).one() for c in ("GR", "UA"))
        with pytest.raises(NotAllowed):
            people.appoint_hub(actor, greece, typed=typed(), from_on=today())
        assert people.appoint_hub(actor, ukraine, typed=typed(), from_on=today()).kind is MandateKind.UA_HUB


@pytest.mark.parametrize(("days", "fits"), [(0, True), (90, True), (91, False), (-1, False)])
def test_a_guest_stays_ninety_days_at_most(house: Any, clinic: Clinic, days: int, fits: bool) -> None:
    guest = Typed("guest@abroad.example", "Gu", "Est", institution="Clinic abroad", country_code="CH")
    with house.acting(clinic.coordinator) as actor:
        host = db.session.get(Person, clinic.clinician)
        if fits:
            made = people.admit_guest(actor, host, typed=guest, to_on=today() + days * DAY)
            assert (made.host_id, made.person.institution, made.person.country_code) == (host.id, "Clinic abroad", "CH")
            return
        with pytest.raises(Incomplete) as refused:
            people.admit_guest(actor, host, typed=guest, to_on=today() + days * DAY)
    assert list(refused.value.fields) == ["to_on"]


def test_a_data_protection_contact_admits_no_guest(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.protection) as actor, pytest.raises(NotAllowed):
        people.admit_guest(actor, db.session.get(Person, clinic.clinician), typed=typed(), to_on=today())


@pytest.mark.parametrize(
    ("who", "whose", "may"),
    [
        ("representative", "assistant", True),
        ("representative", "protection", True),
        ("representative", "representative", False),
        ("representative", "coordinator", False),
        ("coordinator", "representative", True),
        ("coordinator", "assistant", False),
        ("coordinator", "coordinator", False),
        ("protection", "representative", False),
        ("admin", "coordinator", True),
    ],
)
def test_who_may_appoint_may_end(house: Any, clinic: Clinic, who: str, whose: str, may: bool) -> None:
    with house.everything() as all_of_it:
        held = all_of_it.scalars(select(Mandate).where(Mandate.person_id == getattr(clinic, whose))).one()
    with house.acting(getattr(clinic, who)) as actor:
        if may:
            people.end_mandate(actor, held, reason="Left")
        else:
            with pytest.raises(NotAllowed):
                people.end_mandate(actor, held, reason="Left")
    ended = house.value("SELECT ended_at IS NOT NULL FROM mandate WHERE id = :id", id=held.id)
    assert bool(ended) is may


def test_nobody_lengthens_their_own_membership(house: Any, clinic: Clinic) -> None:
    with house.system():
        both = make.member(db.session.get(Person, clinic.representative), db.session.get(Centre, clinic.centre)).id
    with house.acting(clinic.representative) as actor, pytest.raises(NotAllowed):
        people.amend_membership(actor, db.session.get(Membership, both), from_on=today(), to_on=None)
