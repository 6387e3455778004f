"""Signing in and out: who proves it and the rows behind cookies. Failures are counted in ``limits``, links are ``links``.

An account's own acts (change the password, end a login) are acts; what happens before there is an actor (signing in, a
link) is plain functions here, noted in the log by hand. Who the person is allowed to be is ``actors``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import actors, sight
from app.act import act
from app.actors import Actor
from app.errors import Conflict, Incomplete, NotAllowed
from app.models import Login, PasswordLink, Person, Photo, SecondFactor, db, now, today
from app.premises import premises
from app.services import passwords
from app.services.limits import WAIT, Limits, TooMany, log, writing
from app.words import Role, _

SEEN_EVERY = dt.timedelta(minutes=1)
IDLE_DAYS = 365
"""After so many days without signing in an account is locked (``idle``)."""
FACTOR_WITHIN = dt.timedelta(minutes=15)
"""How long a right password waits for its second factor."""


@dataclass(frozen=True)
class Visit:
    """A signed-in browser as the next page needs it."""

    login_id: int
    person: Person
    actor: Actor
    contents: dict[str, Any]
    proved_at: dt.datetime
    """When the person last showed who they are."""
    locks_at: dt.datetime
    """When it is locked, if nobody uses it."""
    photo: str | None
    """The public id of the person's photo."""


def hash_of(token: str) -> bytes:
    """What is stored of a random token."""
    return hashlib.sha256(token.encode()).digest()


# --- who is there --------------------------------------------------------------------------------------------------


_VISITS = (  # asked by every page, so made once
    select(Login, Person, Photo.public_id)
    .join(Person, Login.person_id == Person.id)
    .outerjoin(Photo, Photo.person_id == Person.id)
    .where(Login.token_hash == bindparam("hashed"), Login.ended_at.is_(None), Login.expires_at > bindparam("moment"))
)


def visit(token: str, address: str, *, unasked: bool = False) -> Visit | None:
    """The visit a cookie's token stands for, if it is still in force.

    Args:
        token: of the cookie.
        address: of the browser.
        unasked: the page asks by itself: nobody uses it.
    """
    moment, settings = now(), premises().settings
    with sight.wide("login") as session:
        row = session.execute(_VISITS, {"hashed": hash_of(token), "moment": moment}).first()
        if row is None:
            return None
        login, person, photo = row
        if not person.active or person.disabled_at is not None:
            return None
        idle, news = dt.timedelta(minutes=settings["IDLE_MINUTES"]), _news(login, moment, unasked=unasked)
        locks_at = news.get("locked_at") or login.locked_at or news.get("seen_at", login.seen_at) + idle
        locked = locks_at <= moment
        actor = actors.at_gate(Role.LOCKED, person.id, address) if locked else _actor(session, login, address)
        found = Visit(login.id, person, actor, dict(login.contents), login.proved_at, locks_at, photo)
        session.expunge_all()  # before anything expires them: the page reads them without a session
        session.rollback()
        if news:
            with suppress(OperationalError):  # a full disk or a lock: reading goes on, the next page tries again
                _note(session, found.login_id, news)
        return found


def _news(login: Login, moment: dt.datetime, *, unasked: bool) -> dict[str, dt.datetime]:
    """What to note of a login that is used, or was not for long; one that waits for a second factor is over soon anyway."""
    locks_at = login.seen_at + dt.timedelta(minutes=premises().settings["IDLE_MINUTES"])
    if login.locked_at is not None:
        return {}
    if locks_at <= moment and not login.asks_factor:
        return {"locked_at": locks_at}
    return {} if unasked or login.seen_at + SEEN_EVERY >= moment else {"seen_at": moment}


def _actor(session: Session, login: Login, address: str) -> Actor:
    """Who acts through a login: at a gate while something is still to be shown."""
    if login.asks_factor:
        return actors.at_gate(Role.ASKED, login.person_id, address)
    one_factor = premises().settings["SECOND_FACTOR"] == "yes" and not login.two_factors
    return actors.load(session, login.person_id, address, signed_in=True, one_factor=one_factor)


