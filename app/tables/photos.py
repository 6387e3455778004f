"""Photos: how somebody looks, for colleagues who look for an expert."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record
from app.tables.people import Person


class Photo(Record):
    """A person's photo, drawn anew; at most one a person. Another picture is another row, so its address is another one.

    The stored file holds two pictures one after the other: the first ``small_size`` bytes are the one of lists.
    """

    __tablename__ = "photo"
    __table_args__ = (CheckConstraint("small_size > 0 AND small_size < size", name="two_pictures"),)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), unique=True)
    added_at: Mapped[dt.datetime] = mapped_column(Moment)
    storage_key: Mapped[str] = mapped_column(String(80), unique=True)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    small_size: Mapped[int]

    person: Mapped[Person] = relationship()
