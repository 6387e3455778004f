"""T-IDOR: a foreign id in an address, a query, a form field or a header shows nothing and changes nothing.

The address alone is T-MATRIX. Here ids are mixed: one's own record with another's part in the address, foreign ids in every
field a page has and in those it does not have, and numbers where public ids belong.
"""

from __future__ import annotations

from typing import Any

import pytest
from lxml import html
from sqlalchemy import select

from app import rights
from app.models import TABLES, ConsentForm, Hospital, Patient, Person
from tests.conftest import Tally
from tests.trust.routes import Desk, Route, changes, plain, records, routes, stored
from tests.world import World

pytestmark = [pytest.mark.t_idor, pytest.mark.one_database]

ATTACKERS = (
    "neighbour",
    "colleague",
    "assistant of chosen",
    "other representative",
    "other coordinator",
    "guest",
    "two hats",
)
GENERIC = (
    "id",
    "key",
    "pk",
    "patient",
    "patient_id",
    "hospital",
    "hospital_id",
    "form",
    "form_id",
    "person",
    "clinician",
)
GENERIC += (
    "person_id",
    "assistant",
    "chosen",
    "network",
    "centre",
    "grant",
    "host",
    "decision_key",
    "document",
    "next",
    "q",
)
GENERIC += ("after", "before", "_flt_0_patient", "_flt_0_hospital", "public_id", "seen", "once", "on_behalf_of")


