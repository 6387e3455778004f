"""Expert groups of a network: who is in them, who chairs, and when they meet."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Record, Spell, choice
from app.tables.networks import Network, ThematicArea
from app.tables.people import Person
from app.words import Rhythm


class ExpertGroup(Record, Spell):
    """A group of a network's experts on a topic.

    ``weekday`` is 0 for Monday; ``nth`` is 1 to 4, or 5 for the last of a month. A fortnight counts from ``from_on``. The
    hour is that of ``zone``, whatever the season.
    """

    __tablename__ = "expert_group"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint("(rhythm IS NULL) = (weekday IS NULL)", name="rhythm_has_a_weekday"),
        CheckConstraint("(rhythm IS NULL) = (hour IS NULL)", name="rhythm_has_an_hour"),
        CheckConstraint("(rhythm IS NOT NULL AND rhythm = 'monthly') = (nth IS NOT NULL)", name="a_month_has_its_day"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("nth BETWEEN 1 AND 5", name="nth"),
        CheckConstraint("minutes BETWEEN 15 AND 480", name="minutes"),
    )
    network_id: Mapped[int] = mapped_column(ForeignKey("network.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    topic: Mapped[str | None] = mapped_column(String(300))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("thematic_area.id"))
    orpha_codes: Mapped[str | None] = mapped_column(String(200))
    chair_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), index=True)
    rhythm: Mapped[Rhythm | None] = mapped_column(choice(Rhythm, "rhythm"))
    weekday: Mapped[int | None]
    nth: Mapped[int | None]
    hour: Mapped[dt.time | None]
    minutes: Mapped[int] = mapped_column(default=60, server_default="60")
    zone: Mapped[str] = mapped_column(String(60), default="Europe/Brussels", server_default="Europe/Brussels")

    network: Mapped[Network] = relationship()
    area: Mapped[ThematicArea | None] = relationship()

    def __str__(self) -> str:
        return self.name


class ExpertGroupMember(Record, Spell):
    """Somebody's place in an expert group. It counts while the person is a member of a centre of the network."""

    __tablename__ = "expert_group_member"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on >= from_on", name="ends_after_it_begins"),
        Index("ix_expert_group_member_pair", "group_id", "person_id"),
    )
    group_id: Mapped[int] = mapped_column(ForeignKey("expert_group.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)

    group: Mapped[ExpertGroup] = relationship()
    person: Mapped[Person] = relationship()
