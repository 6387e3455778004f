"""Handovers: a record goes from the clinician who treats the patient to a colleague of the same hospital, who accepts."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, literal_column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.networks import Hospital
from app.tables.patients import Patient
from app.words import HandoverState

WAITS = literal_column("state") == literal_column("'handover_proposed'")


class Handover(Record):
    """One record offered to a colleague, and what came of it. At most one offer of a record waits.

    ``giver`` and ``taker`` are the names as they were: who has left is known by name to nobody else any more.
    """

    __tablename__ = "handover"
    __table_args__ = (
        CheckConstraint("from_id <> to_id", name="two_people"),
        CheckConstraint("proposed_by_id <> to_id", name="nobody_offers_to_themselves"),
        CheckConstraint("(state = 'handover_proposed') = (answered_at IS NULL)", name="answer_has_a_moment"),
        Index("ix_handover_waiting", "patient_id", unique=True, sqlite_where=WAITS, postgresql_where=WAITS),
        Index("ix_handover_to_id_state", "to_id", "state"),
    )
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    from_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    to_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    giver: Mapped[str] = mapped_column(String(200))
    taker: Mapped[str] = mapped_column(String(200))
    state: Mapped[HandoverState] = mapped_column(choice(HandoverState, "state"))
    proposed_at: Mapped[dt.datetime] = mapped_column(Moment)
    answered_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    patient: Mapped[Patient] = relationship()
    hospital: Mapped[Hospital] = relationship()

    def __str__(self) -> str:
        return f"{self.giver} → {self.taker}"
