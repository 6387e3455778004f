"""The database handle and what every table shares.

The tables themselves live beside this file, one file per domain; ``app/models.py`` lists them.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from flask_appbuilder import Model
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Enum, Integer, String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

db = SQLAlchemy(model_class=Model)


_set_back: ContextVar[dt.datetime | None] = ContextVar("set_back", default=None)


def now() -> dt.datetime:
    """The moment, in UTC."""
    return _set_back.get() or dt.datetime.now(dt.UTC)


@contextmanager
def clock_at(moment: dt.datetime) -> Iterator[None]:
    """Inside, ``now`` is a moment of the past. For the demo's history alone; the audit log keeps the true time."""
    token = _set_back.set(moment.astimezone(dt.UTC))
    try:
        yield
    finally:
        _set_back.reset(token)


def today() -> dt.date:
    """The date, in UTC."""
    return now().date()


class Moment(TypeDecorator[dt.datetime]):
    """A moment in UTC, always with its time zone, on both databases (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Refuse a naive moment; SQLite stores it as UTC without zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a moment needs a time zone"
            raise ValueError(message)
        utc = value.astimezone(dt.UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        """Give the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def choice(words: type[StrEnum], name: str) -> Enum:
    """A column type that holds one of ``words`` by value and lets the database refuse others."""
    return Enum(
        words,
        native_enum=False,
        create_constraint=True,
        name=name,
        length=40,
        values_callable=lambda kinds: [kind.value for kind in kinds],
    )


class Record(Model):  # type: ignore[misc]
    """What every table of ours has: a key, a random public id for URLs, a version for lost updates."""

    __abstract__ = True
    __table_args__: Any = ()

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: uuid.uuid4().hex)
    version: Mapped[int] = mapped_column(Integer, nullable=False, default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


class Spell:
    """Something in force from a date to a date, or ended at once.

    In force: ``from_on <= today``, ``to_on`` empty or not past, ``ended_at`` empty (see ``actors.in_force``).
    """

    from_on: Mapped[dt.date] = mapped_column(default=today)
    to_on: Mapped[dt.date | None]
    ended_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str | None] = mapped_column(String(300))


class Winding(Spell):
    """Where people work, or somebody's place there. ``leaving_on`` is the day it was said that it ends on its last day.

    From then on it winds down: nobody is enrolled there (``actors.memberships_in_force``), until the end is taken back.
    """

    leaving_on: Mapped[dt.date | None]
