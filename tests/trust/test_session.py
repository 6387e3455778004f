"""T-SESSION: a login begins with a new secret, ends when it should, and tells nobody who has an account."""

from __future__ import annotations

import datetime as dt
import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from app.models import Attempt, Login, Person, db, now
from app.services import accounts, links, logins
from tests import factories as make
from tests.conftest import Tally
from tests.houses import House, Visitor
from tests.screens import post
from tests.trust.routes import asks_to_sign_in, plain

pytestmark = pytest.mark.t_session
PASSWORD = "correct horse battery staple"
OTHER = "another long password of mine"
HASH = logins.hashed(PASSWORD)


def account(house: House, name: str = "Anna", **given: Any) -> SimpleNamespace:
    """A person with a password."""
    with house.system():
        made = make.person(name, password=HASH, **given)
        return SimpleNamespace(id=made.id, email=made.email, public_id=made.public_id)


def sign_in(house: House, name: str, password: str = PASSWORD, visitor: Visitor | None = None, **sent: Any) -> Any:
    """A browser after the login form, and the answer."""
    visitor = visitor or house.visitor()
    visitor.csrf = ""
    address = "/login/" + sent.pop("query", "")
    answer = visitor.post(address, data={"name": name, "password": password}, **sent)
    visitor.csrf = ""
    return visitor, answer


def inside(visitor: Visitor) -> bool:
    """Whether the browser is signed in."""
    return visitor.get("/password/").status_code == 200


def cookie(house: House, visitor: Visitor) -> str:
    """The value of the session's cookie."""
    kept = visitor.get_cookie(house.cookie, domain="cpms.test")
    return kept.value if kept else ""


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
    tabs, pages = [house.signed_in(token) for _ in range(6)], []
    start = threading.Barrier(len(tabs))

    def open_one(tab: Visitor) -> None:
        start.wait()
        pages.append((tab, tab.get("/password/").text))

    threads = [threading.Thread(target=open_one, args=(tab,)) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = []
    for tab, page in pages:
        sent = {"language": "de", "next": "/", "csrf_token": re.search(r'name="csrf" content="([^"]+)"', page)[1]}
        answers.append(tab.post("/language/", data=sent).status_code)
    assert answers == [302] * 6


def test_the_language_chosen_on_the_login_page_stays_after_the_login(house: House) -> None:
    anna = account(house)
    visitor = house.visitor()
    visitor.post("/language/", data={"language": "de", "next": "/login/"})
    sign_in(house, anna.email, visitor=visitor)
    assert '<html lang="de">' in visitor.get("/password/").text


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/\\evil.example", "http:evil.example"])
def test_nobody_is_sent_elsewhere_after_the_login(house: House, where: str) -> None:
    anna = account(house)
    _visitor, answer = sign_in(house, anna.email, query=f"?next={where}")
    assert (answer.status_code, answer.location) == (302, "/")


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


# --- ending -----------------------------------------------------------------------------------------------------------


def test_after_signing_out_the_cookie_opens_nothing_anywhere(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    kept = cookie(house, visitor)
    assert visitor.post("/logout/").status_code == 302
    assert cookie(house, visitor) == ""
    replayed = house.visitor()
    replayed.set_cookie(house.cookie, kept, domain="cpms.test", secure=True)
    assert not inside(replayed)


def test_signing_out_needs_a_form(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    assert visitor.get("/logout/").status_code == 405
    assert visitor.post("/logout/", data={"csrf_token": None}).status_code == 400
    assert inside(visitor)


def test_a_new_password_ends_the_other_logins_and_keeps_this_one(house: House) -> None:
    anna = account(house)
    here, _answer = sign_in(house, anna.email)
    there, _answer = sign_in(house, anna.email)
    here.csrf = ""
    typed = {"old": PASSWORD, "password": OTHER, "again": OTHER}
    csrf = re.search(r'name="csrf" content="([^"]+)"', here.get("/password/").text)[1]
    assert here.post("/password/", data=typed | {"csrf_token": csrf}).status_code == 302
    assert (inside(here), inside(there)) == (True, False)
    assert sign_in(house, anna.email)[1].status_code == 422
    assert inside(sign_in(house, anna.email, OTHER)[0])


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"old": "wrong one, surely", "password": OTHER, "again": OTHER}, 422),
        ({"old": PASSWORD, "password": OTHER, "again": OTHER + "x"}, 422),
        ({"old": PASSWORD, "password": "short", "again": "short"}, 422),
        ({"old": PASSWORD, "password": "x" * 10_000, "again": "x" * 10_000}, 422),
    ],
)
def test_a_password_is_not_changed_by_a_faulty_form(house: House, typed: dict[str, str], status: int) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    assert client.post("/password/", data=typed).status_code == status
    assert inside(sign_in(house, anna.email)[0])


