"""What the tests of the chain share: entries written into a real log, and what its check says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask_appbuilder import Model
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    insert,
    select,
)
from sqlalchemy.orm import Session

from app.audit_chain import Verdict, verify
from app.models import AuditEntry
from app.tables import engines
from app.tables.guards import CREATE, DROP

assert engines  # they give SQLite its sha256
LOG: Table = AuditEntry.__table__


def build(engine: Engine) -> None:
    """Make the tables, then put the guards up the way a migration does."""
    Model.metadata.create_all(engine)
    _guard(engine, CREATE)


def _guard(engine: Engine, statements: dict[str, tuple[str, ...]]) -> None:
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        for statement in statements[engine.dialect.name]:
            op.execute(statement)


def entry(**given: Any) -> dict[str, Any]:
    return {"act": "patient.see", "outcome": "read", "actor_id": 7, "details": "", "origin": "web", **given}


def written(engine: Engine, count: int) -> list[str]:
    """Write ``count`` entries; their hashes."""
    with Session(engine, info={"wide": "command"}) as session:
        session.execute(insert(LOG), [entry(thing_id=f"{n}") for n in range(count)])
        session.commit()
        return list(session.execute(select(LOG.c.hash).order_by(LOG.c.seq)).scalars())


def verdict(engine: Engine, known: dict[int, str] | None = None) -> Verdict:
    with Session(engine, info={"wide": "command"}) as session:
        return verify(session, known)


@contextmanager
def unguarded(engine: Engine) -> Iterator[Connection]:
    """What somebody can do who owns the database: take the guards down, write, put them up again."""
    _guard(engine, DROP)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        _guard(engine, CREATE)


def tamper(engine: Engine, *statements: str) -> None:
    with unguarded(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
