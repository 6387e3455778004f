"""One-time links: an operator makes one, a person sets a password with it. Passwords and logins are ``logins``."""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import NotAllowed, NotFound
from app.models import Login, PasswordLink, Person, db, now
from app.services import logins, messages, passwords
from app.services.limits import log, writing
from app.words import Role, _

HOURS = 2
TOLD = dt.timedelta(days=14)
"""How long Home tells a person that an operator made a link for them: by it the operator could have been them."""


@act("person.offer-link", blind=True)
def offer(_actor: Actor, person: Person) -> str:
    """Make a one-time link to set a password, good for two hours. Gives its token; earlier links end."""
    token = secrets.token_urlsafe(32)
    logins.use_up_links(db.session(), person.id)
    db.session.add(
        PasswordLink(
            person_id=person.id, token_hash=logins.hash_of(token), expires_at=now() + dt.timedelta(hours=HOURS)
        )
    )
    messages.post(person.id, "account.link-made", {"moment": now()})
    return token


def forget_password(person_id: int) -> None:
    """Take a person's password away, so that EU Login opens the account by its address. For the operator's command alone.

    Raises:
        NotAllowed: it is an operator's: EU Login would never open it, and nobody could.
    """
    with sight.wide("command") as session:
        writing(session)
        person = logins.alone(session, person_id)
        if Role.ADMIN.value in {held.name for held in person.roles}:
            raise NotAllowed(_("An operator keeps the password: EU Login opens no operator’s account by its address."))
        person.password = None
        logins.use_up_links(session, person_id)
        logins.end_where(session, Login.__table__.c.person_id == person_id)
        session.flush()
        log(session, "person.forget-password", person, "command")
        session.commit()


def made_for(person_id: int) -> dt.datetime | None:
    """When an operator last made a link to set this person's password, if that is not long ago: the person is told."""
    with sight.wide("password-link") as session:
        expires_at = session.scalar(
            select(func.max(PasswordLink.expires_at)).where(PasswordLink.person_id == person_id)
        )
    made_at = None if expires_at is None else expires_at - dt.timedelta(hours=HOURS)
    return made_at if made_at is not None and made_at > now() - TOLD else None


def owner(token: str) -> Person:
    """The person a one-time link was made for.

    Raises:
        NotFound: unknown, used or too old.
    """
    with sight.wide("password-link") as session:
        return _found(session, token).person


def _found(session: Session, token: str) -> PasswordLink:
    link = session.execute(
        select(PasswordLink).where(
            PasswordLink.token_hash == logins.hash_of(token),
            PasswordLink.used_at.is_(None),
            PasswordLink.expires_at > now(),
        )
    ).scalar_one_or_none()
    if link is None or not link.person.active or link.person.disabled_at is not None:
        raise NotFound(_("This link has been used or is too old. Ask the operator for a new one."))
    return link


def use(token: str, password: str, again: str, address: str) -> None:
    """Set a new password by a one-time link; all logins of the person end.

    Raises:
        NotFound: unknown, used or too old.
        Incomplete: the new password is not fit.
        TooMany: many passwords are looked at in this moment.
    """
    person = owner(token)
    passwords.check(password, again, passwords.words_of(person))
    known = passwords.hashed(password)  # before anything is locked: it takes long
    with sight.wide("password-link") as session:
        writing(session)
        stored = logins.alone(session, person.id)
        _found(session, token)  # nobody has used it meanwhile, and the account is open still
        logins.use_up_links(session, person.id)
        stored.password, stored.wrong_codes = known, 0
        logins.end_where(session, Login.__table__.c.person_id == person.id)
        session.flush()
        log(session, "person.set-password", stored, address)
        session.commit()
