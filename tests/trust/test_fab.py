"""T-FAB: each hole of FAB.md stays closed. The order is that of its table; those a test of its own proves are named there."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from typing import Any

import pytest
from flask import render_template_string
from flask_appbuilder import MasterDetailView, ModelRestApi, ModelView
from flask_appbuilder.charts.views import BaseChartView
from flask_appbuilder.views import CompactCRUDMixin
from sqlalchemy import Engine, event

from app import words
from app.models import db, today
from app.views import SITE
from tests import factories as make
from tests.conftest import Tally
from tests.moments import at_once
from tests.trust.forms import form_of
from tests.trust.routes import Desk, digest, holds, records, routes

pytestmark = pytest.mark.t_fab

FRAMEWORKS_OWN = (
    "action",
    "action_post",
    "download",
    "api",
    "api_read",
    "api_create",
    "api_delete",
    "show_item",
    "delete",
)


# --- /action, /action_post, /download, APIs ---


def test_the_frameworks_own_routes_are_not_there(house: Any, tally: Tally) -> None:
    declared = {
        f"{entry.page.__name__}.{method}" for entry in SITE for method in (*entry.page.acts, *entry.page.open_to_all)
    }
    for rule in house.app.url_map.iter_rules():
        plain = rule.endpoint in {"static", "healthz", "readyz"}
        tally.check(plain or rule.endpoint in declared, f"{rule.endpoint} {rule.rule}")
        tally.check("path:" not in rule.rule or rule.endpoint == "static", f"{rule.rule} takes a path")


@pytest.mark.parametrize(
    "address",
    [
        "/patients/action/delete/1",
        "/patients/action_post",
        "/patients/download/settings.env",
        "/patients/delete/1",
        "/patients/show/1",
        "/patients/edit/1",
        "/patients/add",
        "/patients/1",
        "/api/v1/security/login",
        "/api/v1/_openapi",
        "/swagger/v1",
        "/users/list/",
        "/roles/list/",
        "/resetpassword/form",
        "/register/form",
        "/login/?next=x&_flt_0_x=1&psize=1/api",
    ][:-1],
)
def test_an_address_of_the_framework_answers_like_any_other_that_is_not_there(world: Any, address: str) -> None:
    owner = world.client("owner")
    assert owner.get(address).status_code in {404, 405}
    assert owner.post(address).status_code in {404, 405}


def test_no_view_is_of_a_kind_that_leaks(house: Any, tally: Tally) -> None:
    never = (ModelRestApi, MasterDetailView, CompactCRUDMixin, BaseChartView)
    for view in house.app.extensions["appbuilder"].baseviews:
        tally.check(not isinstance(view, never), f"{type(view).__name__}")
        if isinstance(view, ModelView):
            tally.check(not view.related_views, f"{type(view).__name__} has related views")


# --- select boxes, searches, order and size given in the address ---

TRICKS = (
    "_flt_0_id=1",
    "_flt_0_hospital=1",
    "_flt_0_clinician=1",
    "_flt_3_identity.sealed=a",
    "_oc_PatientPage=sealed&_od_PatientPage=asc",
    "_oc_PatientPage=clinician.password&_od_PatientPage=desc",
    "psize_PatientPage=1000000",
    "psize_PatientPage=-1&page_PatientPage=-1",
    "page_PatientPage=abc",
    "page=99999999999999999999999",
    "after=x&before=y",
    "after=%00",
    "before=%27%20OR%201=1--",
    "q=%25&state=nothing",
    "q=" + "%F0%9F%A6%84" * 200,
    "state=%00",
    "before=99999999999999999999999999",
)


@pytest.mark.one_database
def test_nothing_in_an_address_reaches_a_hidden_column_or_breaks_a_list(world: Any, tally: Tally) -> None:
    desk = Desk(world)
    for route in routes(world.house.app):
        if route.verb != "GET" or route.arguments:
            continue
        who = next((one for one in ("owner", "representative", "coordinator", "admin") if may(desk, one, route)), None)
        if who is None:
            continue
        plain = rows_of(desk.clients[who].get(route.rule))
        for trick in TRICKS:
            answer = desk.clients[who].get(f"{route.rule}?{trick}")
            tally.check(answer.status_code < 500, f"{who}: {route.rule}?{trick}: {answer.status_code}")
            if trick.startswith("_") or "psize" in trick:
                tally.check(rows_of(answer) == plain, f"{who}: {route.rule}?{trick} changes the list")


def may(desk: Desk, who: str, route: Any) -> bool:
    return desk.verdict(who, route, None) == "open"


def rows_of(answer: Any) -> int:
    return answer.text.count("<tr")


@pytest.mark.parametrize(
    "key", ["9" * 40, "%00", "..%2f..%2fetc%2fpasswd", "' OR 1=1 --", "\N{SNOWMAN}" * 50, "-1", "x" * 5000]
)
def test_a_strange_key_is_a_key_of_nothing(world: Any, key: str, tally: Tally) -> None:
    desk = Desk(world)
    for route in routes(world.house.app):
        if route.arguments:
            who = next(
                one
                for one in ("owner", "representative", "coordinator", "assistant", "admin")
                if held(desk, one, route)
            )
            answer = desk.ask(who, route, *(key for _argument in route.arguments))
            onwards = answer.status_code == 302 and route.verb == "GET"  # to a page that answers 404
            right = answer.status_code in {400, 404, 405} or onwards
            tally.check(right, f"{who}: {route} {key[:9]}: {answer.status_code}")


def held(desk: Desk, who: str, route: Any) -> bool:
    """Whether a role of the principal opens the page."""
    return holds(desk.actors[who], route.act)


# --- raising leaves nothing changed; nobody makes himself more than he is ---


def test_a_refused_change_leaves_nothing_to_be_saved_later(world: Any) -> None:
    owner, house = world.client("owner"), world.house
    key = world.patients["enrolled"][1]
    with house.everything() as session:
        before = digest(session)
    seen = form_of(owner.get(f"/patients/{key}/correct").data)
    typed = seen | {"family_name": "Changed", "given_names": "Name", "file_number": "X-1", "sex": "male"}
    for born in ("2999-01-01", "1700-01-01", "not a date"):
        answer = owner.post(f"/patients/{key}/correct", data=typed | {"birth_date": born})
        assert answer.status_code == 422
    owner.get("/patients/")
    with house.everything() as session:
        assert digest(session) == before


@pytest.mark.one_database
def test_no_form_takes_roles_or_columns_it_does_not_show(world: Any, tally: Tally) -> None:
    desk, house = Desk(world), world.house
    extra = {
        "roles": "1",
        "role": "Admin",
        "password": "x" * 20,
        "username": "taken-over",
        "active": "",
        "id": "1",
        "public_id": "0" * 32,
        "version": "99",
        "person_id": "1",
        "clinician_id": "4",
        "state": "enrolled",
        "demo_role": "Admin",
    }
    guarded = "SELECT id, username, password, active, public_id, demo_role FROM ab_user ORDER BY id"
    people, admins = house.rows(guarded), house.rows("SELECT user_id, role_id FROM ab_user_role")
    states = house.rows("SELECT id, state, clinician_id, hospital_id, public_id FROM patient ORDER BY id")
    for route in routes(house.app):
        if route.verb != "POST" or route.act in {
            "person.disable",
            "patient.delete",
            "home.open",
            "login.end",
            "login.lock",
            "policy.withdraw",
        }:
            continue
        for who in ("owner", "representative", "coordinator", "admin"):
            record = desk.first(who, route)
            if (record is None) == bool(route.arguments) or not (record or may(desk, who, route)):
                continue
            desk.clients[who].post(route.address(*(record.keys if record else ())), data=extra)
            tally.check(
                house.rows("SELECT user_id, role_id FROM ab_user_role") == admins, f"{who}: {route} gives a role"
            )
            tally.check(house.rows(guarded) == people, f"{who}: {route} changes an account")
    left = house.rows("SELECT id, state, clinician_id, hospital_id, public_id FROM patient ORDER BY id")
    tally.check(left == states, "a patient was moved")


# --- lost updates: test_conflict. Default columns: test_house ---


# --- one reader's search is not another's ---


def test_four_readers_of_one_list_see_their_own_searches(world: Any, tally: Tally) -> None:
    house = world.house
    with house.everything() as session:
        (route,) = [r for r in routes(house.app) if r.endpoint == "PatientPage.list"]
        assert route.table is None
        nicknames = {key: name for name, key in session.execute(db.text("SELECT nickname, clinician_id FROM patient"))}
    readers = [("owner", "draft"), ("owner", "enrolled"), ("neighbour", "enrolled"), ("ukrainian", "draft")]
    alone = {one: seen(house, world.client(one[0]), one[1]) for one in readers}
    assert len({tuple(sorted(names)) for names in alone.values()}) == 4
    assert nicknames
    clients = {one: world.client(one[0]) for one in readers}

    def faults(one: tuple[str, str]) -> list[str]:
        found = [seen(house, clients[one], one[1]) for _ in range(25)]
        return [f"{' '.join(one)}: {sorted(names)}" for names in found if names != alone[one]]

    tally.cells += 100
    tally.faults += itertools.chain(*at_once(faults, readers))


def seen(_house: Any, client: Any, state: str) -> set[str]:
    """The records a filtered list shows."""
    page = client.get(f"/patients/?state={state}").text
    return set(re.findall(r'href="/patients/([0-9a-f]{32})"', page))


# --- CSRF: every change needs the form's token; GET changes nothing ---


@pytest.mark.one_database
def test_no_change_without_the_token_of_a_form(world: Any, tally: Tally) -> None:
    desk = Desk(world)
    with world.house.everything() as session:
        before = digest(session)
    for route in routes(world.house.app):
        if route.verb != "POST":
            continue
        for who in ("owner", "representative", "admin"):
            record = desk.first(who, route)
            if (record is None) == bool(route.arguments):
                continue
            keys = record.keys if record else ()
            for token in (None, "", "x", desk.clients["neighbour"].csrf + "x"):
                answer = desk.clients[who].post(route.address(*keys), data={"csrf_token": token})
                tally.check(answer.status_code == 400, f"{who}: {route} with token {token!r}: {answer.status_code}")
    with world.house.everything() as session:
        tally.check(digest(session) == before, "something changed")


@pytest.mark.one_database
def test_reading_changes_nothing(world: Any, tally: Tally) -> None:
    desk = Desk(world)
    with world.house.everything() as session:
        before = digest(session)
        known = {route: records(session, route) for route in routes(world.house.app) if route.table}
    for route in routes(world.house.app):
        if route.verb == "GET":
            for who in ("owner", "representative", "admin"):
                for record in known.get(route, [None])[:4]:
                    desk.ask(who, route, *(record.keys if record else ()))
    with world.house.everything() as session:
        tally.check(digest(session) == before, "a page that is only read changed something")


# --- sessions, limits, passwords: test_session. Host header and security headers: test_headers ---


# --- a list costs the same at any size ---

MOST_STATEMENTS = 6


@pytest.fixture
def statements() -> Any:
    """Every statement a request sends."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def crowd(house: Any) -> int:
    """A clinician with sixty patients, each with a form."""
    with house.system():
        place = make.hospital("Crowded", make.country("GR"))
        anna = make.person("Anna")
        make.member(anna, make.centre(place, make.network()))
        make.mandate(anna, make.MandateKind.HOSPITAL_REPRESENTATIVE, hospital=place)
        text = make.consent_text()
        for _ in range(60):
            make.form(make.patient(anna, place), text)
        for number in range(40):
            make.member(make.person(f"P{number}", seen_on=today() - dt.timedelta(days=340)), place.centres[0])
        return int(anna.id)


