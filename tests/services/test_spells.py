"""How a spell stands: by its own dates and by those of what bears it, on a page and in SQL alike."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from app.models import Centre, Grant, Hospital, Mandate, Membership, db, now, today
from app.pages.spells import standing
from app.services import spells
from app.words import MandateKind
from tests import factories as make
from tests.factories import DAY

ENDS: dict[str, dict[str, Any]] = {
    "open": {},
    "far": {"to_on": today() + 31 * DAY},
    "near": {"to_on": today() + 30 * DAY},
    "today": {"to_on": today()},
    "past": {"to_on": today() - DAY},
    "ended": {"ended_at": now() - 3 * DAY},
    "ended today": {"ended_at": now()},
}


def places(hospital: Hospital, centre: Centre, **ends: Any) -> list[list[Any]]:
    """A place of each kind with these dates, each with what bears it."""
    who, other = make.person("clinician"), make.person("assistant")
    member = make.member(who, centre, **ends)
    assists = make.mandate(other, MandateKind.ASSISTANT, hospital=hospital, **ends)
    keeps = make.mandate(who, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=hospital, **ends)
    given = make.grant(who, other, hospital, **ends)
    return [[member, centre, hospital], [given, hospital], [assists, hospital], [keeps]]


@pytest.mark.parametrize("late", ["place", "centre", "hospital"])
def test_a_place_begins_when_it_and_what_bears_it_have_begun(house: Any, late: str) -> None:
    soon = {"from_on": today() + 9 * DAY}
    with house.system():
        hospital = make.hospital("H", make.country("GR"), **(soon if late == "hospital" else {}))
        centre = make.centre(hospital, make.network(), **(soon if late == "centre" else {}))
        member, given, assists, keeps = places(hospital, centre, **(soon if late == "place" else {}))
        told = [str(standing(place).word) for place, *_bearers in (member, given, assists, keeps)]
    others = "In force" if late == "centre" else "Not yet"
    assert told == ["Not yet", others, others, others]


def last_day(one: Any) -> dt.date | None:
    if one.ended_at is not None:
        ended: dt.date = one.ended_at.date() - DAY
        return ended
    day: dt.date | None = one.to_on
    return day


@pytest.mark.parametrize("own", ENDS)
def test_a_place_stands_while_it_and_what_bears_it_do(house: Any, own: str) -> None:
    with house.system():
        country, network, lines = make.country("GR"), make.network(), []
        for of_centre, of_hospital in product(ENDS, ENDS):
            hospital = make.hospital(f"{of_centre} {of_hospital}", country, **ENDS[of_hospital])
            centre = make.centre(hospital, network, **ENDS[of_centre])
            lines += places(hospital, centre, **ENDS[own])
        db.session.flush()
        found = {
            (table, question): {one.id for one in db.session.scalars(select(table).where(question(table))).unique()}
            for table, question in product((Membership, Mandate, Grant), (spells.stands, spells.ending))
        }
        for line in lines:
            place, last = line[0], min(filter(None, map(last_day, line)), default=dt.date.max)
            stands, ends_soon = last >= today(), today() <= last <= today() + 30 * DAY
            assert (place.id in found[type(place), spells.stands]) is stands
            assert (place.id in found[type(place), spells.ending]) is ends_soon
            assert (str(standing(place).word) != "Ended") is stands