class Foreign:
    """What an attacker may not see: its public ids and numbers, and the words that would give it away."""

    def __init__(self, desk: Desk, who: str) -> None:
        self.keys: dict[str, str] = {}
        self.numbers: dict[str, set[int]] = {}
        self.words: set[str] = set()
        world = desk.world
        with world.house.everything() as session:
            for act, table in rights.sights():
                if not hasattr(table, "public_id"):
                    continue
                seen = desk.may(who, act)
                rows = session.execute(select(table.id, table.public_id)).all()
                hidden = [row for row in rows if row.id not in seen]
                self.numbers[table.__tablename__] = {row.id for row in hidden}
                if hidden:
                    self.keys[table.__tablename__] = hidden[0].public_id
            hidden_patients = self.numbers["patient"]
            for key, nickname in session.execute(select(Patient.id, Patient.nickname)):
                if key in hidden_patients:
                    self.words.add(nickname)
            for key, code in session.execute(select(ConsentForm.id, ConsentForm.code)):
                if key in self.numbers["consent_form"]:
                    self.words.add(code)
        names = {key: name for name, (key, _public) in world.patients.items()}
        for key in hidden_patients:
            identity = world.identities[names[key]]
            self.words |= {identity.family_name, identity.file_number}

    def some(self, route: str, *, every: bool) -> list[str]:
        """Foreign ids to try on a route: all of them, or two that differ from route to route."""
        keys = [*self.keys.values()]
        first = len(route) % len(keys)
        return keys if every else [keys[first], keys[(first + len(keys) // 2) % len(keys)]]

    def told(self, text: str, sent: set[str]) -> list[str]:
        """The words an answer gives away (what was sent may come back)."""
        return sorted(word for word in self.words - sent if word in text)


def own_records(desk: Desk, who: str, route: Route, most: int = 2) -> list[tuple[str, ...]]:
    """Addresses the attacker may open."""
    if route.table is None:
        return [()] if desk.verdict(who, route, None) == "open" else []
    with desk.world.house.everything() as session:
        known = records(session, route)
    return [one.keys for one in known if desk.verdict(who, route, one) == "open"][:most]


@pytest.mark.parametrize("who", ATTACKERS)
def test_foreign_ids_in_queries_and_forms_show_and_change_nothing(
    world: World, who: str, tally: Tally, request: pytest.FixtureRequest
) -> None:
    desk = Desk(world)
    foreign, client = Foreign(desk, who), desk.clients[who]
    with world.house.everything() as session:
        before = stored(session)
    for route in routes(world.house.app):
        if route.act in {
            "home.open",
            "person.change-password",
            "login.end",
            "login.lock",
            "patient.delete",
            "policy.withdraw",
        }:
            continue
        for keys in own_records(desk, who, route, 1):
            address = route.address(*keys)
            for value in foreign.some(route.endpoint, every=request.config.getoption("long")):
                sent = dict.fromkeys(GENERIC, value) | typed(client, address, value)
                if route.verb == "GET":
                    answer = client.get(address, query_string=sent)
                else:
                    answer = client.post(address, data=sent)
                shown = foreign.told(answer.text if answer.mimetype.startswith("text/") else "", {value})
                tally.check(answer.status_code < 500, f"{who}: {route} with {value}: {answer.status_code}")
                tally.check(not shown, f"{who}: {route} with {value} shows {shown}")
            if route.verb == "POST":
                with world.house.everything() as session:
                    after = stored(session)
                touched = foreign_changes(foreign, before, after)
                tally.check(not touched, f"{who}: {route} changes {touched}")
                if after != before:
                    world.house.reset("world")


def typed(client: Any, address: str, value: str) -> dict[str, str]:
    """Every field of the page's own forms, holding the foreign id (other fields what they held)."""
    answer = client.get(address)
    if answer.status_code != 200 or answer.mimetype != "text/html":
        return {}
    page = html.document_fromstring(answer.data)
    names = {field.get("name") for field in page.xpath("//main//form//*[@name]")}
    return {name: value for name in names if name and name not in {"csrf_token", "csrf", "demo"}}


def foreign_changes(foreign: Foreign, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Foreign rows that changed, and new rows that point to foreign ones."""
    found = []
    pointers = {table.__tablename__: pointing(table) for table in TABLES}
    for table, key in changes(before, after):
        if key in foreign.numbers.get(table, ()) and key in before[table]:
            found.append(f"{table} {key}")
        new = after[table].get(key)
        if new is None or key in before[table]:
            continue
        found += [
            f"new {table} points to {target} {new[n]}"
            for n, target in pointers[table]
            if new[n] in foreign.numbers.get(target, ())
        ]
    return found


def pointing(table: Any) -> list[tuple[int, str]]:
    """(place of the column, table it points to) of every foreign key."""
    return [
        (n, next(iter(column.foreign_keys)).column.table.name)
        for n, column in enumerate(table.__table__.columns)
        if column.foreign_keys
    ]


@pytest.mark.parametrize("who", ["owner", "neighbour"])
def test_a_foreign_part_of_ones_own_record_is_not_found(world: World, who: str, tally: Tally) -> None:
    desk = Desk(world)
    for route in routes(world.house.app):
        if len(route.arguments) < 2:
            continue
        with world.house.everything() as session:
            known = records(session, route)
        mine = [one for one in known if desk.verdict(who, route, one) == "open"]
        theirs = [one for one in known if desk.verdict(who, route, one) == "hidden"]
        assert mine
        assert theirs
        pairs = [(mine[0].keys[0], theirs[0].keys[1]), (theirs[0].keys[0], mine[0].keys[1])]
        pairs += [(a.keys[0], b.keys[1]) for a in mine for b in mine if a.keys[0] != b.keys[0]][:6]
        for keys in pairs:
            answer = desk.ask(who, route, *keys)
            tally.check(answer.status_code == 404, f"{who}: {route} {keys}: {answer.status_code}")
            same = plain(answer, *keys) == desk.nowhere(who, route)
            tally.check(same, f"{who}: {route} {keys} differs from what does not exist")


def test_a_number_is_no_address(world: World, tally: Tally) -> None:
    desk = Desk(world)
    for route in routes(world.house.app):
        if route.arguments:
            for who in ("owner", "admin", "representative"):
                for number in ("1", "0", "2"):
                    answer = desk.ask(who, route, *(number for _argument in route.arguments))
                    same = plain(answer, number)[0] in {404, 403, 302}
                    tally.check(same, f"{who}: {route} with {number}: {answer.status_code}")


HEADERS = (
    "X-User",
    "X-Remote-User",
    "Remote-User",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-Hospital",
)


def test_headers_make_nobody_else(world: World, tally: Tally) -> None:
    guest = world.client("guest")
    address = f"/patients/{world.patients['enrolled'][1]}"
    for name in HEADERS:
        for value in ("1", "owner", address, "admin"):
            answer = guest.get("/patients/", headers={name: value})
            tally.check(answer.status_code == 403, f"{name}: {value}: {answer.status_code}")


def test_nobody_enrols_into_a_foreign_hospital_or_for_a_foreign_clinician(world: World, tally: Tally) -> None:
    house = world.house
    with house.everything() as session:
        hospitals = {name: session.get(Hospital, key).public_id for name, key in world.hospitals.items()}
        people = {name: session.get(Person, key).public_id for name, key in world.people.items()}
    count = house.value("SELECT count(*) FROM patient")
    typed = {"family_name": "New", "given_names": "Person", "birth_date": "1990-01-01", "sex": "female"}
    cases = [
        ("owner", {"hospital": hospitals["Leipzig"]}),
        ("owner", {"clinician": people["neighbour"]}),
        ("assistant", {"hospital": hospitals["Leipzig"], "clinician": people["owner"]}),
        ("assistant", {"clinician": people["neighbour"]}),
        ("assistant", {"clinician": people["colleague"]}),
        ("assistant of chosen", {"clinician": people["owner"]}),
        ("leaver", {"hospital": hospitals["Thessaloniki"]}),
        ("unauthorised", {"hospital": hospitals["Unauthorised house"]}),
        ("clinician of the closed house", {"hospital": hospitals["Closed house"]}),
    ]
    for number, (who, extra) in enumerate(cases):
        world.client(who).post("/patients/enrol", data=typed | {"file_number": f"N-{number}"} | extra)
    rows = house.rows("SELECT clinician_id, hospital_id FROM patient WHERE id > :n ORDER BY id", n=count)
    own = (world.people["owner"], world.hospitals["Thessaloniki"])
    tally.check({tuple(row) for row in rows} <= {own}, f"enrolled {rows}")
    tally.check(len(rows) <= 2, f"{len(rows)} were enrolled: only the owner's own two forms may be, without the field")
