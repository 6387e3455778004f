"""T-ENUM: nobody learns whether an account exists: not by words, status or headers, nor by what the answer costs.

The words are compared for passwords in ``test_login_limits``, passkeys in ``test_passkeys``, one-time links in
``test_session_ends``, EU Login in ``test_eu_login_accounts``, CAS in ``test_cas``, addresses one names in
``test_request_pages`` and ``test_memberships``. Here is what it costs, on every way that takes a name or a key, and what it
says once the tries are limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.models import Person, db, now
from app.services import links
from tests import factories as make
from tests.devices import Device
from tests.houses import House
from tests.trust.routes import plain
from tests.trust.sign_ins import account, inside, sign_in
from tests.trust.test_login_limits import fail
from tests.trust.test_passkeys import add, ask, enter

pytestmark = pytest.mark.t_enum
NOBODY = "nobody.at.all@people.example"
ELSEWHERE = "192.0.2.90"
HERE = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.91"}}


@contextmanager
def noted() -> Iterator[list[str]]:
    """The statements asked inside, without their values."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        asked.append(sql)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _known(house: House) -> str:
    return account(house).email


def _with_a_factor(house: House) -> str:
    made = account(house)
    with house.system():
        db.session.add(make.app_factor(made.id)[0])
        db.session.commit()
    return made.email


def _disabled(house: House) -> str:
    return account(house, disabled_at=now()).email


def _without_a_password(house: House) -> str:
    with house.system():
        return make.person("Unset").email


def _operator(house: House) -> str:
    made = account(house)
    with house.system():
        make.admin(db.session.get(Person, made.id))
    return made.email


def _signed_in_before(house: House) -> str:
    made = account(house)
    house.client_for(made.id, address="192.0.2.93")
    return made.email


KINDS: dict[str, Callable[[House], str]] = {
    "known": _known,
    "with a factor": _with_a_factor,
    "disabled": _disabled,
    "without a password": _without_a_password,
    "an operator": _operator,
    "signed in before elsewhere": _signed_in_before,
}


def wrong(house: House, name: str) -> tuple[Any, list[str]]:
    """The answer to a wrong password, and what was asked of the database meanwhile."""
    visitor = house.visitor()
    visitor.get("/login/")
    with noted() as asked:
        _visitor, answer = sign_in(house, name, "not the password", visitor, **HERE)
    assert not inside(visitor)
    status, headers, body = plain(answer, name)
    return (status, [one for one in headers if one[0] != "Content-Length"], body), asked


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_of_nobody_costs_what_an_account_costs(house: House, kind: str, *, limited: bool) -> None:
    name = KINDS[kind](house)
    for one in (name, NOBODY) if limited else ():  # by tries elsewhere, so that the account alone is full
        assert fail(house, one, 11, ELSEWHERE)[-1] == 429
    said, asked = wrong(house, name)
    nothing, asked_of_nobody = wrong(house, NOBODY)
    assert said[0] == (429 if limited else 422)
    assert said == nothing
    assert asked == asked_of_nobody


def test_a_passkey_of_somebody_locked_costs_what_one_of_nobody_costs(house: House) -> None:
    anna = account(house)
    device = add(house, anna)
    with house.system():
        db.session.get(Person, anna.id).disabled_at = now()
        db.session.commit()
    answers = []
    for one in (device, Device()):
        visitor = house.visitor()
        visitor, answer = enter(house, one.signs(ask(visitor)), visitor)
        page = visitor.get(answer.location)
        answers.append((plain(answer), plain(page), inside(visitor)))
    assert answers[0] == answers[1]


def test_a_link_of_somebody_who_is_locked_is_one_that_never_was(house: House) -> None:
    anna = account(house)
    with house.system() as actor:
        token = links.offer(actor, db.session.get(Person, anna.id))
        db.session.get(Person, anna.id).disabled_at = now()
        db.session.commit()
    stranger, none = house.visitor(), "x" * len(token)
    typed = {"password": "correct horse battery staple", "again": "correct horse battery staple"}
    for ask_ in (lambda key: stranger.get(f"/link/{key}"), lambda key: stranger.post(f"/link/{key}", data=typed)):
        assert plain(ask_(token), token) == plain(ask_(none), none)