def test_a_disabled_account_is_out_at_once_and_stays_out(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    with house.system() as actor:
        accounts.disable(actor, db.session.get(Person, anna.id))
    assert not inside(visitor)
    assert sign_in(house, anna.email)[1].status_code == 422
    with house.system() as actor:
        accounts.enable(actor, db.session.get(Person, anna.id))
    assert not inside(visitor)
    assert inside(sign_in(house, anna.email)[0])


def test_a_one_time_link_works_once_and_ends_every_login(house: House) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    with house.system() as actor:
        token = links.offer(actor, db.session.get(Person, anna.id))
    stranger = house.visitor()
    first = stranger.post(f"/link/{token}", data={"password": OTHER, "again": OTHER})
    second = stranger.post(f"/link/{token}", data={"password": OTHER, "again": OTHER})
    assert (first.status_code, second.status_code) == (302, 404)
    assert not inside(visitor)
    assert inside(sign_in(house, anna.email, OTHER)[0])


def test_an_old_link_is_not_told_from_one_that_never_was(house: House) -> None:
    anna = account(house)
    with house.system() as actor:
        token = links.offer(actor, db.session.get(Person, anna.id))
        links.offer(actor, db.session.get(Person, anna.id))
    stranger = house.visitor()
    old, none = stranger.get(f"/link/{token}"), stranger.get("/link/" + "x" * len(token))
    assert plain(old, token) == plain(none, "x" * len(token))


AGES = [
    # seen so long ago, begun so long ago, still inside
    (0, 0, True),
    (2, 5, True),
    (59, 120, True),
    (61, 120, False),
    (0, 599, True),
    (0, 601, False),
]


@pytest.mark.parametrize(("seen", "begun", "still"), AGES)
def test_a_login_ends_when_it_is_idle_or_old(house: House, seen: int, begun: int, still: bool) -> None:
    anna = account(house)
    moment, minute = now(), dt.timedelta(minutes=1)
    ages = {"started_at": moment - begun * minute, "expires_at": moment + (600 - begun) * minute}
    client = house.client_for(anna.id, seen_at=moment - seen * minute, **ages)
    assert inside(client) is still


def test_use_keeps_a_login_from_being_idle(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id, seen_at=now() - dt.timedelta(minutes=50))
    client.get("/password/")
    with house.everything() as session:
        assert now() - session.query(Login).one().seen_at < dt.timedelta(minutes=1)


def test_a_form_sent_after_the_login_ended_gives_back_what_was_typed(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    with house.system():
        db.session.query(Login).one().ended_at = now()
        db.session.commit()
    answer = client.post("/patients/enrol", data={"family_name": "Typed-before", "birth_date": "1990-01-01"})
    assert answer.status_code == 400
    assert "Typed-before" in answer.text


# --- limits, and who has an account -----------------------------------------------------------------------------------


def fail(house: House, name: str, times: int, address: str = "192.0.2.1") -> list[int]:
    """Wrong passwords; the statuses."""
    visitor = house.visitor()
    return [
        sign_in(house, name, "not the password", visitor, environ_overrides={"REMOTE_ADDR": address})[1].status_code
        for _ in range(times)
    ]


def test_after_ten_failures_an_account_is_closed_for_a_quarter_of_an_hour(house: House) -> None:
    anna, berta = account(house), account(house, "Berta")
    assert fail(house, anna.email, 12) == [422] * 10 + [429] * 2
    right = sign_in(house, anna.email.upper(), environ_overrides={"REMOTE_ADDR": "198.51.100.9"})[1]
    assert right.status_code == 429
    assert inside(sign_in(house, berta.email)[0])
    with house.everything() as session:
        table = Attempt.__table__
        session.connection(execution_options={"writes": True})
        session.execute(table.update().values(at=now() - dt.timedelta(minutes=16)))
        session.commit()
    assert inside(sign_in(house, anna.email)[0])


def test_the_limit_of_an_account_counts_its_name_and_its_address_together(house: House) -> None:
    anna = account(house, username="anna-by-name")
    fail(house, anna.email, 5)
    fail(house, "anna-by-name", 5)
    assert sign_in(house, anna.email)[1].status_code == 429


def test_after_fifty_failures_an_address_is_closed_whatever_it_claims_to_be(house: House) -> None:
    anna = account(house)
    for n in range(5):
        fail(house, f"nobody-{n}@people.example", 10, "192.0.2.7")
    claimed = {"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1", "X-Real-IP": "198.51.100.1"}
    closed = sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}, headers=claimed)[1]
    assert closed.status_code == 429
    assert inside(sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "192.0.2.8"})[0])


