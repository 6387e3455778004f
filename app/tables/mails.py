"""Mails: what the platform writes to people, and which kinds of it they do not want."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.people import Person
from app.words import MailState


class Mail(Record):
    """A mail to a person: an outbox row written with the act it tells of. Its words are made when it is sent.

    ``facts`` holds no patient's data; ``language`` is chosen at the first try; ``fault`` is a code, never a server's text;
    ``slot`` names what exists once, such as a person's digest of a day.
    """

    __tablename__ = "mail"
    __table_args__ = (
        Index("ix_mail_state_due_at", "state", "due_at"),
        CheckConstraint("(state = 'sent') <= (sent_at IS NOT NULL)", name="sent_has_a_moment"),
        CheckConstraint("(state = 'sending') <= (tried_at IS NOT NULL)", name="tried_has_a_moment"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    language: Mapped[str | None] = mapped_column(String(5))
    state: Mapped[MailState] = mapped_column(choice(MailState, "state"))
    tries: Mapped[int] = mapped_column(default=0)
    message_id: Mapped[str] = mapped_column(String(120), unique=True)
    slot: Mapped[str | None] = mapped_column(String(80), unique=True)
    written_at: Mapped[dt.datetime] = mapped_column(Moment)
    due_at: Mapped[dt.datetime] = mapped_column(Moment)
    tried_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    sent_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    fault: Mapped[str | None] = mapped_column(String(40))

    person: Mapped[Person] = relationship()

    def __str__(self) -> str:
        return self.kind


class MailOff(Record):
    """A kind of mail a person has switched off."""

    __tablename__ = "mail_off"
    __table_args__ = (UniqueConstraint("person_id", "kind"),)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    kind: Mapped[str] = mapped_column(String(40))

    person: Mapped[Person] = relationship()
