"""What differs between two texts, entry by entry and word by word. Shown to people; nothing is decided from it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Piece(NamedTuple):
    """A run of words: ``same``, ``added`` or ``removed``."""

    kind: str
    words: str


class Change(NamedTuple):
    """An entry that differs: its key, and its words in reading order, what is gone before what came."""

    key: str
    pieces: list[Piece]


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """The entries of ``new`` that differ from ``old``, in the order of ``old``; one that is new comes last."""
    keys = dict.fromkeys([*old, *new])
    return [
        Change(key, [*_pieces(old.get(key, ""), new.get(key, ""))])
        for key in keys
        if old.get(key, "") != new.get(key, "")
    ]


def _pieces(old: str, new: str) -> Iterator[Piece]:
    before, after = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for kind, start, end, begins, ends in matcher.get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(before[start:end]))
            continue
        if end > start:
            yield Piece("removed", "".join(before[start:end]))
        if ends > begins:
            yield Piece("added", "".join(after[begins:ends]))
