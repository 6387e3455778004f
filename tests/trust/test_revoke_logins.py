"""T-REVOKE: a login ends with what it stood for, however one had signed in; who may not come back does not.

By CAS it is the same, in ``test_cas``. What a login shows when a place ends is ``test_revoke``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.models import Login, Person, SecondFactor, db, now, today
from app.services import accounts, factors, links, logins, passwords, policies
from app.words import FactorKind
from tests import factories as make
from tests.devices import Device
from tests.houses import House, Visitor
from tests.pages.test_factor_pages import token_on
from tests.providers import Provider, name_of
from tests.services.test_factors import code_of, made_codes
from tests.trust.routes import asks_to_sign_in
from tests.trust.sign_ins import OTHER, account, inside, sign_in
from tests.trust.test_passkeys import add, ask, enter

pytestmark = pytest.mark.t_revoke


# --- ways in ----------------------------------------------------------------------------------------------------------


class Keyholder:
    """Somebody with a password, an app, recovery codes and a passkey."""

    def __init__(self, house: House) -> None:
        self.house, made = house, account(house)
        self.id, self.email, self.public_id = made.id, made.email, made.public_id
        self.plain = account(house, "Plain").email
        self.device: Device = add(house, self)
        with house.system():
            factor, self.secret = make.app_factor(self.id)
            db.session.add(factor)
            db.session.commit()
        self.codes = made_codes(house, self)


def _by_code(house: House, person: Keyholder) -> Visitor:
    return _behind_the_password(house, person, code_of(person.secret))


def _by_recovery_code(house: House, person: Keyholder) -> Visitor:
    return _behind_the_password(house, person, person.codes.pop())


def _behind_the_password(house: House, person: Keyholder, code: str) -> Visitor:
    visitor, _answer = sign_in(house, person.email)
    page = visitor.get("/prove/")
    if page.status_code == 200:
        visitor.post("/prove/", data={"code": code, "csrf_token": token_on(page.text)})
    return visitor


def _by_passkey(house: House, person: Keyholder) -> Visitor:
    visitor = house.visitor()
    return enter(house, person.device.signs(ask(visitor)), visitor)[0]


WAYS: dict[str, Callable[[House, Keyholder], Visitor]] = {
    "a code": _by_code,
    "a recovery code": _by_recovery_code,
    "a passkey": _by_passkey,
}


# --- endings ----------------------------------------------------------------------------------------------------------


def disabled(house: House, person_id: int) -> None:
    """An operator locks the account."""
    with house.system() as actor:
        accounts.disable(actor, db.session.get(Person, person_id))


def withdrawn(house: House, person_id: int) -> None:
    """The person takes the acceptance of the policy back, in another browser."""
    with house.acting(person_id) as actor:
        policies.withdraw(actor, db.session.get(Person, person_id))


def ended_elsewhere(house: House, person_id: int) -> None:
    """The person ends every login of theirs on the page of another browser."""
    with house.acting(person_id) as actor:
        for login in db.session.query(Login).filter_by(person_id=person_id, ended_at=None):
            logins.end(actor, login)


def _password_changed(house: House, person_id: int) -> None:
    known = passwords.hashed(OTHER)
    with house.acting(person_id) as actor:
        person = db.session.get(Person, person_id)
        logins.set_password(actor, person, was=person.password, known=known, login_id=None)


def _link_used(house: House, person_id: int) -> None:
    with house.system() as actor:
        token = links.offer(actor, db.session.get(Person, person_id))
    house.visitor().post(f"/link/{token}", data={"password": OTHER, "again": OTHER})


def _password_forgotten(house: House, person_id: int) -> None:
    with house.app.app_context():
        links.forget_password(person_id)


def _factors_reset(house: House, person_id: int) -> None:
    with house.system() as actor:
        factors.reset(actor, db.session.get(Person, person_id))


def _factor_removed(house: House, person_id: int) -> None:
    with house.acting(person_id) as actor:
        lost = db.session.query(SecondFactor).filter_by(person_id=person_id, kind=FactorKind.APP).one()
        factors.remove(actor, lost, login_id=None)


OF_ACCOUNT = {"disabled": disabled, "withdrawn": withdrawn, "ended elsewhere": ended_elsewhere}
ENDINGS: dict[str, Callable[[House, int], None]] = OF_ACCOUNT | {
    "password changed": _password_changed,
    "one-time link used": _link_used,
    "password forgotten": _password_forgotten,
    "factors reset": _factors_reset,
    "factor removed": _factor_removed,
}


def is_out(visitor: Visitor) -> bool:
    """Whether the next requests of a browser open nothing: a page, a list, a form that is sent."""
    asked = [visitor.get(address) for address in ("/", "/my-logins/", "/patients/", "/my-policy/")]
    sent = visitor.post("/prove/present")
    return all(asks_to_sign_in(one) for one in asked) and sent.status_code in {302, 400}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("way", WAYS)
def test_a_login_ends_with_what_it_stood_for(house: House, way: str, ending: str) -> None:
    person = Keyholder(house)
    visitor, other = WAYS[way](house, person), sign_in(house, person.plain)[0]
    assert inside(visitor)
    ENDINGS[ending](house, person.id)
    assert is_out(visitor)
    assert inside(other)
    if ending in {"disabled", "withdrawn"}:
        with house.everything() as session:
            session.connection(execution_options={"writes": True})
            session.query(SecondFactor).update({"counter": 0})  # the code of this moment is good once more
            session.commit()
        assert [inside(again(house, person)) for again in WAYS.values()] == [False] * 3


@pytest.mark.parametrize("ending", OF_ACCOUNT)
def test_a_login_through_eu_login_ends_with_the_account(eu_house: House, eu_login: Provider, ending: str) -> None:
    ends_with_the_account(eu_house, eu_login.walk, ending)


def ends_with_the_account(house: House, walk: Callable[[House, str], tuple[Visitor, Any]], ending: str) -> None:
    """By a door of others: the login ends, and only who ended it themselves comes back in."""
    visitor, _answer = walk(house, "nora")
    key = house.value("SELECT id FROM ab_user WHERE public_id = :key", key=name_of(visitor))
    OF_ACCOUNT[ending](house, key)
    assert is_out(visitor)
    again, _answer = walk(house, "nora")
    assert inside(again) is (ending == "ended elsewhere")


@pytest.mark.parametrize("ending", [disabled, withdrawn])
def test_what_waits_at_a_gate_ends_with_the_account(house: House, ending: Callable[[House, int], None]) -> None:
    anna = account(house)
    waiting = [
        house.client_for(anna.id, locked_at=now()),
        house.client_for(anna.id, two_factors=False, asks_factor=True),
        house.client_for(anna.id, two_factors=False),
    ]
    ending(house, anna.id)
    assert [is_out(one) for one in waiting] == [True, True, True]


def test_a_new_policy_shuts_open_logins_and_none_of_them_ends(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    with house.system():
        make.policy_version(from_on=today())
    assert [client.get(address).location for address in ("/", "/password/")] == [
        "/policy/?next=/",
        "/policy/?next=/password/",
    ]
    assert client.post("/password/", data={}).status_code == 403
    assert house.value("SELECT count(*) FROM login WHERE ended_at IS NULL") == 1
