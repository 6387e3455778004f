"""T-SESSION: a login ends when it should, at once and everywhere."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from app.models import Login, Person, db, now
from app.services import accounts, links
from tests.houses import House
from tests.trust.routes import asks_to_sign_in, plain
from tests.trust.sign_ins import OTHER, PASSWORD, account, cookie, inside, sign_in

pytestmark = pytest.mark.t_session


# --- ending -----------------------------------------------------------------------------------------------------------


def test_after_signing_out_the_cookie_opens_nothing_anywhere(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    kept = cookie(house, visitor)
    assert visitor.post("/logout/").status_code == 302
    assert cookie(house, visitor) == ""
    replayed = house.visitor()
    replayed.set_cookie(house.cookie, kept, domain="cpms.test", secure=True)
    assert not inside(replayed)


def test_signing_out_needs_a_form(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    assert visitor.get("/logout/").status_code == 405
    assert visitor.post("/logout/", data={"csrf_token": None}).status_code == 400
    assert inside(visitor)


def test_a_new_password_ends_the_other_logins_and_keeps_this_one(house: House) -> None:
    anna = account(house)
    here, _answer = sign_in(house, anna.email)
    there, _answer = sign_in(house, anna.email)
    here.csrf = ""
    typed = {"old": PASSWORD, "password": OTHER, "again": OTHER}
    csrf = re.search(r'name="csrf" content="([^"]+)"', here.get("/password/").text)[1]
    assert here.post("/password/", data=typed | {"csrf_token": csrf}).status_code == 302
    assert (inside(here), inside(there)) == (True, False)
    assert sign_in(house, anna.email)[1].status_code == 422
    assert inside(sign_in(house, anna.email, OTHER)[0])


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"old": "wrong one, surely", "password": OTHER, "again": OTHER}, 422),
        ({"old": PASSWORD, "password": OTHER, "again": OTHER + "x"}, 422),
        ({"old": PASSWORD, "password": "short", "again": "short"}, 422),
        ({"old": PASSWORD, "password": "x" * 10_000, "again": "x" * 10_000}, 422),
    ],
)
def test_a_password_is_not_changed_by_a_faulty_form(house: House, typed: dict[str, str], status: int) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    assert client.post("/password/", data=typed).status_code == status
    assert inside(sign_in(house, anna.email)[0])


def test_a_disabled_account_is_out_at_once_and_stays_out(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    with house.system() as actor:
        accounts.disable(actor, db.session.get(Person, anna.id))
    assert not inside(visitor)
    assert sign_in(house, anna.email)[1].status_code == 422
    with house.system() as actor:
        accounts.enable(actor, db.session.get(Person, anna.id))
    assert not inside(visitor)
    assert inside(sign_in(house, anna.email)[0])


def test_a_one_time_link_works_once_and_ends_every_login(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    with house.system() as actor:
        token = links.offer(actor, db.session.get(Person, anna.id))
    stranger = house.visitor()
    first = stranger.post(f"/link/{token}", data={"password": OTHER, "again": OTHER})
    second = stranger.post(f"/link/{token}", data={"password": OTHER, "again": OTHER})
    assert (first.status_code, second.status_code) == (302, 404)
    assert not inside(visitor)
    assert inside(sign_in(house, anna.email, OTHER)[0])


@pytest.mark.t_enum
def test_an_old_link_is_not_told_from_one_that_never_was(house: House) -> None:
    anna = account(house)
    with house.system() as actor:
        token = links.offer(actor, db.session.get(Person, anna.id))
        links.offer(actor, db.session.get(Person, anna.id))
    stranger = house.visitor()
    old, none = stranger.get(f"/link/{token}"), stranger.get("/link/" + "x" * len(token))
    assert plain(old, token) == plain(none, "x" * len(token))


AGES = [
    # seen so long ago, begun so long ago, still inside
    (0, 0, True),
    (2, 5, True),
    (14, 120, True),
    (16, 120, False),
    (61, 120, False),
    (0, 599, True),
    (0, 601, False),
]


@pytest.mark.parametrize(("seen", "begun", "still"), AGES)
def test_a_login_ends_when_it_is_idle_or_old(house: House, seen: int, begun: int, still: bool) -> None:
    anna = account(house)
    moment, minute = now(), dt.timedelta(minutes=1)
    ages = {"started_at": moment - begun * minute, "expires_at": moment + (600 - begun) * minute}
    client = house.client_for(anna.id, seen_at=moment - seen * minute, **ages)
    assert inside(client) is still


def test_use_keeps_a_login_from_being_idle(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id, seen_at=now() - dt.timedelta(minutes=13))
    client.get("/password/")
    with house.everything() as session:
        assert now() - session.query(Login).one().seen_at < dt.timedelta(minutes=1)


def test_a_form_sent_after_the_login_ended_gives_back_what_was_typed(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    with house.system():
        db.session.query(Login).one().ended_at = now()
        db.session.commit()
    answer = client.post("/patients/enrol", data={"family_name": "Typed-before", "birth_date": "1990-01-01"})
    assert answer.status_code == 400
    assert "Typed-before" in answer.text


# --- limits, and who has an account -----------------------------------------------------------------------------------


def test_a_visitor_of_a_disabled_login_sees_the_login_page(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id, ended_at=now())
    assert asks_to_sign_in(client.get("/"))
