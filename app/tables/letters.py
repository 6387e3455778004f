"""Letters: what a patient wrote to the hospital's data-protection contact, and the records it was about."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.networks import Hospital
from app.tables.patients import Patient
from app.tables.people import Person
from app.words import LetterOutcome


class Letter(Record):
    """A search by identity, with its reason. What was typed is not kept; the records found open until a day."""

    __tablename__ = "letter"
    __table_args__ = (Index("ix_letter_person_id_made_at", "person_id", "made_at"),)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    reason: Mapped[str] = mapped_column(String(300))
    received_on: Mapped[dt.date]
    made_at: Mapped[dt.datetime] = mapped_column(Moment)
    open_until: Mapped[dt.date]
    found: Mapped[int]

    hospital: Mapped[Hospital] = relationship()
    person: Mapped[Person] = relationship()
    records: Mapped[list[LetterRecord]] = relationship(back_populates="letter", order_by="LetterRecord.id")


class LetterRecord(Record):
    """A record a letter was about, and what the data-protection contact did with it."""

    __tablename__ = "letter_record"
    __table_args__ = (
        UniqueConstraint("letter_id", "patient_id"),
        CheckConstraint("(outcome IS NULL) = (answered_at IS NULL)", name="answer_has_a_moment"),
    )
    letter_id: Mapped[int] = mapped_column(ForeignKey("letter.id"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    outcome: Mapped[LetterOutcome | None] = mapped_column(choice(LetterOutcome, "outcome"))
    answered_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    letter: Mapped[Letter] = relationship(back_populates="records")
    patient: Mapped[Patient] = relationship()
    hospital: Mapped[Hospital] = relationship()
