"""Signing in and out: passwords, the rows behind cookies, limits, one-time links.

An account's own acts (change the password, end a login) are acts; what happens before there is an actor (signing in, a
link) is plain functions here, noted in the log by hand. Who the person is allowed to be is ``actors``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import actors, audit, sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, NotFound, Refusal
from app.models import Attempt, Login, PasswordLink, Person, db, now
from app.premises import premises
from app.words import _

WINDOW = dt.timedelta(minutes=15)
ATTEMPTS = {"pair": 10, "account": 10, "address": 50}
"""Failures within the window: of one account from one address, of one account, from one address."""
SEEN_EVERY = dt.timedelta(minutes=1)
LINK_HOURS = 2
LINK_TOLD = dt.timedelta(days=14)
"""How long Home tells a person that an operator made a link for them: by it the operator could have been them."""
SHORTEST = 12
LONGEST = 256

_hashes = PasswordHash((Argon2Hasher(),))
_hashing = threading.BoundedSemaphore(2)  # a storm of logins must not starve the pages
TURN_SECONDS = 2.0
"""How long a login waits for its turn to be hashed; it holds a thread of the web server meanwhile."""


class TooMany(Refusal):
    """Too many failed logins for this account or from this address."""

    status = 429


@cache
def _nobodys_hash() -> str:
    """A hash no password fits: so an unknown name takes as long as a wrong password. Made when first needed."""
    return hashed(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class Visit:
    """A signed-in browser as the next page needs it."""

    login_id: int
    person: Person
    actor: Actor
    contents: dict[str, Any]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _subject(kind: str, value: str) -> bytes:
    return hmac.digest(premises().settings.key("failed logins"), f"{kind}:{value.casefold()}".encode(), "sha256")


def _writing(session: Session) -> None:
    session.connection(execution_options={"writes": True})


# --- who is there --------------------------------------------------------------------------------------------------


_VISITS = (  # asked by every page, so made once
    select(Login, Person)
    .join(Person, Login.person_id == Person.id)
    .where(Login.token_hash == bindparam("hashed"), Login.ended_at.is_(None), Login.expires_at > bindparam("moment"))
)


def visit(token: str, address: str) -> Visit | None:
    """The visit a cookie's token stands for, if it is still in force."""
    moment, settings = now(), premises().settings
    with sight.wide("login") as session:
        row = session.execute(_VISITS, {"hashed": _hash(token), "moment": moment}).first()
        if row is None:
            return None
        login, person = row
        idle = dt.timedelta(minutes=settings["IDLE_MINUTES"])
        if login.seen_at + idle < moment or not person.active or person.disabled_at is not None:
            return None
        actor = actors.load(session, person.id, address)
        found, stale = Visit(login.id, person, actor, dict(login.contents)), login.seen_at + SEEN_EVERY < moment
        session.expunge_all()  # before anything expires them: the page reads them without a session
        session.rollback()
        if stale:
            with suppress(OperationalError):  # a full disk or a lock: reading goes on, the next page tries again
                _seen(session, found.login_id, moment)
        return found


def _seen(session: Session, login_id: int, moment: dt.datetime) -> None:
    _writing(session)
    session.execute(update(Login.__table__).where(Login.__table__.c.id == login_id).values(seen_at=moment))
    session.commit()


def keep(login_id: int, contents: dict[str, Any]) -> None:
    """Store what the browser's session holds."""
    with sight.wide("login") as session:
        _writing(session)
        session.execute(update(Login.__table__).where(Login.__table__.c.id == login_id).values(contents=contents))
        session.commit()


# --- signing in ----------------------------------------------------------------------------------------------------


def sign_in(name: str, password: str, address: str, browser: str, contents: dict[str, Any]) -> str:
    """Check a password and start a login (as ``start`` does). Gives the token for the cookie.

    Raises:
        TooMany: the account or the address failed too often lately.
        Incomplete: name or password is wrong; which one is not said.
    """
    person = _named(name)
    limits = Limits.of(person.public_id if person is not None else name, address)
    limits.refuse_if_reached(person)
    known = person.password if person is not None and person.password else _nobodys_hash()
    right = verify(password, known)
    if person is None or not right or not person.active or person.disabled_at is not None or not person.password:
        limits.count(person, "login.start", address)
        raise Incomplete(_("The name or the password is not right. Check both and try again."))
    limits.forget()
    return start(person, address, browser, contents)


