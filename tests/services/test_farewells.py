"""Last days that nobody announced: who is told, once, and never again by who announces the same day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from app import actors, sight
from app.models import Authorisation, Centre, Hospital, Mail, Mandate, Membership, Network, db, now, today
from app.services import departures, jobs, networks, people
from app.words import CentreKind, MandateKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic
from tests.services.mail_words import sent_and_forgotten

LEAVES = "hospital.leaves"


def run(house: Any) -> list[tuple[int, str, str | None]]:
    """A day's round twice; the mails it wrote, and the day each says."""
    before = house.value("SELECT count(*) FROM mail")
    with house.app.app_context():
        sight.bind(db.session(), actors.system("leaving"))
        for _twice in range(2):
            jobs.KINDS["places.tell"].work(actors.system("leaving"), {})
    return mails(house)[before:]


def mails(house: Any) -> list[tuple[int, str, str | None]]:
    with house.everything() as session:
        return [(one.person_id, one.kind, one.facts.get("day")) for one in session.query(Mail).order_by(Mail.id)]


def amend(house: Any, clinic: Clinic, days: int) -> str:
    """The coordinator corrects the centre's last day."""
    last = today() + days * DAY
    with house.acting(clinic.coordinator) as actor:
        centre = db.session.get(Centre, clinic.centre)
        kept = {"name": centre.name, "kind": CentreKind.FULL_MEMBER, "from_on": centre.from_on}
        networks.amend_centre(actor, centre, to_on=last, **kept)
    return last.isoformat()


def everybody(clinic: Clinic, kind: str, day: str | None) -> set[tuple[int, str, str | None]]:
    return {(who, kind, day) for who in (clinic.clinician, clinic.representative, clinic.protection)}


@pytest.mark.parametrize(("days", "told"), [(91, False), (90, True), (0, True), (-14, True), (-15, False)])
def test_who_is_in_a_hospital_that_comes_to_its_last_day_is_told_once(
    house: Any, clinic: Clinic, days: int, *, told: bool
) -> None:
    with house.system():
        db.session.get(Centre, clinic.centre).from_on = today() - 100 * DAY
        db.session.commit()
    last = amend(house, clinic, days)
    written = run(house)
    said = last if days >= 0 else None
    assert set(written) == (everybody(clinic, LEAVES, said) if told else set())
    assert len(written) == len(set(written))


def test_a_last_day_is_not_told_again_when_the_mail_is_forgotten(house: Any, clinic: Clinic) -> None:
    start = now()
    amend(house, clinic, 90)
    assert len(run(house)) == 3
    for days in (91, 95, 104):
        with time_machine.travel(start + days * DAY, tick=True):
            sent_and_forgotten(house)
            assert run(house) == []
    with time_machine.travel(start + 491 * DAY, tick=True):
        sent_and_forgotten(house)
    assert mails(house) == []


def test_another_last_day_is_told_anew_and_one_taken_back_is_not(house: Any, clinic: Clinic) -> None:
    amend(house, clinic, 40)
    assert len(run(house)) == 3
    assert set(run(house)) == set()
    sooner = amend(house, clinic, 20)
    assert set(run(house)) == everybody(clinic, LEAVES, sooner)
    with house.system():
        db.session.get(Centre, clinic.centre).to_on = None
        db.session.commit()
    assert run(house) == []


def test_an_announced_last_day_that_is_moved_is_told_anew(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.coordinator) as actor:
        centre = db.session.get(Centre, clinic.centre)
        departures.end_centre(actor, centre, reason="Leaves", last_day=today() + 40 * DAY)
    assert run(house) == []
    sooner = amend(house, clinic, 2)
    assert set(run(house)) == everybody(clinic, LEAVES, sooner)


def test_who_ends_it_on_the_same_day_writes_nothing_twice_and_on_another_day_does(house: Any, clinic: Clinic) -> None:
    last = dt.date.fromisoformat(amend(house, clinic, 40))
    run(house)
    for day in (last, last - DAY):
        before = len(mails(house))
        with house.acting(clinic.coordinator) as actor:
            departures.end_centre(actor, db.session.get(Centre, clinic.centre), reason="Leaves", last_day=day)
        assert set(mails(house)[before:]) == (set() if day == last else everybody(clinic, LEAVES, day.isoformat()))
    assert run(house) == []


