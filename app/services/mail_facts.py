"""What a kind of mail is, and the facts of mails: their shapes, how each is kept, and how a reader reads it.

Which kinds there are is ``mail_kinds``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime

from app.labels import LABELS


class Shape(Enum):
    """What a fact is, so that it is said in the receiver's language."""

    TEXT = "a name of a hospital, a network or a colleague"
    WORD = "a word of our vocabulary (``words``)"
    COUNT = "how many"
    DAY = "a date"
    MOMENT = "a moment"


class MailKind(NamedTuple):
    """One kind of mail."""

    label: object
    """What it is called among one's settings."""
    subject: object
    body: tuple[object, ...]
    """Paragraphs, with facts as ``%(name)s``, or made by a function of the facts (empty: it is left out)."""
    facts: Mapping[str, Shape]
    button: object
    path: str
    """Where the link leads, below the public address; facts as ``{name}``."""
    lacks: frozenset[str] = frozenset()
    """Facts that may not be known (``None``)."""
    optional: bool = False
    """Whether a person may switch it off; accounts and decisions may not be."""
    also_locked: bool = False
    """Whether it goes to a locked account too: that it is locked, why it ended."""
    fresh: dt.timedelta = dt.timedelta(days=14)
    """How long it is worth being sent."""


def _text(value: Any) -> str:
    return str(value)[:300]


def _word(value: Any) -> str:
    if value not in LABELS:
        message = f"no word of ours: {value!r}"
        raise ValueError(message)
    return str(value)


STORED: dict[Shape, Callable[[Any], Any]] = {
    Shape.TEXT: _text,
    Shape.WORD: _word,
    Shape.COUNT: int,
    Shape.DAY: lambda day: day.isoformat(),
    Shape.MOMENT: lambda moment: moment.astimezone(dt.UTC).isoformat(),
}
"""How a fact of each shape is kept in the mail's row."""


def said(shape: Shape, value: Any, locale: str, zone: str | None) -> Any:
    """A fact as a reader reads it; a moment in the reader's time zone, by its IANA name."""
    if shape is Shape.WORD:
        return str(LABELS[value])
    if shape is Shape.DAY:
        return format_date(dt.date.fromisoformat(value), "long", locale=locale)
    if shape is Shape.MOMENT:
        moment, known = dt.datetime.fromisoformat(value), _zone(zone)
        return f"{format_datetime(moment, 'long', tzinfo=known, locale=locale)}"
    return value


def _zone(name: str | None) -> ZoneInfo:
    """The time zone of a name; UTC where a person has chosen none, or one this machine does not know."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
