"""T-SESSION: a locked login of EU Login is unlocked there, by the person it is of, who is asked anew."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import requests

from app.models import Login, LoginTrip, now
from app.outside.eu_login import LEEWAY
from tests.houses import House, Visitor
from tests.providers import Provider, asked, path

pytestmark = pytest.mark.t_session
SECOND = dt.timedelta(seconds=1)


def open_to(visitor: Visitor) -> bool:
    return visitor.get("/my-logins/").status_code == 200


def locked(house: House, eu_login: Provider, who: str = "nora", **how: Any) -> Visitor:
    """A browser of somebody who came by EU Login, locked."""
    visitor, _answer = eu_login.walk(house, who, **how)
    assert open_to(visitor)
    move(house, Login, locked_at=now())
    assert not open_to(visitor)
    return visitor


def move(house: House, table: Any, **moments: dt.datetime) -> None:
    """Set moments of every row of a table."""
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.query(table).update(moments)
        session.commit()


def test_it_opens_after_eu_login_has_asked_anew(eu_house: House, eu_login: Provider) -> None:
    visitor = locked(eu_house, eu_login)
    page = visitor.get("/prove/again?next=/my-logins/").text
    assert ("Show it with EU Login" in page, 'type="password"' in page) == (True, False)
    away = visitor.get("/login/eu/?next=/my-logins/")
    assert asked(away.location)["prompt"] == "login"
    back = visitor.get(path(eu_login.choose(away.location, "nora")))
    assert (back.location, open_to(visitor)) == ("/my-logins/", True)
    assert eu_house.value("SELECT count(*) FROM login") == 1


def test_somebody_else_does_not_open_it(eu_house: House, eu_login: Provider) -> None:
    visitor = locked(eu_house, eu_login)
    _visitor, answer = eu_login.walk(eu_house, "anna", visitor=visitor)
    assert (answer.status_code, "locked by somebody else" in answer.text) == (403, True)
    assert not open_to(visitor)


@pytest.mark.parametrize("how", [{"factors": 1}])
def test_one_factor_does_not_open_it(eu_house: House, eu_login: Provider, how: dict[str, Any]) -> None:
    visitor = locked(eu_house, eu_login)
    _visitor, answer = eu_login.walk(eu_house, "nora", visitor=visitor, **how)
    assert (answer.status_code, open_to(visitor)) == (403, False)


@pytest.mark.parametrize("left_out", ["prompt and max_age", "prompt, with any age"])
def test_who_sits_at_the_screen_cannot_leave_the_asking_out(eu_house: House, eu_login: Provider, left_out: str) -> None:
    agent = requests.Session()  # the browser of somebody who has walked away: EU Login still knows it
    visitor = locked(eu_house, eu_login, agent=agent)
    away = visitor.get("/login/eu/").location
    assert (asked(away)["prompt"], asked(away)["max_age"]) == ("login", "0")
    instead = "" if left_out == "prompt and max_age" else "&max_age=36000"
    back = eu_login.choose(re.sub(r"&(prompt|max_age)=\w+", "", away) + instead, "anna", agent=agent)
    move(eu_house, LoginTrip, begun_at=now() + 2 * LEEWAY * SECOND)  # as if the login there were older
    answer = visitor.get(path(back))
    assert (answer.status_code, "could not be checked" in answer.text, open_to(visitor)) == (502, True, False)


@pytest.mark.parametrize("screen", ["locked and signed out", "signed out"])
def test_who_signs_out_leaves_no_open_door_at_eu_login(eu_house: House, eu_login: Provider, screen: str) -> None:
    agent = requests.Session()
    visitor, _answer = eu_login.walk(eu_house, "nora", agent=agent)
    if screen == "locked and signed out":
        move(eu_house, Login, locked_at=now())
    visitor.post("/logout/")
    away = visitor.get("/login/eu/").location
    assert (asked(away)["prompt"], asked(away)["max_age"]) == ("login", "0")
    back = eu_login.choose(re.sub(r"&(prompt|max_age)=\w+", "", away), "anna", agent=agent)
    move(eu_house, LoginTrip, begun_at=now() + 2 * LEEWAY * SECOND)
    answer = visitor.get(path(back))
    assert (answer.status_code, open_to(visitor)) == (502, False)


def test_who_set_out_before_it_was_locked_does_not_open_it(eu_house: House, eu_login: Provider) -> None:
    visitor = locked(eu_house, eu_login)
    back = eu_login.choose(visitor.get("/login/eu/").location, "nora")
    move(eu_house, Login, locked_at=now())  # unlocked in another window meanwhile, and locked once more
    answer = visitor.get(path(back))
    assert (answer.status_code, open_to(visitor)) == (400, False)
    eu_login.walk(eu_house, "nora", visitor=visitor)
    assert open_to(visitor)


def test_nothing_but_eu_login_opens_it(eu_house: House, eu_login: Provider) -> None:
    visitor = locked(eu_house, eu_login)
    visitor.csrf = re.search(r'name="csrf" content="([^"]+)"', visitor.get("/prove/again").text)[1]
    answer = visitor.post("/prove/again", data={"password": "", "answer": ""})
    assert (answer.status_code, open_to(visitor)) == (422, False)
