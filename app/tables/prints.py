"""Printing for several patients at once: who asked for which forms, and the file a job made of them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.consents import ConsentForm
from app.tables.patients import Patient
from app.tables.people import Person
from app.words import Bundle, RunState, Variant


class PrintRun(Record):
    """Forms one person asked to print at once, as one file. It can be fetched for a day."""

    __tablename__ = "print_run"
    __table_args__ = (
        CheckConstraint("state = 'ready' OR (storage_key IS NULL AND wrapped_key IS NULL)", name="file"),
        Index("ix_print_run_person_id_state", "person_id", "state"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    state: Mapped[RunState] = mapped_column(choice(RunState, "state"))
    bundle: Mapped[Bundle] = mapped_column(choice(Bundle, "bundle"))
    asked_at: Mapped[dt.datetime] = mapped_column(Moment)
    asked_for: Mapped[int]
    job_key: Mapped[str] = mapped_column(String(32))
    ends_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    size: Mapped[int | None]
    storage_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)

    person: Mapped[Person] = relationship()
    items: Mapped[list[PrintItem]] = relationship(back_populates="run", order_by="PrintItem.position")


class PrintItem(Record):
    """One patient of a run: what was chosen for the form, then the form that is in the file.

    ``remark`` says why there is none, or what has to be written on it by hand.
    """

    __tablename__ = "print_item"
    __table_args__ = (Index("ix_print_item_run_id_position", "run_id", "position"),)
    run_id: Mapped[int] = mapped_column(ForeignKey("print_run.id"))
    position: Mapped[int]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    language: Mapped[str] = mapped_column(String(5))
    variant: Mapped[Variant] = mapped_column(choice(Variant, "variant"))
    large_print: Mapped[bool] = mapped_column(default=False)
    form_id: Mapped[int | None] = mapped_column(ForeignKey("consent_form.id"), index=True)
    remark: Mapped[str | None] = mapped_column(String(300))

    run: Mapped[PrintRun] = relationship(back_populates="items")
    patient: Mapped[Patient] = relationship()
    form: Mapped[ConsentForm | None] = relationship()
