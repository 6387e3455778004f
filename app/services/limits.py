"""What is counted and noted before there is somebody who acts: failed attempts, and entries of the log by hand."""

from __future__ import annotations

import datetime as dt
import hmac
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app import audit, sight
from app.errors import Refusal
from app.models import Attempt, Login, Person, now
from app.premises import premises
from app.words import _

WINDOW = dt.timedelta(minutes=15)
ATTEMPTS = {"pair": 10, "account": 10, "address": 50}
"""Failures within the window: of one account from one address, of one account, from one address."""


MOST_TRIES = 60
"""Tries of one person within the window, of what may be tried often: people do not come near it."""


class TooMany(Refusal):
    """Too many failed logins for this account or from this address, or too many tries of a person."""

    status = 429


def _subject(kind: str, value: str) -> bytes:
    return hmac.digest(premises().settings.key("failed logins"), f"{kind}:{value.casefold()}".encode(), "sha256")


def writing(session: Session) -> None:
    """Begin a transaction that writes."""
    session.connection(execution_options={"writes": True})


def log(session: Session, word: str, person: Person | None, address: str, outcome: str = "done") -> None:
    """Note what happened to an account in the session's transaction; acts are noted by ``act``."""
    entry = audit.Entry(word, outcome, person.id if person else None, address, thing="Person")
    entry.thing_id = person.public_id if person else None
    audit.write(session, [entry])


def count_try(kind: str, person_id: int) -> None:
    """Count a try of a person, whatever comes of it.

    Raises:
        TooMany: wait.
    """
    subject = _subject(kind, str(person_id))
    with sight.wide("limits") as session:
        writing(session)
        table = Attempt.__table__
        session.execute(delete(table).where(table.c.at < now() - WINDOW))
        recent = select(func.count()).select_from(Attempt).where(Attempt.subject == subject)
        if (session.scalar(recent) or 0) >= MOST_TRIES:
            raise TooMany(_("You have tried this very often. Wait a quarter of an hour and try again."))
        session.add(Attempt(subject=subject, at=now()))
        session.commit()


@dataclass(frozen=True)
class Limits:
    """Failures are counted for an account at an address, for the account, for the address; each as a keyed hash."""

    pair: bytes
    account: bytes
    address: bytes
    place: str

    @classmethod
    def of(cls, account: str, address: str) -> Limits:
        """The counters of one attempt."""
        return cls(
            _subject("pair", f"{account}@{address}"),
            _subject("account", account),
            _subject("address", address),
            address,
        )

    def refuse_if_reached(self, person: Person | None) -> None:
        """Refuse while one of the counters is full.

        Where the person has signed in before, strangers' failures elsewhere do not lock them out.

        Raises:
            TooMany: wait.
        """
        subjects = {"pair": self.pair, "account": self.account, "address": self.address}
        with sight.wide("limits") as session:
            statement = select(Attempt.subject, func.count()).where(
                Attempt.subject.in_(subjects.values()), Attempt.at > now() - WINDOW
            )
            counted = {
                bytes(subject): number for subject, number in session.execute(statement.group_by(Attempt.subject))
            }
            full = {name for name, subject in subjects.items() if counted.get(subject, 0) >= ATTEMPTS[name]}
            if full == {"account"} and person is not None and self._known_here(session, person):
                return
        if full:
            raise TooMany(_("Too many failed attempts. Wait a quarter of an hour and try again."))

    def _known_here(self, session: Session, person: Person) -> bool:
        found = select(Login.id).where(Login.person_id == person.id, Login.address == self.place)
        return session.scalar(found.limit(1)) is not None

    def count(self, person: Person | None, word: str, address: str) -> None:
        """Count a failure and note it."""
        with sight.wide("limits") as session:
            writing(session)
            session.execute(delete(Attempt.__table__).where(Attempt.__table__.c.at < now() - WINDOW))
            session.add_all([Attempt(subject=one, at=now()) for one in (self.pair, self.account, self.address)])
            session.flush()
            log(session, word, person, address, outcome="refused")
            session.commit()

    def forget(self) -> None:
        """The person was right: what failed before does not count for them any more."""
        with sight.wide("limits") as session:
            writing(session)
            table = Attempt.__table__
            session.execute(delete(table).where(table.c.subject.in_([self.pair, self.account])))
            session.commit()
