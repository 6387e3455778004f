"""Scans on their way to a form: stacks, and the pages they are taken apart into."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.blanks import BlankForm
from app.tables.consents import ConsentForm
from app.tables.networks import Hospital
from app.tables.people import Person
from app.words import ScanState, StackState


class Stack(Record):
    """Scans dropped by a person, or passed on to the clinician whose forms they are. It waits for fourteen days.

    ``files`` are the uploaded files until they are taken apart: each its key in the store and its ending. ``faults`` says
    which could not be read, by number, and why. ``passed_on`` is how many pages went to colleagues, ``passed_by`` from
    whom they came. One sees a stack while one works in its hospital; one of no hospital nobody sees, and it lapses.
    """

    __tablename__ = "stack"
    __table_args__ = (
        CheckConstraint("passed_on >= 0", name="passed_on"),
        Index("ix_stack_person_id_state", "person_id", "state"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    state: Mapped[StackState] = mapped_column(choice(StackState, "state"))
    added_at: Mapped[dt.datetime] = mapped_column(Moment)
    hospital_id: Mapped[int | None] = mapped_column(ForeignKey("hospital.id"))
    passed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    passed_on: Mapped[int] = mapped_column(default=0)
    files: Mapped[list[list[str]]] = mapped_column(JSON, default=list)
    faults: Mapped[list[list[Any]]] = mapped_column(JSON, default=list)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)

    person: Mapped[Person] = relationship(foreign_keys="Stack.person_id")
    hospital: Mapped[Hospital | None] = relationship()
    passed_by: Mapped[Person | None] = relationship(foreign_keys="Stack.passed_by_id")
    pages: Mapped[list[StackPage]] = relationship(back_populates="stack", order_by="StackPage.position")


class StackPage(Record):
    """One page of a stack: its file, what its code says, and what was read on it, sealed with the page's key.

    A page of a form that was printed blank names that; whose form it is follows from the blank one, once it is bound.
    """

    __tablename__ = "stack_page"
    __table_args__ = (
        CheckConstraint("state <> 'waiting' OR (storage_key IS NOT NULL AND wrapped_key IS NOT NULL)", name="file"),
        CheckConstraint("turned IN (0, 90, 180, 270)", name="turned"),
        Index("ix_stack_page_stack_id_position", "stack_id", "position"),
    )
    stack_id: Mapped[int] = mapped_column(ForeignKey("stack.id"))
    position: Mapped[int]
    state: Mapped[ScanState] = mapped_column(choice(ScanState, "state"), default=ScanState.WAITING)
    code: Mapped[str | None] = mapped_column(String(16))
    number: Mapped[int | None]
    turned: Mapped[int] = mapped_column(default=0)
    foreign_code: Mapped[bool] = mapped_column(default=False)
    by_hand: Mapped[bool] = mapped_column(default=False)
    form_id: Mapped[int | None] = mapped_column(ForeignKey("consent_form.id"), index=True)
    blank_id: Mapped[int | None] = mapped_column(ForeignKey("blank_form.id"), index=True)
    of_pages: Mapped[int | None]
    storage_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_reading: Mapped[bytes | None] = mapped_column(LargeBinary)

    stack: Mapped[Stack] = relationship(back_populates="pages")
    form: Mapped[ConsentForm | None] = relationship()
    blank: Mapped[BlankForm | None] = relationship()
