"""T-EQ: what the SQL scopes return is what the oracle says, for every person and every act, on random worlds."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import inspect, select

from app import access, actors, rights, sight
from app.models import TABLES, db
from app.scopes.reach import Reach, froms_of
from tests.conftest import Tally
from tests.oracle import RIGHTS, Oracle
from tests.trust.random_worlds import fill, key_of, read

pytestmark = pytest.mark.t_eq
FEW, MANY = range(6), range(6, 200)


def seeds() -> list[Any]:
    """Few worlds always, many when asked for."""
    return [*FEW, *(pytest.param(seed, marks=pytest.mark.long) for seed in MANY)]


def test_the_oracle_knows_every_act() -> None:
    assert set(RIGHTS) == set(access.ACCESS)


def expected(oracle: Oracle, me: int, act: str) -> set[int]:
    """The keys of the rows on which the person may do the act."""
    rows = oracle.tables[rights.on(act).__tablename__]
    return {getattr(row, "seq", None) or row.id for row in rows if RIGHTS[act](oracle, me, row)}


def compare_rights(house: Any, oracle: Oracle, me: int, tally: Tally) -> None:
    """Roles, and the rows of every act."""
    with house.everything() as session:
        actor = actors.load(session, me)
        tally.check({r.value for r in actor.roles} == oracle.roles(me), f"person {me}: roles {sorted(actor.roles)}")
        for act in RIGHTS:
            table = rights.on(act)
            found = set(session.scalars(select(key_of(table)).where(rights.right(actor, act))))
            wanted = expected(oracle, me, act)
            tally.check(found == wanted, f"person {me} {act}: SQL {sorted(found)} oracle {sorted(wanted)}")
            offered = rights.may_anywhere(actor, act) or rights.is_consequence(act)
            tally.check(offered or not wanted, f"person {me} {act}: has rows, and no page offers it")


def compare_sight(house: Any, oracle: Oracle, me: int, tally: Tally) -> None:
    """What a session bound to the person reads: every table, and every relation of what it read."""
    with house.acting(me):
        for act, table in rights.sights():
            records = list(db.session.scalars(select(table)).unique())
            found = {inspect(record).identity[0] for record in records}
            tally.check(found == expected(oracle, me, act), f"person {me} reads {table.__name__} {sorted(found)}")
            for relation in inspect(table).relationships:
                other = relation.mapper.class_
                if other not in TABLES:
                    continue
                wanted = expected(oracle, me, rights.see(other))
                for record in records:
                    value = getattr(record, relation.key)
                    related = value if isinstance(value, list) else [value] if value is not None else []
                    leaked = {one.id for one in related} - wanted
                    tally.check(not leaked, f"person {me}: {table.__name__}.{relation.key} shows {leaked}")


@pytest.mark.parametrize("seed", seeds())
def test_scopes_return_what_the_oracle_says(house: Any, seed: int, tally: Tally) -> None:
    with house.everything() as session:
        fill(session, seed)
        oracle = read(session)
    for person in oracle.tables["ab_user"]:
        compare_rights(house, oracle, person.id, tally)
    for person in oracle.tables["ab_user"][seed % 3 :: 3]:
        compare_sight(house, oracle, person.id, tally)


def test_scopes_return_what_the_oracle_says_of_the_hostile_world(world: Any, tally: Tally) -> None:
    with world.house.everything() as session:
        oracle = read(session)
    for me in world.people.values():
        compare_rights(world.house, oracle, me, tally)


def test_what_a_scope_reads_from_is_what_sqlalchemy_says(tally: Tally) -> None:
    for role in access.ROLES:
        actor = actors.anybody(frozenset({role}))
        for act in access.ACCESS:
            for scope in set(rights.cells(act, role)):
                found = scope(actor, rights.on(act))
                for ids in found.ids if isinstance(found, Reach) else ():
                    right = [str(one) for one in froms_of(ids)] == [str(one) for one in ids.get_final_froms()]
                    tally.check(right, f"{act} of {role.value}, {scope.__name__}: {froms_of(ids)}")


def compare_offers(house: Any, oracle: Oracle, me: int, tally: Tally) -> None:
    """What a page offers the person, of every act: asked with the row, in the session that reads it."""
    with house.acting(me):
        for act in RIGHTS:
            table = rights.on(act)
            found = set(db.session.scalars(select(key_of(table)).where(sight.here(db.session(), act))))
            wanted = expected(oracle, me, act) & expected(oracle, me, rights.see(table))
            tally.check(found == wanted, f"person {me} {act}: offered {sorted(found)} oracle {sorted(wanted)}")


def test_a_page_offers_what_the_oracle_says(world: Any, tally: Tally) -> None:
    with world.house.everything() as session:
        oracle = read(session)
    one_of_each = {frozenset(oracle.roles(me)): me for me in world.people.values()}
    for me in one_of_each.values():
        compare_offers(world.house, oracle, me, tally)


def test_a_session_without_an_actor_sees_no_row(world: Any) -> None:
    with world.house.app.app_context():
        seen = {table.__name__: len(db.session.scalars(select(table)).unique().all()) for table in TABLES}
    assert seen == dict.fromkeys(seen, 0)


def test_a_session_is_bound_to_one_actor(world: Any) -> None:
    with world.house.acting(world.people["owner"]), pytest.raises(sight.Blind):
        sight.bind(db.session(), actors.nobody())
