"""Profiles: what people say of themselves beside their account, and what they know about, by which others find them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Record
from app.tables.networks import Network, ThematicArea
from app.tables.people import Person

KINDS = ("network_id", "area_id", "orpha_code", "language")


class Profile(Record):
    """What a person says of themselves; ``about`` is their expertise in their own words. At most one a person."""

    __tablename__ = "profile"
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), unique=True)
    professional_title: Mapped[str | None] = mapped_column(String(100))
    about: Mapped[str | None] = mapped_column(String(1000))

    person: Mapped[Person] = relationship()


class Expertise(Record):
    """One thing a person knows about: a network, a thematic area, a disorder by its ORPHAcode, or a working language.

    ``orpha_name`` is what the person calls the disorder. Each kind is indexed for finding people by it.
    """

    __tablename__ = "expertise"
    __table_args__ = (
        CheckConstraint(
            " + ".join(f"CASE WHEN {kind} IS NULL THEN 0 ELSE 1 END" for kind in KINDS) + " = 1", name="one_thing"
        ),
        CheckConstraint("orpha_code BETWEEN 1 AND 9999999", name="orpha_code"),
        CheckConstraint("orpha_name IS NULL OR orpha_code IS NOT NULL", name="name_of_a_code"),
        *(UniqueConstraint(kind, "person_id") for kind in KINDS),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    network_id: Mapped[int | None] = mapped_column(ForeignKey("network.id"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("thematic_area.id"))
    orpha_code: Mapped[int | None]
    orpha_name: Mapped[str | None] = mapped_column(String(150))
    language: Mapped[str | None] = mapped_column(String(5))

    person: Mapped[Person] = relationship()
    network: Mapped[Network | None] = relationship()
    area: Mapped[ThematicArea | None] = relationship()
