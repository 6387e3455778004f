"""A kind of work on Home. Each page says what of its own waits; ``home`` puts the kinds in order."""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """One kind of work: what it is, the things that wait, what to read when none does."""

    title: object
    items: list[dict[str, object]]
    empty: object | None = None
    more: tuple[str, str] | None = None
