"""Blank forms: printed with a code of their own, and bound to a patient when they come back signed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.consents import ConsentForm, ConsentText
from app.tables.networks import Hospital
from app.tables.people import Person
from app.words import BlankState, Procedure, Variant


class BlankForm(Record):
    """A form printed without a patient, to be written on by hand. Once bound it is the consent form of its code.

    ``paper`` is what stands on it, which says nothing about a patient: the fields by name, the registries as they are
    named. ``registries`` are the keys of these, in the order of their boxes. ``run`` is the same for those printed in one
    go.
    """

    __tablename__ = "blank_form"
    __table_args__ = (
        CheckConstraint("(state = 'bound') = (form_id IS NOT NULL)", name="bound_has_a_form"),
        CheckConstraint("(state = 'printed') = (ended_at IS NULL)", name="end_has_a_moment"),
        CheckConstraint("state <> 'cancelled' OR end_reason IS NOT NULL", name="end_has_a_reason"),
        Index("ix_blank_form_clinician_id_hospital_id_state", "clinician_id", "hospital_id", "state"),
        Index("ix_blank_form_state_printed_at", "state", "printed_at"),
    )
    code: Mapped[str] = mapped_column(String(16), unique=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    clinician_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    printed_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    text_id: Mapped[int] = mapped_column(ForeignKey("consent_text.id"))
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    language: Mapped[str] = mapped_column(String(5))
    variant: Mapped[Variant] = mapped_column(choice(Variant, "variant"))
    large_print: Mapped[bool] = mapped_column(default=False)
    registries: Mapped[list[int]] = mapped_column(JSON)
    paper: Mapped[dict[str, Any]] = mapped_column(JSON)
    run: Mapped[str] = mapped_column(String(32), index=True)
    state: Mapped[BlankState] = mapped_column(choice(BlankState, "state"))
    printed_at: Mapped[dt.datetime] = mapped_column(Moment)
    form_id: Mapped[int | None] = mapped_column(ForeignKey("consent_form.id"), unique=True)
    ended_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str | None] = mapped_column(String(300))

    hospital: Mapped[Hospital] = relationship()
    clinician: Mapped[Person] = relationship(foreign_keys="BlankForm.clinician_id")
    printed_by: Mapped[Person] = relationship(foreign_keys="BlankForm.printed_by_id")
    text: Mapped[ConsentText] = relationship()
    form: Mapped[ConsentForm | None] = relationship()

    def __str__(self) -> str:
        return self.code
