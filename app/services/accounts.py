"""People's accounts: add, amend, disable, enable, preferences. Passwords and logins are ``logins``.

What a person may do where is ``people``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import func, or_, select

from app import audit, sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, NotAllowed
from app.models import Country, LoginIdentity, Person, db, now, today
from app.services import days, jobs, logins, passwords
from app.tables import engines
from app.words import LANGUAGES, Role, _

LONGEST_EMAIL = 128
NOWHERE = "no-mail.invalid"
"""The domain of addresses that stand for none: Flask-AppBuilder wants an address, and each another one."""
_EMAIL = re.compile(r"[^\s@<>\"',;]+@([^\s@<>\"',;.]+\.)+[^\s@<>\"',;.]{2,}")


@dataclass(frozen=True)
class Typed:
    """A person as somebody who appoints them types it: the e-mail address finds or makes the account."""

    email: str
    first_name: str
    last_name: str
    job_title: str | None = None
    institution: str | None = None
    country_code: str | None = None


@act("person.add", creates=Person)
def add(
    _actor: Actor, country: Country, *, first_name: str, last_name: str, email: str, job_title: str | None = None
) -> Person:
    """Make an account; it cannot sign in before a one-time link has set its password.

    Raises:
        Incomplete: the e-mail address is none, or has an account already.
    """
    check_names({"first_name": first_name, "last_name": last_name})
    check_email(email)
    _refuse_taken(email)
    return new_person(
        first_name=first_name, last_name=last_name, email=email, job_title=job_title, country_code=country.code
    )


@act("person.make", creates=Person, gives_away=True)
def make(_actor: Actor, _place: object, *, typed: Typed) -> Person:
    """Make the account of a person appointed to a place by an e-mail address nobody has yet.

    Raises:
        Incomplete: somebody signs in by this address.
    """
    _refuse_taken(typed.email)
    return new_person(**asdict(typed))


def found_or_made(actor: Actor, typed: Typed, place: object = None) -> int:
    """The id of the account with the typed e-mail address; its names stay as they are, a new one gets the typed ones.

    Raises:
        Incomplete: the e-mail address is none, or somebody else's user name, or not its account's any more; or a name has
            no letter.
    """
    check_names({"first_name": typed.first_name, "last_name": typed.last_name})
    check_email(typed.email)
    known = matching(typed.email)
    if known is None:
        return int(make(actor, place, typed=typed).id)
    if not keeps_its_address(known):
        sentence = _(
            "The account with this address comes from EU Login with another one by now, so the address may be somebody "
            "else’s today. Ask the operator to correct the account."
        )
        raise Incomplete(sentence, fields={"email": sentence})
    return known


def check_names(names: Mapping[str, str | None]) -> None:
    """Refuse names without a letter.

    Raises:
        Incomplete: with the sentence by the name's field.
    """
    for field, name in names.items():
        if not any(sign.isalpha() for sign in name or ""):
            sentence = _("A name has at least one letter.")
            raise Incomplete(sentence, fields={field: sentence})


def check_email(email: str) -> None:
    """Refuse what is no e-mail address.

    Raises:
        Incomplete: with the sentence by ``email``.
    """
    if not is_email(email):
        sentence = _("This is not an e-mail address such as name@hospital.example.")
        raise Incomplete(sentence, fields={"email": sentence})


def is_email(email: str) -> bool:
    """Whether mail could reach this address."""
    fits = len(email) <= LONGEST_EMAIL and _EMAIL.fullmatch(email.strip()) is not None
    return fits and not _is_nowhere(email)


def _is_nowhere(email: str) -> bool:
    return email.strip().lower().endswith(f"@{NOWHERE}")


def mailbox(person: Person) -> str | None:
    """The address mail to a person goes to; ``None`` while none is known that is the person's own for certain."""
    email: str = person.email
    return None if _is_nowhere(email) else email


def new_person(**known: Any) -> Person:
    """A person's row, not yet stored. The e-mail address is the user name."""
    email = str(known.pop("email")).strip().lower()
    return Person(username=email, email=email, active=True, **known)


def matching(email: str) -> int | None:
    """The id of the account with this e-mail address."""
    with sight.wide("account-match") as session:
        found: int | None = session.scalar(select(Person.id).where(func.lower(Person.email) == email.strip().lower()))
    return found


def holder(email: str) -> int | None:
    """The id of the account with this e-mail address, if it is still its own."""
    known = matching(email)
    return known if known is not None and keeps_its_address(known) else None


