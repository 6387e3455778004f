"""Second factors of accounts that sign in here: apps that make codes, passkeys, recovery codes, passkeys' questions."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.people import Person
from app.words import FactorKind


class SecondFactor(Record):
    """An app that makes codes, or a passkey.

    ``sealed`` holds the app's secret, or the passkey's public key. ``counter`` is the last time step whose code was used,
    or what the passkey last counted: neither goes back, so nothing works twice.
    """

    __tablename__ = "second_factor"
    __table_args__ = (CheckConstraint("(kind = 'passkey') = (credential IS NOT NULL)", name="passkey_has_its_name"),)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    kind: Mapped[FactorKind] = mapped_column(choice(FactorKind, "kind"))
    name: Mapped[str] = mapped_column(String(60))
    credential: Mapped[bytes | None] = mapped_column(LargeBinary(1023), unique=True)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    added_at: Mapped[dt.datetime] = mapped_column(Moment)
    used_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    person: Mapped[Person] = relationship()

    def __str__(self) -> str:
        return self.name


class RecoveryCode(Record):
    """One of ten codes for whoever has lost their second factor: a keyed hash, gone once it is used."""

    __tablename__ = "recovery_code"
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    made_at: Mapped[dt.datetime] = mapped_column(Moment)


class PasskeyQuestion(Record):
    """What a passkey was asked to sign: found by the answer's own words, and gone once."""

    __tablename__ = "passkey_question"
    question_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    asked_at: Mapped[dt.datetime] = mapped_column(Moment, index=True)
