"""A whole CPMS for a test: the application on a real SQLite file or a real PostgreSQL, and browsers that visit it.

A ``House`` can be put back to a snapshot in a few milliseconds (SQLite: a file is copied; PostgreSQL: the rows that
changed are written anew). The fixtures are in ``conftest``, the people and records of a test in ``factories`` and ``world``.
"""

from __future__ import annotations

import dataclasses
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
from sqlalchemy import text, update
from sqlalchemy.orm import Session

import config
from app import actors, create_app, migrating, sight
from app.actors import Actor
from app.models import Login, db, now, today
from app.outside.paper import Press, Renderer
from app.pages.browsers import MARK
from tests.houses.databases import Postgres, Sqlite, locked, start_postgres, stop_postgres
from tests.houses.settings import MASTER_KEY, SECRET, SITE, environment
from tests.houses.visitors import RAW, Visitor, form_token, login_of

__all__ = [
    "DATABASES",
    "MASTER_KEY",
    "RAW",
    "SECRET",
    "SITE",
    "House",
    "Postgres",
    "Visitor",
    "environment",
    "form_token",
    "furnish",
    "login_of",
    "migrate",
    "stop_postgres",
]
DATABASES = ("sqlite", "postgresql")
EMPTY = "empty"
"""The snapshot of a house whose tables are made by the migrations and hold nothing."""


@dataclasses.dataclass
class House:
    """An application with its database and files, which can be put back."""

    dialect: str
    app: Flask
    var: Path
    shared: Path
    backend: Sqlite | Postgres
    dated: dict[str, str] = dataclasses.field(default_factory=dict)
    """The names of the snapshots made last, by what they are called here."""

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
        """Put database and files back to a snapshot, as it was made last here."""
        snapshot = self.dated.get(snapshot, snapshot)
        self._let_go()
        self.backend.restore(snapshot)
        files, kept = self.var / "files", self.shared / f"{self.dialect}-{snapshot}-files"
        for old in files.iterdir():
            old.unlink()
        if kept.is_dir():
            shutil.copytree(kept, files, dirs_exist_ok=True)
        if snapshot != EMPTY:
            self._come_back()

    def snapshot(self, name: str, build: Callable[[House], Any]) -> Any:
        """Put the house to the snapshot ``name``, made by ``build`` once for all workers and for a day. Gives what ``build`` gave."""
        dated = self.dated[name] = f"{name} {today()}"  # what is due, and who has a place, is of the day it was made
        with locked(self.shared, f"{self.dialect}-{dated}") as done:
            if not done.exists():
                self.reset()
                facts = build(self)
                self._let_go()
                self.backend.keep(dated)
                shutil.copytree(self.var / "files", self.shared / f"{self.dialect}-{dated}-files", dirs_exist_ok=True)
                done.write_bytes(pickle.dumps(facts))
        self.reset(dated)
        return pickle.loads(done.read_bytes())

    def _come_back(self) -> None:
        """Nobody of the snapshot has been idle since it was made: a run lasts longer than a screen stays open."""
        with self.everything() as session:
            if self.dialect == "sqlite":
                session.connection(execution_options={"writes": True})
            moment = now()
            session.execute(update(Login).values(seen_at=moment, proved_at=moment))
            session.commit()

    def _let_go(self) -> None:
        with self.app.app_context():
            db.engine.dispose()

    def close(self) -> None:
        """Give up the database."""
        self._let_go()
        self.backend.close()


def furnish(dialect: str, shared: Path, worker: str, printer: Renderer, **changes: str) -> House:
    """An application on an empty, migrated database of its own."""
    var = shared / f"var-{dialect}-{worker}"
    var.mkdir(mode=0o700)
    backend, urls = _backend(dialect, shared, worker, var)
    settings = config.load(environment(var, **urls, **changes), path=var / "none.env")
    app = create_app(settings)
    migrating.furnish(app)
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
    backend = Postgres(start_postgres(shared), f"{session}_{worker}", session, shared)
    return backend, {"DATABASE_URL": backend.url("cpms_app"), "DATABASE_OWNER_URL": backend.url("cpms_owner")}


def migrate(app: Flask, revision: str = "head") -> None:
    """Run the migrations, as the role that owns the tables."""
    with app.app_context():
        flask_migrate.upgrade(directory=str(config.ROOT / "migrations"), revision=revision)
