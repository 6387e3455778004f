"""Names as people type them when they look for somebody: small letters, no accents, word by word."""

from __future__ import annotations

import re
import unicodedata

STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that Unicode does not take apart."""
LONGEST = 64
_WORD = re.compile(r"[^\W_]+")


def words(name: str) -> list[str]:
    """The words of a name, each once, in their order: ``Łukasz Müller-Šimić`` is lukasz, muller, simic."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(STROKES)
    return list(dict.fromkeys(word[:LONGEST] for word in _WORD.findall(plain)))
