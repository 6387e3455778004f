"""The asking: may this actor do this act here, and on which rows? The answers are those of the table ``access``."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, GenerativeSelect, true

from app.access import ACCESS, COLUMNS, READING, ROLES, STANDS_FOR
from app.actors import Actor
from app.gates import GATES
from app.scopes import MANDATES, Reach, Scope, clause, consequence, holds, keys, nobody
from app.words import Role


def on(act: str) -> type[Any]:
    """The table an act's right is asked on."""
    return ACCESS[act][0]


def cells(act: str, role: Role) -> tuple[Scope, ...]:
    """The scopes a role has for an act."""
    if role in GATES:
        return cells(act, Role.ANY) if act in GATES[role] else (nobody,)
    if role in STANDS_FOR:
        return cells(act, STANDS_FOR[role]) if act in READING else (nobody,)
    cell = ACCESS[act][1 + COLUMNS.index(role)]
    return cell if isinstance(cell, tuple) else (cell,)


def held(role: Role, act: str) -> bool:
    """Whether the role can do the act anywhere at all, from a page."""
    return any(scope not in (nobody, consequence) for scope in cells(act, role))


def opens(role: Role, act: str) -> bool:
    """Whether the role can do the act anywhere at all, from a page or as part of another act."""
    return any(scope is not nobody for scope in cells(act, role))


def is_consequence(act: str) -> bool:
    """Whether the act only ever happens as part of another one."""
    scopes = {scope for role in COLUMNS for scope in cells(act, role)}
    return consequence in scopes and scopes <= {consequence, nobody}


def may_anywhere(actor: Actor, act: str) -> bool:
    """Whether the actor can do the act on some record, as far as roles and mandates say."""
    scopes = _scopes(actor.roles, act) - {nobody, consequence}
    return any(scope not in MANDATES or MANDATES[scope] & actor.mandates for scope in scopes)


def right(actor: Actor, act: str) -> ColumnElement[bool]:
    """The WHERE clause of the rows on which the actor may do the act."""
    return true() if actor.system else clause(on(act), _reaches(actor, act))


def right_here(actor: Actor, act: str) -> ColumnElement[bool]:
    """The same for rows that are found by other means: quick, however many there are on which the actor may do it."""
    return true() if actor.system else holds(on(act), _reaches(actor, act))


def reached(actor: Actor, act: str) -> GenerativeSelect | None:
    """The keys of the rows on which the actor may do the act; ``None``: of all rows."""
    return None if actor.system else keys(on(act), _reaches(actor, act))


def covers_sight(roles: frozenset[Role], act: str) -> bool:
    """Whether people of these roles may do the act on every row of its table they see."""
    parts = frozenset(roles - STANDS_FOR.keys()), frozenset(roles & STANDS_FOR.keys())
    return all(_scopes(part, see(on(act))) <= _scopes(part, act) for part in parts)


def stopped(actor: Actor, act: str) -> ColumnElement[bool] | None:
    """The rows on which the actor could do the act, had their hospital not left; ``None``: there can be none."""
    once = frozenset(STANDS_FOR[role] for role in actor.roles & STANDS_FOR.keys() if held(STANDS_FOR[role], act))
    if not once or act in READING:
        return None
    there = replace(actor, reads=True)
    return clause(on(act), (scope(there, on(act)) for scope in _ordered(once, act)))


@functools.cache
def _scopes(roles: frozenset[Role], act: str) -> frozenset[Scope]:
    return frozenset(scope for role in ROLES if role in roles for scope in cells(act, role))


@functools.cache
def _ordered(roles: frozenset[Role], act: str) -> tuple[Scope, ...]:
    """One order for each set of roles: one text, for the statement cache."""
    return tuple(sorted(_scopes(roles, act), key=lambda scope: scope.__name__))


def _reaches(actor: Actor, act: str) -> Iterator[Reach | bool]:
    for scope in _ordered(frozenset(actor.roles - STANDS_FOR.keys()), act):
        yield scope(actor, on(act))
    reading = frozenset(actor.roles & STANDS_FOR.keys())
    if reading:
        there = replace(actor, reads=True)
        for scope in _ordered(reading, act):
            yield scope(there, on(act))


def sights() -> Iterator[tuple[str, type[Any]]]:
    """The ``x.see`` rows: act and table."""
    for act in ACCESS:
        if act.endswith(".see"):
            yield act, on(act)


def see(thing: type[Any]) -> str:
    """The ``x.see`` act of a table."""
    return _SEE[thing]


_SEE = {table: act for act, table in sights()}
