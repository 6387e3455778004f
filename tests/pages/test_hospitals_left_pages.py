"""Pages of a hospital that has left: every page its people may open answers, Home says how it stands."""

from __future__ import annotations

from typing import Any

import pytest

from app.act import HAS_LEFT
from tests.screens import Screen
from tests.services.test_hospitals_left import leave_thessaloniki

ADDRESSES = ("/", "/patients/", "/consents/", "/exports/", "/handovers/", "/hospitals/", "/memberships/", "/help/")


@pytest.mark.parametrize("who", ["owner", "representative", "protection"])
def test_its_people_open_their_pages_and_home_says_how_it_stands(world: Any, who: str) -> None:
    leave_thessaloniki(world)
    client = world.client(who)
    answers = {address: client.get(address).status_code for address in ADDRESSES}
    closed = {
        "owner": {"/exports/"},
        "representative": {"/patients/", "/handovers/"},
        "protection": {"/patients/", "/handovers/"},
    }
    assert {address for address, status in answers.items() if status not in (200, 403)} == set()
    assert {address for address, status in answers.items() if status == 403} <= closed[who]
    assert str(HAS_LEFT) in Screen(client.get("/")).text


@pytest.mark.parametrize("who", ["owner", "representative"])
def test_a_refusal_there_is_headed_by_what_is_true(world: Any, who: str) -> None:
    def heading() -> tuple[int, str]:
        answer = world.client(who).get("/patients/enrol")
        return answer.status_code, Screen(answer).heading

    before = {"owner": (200, "Enrol a patient"), "representative": (403, "Your role does not open this")}
    assert heading() == before[who]
    leave_thessaloniki(world)
    assert heading() == (403, "This hospital is read only" if who == "owner" else "Your role does not open this")
