"""Whether somebody is who they say: a code, a recovery code, a passkey, the password once more. Each works once.

What follows from it, for a login, is ``logins.start`` and ``logins.prove``; what an account has is ``factors``.
"""

from __future__ import annotations

import datetime as dt
import secrets
from contextlib import suppress
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app import sight
from app.errors import Incomplete, NotAllowed
from app.models import PasskeyQuestion, Person, RecoveryCode, SecondFactor, now, today
from app.outside import passkeys
from app.outside.passkeys import Key, Site, Untrue
from app.services import factors, limits, logins, messages, passwords
from app.services.limits import Limits, log, writing
from app.words import FactorKind, _

QUESTION_MINUTES = 5
MOST_QUESTIONS = 600
"""Questions to passkeys from one address within the limits' window: a hospital whose people all come at eight."""

TELLING = 5
"""After so many wrong codes in a row, and each time as many more, the owner is told; by mail, once a day."""
MOST_WRONG = 100
"""After so many in a row no code opens the account before the password or its factors are new (NIST SP 800-63B, rate limiting)."""

WRONG_CODE = _("This code is not right, or it was used before. Type the one your app shows now.")
CLOSED = _(
    "Very many wrong codes were typed for this account, one after the other, so no code opens it any more. Use a passkey, or "
    "ask the operator to reset your second factor."
)
NOT_KNOWN = _("This passkey opens no account here. Sign in another way.")


# --- a code ----------------------------------------------------------------------------------------------------------


def by_code(person: Person, code: str, address: str) -> None:
    """Check a code of an app or a recovery code; it is used up.

    Raises:
        TooMany: too many were wrong lately.
        NotAllowed: a hundred were wrong, one after the other.
        Incomplete: it is not right, or was used before; when several were, the person is told by mail, once a day.
    """
    counted = Limits.of(f"second factor of {person.public_id}", address)
    counted.begin(None)
    if person.wrong_codes >= MOST_WRONG:
        counted.take_back()
        raise NotAllowed(CLOSED)
    plain = "".join(sign for sign in code if sign.isalnum())
    right = _of_app(person.id, plain) if plain.isdecimal() and len(plain) == 6 else _of_recovery(person.id, plain)
    if not right:
        counted.fail(person, "login.prove", address)
        if _wrong_in_a_row(person.id) % TELLING == 0:
            _tell(person)
        raise Incomplete(WRONG_CODE, fields={"code": WRONG_CODE})
    counted.forget()
    if person.wrong_codes:
        _wrong_in_a_row(person.id, known=0)


def _wrong_in_a_row(person_id: int, known: int | None = None) -> int:
    """Count one wrong code more, or begin anew with ``known``. Gives how many there are."""
    table = Person.__table__
    with sight.wide("second-factor") as session:
        writing(session)
        number = table.c.wrong_codes + 1 if known is None else known
        counted = update(table).where(table.c.id == person_id).values(wrong_codes=number).returning(table.c.wrong_codes)
        found = session.scalar(counted) or 0
        session.commit()
        return found


def _of_app(person_id: int, code: str) -> bool:
    """Whether one of the person's apps shows this code; its time step is taken by one statement, so by one browser."""
    with sight.wide("second-factor") as session:
        mine = (SecondFactor.person_id == person_id, SecondFactor.kind == FactorKind.APP)
        known = [
            (one.id, factors.content_of(one).decode()) for one in session.scalars(select(SecondFactor).where(*mine))
        ]
    steps = [(factor_id, factors.step_of(secret, code)) for factor_id, secret in known]
    return any(_count_on(factor_id, step) for factor_id, step in steps if step is not None)


def _count_on(factor_id: int, counter: int) -> bool:
    """Whether nobody was there before: what a factor counts only grows."""
    with sight.wide("second-factor") as session:
        writing(session)
        later = update(SecondFactor).where(SecondFactor.id == factor_id, SecondFactor.counter < counter)
        done: Any = session.execute(later.values(counter=counter, used_at=now()))
        session.commit()
        return bool(done.rowcount == 1)


def _of_recovery(person_id: int, code: str) -> bool:
    with sight.wide("second-factor") as session:
        writing(session)
        mine = (RecoveryCode.person_id == person_id, RecoveryCode.code_hash == factors.hash_of(person_id, code))
        done: Any = session.execute(delete(RecoveryCode).where(*mine))
        if done.rowcount == 1:
            log(session, "factor.use-code", session.get_one(Person, person_id), "")
            messages.post(person_id, "account.recovery-used", {"moment": now()}, session=session)
        session.commit()
        return bool(done.rowcount == 1)


