"""Privacy policy: the versions the operator published, and who accepted which when."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record
from app.tables.people import Person


class PolicyVersion(Record):
    """A version of the privacy policy, in force from a day until the next one is. The database changes none.

    ``texts`` holds title and body (light markup) of each language, the operator's name filled in: what people accepted.
    """

    __tablename__ = "policy_version"
    __table_args__ = (CheckConstraint("number > 0", name="number_positive"),)
    number: Mapped[int] = mapped_column(unique=True)
    from_on: Mapped[dt.date] = mapped_column(index=True)
    texts: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[dt.datetime] = mapped_column(Moment)
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))

    def __str__(self) -> str:
        return str(self.number)


class PolicyAcceptance(Record):
    """A person accepted a version, having read it in a language; ``withdrawn_at`` when they took that back."""

    __tablename__ = "policy_acceptance"
    __table_args__ = (
        CheckConstraint("withdrawn_at IS NULL OR withdrawn_at >= accepted_at", name="withdrawn_after_it"),
        Index("ix_policy_acceptance_person_id_version_id", "person_id", "version_id"),
        Index("ix_policy_acceptance_version_id", "version_id"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("policy_version.id"))
    language: Mapped[str] = mapped_column(String(5))
    accepted_at: Mapped[dt.datetime] = mapped_column(Moment)
    withdrawn_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    person: Mapped[Person] = relationship()
    policy: Mapped[PolicyVersion] = relationship(foreign_keys=[version_id])