def _note(session: Session, login_id: int, news: dict[str, Any]) -> None:
    writing(session)
    session.execute(update(Login.__table__).where(Login.__table__.c.id == login_id).values(news))
    session.commit()


def keep(login_id: int, contents: dict[str, Any]) -> None:
    """Store what the browser's session holds."""
    with sight.wide("login") as session:
        writing(session)
        session.execute(update(Login.__table__).where(Login.__table__.c.id == login_id).values(contents=contents))
        session.commit()


# --- signing in ----------------------------------------------------------------------------------------------------


_FACTORS = select(SecondFactor.id).where(SecondFactor.person_id == bindparam("person")).limit(1)


def sign_in(name: str, password: str, address: str, browser: str, contents: dict[str, Any]) -> str:
    """Check a password and start a login (as ``start`` does). Gives the token for the cookie.

    Raises:
        TooMany: the account or the address failed too often lately.
        Incomplete: name or password is wrong; which one is not said.
    """
    person = _named(name)
    limits = Limits.of(person.public_id if person is not None else name, address)
    let_through = limits.begin(person)
    known = person.password if person is not None and person.password else passwords.nobodys()
    right = verified(limits, password, known)
    if person is None or not right or not person.active or person.disabled_at is not None or not person.password:
        limits.fail(person, "login.start", address)
        if let_through and not right:
            raise TooMany(WAIT)  # another answer would say that there is such an account, used from here
        if right and was_idle(person):  # whoever has the password learns nothing about anybody else
            raise Incomplete(LOCKED_IDLE)
        raise Incomplete(_("The name or the password is not right. Check both and try again."))
    limits.forget()
    return start(person, address, browser, contents, two_factors=False, known=known)


LOCKED_IDLE = _(
    "Nobody signed in to your account for a year, so it was locked. Ask the operator to open it again: your places are "
    "still there."
)


def was_idle(person: Person | None) -> bool:
    """Whether an account was locked because nobody signed in for a year."""
    if person is None or person.disabled_at is None:
        return False
    return bool(person.disabled_at.date() >= person.seen_on + dt.timedelta(days=IDLE_DAYS))


def _named(name: str) -> Person | None:
    """Who signs in by this name: the e-mail address counts before somebody else's user name that reads the same."""
    by_email, by_name = func.lower(Person.email) == name.lower(), func.lower(Person.username) == name.lower()
    with sight.wide("login") as session:
        found = select(Person).where(by_email | by_name).order_by(by_email.desc(), Person.id)
        return session.scalars(found.limit(1)).one_or_none()


def start(
    person: Person, address: str, browser: str, contents: dict[str, Any], *, two_factors: bool, known: str | None = None
) -> str:
    """Start a login for a person whose identity is proved. Gives the token for the cookie.

    By one factor alone, where the account has a second, it opens nothing before that one is shown (``prove``).

    Args:
        person: who has signed in.
        address: of the browser.
        browser: as it calls itself.
        contents: what the browser's session holds from the start.
        two_factors: whether they were shown.
        known: the hash the password fitted.

    Raises:
        Conflict: the account was locked, or got another password, while this one was looked at.
    """
    token, moment, hours = secrets.token_urlsafe(32), now(), premises().settings["LOGIN_HOURS"]
    with sight.wide("login") as session:
        writing(session)
        stored = alone(session, person.id)
        if not stored.active or stored.disabled_at is not None or known not in {None, stored.password}:
            raise Conflict(CHANGED)
        asks = not two_factors and session.scalar(_FACTORS, {"person": person.id}) is not None
        session.add(
            Login(
                token_hash=hash_of(token),
                person_id=person.id,
                started_at=moment,
                seen_at=moment,
                expires_at=moment + (FACTOR_WITHIN if asks else dt.timedelta(hours=hours)),
                two_factors=two_factors,
                asks_factor=asks,
                proved_at=moment,
                address=address[:45],
                browser=browser[:200],
                contents=contents,
            )
        )
        session.flush()
        if not asks:
            _see(session, person.id)
        log(session, "login.start", person, address)
        session.commit()
    return token


