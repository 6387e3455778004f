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
from dataclasses import dataclass
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app import actors, audit, sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, NotFound, Refusal
from app.models import Attempt, Login, PasswordLink, Person, db, now
from app.premises import premises
from app.words import _

ATTEMPTS = 10
WINDOW = dt.timedelta(minutes=15)
ATTEMPTS_OF_ADDRESS = 50
SEEN_EVERY = dt.timedelta(minutes=1)
LINK_HOURS = 24
SHORTEST = 12
LONGEST = 256

_hashes = PasswordHash((Argon2Hasher(),))
_hashing = threading.BoundedSemaphore(2)  # a storm of logins must not starve the pages


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
    return hmac.digest(premises().settings["SECRET_KEY"].encode(), f"{kind}:{value.casefold()}".encode(), "sha256")


def _writing(session: Session) -> None:
    session.connection(execution_options={"writes": True})


# --- who is there --------------------------------------------------------------------------------------------------


def visit(token: str, address: str) -> Visit | None:
    """The visit a cookie's token stands for, if it is still in force."""
    moment, settings = now(), premises().settings
    with sight.wide("login") as session:
        row = session.execute(
            select(Login, Person)
            .join(Person, Login.person_id == Person.id)
            .where(Login.token_hash == _hash(token), Login.ended_at.is_(None), Login.expires_at > moment)
        ).first()
        if row is None:
            return None
        login, person = row
        idle = dt.timedelta(minutes=settings["IDLE_MINUTES"])
        if login.seen_at + idle < moment or not person.active or person.disabled_at is not None:
            return None
        actor = actors.load(session, person.id, address)
        found, stale = Visit(login.id, person, actor, dict(login.contents)), login.seen_at + SEEN_EVERY < moment
        session.expunge_all()  # before anything expires them: the page reads them without a session
        if stale:
            session.rollback()
            _writing(session)
            session.execute(update(Login.__table__).where(Login.__table__.c.id == found.login_id).values(seen_at=moment))
            session.commit()
        return found


def keep(login_id: int, contents: dict[str, Any]) -> None:
    """Store what the browser's session holds."""
    with sight.wide("login") as session:
        _writing(session)
        session.execute(update(Login.__table__).where(Login.__table__.c.id == login_id).values(contents=contents))
        session.commit()


# --- signing in ----------------------------------------------------------------------------------------------------


def sign_in(name: str, password: str, address: str, browser: str) -> str:
    """Check a password and start a login. Gives the token for the cookie.

    Raises:
        TooMany: the account or the address failed too often lately.
        Incomplete: name or password is wrong; which one is not said.
    """
    account, place = _subject("account", name), _subject("address", address)
    _refuse_if_limited(account, place)
    with sight.wide("login") as session:
        person = session.execute(
            select(Person).where((func.lower(Person.username) == name.lower()) | (func.lower(Person.email) == name.lower()))
        ).scalar_one_or_none()
    known = person.password if person is not None and person.password else _nobodys_hash()
    right = verify(password, known)
    if person is None or not right or not person.active or person.disabled_at is not None or not person.password:
        _count(account, place, person)
        raise Incomplete(_("The name or the password is not right. Check both and try again."))
    _forget_attempts(account)
    return start(person, address, browser)


def start(person: Person, address: str, browser: str) -> str:
    """Start a login for a person whose identity is proved. Gives the token for the cookie."""
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
                contents={},
            )
        )
        session.flush()
        _log(session, "login.start", person, address)
        session.commit()
    return token


def verify(password: str, known: str) -> bool:
    """Whether the password fits the hash. At most two are computed at a time."""
    if len(password) > LONGEST:
        return False
    with _hashing:
        return bool(_hashes.verify(password, known))


def hashed(password: str) -> str:
    """The hash to store."""
    with _hashing:
        return str(_hashes.hash(password))


def _log(session: Session, word: str, person: Person | None, address: str, outcome: str = "done") -> None:
    entry = audit.Entry(word, outcome, person.id if person else None, address, thing="Person")
    entry.thing_id = person.public_id if person else None
    audit.write(session, [entry])


def _refuse_if_limited(account: bytes, place: bytes) -> None:
    since = now() - WINDOW
    with sight.wide("limits") as session:
        counted = dict(
            session.execute(
                select(Attempt.subject, func.count())
                .where(Attempt.subject.in_([account, place]), Attempt.at > since)
                .group_by(Attempt.subject)
            )
            .all()
        )
    if counted.get(account, 0) >= ATTEMPTS or counted.get(place, 0) >= ATTEMPTS_OF_ADDRESS:
        raise TooMany(_("Too many failed attempts. Wait a quarter of an hour and try again."))


def _count(account: bytes, place: bytes, person: Person | None) -> None:
    with sight.wide("limits") as session:
        _writing(session)
        session.execute(delete(Attempt.__table__).where(Attempt.__table__.c.at < now() - WINDOW))
        session.add_all([Attempt(subject=account, at=now()), Attempt(subject=place, at=now())])
        session.flush()
        _log(session, "login.start", person, "", outcome="refused")
        session.commit()


def _forget_attempts(account: bytes) -> None:
    with sight.wide("limits") as session:
        _writing(session)
        session.execute(delete(Attempt.__table__).where(Attempt.__table__.c.subject == account))
        session.commit()


# --- leaving -------------------------------------------------------------------------------------------------------


@act("login.end")
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


@act("person.change-password")
def change_password(
    _actor: Actor, person: Person, *, old: str, password: str, again: str, login_id: int | None = None
) -> None:
    """Set a new password; every other login of the person ends.

    Raises:
        Incomplete: the old password is wrong, or the new one is not fit.
    """
    if not verify(old, person.password or _nobodys_hash()):
        sentence = _("This is not your present password.")
        raise Incomplete(sentence, fields={"old": sentence})
    check_password(password, again)
    person.password = hashed(password)
    end_all(person.id, but=login_id)


@act("person.offer-link")
def offer_link(_actor: Actor, person: Person) -> str:
    """Make a one-time link to set a password, good for a day. Gives its token; earlier links end."""
    token = secrets.token_urlsafe(32)
    table = PasswordLink.__table__
    db.session.execute(
        update(table).where(table.c.person_id == person.id, table.c.used_at.is_(None)).values(used_at=now())
    )
    db.session.add(
        PasswordLink(person_id=person.id, token_hash=_hash(token), expires_at=now() + dt.timedelta(hours=LINK_HOURS))
    )
    return token


def link_owner(token: str) -> Person:
    """The person a one-time link was made for.

    Raises:
        NotFound: unknown, used or too old.
    """
    with sight.wide("password-link") as session:
        return _link(session, token).person


def _link(session: Session, token: str) -> PasswordLink:
    link = session.execute(
        select(PasswordLink).where(
            PasswordLink.token_hash == _hash(token), PasswordLink.used_at.is_(None), PasswordLink.expires_at > now()
        )
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