def _tell(person: Person) -> None:
    slot = f"wrong-codes {person.public_id} {today().isoformat()}"
    with suppress(IntegrityError):  # told today already
        messages.post(person.id, "account.wrong-codes", {"moment": now()}, slot=slot)


# --- the password once more ------------------------------------------------------------------------------------------


def by_password(person: Person, password: str, address: str) -> None:
    """Check the password of somebody who has signed in.

    Raises:
        TooMany: it was typed wrongly too often.
        Incomplete: it is wrong.
    """
    counted = Limits.of(person.public_id, address)
    counted.begin(person)
    if not logins.verified(counted, password, person.password or passwords.nobodys()):
        counted.fail(person, "login.prove", address)
        sentence = _("This is not your password.")
        raise Incomplete(sentence, fields={"password": sentence})
    counted.forget()


# --- a passkey -------------------------------------------------------------------------------------------------------


def question(address: str, person_id: int | None = None) -> bytes:
    """What a passkey is asked to sign: random, good for five minutes and for one answer.

    Args:
        address: of the browser.
        person_id: who is asked; ``None`` at the login page, where nobody is known yet.

    Raises:
        TooMany: very many were asked from this address.
    """
    limits.count_try("passkey", limits.place_of(address), MOST_QUESTIONS)
    made = secrets.token_bytes(32)
    with sight.wide("second-factor") as session:
        writing(session)
        old = now() - dt.timedelta(minutes=QUESTION_MINUTES)
        session.execute(delete(PasskeyQuestion).where(PasskeyQuestion.asked_at < old))
        session.add(PasskeyQuestion(question_hash=logins.hash_of(made.hex()), person_id=person_id, asked_at=now()))
        session.commit()
    return made


def _take(asked: bytes, person_id: int | None) -> None:
    """Take a question back.

    Raises:
        Untrue: it was not asked of this person, or not lately, or is answered already.
    """
    since = now() - dt.timedelta(minutes=QUESTION_MINUTES)
    same = PasskeyQuestion.person_id.is_(None) if person_id is None else PasskeyQuestion.person_id == person_id
    with sight.wide("second-factor") as session:
        writing(session)
        mine = (PasskeyQuestion.question_hash == logins.hash_of(asked.hex()), same, PasskeyQuestion.asked_at > since)
        done: Any = session.execute(delete(PasskeyQuestion).where(*mine))
        session.commit()
    if done.rowcount != 1:
        raise Untrue


def made_passkey(person: Person, answer: str, site: Site) -> Key:
    """The passkey a browser has made for a person.

    Raises:
        Incomplete: it is not believed.
    """
    try:
        told, _credential, asked = passkeys.read(answer)
        _take(asked, person.id)
        return passkeys.added(site, told, asked)
    except Untrue as fault:
        raise Incomplete(_("The passkey could not be added. Try again.")) from fault


def by_passkey(answer: str, site: Site, address: str, person: Person | None = None) -> Person:
    """Whose passkey answered; with a person, only that one's counts.

    Raises:
        Incomplete: it is not believed, or is nobody's who may sign in. Which, is not said.
    """
    try:
        told, credential, asked = passkeys.read(answer)
        _take(asked, None if person is None else person.id)
        return _shown(told, credential, asked, site, person)
    except Untrue as fault:
        with sight.wide("limits") as session:
            writing(session)
            log(session, "login.start" if person is None else "login.prove", person, address, "refused")
            session.commit()
        raise Incomplete(NOT_KNOWN) from fault


def _shown(told: dict[str, Any], credential: bytes, asked: bytes, site: Site, wanted: Person | None) -> Person:
    with sight.wide("second-factor") as session:
        known = select(SecondFactor, Person).join(Person, SecondFactor.person_id == Person.id)
        row = session.execute(known.where(SecondFactor.credential == credential)).first()
        if row is None:
            raise Untrue
        factor, owner = row
        key = Key(credential, factors.content_of(factor), factor.counter)
    counted = passkeys.proved(site, told, asked, key)
    if wanted is not None and owner.id != wanted.id:
        raise Untrue
    if not owner.active or owner.disabled_at is not None or not factors.for_whom(owner):
        raise Untrue
    if counted and not _count_on(factor.id, counted):
        raise Untrue
    return owner
