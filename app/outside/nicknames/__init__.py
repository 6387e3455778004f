"""Nicknames: three plain words that stand for a patient and say nothing about them.

Lives here: the words (``words.toml``), what they must never hold (``denied.toml``, which only the tests read) and the
drawing of a name. Does not live here: that a nickname is unique (a constraint; ``services/patients`` draws again).

The words are drawn by chance and from nothing: no part of a nickname depends on the person, the hospital or the day.
"""

from __future__ import annotations

import random
import tomllib
from importlib import resources
from typing import Final


def _read_words() -> tuple[tuple[str, ...], ...]:
    lists = tomllib.loads(resources.files(__name__).joinpath("words.toml").read_text("utf-8"))
    return tuple(tuple(lists[place].split()) for place in ("first", "second", "third"))


WORDS: Final = _read_words()
"""The words for the first, the second and the third place, in lower case."""


def propose(chance: random.Random | None = None) -> str:
    """Draw a nickname such as "Quiet Cedar Harbour", each one equally likely; it may be taken already.

    Args:
        chance: a source of one's own makes demo data repeatable; without it the system's is used, which nobody can
            foresee.
    """
    chance = chance or random.SystemRandom()
    return " ".join(chance.choice(words).capitalize() for words in WORDS)
