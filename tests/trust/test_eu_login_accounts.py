"""T-SESSION, T-ENUM: through EU Login comes who EU Login vouches for, by issuer and subject; an address alone opens nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import NotAllowed
from app.models import Person, db
from app.services import accounts, links
from tests import factories as make
from tests.houses import House
from tests.providers import PEOPLE, Provider, inside, name_of
from tests.trust.routes import plain
from tests.trust.sign_ins import HASH, accounts_of, entries

pytestmark = pytest.mark.t_session
HERE = "anna@here.example"


def account(house: House, name: str = "Anna", email: str = HERE, **given: Any) -> Any:
    """An account somebody made before its person came: its id and public id."""
    with house.system():
        made = make.person(name, username=email, email=email, **given)
        return made.id, made.public_id


def test_an_account_made_for_somebody_is_bound_once_by_the_verified_address(
    eu_house: House, eu_login: Provider
) -> None:
    person_id, public_id = account(eu_house)
    with eu_house.system():
        make.member(db.session.get(Person, person_id), make.centre(make.hospital("H", make.country()), make.network()))
    visitor, _answer = eu_login.walk(eu_house, "anna")
    assert name_of(visitor) == public_id
    assert visitor.get("/patients/").status_code == 200
    other, _answer = eu_login.walk(eu_house, "second anna")
    assert name_of(other) != public_id
    assert other.get("/patients/").status_code == 403
    assert len(accounts_of(eu_house)) == 2


UNBOUND = {
    "with a password": {"password": HASH},
    "an operator's": {"admin": True},
    "an operator's with a password": {"admin": True, "password": HASH},
}


@pytest.mark.parametrize("kind", UNBOUND)
def test_an_account_that_something_else_opens_is_not_bound(eu_house: House, eu_login: Provider, kind: str) -> None:
    given = dict(UNBOUND[kind])
    admin = given.pop("admin", False)
    person_id, public_id = account(eu_house, **given)
    if admin:
        with eu_house.system():
            make.admin(db.session.get(Person, person_id))
    visitor, _answer = eu_login.walk(eu_house, "anna")
    assert inside(visitor)
    assert name_of(visitor) != public_id
    assert visitor.get("/countries/").status_code == visitor.get("/patients/").status_code == 403
    (_known, (_name, address)) = accounts_of(eu_house)
    assert address.endswith(f"@{accounts.NOWHERE}")


def test_an_account_whose_password_is_taken_away_is_opened_by_eu_login(eu_house: House, eu_login: Provider) -> None:
    person_id, public_id = account(eu_house, password=HASH)
    inside_before = eu_house.client_for(person_id)
    with eu_house.app.app_context():
        links.forget_password(person_id)
    visitor, _answer = eu_login.walk(eu_house, "anna")
    assert (name_of(visitor), inside(inside_before)) == (public_id, False)
    assert entries(eu_house)[0] == ("person.forget-password", "done")


def test_an_operators_password_is_not_taken_away(eu_house: House) -> None:
    person_id, _public_id = account(eu_house, password=HASH)
    with eu_house.system("command"):
        make.admin(db.session.get(Person, person_id))
    with eu_house.app.app_context(), pytest.raises(NotAllowed):
        links.forget_password(person_id)
    assert eu_house.value("SELECT password FROM ab_user") == HASH


def test_an_address_that_is_not_verified_finds_nobody_and_nobody_is_found_by_it(
    eu_house: House, eu_login: Provider
) -> None:
    _id, public_id = account(eu_house)
    visitor, _answer = eu_login.walk(eu_house, "false anna")
    assert inside(visitor)
    assert name_of(visitor) != public_id
    stranger, _answer = eu_login.walk(eu_house, "nobody")
    assert inside(stranger)
    with eu_house.system():
        assert accounts.matching("nobody@here.example") is None
        assert [accounts.mailbox(one) for one in db.session.scalars(select(Person).order_by(Person.id))] == [
            HERE,
            None,
            None,
        ]


@pytest.mark.t_enum
def test_a_taken_address_is_not_told_from_one_that_is_only_unverified(eu_house: House, eu_login: Provider) -> None:
    account(eu_house)
    pages = []
    for who in ("false anna", "nobody"):
        visitor, _answer = eu_login.walk(eu_house, who)
        claims = PEOPLE[who]["claims"]
        page = visitor.get("/")
        keys = (name_of(visitor), claims["email"], f"{claims['given_name']} Elsewhere", f">{claims['given_name'][0]}E<")
        status, headers, body = plain(page, *keys)
        pages.append((status, [h for h in headers if h[0] != "Content-Length"], body))
    assert pages[0] == pages[1]
    assert "Mail from here cannot reach you" in pages[0][2]


def test_an_address_verified_later_does_not_move_an_account(eu_house: House, eu_login: Provider) -> None:
    first, _answer = eu_login.walk(eu_house, "nobody")
    _id, public_id = account(eu_house, "Expected", "nobody@here.example")
    second, _answer = eu_login.walk(eu_house, "nobody verified")
    assert name_of(first) == name_of(second) != public_id


def test_an_address_changed_at_eu_login_is_shown_and_moves_no_right(eu_house: House, eu_login: Provider) -> None:
    _id, others = account(eu_house)
    first, _answer = eu_login.walk(eu_house, "nora")
    assert "gives another e-mail address" not in first.get("/").text
    mine = name_of(first)
    moved, _answer = eu_login.walk(eu_house, "nora moved")
    taken, _answer = eu_login.walk(eu_house, "nora as anna")
    assert [name_of(moved), name_of(taken)] == [mine, mine]
    assert others != mine
    page = taken.get("/").text
    assert "gives another e-mail address for you now: anna@here.example" in page
    assert "Here you are known by nora@elsewhere.example" in page
    assert accounts_of(eu_house)[1] == ("Nora", "nora@elsewhere.example")


def test_a_letter_that_only_looks_like_another_one_finds_nobody(eu_house: House, eu_login: Provider) -> None:
    _id, public_id = account(eu_house, "Kelvin", "kelvin@here.example")
    visitor, _answer = eu_login.walk(eu_house, "kelvin")
    assert inside(visitor)
    assert name_of(visitor) != public_id


@pytest.mark.parametrize("bound", [True, False])
def test_a_disabled_account_is_refused_and_nobody_new_is_made(
    eu_house: House, eu_login: Provider, *, bound: bool
) -> None:
    person_id, _public_id = account(eu_house)
    if bound:
        eu_login.walk(eu_house, "anna")
    with eu_house.system() as actor:
        accounts.disable(actor, db.session.get(Person, person_id))
    visitor, answer = eu_login.walk(eu_house, "anna")
    assert (answer.status_code, inside(visitor)) == (403, False)
    assert not re.search("lock|disab|clos|Anna", answer.text.split("<main")[1].split("</main>")[0])
    assert len(accounts_of(eu_house)) == 1
    assert entries(eu_house)[-1] == ("login.start", "refused")
    with eu_house.system() as actor:
        accounts.enable(actor, db.session.get(Person, person_id))
    assert inside(eu_login.walk(eu_house, "anna")[0])
