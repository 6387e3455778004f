"""T-SESSION: a login that starts while its account changes sees the change, whoever comes first."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from app.errors import Conflict, NotFound, Refusal
from app.models import Login, Person, db, now
from app.services import accounts, factors, links, logins, passwords
from tests import factories as make
from tests.houses import House
from tests.moments import at_once
from tests.trust.sign_ins import HASH, OTHER, PASSWORD, account, inside, sign_in

pytestmark = pytest.mark.t_session
HERE = "192.0.2.1"


def started(house: House, person: Any, **how: Any) -> str:
    """A login by a password that was right a moment ago; gives its token."""
    with house.app.app_context():
        with house.everything() as session:
            known = session.get_one(Person, person.id)
            session.expunge(known)
        return logins.start(known, HERE, "a browser", {}, two_factors=False, **how)


def new_password(house: House, person: Any, was: str = HASH) -> None:
    with house.acting(person.id) as actor:
        known = passwords.hashed(OTHER)
        logins.set_password(actor, db.session.get(Person, person.id), was=was, known=known, login_id=None)


def link_for(house: House, person: Any) -> str:
    with house.system():
        operator = make.person("Olga")
        make.admin(operator)
        number = operator.id
    with house.acting(number) as actor:
        return links.offer(actor, db.session.get(Person, person.id))


def open_logins(house: House) -> int:
    return house.value("SELECT count(*) FROM login WHERE ended_at IS NULL")


def test_a_password_that_was_right_before_it_was_changed_starts_nothing(house: House) -> None:
    anna = account(house)
    new_password(house, anna)
    with pytest.raises(Conflict):
        started(house, anna, known=HASH)
    assert open_logins(house) == 0
    assert inside(sign_in(house, anna.email, OTHER)[0])


def test_an_account_locked_meanwhile_starts_nothing(house: House) -> None:
    anna = account(house, disabled_at=now())
    with pytest.raises(Conflict):
        started(house, anna)
    assert open_logins(house) == 0


@pytest.mark.parametrize("change", ["an app is added", "the password is changed"])
def test_a_login_waits_for_a_change_that_is_under_way(house: House, change: str) -> None:
    """Else it would be neither among those that end, nor ask for what was added."""
    anna = account(house)
    came, begun = list[str](), threading.Event()

    def start() -> None:
        begun.set()
        try:
            came.append("in" if started(house, anna, known=HASH) else "")
        except Conflict:
            came.append("refused")

    late = threading.Thread(target=start)
    with house.app.app_context(), house.everything() as session:
        session.connection(execution_options={"writes": True})
        stored = logins.alone(session, anna.id)
        late.start()
        begun.wait()
        late.join(0.3)
        assert came == []
        if change == "an app is added":
            session.add(make.app_factor(anna.id)[0])
        else:
            stored.password = passwords.hashed(OTHER)
        session.commit()
    late.join(10)
    if change == "an app is added":
        assert came == ["in"]
        with house.everything() as session:
            assert session.query(Login).one().asks_factor
    else:
        assert came == ["refused"]


def test_of_two_who_change_one_password_by_the_same_old_one_the_second_is_refused(house: House) -> None:
    anna = account(house)
    new_password(house, anna)
    with pytest.raises(Conflict):
        new_password(house, anna, was=HASH)
    assert inside(sign_in(house, anna.email, OTHER)[0])


def test_a_new_password_uses_up_the_link_an_operator_made(house: House) -> None:
    anna = account(house)
    token = link_for(house, anna)
    new_password(house, anna)
    with house.app.app_context(), pytest.raises(NotFound):
        links.owner(token)


def test_of_two_who_use_one_link_at_once_one_sets_the_password(house: House) -> None:
    anna = account(house)
    token = link_for(house, anna)

    def use(word: str) -> bool:
        with house.app.app_context():
            try:
                links.use(token, word, word, HERE)
            except Refusal:
                return False
            return True

    assert sorted(at_once(use, [OTHER, OTHER[::-1]])) == [False, True]
    assert not inside(sign_in(house, anna.email, PASSWORD)[0])


def test_an_account_locked_after_its_link_was_opened_keeps_its_password(house: House) -> None:
    anna = account(house)
    token = link_for(house, anna)
    with house.system() as actor:
        accounts.disable(actor, db.session.get(Person, anna.id))
    with house.app.app_context(), pytest.raises(NotFound):
        links.use(token, OTHER, OTHER, HERE)
    assert house.value("SELECT password FROM ab_user WHERE id = :id", id=anna.id) == HASH


@pytest.mark.t_totp
def test_one_app_is_added_once_however_often_the_form_is_sent(house: House) -> None:
    anna = account(house)
    secret = factors.new_secret()
    code = factors.pyotp.TOTP(secret).now()

    def add(_number: int) -> str:
        try:
            with house.acting(anna.id) as actor:
                person = db.session.get(Person, anna.id)
                factors.add_app(actor, person, name="Phone", secret=secret, code=code, login_id=None)
        except Conflict:
            return "refused"
        return "added"

    assert sorted(at_once(add, range(3))) == ["added", "refused", "refused"]
    assert house.value("SELECT count(*) FROM second_factor") == 1
