"""Hospitals, their authorisation, centres, networks, registries, countries."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Authorisation, Centre, Country, Hospital, Network, Registry, ThematicArea, db, today
from app.services import departures, endings, hanging, identities, networks, patients
from app.tables.base import clock_at
from app.words import CentreKind, MandateKind, Opinion, Sex
from tests import factories as make

DAY = dt.timedelta(days=1)
WORDS = {
    "city": "Athens",
    "address": "1 Street",
    "phone": "+30",
    "email": "w@h.example",
    "dpo_name": "Dee Pee",
    "dpo_contact": "dpo@h.example",
}


@dataclass
class Place:
    """Ids of a hospital without authorisation, of its people, and of another hospital's representative."""

    country: int
    hospital: int
    network: int
    other_network: int
    centre: int
    admin: int
    coordinator: int
    representative: int
    stranger: int
    clinician: int


@pytest.fixture
def place(house: Any) -> Place:
    with house.system():
        country, network, other = make.country("GR"), make.network(), make.network("ERN OTHER")
        hospital, far = make.hospital("Home", country, authorised=False), make.hospital("Far", country)
        centre = make.centre(hospital, network)
        names = ("coordinator", "representative", "stranger", "clinician", "admin")
        people = {name: make.person(name) for name in names}
        make.mandate(people["coordinator"], MandateKind.ERN_COORDINATOR, network=network)
        make.mandate(people["representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=hospital)
        make.mandate(people["stranger"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=far)
        make.member(people["clinician"], centre)
        make.admin(people["admin"])
        return Place(
            country=country.id,
            hospital=hospital.id,
            network=network.id,
            other_network=other.id,
            centre=centre.id,
            **{name: one.id for name, one in people.items()},
        )


def decision(**changes: Any) -> dict[str, Any]:
    return {
        "decided_on": today() - DAY,
        "to_on": today() + 30 * DAY,
        "opinion": Opinion.POSITIVE,
        "opinion_by": "Dee Pee",
        "opinion_on": today() - 3 * DAY,
        "reference": "D-1",
    } | changes


def authorise(house: Any, place: Place, **changes: Any) -> Any:
    with house.acting(place.representative) as actor:
        made = networks.authorise(actor, db.session.get(Hospital, place.hospital), **decision(**changes))
        return made.id, made.decided_by_id, made.decided_by_name


def enrols(house: Any, place: Place, number: str) -> bool:
    with house.acting(place.clinician) as actor:
        identity = identities.Identity("Tester", "Anna", dt.date(1990, 1, 1), number)
        try:
            patients.enrol(actor, db.session.get(Hospital, place.hospital), identity=identity, sex=Sex.FEMALE)
        except NotAllowed:
            return False
        return True


# --- authorisation -----------------------------------------------------------------------------------------------------


def test_the_deciding_representative_is_named_and_the_hospital_enrols(house: Any, place: Place) -> None:
    assert not enrols(house, place, "A-1")
    _id, by, name = authorise(house, place)
    assert (by, name) == (place.representative, "representative Tester")
    assert enrols(house, place, "A-2")


def test_ending_the_authorisation_ends_enrolling_at_once(house: Any, place: Place) -> None:
    made, _by, _name = authorise(house, place)
    with house.acting(place.representative) as actor:
        networks.end_authorisation(actor, db.session.get(Authorisation, made), reason="Board's decision")
    assert not enrols(house, place, "A-1")


def test_a_new_decision_replaces_the_one_in_force(house: Any, place: Place) -> None:
    authorise(house, place, reference="D-1")
    second, _by, _name = authorise(house, place, reference="D-2")
    rows = house.rows(
        "SELECT reference, ended_at IS NOT NULL, end_reason FROM authorisation WHERE hospital_id = :h ORDER BY id",
        h=place.hospital,
    )
    assert [(row[0], bool(row[1]), row[2]) for row in rows] == [("D-1", True, "Replaced by D-2"), ("D-2", False, None)]
    with house.acting(place.representative) as actor:
        networks.end_authorisation(actor, db.session.get(Authorisation, second), reason="No more")
    assert not enrols(house, place, "A-1")


def test_a_negative_opinion_does_not_bind_and_asks_for_reasons(house: Any, place: Place) -> None:
    with pytest.raises(Incomplete) as refused:
        authorise(house, place, opinion=Opinion.NEGATIVE)
    assert list(refused.value.fields) == ["note"]
    authorise(house, place, opinion=Opinion.NEGATIVE, note="The board weighed it.")
    assert enrols(house, place, "A-1")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decided_on": today() + 2 * DAY}, "decided_on"),
        ({"decided_on": dt.date(1900, 1, 1)}, "decided_on"),
        ({"opinion_on": today() + 2 * DAY}, "opinion_on"),
        ({"to_on": today() - DAY}, "to_on"),
        ({"to_on": dt.date(9999, 1, 1)}, "to_on"),
    ],
)
def test_dates_of_a_decision_that_cannot_be_right(
    house: Any, place: Place, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Incomplete) as refused:
        authorise(house, place, **changes)
    assert list(refused.value.fields) == [field]


def test_a_decision_is_dated_with_the_day_at_the_hospital(house: Any, place: Place) -> None:
    late = dt.datetime.combine(today(), dt.time(22, 30), dt.UTC)
    with clock_at(late):
        tomorrow = today() + DAY  # in Greece it has begun
        authorise(house, place, decided_on=tomorrow, opinion_on=tomorrow)
        with pytest.raises(Incomplete):
            authorise(house, place, opinion_on=tomorrow + DAY)


@pytest.mark.parametrize("who", ["stranger", "coordinator", "admin", "clinician"])
def test_nobody_else_decides_for_a_hospital(house: Any, place: Place, who: str) -> None:
    with house.acting(getattr(place, who)) as actor, pytest.raises(NotAllowed):
        networks.authorise(actor, db.session.get(Hospital, place.hospital), **decision())
    assert not enrols(house, place, "A-1")


# --- hospitals and centres ---------------------------------------------------------------------------------------------


def test_an_operator_adds_a_hospital_once(house: Any, place: Place) -> None:
    with house.acting(place.admin) as actor:
        country = db.session.get(Country, place.country)
        made = networks.add_hospital(actor, country, name="New", from_on=today(), once="one", **WORDS)
        again = networks.add_hospital(actor, country, name="New", from_on=today(), once="one", **WORDS)
        assert made.id == again.id
        with pytest.raises(Incomplete) as refused:
            networks.add_hospital(actor, country, name="New", from_on=today(), once="two", **WORDS)
    assert list(refused.value.fields) == ["name"]


def test_a_representative_corrects_the_own_hospital_and_no_other(house: Any, place: Place) -> None:
    with house.acting(place.representative) as actor:
        networks.amend_hospital(actor, db.session.get(Hospital, place.hospital), name="Home", **WORDS)
    with house.acting(place.stranger) as actor, pytest.raises(NotAllowed):
        networks.amend_hospital(actor, db.session.get(Hospital, place.hospital), name="Taken over", **WORDS)
    assert tuple(house.rows("SELECT name, city FROM hospital WHERE id = :h", h=place.hospital)[0]) == ("Home", "Athens")


def test_what_ends_with_a_hospital_is_counted(house: Any, place: Place) -> None:
    with house.acting(place.admin):
        told = hanging.told(endings.of_hospital(db.session.get(Hospital, place.hospital)))
    assert [str(sentence) for sentence in told] == [
        "1 centre leaves its network.",
        "1 membership ends.",
        "1 person has no other place: nothing opens to them any more, and their logins end.",
        "1 hospital leaves its last network: it exports its archive, and then its records can only be read.",
    ]


def test_a_coordinator_adds_centres_to_the_own_network_only(house: Any, place: Place) -> None:
    centre = {"name": "Unit", "kind": CentreKind.ASSOCIATED, "from_on": today()}
    with house.acting(place.coordinator) as actor:
        hospital = db.session.get(Hospital, place.hospital)
        made = networks.add_centre(actor, db.session.get(Network, place.network), hospital=hospital, **centre)
        assert made.kind is CentreKind.ASSOCIATED
        with pytest.raises(Incomplete):
            networks.add_centre(actor, db.session.get(Network, place.network), hospital=hospital, **centre)
        with pytest.raises(NotAllowed):
            networks.add_centre(actor, db.session.get(Network, place.other_network), hospital=hospital, **centre)


def test_a_hospital_that_has_left_gets_no_centre(house: Any, place: Place) -> None:
    with house.acting(place.admin) as actor:
        departures.end_hospital(actor, db.session.get(Hospital, place.hospital), reason="Closed")
    with house.acting(place.coordinator) as actor, pytest.raises(WrongStep):
        networks.add_centre(
            actor,
            db.session.get(Network, place.network),
            hospital=db.session.get(Hospital, place.hospital),
            name="Unit",
            kind=CentreKind.FULL_MEMBER,
            from_on=today(),
        )


def test_each_change_is_one_entry_with_names_of_fields_only(house: Any, place: Place) -> None:
    with house.acting(place.coordinator) as actor:
        centre = db.session.get(Centre, place.centre)
        networks.amend_centre(
            actor, centre, name="Secret words", kind=CentreKind.FULL_MEMBER, from_on=centre.from_on, to_on=None
        )
        departures.end_centre(actor, centre, reason="Secret words")
    rows = house.rows("SELECT act, outcome, thing, details FROM audit_entry ORDER BY seq")
    assert [tuple(row) for row in rows] == [
        ("centre.amend", "done", "Centre", "name"),
        ("centre.end", "done", "Centre", "end_reason,ended_at"),
        ("job.ask", "done", "Job", "grants.lapse"),
        ("job.ask", "done", "Job", "dispatchers.lose-networks"),
    ]


# --- networks, areas, registries, countries ----------------------------------------------------------------------------


def test_areas_are_the_coordinators_and_the_operators(house: Any, place: Place) -> None:
    with house.acting(place.coordinator) as actor:
        area = networks.add_area(actor, db.session.get(Network, place.network), name="Rare things")
        networks.amend_area(actor, area, name="Rarer things")
        with pytest.raises(Incomplete):
            networks.add_area(actor, db.session.get(Network, place.network), name="Rarer things")
        with pytest.raises(NotAllowed):
            networks.add_area(actor, db.session.get(Network, place.other_network), name="Rare things")
    with house.acting(place.representative) as actor, pytest.raises(NotAllowed):
        networks.amend_area(actor, db.session.scalars(select(ThematicArea)).one(), name="Mine")


@pytest.mark.parametrize("website", ["javascript:alert(1)", "not an address", "https://", "//evil.example"])
def test_a_networks_website_is_an_address(house: Any, place: Place, website: str) -> None:
    with house.acting(place.admin) as actor, pytest.raises(Incomplete) as refused:
        networks.amend_network(actor, db.session.get(Network, place.network), name="N", field="F", website=website)
    assert list(refused.value.fields) == ["website"]


def test_a_registry_is_added_corrected_and_ended_by_the_operator(house: Any, place: Place) -> None:
    with house.acting(place.admin) as actor:
        country, network = db.session.get(Country, place.country), db.session.get(Network, place.network)
        made = networks.add_registry(
            actor, network, name="Cohort", controller="Foundation", country=country, from_on=today()
        )
        networks.amend_registry(actor, made, name="Cohort 2", controller="Foundation", country=country)
        networks.end_registry(actor, made, reason="Closed")
    with house.acting(place.coordinator) as actor, pytest.raises(NotAllowed):
        networks.end_registry(actor, db.session.scalars(select(Registry)).one(), reason="Mine")
    (row,) = house.rows("SELECT name, end_reason FROM registry")
    assert tuple(row) == ("Cohort 2", "Closed")


COUNTRY = {
    "languages": "el",
    "authority_name": "A",
    "authority_name_en": "A",
    "authority_address": "1 Street",
    "authority_contact": "a.example",
    "majority_age": 18,
    "cosign_age": None,
    "sign_alone_age": None,
    "two_parents": True,
    "source": "Law 1",
    "checked": True,
}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"languages": "Greek"}, "languages"),
        ({"languages": "el,,en"}, "languages"),
        ({"languages": None}, "languages"),
        ({"cosign_age": 19}, "cosign_age"),
        ({"sign_alone_age": 20}, "sign_alone_age"),
    ],
)
def test_a_countrys_rules_must_fit_together(house: Any, place: Place, changes: dict[str, Any], field: str) -> None:
    with house.acting(place.admin) as actor, pytest.raises(Incomplete) as refused:
        networks.amend_country(actor, db.session.get(Country, place.country), **COUNTRY | changes)
    assert list(refused.value.fields) == [field]


def test_an_operator_adapts_a_country(house: Any, place: Place) -> None:
    with house.acting(place.admin) as actor:
        networks.amend_country(
            actor, db.session.get(Country, place.country), **COUNTRY | {"languages": "el, en", "sign_alone_age": 16}
        )
    (row,) = house.rows("SELECT languages, sign_alone_age, source FROM country")
    assert tuple(row) == ("el,en", 16, "Law 1")
