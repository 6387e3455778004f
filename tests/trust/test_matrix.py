"""T-MATRIX: every route, for every principal, on every record, answers what the access table and the steps say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import true

from app.models import ArchivedDocument, BlankForm, ConsentDecision, ConsentForm, Patient, Person
from app.pages.lists import ListPage
from app.services import explanations, idle
from app.views import SITE
from tests.conftest import Tally
from tests.trust.routes import (
    OUT,
    Desk,
    Record,
    Route,
    asks_to_sign_in,
    digest,
    few,
    holds,
    leads_to_the_gate,
    plain,
    possible,
    records,
    routes,
)

pytestmark = pytest.mark.t_matrix

PAGES = sorted(entry.page.__name__ for entry in SITE if entry.page.acts)

ABSENT = {
    # what is not there, although the record is: (table, page method): states
    (ConsentForm, "paper"): {"prepared"},  # nothing is printed yet
    (BlankForm, "paper"): {"bound", "cancelled", "lapsed"},  # it is out no more
    (BlankForm, "run"): {"bound", "cancelled", "lapsed"},
    (ConsentDecision, "receipt"): {"not_asked", "given", "refused"},  # nothing is withdrawn
}


def on_page(world: Any, page: str, verb: str) -> list[tuple[Route, list[Record | None]]]:
    """The routes of a page, each with every record."""
    with world.house.everything() as session:
        return [
            (route, list(records(session, route)) if route.table else [None])
            for route in routes(world.house.app)
            if route.verb == verb and type(route.page).__name__ == page
        ]


def say(who: str, route: Route, record: Record | None, answer: Any, wanted: str) -> str:
    state = f" ({record.state})" if record is not None and record.state is not None else ""
    where = route.address(*record.keys) if record else route.rule
    return f"{who}: {route.verb} {where}{state} answers {answer.status_code}, should be {wanted}"


def check_closed(desk: Desk, who: str, route: Route, record: Record | None, wanted: str, tally: Tally) -> None:
    """The answer to somebody who may not: always the same one."""
    keys = record.keys if record else ()
    answer = desk.ask(who, route, *keys)
    if wanted == "login":
        stale = who != "anonymous" and route.verb == "POST" and answer.status_code == 400  # keeps what was typed
        tally.check(asks_to_sign_in(answer) or stale, say(who, route, record, answer, "the login page"))
    elif wanted == "gate":
        tally.check(leads_to_the_gate(desk.actors[who], answer), say(who, route, record, answer, "what opens the gate"))
    elif wanted == "forbidden":
        tally.check(answer.status_code == 403, say(who, route, record, answer, "403"))
    else:
        onwards = answer.status_code == 302 and route.verb == "GET"  # whatever the key: the next page answers 404
        tally.check(answer.status_code == 404 or onwards, say(who, route, record, answer, "404"))
        same = plain(answer, *keys) == desk.nowhere(who, route)
        tally.check(same, f"{say(who, route, record, answer, '404')} and differs from what does not exist")


def asked(every: bool, dialect: str, route: Route, known: list[Record | None], record: Record | None, who: int) -> bool:
    """Whether a cell is among the short run's: everybody on the first record, a share of the others."""
    share = 1 if every else 12 if dialect == "sqlite" else 30
    place = known.index(record)
    return place == 0 or (place + who + len(route.endpoint)) % share == 0


@pytest.mark.parametrize("page", PAGES)
def test_reading(world: Any, page: str, tally: Tally, request: pytest.FixtureRequest) -> None:
    desk, every = Desk(world), request.config.getoption("long")
    for route, known in on_page(world, page, "GET"):
        for record in known:
            shown = 0
            for place, who in enumerate(desk.clients):
                wanted = desk.verdict(who, route, record)
                if wanted != "open":
                    if asked(every, world.house.dialect, route, known, record, place):
                        check_closed(desk, who, route, record, wanted, tally)
                    continue
                shown += 1
                if record is not None and not every and (shown > 1 or record not in few(known, every)):
                    continue
                answer = desk.ask(who, route, *(record.keys if record else ()))
                onwards = answer.status_code == 302 and not asks_to_sign_in(answer)  # shown as part of another page
                right = (
                    answer.status_code == 200 or onwards or (answer.status_code == 404 and absent(world, route, record))
                )
                tally.check(right, say(who, route, record, answer, "200"))


