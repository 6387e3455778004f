"""T-SESSION, T-ENUM: through EU Login comes who EU Login vouches for, by issuer and subject; an address alone opens nothing."""

from __future__ import annotations

import datetime as dt
import re
import threading
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from sqlalchemy import select

from app.errors import NotAllowed
from app.models import LoginIdentity, Person, db, now
from app.outside.eu_login import LINES
from app.services import accounts, links, logins, trips
from tests import factories as make
from tests.houses import House
from tests.providers import PEOPLE, Provider, asked, inside, name_of, path
from tests.trust.routes import plain

pytestmark = pytest.mark.t_session
HERE = "anna@here.example"
HASH = logins.hashed("correct horse battery staple")


def account(house: House, name: str = "Anna", email: str = HERE, **given: Any) -> Any:
    """An account somebody made before its person came: its id and public id."""
    with house.system():
        made = make.person(name, username=email, email=email, **given)
        return made.id, made.public_id


def accounts_of(house: House) -> list[tuple[str, str]]:
    """First name and address of every account."""
    return [tuple(row) for row in house.rows("SELECT first_name, email FROM ab_user ORDER BY id")]


def entries(house: House) -> list[tuple[str, str]]:
    """What the log holds."""
    return [tuple(row) for row in house.rows("SELECT act, outcome FROM audit_entry ORDER BY seq")]


# --- coming in --------------------------------------------------------------------------------------------------------


def test_somebody_unknown_comes_in_with_an_account_that_has_no_place(eu_house: House, eu_login: Provider) -> None:
    visitor, answer = eu_login.walk(eu_house, "nora")
    assert (answer.status_code, answer.location) == (302, "/")
    home = visitor.get("/").text
    assert "You have no place here" in home
    assert "nora@elsewhere.example" in home
    assert accounts_of(eu_house) == [("Nora", "nora@elsewhere.example")]
    (identity,) = eu_house.rows("SELECT issuer, subject, email, email_verified FROM login_identity")
    assert tuple(identity) == (eu_login.issuer, "subject-of-nora", "nora@elsewhere.example", True)
    assert entries(eu_house)[:2] == [("login.bind", "done"), ("login.start", "done")]
    assert eu_house.value("SELECT count(*) FROM login_trip") == 0


@pytest.mark.parametrize("who", ["nora", "nobody"])
def test_from_home_somebody_new_comes_to_the_wizard(eu_house: House, eu_login: Provider, who: str) -> None:
    visitor, _answer = eu_login.walk(eu_house, who)
    (wizard,) = re.findall(r'class="button primary" href="([^"]+)"', visitor.get("/").text)
    page = visitor.get(wizard)
    assert page.status_code == 200
    assert accounts.NOWHERE not in page.text


def test_the_same_person_comes_back_to_the_same_account(eu_house: House, eu_login: Provider) -> None:
    first, _answer = eu_login.walk(eu_house, "nora")
    second, _answer = eu_login.walk(eu_house, "nora")
    assert name_of(first) == name_of(second)
    assert len(accounts_of(eu_house)) == 1
    assert [act for act, _outcome in entries(eu_house)].count("login.bind") == 1


