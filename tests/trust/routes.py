"""Every route of the site as data, read from the site map and the access table: nothing is listed by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import actors, rights, steps
from app.actors import Actor
from app.gates import GATES
from app.models import TABLES, Attempt, AuditEntry, Login
from app.views import PUBLIC
from app.words import Role
from tests.world.names import HALF_INSIDE, LOCKED, ONE_FACTOR

NOWHERE = "0123456789abcdef" * 2
"""A key like any other, of nothing."""


@dataclass(frozen=True)
class Route:
    """One address of one page."""

    rule: str
    endpoint: str
    verb: str
    page: Any
    act: str
    arguments: tuple[str, ...]

    @property
    def table(self) -> Any:
        """What the last key of the address is a key of; none for an address without a key."""
        if not self.arguments:
            return None
        if len(self.arguments) > 1 or not hasattr(self.page, "datamodel"):
            return rights.on(self.act)
        return self.page.datamodel.obj

    @property
    def right(self) -> str:
        """The act whose right the record of the address needs."""
        if rights.on(self.act) is self.table:
            return self.act
        shown = self.page.acts.get("show", "")
        return shown if shown and rights.on(shown) is self.table else rights.see(self.table)

    def address(self, *keys: str) -> str:
        """The address with keys."""
        filled = self.rule
        for name, key in zip(self.arguments, keys, strict=True):
            filled = filled.replace(f"<{name}>", key)
        return filled

    def __str__(self) -> str:
        return f"{self.verb} {self.rule}"


def routes(app: Any) -> list[Route]:
    """Every route that needs a right, once for each verb."""
    pages = {type(page).__name__: page for page in app.extensions["appbuilder"].baseviews}
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        name, _dot, method = rule.endpoint.partition(".")
        page = pages[name]
        for address in spelled_out(rule.rule):
            arguments = tuple(re.findall(r"<([^>]+)>", address))
            found += [
                Route(address, rule.endpoint, verb, page, page.acts[method], arguments)
                for verb in sorted(rule.methods & {"GET", "POST"})
            ]
    return sorted(found, key=lambda route: (route.rule, route.verb))


def spelled_out(rule: str) -> list[str]:
    """The addresses of a rule, with each of the words it may hold."""
    words = re.search(r"<any\(([^)]*)\):\w+>", rule)
    if words is None:
        return [rule]
    return [rule.replace(words[0], word.strip().strip("'\"")) for word in words[1].split(",")]


OWN_SIGHT = {"directory.find": "directory.find"}
"""Acts that read past one's sight: who is not found by them does not exist there, also whom one knows otherwise."""


@dataclass(frozen=True)
class Record:
    """A record an address can name, with the records above it in the address."""

    keys: tuple[str, ...]
    id: int
    state: Any


def records(session: Session, route: Route) -> list[Record]:
    """Every record of the database that the route can be asked for."""
    table = route.table
    column = steps.COLUMN.get(table, "state")
    state = getattr(table, column, None)
    columns = [table.public_id, table.id, *([state] if state is not None else [])]
    statement = select(*columns)
    if len(route.arguments) > 1:
        above = route.page.datamodel.obj
        (link,) = [c for c in table.__table__.columns if c.foreign_keys and c.references(above.__table__.c.id)]
        statement = select(above.public_id, *columns).join_from(table, above, link == above.id)
    found = []
    for row in session.execute(statement.order_by(table.id)):
        keys, rest = row[: len(route.arguments)], row[len(route.arguments) :]
        found.append(Record(tuple(keys), rest[0], rest[1] if len(rest) > 1 else None))
    return found


def few(known: list[Any], every: bool) -> list[Any]:
    """Of records, one for each state; all of them in a long run."""
    if every or not known or known[0] is None:
        return known
    return list({record.state: record for record in reversed(known)}.values())


def visible(session: Session, actor: Actor, act: str) -> set[int]:
    """The keys of the rows on which the actor may do the act."""
    table = rights.on(act)
    return set(session.scalars(select(table.id).where(rights.right(actor, act))))


def holds(actor: Actor, act: str) -> bool:
    """Whether a role of the actor opens pages of this act."""
    return any(rights.held(role, act) for role in actor.roles)


def possible(route: Route, record: Record) -> bool:
    """Whether the step is open from the record's state."""
    table = route.table
    if table not in steps.lives(route.act):
        return True
    return any(before == record.state and name == route.act for before, name, _after in steps.STEPS[table])


# --- principals ---------------------------------------------------------------------------------------------------------

OUT = {"anonymous", "locked"}
"""Principals nobody knows: not signed in, or signed in once and disabled since."""


def _actor(session: Session, who: str, key: int) -> Actor:
    if who in {HALF_INSIDE, LOCKED}:
        return actors.at_gate(Role.LOCKED if who == LOCKED else Role.ASKED, key)
    return actors.load(session, key, signed_in=True, one_factor=who == ONE_FACTOR)


