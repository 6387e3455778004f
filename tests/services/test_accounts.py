"""Accounts: a name to sign in by leads to one account; what a second operator typed meanwhile is not lost."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.errors import Conflict, Incomplete
from app.models import Country, PasswordLink, Person, db, now
from app.services import accounts, links, logins, passwords
from app.services.accounts import Typed
from tests import factories as make

PASSWORD = "correct horse battery staple"
TAKEN = "anna@people.example"


@pytest.fixture
def office(house: Any) -> dict[str, int]:
    """Two operators; somebody whose user name is an e-mail address, which is not their own."""
    with house.system():
        make.country("GR")
        operators = [make.admin(make.person(name)).id for name in ("first operator", "second operator")]
        known = make.person("Anna", username=TAKEN, email="other@people.example", password=passwords.hashed(PASSWORD))
        return {"first": operators[0], "second": operators[1], "anna": known.id}


def test_no_account_is_made_with_the_user_name_of_another_as_its_address(house: Any, office: dict[str, int]) -> None:
    before = house.value("SELECT count(*) FROM ab_user")
    with house.acting(office["first"]) as actor:
        country = db.session.query(Country).one()
        with pytest.raises(Incomplete) as added:
            accounts.add(actor, country, first_name="B", last_name="C", email=TAKEN.upper())
    with house.system() as actor, pytest.raises(Incomplete) as made:
        accounts.make(actor, None, typed=Typed(email=TAKEN, first_name="B", last_name="C"))
    assert [*added.value.fields] == [*made.value.fields] == ["email"]
    assert house.value("SELECT count(*) FROM ab_user") == before


def test_nobody_moves_to_an_address_another_signs_in_by_and_everybody_keeps_their_own(
    house: Any, office: dict[str, int]
) -> None:
    with house.acting(office["first"]) as actor:
        second, anna = db.session.get(Person, office["second"]), db.session.get(Person, office["anna"])
        with pytest.raises(Incomplete) as refused:
            accounts.amend(actor, second, email=TAKEN)
        accounts.amend(actor, anna, email=TAKEN)
    assert [*refused.value.fields] == ["email"]
    assert house.value("SELECT email FROM ab_user WHERE id = :id", id=office["anna"]) == TAKEN


def test_a_name_that_reads_like_anothers_address_signs_in_by_the_address(house: Any, office: dict[str, int]) -> None:
    """Such a pair cannot be made here, but may come with older accounts."""
    with house.system():
        double = make.person("Double", username="double", email=TAKEN, password=passwords.hashed(PASSWORD + "!")).id
    with house.app.test_request_context():
        logins.sign_in(TAKEN, PASSWORD + "!", "192.0.2.1", "test", {})
        with pytest.raises(Incomplete):
            logins.sign_in(TAKEN, PASSWORD, "192.0.2.1", "test", {})
    assert house.rows("SELECT person_id FROM login") == [(double,)]


def test_of_two_operators_who_amend_one_account_the_second_is_told(house: Any, office: dict[str, int]) -> None:
    with house.everything() as session:
        seen = session.get(Person, office["anna"]).version
    with house.acting(office["first"]) as actor:
        accounts.amend(actor, db.session.get(Person, office["anna"]), job_title="Nurse", seen=seen)
    with house.acting(office["second"]) as actor, pytest.raises(Conflict):
        accounts.amend(actor, db.session.get(Person, office["anna"]), job_title="Doctor", seen=seen)
    assert house.value("SELECT job_title FROM ab_user WHERE id = :id", id=office["anna"]) == "Nurse"


def test_home_tells_a_person_for_a_fortnight_that_an_operator_made_a_link(house: Any, office: dict[str, int]) -> None:
    told = "An operator made a link to set your password"
    anna, other = house.client_for(office["anna"]), house.client_for(office["second"])
    assert told not in anna.get("/").text
    with house.acting(office["first"]) as actor:
        token = links.offer(actor, db.session.get(Person, office["anna"]))
    assert (told in anna.get("/").text, told in other.get("/").text) == (True, False)
    house.visitor().post(f"/link/{token}", data={"password": PASSWORD * 2, "again": PASSWORD * 2})
    anna = house.client_for(office["anna"])
    assert told in anna.get("/").text  # used, by whomever
    age(house, days=13)
    assert told in anna.get("/").text
    age(house, days=15)
    assert told not in anna.get("/").text


def age(house: Any, days: int) -> None:
    """Let the links be made so long ago."""
    made = now() - dt.timedelta(days=days)
    with house.everything() as session:
        table = PasswordLink.__table__
        session.connection(execution_options={"writes": True})
        session.execute(table.update().values(expires_at=made + dt.timedelta(hours=links.HOURS)))
        session.commit()


def test_an_account_without_an_address_is_amended_shows_none_and_gets_one(house: Any, office: dict[str, int]) -> None:
    with house.system():
        nowhere = f"0123456789@{accounts.NOWHERE}"
        nora = make.person("Nora", username=nowhere, email=nowhere)
        key, person_id = nora.public_id, nora.id
        assert accounts.mailbox(nora) is None
    operator = house.client_for(office["first"])
    assert accounts.NOWHERE not in operator.get(f"/people/{key}").text + operator.get("/people/?q=Nora").text
    with house.acting(office["first"]) as actor:
        accounts.amend(actor, db.session.get(Person, person_id), job_title="Nurse", email=nowhere)
        with pytest.raises(Incomplete):
            accounts.amend(actor, db.session.get(Person, office["anna"]), email=f"else@{accounts.NOWHERE}")
        accounts.amend(actor, db.session.get(Person, person_id), email="nora@people.example")
        assert accounts.mailbox(db.session.get(Person, person_id)) == "nora@people.example"
