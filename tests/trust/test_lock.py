"""T-SESSION: a login nobody uses is locked: nothing opens but what unlocks it, and what was typed comes back."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from app.models import Login, now
from tests import factories as make
from tests.houses import House, Visitor
from tests.trust.sign_ins import OTHER, PASSWORD, account, inside, sign_in

pytestmark = pytest.mark.t_session
MINUTE = dt.timedelta(minutes=1)


def idle(house: House, person: Any, minutes: float) -> Visitor:
    """A browser nobody has used for so long."""
    return house.client_for(person.id, seen_at=now() - minutes * MINUTE)


def login(house: House) -> Login:
    with house.everything() as session:
        found = session.query(Login).one()
        session.expunge(found)
        return found


def test_a_locked_login_opens_again_with_the_password_and_nothing_else(house: House) -> None:
    anna = account(house)
    client = idle(house, anna, 16)
    asked = client.get("/my-logins/")
    assert (asked.status_code, asked.location) == (302, "/prove/again?next=/my-logins/")
    assert login(house).locked_at is not None
    wrong = client.post(asked.location, data={"password": "not the password"})
    assert (wrong.status_code, inside(client)) == (422, False)
    assert client.post(asked.location, data={"password": PASSWORD}).location == "/my-logins/"
    assert (inside(client), login(house).locked_at) == (True, None)


@pytest.mark.t_brute
def test_a_thousand_wrong_passwords_do_not_unlock(house: House) -> None:
    anna = account(house)
    client = idle(house, anna, 16)
    said = [client.post("/prove/again", data={"password": f"wrong {n}"}).status_code for n in range(12)]
    assert said == [422] * 10 + [429] * 2
    assert client.post("/prove/again", data={"password": PASSWORD}).status_code == 429
    assert not inside(client)


def test_what_a_stranger_gets_wrong_elsewhere_does_not_keep_one_from_unlocking(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id, seen_at=now() - 16 * MINUTE, address="127.0.0.1")
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    stranger = [sign_in(house, anna.email, "wrong", environ_overrides=elsewhere)[1].status_code for _ in range(11)]
    assert stranger == [422] * 10 + [429]
    assert client.post("/prove/again", data={"password": PASSWORD}).status_code == 302
    assert inside(client)
    typed = {"old": PASSWORD, "password": OTHER, "again": OTHER}
    assert client.post("/password/", data=typed).status_code == 302


def test_a_stolen_cookie_elsewhere_shares_the_limit_of_its_account(house: House) -> None:
    anna = account(house)
    thief = house.client_for(anna.id, seen_at=now() - 16 * MINUTE, address="192.0.2.200")
    elsewhere = [{"REMOTE_ADDR": f"198.51.100.{n}"} for n in range(12)]
    said = [
        thief.post("/prove/again", data={"password": f"wrong {n}"}, environ_overrides=one).status_code
        for n, one in enumerate(elsewhere)
    ]
    assert said == [422] * 10 + [429] * 2


def test_a_locked_browser_can_sign_out(house: House) -> None:
    client = idle(house, account(house), 16)
    assert client.post("/logout/").status_code == 302
    assert client.get("/my-logins/").location.startswith("/login/")


def test_what_the_page_asks_by_itself_is_no_use_of_it(house: House) -> None:
    anna = account(house)
    client = idle(house, anna, 10)
    before = login(house).seen_at
    client.get("/my-logins/", headers={"HX-Request": "true"})
    left = client.get("/prove/left").json["left"]
    assert login(house).seen_at == before
    assert 280 <= left <= 300
    assert client.post("/prove/present").json["left"] > 290
    assert login(house).seen_at > before
    assert client.get("/prove/left").json["left"] > 880


def test_behind_the_lock_nothing_is_told_but_that_it_is_locked(house: House) -> None:
    anna = account(house)
    client, told = idle(house, anna, 16), {"left": 0, "person": anna.public_id}
    assert client.get("/prove/left").json == told
    assert client.post("/prove/present").json == told
    assert client.get("/my-logins/", headers={"HX-Request": "true"}).status_code == 401
    assert login(house).locked_at is not None
    client.post("/language/", data={"language": "de", "next": "/"})
    assert house.value("SELECT language FROM ab_user") is None


def test_the_screen_is_locked_at_once_when_asked_for(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    assert client.post("/prove/lock", data={"next": "/my-logins/"}).location == "/prove/again?next=/my-logins/"
    assert not inside(client)
    client.post("/prove/again", data={"password": PASSWORD})
    assert inside(client)


def typed_behind_the_lock(house: House, anna: Any) -> tuple[Visitor, Any]:
    """A form that met the lock, and the page that asks."""
    client = idle(house, anna, 16)
    sent = {"email": "typed@people.example", "first_name": "Typed", "last_name": "Before", "password": "secret typed"}
    met = client.post("/people/add?x=1", data=sent)
    assert (met.status_code, met.location) == (307, "/prove/keep?to=/people/add?x%3D1")
    return client, client.post(met.location, data=sent)


def operator(house: House) -> Any:
    anna = account(house)
    with house.system():
        make.admin(make.db.session.get(make.Person, anna.id))
    return anna


def test_a_form_that_meets_the_lock_comes_back_sealed_and_then_open(house: House) -> None:
    client, asking = typed_behind_the_lock(house, operator(house))
    assert (asking.status_code, "typed@people.example" in asking.text) == (401, False)
    sealed = re.search(r'name="typed" value="([^"]+)"', asking.text)[1]
    wrong = client.post("/prove/again", data={"password": "not the password", "typed": sealed})
    assert (wrong.status_code, sealed in wrong.text) == (422, True)
    back = client.post("/prove/again", data={"password": PASSWORD, "typed": sealed})
    assert 'action="/people/add?x=1"' in back.text
    given = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', back.text))
    assert (given["email"], given["first_name"], "password" in given) == ("typed@people.example", "Typed", False)
    assert "secret typed" not in back.text


def test_what_was_typed_opens_for_nobody_else(house: House) -> None:
    _client, asking = typed_behind_the_lock(house, operator(house))
    sealed = re.search(r'name="typed" value="([^"]+)"', asking.text)[1]
    thief = idle(house, account(house, "Berta"), 1)
    answer = thief.post("/prove/again", data={"password": PASSWORD, "typed": sealed})
    assert "typed@people.example" not in answer.text
    assert "What was typed before is not there any more." in answer.text


def test_what_was_typed_is_not_sent_elsewhere(house: House) -> None:
    client = idle(house, operator(house), 16)
    asking = client.post("/prove/keep?to=/%5C/evil.example/x", data={"first_name": "Typed"})
    sealed = re.search(r'name="typed" value="([^"]+)"', asking.text)[1]
    back = client.post("/prove/again", data={"password": PASSWORD, "typed": sealed})
    assert ("evil.example" in back.text, 'action="/"' in back.text) == (False, True)


def test_a_login_that_is_old_ends_behind_its_lock(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id, locked_at=now() - 60 * MINUTE, expires_at=now() - MINUTE)
    assert client.get("/my-logins/").location.startswith("/login/")