def test_of_two_centres_the_later_is_the_end_of_the_hospital(house: Any, clinic: Clinic) -> None:
    with house.system():
        second = make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER"))
        second.to_on = today() + 60 * DAY
        both = make.person("both")
        make.member(both, second)
        leaver = make.member(make.person("leaver"), db.session.get(Centre, clinic.centre))
        leaver.to_on = today() + 30 * DAY
        db.session.commit()
        key, own = both.id, leaver.person_id
    sooner, later = amend(house, clinic, 30), (today() + 60 * DAY).isoformat()
    keepers = {one for one in everybody(clinic, LEAVES, later) if one[0] != clinic.clinician}
    told = {(who, "place.ended", sooner) for who in (clinic.clinician, own)}
    assert set(run(house)) == {*told, (key, LEAVES, later), *keepers}


def test_a_hospital_with_a_last_day_of_its_own_tells_its_people_and_home_says_so(house: Any, clinic: Clinic) -> None:
    with house.system():
        hospital = db.session.get(Hospital, clinic.hospital)
        hospital.to_on = today() + 10 * DAY
        db.session.commit()
        assistant = (clinic.assistant, "place.ended", hospital.to_on.isoformat())
        day = hospital.to_on
    assert set(run(house)) == {*everybody(clinic, LEAVES, day.isoformat()), assistant}
    with house.acting(clinic.clinician) as actor:
        assert [one.day for one in departures.mine(actor)] == [day]


def test_who_has_a_place_that_ends_sooner_by_itself_reads_the_day_that_is_true(house: Any, clinic: Clinic) -> None:
    soon = amend(house, clinic, 20)
    with house.acting(clinic.admin) as actor:
        network = db.session.get(Network, clinic.network)
        departures.end_network(actor, network, reason="Closes", last_day=today() + 50 * DAY)
    assert {day for who, _kind, day in mails(house) if who == clinic.clinician} == {soon}
    assert run(house) == []


# --- authorisations --------------------------------------------------------------------------------------------------


def authorised_until(house: Any, clinic: Clinic, days: int) -> str:
    last = today() + days * DAY
    with house.system():
        for one in db.session.query(Authorisation).filter_by(hospital_id=clinic.hospital):
            one.from_on, one.to_on = today() - 100 * DAY, last
        db.session.commit()
    return last.isoformat()


def test_who_renews_an_authorisation_is_told_two_months_before_and_who_enrols_one(house: Any, clinic: Clinic) -> None:
    kind = "authorisation.ending"
    authorised_until(house, clinic, 61)
    assert run(house) == []
    last = authorised_until(house, clinic, 60)
    assert set(run(house)) == {(who, kind, last) for who in (clinic.representative, clinic.protection)}
    last = authorised_until(house, clinic, 30)
    assert set(run(house)) == everybody(clinic, kind, last)
    authorised_until(house, clinic, -1)
    assert set(run(house)) == everybody(clinic, kind, None)


def test_nobody_is_told_of_an_authorisation_that_is_renewed_or_of_a_hospital_that_has_left(
    house: Any, clinic: Clinic
) -> None:
    authorised_until(house, clinic, 10)
    with house.system():
        newer = db.session.query(Authorisation).filter_by(hospital_id=clinic.hospital).one()
        make.authorisation(newer.hospital, to_on=today() + 400 * DAY)
    assert run(house) == []
    with house.acting(clinic.coordinator) as actor:
        departures.end_centre(actor, db.session.get(Centre, clinic.centre), reason="Leaves")
    with house.system():
        db.session.query(Authorisation).filter(Authorisation.to_on > today() + 100 * DAY).delete()
        db.session.commit()
    assert run(house) == []


def test_who_joins_a_centre_near_its_last_day_is_told_of_it(house: Any, clinic: Clinic) -> None:
    last = amend(house, clinic, 40)
    run(house)
    with house.system():
        person = make.person("late")
        make.member(person, db.session.get(Centre, clinic.centre))
        key = person.id
    assert run(house) == [(key, LEAVES, last)]


ENDED = "place.ended"


def own_day(house: Any, table: Any, key: int, days: int) -> str:
    """Somebody's own place has a last day, as if from the start."""
    with house.system():
        place = db.session.get(table, key)
        place.from_on, place.to_on = min(place.from_on, today() - 100 * DAY), today() + days * DAY
        db.session.commit()
        return str(place.to_on.isoformat())