def test_success_forgets_the_failures_of_the_account(house: House) -> None:
    anna = account(house)
    fail(house, anna.email, 9)
    assert inside(sign_in(house, anna.email)[0])
    assert fail(house, anna.email, 1) == [422]


def test_nobody_learns_whether_an_account_exists(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = account(house)
    locked = account(house, "Locked", disabled_at=now())
    with house.system():
        unset = make.person("Unset").email
    hashes: list[str] = []
    real = logins.verify
    monkeypatch.setattr(logins, "verify", lambda password, known: hashes.append(known) or real(password, known))
    answers = set()
    for name, password in [
        ("nobody.at.all@people.example", PASSWORD),
        (anna.email, "not the password"),
        (locked.email, PASSWORD),
        (unset, ""),
        (unset, PASSWORD),
    ]:
        visitor, answer = sign_in(house, name, password or "x")
        assert not inside(visitor)
        status, headers, body = plain(answer, name)
        answers.add((status, tuple(h for h in headers if h[0] != "Content-Length"), body))
    assert len(answers) == 1
    assert len(hashes) == 5
    assert len({known[:30] for known in hashes}) == 1


def test_a_limited_account_is_not_told_from_a_limited_name_of_nobody(house: House) -> None:
    anna = account(house)
    known, unknown = fail(house, anna.email, 11), fail(house, "nobody@people.example", 11, "192.0.2.2")
    assert known == unknown


def test_in_a_storm_of_logins_nobody_waits_long_for_their_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = account(house)
    monkeypatch.setattr(logins, "TURN_SECONDS", 0.05)
    with logins._hashing, logins._hashing:
        stormy = sign_in(house, anna.email)[1]
    assert (stormy.status_code, "Many people are signing in" in stormy.text) == (429, True)
    assert house.value("SELECT count(*) FROM attempt") == 0
    assert inside(sign_in(house, anna.email)[0])


BIG = "x" * 400_000
HUGE = "x" * 600_000


@pytest.mark.parametrize("address", ["/login/", "/link/nothing", "/language/", "/nowhere"])
def test_a_visitor_cannot_send_more_than_a_form(house: House, address: str) -> None:
    visitor = house.visitor()
    statuses = [visitor.post(address, data={"name": sent}).status_code for sent in (BIG, HUGE)]
    assert statuses[0] != 413
    assert statuses[1] == 413
    answer = post(visitor, address, {}, (HUGE.encode(), "a.pdf"))
    assert (answer.status_code, "Sign in and send it again." in answer.text) == (413, True)


def test_who_has_signed_in_may_send_a_scan_that_a_visitor_may_not(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    answer = post(client, "/consents/nothing/archive", {"csrf_token": client.csrf}, (HUGE.encode(), "a.pdf"))
    assert answer.status_code == 403


def test_every_login_path_leaves_one_entry(house: House, tally: Tally) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    visitor.post("/logout/")
    fail(house, anna.email, 1)
    found = house.rows("SELECT act, outcome, actor_id FROM audit_entry ORDER BY seq")
    wanted = [("login.start", "done", anna.id), ("login.end", "done", anna.id), ("login.start", "refused", anna.id)]
    tally.check([tuple(row) for row in found] == wanted, str(found))


def test_a_visitor_of_a_disabled_login_sees_the_login_page(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id, ended_at=now())
    assert asks_to_sign_in(client.get("/"))


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
