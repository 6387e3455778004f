"""Places of people: who appoints whom, by e-mail, and what ends with what."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Centre, Country, Grant, Hospital, Mandate, Membership, Network, Patient, Person, db, now, today
from app.services import networks, people
from app.services.accounts import Typed
from app.words import GrantScope, MandateKind
from tests import factories as make

DAY = dt.timedelta(days=1)
REPRESENTATIVE, PROTECTION = MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT


@dataclass
class Clinic:
    """Ids of a hospital, its people and their records, and of a second hospital of the same network."""

    hospital: int
    centre: int
    other_hospital: int
    other_centre: int
    network: int
    admin: int
    coordinator: int
    representative: int
    protection: int
    clinician: int
    assistant: int
    outsider: int
    first: int
    second: int
    grant: int
    membership: int
    assistant_mandate: int


@pytest.fixture
def clinic(house: Any) -> Clinic:
    with house.system():
        country, ukraine = make.country("GR"), make.country("UA")
        network, hospital, other = make.network(), make.hospital("Home", country), make.hospital("Far", ukraine)
        centre, other_centre = make.centre(hospital, network), make.centre(other, network)
        people_ = {name: make.person(name) for name in ("clinician", "assistant", "outsider", "representative")}
        people_ |= {name: make.person(name) for name in ("coordinator", "protection")}
        membership = make.member(people_["clinician"], centre)
        make.member(people_["outsider"], other_centre)
        mandate = make.mandate(people_["assistant"], MandateKind.ASSISTANT, hospital=hospital)
        make.mandate(people_["representative"], REPRESENTATIVE, hospital=hospital)
        make.mandate(people_["protection"], PROTECTION, hospital=hospital)
        make.mandate(people_["coordinator"], MandateKind.ERN_COORDINATOR, network=network)
        return Clinic(
            hospital=hospital.id,
            centre=centre.id,
            other_hospital=other.id,
            other_centre=other_centre.id,
            network=network.id,
            admin=make.admin(make.person("admin")).id,
            first=make.patient(people_["clinician"], hospital).id,
            second=make.patient(people_["clinician"], hospital).id,
            grant=make.grant(people_["clinician"], people_["assistant"], hospital).id,
            membership=membership.id,
            assistant_mandate=mandate.id,
            **{name: one.id for name, one in people_.items()},
        )


def typed(email: str = "new.person@people.example") -> Typed:
    return Typed(email=email, first_name="Typed", last_name="Name", job_title="Consultant")


def email_of(house: Any, person_id: int) -> str:
    return str(house.value("SELECT email FROM ab_user WHERE id = :id", id=person_id))


def patients_seen(house: Any, person_id: int) -> set[int]:
    """What an open login sees on its next request: each request asks for the roles anew."""
    with house.acting(person_id):
        return set(db.session.scalars(select(Patient.id)))


def count(house: Any, table: str) -> int:
    return int(house.value(f"SELECT count(*) FROM {table}"))


# --- by e-mail ---------------------------------------------------------------------------------------------------------


def test_a_new_address_makes_an_account_that_cannot_sign_in_yet(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        made = people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today())
        name, title, password = str(made.person), made.person.job_title, made.person.password

    assert (name, title, password) == ("Typed Name", "Consultant", None)
    entries = house.rows("SELECT act, outcome FROM audit_entry ORDER BY seq")
    assert [tuple(row) for row in entries] == [("membership.add", "done"), ("person.make", "done")]


def test_a_known_address_in_any_case_is_linked_and_keeps_its_own_names(house: Any, clinic: Clinic) -> None:
    email = email_of(house, clinic.outsider).upper()
    before = count(house, "ab_user")

    with house.acting(clinic.representative) as actor:
        assert db.session.scalars(select(Person).where(Person.id == clinic.outsider)).first() is None
        made = people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(email), from_on=today())
        assert (made.person_id, str(made.person)) == (clinic.outsider, "outsider Tester")

    assert count(house, "ab_user") == before


def test_what_is_refused_makes_no_account(house: Any, clinic: Clinic) -> None:
    before = count(house, "ab_user")
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(
            actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today(), to_on=today() - DAY
        )
    assert (list(refused.value.fields), count(house, "ab_user")) == (["to_on"], before)


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", "a b@people.example", "a@people.example\nBcc: x@y.example", "@"]
)
def test_what_is_no_address_is_refused_by_its_field(house: Any, clinic: Clinic, email: str) -> None:
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(email), from_on=today())
    assert list(refused.value.fields) == ["email"]


@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_a_name_has_a_letter(house: Any, clinic: Clinic, field: str) -> None:
    nameless = Typed(**vars(typed()) | {field: "12 !"})
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=nameless, from_on=today())
    assert list(refused.value.fields) == [field]


def test_nobody_is_a_member_of_one_centre_twice(house: Any, clinic: Clinic) -> None:
    email = email_of(house, clinic.clinician)
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(email), from_on=today())
    assert list(refused.value.fields) == ["email"]


# --- who appoints whom ---------------------------------------------------------------------------------------------------

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


# --- from when to when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_on", "to_on", "field"),
    [
        (today(), today() - DAY, "to_on"),
        (dt.date(1, 1, 1), None, "from_on"),
        (dt.date(1949, 12, 31), None, "from_on"),
        (today(), dt.date(9999, 12, 31), "to_on"),
        (dt.date(9999, 1, 1), None, "from_on"),
    ],
)
def test_dates_that_cannot_be_right_are_refused(
    house: Any, clinic: Clinic, from_on: dt.date, to_on: dt.date | None, field: str
) -> None:
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.amend_membership(actor, db.session.get(Membership, clinic.membership), from_on=from_on, to_on=to_on)
    assert list(refused.value.fields) == [field]


def test_an_end_has_a_reason(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="")
    assert list(refused.value.fields) == ["reason"]


def test_what_is_over_is_neither_ended_nor_changed_nor_hung_upon(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.end_membership(actor, membership, reason="Left")
        assert (membership.end_reason, membership.ended_at is None) == ("Left", False)
        with pytest.raises(WrongStep):
            people.end_membership(actor, membership, reason="Again")
        with pytest.raises(WrongStep):
            people.amend_membership(actor, membership, from_on=today(), to_on=None)
    with house.system():
        db.session.get(Centre, clinic.centre).ended_at = now()
        db.session.commit()
    with house.acting(clinic.representative) as actor, pytest.raises(WrongStep):
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today())


@pytest.mark.parametrize(("last_day", "fits"), [(0, True), (9, True), (-1, False), (11, False)])
def test_a_last_day_is_neither_past_nor_later_than_before(
    house: Any, clinic: Clinic, last_day: int, fits: bool
) -> None:
    day = today() + last_day * DAY
    with house.system():
        db.session.get(Membership, clinic.membership).to_on = today() + 10 * DAY
        db.session.commit()
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        if fits:
            people.end_membership(actor, membership, reason="Moves", last_day=day)
            assert (membership.to_on, membership.ended_at) == (day, None)
        else:
            with pytest.raises(Incomplete) as refused:
                people.end_membership(actor, membership, reason="Moves", last_day=day)
            assert list(refused.value.fields) == ["last_day"]


# --- ending one ends what hangs on it, in a login that is open ------------------------------------------------------------


def _end_membership(actor: Any, clinic: Clinic) -> None:
    people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left")


def _end_centre(actor: Any, clinic: Clinic) -> None:
    networks.end_centre(actor, db.session.get(Centre, clinic.centre), reason="Closed")


def _end_hospital(actor: Any, clinic: Clinic) -> None:
    networks.end_hospital(actor, db.session.get(Hospital, clinic.hospital), reason="Closed")


def _end_assistant(actor: Any, clinic: Clinic) -> None:
    people.end_mandate(actor, db.session.get(Mandate, clinic.assistant_mandate), reason="Left")


def _end_grant(actor: Any, clinic: Clinic) -> None:
    people.end_grant(actor, db.session.get(Grant, clinic.grant), reason="Not needed")


def _give_back(actor: Any, clinic: Clinic) -> None:
    people.give_back(actor, db.session.get(Grant, clinic.grant), reason="Too much")


@pytest.mark.parametrize(
    ("who", "end", "clinician_keeps"),
    [
        ("representative", _end_membership, False),
        ("coordinator", _end_membership, False),
        ("coordinator", _end_centre, False),
        ("admin", _end_hospital, False),
        ("representative", _end_assistant, True),
        ("clinician", _end_grant, True),
        ("representative", _end_grant, True),
        ("assistant", _give_back, True),
    ],
)
def test_ending_one_ends_what_hangs_on_it_at_once(
    house: Any, clinic: Clinic, who: str, end: Any, clinician_keeps: bool
) -> None:
    both = {clinic.first, clinic.second}
    clinician, assistant = house.client_for(clinic.clinician), house.client_for(clinic.assistant)
    assert [patients_seen(house, one) for one in (clinic.clinician, clinic.assistant)] == [both, both]
    assert [client.get("/patients/").status_code for client in (clinician, assistant)] == [200, 200]

    with house.acting(getattr(clinic, who)) as actor:
        end(actor, clinic)

    seen = [patients_seen(house, one) for one in (clinic.clinician, clinic.assistant)]
    assert seen == [both if clinician_keeps else set(), set()]
    answers = [client.get("/patients/").status_code for client in (clinician, assistant)]
    still_assistant = end not in (_end_assistant, _end_hospital)
    assert answers == [200 if clinician_keeps else 403, 200 if still_assistant else 403]


def test_a_last_day_passes_without_anybody_acting(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.get(Membership, clinic.membership).to_on = today() - DAY
        db.session.commit()
    assert [patients_seen(house, one) for one in (clinic.clinician, clinic.assistant)] == [set(), set()]


def test_ending_a_representatives_mandate_ends_their_reach(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.coordinator) as actor:
        held = db.session.scalars(select(Mandate).where(Mandate.person_id == clinic.representative)).one()
        people.end_mandate(actor, held, reason="Left")
    with house.acting(clinic.representative) as actor, pytest.raises(NotAllowed):
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today())


# --- grants --------------------------------------------------------------------------------------------------------------


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
