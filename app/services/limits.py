"""What is counted and noted before there is somebody who acts: failed attempts, and entries of the log by hand."""

from __future__ import annotations

import datetime as dt
import hmac
import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func, or_, select
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


WAIT = _("Too many failed attempts. Wait a quarter of an hour and try again.")


class TooMany(Refusal):
    """Too many failed logins for this account or from this address, or too many tries of a person."""

    status = 429


def place_of(address: str) -> str:
    """As what an address counts: an IPv6 address as its /64, of which a single connection has every one (RFC 6177)."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))


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


def count_try(kind: str, who: object, most: int = MOST_TRIES) -> None:
    """Count a try of a person or from a place (``place_of``), whatever comes of it.

    Raises:
        TooMany: wait.
    """
    subject = _subject(kind, str(who))
    mine = _write([subject])
    with sight.wide("limits") as session:
        if _recent(session, [subject])[subject] > most:
            _take_back(mine)
            raise TooMany(_("You have tried this very often. Wait a quarter of an hour and try again."))


def _write(subjects: Sequence[bytes]) -> list[int]:
    """Write tries down before they are counted: of many at once each then counts the others. Gives their ids."""
    with sight.wide("limits") as session:
        writing(session)
        session.execute(delete(Attempt.__table__).where(Attempt.__table__.c.at < now() - WINDOW))
        rows = [Attempt(subject=one, at=now()) for one in subjects]
        session.add_all(rows)
        session.flush()
        mine = [row.id for row in rows]
        session.commit()
        return mine


def _recent(session: Session, subjects: Sequence[bytes]) -> Counter[bytes]:
    """How many tries of each there were within the window."""
    statement = select(Attempt.subject, func.count()).where(Attempt.subject.in_(subjects), Attempt.at > now() - WINDOW)
    counted = session.execute(statement.group_by(Attempt.subject))
    return Counter({bytes(subject): number for subject, number in counted})


def _take_back(mine: Sequence[int], *subjects: bytes) -> None:
    """Forget tries by their ids, and all of some subjects."""
    with sight.wide("limits") as session:
        writing(session)
        known = Attempt.__table__.c
        session.execute(delete(Attempt.__table__).where(or_(known.id.in_(mine), known.subject.in_(subjects))))
        session.commit()


@dataclass(frozen=True)
class Limits:
    """Tries are counted for an account at a place, for the account, for the place; each as a keyed hash.

    A try counts as failed from its beginning, until ``forget`` says that the person was right.
    """

    pair: bytes
    account: bytes
    address: bytes
    place: str
    mine: list[int] = field(default_factory=list)
    """Ids of the rows of this try."""

    @classmethod
    def of(cls, account: str, address: str) -> Limits:
        """The counters of one attempt."""
        place = place_of(address)
        return cls(
            _subject("pair", f"{account}@{place}"), _subject("account", account), _subject("address", place), place
        )

    def begin(self, person: Person | None) -> bool:
        """Count a try; refuse it while one of the counters is full: then it does not count.

        Where the person has signed in before, strangers' failures elsewhere do not lock them out: gives whether that is why
        the try is let through. Whoever then is wrong hears what all the others hear (``WAIT``).

        Raises:
            TooMany: wait.
        """
        subjects = {"pair": self.pair, "account": self.account, "address": self.address}
        self.mine.extend(_write(list(subjects.values())))
        with sight.wide("limits") as session:
            counted = _recent(session, list(subjects.values()))
            full = {name for name, subject in subjects.items() if counted[subject] > ATTEMPTS[name]}
            if full == {"account"} and self._known_here(session, person):
                return True
        if full:
            _take_back(self.mine)
            raise TooMany(WAIT)
        return False

    def _known_here(self, session: Session, person: Person | None) -> bool:
        """Whether the person has signed in from here before; of nobody it is asked too, so that it takes as long."""
        known = select(Login.address).where(Login.person_id == (person.id if person else 0)).distinct()
        return self.place in {place_of(address) for address in session.scalars(known)}

    def fail(self, person: Person | None, word: str, address: str) -> None:
        """Note that the try has failed; it is counted already."""
        with sight.wide("limits") as session:
            writing(session)
            log(session, word, person, address, outcome="refused")
            session.commit()

    def take_back(self) -> None:
        """The try came to nothing: nobody looked whether the person was right."""
        _take_back(self.mine)

    def forget(self) -> None:
        """The person was right: this try, and what failed before, does not count for them any more."""
        _take_back(self.mine, self.pair, self.account)
