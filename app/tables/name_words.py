"""The words of people's names, by which they are found; kept with every change of a name."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import Model
from sqlalchemy import VARCHAR, Connection, ForeignKey, String, delete, event, insert, inspect
from sqlalchemy.orm import Mapped, mapped_column

from app.outside.name_letters import LONGEST, words
from app.tables.people import Person

BY_BYTES = String(LONGEST).with_variant(VARCHAR(LONGEST, collation="C"), "postgresql")
"""Sorted by code points, so that a beginning of a word is a range of the index."""


class NameWord(Model):  # type: ignore[misc]
    """One word of a person's name, in small letters without accents."""

    __tablename__ = "name_word"
    word: Mapped[str] = mapped_column(BY_BYTES, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), primary_key=True, index=True)


def rows_of(person_id: int, first_name: str, last_name: str) -> list[dict[str, Any]]:
    """The rows of a person's name."""
    return [{"word": word, "person_id": person_id} for word in words(f"{first_name} {last_name}")]


@event.listens_for(Person, "after_insert")
def _named(_mapper: Any, connection: Connection, person: Person) -> None:
    rows = rows_of(person.id, person.first_name, person.last_name)
    if rows:
        connection.execute(insert(NameWord.__table__), rows)


@event.listens_for(Person, "after_update")
def _renamed(mapper: Any, connection: Connection, person: Person) -> None:
    state: Any = inspect(person)
    if any(state.attrs[name].history.has_changes() for name in ("first_name", "last_name")):
        connection.execute(delete(NameWord.__table__).where(NameWord.__table__.c.person_id == person.id))
        _named(mapper, connection, person)
