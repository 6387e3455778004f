"""Second factors on the screen: asked behind the password, set up before anything else, changed by whoever shows again who they are."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from app.models import Login, Person, db, now
from app.services import factors
from tests import factories as make
from tests.houses import House, Visitor
from tests.services.test_factors import anna, code_of, made_codes, mails  # noqa: F401  a fixture
from tests.trust.sign_ins import PASSWORD, account, inside, sign_in

pytestmark = pytest.mark.t_session
LONG_AGO = dt.timedelta(minutes=16)


def operator(house: House, name: str = "Op") -> Any:
    """An operator with a password and no second factor."""
    made = account(house, name)
    with house.system():
        make.admin(db.session.get(Person, made.id))
    return made


def token_on(page: str) -> str:
    return re.search(r'name="csrf" content="([^"]+)"', page)[1]


def send(visitor: Visitor, address: str, **typed: str) -> Any:
    """Send a form of a page as it is."""
    page = visitor.get("/prove/" if visitor.get("/my-logins/").status_code != 200 else "/my-logins/").text
    return visitor.post(address, data=typed | {"csrf_token": token_on(page)})


def test_behind_the_right_password_nothing_opens_before_the_code(house: House, anna: Any) -> None:  # noqa: F811
    visitor, answer = sign_in(house, anna.email, query="?next=/my-logins/")
    assert (answer.status_code, answer.location) == (302, "/my-logins/")
    assert visitor.get("/my-logins/").location == "/prove/?next=/my-logins/"
    assert visitor.get("/").location.startswith("/prove/")
    assert send(visitor, "/my-factors/codes").status_code == 403
    assert send(visitor, "/prove/again", password=PASSWORD).location.startswith("/prove/")
    assert not inside(visitor)
    wrong = send(visitor, "/prove/?next=/my-logins/", code="000000")
    assert (wrong.status_code, "This code is not right" in wrong.text) == (422, True)
    right = send(visitor, "/prove/?next=/my-logins/", code=code_of(anna.secret))
    assert (right.status_code, right.location) == (302, "/my-logins/")
    assert inside(visitor)


def test_a_password_alone_waits_a_quarter_of_an_hour_for_its_second_factor(house: House, anna: Any) -> None:  # noqa: F811
    visitor, _answer = sign_in(house, anna.email)
    assert lasts(house) == dt.timedelta(minutes=15)
    assert send(visitor, "/prove/", code=code_of(anna.secret)).status_code == 302
    assert lasts(house) > dt.timedelta(hours=9)


def lasts(house: House) -> dt.timedelta:
    """How long the login lasts from its beginning."""
    with house.everything() as session:
        login = session.query(Login).one()
        return login.expires_at - login.started_at


def test_a_recovery_code_opens_instead(house: House, anna: Any) -> None:  # noqa: F811
    code = made_codes(house, anna)[0]
    visitor, _answer = sign_in(house, anna.email)
    assert send(visitor, "/prove/", code=code).status_code == 302
    assert inside(visitor)
    again, _answer = sign_in(house, anna.email)
    assert send(again, "/prove/", code=code).status_code == 422


@pytest.mark.t_brute
def test_a_thousand_wrong_codes_on_one_account_and_on_many_open_nothing(house: House, anna: Any) -> None:  # noqa: F811
    visitor, _answer = sign_in(house, anna.email)
    token = token_on(visitor.get("/prove/").text)
    typed = [f"{number:06d}" for number in range(1000)]
    code = code_of(anna.secret)
    statuses = [
        visitor.post("/prove/", data={"code": one, "csrf_token": token}).status_code for one in typed if one != code
    ]
    assert set(statuses[:10]) == {422}
    assert set(statuses[10:]) == {429}
    assert not inside(visitor)
    for number in range(5):
        other = account(house, f"Other{number}")
        with house.system():
            db.session.add(make.app_factor(other.id)[0])
            db.session.commit()
        browser, answer = sign_in(house, other.email)
        if answer.status_code == 429:  # by then the address itself waits
            statuses.append(429)
            continue
        key = token_on(browser.get("/prove/").text)
        statuses += [browser.post("/prove/", data={"code": "000000", "csrf_token": key}).status_code for _ in range(12)]
    assert statuses[-1] == 429
    assert statuses.count(422) <= 50  # of one address


def test_an_account_that_needs_a_second_factor_sets_one_up_before_anything_else(house: House) -> None:
    op = operator(house)
    visitor, _answer = sign_in(house, op.email)
    assert visitor.get("/people/").location == "/my-logins/?next=/people/"
    page = visitor.get("/my-logins/").text
    assert "until then nothing else opens" in page
    assert send(visitor, "/policies/publish").status_code == 403
    shown = visitor.get("/my-factors/app").text
    secret = re.search(r'name="secret" value="([A-Z2-7]{32})"', shown)[1]
    typed = {"secret": secret, "name": "Phone", "code": "000000"}
    wrong = send(visitor, "/my-factors/app", **typed)
    assert (wrong.status_code, secret in wrong.text) == (422, True)
    added = send(visitor, "/my-factors/app", **typed | {"code": code_of(secret)})
    codes = re.findall(r"<code[^>]*>([a-z0-9-]{19})</code>", added.text)
    assert (added.status_code, len(codes)) == (200, 10)
    assert visitor.get("/people/").status_code == 200
    assert codes[0] not in visitor.get("/my-logins/").text
    again, _answer = sign_in(house, op.email)
    assert again.get("/people/").location.startswith("/prove/")
    assert send(again, "/prove/", code=codes[0]).status_code == 302
    assert again.get("/people/").status_code == 200


def test_who_came_by_the_password_before_the_factor_was_set_up_does_not_stay(house: House) -> None:
    op = operator(house)
    thief, _answer = sign_in(house, op.email)
    owner, _answer = sign_in(house, op.email)
    kept = token_on(thief.get("/my-logins/").text)
    secret, wanted = factors.new_secret(), factors.new_secret()
    assert send(owner, "/my-factors/app", secret=secret, name="Phone", code=code_of(secret)).status_code == 200
    own = {"secret": wanted, "name": "Mine too", "code": code_of(wanted), "csrf_token": kept}
    assert thief.post("/my-factors/app", data=own).status_code == 400
    assert house.value("SELECT count(*) FROM second_factor") == 1
    assert (owner.get("/people/").status_code, thief.get("/people/").location.startswith("/login/")) == (200, True)


def test_with_a_factor_that_is_taken_away_every_other_login_ends(house: House, anna: Any) -> None:  # noqa: F811
    client, other = house.client_for(anna.id, two_factors=True), house.client_for(anna.id, two_factors=True)
    berta = house.client_for(account(house, "Berta").id)
    key = house.value("SELECT public_id FROM second_factor")
    assert client.post(f"/my-factors/{key}/remove").location == "/my-logins/"
    assert [inside(one) for one in (client, other, berta)] == [True, False, True]


def test_whoever_has_no_place_yet_is_not_asked(house: House) -> None:
    visitor, _answer = sign_in(house, account(house).email)
    assert visitor.get("/my-logins/").status_code == 200
    assert visitor.get("/").status_code == 200


def test_factors_change_only_for_whoever_has_lately_shown_who_they_are(house: House, anna: Any) -> None:  # noqa: F811
    client = house.client_for(anna.id, proved_at=now() - LONG_AGO)
    page = client.get("/my-logins/").text
    remove = re.search(r'action="(/my-factors/[0-9a-f]{32}/remove)"', page)[1]
    for address in ("/my-factors/app", "/my-factors/codes", remove):
        answer = client.post(address)
        assert (answer.status_code, answer.location.startswith("/prove/again?next=")) == (302, True)
    assert house.value("SELECT count(*) FROM second_factor") == 1
    assert client.post("/prove/again?next=/my-logins/", data={"password": "not mine at all"}).status_code == 422
    assert client.post("/prove/again?next=/my-logins/", data={"password": PASSWORD}).location == "/my-logins/"
    assert client.post(remove).location == "/my-logins/"
    assert (house.value("SELECT count(*) FROM second_factor"), mails(house)) == (0, ["account.factor-removed"])


def test_a_factor_is_renamed_and_another_persons_is_not_found(house: House, anna: Any) -> None:  # noqa: F811
    berta = account(house, "Berta")
    key = house.value("SELECT public_id FROM second_factor")
    mine, theirs = house.client_for(anna.id), house.client_for(berta.id)
    assert mine.post(f"/my-factors/{key}/name", data={"name": "Work phone"}).status_code == 302
    assert "Work phone" in mine.get("/my-logins/").text
    answers = [theirs.post(f"/my-factors/{key}/{what}", data={"name": "x"}).status_code for what in ("name", "remove")]
    assert answers == [404, 404]


def test_an_operator_sees_who_has_one_and_takes_it_away(house: House, anna: Any) -> None:  # noqa: F811
    op = operator(house)
    client, berta = house.client_for(op.id), account(house, "Berta")
    said = "Remove the second factors"
    assert said in client.get(f"/people/{anna.public_id}").text
    assert said not in client.get(f"/people/{berta.public_id}").text
    assert client.post(f"/people/{anna.public_id}/reset-factors").status_code == 302
    assert house.value("SELECT count(*) FROM second_factor") == 0
    assert "account.factors-reset" in mails(house)
    assert not inside(sign_in(house, anna.email, "wrong")[0])
    assert inside(sign_in(house, anna.email)[0])


def test_a_password_says_the_same_with_and_without_a_second_factor(house: House, anna: Any) -> None:  # noqa: F811
    plain = account(house, "Plain")
    answers = [sign_in(house, who.email, "not the password")[1] for who in (anna, plain)]
    bodies = {re.sub(r'value="[^"]*"|content="[^"]*"|nonce-[\w-]+', "", one.text) for one in answers}
    assert ({one.status_code for one in answers}, len(bodies)) == ({422}, 1)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_secret_of_an_app_is_made_by_us(house: House, dialect: str) -> None:
    anna = account(house)  # noqa: F811
    client = house.client_for(anna.id)
    for secret in ("", "A" * 31, "a" * 32, "A" * 400, "0" * 32):
        answer = client.post("/my-factors/app", data={"secret": secret, "name": "x", "code": "123456"})
        assert answer.status_code == 422
    assert factors.step_of("A" * 32, "12345") is None
