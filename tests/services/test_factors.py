"""T-TOTP: a code works once, whoever is first; recovery codes; what an operator does; who is told."""

from __future__ import annotations

import threading
from typing import Any

import pyotp
import pytest

from app.errors import Conflict, Incomplete, NotAllowed
from app.models import Login, Mail, Person, SecondFactor, db, now
from app.services import factors, keys, logins, passwords, proving
from app.services.factors import STEP_SECONDS
from app.services.limits import TooMany
from tests import factories as make
from tests.houses import House
from tests.moments import at_once
from tests.trust.sign_ins import HASH, OTHER, account

HERE = "192.0.2.1"
pytestmark = pytest.mark.t_totp


@pytest.fixture
def anna(house: House) -> Any:
    """An account with a password and an app that makes codes; ``secret`` is what the app knows."""
    made = account(house)
    with house.system():
        factor, made.secret = make.app_factor(made.id)
        db.session.add(factor)
        db.session.commit()
        made.factor_id = factor.id
    return made


def code_of(secret: str, steps: int = 0) -> str:
    """What an app shows, or did some steps before."""
    return pyotp.TOTP(secret).at(int(now().timestamp()), counter_offset=steps)


def shown(house: House, person: Any, code: str, address: str = HERE) -> str:
    """What becomes of a code: nothing said, or the refusal's kind."""
    with house.app.app_context():
        with house.everything() as session:
            known = session.get_one(Person, person.id)
            session.expunge(known)
        try:
            proving.by_code(known, code, address)
        except (Incomplete, NotAllowed, TooMany) as refusal:
            return type(refusal).__name__
    return ""


def mails(house: House) -> list[str]:
    return [row[0] for row in house.rows("SELECT kind FROM mail ORDER BY id")]


def test_a_code_works_once_and_no_older_one_after_it(house: House, anna: Any) -> None:
    code, before = code_of(anna.secret), code_of(anna.secret, -1)
    assert [shown(house, anna, one) for one in (code, code, before)] == ["", "Incomplete", "Incomplete"]


@pytest.mark.parametrize(("steps", "said"), [(-2, "Incomplete"), (-1, ""), (0, ""), (1, ""), (2, "Incomplete")])
def test_a_phones_clock_may_be_half_a_minute_off(house: House, anna: Any, steps: int, said: str) -> None:
    while now().timestamp() % STEP_SECONDS > STEP_SECONDS - 3:
        pass  # the step must not change meanwhile
    assert shown(house, anna, code_of(anna.secret, steps)) == said


