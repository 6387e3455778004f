"""T-SESSION: a passkey opens the account it was made for, here, once for each question, when it has verified its owner."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from app.models import PasskeyQuestion, Person, db, now
from app.services import accounts
from tests.devices import Device
from tests.houses import House, Visitor
from tests.trust.routes import plain
from tests.trust.sign_ins import account, inside

pytestmark = pytest.mark.t_session


@pytest.fixture
def anna(house: House) -> Any:
    """An account with a passkey on ``device``."""
    made = account(house)
    made.device = add(house, made)
    return made


def add(house: House, person: Any, device: Device | None = None) -> Device:
    """Add a passkey as one does on the page."""
    client, device = house.client_for(person.id), device or Device()
    asked = client.post("/my-factors/passkey/question").json
    answer = client.post("/my-factors/passkey", data={"name": "Laptop", "answer": device.makes(asked)})
    assert answer.status_code in {200, 302}
    return device


def ask(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = visitor.post("/login/passkey/question").json
    return found


def enter(house: House, answer: str, visitor: Visitor | None = None) -> tuple[Visitor, Any]:
    """A browser that brings a passkey's answer to the login page, and what it is told."""
    visitor = visitor or house.visitor()
    visitor.csrf = ""
    told = visitor.post("/login/passkey", data={"answer": answer})
    visitor.csrf = ""
    return visitor, told


def test_a_passkey_opens_its_account_without_name_and_password(house: House, anna: Any) -> None:
    visitor = house.visitor()
    asked = ask(visitor)
    assert "allowCredentials" not in asked or asked["allowCredentials"] == []
    assert (asked["rpId"], asked["userVerification"]) == ("cpms.test", "required")
    visitor, answer = enter(house, anna.device.signs(asked), visitor)
    assert (answer.location, inside(visitor)) == ("/", True)
    assert house.value("SELECT count(*) FROM login WHERE two_factors AND NOT asks_factor") == 2


def test_an_answer_is_taken_once_and_from_whoever_brings_it_first(house: House, anna: Any) -> None:
    answer = anna.device.signs(ask(house.visitor()))
    assert [inside(enter(house, answer)[0]) for _time in range(3)] == [True, False, False]


LIES = {
    "another site's": {"origin": "https://cpms.test.evil.example"},
    "another port's": {"origin": "https://cpms.test:8443"},
    "another host's": {"host": "evil.example"},
    "nobody's finger": {"verified": False},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_for_elsewhere_or_of_nobody_verified_opens_nothing(house: House, anna: Any, lie: str) -> None:
    for name, value in LIES[lie].items():
        setattr(anna.device, name, value)
    assert not inside(enter(house, anna.device.signs(ask(house.visitor())))[0])


@pytest.mark.parametrize("lie", LIES)
def test_no_passkey_is_added_that_is_for_elsewhere_or_verifies_nobody(house: House, lie: str) -> None:
    berta = account(house, "Berta")
    client, device = house.client_for(berta.id), Device(**LIES[lie])
    asked = client.post("/my-factors/passkey/question").json
    answer = client.post("/my-factors/passkey", data={"name": "Laptop", "answer": device.makes(asked)})
    assert (answer.status_code, "could not be added" in answer.text) == (422, True)
    assert house.value("SELECT count(*) FROM second_factor") == 0


def test_a_copy_that_counts_what_was_counted_opens_nothing(house: House) -> None:
    berta = account(house, "Berta")
    device = add(house, berta, Device(counter=5))
    counted = []
    for device.counter in (6, 6, 5, 7):
        counted.append(inside(enter(house, device.signs(ask(house.visitor())))[0]))
    assert counted == [True, False, False, True]


def test_a_question_is_good_for_five_minutes(house: House, anna: Any) -> None:
    asked = ask(house.visitor())
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.query(PasskeyQuestion).update({"asked_at": now() - dt.timedelta(minutes=6)})
        session.commit()
    assert not inside(enter(house, anna.device.signs(asked))[0])


def test_another_persons_passkey_does_not_unlock_nor_stand_in(house: House, anna: Any) -> None:
    berta = account(house, "Berta")
    device = add(house, berta)
    client = house.client_for(berta.id, locked_at=now())
    asked = client.post("/prove/question").json
    assert client.post("/prove/again", data={"answer": anna.device.signs(asked)}).status_code == 422
    assert not inside(client)
    asked = client.post("/prove/question").json
    assert client.post("/prove/again", data={"answer": device.signs(asked)}).status_code == 302
    assert inside(client)


def test_a_question_of_the_login_page_does_not_unlock_and_the_other_way_round(house: House, anna: Any) -> None:
    client = house.client_for(anna.id, locked_at=now())
    assert client.post("/prove/again", data={"answer": anna.device.signs(ask(house.visitor()))}).status_code == 422
    asked = client.post("/prove/question").json
    assert not inside(enter(house, anna.device.signs(asked))[0])


def test_a_passkey_stands_behind_the_password(house: House, anna: Any) -> None:
    client = house.client_for(anna.id, two_factors=False, asks_factor=True)
    assert client.get("/password/").location.startswith("/prove/")
    asked = client.post("/prove/question").json
    assert [one["id"] for one in asked["allowCredentials"]] == [json.loads(anna.device.signs(asked))["id"]]
    assert client.post("/prove/", data={"answer": anna.device.signs(asked)}).status_code == 302
    assert inside(client)


@pytest.mark.t_enum
def test_nobody_learns_whose_a_passkey_is_or_that_an_account_is_locked(house: House, anna: Any) -> None:
    locked = account(house, "Locked")
    shut = add(house, locked)
    with house.system() as actor:
        accounts.disable(actor, db.session.get(Person, locked.id))
    anna.device.verified = False
    told = set()
    for answer in (
        lambda asked: Device().signs(asked),
        shut.signs,
        anna.device.signs,
        lambda _asked: "no answer at all",
        lambda _asked: "",
        lambda _asked: json.dumps({"id": [], "response": 7}),
        lambda asked: anna.device.signs(asked).replace("public-key", "x"),
        lambda _asked: "x" * 30_000,
        lambda _asked: "[" * 15_000,
    ):
        visitor = house.visitor()
        visitor, said = enter(house, answer(ask(visitor)), visitor)
        told.add((plain(said)[0], said.location, "This passkey opens no account here" in visitor.get("/login/").text))
        assert not inside(visitor)
    assert told == {(302, "/login/", True)}


def test_the_same_passkey_is_added_once(house: House, anna: Any) -> None:
    berta = account(house, "Berta")
    client = house.client_for(berta.id)
    asked = client.post("/my-factors/passkey/question").json
    answer = client.post("/my-factors/passkey", data={"name": "Mine", "answer": anna.device.makes(asked)})
    assert answer.status_code in {409, 422}
    assert house.value("SELECT count(*) FROM second_factor") == 1
