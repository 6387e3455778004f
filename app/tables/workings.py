"""What the system keeps about itself: the audit log, jobs, one-time keys of forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Moment, Record, choice
from app.words import JobState


class AuditEntry(Model):  # type: ignore[misc]
    """One act or one opening of a record. The database numbers, dates and chains it; nobody changes it.

    ``details`` holds names of fields and reasons' presence, never values.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        CheckConstraint("seq > 0", name="seq_positive"),
        Index("ix_audit_entry_patient_id_seq", "patient_id", "seq"),
        Index("ix_audit_entry_actor_id_seq", "actor_id", "seq"),
        Index("ix_audit_entry_on_behalf_of_id_seq", "on_behalf_of_id", "seq"),
        Index("ix_audit_entry_hospital_id_seq", "hospital_id", "seq"),
        Index("ix_audit_entry_actor_id_at", "actor_id", "at"),
        Index("ix_audit_entry_thing_id", "thing_id"),
    )
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[dt.datetime | None] = mapped_column(Moment)
    actor_id: Mapped[int | None] = mapped_column(Integer)
    on_behalf_of_id: Mapped[int | None] = mapped_column(Integer)
    act: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(10))
    thing: Mapped[str | None] = mapped_column(String(40))
    thing_id: Mapped[str | None] = mapped_column(String(40))
    patient_id: Mapped[int | None] = mapped_column(Integer)
    hospital_id: Mapped[int | None] = mapped_column(Integer)
    details: Mapped[str] = mapped_column(String(2000), default="")
    origin: Mapped[str] = mapped_column(String(60), default="")
    prev_hash: Mapped[str | None] = mapped_column(String(64))
    hash: Mapped[str | None] = mapped_column(String(64))


class Job(Record):
    """Work to do later: an outbox row written with the business transaction. The engine only wakes and spreads.

    ``slot`` names the due time of recurring work, so that it exists once; ``lease_until`` is how long the worker that runs
    the job counts as alive.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_state_due_at", "state", "due_at"),
        CheckConstraint("progress >= 0 AND total >= 0", name="progress"),
    )
    kind: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[JobState] = mapped_column(choice(JobState, "state"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), index=True)
    progress: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[dt.datetime] = mapped_column(Moment)
    created_at: Mapped[dt.datetime] = mapped_column(Moment)
    started_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    finished_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    lease_until: Mapped[dt.datetime | None] = mapped_column(Moment)
    slot: Mapped[str | None] = mapped_column(String(80), unique=True)
    error: Mapped[str | None] = mapped_column(String(300))

    def __str__(self) -> str:
        return self.kind


class OnceKey(Model):  # type: ignore[misc]
    """A create form's one-time key: a double submit finds the row the first one made."""

    __tablename__ = "once_key"
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary(32))
    thing_id: Mapped[str] = mapped_column(String(32))
    at: Mapped[dt.datetime] = mapped_column(Moment)
