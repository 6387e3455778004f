"""Second factors of one's own account: added, named, removed; recovery codes; what an operator does when all are lost.

Whether one is right, at a login, is ``proving``. Accounts of EU Login have theirs there.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Any, NamedTuple

import pyotp
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import Conflict, Incomplete, NotAllowed
from app.models import Person, RecoveryCode, SecondFactor, db, now
from app.outside.passkeys import Key
from app.outside.vault import Place
from app.premises import premises
from app.services import logins, messages
from app.words import FactorKind, Role, _

MOST = 10
"""Second factors an account has at most."""
CODES = 10
CODE_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
"""No signs that look like others on paper."""
GROUPS, GROUP = 4, 4
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""How far a phone's clock may be off, in steps, either way."""


class Standing(NamedTuple):
    """What an account has beside its password."""

    factors: list[SecondFactor]
    codes_left: int
    needed: bool
    """Whether the account must have one."""


def standing(actor: Actor, person: Person) -> Standing:
    """One's own second factors, the first one first."""
    mine = select(SecondFactor).where(SecondFactor.person_id == person.id).order_by(SecondFactor.id)
    return Standing(list(db.session.scalars(mine)), codes_left(person.id), needed(actor))


def has(person: Person) -> bool:
    """Whether the reader sees that the account has a second factor: one's own, or anybody's to an operator."""
    return _count(person) > 0


def codes_left(person_id: int) -> int:
    """How many recovery codes a person has left."""
    with sight.wide("second-factor") as session:
        counted = select(func.count(RecoveryCode.id)).where(RecoveryCode.person_id == person_id)
        return session.scalar(counted) or 0


def kinds_of(person_id: int) -> set[FactorKind]:
    """What kinds of second factor an account has, asked before it is open."""
    with sight.wide("second-factor") as session:
        return set(session.scalars(select(SecondFactor.kind).where(SecondFactor.person_id == person_id)))


def passkeys_of(person_id: int) -> list[bytes]:
    """By what names a browser knows an account's passkeys."""
    with sight.wide("second-factor") as session:
        mine = (SecondFactor.person_id == person_id, SecondFactor.credential.is_not(None))
        return [bytes(one) for one in session.scalars(select(SecondFactor.credential).where(*mine)) if one]


def needed(actor: Actor) -> bool:
    """Whether an account with these roles must have a second factor, where it has a password."""
    return premises().settings["SECOND_FACTOR"] == "yes" and actor.roles != frozenset({Role.ANY})


def for_whom(person: Person) -> bool:
    """Whether an account has second factors here: one that signs in here, with a password or in a demo by a click."""
    return premises().settings.demo or (premises().settings["PASSWORD_LOGIN"] and bool(person.password))


def new_secret() -> str:
    """A secret for an app that makes codes, as it is typed into one."""
    return pyotp.random_base32()


def known_secret(sent: str | None) -> str:
    """The secret a page has shown already, if it is one; else a new one."""
    return sent if sent and re.fullmatch("[A-Z2-7]{32}", sent) else new_secret()


def address_of(secret: str, person: Person) -> str:
    """The secret as an app reads it from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=str(person.email), issuer_name="CPMS")


def step_of(secret: str, code: str) -> int | None:
    """The time step a code is of, if it is one of this moment."""
    totp, present = pyotp.TOTP(secret), int(now().timestamp()) // STEP_SECONDS
    fitting = None
    for step in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            fitting = step
    return fitting


# --- added, named, removed -------------------------------------------------------------------------------------------


@act("factor.add-app", creates=SecondFactor, blind=True)
def add_app(_actor: Actor, person: Person, *, name: str, secret: str, code: str, login_id: int | None) -> SecondFactor:
    """Add an app, once it has made a code that is right; this code opens nothing any more.

    Args:
        person: whose it is, as with the other acts.
        name: what they call it.
        secret: the app's.
        code: what it shows.
        login_id: of the browser at hand: the others that showed a password alone end, or who came before the factor would
            stay in without it, and could add another one.

    Raises:
        Incomplete: the code is not right.
        Conflict: this app is there already; each of its codes would open the account twice.
        NotAllowed: the account's second factor is elsewhere, or it has very many.
    """
    apps = (SecondFactor.person_id == person.id, SecondFactor.kind == FactorKind.APP)
    if secret.encode() in {content_of(one) for one in db.session.scalars(select(SecondFactor).where(*apps))}:
        raise Conflict(_("This app has been added already. It stands in the list of your second factors."))
    step = step_of(secret, "".join(code.split()))
    if step is None:
        sentence = _("This is not the code your app shows now. Look at its clock, and type the code it shows next.")
        raise Incomplete(sentence, fields={"code": sentence})
    return _added(person, login_id, FactorKind.APP, name, secret.encode(), counter=step)


@act("factor.add-passkey", creates=SecondFactor, blind=True)
def add_passkey(_actor: Actor, person: Person, *, name: str, key: Key, login_id: int | None) -> SecondFactor:
    """Add a passkey a browser has made; other logins end as with ``add_app``.

    Raises:
        NotAllowed: the account's second factor is elsewhere, or it has very many.
    """
    made = (name, key.public_key)
    return _added(person, login_id, FactorKind.PASSKEY, *made, counter=key.counter, credential=key.credential)


def _added(person: Person, login_id: int | None, kind: FactorKind, *made: Any, **given: Any) -> SecondFactor:
    if not for_whom(person):
        raise NotAllowed(_("You sign in with EU Login, which asks for two factors itself."))
    if _count(person) >= MOST:
        raise NotAllowed(_("You have %(count)s second factors. Remove one you do not use.", count=MOST))
    logins.end_half_open(person.id, but=login_id)
    messages.post(person.id, "account.factor-added", {"kind": kind, "moment": now()})
    return sealed(person.id, kind, *made, **given)


def sealed(
    person_id: int, kind: FactorKind, name: str, content: bytes, *, counter: int, credential: bytes | None = None
) -> SecondFactor:
    """A second factor's row, not yet stored; an app's secret, or a passkey's public key, is sealed in it."""
    factor = SecondFactor(person_id=person_id, kind=kind, name=name, counter=counter, added_at=now())
    factor.public_id, factor.credential = secrets.token_hex(16), credential
    factor.wrapped_key = premises().vault.new_key(_purpose(factor))
    factor.sealed = premises().vault.seal(factor.wrapped_key, _purpose(factor), content, _place(factor))
    return factor


