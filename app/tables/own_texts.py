"""A hospital's own consent texts: written, proposed with an opinion, decided by a second person, retired."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, literal_column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.consents import ConsentText
from app.tables.networks import Hospital
from app.tables.people import Person
from app.words import Opinion, OwnTextState, Renews, Variant

OPEN = literal_column("state").in_(["draft", "proposed"])


class OwnText(Record):
    """A version of a hospital's own text in one language and variant, always of the EU procedure.

    ``renews`` is what the proposal says of it: whether it changes what is done with the data, and who then signs anew.
    ``content`` and ``base`` (the standard it started from) are lines by key, see ``outside.paper.own_texts``. In force is
    derived: the accepted one that began to count last, unless it is retired.
    """

    __tablename__ = "own_text"
    __table_args__ = (
        UniqueConstraint("hospital_id", "language", "variant", "number"),
        Index(
            "ix_own_text_open",
            "hospital_id",
            "language",
            "variant",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        CheckConstraint(
            "decided_by_id IS NULL OR (decided_by_id <> author_id AND decided_by_id <> proposed_by_id)",
            name="decided_by_another",
        ),
        CheckConstraint(
            "state NOT IN ('proposed', 'accepted', 'retired') OR (proposed_by_id IS NOT NULL AND opinion IS NOT NULL"
            " AND opinion_by IS NOT NULL AND opinion_on IS NOT NULL AND opinion_reference IS NOT NULL)",
            name="proposal_has_an_opinion",
        ),
        CheckConstraint(
            "state NOT IN ('accepted', 'retired') OR (text_id IS NOT NULL AND counts_from IS NOT NULL"
            " AND decided_by_id IS NOT NULL)",
            name="accepted_has_a_day",
        ),
        CheckConstraint("renews = 'renew_nobody' OR renews_because IS NOT NULL", name="renewal_has_a_reason"),
        CheckConstraint("(state = 'retired') = (retired_on IS NOT NULL)", name="retired_has_a_day"),
    )
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    language: Mapped[str] = mapped_column(String(5))
    variant: Mapped[Variant] = mapped_column(choice(Variant, "variant"))
    number: Mapped[int]
    state: Mapped[OwnTextState] = mapped_column(choice(OwnTextState, "state"))
    base_language: Mapped[str] = mapped_column(String(5))
    base: Mapped[dict[str, Any]] = mapped_column(JSON)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    author_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    written_at: Mapped[dt.datetime] = mapped_column(Moment)
    proposed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    proposed_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    opinion: Mapped[Opinion | None] = mapped_column(choice(Opinion, "opinion"))
    opinion_by: Mapped[str | None] = mapped_column(String(200))
    opinion_on: Mapped[dt.date | None]
    opinion_reference: Mapped[str | None] = mapped_column(String(100))
    opinion_note: Mapped[str | None] = mapped_column(Text)
    renews: Mapped[Renews] = mapped_column(choice(Renews, "renews"), default=Renews.NOBODY)
    renews_because: Mapped[str | None] = mapped_column(String(300))
    checked_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    fault: Mapped[str | None] = mapped_column(String(40))
    missing: Mapped[str | None] = mapped_column(String(200))
    pages: Mapped[int | None]
    returned_reason: Mapped[str | None] = mapped_column(String(1000))
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    decided_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    counts_from: Mapped[dt.date | None]
    text_id: Mapped[int | None] = mapped_column(ForeignKey("consent_text.id"))
    retired_on: Mapped[dt.date | None]
    end_reason: Mapped[str | None] = mapped_column(String(300))

    hospital: Mapped[Hospital] = relationship()
    author: Mapped[Person] = relationship(foreign_keys=[author_id])
    proposed_by: Mapped[Person | None] = relationship(foreign_keys=[proposed_by_id])
    decided_by: Mapped[Person | None] = relationship(foreign_keys=[decided_by_id])
    text: Mapped[ConsentText | None] = relationship()
    writers: Mapped[list[OwnTextWriter]] = relationship(order_by="OwnTextWriter.id")

    def __str__(self) -> str:
        return f"{self.language} {self.variant} {self.number}"


class OwnTextWriter(Record):
    """Somebody whose words are in a version of an own text: they do not decide about it, nor does who proposed it."""

    __tablename__ = "own_text_writer"
    __table_args__ = (UniqueConstraint("own_text_id", "person_id"),)
    own_text_id: Mapped[int] = mapped_column(ForeignKey("own_text.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
