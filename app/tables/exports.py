"""A hospital's consent archive on its way out: the export, and what each clinician says to it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.networks import Hospital
from app.tables.people import Person
from app.words import ExportState, ReleaseState


class Export(Record):
    """A hospital's consent archive as one encrypted file: asked for, released, made, fetched, gone after a week.

    The file lies in the store, ``forms`` and ``left_out`` say how many forms are in it and how many are not. The passphrase
    is sealed with the file's key until the data-protection contact has read it, once.
    """

    __tablename__ = "export"
    __table_args__ = (
        CheckConstraint("(storage_key IS NULL) = (wrapped_key IS NULL)", name="file_has_its_key"),
        CheckConstraint(
            "(state IN ('to_fetch', 'fetched')) = (storage_key IS NOT NULL)", name="file_while_it_can_be_fetched"
        ),
        CheckConstraint("state <> 'stopped' OR end_reason IS NOT NULL", name="stop_has_a_reason"),
        Index("ix_export_hospital_id_state", "hospital_id", "state"),
    )
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    state: Mapped[ExportState] = mapped_column(choice(ExportState, "state"))
    reason: Mapped[str] = mapped_column(String(300))
    asked_at: Mapped[dt.datetime] = mapped_column(Moment)
    made_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    fetch_until: Mapped[dt.date | None]
    fetched_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    shown_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    end_reason: Mapped[str | None] = mapped_column(String(300))
    forms: Mapped[int | None]
    left_out: Mapped[int | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    storage_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_passphrase: Mapped[bytes | None] = mapped_column(LargeBinary)

    hospital: Mapped[Hospital] = relationship()
    person: Mapped[Person] = relationship()
    releases: Mapped[list[ExportRelease]] = relationship(back_populates="export", order_by="ExportRelease.id")


class ExportRelease(Record):
    """What a clinician says to an export: ``forms`` of the clinician's patients, released or not."""

    __tablename__ = "export_release"
    __table_args__ = (
        UniqueConstraint("export_id", "person_id"),
        CheckConstraint(
            "(state = 'release_asked') = (decided_at IS NULL AND decided_by_id IS NULL)", name="decision_says_who"
        ),
        CheckConstraint("state <> 'not_released' OR reason IS NOT NULL", name="refusal_says_why"),
        Index("ix_export_release_person_id_state", "person_id", "state"),
        Index("ix_export_release_hospital_id", "hospital_id"),
    )
    export_id: Mapped[int] = mapped_column(ForeignKey("export.id"))
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    state: Mapped[ReleaseState] = mapped_column(choice(ReleaseState, "state"), default=ReleaseState.ASKED)
    forms: Mapped[int]
    prepared_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    prepared_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    decided_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    reason: Mapped[str | None] = mapped_column(String(300))

    export: Mapped[Export] = relationship(back_populates="releases")
    hospital: Mapped[Hospital] = relationship()
    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    prepared_by: Mapped[Person | None] = relationship(foreign_keys=[prepared_by_id])
    decided_by: Mapped[Person | None] = relationship(foreign_keys=[decided_by_id])