def content_of(factor: SecondFactor) -> bytes:
    """An app's secret, or a passkey's public key."""
    return premises().vault.open(factor.wrapped_key, _purpose(factor), factor.sealed, _place(factor))


def _purpose(factor: SecondFactor) -> bytes:
    return b"second factor:" + factor.public_id.encode()


def _place(factor: SecondFactor) -> Place:
    return Place(SecondFactor.__tablename__, "sealed", factor.public_id)


def _count(person: Person) -> int:
    counted = select(func.count(SecondFactor.id)).where(SecondFactor.person_id == person.id)
    return db.session.scalar(counted) or 0


@act("factor.rename", blind=True)
def rename(_actor: Actor, factor: SecondFactor, *, name: str) -> None:
    """Call a second factor by another name."""
    factor.name = name


@act("factor.remove", blind=True, gives_away=True)
def remove(actor: Actor, factor: SecondFactor, *, login_id: int | None) -> None:
    """Remove a second factor; with the last one the recovery codes go.

    Every other login of the person ends: it may have been begun with what is lost.

    Raises:
        Conflict: the account must have one, and this is the last.
    """
    logins.alone(db.session(), factor.person_id)  # of two removed at one moment each would count the other
    last = _count(factor.person) == 1
    if last and needed(actor):
        raise Conflict(_("Your account needs a second factor, and this is the only one. Add another one first."))
    messages.post(factor.person_id, "account.factor-removed", {"kind": factor.kind, "moment": now()})
    logins.end_all(factor.person_id, but=login_id)
    db.session.delete(factor)
    if last:
        _forget_codes(db.session(), factor.person_id)


# --- recovery codes --------------------------------------------------------------------------------------------------


@act("factor.make-codes", blind=True)
def make_codes(_actor: Actor, person: Person) -> list[str]:
    """Make ten recovery codes; earlier ones open nothing any more. They are shown now and never again.

    Raises:
        Conflict: there is no second factor they could stand for.
    """
    if not _count(person):
        raise Conflict(_("Add a second factor first. The codes are for the day it is lost."))
    _forget_codes(db.session(), person.id)
    made = ["-".join(_group() for _part in range(GROUPS)) for _code in range(CODES)]
    db.session.add_all(
        RecoveryCode(person_id=person.id, code_hash=hash_of(person.id, code), made_at=now()) for code in made
    )
    return made


def _group() -> str:
    return "".join(secrets.choice(CODE_SIGNS) for _sign in range(GROUP))


def hash_of(person_id: int, code: str) -> bytes:
    """What is stored of a recovery code, however it is typed."""
    plain = "".join(sign for sign in code.casefold() if sign.isalnum())
    return hmac.digest(premises().settings.key("recovery codes"), f"{person_id}:{plain}".encode(), "sha256")


def _forget_codes(session: Session, person_id: int) -> None:
    session.execute(delete(RecoveryCode.__table__).where(RecoveryCode.__table__.c.person_id == person_id))


# --- all are lost ----------------------------------------------------------------------------------------------------


@act("person.reset-factors", blind=True)
def reset(actor: Actor, person: Person) -> None:
    """Take a person's second factors and recovery codes away, and end their logins: at the next one they set up anew.

    Raises:
        NotAllowed: they are one's own.
        Conflict: there is none.
    """
    if person.id == actor.user_id:
        raise NotAllowed(_("Remove your own on the page “My logins and second factor”."))
    found = db.session.scalars(select(SecondFactor).where(SecondFactor.person_id == person.id)).all()
    if not found:
        raise Conflict(_("This account has no second factor."))
    for factor in found:
        db.session.delete(factor)
    _forget_codes(db.session(), person.id)
    person.wrong_codes = 0
    logins.end_all(person.id)
    messages.post(person.id, "account.factors-reset", {"moment": now()})
