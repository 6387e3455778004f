"""T-SESSION: a login begins with a new secret, and keeps what is inside on the server."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import text

from tests.houses import House
from tests.moments import at_once
from tests.trust.sign_ins import PASSWORD, account, cookie, inside, sign_in

pytestmark = pytest.mark.t_session


# --- beginning --------------------------------------------------------------------------------------------------------


def test_a_login_has_a_new_secret_and_the_old_one_opens_nothing(house: House) -> None:
    anna = account(house)
    visitor = house.visitor()
    visitor.get("/login/")
    before = cookie(house, visitor)
    sign_in(house, anna.email, visitor=visitor)
    after = cookie(house, visitor)
    assert inside(visitor)
    assert before != after
    old = house.visitor()
    old.set_cookie(house.cookie, before, domain="cpms.test", secure=True)
    assert not inside(old)


def test_a_secret_somebody_else_chose_is_not_taken_over(house: House) -> None:
    anna = account(house)
    visitor = house.visitor()
    visitor.set_cookie(house.cookie, "login.chosen-by-an-attacker", domain="cpms.test", secure=True)
    sign_in(house, anna.email, visitor=visitor)
    assert inside(visitor)
    thief = house.signed_in("chosen-by-an-attacker")
    assert not inside(thief)


def test_the_cookie_holds_a_random_token_and_nothing_else(house: House) -> None:
    anna = account(house)
    _visitor, answer = sign_in(house, anna.email)
    (sent,) = [value for value in answer.headers.getlist("Set-Cookie") if value.startswith(house.cookie)]
    name, *flags = sent.split("; ")
    assert re.fullmatch(r"__Host-cpms=login\.[\w-]{43}", name)
    assert {*flags} == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    token = name.partition("login.")[2]
    assert token.encode() not in house.value("SELECT token_hash FROM login")


def test_what_the_session_keeps_stays_on_the_server(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    before = cookie(house, visitor)
    visitor.post("/language/", data={"language": "el", "next": "/"})
    assert cookie(house, visitor) == before
    assert "el" in str(house.value("SELECT contents FROM login"))


def test_pages_opened_at_once_after_the_login_all_send_forms_that_are_taken(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    token = cookie(house, visitor).removeprefix("login.")
    tabs = [house.signed_in(token) for _ in range(6)]
    pages = at_once(lambda tab: tab.get("/password/").text, tabs)
    answers = []
    for tab, page in zip(tabs, pages, strict=True):
        sent = {"language": "de", "next": "/", "csrf_token": re.search(r'name="csrf" content="([^"]+)"', page)[1]}
        answers.append(tab.post("/language/", data=sent).status_code)
    assert answers == [302] * 6


def test_the_language_chosen_on_the_login_page_stays_after_the_login(house: House) -> None:
    anna = account(house)
    visitor = house.visitor()
    visitor.post("/language/", data={"language": "de", "next": "/login/"})
    sign_in(house, anna.email, visitor=visitor)
    assert '<html lang="de">' in visitor.get("/password/").text


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "http:evil.example",
    "//[",
    "/\\/evil.example",
    "/\\\\evil.example",
    "/%09//evil.example",
    "/%09/evil.example",
    "/%0A//evil.example",
    "/%0D%0ASet-Cookie:%20a=b",
    "%20//evil.example",
]


@pytest.mark.parametrize("where", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_the_login(house: House, where: str) -> None:
    anna = account(house)
    visitor, answer = sign_in(house, anna.email, query=f"?next={where}")
    assert (answer.status_code, answer.location) == (302, "/")
    again = visitor.get(f"/login/?next={where}")
    assert (again.status_code, again.location) == (302, "/")


@pytest.mark.parametrize("where", ["/", "/my-logins/", "/patients/?q=x%5Cy&page=2", "/patients/?q=a\\b", "/help/#who"])
def test_one_comes_to_the_page_one_wanted_after_the_login(house: House, where: str) -> None:
    _visitor, answer = sign_in(house, account(house).email, query=f"?next={quote(where)}")
    assert (answer.status_code, unquote(answer.location)) == (302, unquote(where))


def test_a_login_form_without_its_token_is_refused(house: House) -> None:
    anna = account(house)
    visitor = house.visitor()
    answer = visitor.post("/login/", data={"name": anna.email, "password": PASSWORD, "csrf_token": None})
    assert answer.status_code == 400
    assert not inside(visitor)


def test_demo_accounts_open_only_a_demo(house: House) -> None:
    anna = account(house, demo_role="Clinician")
    visitor = house.visitor()
    page = visitor.get("/login/").text
    visitor.post("/login/", data={"demo": anna.public_id})
    assert not inside(visitor)
    assert anna.public_id not in page


# --- limits, and who has an account -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["sqlite"])  # PostgreSQL: only its owner may break it so
def test_while_the_database_is_ill_a_page_says_so_and_the_login_is_kept(house: House, dialect: str) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    before = cookie(house, client)
    rename(house, "ALTER TABLE login RENAME TO login_away")
    try:
        answer, health = client.get("/"), client.get("/healthz")
    finally:
        rename(house, "ALTER TABLE login_away RENAME TO login")
    assert (answer.status_code, "<main" in answer.text, health.status_code) == (503, True, 200)
    assert cookie(house, client) == before
    assert inside(client)


def rename(house: House, statement: str) -> None:
    """Change the tables as an operator does."""
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(text(statement))
        session.commit()
