"""Requests for a place: what a newcomer asks for, and who is asked to confirm it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, literal_column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.networks import Centre, Hospital
from app.tables.people import Person
from app.words import ConfirmationState, GrantScope, RequestKind, RequestState

DRAFT = literal_column("state") == "draft"


class MembershipRequest(Record):
    """What a person asks for: a place in a centre, to assist in a hospital, or to be a guest. One row a place.

    ``applicant`` and ``email`` are copied when it is sent: who decides sees them before the person has a place.
    ``history`` is a list of turns: what (an act), at (ISO), by (a role or place, never a private name), text.
    """

    __tablename__ = "membership_request"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'withdrawn') OR submitted_at IS NOT NULL", name="sent_has_a_moment"),
        CheckConstraint("state NOT IN ('accepted', 'refused') OR decided_at IS NOT NULL", name="decided_has_a_moment"),
        CheckConstraint("decided_by_id IS NULL OR decided_by_id <> person_id", name="decided_by_another"),
        CheckConstraint("confirmed_by_id IS NULL OR confirmed_by_id <> person_id", name="confirmed_by_another"),
        CheckConstraint("host_id IS NULL OR host_id <> person_id", name="hosted_by_another"),
        CheckConstraint("state <> 'accepted' OR kind <> 'clinician' OR centre_id IS NOT NULL", name="clinician_centre"),
        CheckConstraint("state <> 'accepted' OR kind <> 'assistant' OR confirmed_by IS NOT NULL", name="employed"),
        CheckConstraint("state <> 'accepted' OR kind <> 'guest' OR host_id IS NOT NULL", name="guest_host"),
        Index("ix_membership_request_draft", "person_id", unique=True, sqlite_where=DRAFT, postgresql_where=DRAFT),
        Index("ix_membership_request_state_submitted_at", "state", "submitted_at"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    kind: Mapped[RequestKind] = mapped_column(choice(RequestKind, "kind"))
    state: Mapped[RequestState] = mapped_column(choice(RequestState, "state"))
    hospital_id: Mapped[int | None] = mapped_column(ForeignKey("hospital.id"), index=True)
    centre_id: Mapped[int | None] = mapped_column(ForeignKey("centre.id"), index=True)
    more_centres: Mapped[list[str]] = mapped_column(JSON, default=list)
    applicant: Mapped[str | None] = mapped_column(String(130))
    email: Mapped[str | None] = mapped_column(String(128))
    job_title: Mapped[str | None] = mapped_column(String(150))
    registration_number: Mapped[str | None] = mapped_column(String(60))
    registered_with: Mapped[str | None] = mapped_column(String(150))
    areas: Mapped[list[str]] = mapped_column(JSON, default=list)
    orpha_codes: Mapped[str | None] = mapped_column(String(200))
    expertise: Mapped[str | None] = mapped_column(String(500))
    languages: Mapped[str | None] = mapped_column(String(100))
    institution: Mapped[str | None] = mapped_column(String(200))
    country_code: Mapped[str | None] = mapped_column(String(2))
    reason: Mapped[str | None] = mapped_column(String(1000))
    begun_at: Mapped[dt.datetime] = mapped_column(Moment)
    submitted_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    question: Mapped[str | None] = mapped_column(String(1000))
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    confirmed_by: Mapped[str | None] = mapped_column(String(200))
    confirmed_on: Mapped[dt.date | None]
    confirmed_how: Mapped[str | None] = mapped_column(String(200))
    host_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), index=True)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    decided_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    decision_reason: Mapped[str | None] = mapped_column(String(1000))
    history: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    hospital: Mapped[Hospital | None] = relationship()
    centre: Mapped[Centre | None] = relationship()
    confirmations: Mapped[list[RequestConfirmation]] = relationship(
        back_populates="request", cascade="all, delete-orphan", order_by="RequestConfirmation.id"
    )

    def __str__(self) -> str:
        return self.applicant or ""


class RequestConfirmation(Record):
    """A colleague the applicant names by e-mail: the clinician to be assisted, or a guest's host.

    Whose address it is, is looked up each time it is read, never when it is typed: nobody learns who has an account.
    """

    __tablename__ = "request_confirmation"
    __table_args__ = (
        CheckConstraint("(state = 'confirmation_asked') = (answered_at IS NULL)", name="answer_has_a_moment"),
        CheckConstraint("state <> 'confirmation_given' OR person_id IS NOT NULL", name="given_by_somebody"),
        Index("ix_request_confirmation_pair", "request_id", "email", unique=True),
    )
    request_id: Mapped[int] = mapped_column(ForeignKey("membership_request.id"))
    email: Mapped[str] = mapped_column(String(128), index=True)
    state: Mapped[ConfirmationState] = mapped_column(choice(ConfirmationState, "state"))
    scope: Mapped[GrantScope | None] = mapped_column(choice(GrantScope, "scope"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    answered_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    told_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    request: Mapped[MembershipRequest] = relationship(back_populates="confirmations")
