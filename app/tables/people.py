"""People: accounts, memberships in centres, mandates, an assistant's grants, logins and their limits."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, Spell, Winding, choice, today
from app.tables.networks import Centre, Hospital, Network
from app.words import GrantScope, MandateKind


class Person(User):  # type: ignore[misc]
    """A person with an account: Flask-AppBuilder's user and what we keep beside it.

    ``seen_on``: the last day the person signed in; before the first time, when the account was made or opened again.
    ``wrong_codes``: how many wrong codes of a second factor were typed one after the other.
    """

    __tablename__ = "ab_user"
    __table_args__ = (  # Flask-AppBuilder's own table, widened
        Index("ix_ab_user_last_name_id", "last_name", "id"),
        Index("ix_ab_user_seen_on_id", "seen_on", "id"),
        {"extend_existing": True},
    )
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: uuid.uuid4().hex)
    job_title: Mapped[str | None] = mapped_column(String(150))
    institution: Mapped[str | None] = mapped_column(String(200))
    country_code: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None] = mapped_column(String(5))
    mail_language: Mapped[str | None] = mapped_column(String(5))
    time_zone: Mapped[str | None] = mapped_column(String(60))
    consent_language: Mapped[str | None] = mapped_column(String(5))
    demo_role: Mapped[str | None] = mapped_column(String(60))
    disabled_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    welcomed_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    seen_on: Mapped[dt.date] = mapped_column(default=today, server_default="2026-11-23")
    wrong_codes: Mapped[int] = mapped_column(default=0, server_default="0")
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    memberships: Mapped[list[Membership]] = relationship(back_populates="person", foreign_keys="Membership.person_id")
    mandates: Mapped[list[Mandate]] = relationship(back_populates="person", foreign_keys="Mandate.person_id")

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Membership(Record, Winding):
    """A clinician's place in a centre. While it, the centre and the hospital are in force, the person is Clinician.

    ``may_enrol``: the hospital has confirmed that the person works there. ``employment_*`` say who did, when and how,
    where it was not the hospital's representative who added the person. Memberships of one hospital that follow each other
    without a gap are one ``stay`` (``services.stays``); one that nothing is said of is a stay of its own.
    ``confirmed_on``: the last day the hospital said that the person still works there (``services.rolls``).
    """

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint("appointed_by_id IS NULL OR appointed_by_id <> person_id", name="nobody_appoints_themselves"),
        Index("ix_membership_centre", "centre_id", "person_id", postgresql_include=["from_on", "to_on", "ended_at"]),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    appointed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    may_enrol: Mapped[bool] = mapped_column(default=True, server_default=true())
    employment_by: Mapped[str | None] = mapped_column(String(200))
    employment_on: Mapped[dt.date | None]
    employment_how: Mapped[str | None] = mapped_column(String(200))
    stay: Mapped[str] = mapped_column(String(32), default=lambda: uuid.uuid4().hex)
    confirmed_on: Mapped[dt.date | None]

    person: Mapped[Person] = relationship(back_populates="memberships", foreign_keys=[person_id])
    centre: Mapped[Centre] = relationship()

    def __str__(self) -> str:
        return f"{self.person} · {self.centre}"


class Mandate(Record, Spell):
    """What a person may do where: coordinate a network or dispatch its questions, represent a hospital, assist in one, be a guest.

    ``confirmed_on`` is as of a membership.
    """

    __tablename__ = "mandate"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint(
            "(kind IN ('ern_coordinator', 'dispatcher')) = (network_id IS NOT NULL)",
            name="network_mandate_has_a_network",
        ),
        CheckConstraint(
            "(kind IN ('hospital_representative', 'data_protection_contact', 'assistant')) = (hospital_id IS NOT NULL)",
            name="hospital_mandate_has_a_hospital",
        ),
        CheckConstraint("kind <> 'guest' OR to_on IS NOT NULL", name="guest_has_an_end"),
        CheckConstraint("kind <> 'guest' OR host_id IS NOT NULL", name="guest_has_a_host"),
        CheckConstraint("appointed_by_id IS NULL OR appointed_by_id <> person_id", name="nobody_appoints_themselves"),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    kind: Mapped[MandateKind] = mapped_column(choice(MandateKind, "kind"))
    network_id: Mapped[int | None] = mapped_column(ForeignKey("network.id"), index=True)
    hospital_id: Mapped[int | None] = mapped_column(ForeignKey("hospital.id"), index=True)
    host_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"), index=True)
    appointed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    confirmed_on: Mapped[dt.date | None]

    person: Mapped[Person] = relationship(back_populates="mandates", foreign_keys=[person_id])
    network: Mapped[Network | None] = relationship()
    hospital: Mapped[Hospital | None] = relationship()

    def __str__(self) -> str:
        return f"{self.person} · {self.kind}"


class Grant(Record, Spell):
    """A clinician lets an assistant of the same hospital act for them, on all records or on chosen ones.

    It counts during the clinician's ``stay`` and the assistant's mandate it was given in, and never after.
    """

    __tablename__ = "assistant_grant"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on >= from_on", name="ends_after_it_begins"),
        CheckConstraint("clinician_id <> assistant_id", name="two_people"),
        Index("ix_assistant_grant_pair", "assistant_id", "clinician_id"),
    )
    clinician_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    assistant_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"), index=True)
    scope: Mapped[GrantScope] = mapped_column(choice(GrantScope, "scope"))
    stay: Mapped[str | None] = mapped_column(String(32))
    mandate_id: Mapped[int | None] = mapped_column(ForeignKey("mandate.id"), index=True)

    clinician: Mapped[Person] = relationship(foreign_keys=[clinician_id])
    assistant: Mapped[Person] = relationship(foreign_keys=[assistant_id])
    hospital: Mapped[Hospital] = relationship()
    chosen: Mapped[list[GrantedPatient]] = relationship(back_populates="grant", cascade="all, delete-orphan")

    def __str__(self) -> str:
        return f"{self.clinician} → {self.assistant}"


class GrantedPatient(Record):
    """One chosen record of a grant."""

    __tablename__ = "granted_patient"
    grant_id: Mapped[int] = mapped_column(ForeignKey("assistant_grant.id"), index=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)

    grant: Mapped[Grant] = relationship(back_populates="chosen")


class Login(Record):
    """One signed-in browser. The cookie holds a random token; the row holds its hash and can be ended.

    ``asks_factor``: the password was right, the second factor is still to come. ``proved_at``: when the person last showed
    who they are. ``locked_at``: since when nobody used it, or the person locked it.
    """

    __tablename__ = "login"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    started_at: Mapped[dt.datetime] = mapped_column(Moment)
    seen_at: Mapped[dt.datetime] = mapped_column(Moment)
    expires_at: Mapped[dt.datetime] = mapped_column(Moment)
    ended_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    address: Mapped[str] = mapped_column(String(45))
    browser: Mapped[str] = mapped_column(String(200))
    two_factors: Mapped[bool] = mapped_column(default=False, server_default=false())
    asks_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    proved_at: Mapped[dt.datetime] = mapped_column(Moment)
    locked_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    contents: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    person: Mapped[Person] = relationship()


class Attempt(Record):
    """A failed login, counted per account and per address inside a window. ``subject`` is a keyed hash."""

    __tablename__ = "attempt"
    subject: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    at: Mapped[dt.datetime] = mapped_column(Moment, index=True)


class LoginIdentity(Record):
    """An account elsewhere (EU Login) that opens the account here: whoever vouches, and their name for the person.

    ``email`` is what they last said. It is shown, and an address of another account that is vouched for here tells that the
    one kept is not its owner's any more (``accounts.keeps_its_address``). Rights never follow it.
    """

    __tablename__ = "login_identity"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="uq_login_identity_issuer_subject"),
        Index("uq_login_identity_person_id_issuer", "person_id", "issuer", unique=True),
    )
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(320))
    email_verified: Mapped[bool] = mapped_column(default=False)
    bound_at: Mapped[dt.datetime] = mapped_column(Moment)
    used_at: Mapped[dt.datetime] = mapped_column(Moment)

    person: Mapped[Person] = relationship()


class LoginTrip(Record):
    """A browser on its way to EU Login and back. Found by what both the browser and the answer bring, and used once."""

    __tablename__ = "login_trip"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(128))
    back_to: Mapped[str | None] = mapped_column(String(500))
    begun_at: Mapped[dt.datetime] = mapped_column(Moment, index=True)


class PasswordLink(Record):
    """A one-time link an operator gives a person to set a new password."""

    __tablename__ = "password_link"
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    expires_at: Mapped[dt.datetime] = mapped_column(Moment)
    used_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    person: Mapped[Person] = relationship()