def absent(world: Any, route: Route, record: Record | None) -> bool:
    """Whether there is nothing to show, although one may: not printed yet, erased, or locked after annulment."""
    if record is None:
        return False
    method = route.endpoint.partition(".")[2]
    if record.state in ABSENT.get((route.table, method), set()):
        return True
    erased = "SELECT count(*) FROM patient p LEFT JOIN patient_identity i ON i.patient_id = p.id WHERE i.id IS NULL"
    if route.table is Patient and method == "correct":
        return bool(world.house.value(f"{erased} AND p.id = :id", id=record.id))
    if route.table is ConsentForm and method in {"preview", "paper", "print"}:
        owner = "SELECT patient_id FROM consent_form WHERE id = :id"
        elsewhere = "SELECT count(*) FROM consent_form WHERE id = :id AND external_reference IS NOT NULL"  # not ours
        known = (f"{erased} AND p.id = ({owner})", elsewhere)
        return any(world.house.value(statement, id=record.id) for statement in known)
    if route.table is ArchivedDocument:
        annulled = "SELECT count(*) FROM archived_document d JOIN consent_form f ON f.id = d.form_id WHERE d.id = :id"
        return bool(world.house.value(f"{annulled} AND f.state = 'annulled'", id=record.id))
    return False


@pytest.mark.parametrize("page", PAGES)
def test_writing_is_refused_to_who_may_not_and_changes_nothing(
    world: Any, page: str, tally: Tally, request: pytest.FixtureRequest
) -> None:
    desk, every = Desk(world), request.config.getoption("long")
    with world.house.everything() as session:
        before = digest(session)
    for route, known in on_page(world, page, "POST"):
        for record in known:
            for place, who in enumerate(desk.clients):
                wanted = desk.verdict(who, route, record)
                if wanted != "open" and asked(every, world.house.dialect, route, known, record, place):
                    check_closed(desk, who, route, record, wanted, tally)
    with world.house.everything() as session:
        tally.check(digest(session) == before, "a refused request changed something")


@pytest.mark.parametrize("page", PAGES)
def test_writing_by_who_may_follows_the_steps(
    world: Any, page: str, tally: Tally, request: pytest.FixtureRequest
) -> None:
    desk, every, house = Desk(world), request.config.getoption("long"), world.house
    for route, known in on_page(world, page, "POST"):
        for record in known:
            allowed = [who for who in desk.clients if desk.verdict(who, route, record) == "open"]
            for who in allowed if every else allowed[:1]:
                before = done(house)
                answer = desk.ask(who, route, *(record.keys if record else ()))
                good = {200, 302, 409, 422} if record is None or possible(route, record) else {409, 422}
                right = answer.status_code in good or (answer.status_code == 404 and absent(world, route, record))
                if route.table is Person and record is not None and record.id == world.people[who]:
                    right = right or answer.status_code == 403  # nobody decides about themselves
                tally.check(right, say(who, route, record, answer, f"one of {sorted(good)}"))
                if done(house) != before:
                    house.reset("world")
                    desk.clients[who] = world.client(who)  # it may have signed itself out


def done(house: Any) -> int:
    """How many acts were done so far."""
    return int(house.value("SELECT count(*) FROM audit_entry WHERE outcome = 'done'"))


NARROWED = {"ExplanationPage": explanations.WAITS, "IdlePage": idle.listed()}
"""Lists of what waits alone; those locked for a year are ``test_idle_pages``."""
ROWS = re.compile(r"<tbody.*?</tbody>", re.DOTALL)


@pytest.mark.parametrize(
    "page", [entry.page.__name__ for entry in SITE if "list" in entry.page.acts and issubclass(entry.page, ListPage)]
)
def test_a_list_shows_what_the_scope_says(world: Any, page: str, tally: Tally) -> None:
    desk = Desk(world)
    for route, _none in on_page(world, page, "GET"):
        if route.endpoint != f"{page}.list":
            continue
        for who, actor in desk.actors.items():
            if who in OUT or not holds(actor, route.act):
                continue
            with world.house.everything() as session:
                table = route.page.datamodel.obj
                wanted = table.id.in_(desk.may(who, route.act)), NARROWED.get(page, true())
                known = {key for (key,) in session.query(table.public_id).where(*wanted)}
            rows, keys = listed(desk.clients[who], route.address())
            tally.check(rows == len(known), f"{who}: {route.rule} shows {rows} rows, should be {len(known)}")
            tally.check(keys <= known, f"{who}: {route.rule} links to {sorted(keys - known)}")


def listed(client: Any, address: str) -> tuple[int, set[str]]:
    """How many rows a list has on all its pages, and the keys its rows link to on this route."""
    rows, keys, onwards = 0, set(), ""
    while True:
        page = client.get(address + onwards).get_data(as_text=True)
        body = "".join(ROWS.findall(page))
        rows += body.count("<tr")
        keys |= set(re.findall(rf'href="{re.escape(address)}([0-9a-f]{{32}})"', body))
        older = re.search(r'rel="next" href="[^"]*after=([0-9a-f]{32})', page)
        if older is None:
            return rows, keys
        onwards = f"?after={older[1]}"
