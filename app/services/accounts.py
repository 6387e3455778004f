"""People's accounts: add, amend, disable, enable, preferences. Passwords and logins are ``logins``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete
from app.models import Country, Person, now
from app.services import logins
from app.words import _


@act("person.add", creates=Person)
def add(_actor: Actor, _country: Country, *, first_name: str, last_name: str, email: str, job_title: str | None) -> Person:
    """Make an account; it cannot sign in before a one-time link has set its password.

    Raises:
        Incomplete: the e-mail address has an account already.
    """
    if matching(email) is not None:
        sentence = _("There is an account with this e-mail address already.")
        raise Incomplete(sentence, fields={"email": sentence})
    return new_person(first_name=first_name, last_name=last_name, email=email, job_title=job_title)


def new_person(**known: Any) -> Person:
    """A person's row, not yet stored. The e-mail address is the user name."""
    email = str(known.pop("email")).strip().lower()
    return Person(username=email, email=email, active=True, **known)


def matching(email: str) -> int | None:
    """The id of the account with this e-mail address."""
    with sight.wide("account-match") as session:
        return session.scalar(select(Person.id).where(func.lower(Person.email) == email.strip().lower()))


@act("person.amend")
def amend(_actor: Actor, person: Person, **changes: Any) -> None:
    """Correct a person's name, job title, institution or e-mail address."""
    email = changes.get("email")
    if email and matching(email) not in (None, person.id):
        sentence = _("There is another account with this e-mail address.")
        raise Incomplete(sentence, fields={"email": sentence})
    for name, value in changes.items():
        setattr(person, name, value)
    person.version += 1  # Flask-AppBuilder's table: SQLAlchemy does not count its versions


@act("person.prefer")
def prefer(_actor: Actor, person: Person, *, language: str) -> None:
    """Keep the language a person reads the screens in."""
    person.language = language


@act("person.disable")
def disable(_actor: Actor, person: Person) -> None:
    """Lock an account at once: its logins end."""
    person.disabled_at = now()
    logins.end_all(person.id)


@act("person.enable")
def enable(_actor: Actor, person: Person) -> None:
    """Open a locked account again."""
    person.disabled_at = None
