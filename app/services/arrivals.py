"""Accounts elsewhere that open accounts here: an account of EU Login is one of ours, for good, by issuer and subject.

An e-mail address finds an account once, if EU Login has verified it and nothing else opens that account; afterwards it
opens nothing. Why it is so: ``docs/decisions``. Starting the login itself is ``logins``.
"""

from __future__ import annotations

import uuid

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import sight
from app.models import LoginIdentity, Person, db, now
from app.outside.providers import Arrival
from app.services import accounts
from app.services.limits import log, writing
from app.words import Role

BOUND = "login.bind"
"""The log's word for it."""


def arrive(arrival: Arrival, address: str) -> Person:
    """The person whose account this is: known, found by a verified address once, or made now without any place."""
    try:
        return _arrive(arrival, address)
    except IntegrityError:  # the same person arrived twice at one moment; the other one was first
        return _arrive(arrival, address)


def _arrive(arrival: Arrival, address: str) -> Person:
    with sight.wide("eu-login") as session:
        writing(session)
        identity = session.scalars(
            select(LoginIdentity)
            .where(LoginIdentity.issuer == arrival.issuer, LoginIdentity.subject == arrival.subject)
            .with_for_update()
        ).one_or_none()
        if identity is None:
            identity = _bound(session, arrival)
            session.flush()
            log(session, BOUND, identity.person, address)
        identity.email, identity.email_verified, identity.used_at = arrival.email, arrival.email_verified, now()
        person: Person = identity.person
        session.commit()
        session.expunge_all()
        return person


def _bound(session: Session, arrival: Arrival) -> LoginIdentity:
    person = _expected(session, arrival) or _newcomer(session, arrival)
    session.add(person)
    identity = LoginIdentity(
        person=person, issuer=arrival.issuer, subject=arrival.subject, bound_at=now(), used_at=now()
    )
    session.add(identity)
    return identity


def _expected(session: Session, arrival: Arrival) -> Person | None:
    """The account somebody made for this person: it has the verified address, and nothing opens it yet.

    A disabled one too: whoever was locked out does not come in as somebody new.
    """
    if not arrival.email_verified or arrival.email is None:
        return None
    person: Person | None = session.scalars(
        select(Person).where(func.lower(Person.email) == arrival.email.lower()).with_for_update(of=Person)
    ).one_or_none()
    if person is None or person.password:
        return None
    bound = session.scalar(select(LoginIdentity.id).where(LoginIdentity.person_id == person.id).limit(1))
    operator = Role.ADMIN.value in {role.name for role in person.roles}
    return person if bound is None and not operator else None


def _newcomer(session: Session, arrival: Arrival) -> Person:
    """An account without any place. An address that is not verified, or is somebody's here, stays on the identity alone."""
    email = arrival.email.lower() if arrival.email and arrival.email_verified and _free(session, arrival.email) else ""
    name = email.partition("@")[0] or "N. N."
    return accounts.new_person(
        email=email or f"{uuid.uuid4().hex}@{accounts.NOWHERE}",
        first_name=arrival.first_name or ("" if arrival.last_name else name[:64]),
        last_name=arrival.last_name,
    )


def _free(session: Session, email: str) -> bool:
    """Whether an address is one that mail reaches, and nobody here is known or signs in by it."""
    if not accounts.is_email(email):
        return False
    names = (func.lower(Person.email), func.lower(Person.username))
    taken = select(Person.id).where(or_(*(name == email.lower() for name in names)))
    return session.scalar(taken.limit(1)) is None


def news_of(person_id: int) -> LoginIdentity | None:
    """The account elsewhere that the person used last, if its address is another than the one kept here."""
    found: LoginIdentity | None = db.session.scalars(
        select(LoginIdentity)
        .where(LoginIdentity.person_id == person_id)
        .order_by(LoginIdentity.used_at.desc())
        .limit(1)
    ).one_or_none()
    if found is None or not found.email or found.email.lower() == found.person.email.lower():
        return None
    return found


def note_refusal(person: Person | None, address: str) -> None:
    """Note that somebody came from EU Login and was not let in."""
    with sight.wide("eu-login") as session:
        writing(session)
        log(session, "login.start", person, address, outcome="refused")
        session.commit()
