"""How a connection is set up, on SQLite and on PostgreSQL.

SQLite: WAL, foreign keys, a transaction that says whether it will write (``BEGIN IMMEDIATE``), and the ``sha256`` function
that the audit chain's triggers call.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.errors import Busy, NoRoom, Refusal
from app.words import _

PRAGMAS = (
    "journal_mode = WAL",
    "foreign_keys = ON",
    "busy_timeout = 10000",
    "synchronous = FULL",
    "secure_delete = ON",  # what is erased is overwritten in the file; some builds of SQLite leave it there
    "cache_size = -8000",  # KiB: with SQLite's own 2000, lists of a large hospital read the same pages again and again
    "soft_heap_limit = 16000000",  # bytes of all connections of a process: four busy ones need not keep 8 MB each
)
OPERATORS = 1129336148
PLACES = 1129336149
"""The lock of who leaves the platform's operators (any number nobody else uses; the log's chain has the one before)."""
FULL = ("disk is full", "No space left", "disk full")


def _sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


@event.listens_for(Engine, "connect")
def _connect(raw: Any, _record: Any) -> None:
    if type(raw).__module__.partition(".")[0] != "sqlite3":
        return
    raw.isolation_level = None
    raw.create_function("sha256", 1, _sha256, deterministic=True)
    cursor = raw.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def alone(session: Session, lock: int, about: int = 0) -> None:
    """Wait until nobody else has this lock ``about`` a key, and keep it to the transaction's end.

    On SQLite one alone writes anyhow.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock, about)))


def refusal(error: OperationalError) -> Refusal:
    """What to tell a person when the database itself could not: no room, or busy (locked, deadlock, not there)."""
    if any(word in str(error.orig) for word in FULL):
        return NoRoom(
            _("The disk of the platform is full, so nothing was saved. Tell the operator and try again later.")
        )
    return Busy(_("The platform is busy and could not save this. Wait a moment and send it again."))
