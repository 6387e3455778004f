"""Guests: warned with their host, extended by the host, ended at once; a host who leaves ends their stay in a fortnight."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app import actors, sight
from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Mandate, Membership, Person, db, today
from app.services import guests, jobs, people
from app.words import MandateKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic


def stay(house: Any, clinic: Clinic, days: int, name: str = "visitor") -> tuple[int, int]:
    """A guest of the clinician until in so many days: the keys of the person and the mandate."""
    with house.system():
        person = make.person(name)
        last = today() + days * DAY
        made = make.mandate(person, MandateKind.GUEST, host_id=clinic.clinician, from_on=today() - 90 * DAY, to_on=last)
        return person.id, made.id


def extend(house: Any, who: int, key: int, days: int) -> None:
    with house.acting(who) as actor:
        guests.extend(actor, db.session.get(Mandate, key), last_day=today() + days * DAY)


def last_day(house: Any, key: int) -> dt.date:
    with house.everything() as session:
        return session.get(Mandate, key).to_on


def run(house: Any, name: str) -> None:
    with house.app.app_context():
        sight.bind(db.session(), actors.system("guests"))
        jobs.KINDS[name].work(actors.system("guests"), {})


def mails(house: Any) -> list[tuple[int, str]]:
    return [tuple(row) for row in house.rows("SELECT person_id, kind FROM mail ORDER BY id")]


def test_guest_and_host_are_told_once_fourteen_days_before_the_end_and_again_of_another_end(
    house: Any, clinic: Clinic
) -> None:
    visitor, key = stay(house, clinic, 14)
    stay(house, clinic, 15, "later")
    run(house, "guests.warn")
    run(house, "guests.warn")
    once = [(visitor, "guest.ending"), (clinic.clinician, "guest.ending-hosted")]
    assert mails(house) == once
    extend(house, clinic.clinician, key, 30)
    run(house, "guests.warn")
    assert mails(house) == [*once, (visitor, "guest.extended")]
    with house.acting(clinic.clinician) as actor:
        people.end_mandate(actor, db.session.get(Mandate, key), reason="Done", last_day=today() + 3 * DAY)
    run(house, "guests.warn")
    assert mails(house)[4:] == once


@pytest.mark.parametrize(("days", "fits"), [(10, False), (11, True), (90, True), (91, False)])
def test_a_stay_grows_and_lasts_ninety_days_from_today_at_most(
    house: Any, clinic: Clinic, days: int, *, fits: bool
) -> None:
    _, key = stay(house, clinic, 10)
    if fits:
        extend(house, clinic.clinician, key, days)
        assert last_day(house, key) == today() + days * DAY
    else:
        with pytest.raises(Incomplete):
            extend(house, clinic.clinician, key, days)
        assert last_day(house, key) == today() + 10 * DAY


def test_host_representative_and_coordinator_extend_and_nobody_else(house: Any, clinic: Clinic) -> None:
    visitor, key = stay(house, clinic, 10)
    for days, who in enumerate((clinic.clinician, clinic.representative, clinic.coordinator), start=20):
        extend(house, who, key, days)
    for who in (visitor, clinic.outsider, clinic.assistant, clinic.protection, clinic.admin):
        with pytest.raises(NotAllowed):
            extend(house, who, key, 40)
    assert last_day(house, key) == today() + 22 * DAY


def test_what_is_over_is_not_extended_and_the_host_alone_ends_it_at_once(house: Any, clinic: Clinic) -> None:
    visitor, key = stay(house, clinic, 10)
    for who in (clinic.outsider, visitor):
        with house.acting(who) as actor, pytest.raises(NotAllowed):
            people.end_mandate(actor, db.session.get(Mandate, key), reason="Gone")
    with house.acting(clinic.clinician) as actor:
        people.end_mandate(actor, db.session.get(Mandate, key), reason="Gone")
    with house.everything() as session:
        assert actors.load(session, visitor).mandates == frozenset()
    with pytest.raises(WrongStep):
        extend(house, clinic.clinician, key, 20)


def test_a_host_sees_whom_they_host_and_ends_no_other_mandate(house: Any, clinic: Clinic) -> None:
    visitor, key = stay(house, clinic, 10)
    seen = {}
    for who in (clinic.clinician, clinic.outsider):
        with house.acting(who) as actor:
            found = db.session.get(Mandate, key), db.session.get(Person, visitor)
            seen[who] = [one is not None for one in found], [one.id for one in guests.ending_for(actor)]
    assert seen == {clinic.clinician: ([True, True], [key]), clinic.outsider: ([False, False], [])}
    with house.acting(clinic.clinician) as actor, pytest.raises(NotAllowed):
        people.end_mandate(actor, db.session.get(Mandate, clinic.assistant_mandate), reason="No")


def test_when_the_host_leaves_the_stay_ends_within_fourteen_days_and_the_guest_is_told_once(
    house: Any, clinic: Clinic
) -> None:
    visitor, key = stay(house, clinic, 60)
    _, near = stay(house, clinic, 5, "near")
    run(house, "guests.lose-hosts")
    assert last_day(house, key) == today() + 60 * DAY
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Moves")
    for _ in range(2):
        run(house, "guests.lose-hosts")
    assert (last_day(house, key), last_day(house, near)) == (today() + 14 * DAY, today() + 5 * DAY)
    left = [person for person, kind in mails(house) if kind == "guest.host-left"]
    assert (left[0], len(left)) == (visitor, 2)
    run(house, "guests.warn")
    assert [mail for mail in mails(house) if mail[1].startswith("guest.ending")] == []  # nobody could extend it
    with pytest.raises(NotAllowed):
        extend(house, clinic.clinician, key, 30)
