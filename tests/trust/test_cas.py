"""T-SESSION: by CAS comes in whom a real CAS server knows, by a ticket that is for us, for this browser, and once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from markupsafe import escape

from app.models import Login, Person, now
from app.outside import cas
from app.outside.providers import LINES
from app.pages.cas_logins import CasPage
from tests import factories as make
from tests.cas_servers import PEOPLE, CasServer, cas_server
from tests.houses import House, furnish
from tests.posts import certificate
from tests.providers import Provider, inside, name_of, path
from tests.trust.routes import plain
from tests.trust.test_eu_login_lock import move
from tests.trust.test_revoke_logins import OF_ACCOUNT, ends_with_the_account

pytestmark = pytest.mark.t_session


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CasServer]:
    with cas_server(tmp_path_factory.mktemp("cas")) as started:
        yield started


@pytest.fixture(scope="module")
def _houses(
    server: CasServer, eu_login: Provider, shared: Path, worker: str, printer: Any
) -> Iterator[Callable[[str], House]]:
    made: dict[str, House] = {}

    def on(dialect: str) -> House:
        if dialect not in made:
            told = {**eu_login.settings, **server.settings, "CAS_EMAILS_VERIFIED": "yes"}
            made[dialect] = furnish(dialect, shared, f"cas-{worker}", printer, **told)
        return made[dialect]

    yield on
    for one in made.values():
        one.close()


@pytest.fixture
def cas_house(_houses: Callable[[str], House], dialect: str) -> House:
    """An empty house whose people come by CAS or by OpenID Connect."""
    found = _houses(dialect)
    found.reset()
    found.app.extensions.pop(cas.NAME, None)
    return found


def ticket_of(back: str) -> str:
    return parse_qs(urlsplit(back).query)["ticket"][0]


def state_of(address: str) -> str:
    """The state in the service a browser is sent away with."""
    (service,) = parse_qs(urlsplit(address).query)["service"]
    return parse_qs(urlsplit(service).query)["state"][0]


def entries(house: House) -> list[tuple[str, str]]:
    return [tuple(row) for row in house.rows("SELECT act, outcome FROM audit_entry ORDER BY seq")]


# --- coming in --------------------------------------------------------------------------------------------------------


def test_somebody_unknown_comes_in_with_an_account_that_has_no_place(cas_house: House, server: CasServer) -> None:
    visitor, answer = server.walk(cas_house, "nora", query="?next=/my-logins/")
    assert (answer.status_code, answer.location) == (302, "/my-logins/")
    assert "You have no place here" in visitor.get("/").text
    (identity,) = cas_house.rows("SELECT issuer, subject, email, email_verified FROM login_identity")
    assert tuple(identity) == (server.address, "nora", "nora@elsewhere.example", True)
    assert entries(cas_house)[:2] == [("login.bind", "done"), ("login.start", "done")]
    assert cas_house.value("SELECT count(*) FROM login_trip") == 0
    again, _answer = server.walk(cas_house, "nora")
    assert name_of(again) == name_of(visitor)
    assert cas_house.value("SELECT count(*) FROM ab_user") == 1


def test_both_ways_are_offered_and_each_binds_its_own(cas_house: House, server: CasServer, eu_login: Provider) -> None:
    page = cas_house.visitor().get("/login/").text
    assert 'href="/login/eu/"' in page
    assert 'href="/login/cas/"' in page
    by_cas, _answer = server.walk(cas_house, "nora")
    by_oidc, _answer = eu_login.walk(cas_house, "nora")  # the same address: it opens nothing that is bound
    assert name_of(by_cas) != name_of(by_oidc)
    issuers = [row[0] for row in cas_house.rows("SELECT issuer FROM login_identity ORDER BY id")]
    assert issuers == [server.address, eu_login.issuer]


def test_the_browser_is_sent_to_an_address_of_ours_alone_and_asks_for_two_factors(
    cas_house: House, server: CasServer
) -> None:
    visitor = cas_house.visitor()
    away = visitor.get("/login/cas/", headers={"Host": "cpms.test"})
    there = urlsplit(away.location)
    words = {name: value[0] for name, value in parse_qs(there.query).items()}
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{server.address}/login"
    assert words.pop("service") == f"https://cpms.test/login/cas/back?state={state_of(away.location)}"
    assert words == {"renew": "true", "authenticationLevel": "MEDIUM,HIGH", "acceptStrengths": "PASSWORD_SMS"}
    (cookie,) = away.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"{cas_house.cookie}-cas=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=900"} <= set(cookie.split("; "))


@pytest.mark.parametrize(("who", "opens"), [("weak", False), ("silent", False), ("sms", True), ("nora", True)])
def test_two_factors_are_what_the_settings_say(cas_house: House, server: CasServer, who: str, *, opens: bool) -> None:
    visitor, answer = server.walk(cas_house, who)
    assert (answer.status_code, inside(visitor)) == ((302, True) if opens else (403, False))
    if not opens:
        assert "Sign in with two factors" in answer.text
        assert cas_house.value("SELECT count(*) FROM ab_user") == 0


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_finds_its_account_once_if_the_server_vouches_for_addresses(
    cas_house: House, server: CasServer, *, verified: bool
) -> None:
    with cas_house.system():
        public_id = make.person("Anna", username="anna@here.example", email="anna@here.example").public_id
    with cas_house.app.app_context():
        CasPage.provider().emails_verified = verified
    visitor, _answer = server.walk(cas_house, "anna")
    assert inside(visitor)
    assert (name_of(visitor) == public_id) is verified
    assert "<b>Here</b>" not in visitor.get("/").text


# --- replayed, crossed, foreign, too old ------------------------------------------------------------------------------


def test_a_ticket_works_once_and_in_the_browser_that_set_out_alone(cas_house: House, server: CasServer) -> None:
    visitor, thief = cas_house.visitor(), cas_house.visitor()
    back = path(server.choose(visitor.get("/login/cas/").location, "nora"))
    unasked = cas_house.visitor().get(back)
    state = state_of(thief.get("/login/cas/").location)
    crossed = thief.get(f"/login/cas/back?state={state}&ticket={ticket_of(back)}")  # which uses the ticket up, too
    assert [unasked.status_code, crossed.status_code, inside(thief)] == [400, 502, False]
    visitor, answer = server.walk(cas_house, "nora")
    assert (answer.status_code, inside(visitor)) == (302, True)


def test_a_replayed_ticket_is_refused_by_us_and_by_the_server(cas_house: House, server: CasServer) -> None:
    visitor = cas_house.visitor()
    back = path(server.choose(visitor.get("/login/cas/").location, "nora"))
    kept = visitor.get_cookie(f"{cas_house.cookie}-cas", domain="cpms.test").value
    assert visitor.get(back).status_code == 302
    visitor.post("/logout/")
    visitor.set_cookie(f"{cas_house.cookie}-cas", kept, domain="cpms.test", secure=True)
    assert (visitor.get(back).status_code, inside(visitor)) == (400, False)  # the trip is over
    state = state_of(visitor.get("/login/cas/").location)
    again = visitor.get(f"/login/cas/back?state={state}&ticket={ticket_of(back)}")
    assert (again.status_code, inside(visitor)) == (502, False)  # and the ticket is


def test_a_ticket_for_another_service_opens_nothing(cas_house: House, server: CasServer) -> None:
    """Whoever runs another site of this CAS server gets tickets of its visitors."""
    elsewhere = f"{server.address}/login?service={quote('https://another.example/', safe='')}"
    ticket = ticket_of(server.choose(elsewhere, "nora"))
    visitor = cas_house.visitor()
    state = state_of(visitor.get("/login/cas/").location)
    answer = visitor.get(f"/login/cas/back?state={state}&ticket={ticket}")
    assert (answer.status_code, inside(visitor)) == (502, False)


def test_a_ticket_that_is_too_old_opens_nothing(cas_house: House, server: CasServer) -> None:
    visitor = cas_house.visitor()
    back = path(server.choose(visitor.get("/login/cas/").location, "nora"))
    server.let_tickets_expire()
    assert (visitor.get(back).status_code, inside(visitor)) == (502, False)
    assert entries(cas_house) == [("login.start", "refused")]


@pytest.mark.parametrize(
    "ticket", ["", "ST-", "PT-1-abc", "ST-a b", "ST-" + "x" * 513, "ST-\u00e4", "ST-1&ticket=ST-2"]
)
def test_what_is_no_service_ticket_is_not_shown_to_the_server(cas_house: House, server: CasServer, ticket: str) -> None:
    visitor = cas_house.visitor()
    state = state_of(visitor.get("/login/cas/").location)
    answer = visitor.get("/login/cas/back", query_string={"state": state, "ticket": ticket})
    assert (answer.status_code, inside(visitor)) == (502, False)


def test_who_comes_back_without_a_ticket_is_told_so(cas_house: House, server: CasServer) -> None:
    visitor = cas_house.visitor()
    state = state_of(visitor.get("/login/cas/").location)
    answer = visitor.get(f"/login/cas/back?state={state}")
    assert (answer.status_code, "EU Login did not sign you in" in answer.text) == (400, True)


def test_a_disabled_account_is_refused_and_nobody_new_is_made(cas_house: House, server: CasServer) -> None:
    server.walk(cas_house, "nora")
    with cas_house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.get(Person, 1).disabled_at = now()
        session.commit()
    visitor, answer = server.walk(cas_house, "nora")
    assert (answer.status_code, inside(visitor)) == (403, False)
    assert cas_house.value("SELECT count(*) FROM ab_user") == 1


# --- a server that is ill ---------------------------------------------------------------------------------------------


def test_a_locked_login_is_opened_by_its_person_alone_who_is_asked_anew(cas_house: House, server: CasServer) -> None:
    agent = requests.Session()  # the browser of somebody who has walked away: the server still knows it
    visitor, _answer = server.walk(cas_house, "nora", agent=agent)
    move(cas_house, Login, locked_at=now())
    assert not inside(visitor)
    away = visitor.get("/login/cas/").location
    silent = server.choose(away.replace("renew=true&", "").replace("&renew=true", ""), "nobody", agent=agent)
    assert (visitor.get(path(silent)).status_code, inside(visitor)) == (502, False)
    _visitor, other = server.walk(cas_house, "anna", visitor=visitor)
    assert (other.status_code, "locked by somebody else" in other.text, inside(visitor)) == (403, True, False)
    _visitor, own = server.walk(cas_house, "nora", visitor=visitor, agent=agent)
    assert (own.status_code, inside(visitor)) == (302, True)
    assert cas_house.value("SELECT count(*) FROM login") == 1


def test_who_signs_out_leaves_no_open_door_at_the_server(cas_house: House, server: CasServer) -> None:
    agent = requests.Session()
    visitor, _answer = server.walk(cas_house, "nora", agent=agent)
    visitor.post("/logout/")
    away = visitor.get("/login/cas/").location
    silent = server.choose(away.replace("renew=true&", "").replace("&renew=true", ""), "nobody", agent=agent)
    assert (visitor.get(path(silent)).status_code, inside(visitor)) == (502, False)


@pytest.mark.t_enum
def test_a_taken_address_is_not_told_from_one_nobody_has(cas_house: House, server: CasServer) -> None:
    with cas_house.system():
        make.person("Anna", username="anna@here.example", email="anna@here.example")
    with cas_house.app.app_context():
        CasPage.provider().emails_verified = False
    pages = []
    for who in ("anna", "nora"):
        visitor, _answer = server.walk(cas_house, who)
        said = PEOPLE[who]
        page = visitor.get("/")
        first, last = escape(said["firstName"]), escape(said["lastName"])
        initials = f">{escape(said['firstName'][0])}{escape(said['lastName'][0].upper())}<"
        pages.append(plain(page, name_of(visitor), said["email"], f"{first} {last}", initials)[2])
    assert pages[0] == pages[1]
    assert "Mail from here cannot reach you" in pages[0]


@pytest.mark.t_revoke
@pytest.mark.parametrize("ending", OF_ACCOUNT)
def test_a_login_by_cas_ends_with_the_account(cas_house: House, server: CasServer, ending: str) -> None:
    ends_with_the_account(cas_house, server.walk, ending)


def test_a_server_that_goes_down_in_the_middle_is_a_sentence_and_keeps_the_way_back(
    cas_house: House, server: CasServer
) -> None:
    visitor = cas_house.visitor()
    back = path(server.choose(visitor.get("/login/cas/").location, "nora"))
    there = cas_house.app.extensions[cas.NAME]
    home, there.issuer = there.issuer, "http://127.0.0.1:9/cas"
    answer = visitor.get(back)
    assert (answer.status_code, "Wait a few minutes" in answer.text, inside(visitor)) == (503, True, False)
    other = cas_house.visitor()
    waiting = path(server.choose(other.get("/login/cas/").location.replace(there.issuer, home), "nora"))
    there.issuer = home
    assert other.get(waiting).status_code == 503  # nobody asks again at once
    there._failed_at -= 60
    assert (other.get(waiting).status_code, inside(other)) == (302, True)


def test_a_server_that_hangs_is_not_waited_for(
    cas_house: House, server: CasServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cas, "ANSWER_SECONDS", 0.3)
    visitor = cas_house.visitor()
    back = path(server.choose(visitor.get("/login/cas/").location, "nora"))
    server.process.send_signal(signal.SIGSTOP)
    try:
        answer = visitor.get(back)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (answer.status_code, inside(visitor)) == (503, False)


def test_when_many_come_at_once_one_waits_and_nothing_is_lost(cas_house: House, server: CasServer) -> None:
    visitor = cas_house.visitor()
    back = path(server.choose(visitor.get("/login/cas/").location, "nora"))
    with ExitStack() as others:
        for _one in range(LINES):
            others.enter_context(cas_house.app.extensions[cas.NAME].turn())
        waiting = visitor.get(back)
    assert (waiting.status_code, waiting.headers["Refresh"]) == (503, "2")
    assert visitor.get(back).status_code == 302


def test_a_server_whose_certificate_nobody_trusts_is_not_told_a_ticket(
    cas_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path)
    with cas_server(tmp_path / "cas", pem) as secure:
        cas_house.app.extensions[cas.NAME] = cas.Cas(
            secure.address, "p3/serviceValidate", [("authenticationLevel", "MEDIUM")], emails_verified=False
        )
        visitor, answer = secure.walk(cas_house, "nora")
        assert (answer.status_code, inside(visitor)) == (503, False)
        cas_house.app.extensions[cas.NAME]._failed_at -= 60
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        visitor, answer = secure.walk(cas_house, "nora")
        assert (answer.status_code, inside(visitor)) == (302, True)


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_signing_out_ends_our_login_and_says_where_the_server_is_left(cas_house: House, server: CasServer) -> None:
    agent = requests.Session()
    visitor, _answer = server.walk(cas_house, "nora", agent=agent)
    left = visitor.post("/logout/")
    page = visitor.get(left.location).text
    assert not inside(visitor)
    assert f'href="{server.address}/logout"' in page
    agent.get(f"{server.address}/logout", timeout=10)
    assert 'name="password"' in agent.get(f"{server.address}/login", timeout=10).text


def test_without_settings_there_is_no_cas(house: House) -> None:
    visitor = house.visitor()
    assert "/login/cas/" not in visitor.get("/login/").text
    assert [visitor.get(f"/login/cas/{rest}").status_code for rest in ("", "back?ticket=ST-1&state=y")] == [404, 404]
