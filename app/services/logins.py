"""Signing in and out: passwords and the rows behind cookies. Failures are counted in ``limits``, links are ``links``.

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
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import actors, sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete
from app.models import Login, Person, db, now
from app.premises import premises
from app.services.limits import Limits, TooMany, log, writing
from app.words import _

SEEN_EVERY = dt.timedelta(minutes=1)
SHORTEST = 12
LONGEST = 256

_hashes = PasswordHash((Argon2Hasher(),))
_hashing = threading.BoundedSemaphore(2)  # a storm of logins must not starve the pages
TURN_SECONDS = 2.0
"""How long a login waits for its turn to be hashed; it holds a thread of the web server meanwhile."""


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


def hash_of(token: str) -> bytes:
    """What is stored of a random token."""
    return hashlib.sha256(token.encode()).digest()


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
        row = session.execute(_VISITS, {"hashed": hash_of(token), "moment": moment}).first()
        if row is None:
            return None
        login, person = row
        idle = dt.timedelta(minutes=settings["IDLE_MINUTES"])
        if login.seen_at + idle < moment or not person.active or person.disabled_at is not None:
            return None
        actor = actors.load(session, person.id, address, signed_in=True)
        found, stale = Visit(login.id, person, actor, dict(login.contents)), login.seen_at + SEEN_EVERY < moment
        session.expunge_all()  # before anything expires them: the page reads them without a session
        session.rollback()
        if stale:
            with suppress(OperationalError):  # a full disk or a lock: reading goes on, the next page tries again
                _seen(session, found.login_id, moment)
        return found


def _seen(session: Session, login_id: int, moment: dt.datetime) -> None:
    writing(session)
    session.execute(update(Login.__table__).where(Login.__table__.c.id == login_id).values(seen_at=moment))
    session.commit()


def keep(login_id: int, contents: dict[str, Any]) -> None:
    """Store what the browser's session holds."""
    with sight.wide("login") as session:
        writing(session)
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
    limits.begin(person)
    known = person.password if person is not None and person.password else _nobodys_hash()
    right = _verified(limits, password, known)
    if person is None or not right or not person.active or person.disabled_at is not None or not person.password:
        limits.fail(person, "login.start", address)
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
        writing(session)
        session.add(
            Login(
                token_hash=hash_of(token),
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
        log(session, "login.start", person, address)
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


def _verified(limits: Limits, password: str, known: str) -> bool:
    """As ``verify``, within a try that counts; it does not when its turn has not come."""
    try:
        return verify(password, known)
    except TooMany:
        limits.take_back()
        raise


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


# --- leaving -------------------------------------------------------------------------------------------------------


@act("login.end", blind=True)
def end(_actor: Actor, login: Login) -> None:
    """End one login: its cookie stops working."""
    login.ended_at = now()


def sign_out(login_id: int, person: Person, address: str) -> None:
    """End the login of this browser."""
    with sight.wide("login") as session:
        writing(session)
        end_where(session, Login.__table__.c.id == login_id)
        log(session, "login.end", person, address)
        session.commit()


def end_where(session: Session, where: Any) -> None:
    """End the logins a clause names."""
    table = Login.__table__
    session.execute(update(table).where(where, table.c.ended_at.is_(None)).values(ended_at=now()))


def count_of(person_id: int, session: Session) -> int:
    """In how many browsers a person is signed in."""
    open_ones = (Login.person_id == person_id, Login.ended_at.is_(None), Login.expires_at > now())
    return session.scalar(select(func.count(Login.id)).where(*open_ones)) or 0


def end_all(person_id: int, but: int | None = None) -> None:
    """End every login of a person (but one), inside the act under way."""
    table = Login.__table__
    end_where(db.session(), (table.c.person_id == person_id) & (table.c.id != (but or 0)))


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
    limits.begin(None)
    if not _verified(limits, old, person.password or _nobodys_hash()):
        limits.fail(person, "person.change-password", actor.origin)
        sentence = _("This is not your present password.")
        raise Incomplete(sentence, fields={"old": sentence})
    limits.forget()
    check_password(password, again)
    set_password(actor, person, known=hashed(password), login_id=login_id)


@act("person.change-password", blind=True)
def set_password(_actor: Actor, person: Person, *, known: str, login_id: int | None) -> None:
    """Keep the hash of a new password; every other login of the person ends."""
    person.password = known
    end_all(person.id, but=login_id)
