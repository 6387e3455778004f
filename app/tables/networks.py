"""Countries, European Reference Networks, registries, hospitals, their authorisation and centres."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Record, Spell, Winding, choice, today
from app.words import CentreKind, Opinion, Procedure


class Country(Record):
    """A country's defaults for consent: languages on paper, authority, ages. Adaptable by the operator."""

    __tablename__ = "country"
    __table_args__ = (
        CheckConstraint("sign_alone_age IS NULL OR sign_alone_age BETWEEN 0 AND 25", name="sign_alone_age"),
        CheckConstraint("majority_age BETWEEN 14 AND 25", name="majority_age"),
        CheckConstraint("cosign_age IS NULL OR cosign_age BETWEEN 0 AND 25", name="cosign_age"),
    )
    code: Mapped[str] = mapped_column(String(2), unique=True)
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    eea: Mapped[bool]
    languages: Mapped[str] = mapped_column(String(60))
    authority_name: Mapped[str] = mapped_column(String(200))
    authority_name_en: Mapped[str] = mapped_column(String(200))
    authority_address: Mapped[str] = mapped_column(String(300))
    authority_contact: Mapped[str] = mapped_column(String(200))
    majority_age: Mapped[int]
    cosign_age: Mapped[int | None]
    sign_alone_age: Mapped[int | None]
    two_parents: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(String(600))
    checked: Mapped[bool] = mapped_column(default=False)

    hospitals: Mapped[list[Hospital]] = relationship(back_populates="country")

    def __str__(self) -> str:
        return self.code


class Network(Record, Winding):
    """A European Reference Network. ``helpdesk`` is the address of a function, not of a person."""

    __tablename__ = "network"
    from_on: Mapped[dt.date] = mapped_column(default=today, server_default="2017-03-01")
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    field: Mapped[str] = mapped_column(String(200))
    website: Mapped[str | None] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(2000))
    helpdesk: Mapped[str | None] = mapped_column(String(200))
    answers_ukrainian: Mapped[bool] = mapped_column(default=False, server_default=false())

    areas: Mapped[list[ThematicArea]] = relationship(back_populates="network", order_by="ThematicArea.name")
    centres: Mapped[list[Centre]] = relationship(back_populates="network")
    registries: Mapped[list[Registry]] = relationship(back_populates="network")

    def __str__(self) -> str:
        return self.name


class ThematicArea(Record):
    """A group of diseases inside a network."""

    __tablename__ = "thematic_area"
    __table_args__ = (UniqueConstraint("network_id", "name"),)
    network_id: Mapped[int] = mapped_column(ForeignKey("network.id"), index=True)
    name: Mapped[str] = mapped_column(String(150))

    network: Mapped[Network] = relationship(back_populates="areas")

    def __str__(self) -> str:
        return self.name


class Registry(Record, Spell):
    """A registry a patient may agree to; one not listed here is not exportable."""

    __tablename__ = "registry"
    network_id: Mapped[int | None] = mapped_column(ForeignKey("network.id"), index=True)
    name: Mapped[str] = mapped_column(String(150), unique=True)
    controller: Mapped[str] = mapped_column(String(200))
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"), index=True)

    network: Mapped[Network | None] = relationship(back_populates="registries")
    country: Mapped[Country] = relationship()

    def __str__(self) -> str:
        return self.name


class Hospital(Record, Winding):
    """A healthcare provider (HCP)."""

    __tablename__ = "hospital"
    __table_args__ = (UniqueConstraint("name", "country_id"),)
    name: Mapped[str] = mapped_column(String(200))
    country_id: Mapped[int] = mapped_column(ForeignKey("country.id"), index=True)
    city: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(300))
    phone: Mapped[str] = mapped_column(String(60))
    email: Mapped[str] = mapped_column(String(200))
    dpo_name: Mapped[str] = mapped_column(String(200))
    dpo_contact: Mapped[str] = mapped_column(String(300))

    country: Mapped[Country] = relationship(back_populates="hospitals")
    centres: Mapped[list[Centre]] = relationship(back_populates="hospital")
    authorisations: Mapped[list[Authorisation]] = relationship(
        back_populates="hospital", order_by="Authorisation.from_on.desc()"
    )

    def __str__(self) -> str:
        return self.name


class Authorisation(Record, Spell):
    """A hospital's permission to enrol: the representative decides, the DPO's opinion is recorded."""

    __tablename__ = "authorisation"
    __table_args__ = (
        CheckConstraint("to_on IS NOT NULL", name="has_an_end"),
        CheckConstraint("to_on >= from_on", name="ends_after_it_begins"),
    )
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    decided_by_name: Mapped[str] = mapped_column(String(200))
    decided_on: Mapped[dt.date]
    opinion: Mapped[Opinion] = mapped_column(choice(Opinion, "opinion"))
    opinion_by: Mapped[str] = mapped_column(String(200))
    opinion_on: Mapped[dt.date]
    reference: Mapped[str] = mapped_column(String(100))
    note: Mapped[str | None] = mapped_column(Text)

    hospital: Mapped[Hospital] = relationship(back_populates="authorisations")

    def __str__(self) -> str:
        return self.reference


class Centre(Record, Winding):
    """A unit of a hospital that belongs to a network, as full member or affiliated partner."""

    __tablename__ = "centre"
    __table_args__ = (CheckConstraint("to_on IS NULL OR to_on >= from_on", name="ends_after_it_begins"),)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    network_id: Mapped[int] = mapped_column(ForeignKey("network.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[CentreKind] = mapped_column(choice(CentreKind, "kind"))

    hospital: Mapped[Hospital] = relationship(back_populates="centres")
    network: Mapped[Network] = relationship(back_populates="centres")

    def __str__(self) -> str:
        return self.name
