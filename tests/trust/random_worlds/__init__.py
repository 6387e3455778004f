"""Random worlds: people, hospitals and records with spells that begin and end around today. Bare rows, by plain INSERT."""

from __future__ import annotations

from typing import Any

from flask_appbuilder.security.sqla.models import Role as FabRole
from flask_appbuilder.security.sqla.models import assoc_user_role
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models import TABLES, AuditEntry, Record, today
from tests.oracle import Oracle, Row
from tests.trust.random_worlds.dice import Dice
from tests.trust.random_worlds.people import people, places
from tests.trust.random_worlds.records import records
from tests.trust.random_worlds.requests import requests


def fill(session: Session, seed: int) -> None:
    """Fill an empty house."""
    dice = Dice(seed)
    places(dice)
    people(dice)
    requests(dice)
    records(dice)
    if session.get_bind().dialect.name == "sqlite":
        session.connection(execution_options={"writes": True})
    for table in Record.metadata.sorted_tables:
        if table.name in dice.rows:
            session.execute(insert(table), dice.rows[table.name])
    session.execute(insert(FabRole.__table__), [{"id": 1, "name": "Admin"}])
    session.execute(insert(assoc_user_role), [{"id": 1, "user_id": 1, "role_id": 1}])
    session.commit()


def read(session: Session) -> Oracle:
    """What the database holds, as plain rows."""
    tables = {}
    for table in TABLES:
        found = session.execute(select(table.__table__)).mappings()
        tables[table.__tablename__] = [Row(**row) for row in found]
    admins = session.scalars(
        select(assoc_user_role.c.user_id).join(FabRole.__table__).where(FabRole.__table__.c.name == "Admin")
    )
    return Oracle(tables, set(admins), today())


def key_of(table: Any) -> Any:
    """What tells a table's rows apart."""
    return table.seq if table is AuditEntry else table.id
