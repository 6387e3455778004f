"""Passwords: how they are hashed, and which are fit. Whose they are, and signing in with them, is ``logins``.

As NIST SP 800-63B has it: length counts, no rule of mixed signs, none that is common or about oneself, no end by date.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.errors import Incomplete
from app.models import Person
from app.outside import guesses
from app.services.limits import TooMany
from app.words import _

SHORTEST = 12
LONGEST = 256

_hashes = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))  # as OWASP advises
_hashing = threading.BoundedSemaphore(2)  # a storm of logins must not starve the pages
TURN_SECONDS = 2.0
"""How long it waits for its turn to be hashed; logins have waited before (``doors``), here it holds a thread that works."""


@cache
def nobodys() -> str:
    """A hash no password fits: so an unknown name takes as long as a wrong password. Made when first needed."""
    return hashed(secrets.token_urlsafe(16))


def fits(password: str, known: str) -> bool:
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
        TooMany: as with ``fits``.
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


def words_of(person: Person) -> tuple[str, ...]:
    """What a person is called: nothing of it makes a password."""
    return (person.first_name, person.last_name, person.email, person.username)


def check(password: str, again: str, own: Iterable[str]) -> None:
    """Refuse a new password that is too short or long, common, about its owner, or not repeated.

    Args:
        password: as it was typed.
        again: as it was typed a second time.
        own: what its owner is called (``words_of``).

    Raises:
        Incomplete: with the sentence by its field.
    """
    if len(password) < SHORTEST:
        sentence = _("Use at least %(count)s characters. A short sentence is easy to remember.", count=SHORTEST)
        raise Incomplete(_("The new password is too short."), fields={"password": sentence})
    if len(password) > LONGEST:
        sentence = _("Use at most %(count)s characters.", count=LONGEST)
        raise Incomplete(_("The new password is too long."), fields={"password": sentence})
    if guesses.is_about(password, ["cpms", *own]):
        sentence = _(
            "Your name or your address is the first thing somebody tries. Use a sentence about something else."
        )
        raise Incomplete(_("The new password is easy to guess."), fields={"password": sentence})
    if guesses.is_common(password):
        sentence = _("Many people use this password or one like it. Use a short sentence nobody else would think of.")
        raise Incomplete(_("The new password is easy to guess."), fields={"password": sentence})
    if not hmac.compare_digest(password.encode(), again.encode()):
        sentence = _("The two passwords differ. Type the same one twice.")
        raise Incomplete(sentence, fields={"again": sentence})