def _named(name: str) -> Person | None:
    """Who signs in by this name: the e-mail address counts before somebody else's user name that reads the same."""
    by_email, by_name = func.lower(Person.email) == name.lower(), func.lower(Person.username) == name.lower()
    with sight.wide("login") as session:
        found = select(Person).where(by_email | by_name).order_by(by_email.desc(), Person.id)
        return session.scalars(found.limit(1)).one_or_none()


def start(person: Person, address: str, browser: str, contents: dict[str, Any]) -> str:
    """Start a login for a person whose identity is proved. Gives the token for the cookie.

    Args:
        person: who has signed in.
        address: of the browser.
        browser: as it calls itself.
        contents: what the browser's session holds from the start.
    """
    token, moment = secrets.token_urlsafe(32), now()
    with sight.wide("login") as session:
        _writing(session)
        session.add(
            Login(
                token_hash=_hash(token),
                person_id=person.id,
                started_at=moment,
                seen_at=moment,
                expires_at=moment + dt.timedelta(hours=premises().settings["LOGIN_HOURS"]),
                address=address[:45],
                browser=browser[:200],
                contents=contents,
            )
        )
        session.flush()
        _log(session, "login.start", person, address)
        session.commit()
    return token


def verify(password: str, known: str) -> bool:
    """Whether the password fits the hash.

    Raises:
        TooMany: others are being hashed, and the turn did not come.
    """
    if len(password) > LONGEST:
        return False
    with _turn():
        return bool(_hashes.verify(password, known))


def hashed(password: str) -> str:
    """The hash to store.

    Raises:
        TooMany: as with ``verify``.
    """
    with _turn():
        return str(_hashes.hash(password))


@contextmanager
def _turn() -> Iterator[None]:
    """One of the two that are hashed at a time."""
    if not _hashing.acquire(timeout=TURN_SECONDS):
        raise TooMany(_("Many people are signing in at this moment. Wait a moment and try again."))
    try:
        yield
    finally:
        _hashing.release()


def _log(session: Session, word: str, person: Person | None, address: str, outcome: str = "done") -> None:
    entry = audit.Entry(word, outcome, person.id if person else None, address, thing="Person")
    entry.thing_id = person.public_id if person else None
    audit.write(session, [entry])


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
            _writing(session)
            session.execute(delete(Attempt.__table__).where(Attempt.__table__.c.at < now() - WINDOW))
            session.add_all([Attempt(subject=one, at=now()) for one in (self.pair, self.account, self.address)])
            session.flush()
            _log(session, word, person, address, outcome="refused")
            session.commit()

    def forget(self) -> None:
        """The person was right: what failed before does not count for them any more."""
        with sight.wide("limits") as session:
            _writing(session)
            table = Attempt.__table__
            session.execute(delete(table).where(table.c.subject.in_([self.pair, self.account])))
            session.commit()


# --- leaving -------------------------------------------------------------------------------------------------------


@act("login.end", blind=True)
def end(_actor: Actor, login: Login) -> None:
    """End one login: its cookie stops working."""
    login.ended_at = now()


def sign_out(login_id: int, person: Person, address: str) -> None:
    """End the login of this browser."""
    with sight.wide("login") as session:
        _writing(session)
        _end_logins(session, Login.__table__.c.id == login_id)
        _log(session, "login.end", person, address)
        session.commit()


def _end_logins(session: Session, where: Any) -> None:
    table = Login.__table__
    session.execute(update(table).where(where, table.c.ended_at.is_(None)).values(ended_at=now()))


def end_all(person_id: int, but: int | None = None) -> None:
    """End every login of a person (but one), inside the act under way."""
    table = Login.__table__
    _end_logins(db.session(), (table.c.person_id == person_id) & (table.c.id != (but or 0)))