class Desk:
    """The principals with their browsers and what the access table gives them."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.clients = {who: world.client(who) for who in ("anonymous", *world.people)}
        with world.house.everything() as session:
            self.actors = {who: _actor(session, who, key) for who, key in world.people.items()}
        self.seen: dict[tuple[str, str], set[int]] = {}
        self.missing: dict[tuple[str, str], Any] = {}

    def may(self, who: str, act: str) -> set[int]:
        """The records on which a principal may do the act."""
        if (who, act) not in self.seen:
            with self.world.house.everything() as session:
                self.seen[who, act] = visible(session, self.actors[who], act)
        return self.seen[who, act]

    def ask(self, who: str, route: Route, *keys: str) -> Any:
        """The answer to a principal."""
        client = self.clients[who]
        if route.verb == "POST":
            return client.post(route.address(*keys), data={"seen": self._version(route, *keys)})
        return client.get(route.address(*keys))

    def _version(self, route: Route, *keys: str) -> str | None:
        """The version a form of the record's page would carry."""
        table = route.table
        if table is None:
            return None
        with self.world.house.everything() as session:
            found = session.scalar(select(table.version).where(table.public_id == keys[-1]))
        return None if found is None else str(found)

    def nowhere(self, who: str, route: Route) -> tuple[int, list[tuple[str, str]], str]:
        """The answer to a principal who asks for what does not exist."""
        if (who, str(route)) not in self.missing:
            keys = tuple(NOWHERE for _argument in route.arguments)
            self.missing[who, str(route)] = plain(self.ask(who, route, *keys), *keys)
        return self.missing[who, str(route)]

    def verdict(self, who: str, route: Route, record: Record | None) -> str:
        """What the table says: login, policy, forbidden, hidden or open."""
        if who in OUT:
            return "login"
        actor: Actor = self.actors[who]
        if not holds(actor, route.act):
            at_gate = actor.roles & ({Role.LOCKED} if route.verb == "POST" else set(GATES))
            return "gate" if at_gate else "forbidden"
        if record is None:
            return "open"
        if record.id not in self.may(who, OWN_SIGHT.get(route.right, rights.see(route.table))):
            return "hidden"
        return "open" if record.id in self.may(who, route.right) else "forbidden"

    def first(self, who: str, route: Route) -> Record | None:
        """The first record of the route that a principal may open."""
        if route.table is None or who in OUT:
            return None
        with self.world.house.everything() as session:
            known = records(session, route)
        return next((one for one in known if self.verdict(who, route, one) == "open"), None)


# --- answers ------------------------------------------------------------------------------------------------------------

CHANGING = (
    (re.compile(r'(name="csrf" content=")[^"]+'), r"\1"),
    (re.compile(r'(name="csrf_token"[^>]* value=")[^"]+'), r"\1"),
    (re.compile(r"nonce-[\w-]+"), "nonce-"),
    (re.compile(r'nonce="[^"]+"'), 'nonce=""'),
)
PASSING = {"Date", "Set-Cookie"}


def plain(response: Any, *keys: str) -> tuple[int, list[tuple[str, str]], str]:
    """Status, headers and body of an answer without what differs from answer to answer, and without its own keys."""
    body = response.get_data(as_text=True)
    headers = [(name, value) for name, value in response.headers if name not in PASSING]
    parts = [body, *(value for _name, value in headers)]
    for n, part in enumerate(parts):
        for pattern, instead in CHANGING:
            part = pattern.sub(instead, part)
        for key in keys:
            part = part.replace(key, "KEY")
        parts[n] = part
    return response.status_code, [(name, value) for (name, _), value in zip(headers, parts[1:], strict=True)], parts[0]


OPENERS = {Role.LOCKED: "/prove/again", Role.ASKED: "/prove/", Role.UNPROVED: "/my-logins/", Role.HELD: "/policy/"}
"""Where what opens each gate is."""


def leads_to_the_gate(actor: Actor, response: Any) -> bool:
    """Whether a person was sent to what opens the gate they stand at, and back."""
    (role,) = actor.roles
    if response.status_code == 307:  # what was typed goes along
        return role is Role.LOCKED and response.location.startswith("/prove/keep?to=")
    return response.status_code == 302 and response.location.startswith(f"{OPENERS[role]}?next=")


def asks_to_sign_in(response: Any) -> bool:
    """Whether a visitor was sent to the login page."""
    return response.status_code == 302 and response.location.startswith("/login/")


# --- what is stored -------------------------------------------------------------------------------------------------------

MOVING = (Login, Attempt, AuditEntry)
"""Tables that pages write to without changing a record."""


def stored(session: Session) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """Every row of every table that holds records, by table and key."""
    found: dict[str, dict[Any, tuple[Any, ...]]] = {}
    for table in TABLES:
        if table not in MOVING:
            columns = list(table.__table__.columns)
            place = columns.index(next(iter(table.__table__.primary_key)))
            found[table.__tablename__] = {row[place]: tuple(row) for row in session.execute(select(*columns))}
    return found


def digest(session: Session) -> str:
    """One word for all that is stored."""
    return hashlib.sha256(repr(stored(session)).encode()).hexdigest()


def changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(table, key) of every row that is new, gone or different."""
    for table, rows in after.items():
        for key in rows.keys() | before[table].keys():
            if rows.get(key) != before[table].get(key):
                yield table, key