CHANGED = _("Your account has just been changed. Sign in again.")


def alone(session: Session, person_id: int) -> Person:
    """A person's account as stored, locked as by an act on it: it does not change while a login of it starts."""
    mine = select(Person).where(Person.id == person_id).with_for_update(of=Person, key_share=True)
    return session.execute(mine.execution_options(populate_existing=True)).unique().scalar_one()


def _see(session: Session, person_id: int) -> None:
    """Note that the person signed in today; once a day."""
    columns = Person.__table__.c
    mine = (columns.id == person_id, columns.seen_on < today())
    session.execute(update(Person.__table__).where(*mine).values(seen_on=today()))


def verified(limits: Limits, password: str, known: str) -> bool:
    """As ``passwords.fits``, within a try that counts; it does not when its turn has not come."""
    try:
        return passwords.fits(password, known)
    except TooMany:
        limits.take_back()
        raise


@act("login.prove", blind=True)
def prove(_actor: Actor, login: Login, *, two_factors: bool) -> None:
    """Note that the person has shown anew who they are; what the login waited for is done.

    Whether it was shown is asked before (``proving``).

    Raises:
        NotAllowed: the login waits for a second factor, and this was the first once more.
    """
    if login.asks_factor and not two_factors:
        raise NotAllowed(_("Show your second factor first."))
    if login.asks_factor:
        login.expires_at = now() + dt.timedelta(hours=premises().settings["LOGIN_HOURS"])
    login.asks_factor, login.two_factors = False, login.two_factors or two_factors
    login.proved_at = login.seen_at = now()
    login.locked_at = None
    _see(db.session(), login.person_id)


@act("login.lock", blind=True)
def lock(_actor: Actor, login: Login) -> None:
    """Lock a login at once, as if it had been idle for long: it opens nothing before the person shows who they are."""
    login.locked_at = now()


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
    end_where(db.session(), _of(person_id, but))


def end_half_open(person_id: int, but: int | None) -> None:
    """End those (but one) that were begun by one factor alone, inside the act under way."""
    end_where(db.session(), _of(person_id, but) & Login.__table__.c.two_factors.is_(False))


def _of(person_id: int, but: int | None) -> Any:
    table = Login.__table__
    return (table.c.person_id == person_id) & (table.c.id != (but or 0))


# --- a new password --------------------------------------------------------------------------------------------------


def change_password(actor: Actor, person: Person, *, old: str, password: str, again: str, login_id: int | None) -> None:
    """Set a new password after the present one is typed; every other login of the person ends.

    Raises:
        TooMany: the present password was typed wrongly too often.
        Incomplete: the present password is wrong, or the new one is not fit.
    """
    limits = Limits.of(person.public_id, actor.origin)
    limits.begin(person)
    if not verified(limits, old, person.password or passwords.nobodys()):
        limits.fail(person, "person.change-password", actor.origin)
        sentence = _("This is not your present password.")
        raise Incomplete(sentence, fields={"old": sentence})
    limits.forget()
    passwords.check(password, again, passwords.words_of(person))
    set_password(actor, person, was=person.password, known=passwords.hashed(password), login_id=login_id)


@act("person.change-password", blind=True)
def set_password(_actor: Actor, person: Person, *, was: str | None, known: str, login_id: int | None) -> None:
    """Keep the hash of a new password; every other login of the person ends, and no link an operator made opens it.

    Raises:
        Conflict: the password that was typed as the present one is not any more.
    """
    if person.password != was:
        raise Conflict(CHANGED)
    person.password, person.wrong_codes = known, 0  # whoever typed those knew the old one
    use_up_links(db.session(), person.id)
    end_all(person.id, but=login_id)


def use_up_links(session: Session, person_id: int) -> None:
    """From here on no one-time link made before sets the person's password (``links``)."""
    table = PasswordLink.__table__
    open_ones = (table.c.person_id == person_id, table.c.used_at.is_(None))
    session.execute(update(table).where(*open_ones).values(used_at=now()))