# --- passwords -----------------------------------------------------------------------------------------------------


def check_password(password: str, again: str) -> None:
    """Refuse a password that is too short, too long or not repeated.

    Raises:
        Incomplete: with the sentence by its field.
    """
    if len(password) < SHORTEST:
        sentence = _("Use at least %(count)s characters. A short sentence is easy to remember.", count=SHORTEST)
        raise Incomplete(_("The new password is too short."), fields={"password": sentence})
    if len(password) > LONGEST:
        raise Incomplete(
            _("The new password is too long."),
            fields={"password": _("Use at most %(count)s characters.", count=LONGEST)},
        )
    if not hmac.compare_digest(password.encode(), again.encode()):
        sentence = _("The two passwords differ. Type the same one twice.")
        raise Incomplete(sentence, fields={"again": sentence})


def change_password(actor: Actor, person: Person, *, old: str, password: str, again: str, login_id: int | None) -> None:
    """Set a new password after the present one is typed; every other login of the person ends.

    Raises:
        TooMany: the present password was typed wrongly too often.
        Incomplete: the present password is wrong, or the new one is not fit.
    """
    limits = Limits.of(person.public_id, actor.origin)
    limits.refuse_if_reached(None)
    if not verify(old, person.password or _nobodys_hash()):
        limits.count(person, "person.change-password", actor.origin)
        sentence = _("This is not your present password.")
        raise Incomplete(sentence, fields={"old": sentence})
    check_password(password, again)
    set_password(actor, person, known=hashed(password), login_id=login_id)


@act("person.change-password", blind=True)
def set_password(_actor: Actor, person: Person, *, known: str, login_id: int | None) -> None:
    """Keep the hash of a new password; every other login of the person ends."""
    person.password = known
    end_all(person.id, but=login_id)


@act("person.offer-link", blind=True)
def offer_link(_actor: Actor, person: Person) -> str:
    """Make a one-time link to set a password, good for two hours. Gives its token; earlier links end."""
    token = secrets.token_urlsafe(32)
    table = PasswordLink.__table__
    db.session.execute(
        update(table).where(table.c.person_id == person.id, table.c.used_at.is_(None)).values(used_at=now())
    )
    db.session.add(
        PasswordLink(person_id=person.id, token_hash=_hash(token), expires_at=now() + dt.timedelta(hours=LINK_HOURS))
    )
    return token


def link_made(person_id: int) -> dt.datetime | None:
    """When an operator last made a link to set this person's password, if that is not long ago: the person is told."""
    with sight.wide("password-link") as session:
        expires_at = session.scalar(
            select(func.max(PasswordLink.expires_at)).where(PasswordLink.person_id == person_id)
        )
    made_at = None if expires_at is None else expires_at - dt.timedelta(hours=LINK_HOURS)
    return made_at if made_at is not None and made_at > now() - LINK_TOLD else None


def link_owner(token: str) -> Person:
    """The person a one-time link was made for.

    Raises:
        NotFound: unknown, used or too old.
    """
    with sight.wide("password-link") as session:
        return _link(session, token).person


def _link(session: Session, token: str) -> PasswordLink:
    link = session.execute(
        select(PasswordLink)
        .where(PasswordLink.token_hash == _hash(token), PasswordLink.used_at.is_(None), PasswordLink.expires_at > now())
        .with_for_update(of=PasswordLink)
    ).scalar_one_or_none()
    if link is None or not link.person.active or link.person.disabled_at is not None:
        raise NotFound(_("This link has been used or is too old. Ask the operator for a new one."))
    return link


def use_link(token: str, password: str, again: str, address: str) -> None:
    """Set a new password by a one-time link; all logins of the person end.

    Raises:
        NotFound: unknown, used or too old.
        Incomplete: the new password is not fit.
    """
    check_password(password, again)
    with sight.wide("password-link") as session:
        _writing(session)
        link = _link(session, token)
        link.used_at = now()
        link.person.password = hashed(password)
        _end_logins(session, Login.__table__.c.person_id == link.person_id)
        session.flush()
        _log(session, "person.set-password", link.person, address)
        session.commit()