def test_a_list_of_25_rows_takes_at_most_six_statements(house: Any, statements: list[str], tally: Tally) -> None:
    client = house.client_for(crowd(house))
    for route in routes(house.app):
        if route.endpoint.endswith(".list") and route.verb == "GET":
            client.get(route.rule)
            statements.clear()
            answer = client.get(route.rule)
            sent = [one for one in statements if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK"))]
            if answer.status_code == 200:
                told = "\n    ".join(" ".join(one.split())[:140] for one in sent)
                tally.check(len(sent) <= MOST_STATEMENTS, f"{route.rule}: {len(sent)} statements\n    {told}")


def test_a_list_never_skips_rows_it_has_to_count(house: Any, statements: list[str], tally: Tally) -> None:
    client = house.client_for(crowd(house))
    for route in routes(house.app):
        if route.endpoint.endswith(".list") and route.verb == "GET":
            statements.clear()
            page = client.get(f"{route.rule}?q=a").text
            older = re.search(r'rel="next" href="([^"]+)"', client.get(route.rule).text)
            if older:
                client.get(older[1].replace("&amp;", "&"))
            skipping = [
                one for one in statements if re.search(r" OFFSET (?!\?)", one)
            ]  # SQLite is always given one, of 0
            tally.check(not skipping, f"{route.rule} uses OFFSET")
            counting = [" ".join(one.split()) for one in statements if "count(*)" in one and "audit_entry" not in one]
            uncapped = [one for one in counting if "FROM (SELECT" not in one]
            tally.check(not uncapped, f"{route.rule} counts everything: {uncapped}")
            assert page


def test_what_people_typed_into_a_sentence_is_never_markup(house: Any) -> None:
    """Flask-Babel's lazy sentences call themselves safe (``__html__``) whatever was put into them."""
    sentence = words._("%(nickname)s is a draft now. Print the consent form next.", nickname="<script>x</script>")
    with house.app.test_request_context():
        shown = render_template_string("{{ sentence }}|{{ sentence|e }}|{{ [sentence]|join }}", sentence=sentence)
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;x&lt;/script&gt; is a draft now.") == 3
