"""T-CHAIN: the log is a chain the database writes. Everything runs on a SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from sqlalchemy import (
    Engine,
    insert,
    select,
)
from sqlalchemy.orm import Session

from app.audit_chain import Verdict, head, verify
from app.models import (
    AuditEntry,
)
from app.tables.guards import FIELDS, GENESIS
from tests.moments import at_once
from tests.trust.chain.chains import LOG, entry, tamper, verdict, written

pytestmark = [pytest.mark.t_chain, pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")]


def test_an_empty_log_holds(engine: Engine) -> None:
    with engine.connect() as connection:
        assert head(connection) == (0, GENESIS)
        assert verify(connection) == Verdict(0, GENESIS, None, "")


def test_the_hash_covers_every_column_but_itself() -> None:
    assert sorted([*FIELDS, "hash"]) == sorted(LOG.columns.keys())


def test_entries_are_numbered_dated_and_chained_by_the_database(engine: Engine) -> None:
    before = dt.datetime.now(dt.UTC)
    hashes = written(engine, 5)
    after = dt.datetime.now(dt.UTC)

    with Session(engine, info={"wide": "command"}) as session:
        entries = list(session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))
        assert head(session) == (5, hashes[-1])
    assert [e.seq for e in entries] == [1, 2, 3, 4, 5]
    assert [e.prev_hash for e in entries] == [GENESIS, *hashes[:-1]]
    moments = [e.at for e in entries if e.at]
    assert len(moments) == 5
    assert moments == sorted(moments)
    assert before - dt.timedelta(milliseconds=1) <= moments[0]
    assert moments[-1] <= after
    assert verdict(engine) == Verdict(5, hashes[-1], None, "")


def test_the_hash_is_the_one_described(engine: Engine) -> None:
    written(engine, 1)

    with engine.connect() as connection:
        at, own = connection.execute(select(LOG.c.at, LOG.c.hash)).one()
    moment = f"{at:%Y-%m-%d %H:%M:%S.%f}" + {"sqlite": "", "postgresql": " AD"}[engine.dialect.name]
    described = f"1:1,{len(moment)}:{moment},1:7,-,11:patient.see,4:read,-,1:0,-,-,0:,3:web,64:{GENESIS}"
    assert own == hashlib.sha256(described.encode()).hexdigest()


@pytest.mark.parametrize(
    "given",
    [
        {"details": "Ελένη Ωραία, 馬, 🧬"},
        {"details": "-,1:1", "origin": "2:ab,-"},
        {"thing": "", "thing_id": None, "patient_id": 2**31 - 1, "actor_id": None},
        {"details": "a'b\"c\\d:name%s{}\n\t"},
        {"details": "x" * 2000},
    ],
)
def test_an_entry_of_any_content_verifies(engine: Engine, given: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(LOG), entry(**given))

    assert (verdict(engine).entries, verdict(engine).reason) == (1, "")


def test_on_sqlite_an_entry_of_any_type_and_with_a_zero_character_verifies(sqlite: Engine) -> None:
    with sqlite.begin() as connection:
        for value in ("a\0b", 1.5, 1e300, b"bytes", 2**62):
            connection.exec_driver_sql(
                "INSERT INTO audit_entry (act, outcome, details, origin) VALUES (?, 'x', ?, '')", (value, value)
            )

    assert (verdict(sqlite).entries, verdict(sqlite).reason) == (5, "")
    tamper(sqlite, "UPDATE audit_entry SET details = 'a' || char(0) || 'c' WHERE seq = 1")
    assert verdict(sqlite).first_bad == 1


def test_an_entry_added_through_the_orm_is_chained(engine: Engine) -> None:
    with Session(engine, info={"wide": "command"}) as session:
        session.add_all([AuditEntry(**entry(thing_id="a")), AuditEntry(**entry(thing_id="b"))])
        session.commit()

    assert (verdict(engine).entries, verdict(engine).reason) == (2, "")


def test_a_rolled_back_entry_leaves_no_gap(engine: Engine) -> None:
    written(engine, 2)
    with engine.connect() as connection:
        connection.execute(insert(LOG), entry(thing_id="lost"))
        connection.rollback()
    written(engine, 1)

    assert (verdict(engine).entries, verdict(engine).reason) == (3, "")


def test_several_rows_of_one_statement_are_chained(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(LOG).values([entry(thing_id="a"), entry(thing_id="b"), entry(thing_id="c")]))

    assert (verdict(engine).entries, verdict(engine).reason) == (3, "")


def test_four_threads_write_one_unbroken_chain(engine: Engine) -> None:
    def write(_number: int) -> None:
        for _ in range(25):
            with Session(engine, info={"wide": "command"}) as session:
                session.connection(execution_options={"writes": True})
                session.execute(insert(LOG).values([entry(), entry()]))
                session.commit()

    at_once(write, range(4))

    assert (verdict(engine).entries, verdict(engine).reason) == (200, "")


def test_five_thousand_entries_are_verified(engine: Engine) -> None:
    written(engine, 5000)

    found = verdict(engine)

    assert (found.entries, found.reason) == (5000, "")
