"""Guests on their pages: the line on Home, the host who extends, and what others cannot."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.models import today
from app.words import MandateKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic, opened


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


def stay(house: Any, clinic: Clinic, days: int, **given: Any) -> tuple[int, str]:
    with house.system():
        person, last = make.person("visitor"), today() + days * DAY
        known = {"host_id": clinic.clinician, "from_on": today() - 90 * DAY, "to_on": last} | given
        return person.id, make.mandate(person, MandateKind.GUEST, **known).public_id


def home(house: Any, who: int) -> str:
    return str(house.client_for(who).get("/").text)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (15, ""),
        (14, "Your time as a guest ends"),
        (0, "Your time as a guest ends"),
        (-1, "Your time as a guest ended"),
        (-30, "Your time as a guest ended"),
        (-31, ""),
    ],
)
def test_a_guest_reads_of_the_end_in_the_last_fortnight_and_for_a_month_after(
    house: Any, clinic: Clinic, days: int, told: str
) -> None:
    visitor, _ = stay(house, clinic, days)
    page = home(house, visitor)
    said = {sentence for sentence in ("Your time as a guest ends", "Your time as a guest ended") if sentence in page}
    assert said == ({told} if told else set())
    assert ("Ask for access" in page) is (days < 0)


def test_the_host_finds_the_guest_on_home_and_extends_the_stay(house: Any, clinic: Clinic) -> None:
    _, key = stay(house, clinic, 10)
    assert ("visitor" in home(house, clinic.clinician), "visitor" in home(house, clinic.outsider)) == (True, False)
    client = house.client_for(clinic.clinician)
    assert f"/mandates/{key}/extend" in client.get(f"/mandates/{key}").text
    late = {"last_day": (today() + 91 * DAY).isoformat(), "seen": "1"}
    refused = client.post(f"/mandates/{key}/extend", data=late)
    assert (refused.status_code, "at most from today" in refused.text) == (422, True)
    assert late["last_day"] in refused.text  # what was typed stays
    day = today() + dt.timedelta(days=60)
    done = client.post(f"/mandates/{key}/extend", data={"last_day": day.isoformat(), "seen": "1"})
    assert (done.status_code, done.location) == (302, f"/mandates/{key}")
    assert "visitor" not in home(house, clinic.clinician)
    assert ">Extended<" in client.get(f"/mandates/{key}").text


def test_who_is_no_host_finds_no_way_to_extend(house: Any, clinic: Clinic) -> None:
    visitor, key = stay(house, clinic, 10)
    data = {"last_day": (today() + 60 * DAY).isoformat(), "seen": "1"}
    statuses = {
        who: house.client_for(who).post(f"/mandates/{key}/extend", data=data).status_code
        for who in (clinic.outsider, clinic.assistant, visitor, clinic.admin)
    }
    assert statuses == {clinic.outsider: 404, clinic.assistant: 403, visitor: 403, clinic.admin: 403}
