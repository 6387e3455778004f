"""Rolls: the list of a hospital's people that its representative goes through once a year."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, literal_column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Record
from app.tables.networks import Hospital

OPEN = literal_column("done_on").is_(None)


class Roll(Record):
    """One such list: begun on a day, due on another. On it stands who had joined by ``joined_by`` and still has a place.

    Who is confirmed stands in the places themselves (``confirmed_on``); who confirmed it, in the audit log.
    """

    __tablename__ = "roll"
    __table_args__ = (
        CheckConstraint("joined_by < begun_on AND begun_on < due_on", name="due_after_it_begins"),
        CheckConstraint("done_on IS NULL OR done_on >= begun_on", name="done_after_it_begins"),
        Index("uq_roll_open", "hospital_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN),
    )
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    begun_on: Mapped[dt.date]
    due_on: Mapped[dt.date]
    joined_by: Mapped[dt.date]
    done_on: Mapped[dt.date | None]

    hospital: Mapped[Hospital] = relationship()

    def __str__(self) -> str:
        return self.hospital.name
