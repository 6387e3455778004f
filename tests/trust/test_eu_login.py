"""T-SESSION: through EU Login one comes in with two factors, to the page one wanted, and leaves."""

from __future__ import annotations

import re

import pytest
import requests
from sqlalchemy import select

from app.models import LoginIdentity, db
from app.services import accounts
from tests.houses import House
from tests.moments import at_once
from tests.providers import Provider, asked, inside, name_of, path
from tests.trust.sign_ins import account, accounts_of, entries

pytestmark = pytest.mark.t_session


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
    statuses = at_once(lambda number: visitors[number].get(backs[number]).status_code, range(4))
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
    assert "Sign in with two factors" in answer.text
    (link,) = re.findall(r'href="(/login/eu/\?[^"]*)"', answer.text)
    away = visitor.get(link.replace("&amp;", "&"))
    words = asked(away.location)
    assert (words["prompt"], words["acr_values"]) == ("login", "urn:demo:two-factors")
    again = visitor.get(path(eu_login.choose(away.location, "nora", 2, agent)))
    assert (again.location, inside(visitor)) == ("/my-logins/", True)


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
    assert eu_house.client_for(account(eu_house).id).post("/logout/").location == "/login/"


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