def keeps_its_address(person_id: int) -> bool:
    """Whether an account's address is still its own: nobody has vouched for another one since. Addresses change hands."""
    last_vouched = (
        select(func.lower(LoginIdentity.email) == func.lower(Person.email))
        .join(Person, Person.id == LoginIdentity.person_id)
        .where(Person.id == person_id, LoginIdentity.email_verified)
        .order_by(LoginIdentity.used_at.desc())
        .limit(1)
    )
    with sight.wide("account-match") as session:
        return session.scalar(last_vouched) is not False


def _refuse_taken(email: str, but: int = 0) -> None:
    """Refuse an e-mail address that another account has, or signs in by: a name to sign in by leads to one account.

    Raises:
        Incomplete: with the sentence by ``email``.
    """
    names, wanted = (func.lower(Person.email), func.lower(Person.username)), email.strip().lower()
    with sight.wide("account-match") as session:
        taken = select(Person.id).where(or_(*(name == wanted for name in names)), Person.id != but)
        found = session.scalar(taken.limit(1))
    if found is not None:
        sentence = _("There is another account with this e-mail address.")
        raise Incomplete(sentence, fields={"email": sentence})


@act("person.amend")
def amend(_actor: Actor, person: Person, **changes: Any) -> None:
    """Correct a person's name, job title, institution or e-mail address.

    Raises:
        Incomplete: the e-mail address is none, or another account's.
    """
    check_names({name: changes[name] for name in ("first_name", "last_name") if name in changes})
    if changes.get("email"):
        changes["email"] = changes["email"].strip().lower()
    if changes.get("email", person.email) != person.email:
        _move(person, changes["email"])
    for name, value in changes.items():
        setattr(person, name, value)
    person.version += 1  # Flask-AppBuilder's table: SQLAlchemy does not count its versions


def _move(person: Person, email: str) -> None:
    """Check a new e-mail address; a user name that was the old one follows, so that nobody else's can meet it."""
    check_email(email)
    _refuse_taken(email, but=person.id)
    if person.username == person.email:
        person.username = email


@act("person.prefer", blind=True)
def prefer(_actor: Actor, person: Person, *, language: str, **more: str | None) -> None:
    """Keep the language a person reads the screens in, and that of mails (``mail_language``) and the ``time_zone``.

    Raises:
        Incomplete: there is no such language or zone here.
    """
    offered = {"mail_language": {None, *LANGUAGES}, "time_zone": {None, *days.zones()}}
    wrong = [name for name in more if more[name] not in offered[name]]
    if language not in LANGUAGES or wrong:
        sentence = _("Choose one of the list.")
        raise Incomplete(sentence, fields=dict.fromkeys(wrong or ["language"], sentence))
    person.language = language
    for name, value in more.items():
        setattr(person, name, value)


@act("person.disable", blind=True)
def disable(actor: Actor, person: Person) -> None:
    """Lock an account at once: its logins end.

    Raises:
        NotAllowed: it is one's own; nobody else operates the platform.
    """
    if person.id == actor.user_id:
        raise NotAllowed(_("Nobody locks their own account. Ask another operator."))
    refuse_last_operator(person)
    lock(person)


def lock(person: Person) -> None:
    """Lock an account inside the act under way."""
    person.disabled_at = now()
    jobs.ask("requests.sweep", {})
    jobs.ask("photos.sweep", {})
    logins.end_all(person.id)


def refuse_last_operator(person: Person) -> None:
    """Refuse to close the only account that operates the platform. Two operators close theirs one after the other.

    Raises:
        NotAllowed: nobody else operates it.
    """
    engines.alone(db.session(), engines.OPERATORS)
    with sight.wide("operators") as session:
        open_ones = (Person.active, Person.disabled_at.is_(None))
        operating = select(Person.id).where(Person.roles.any(FabRole.name == Role.ADMIN.value), *open_ones)
        if set(session.scalars(operating.limit(2))) == {person.id}:
            raise NotAllowed(_("Nobody else operates this platform. Make another operator first."))


@act("person.enable", blind=True)
def enable(_actor: Actor, person: Person) -> None:
    """Open a locked account again; the year without signing in begins anew."""
    person.disabled_at, person.seen_on = None, today()


def make_operator(person_id: int, password: str = "") -> None:
    """Give an account the role Admin, and a password where one was typed. For the operator's command alone."""
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        person = session.get_one(Person, person_id)
        role = session.scalars(select(FabRole).where(FabRole.name == Role.ADMIN.value)).one_or_none()
        if Role.ADMIN.value not in {held.name for held in person.roles}:
            person.roles.append(role or FabRole(name=Role.ADMIN.value))
        if password:
            person.password = passwords.hashed(password)
        session.flush()
        entry = audit.Entry("person.make-operator", "done", None, "command", thing="Person", thing_id=person.public_id)
        audit.write(session, [entry])
        session.commit()
