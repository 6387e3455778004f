"""Which passwords somebody would guess: by lists of those in common use, and by what people make of them.

The lists are zxcvbn's (MIT): passwords of known breaches, names, words, dates, rows of keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FEWEST = 10**9
"""Guesses a good guesser needs at the least."""
LOOKED_AT = 72
"""Characters that are looked at: more cost much time, and none of these is easily guessed any more."""
OWN_LETTERS = 6
"""Letters a password has beside words of one's own account."""


def is_common(password: str) -> bool:
    """Whether a good guesser finds it soon: a common password, also with digits behind it or letters exchanged."""
    from zxcvbn import zxcvbn  # noqa: PLC0415  its lists are 13 MB, and few processes are told a new password

    return bool(zxcvbn(password[:LOOKED_AT], max_length=LOOKED_AT)["guesses"] < FEWEST)


def is_about(password: str, own: Iterable[str]) -> bool:
    """Whether hardly anything is left of a password without words of one's own: names, address, user name."""
    words = {part for text in own for part in (text.casefold(), *re.split(r"[^\w]+|_", text.casefold()))}
    rest = password.casefold()
    for word in sorted((word for word in words if len(word) > 2), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != password.casefold() and sum(sign.isalpha() for sign in rest) < OWN_LETTERS
