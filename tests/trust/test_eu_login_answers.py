"""T-SESSION: an answer of EU Login that is replayed, crossed, too old or not asked for opens nothing."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import ExitStack

import pytest

from app.models import now
from app.outside.providers import LINES
from app.services import trips
from tests.houses import House
from tests.providers import Provider, asked, inside, path

pytestmark = pytest.mark.t_session


def test_an_answer_works_once_and_in_the_browser_that_set_out_alone(eu_house: House, eu_login: Provider) -> None:
    visitor, other = eu_house.visitor(), eu_house.visitor()
    other.get("/login/eu/")
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    stolen, unasked = other.get(back), eu_house.visitor().get(back)
    kept = visitor.get_cookie(f"{eu_house.cookie}-eu-login", domain="cpms.test").value
    first = visitor.get(back)
    visitor.post("/logout/")
    visitor.set_cookie(f"{eu_house.cookie}-eu-login", kept, domain="cpms.test", secure=True)
    second = visitor.get(back)
    assert [one.status_code for one in (stolen, unasked, first, second)] == [400, 400, 302, 400]
    assert not inside(other)
    assert not inside(visitor)
    assert "Sign in again" in second.text


def test_a_code_used_twice_is_refused_by_the_provider_and_by_us(eu_house: House, eu_login: Provider) -> None:
    visitor, thief = eu_house.visitor(), eu_house.visitor()
    back = eu_login.choose(visitor.get("/login/eu/").location, "nora")
    visitor.get(path(back))
    state = asked(thief.get("/login/eu/").location)["state"]
    answer = thief.get(f"/login/eu/back?code={asked(back)['code']}&state={state}")
    assert (answer.status_code, inside(thief)) == (502, False)


def test_a_code_of_another_browser_does_not_fit_this_ones_state(eu_house: House, eu_login: Provider) -> None:
    attacker, victim = eu_house.visitor(), eu_house.visitor()
    back = eu_login.choose(attacker.get("/login/eu/").location, "nora")
    state = asked(victim.get("/login/eu/").location)["state"]
    answer = victim.get(f"/login/eu/back?code={asked(back)['code']}&state={state}")
    assert (answer.status_code, inside(victim)) == (502, False)


def test_who_comes_back_after_a_quarter_of_an_hour_begins_again(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    with eu_house.everything() as session:
        session.connection(execution_options={"writes": True})
        old = now() - dt.timedelta(minutes=trips.MINUTES + 1)
        session.execute(trips.LoginTrip.__table__.update().values(begun_at=old))
        session.commit()
    assert visitor.get(back).status_code == 400
    assert not inside(visitor)


WRONG = {
    "nothing": ("", 400),
    "no state": ("?code=x", 400),
    "a state of nobody": ("?code=x&state=y", 400),
    "a long state": ("?code=x&state=" + "y" * 5000, 400),
    "a state twice": ("?code=x&state=y&state=z", 400),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_answer_nobody_asked_for_is_refused_with_a_sentence(eu_house: House, eu_login: Provider, kind: str) -> None:
    query, status = WRONG[kind]
    visitor = eu_house.visitor()
    visitor.get("/login/eu/")
    answer = visitor.get(f"/login/eu/back{query}")
    assert (answer.status_code, "Sign in again" in answer.text) == (status, True)


def test_a_refusal_of_eu_login_is_said_in_our_own_words(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    state = asked(visitor.get("/login/eu/").location)["state"]
    theirs = "error=access_denied&error_description=Call+0900+1234"
    answer = visitor.get(f"/login/eu/back?{theirs}&state={state}")
    assert (answer.status_code, "0900" in answer.text) == (400, False)
    assert "EU Login did not sign you in" in answer.text


def test_an_answer_that_names_another_issuer_is_refused(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    crossed = re.sub("iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
    assert crossed != back
    assert visitor.get(crossed).status_code == 502
    assert not inside(visitor)


def test_from_one_address_not_everybody_can_set_out_at_once(
    eu_house: House, eu_login: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trips, "MOST_FROM_AN_ADDRESS", 3)
    statuses = [eu_house.visitor().get("/login/eu/").status_code for _ in range(5)]
    elsewhere = eu_house.visitor().get("/login/eu/", environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    assert (statuses, elsewhere.status_code) == ([302] * 3 + [429] * 2, 302)


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "empty"}, {"Sec-Purpose": "prefetch;prerender"}]
)
def test_pictures_in_somebody_s_page_send_nobody_out_and_keep_nobody_in(
    eu_house: House, eu_login: Provider, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(trips, "MOST_FROM_AN_ADDRESS", 3)
    colleague = eu_house.visitor()
    assert [colleague.get("/login/eu/", headers=headers).status_code for _ in range(4)] == [400] * 4
    assert eu_house.value("SELECT count(*) FROM attempt") == eu_house.value("SELECT count(*) FROM login_trip") == 0
    meant = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}
    assert eu_house.visitor().get("/login/eu/", headers=meant).status_code == 302


def test_who_never_set_out_takes_nobody_s_turn(eu_house: House, eu_login: Provider) -> None:
    eu_house.visitor().get("/login/eu/")
    there = eu_house.app.extensions["eu_login"]
    with ExitStack() as others:
        for _one in range(LINES):
            others.enter_context(there.turn())
        flood = eu_house.visitor()
        flood.set_cookie(f"{eu_house.cookie}-eu-login", "x" * 43, domain="cpms.test", secure=True)
        for one in (eu_house.visitor(), flood):
            assert one.get("/login/eu/back?code=x&state=y").status_code == 400


def test_when_many_come_at_once_one_is_asked_to_wait_and_nothing_is_lost(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    there = eu_house.app.extensions["eu_login"]
    with ExitStack() as others:
        for _one in range(LINES):
            others.enter_context(there.turn())
        waiting = visitor.get(back)
        assert visitor.get("/login/").status_code == 200
    assert (waiting.status_code, waiting.headers["Refresh"]) == (503, "2")
    assert "This page goes on by itself" in waiting.text
    assert visitor.get(back).status_code == 302
    assert inside(visitor)
