"""Absences: from when to when a person is away, and who stands in for them. It opens nothing to whoever stands in."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, Spell
from app.tables.people import Person


class Absence(Record, Spell):
    """Days a person is away. A named colleague stands in once they have accepted; ``note`` is read by colleagues."""

    __tablename__ = "absence"
    __table_args__ = (
        CheckConstraint("to_on IS NOT NULL", name="has_an_end"),
        CheckConstraint("to_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint("substitute_id IS NULL OR substitute_id <> person_id", name="two_people"),
        CheckConstraint("accepted_at IS NULL OR declined_at IS NULL", name="one_answer"),
        CheckConstraint(
            "substitute_id IS NOT NULL OR (accepted_at IS NULL AND declined_at IS NULL)", name="answered_by_somebody"
        ),
        Index("ix_absence_person_id_to_on", "person_id", "to_on"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    note: Mapped[str | None] = mapped_column(String(200))
    substitute_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), index=True)
    accepted_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    declined_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    substitute: Mapped[Person | None] = relationship(foreign_keys=[substitute_id])
