"""Changes of a consent text that change what is done with the data: who signed before signs anew."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.consents import ConsentText
from app.tables.networks import Hospital
from app.tables.own_texts import OwnText
from app.words import Procedure, Variant


class TextChange(Record):
    """One such change: whose forms it reaches, from which day they are due for renewal, and what has changed.

    It is a hospital's, made by its own text that is accepted or retired, or everybody's, made by a standard text. ``since`` is the moment the new text
    was the one to print: what was prepared before is on an earlier one. Without a language it reaches all of them.
    """

    __tablename__ = "text_change"
    __table_args__ = (
        CheckConstraint(
            "(own_text_id IS NULL AND retired_text_id IS NULL) = (hospital_id IS NULL)", name="hospitals_has_its_text"
        ),
        CheckConstraint(
            "(own_text_id IS NULL) <> (text_id IS NULL AND retired_text_id IS NULL)"
            " AND (text_id IS NULL OR retired_text_id IS NULL)",
            name="of_one_text",
        ),
        CheckConstraint("(language IS NULL) = (variant IS NULL)", name="language_and_variant"),
        CheckConstraint("hospital_id IS NULL OR procedure = 'eu'", name="ukrainian_is_no_hospitals"),
    )
    hospital_id: Mapped[int | None] = mapped_column(ForeignKey("hospital.id"), index=True)
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    language: Mapped[str | None] = mapped_column(String(5))
    variant: Mapped[Variant | None] = mapped_column(choice(Variant, "variant"))
    since: Mapped[dt.datetime] = mapped_column(Moment)
    due_on: Mapped[dt.date]
    what: Mapped[str] = mapped_column(String(300))
    own_text_id: Mapped[int | None] = mapped_column(ForeignKey("own_text.id"), unique=True)
    retired_text_id: Mapped[int | None] = mapped_column(ForeignKey("own_text.id"), unique=True, index=True)
    text_id: Mapped[int | None] = mapped_column(ForeignKey("consent_text.id"), unique=True)
    declared_at: Mapped[dt.datetime] = mapped_column(Moment)
    taken_back_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    hospital: Mapped[Hospital | None] = relationship()
    own_text: Mapped[OwnText | None] = relationship(foreign_keys=[own_text_id])
    text: Mapped[ConsentText | None] = relationship()

    def __str__(self) -> str:
        return self.what
