"""T-CHAIN: what the guards of ``tables/guards`` refuse, and what the application's role on PostgreSQL may not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import (
    Engine,
    MetaData,
    create_engine,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from app.audit_chain import Verdict
from app.tables.guards import APPEND_ONLY
from tests.trust.chain.chains import LOG, entry, verdict, written

pytestmark = [pytest.mark.t_chain, pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")]


def refused(engine: Engine, statement: str, error: type[DBAPIError] = IntegrityError) -> str:
    """What the database says to ``statement``."""
    with engine.connect() as connection, pytest.raises(error) as refusal:
        connection.exec_driver_sql(statement)
    return str(refusal.value.orig).splitlines()[0]


# --- the guards refuse ----------------------------------------------------------------------------------------------
GIVEN = "audit_entry: the database numbers, dates and chains an entry"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("seq", "1"),
        ("seq", "3"),
        ("seq", "9"),
        ("at", "'2026-01-01 00:00:00.000000'"),
        ("prev_hash", "'0'"),
        ("hash", "'0'"),
    ],
)
def test_a_given_number_date_or_hash_is_refused(engine: Engine, column: str, value: str) -> None:
    hashes = written(engine, 2)
    statement = f"INSERT INTO audit_entry ({column}, act, outcome, details, origin) VALUES ({value}, 'a', 'b', '', '')"

    assert refused(engine, statement) == GIVEN
    assert verdict(engine) == Verdict(2, hashes[1], None, "")


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL", "REPLACE"])
@pytest.mark.parametrize("column", ["seq", "rowid", "_rowid_", "oid"])
def test_no_sqlite_verb_forges_an_entry(sqlite: Engine, verb: str, column: str) -> None:
    hashes = written(sqlite, 2)
    values = "'forged', 'b', '', ''"

    for number in ("1", "2", "3", "'1'", "1.0"):
        statement = f"{verb} INTO audit_entry ({column}, act, outcome, details, origin) VALUES ({number}, {values})"
        assert refused(sqlite, statement) == GIVEN
    for number in ("0", "-7"):
        refused(
            sqlite, f"{verb} INTO audit_entry ({column}, act, outcome, details, origin) VALUES ({number}, {values})"
        )

    assert verdict(sqlite) == Verdict(2, hashes[1], None, "")


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "INSERT", "INSERT OR IGNORE"])
def test_minus_one_which_sqlite_gives_a_row_still_unnumbered_cannot_be_given(sqlite: Engine, verb: str) -> None:
    hashes = written(sqlite, 2)

    with sqlite.begin() as connection:
        statement = f"{verb} INTO audit_entry (seq, act, outcome, details, origin) VALUES (-1, 'forged', 'b', '', '')"
        if verb == "INSERT OR IGNORE":
            connection.exec_driver_sql(statement)
        else:
            with pytest.raises(IntegrityError, match="seq_positive"):
                connection.exec_driver_sql(statement)

    assert verdict(sqlite) == Verdict(2, hashes[1], None, "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor_id = 8 WHERE seq = 1",
        "UPDATE audit_entry SET hash = NULL",
        "DELETE FROM audit_entry WHERE seq = 2",
        "DELETE FROM audit_entry",
    ],
)
def test_changing_and_deleting_an_entry_is_refused(engine: Engine, statement: str) -> None:
    hashes = written(engine, 2)

    assert refused(engine, statement).startswith(f"audit_entry: {statement.partition(' ')[0]} is refused")
    assert verdict(engine) == Verdict(2, hashes[1], None, "")


@pytest.mark.parametrize("verb", ["UPDATE OR REPLACE", "UPDATE OR IGNORE"])
def test_no_sqlite_verb_changes_an_entry(sqlite: Engine, verb: str) -> None:
    hashes = written(sqlite, 2)

    assert refused(sqlite, f"{verb} audit_entry SET seq = 1 WHERE seq = 2") == "audit_entry: UPDATE is refused"
    assert verdict(sqlite) == Verdict(2, hashes[1], None, "")


@pytest.mark.parametrize("table", ["audit_entry", *APPEND_ONLY])
def test_truncate_is_refused(postgresql: Engine, table: str) -> None:
    assert refused(postgresql, f"TRUNCATE {table} CASCADE").startswith(f"{table}: TRUNCATE is refused")


def test_a_sqlite_connection_without_the_function_cannot_write(sqlite: Engine) -> None:
    hashes = written(sqlite, 2)
    stranger = sqlite3.connect(str(sqlite.url.database), isolation_level=None)

    with pytest.raises(sqlite3.OperationalError, match="no such function: sha256"):
        stranger.execute("INSERT INTO audit_entry (act, outcome, details, origin) VALUES ('a', 'b', '', '')")
    stranger.close()

    assert verdict(sqlite) == Verdict(2, hashes[1], None, "")


def test_a_repeatable_read_that_came_late_is_refused_not_chained_twice(postgresql: Engine) -> None:
    written(postgresql, 1)
    with postgresql.connect().execution_options(isolation_level="REPEATABLE READ") as late:
        late.execute(select(LOG.c.seq)).all()
        written(postgresql, 1)
        with pytest.raises(DBAPIError):
            late.execute(insert(LOG), entry())

    assert (verdict(postgresql).entries, verdict(postgresql).reason) == (2, "")


# --- the application's role on PostgreSQL owns nothing --------------------------------------------------------------


@pytest.fixture
def application(postgresql: Engine) -> Iterator[Engine]:
    """The same database, seen by a role that may read and add entries."""
    with postgresql.begin() as connection:
        connection.exec_driver_sql("GRANT SELECT, INSERT ON audit_entry TO application")
    engine = create_engine(postgresql.url.set(username="application"))
    yield engine
    engine.dispose()


def test_the_role_that_owns_nothing_writes_and_verifies(application: Engine) -> None:
    hashes = written(application, 3)

    assert verdict(application) == Verdict(3, hashes[2], None, "")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_chain",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entry_chain ON audit_entry",
        "CREATE OR REPLACE FUNCTION audit_entry_chain() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP FUNCTION audit_entry_chain() CASCADE",
        "SET session_replication_role = replica",
        "UPDATE audit_entry SET actor_id = 8",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "CREATE TEMP TABLE mine (a int); CREATE TRIGGER t BEFORE INSERT ON mine EXECUTE FUNCTION audit_entry_chain()",
    ],
)
def test_the_role_that_owns_nothing_cannot_take_a_guard_down(application: Engine, statement: str) -> None:
    written(application, 1)

    assert refused(application, statement, ProgrammingError).startswith(("permission denied", "must be owner"))


def test_a_temporary_table_of_the_same_name_does_not_stand_in_for_the_log(application: Engine) -> None:
    written(application, 2)

    with application.begin() as connection:
        connection.exec_driver_sql("CREATE TEMP TABLE audit_entry (LIKE public.audit_entry)")
        connection.exec_driver_sql(
            "INSERT INTO pg_temp.audit_entry VALUES (70, now(), 1, 1, '', '', '', '', 1, 1, '', '')"
        )
        connection.execute(LOG.to_metadata(MetaData(), schema="public").insert(), entry())
        connection.exec_driver_sql("DROP TABLE pg_temp.audit_entry")

    assert (verdict(application).entries, verdict(application).reason) == (3, "")