def test_two_browsers_of_one_new_person_at_one_moment_make_one_account(eu_house: House, eu_login: Provider) -> None:
    visitors = [eu_house.visitor() for _ in range(4)]
    backs = [path(eu_login.choose(one.get("/login/eu/").location, "nora")) for one in visitors]
    start, statuses = threading.Barrier(4), []

    def arrive(number: int) -> None:
        start.wait()
        statuses.append(visitors[number].get(backs[number]).status_code)

    threads = [threading.Thread(target=arrive, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [302] * 4
    assert len(accounts_of(eu_house)) == 1


def test_before_the_login_has_succeeded_the_session_holds_nothing(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    away = visitor.get("/login/eu/")
    sent = [header.split(";")[0].split("=")[0] for header in away.headers.getlist("Set-Cookie")]
    assert sent == [f"{eu_house.cookie}-eu-login"]
    (cookie,) = away.headers.getlist("Set-Cookie")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=900"} <= set(cookie.split("; "))
    words = asked(away.location)
    assert (words["code_challenge_method"], words["response_type"], len(words["nonce"])) == ("S256", "code", 43)
    assert words["redirect_uri"] == "https://cpms.test/login/eu/back"
    back = visitor.get(path(eu_login.choose(away.location, "nora")))
    after = {header.split("=")[0]: header.split(";")[0] for header in back.headers.getlist("Set-Cookie")}
    assert after[f"{eu_house.cookie}-eu-login"] == f"{eu_house.cookie}-eu-login="
    assert re.fullmatch(rf"{eu_house.cookie}=login\.[\w-]{{43}}", after[eu_house.cookie])


def test_a_login_gets_a_new_secret_and_keeps_the_language(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    visitor.post("/language/", data={"language": "de", "next": "/login/"})
    before = visitor.get_cookie(eu_house.cookie, domain="cpms.test").value
    eu_login.walk(eu_house, "nora", visitor=visitor)
    assert visitor.get_cookie(eu_house.cookie, domain="cpms.test").value != before
    assert '<html lang="de">' in visitor.get("/password/").text


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [("/my-logins/", "/my-logins/"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("/\\evil.example", "/")],
)
def test_one_comes_to_the_page_one_wanted_and_to_nobody_elses(
    eu_house: House, eu_login: Provider, wanted: str, goes_to: str
) -> None:
    _visitor, answer = eu_login.walk(eu_house, "nora", query=f"?next={wanted}")
    assert (answer.status_code, answer.location) == (302, goes_to)


def test_who_is_signed_in_is_not_sent_away(eu_house: House, eu_login: Provider) -> None:
    visitor, _answer = eu_login.walk(eu_house, "nora")
    assert visitor.get("/login/eu/?next=/my-logins/").location == "/my-logins/"
    assert visitor.get("/login/eu/back?code=x&state=y").location == "/"


# --- two factors ------------------------------------------------------------------------------------------------------


def test_a_login_with_one_factor_is_sent_back_with_a_link_that_asks_for_two(
    eu_house: House, eu_login: Provider
) -> None:
    agent = requests.Session()
    visitor, answer = eu_login.walk(eu_house, "nora", 1, agent=agent, query="?next=/my-logins/")
    assert (answer.status_code, inside(visitor)) == (403, False)
    assert "two factors" in answer.text
    assert accounts_of(eu_house) == []
    assert entries(eu_house) == [("login.start", "refused")]
    (link,) = re.findall(r'href="(/login/eu/\?[^"]*factors=2[^"]*)"', answer.text)
    away = visitor.get(link.replace("&amp;", "&"))
    words = asked(away.location)
    assert (words["prompt"], words["acr_values"]) == ("login", "urn:demo:two-factors")
    again = visitor.get(path(eu_login.choose(away.location, "nora", 2, agent)))
    assert (again.location, inside(visitor)) == ("/my-logins/", True)


# --- whose account it is ----------------------------------------------------------------------------------------------


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


def test_a_taken_address_is_not_told_from_one_that_is_only_unverified(eu_house: House, eu_login: Provider) -> None:
    account(eu_house)
    pages = []
    for who in ("false anna", "nobody"):
        visitor, _answer = eu_login.walk(eu_house, who)
        claims = PEOPLE[who]["claims"]
        page = visitor.get("/")
        keys = (name_of(visitor), claims["email"], claims["given_name"], f">{claims['given_name'][0]}E<")
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


# --- replayed, crossed, too old ---------------------------------------------------------------------------------------


def test_an_answer_works_once_and_in_the_browser_that_set_out_alone(eu_house: House, eu_login: Provider) -> None:
    visitor, other = eu_house.visitor(), eu_house.visitor()
    other.get("/login/eu/")
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    stolen, unasked = other.get(back), eu_house.visitor().get(back)
    kept = visitor.get_cookie(f"{eu_house.cookie}-eu-login", domain="cpms.test").value
    first = visitor.get(back)
    visitor.post("/logout/")
    visitor.set_cookie(f"{eu_house.cookie}-eu-login", kept, domain="cpms.test", secure=True)
    second = visitor.get(back)
    assert [one.status_code for one in (stolen, unasked, first, second)] == [400, 400, 302, 400]
    assert not inside(other)
    assert not inside(visitor)
    assert "Sign in again" in second.text


def test_a_code_used_twice_is_refused_by_the_provider_and_by_us(eu_house: House, eu_login: Provider) -> None:
    visitor, thief = eu_house.visitor(), eu_house.visitor()
    back = eu_login.choose(visitor.get("/login/eu/").location, "nora")
    visitor.get(path(back))
    state = asked(thief.get("/login/eu/").location)["state"]
    answer = thief.get(f"/login/eu/back?code={asked(back)['code']}&state={state}")
    assert (answer.status_code, inside(thief)) == (502, False)


def test_a_code_of_another_browser_does_not_fit_this_ones_state(eu_house: House, eu_login: Provider) -> None:
    attacker, victim = eu_house.visitor(), eu_house.visitor()
    back = eu_login.choose(attacker.get("/login/eu/").location, "nora")
    state = asked(victim.get("/login/eu/").location)["state"]
    answer = victim.get(f"/login/eu/back?code={asked(back)['code']}&state={state}")
    assert (answer.status_code, inside(victim)) == (502, False)


def test_who_comes_back_after_a_quarter_of_an_hour_begins_again(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    with eu_house.everything() as session:
        session.connection(execution_options={"writes": True})
        old = now() - dt.timedelta(minutes=trips.MINUTES + 1)
        session.execute(trips.LoginTrip.__table__.update().values(begun_at=old))
        session.commit()
    assert visitor.get(back).status_code == 400
    assert not inside(visitor)


WRONG = {
    "nothing": ("", 400),
    "no state": ("?code=x", 400),
    "a state of nobody": ("?code=x&state=y", 400),
    "a long state": ("?code=x&state=" + "y" * 5000, 400),
    "a state twice": ("?code=x&state=y&state=z", 400),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_answer_nobody_asked_for_is_refused_with_a_sentence(eu_house: House, eu_login: Provider, kind: str) -> None:
    query, status = WRONG[kind]
    visitor = eu_house.visitor()
    visitor.get("/login/eu/")
    answer = visitor.get(f"/login/eu/back{query}")
    assert (answer.status_code, "Sign in again" in answer.text) == (status, True)


def test_a_refusal_of_eu_login_is_said_in_our_own_words(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    state = asked(visitor.get("/login/eu/").location)["state"]
    theirs = "error=access_denied&error_description=Call+0900+1234"
    answer = visitor.get(f"/login/eu/back?{theirs}&state={state}")
    assert (answer.status_code, "0900" in answer.text) == (400, False)
    assert "EU Login did not sign you in" in answer.text


def test_an_answer_that_names_another_issuer_is_refused(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    crossed = re.sub("iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
    assert crossed != back
    assert visitor.get(crossed).status_code == 502
    assert not inside(visitor)


def test_from_one_address_not_everybody_can_set_out_at_once(
    eu_house: House, eu_login: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trips, "MOST_FROM_AN_ADDRESS", 3)
    statuses = [eu_house.visitor().get("/login/eu/").status_code for _ in range(5)]
    elsewhere = eu_house.visitor().get("/login/eu/", environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    assert (statuses, elsewhere.status_code) == ([302] * 3 + [429] * 2, 302)


def test_when_many_come_at_once_one_is_asked_to_wait_and_nothing_is_lost(eu_house: House, eu_login: Provider) -> None:
    visitor = eu_house.visitor()
    back = path(eu_login.choose(visitor.get("/login/eu/").location, "nora"))
    there = eu_house.app.extensions["eu_login"]
    with ExitStack() as others:
        for _one in range(LINES):
            others.enter_context(there.turn())
        waiting = visitor.get(back)
        assert visitor.get("/login/").status_code == 200
    assert (waiting.status_code, waiting.headers["Refresh"]) == (503, "2")
    assert "This page goes on by itself" in waiting.text
    assert visitor.get(back).status_code == 302
    assert inside(visitor)


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_signing_out_ends_our_login_and_says_where_eu_login_is_left(eu_house: House, eu_login: Provider) -> None:
    visitor, _answer = eu_login.walk(eu_house, "nora")
    left = visitor.post("/logout/")
    page = visitor.get(left.location).text
    assert not inside(visitor)
    assert "EU Login may still be open" in page
    assert f'href="{eu_login.issuer}/session/end"' in page
    assert "EU Login may still be open" not in visitor.get("/login/").text


def test_who_came_by_a_password_is_not_told_of_eu_login(eu_house: House) -> None:
    person_id, _public_id = account(eu_house)
    assert eu_house.client_for(person_id).post("/logout/").location == "/login/"


def test_without_settings_there_is_no_eu_login(house: House) -> None:
    visitor = house.visitor()
    assert "EU Login" not in visitor.get("/login/").text
    assert [visitor.get(f"/login/eu/{rest}").status_code for rest in ("", "back?code=x&state=y")] == [404, 404]


def test_identities_are_seen_by_nobody_but_their_person(eu_house: House, eu_login: Provider) -> None:
    eu_login.walk(eu_house, "nora")
    eu_login.walk(eu_house, "anna")
    (nora, anna) = [row[0] for row in eu_house.rows("SELECT id FROM ab_user ORDER BY id")]
    for mine in (nora, anna):
        with eu_house.acting(mine):
            assert [one.person_id for one in db.session.scalars(select(LoginIdentity))] == [mine]