def mandate_of(house: Any, person_id: int) -> int:
    return int(house.value("SELECT id FROM mandate WHERE person_id = :id", id=person_id))


@pytest.mark.parametrize(("days", "told"), [(91, False), (90, True), (0, True), (-14, True), (-15, False)])
def test_whose_own_place_comes_to_its_last_day_is_told_once(
    house: Any, clinic: Clinic, days: int, *, told: bool
) -> None:
    last = own_day(house, Membership, clinic.membership, days)
    own_day(house, Mandate, mandate_of(house, clinic.representative), days)
    own_day(house, Mandate, mandate_of(house, clinic.assistant), days)
    people_ = (clinic.clinician, clinic.representative, clinic.assistant)
    said = last if days >= 0 else None
    assert set(run(house)) == ({(who, ENDED, said) for who in people_} if told else set())
    assert run(house) == []


def test_who_was_told_by_whoever_ends_their_place_is_not_told_again_but_of_another_day(
    house: Any, clinic: Clinic
) -> None:
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.end_membership(actor, membership, reason="Moves", last_day=today() + 40 * DAY)
        assistant = db.session.get(Mandate, mandate_of(house, clinic.assistant))
        people.end_mandate(actor, assistant, reason="Moves", last_day=today() + 40 * DAY)
    told = [one[:2] for one in mails(house)]
    assert {(clinic.clinician, ENDED), (clinic.assistant, ENDED)} <= set(told)
    assert run(house) == []
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.amend_membership(actor, membership, from_on=membership.from_on, to_on=today() + 20 * DAY)
    assert run(house) == [(clinic.clinician, ENDED, (today() + 20 * DAY).isoformat())]
    with house.acting(clinic.representative) as actor:  # taken back, and announced once more
        membership = db.session.get(Membership, clinic.membership)
        people.amend_membership(actor, membership, from_on=membership.from_on, to_on=None)
        people.end_membership(actor, membership, reason="Moves", last_day=today() + 20 * DAY)
    assert run(house) == []


def test_a_place_that_ends_later_than_its_centre_is_told_with_the_centre_alone(house: Any, clinic: Clinic) -> None:
    own_day(house, Membership, clinic.membership, 60)
    last = amend(house, clinic, 30)
    assert set(run(house)) == everybody(clinic, LEAVES, last)


def test_whose_place_ended_with_its_centre_is_not_told_of_its_own_last_day_as_well(house: Any, clinic: Clinic) -> None:
    with house.system():
        hospital, network = db.session.get(Hospital, clinic.hospital), db.session.get(Network, clinic.network)
        second = make.centre(hospital, network, name="Second")
        key, who = second.id, make.member(make.person("second"), second, to_on=today() + 20 * DAY).person_id
    with house.acting(clinic.coordinator) as actor:
        departures.end_centre(actor, db.session.get(Centre, key), reason="Closes")
    assert [one[1] for one in mails(house) if one[0] == who] == [ENDED]
    assert run(house) == []


@pytest.mark.parametrize("table", ["hospital", "ern"])
def test_whose_mandate_ended_with_its_place_is_not_told_of_its_own_last_day_as_well(
    house: Any, clinic: Clinic, table: str
) -> None:
    who = {"hospital": clinic.assistant, "ern": clinic.coordinator}[table]
    own_day(house, Mandate, mandate_of(house, who), 20)
    with house.system():
        mandate = db.session.get(Mandate, mandate_of(house, who))
        (mandate.hospital or mandate.network).ended_at = now()
        db.session.commit()
    assert [one for one in run(house) if one[0] == who] == []


def test_a_guest_and_whoever_leaves_at_once_are_told_elsewhere(house: Any, clinic: Clinic) -> None:
    with house.system():
        guest = make.person("Gina")
        make.mandate(guest, MandateKind.GUEST, host_id=clinic.clinician, to_on=today())
        db.session.commit()
        key = guest.id
    own_day(house, Mandate, mandate_of(house, key), 10)
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left")
    assert [one for one in mails(house) if one[0] == clinic.clinician] == [(clinic.clinician, ENDED, None)]
    assert run(house) == []
