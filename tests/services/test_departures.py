"""A centre, a hospital, a network that end: what is said before, who is told, what ends with them, whose logins are closed."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import WrongStep
from app.models import Centre, Country, ExpertGroup, Hospital, Membership, Network, Person, db, today
from app.services import departures, endings, groups, hanging, networks, people
from app.words import CentreKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic, typed

GONE = "no other place: nothing opens to them any more, and their logins end."


def told(house: Any, who: int, ending: Any) -> list[str]:
    with house.acting(who):
        return [str(sentence) for sentence in hanging.told(ending)]


def mails(house: Any) -> set[tuple[int, str]]:
    return {tuple(row) for row in house.rows("SELECT person_id, kind FROM mail")}


def end_network(house: Any, clinic: Clinic, **given: Any) -> None:
    with house.acting(clinic.admin) as actor:
        departures.end_network(actor, db.session.get(Network, clinic.network), reason="Closes", **given)


def signed_in(house: Any) -> set[int]:
    return {row[0] for row in house.rows("SELECT person_id FROM login WHERE ended_at IS NULL")}


# --- before ----------------------------------------------------------------------------------------------------------


def test_what_ends_with_a_centre_and_who_takes_over_is_said_in_numbers(house: Any, clinic: Clinic) -> None:
    with house.system():
        centre = db.session.get(Centre, clinic.centre)
        second = make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER"))
        make.member(make.person("colleague"), second)
        make.member(make.person("both"), centre)
        make.member(db.session.query(Person).filter_by(first_name="both").one(), second)
    with house.acting(clinic.coordinator):
        ending = endings.of_centre(db.session.get(Centre, clinic.centre))
    assert told(house, clinic.coordinator, ending) == [
        "1 centre leaves its network.",
        "2 memberships end.",
        f"1 person has {GONE}",
        "2 records: colleagues have to take them over",
        "1 grant to an assistant: it ends",
        "2 colleagues of the same hospital can take over records",
    ]


def test_what_ends_with_a_network_is_said_in_numbers(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.add(ExpertGroup(network_id=clinic.network, name="Rare"))
        db.session.commit()
    with house.acting(clinic.admin):
        ending = endings.of_network(db.session.get(Network, clinic.network))
    assert told(house, clinic.admin, ending) == [
        "2 centres leave their networks.",
        "2 memberships end.",
        "1 mandate ends.",
        "1 expert group ends.",
        f"1 person has {GONE}",  # the coordinator: the clinicians read on
        "2 hospitals leave their last network: they export their archives, and then their records can only be read.",
        "2 records: colleagues have to take them over",
        "1 grant to an assistant: it ends",
        "Nobody else in the same hospital can take over records",
    ]


def test_what_ends_in_bulk_counts_everybody_once(house: Any, clinic: Clinic) -> None:
    with house.system():
        second = make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER"))
        other = make.member(db.session.get(Person, clinic.clinician), second).id
    assert told(house, clinic.admin, endings.of_memberships([clinic.membership])) == ["1 membership ends."]
    assert told(house, clinic.admin, endings.of_memberships([clinic.membership, other])) == [
        "2 memberships end.",
        f"1 person has {GONE}",
        "2 records: colleagues have to take them over",
        "1 grant to an assistant: it ends",
        "Nobody else in the same hospital can take over records",
    ]


# --- a network -------------------------------------------------------------------------------------------------------


def test_a_network_takes_centres_coordinators_and_groups_along(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.add(ExpertGroup(network_id=clinic.network, name="Rare"))
        db.session.commit()
    house.client_for(clinic.coordinator)
    house.client_for(clinic.outsider)
    house.client_for(clinic.assistant)
    house.client_for(clinic.admin)
    end_network(house, clinic)
    for table, others in (("centre", 0), ("expert_group", 0), ("mandate", 3), ("network", 0)):
        assert house.value(f"SELECT count(*) FROM {table} WHERE ended_at IS NULL") == others
    assert {clinic.admin, clinic.assistant} <= signed_in(house)
    assert clinic.coordinator not in signed_in(house)
    assert mails(house) == {
        (clinic.clinician, "hospital.leaves"),
        (clinic.outsider, "hospital.leaves"),
        (clinic.representative, "hospital.leaves"),
        (clinic.protection, "hospital.leaves"),
        (clinic.coordinator, "place.ended"),
    }


def test_with_a_last_day_a_network_winds_down_and_everything_ends_with_it(house: Any, clinic: Clinic) -> None:
    with house.system():
        soon = make.centre(db.session.get(Hospital, clinic.hospital), db.session.get(Network, clinic.network))
        late = make.centre(db.session.get(Hospital, clinic.hospital), db.session.get(Network, clinic.network))
        soon.to_on, late.from_on = today() + 5 * DAY, today() + 60 * DAY
        db.session.commit()
        soon_id, late_id = soon.id, late.id
    end_network(house, clinic, last_day=today() + 30 * DAY)
    with house.acting(clinic.admin):
        kept, soon, late = (db.session.get(Centre, key) for key in (clinic.centre, soon_id, late_id))
        assert (kept.to_on, kept.leaving_on, kept.ended_at) == (today() + 30 * DAY, today(), None)
        assert (soon.to_on, soon.leaving_on, soon.end_reason) == (today() + 5 * DAY, None, None)
        assert late.ended_at is not None
    with house.acting(clinic.representative) as actor, pytest.raises(WrongStep):
        people.add_member(actor, db.session.get(Centre, late_id), typed=typed(), from_on=today())


def test_nothing_new_hangs_on_a_network_that_has_ended(house: Any, clinic: Clinic) -> None:
    end_network(house, clinic)
    begins: dict[str, Any] = {"from_on": today()}
    with house.system("seed") as actor:
        network, hospital = db.session.get(Network, clinic.network), db.session.get(Hospital, clinic.hospital)
        country = db.session.query(Country).first()
        for perform in (
            lambda: networks.add_centre(
                actor, network, hospital=hospital, name="x", kind=CentreKind.FULL_MEMBER, **begins
            ),
            lambda: networks.add_registry(actor, network, name="x", controller="x", country=country, **begins),
            lambda: people.appoint_coordinator(actor, network, typed=typed(), **begins),
            lambda: groups.add(actor, network, name="x"),
            lambda: departures.end_network(actor, network, reason="Again"),
        ):
            with pytest.raises(WrongStep):
                perform()


# --- logins ----------------------------------------------------------------------------------------------------------


def test_whose_last_place_ends_at_once_is_signed_out_and_who_keeps_one_is_not(house: Any, clinic: Clinic) -> None:
    with house.system():
        second = make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER"))
        other = make.member(db.session.get(Person, clinic.clinician), second).id
    house.client_for(clinic.clinician)
    for membership, kept in ((clinic.membership, True), (other, False)):
        with house.acting(clinic.representative) as actor:
            people.end_membership(actor, db.session.get(Membership, membership), reason="Left")
        assert (clinic.clinician in signed_in(house)) is kept


def test_with_a_last_day_nobody_is_signed_out(house: Any, clinic: Clinic) -> None:
    house.client_for(clinic.clinician)
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.end_membership(actor, membership, reason="Moves", last_day=today() + DAY)
    assert clinic.clinician in signed_in(house)