def test_of_many_browsers_that_send_one_code_at_once_one_is_let_in(house: House, anna: Any) -> None:
    code, said, start = code_of(anna.secret), [], threading.Barrier(8)

    def send(number: int) -> None:
        start.wait()
        said.append(shown(house, anna, code, f"192.0.2.{number}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("") == 1


def made_codes(house: House, person: Any) -> list[str]:
    with house.acting(person.id) as actor:
        return factors.make_codes(actor, db.session.get(Person, person.id))


def test_each_of_ten_recovery_codes_works_once_however_it_is_typed_and_a_mail_says_so(house: House, anna: Any) -> None:
    codes = made_codes(house, anna)
    assert (len(codes), len(set(codes))) == (10, 10)
    typed = [codes[0], codes[0], codes[1].replace("-", " ").upper(), codes[2].replace("-", "")]
    assert [shown(house, anna, code) for code in typed] == ["", "Incomplete", "", ""]
    assert factors_left(house, anna) == 7
    assert mails(house) == ["account.recovery-used"] * 3
    kept = house.rows("SELECT * FROM recovery_code")
    assert not any(code.replace("-", "") in str(row).replace("-", "") for code in codes for row in kept)


def factors_left(house: House, person: Any) -> int:
    with house.app.app_context():
        return factors.codes_left(person.id)


def test_new_recovery_codes_end_the_earlier_ones_and_open_no_other_account(house: House, anna: Any) -> None:
    berta = account(house, "Berta")
    first, second = made_codes(house, anna), made_codes(house, anna)
    assert shown(house, anna, first[0]) == "Incomplete"
    assert shown(house, berta, second[0]) == "Incomplete"
    assert shown(house, anna, second[0]) == ""


def test_after_ten_wrong_codes_the_account_waits_and_its_owner_is_told_once(house: House, anna: Any) -> None:
    assert [shown(house, anna, "000000", f"192.0.2.{n}") for n in range(13)] == ["Incomplete"] * 10 + ["TooMany"] * 3
    assert shown(house, anna, code_of(anna.secret)) == "TooMany"
    assert mails(house) == ["account.wrong-codes"]


def test_the_owner_is_told_of_few_wrong_codes_and_a_right_one_begins_the_count_anew(house: House, anna: Any) -> None:
    assert [shown(house, anna, "000000") for _n in range(4)] == ["Incomplete"] * 4
    assert mails(house) == []
    assert shown(house, anna, code_of(anna.secret)) == ""
    for _n in range(4):
        shown(house, anna, "000000")
    assert mails(house) == []
    shown(house, anna, "000000")
    assert mails(house) == ["account.wrong-codes"]


def test_after_a_hundred_wrong_codes_in_a_row_no_code_opens_before_an_operator_has_helped(
    house: House, anna: Any
) -> None:
    with house.system():
        operator = make.person("Olga")
        make.admin(operator)
        number = operator.id
        db.session.get(Person, anna.id).wrong_codes = proving.MOST_WRONG - 1
        db.session.commit()
    said = [shown(house, anna, "000000"), shown(house, anna, code_of(anna.secret)), shown(house, anna, "000000")]
    assert said == ["Incomplete", "NotAllowed", "NotAllowed"]
    with house.acting(anna.id) as actor:  # who came by a passkey
        known = passwords.hashed(OTHER)
        logins.set_password(actor, db.session.get(Person, anna.id), was=HASH, known=known, login_id=None)
    assert shown(house, anna, "000000") == "Incomplete"
    with house.system():
        db.session.get(Person, anna.id).wrong_codes = proving.MOST_WRONG
        db.session.commit()
    with house.acting(number) as actor:
        factors.reset(actor, db.session.get(Person, anna.id))
    with house.system():
        factor, secret = make.app_factor(anna.id)
        db.session.add(factor)
        db.session.commit()
    assert shown(house, anna, code_of(secret)) == ""


def test_the_secret_is_sealed_and_a_removed_factor_is_not_brought_back_by_a_backup(house: House, anna: Any) -> None:
    berta = account(house, "Berta")
    with house.system():
        other, _secret = make.app_factor(anna.id, "Other phone")
        db.session.add_all([other, make.app_factor(berta.id)[0]])
        db.session.commit()
        key = other.public_id
    assert anna.secret.encode() not in house.value("SELECT sealed FROM second_factor WHERE id = :id", id=anna.factor_id)
    with house.acting(anna.id) as actor:
        factors.remove(actor, db.session.get(SecondFactor, other.id), login_id=None)
    with house.app.app_context():
        assert f"second_factor {key}" in keys.ERASED.read(keys.ERASED.path())[0]
    assert mails(house) == ["account.factor-removed"]


def test_with_the_last_factor_the_recovery_codes_go(house: House, anna: Any) -> None:
    made_codes(house, anna)
    with house.acting(anna.id) as actor:
        factors.remove(actor, db.session.get(SecondFactor, anna.factor_id), login_id=None)
    assert factors_left(house, anna) == 0


def test_who_needs_a_second_factor_does_not_remove_the_last(house: House) -> None:
    with house.system():
        operator = make.person("Op", password=HASH)
        make.admin(operator)
        db.session.add(make.app_factor(operator.id)[0])
        db.session.commit()
        me = operator.id
    with house.acting(me) as actor, pytest.raises(Conflict, match="this is the only one"):
        factors.remove(actor, db.session.scalars(db.select(SecondFactor)).one(), login_id=None)


def test_of_the_last_two_removed_at_one_moment_one_stays(house: House) -> None:
    op = account(house, "Op")
    with house.system():
        make.admin(db.session.get(Person, op.id))
        db.session.add_all([make.app_factor(op.id, name)[0] for name in ("Phone", "Tablet")])
        db.session.commit()
    keys = [row[0] for row in house.rows("SELECT public_id FROM second_factor")]
    pairs = [(house.client_for(op.id), key) for key in keys]
    at_once(lambda pair: pair[0].post(f"/my-factors/{pair[1]}/remove"), pairs)
    assert house.value("SELECT count(*) FROM second_factor") == 1


def test_an_operator_takes_lost_factors_away_and_all_logins_with_them(house: House, anna: Any) -> None:
    made_codes(house, anna)
    client = house.client_for(anna.id)
    with house.system():
        operator = make.person("Op")
        make.admin(operator)
        me = operator.id
    with house.acting(me) as actor:
        factors.reset(actor, db.session.get(Person, anna.id))
    assert client.get("/password/").status_code == 302
    assert house.value("SELECT count(*) FROM second_factor") == factors_left(house, anna) == 0
    assert mails(house) == ["account.factors-reset"]
    with house.acting(me) as actor, pytest.raises(Conflict):
        factors.reset(actor, db.session.get(Person, anna.id))


def test_whoever_signs_in_with_eu_login_adds_no_factor_here(house: House) -> None:
    with house.system():
        nora = make.person("Nora").id
    secret = factors.new_secret()
    with house.acting(nora) as actor, pytest.raises(NotAllowed, match="EU Login"):
        factors.add_app(
            actor, db.session.get(Person, nora), name="x", secret=secret, code=code_of(secret), login_id=None
        )


def test_the_first_factor_is_not_shown_twice_in_place_of_the_second(house: House, anna: Any) -> None:
    client = house.client_for(anna.id, two_factors=False, asks_factor=True)
    with house.acting(anna.id) as actor:
        login = db.session.scalars(db.select(Login)).one()
        with pytest.raises(NotAllowed):
            logins.prove(actor, login, two_factors=False)
    assert client.get("/password/").location.startswith("/prove/")


def test_adding_one_is_told_by_mail(house: House) -> None:
    anna, secret = account(house), factors.new_secret()
    with house.acting(anna.id) as actor:
        person = db.session.get(Person, anna.id)
        with pytest.raises(Incomplete, match="not the code your app shows"):
            factors.add_app(actor, person, name="Phone", secret=secret, code="000000", login_id=None)
        factors.add_app(actor, person, name="Phone", secret=secret, code=code_of(secret), login_id=None)
    assert mails(house) == ["account.factor-added"]
    with house.everything() as session:
        assert session.query(Mail).one().facts["kind"] == "app"
