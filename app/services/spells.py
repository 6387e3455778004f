"""Spells: what is in force from a date to a date. Their dates, and how they end.

Whether one is in force is ``actors.in_force``; what hangs on it is derived by ``scopes`` and ends with it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from app.errors import Incomplete, WrongStep
from app.models import now, today
from app.words import _

EARLIEST = dt.date(1950, 1, 1)
YEARS_AHEAD = 30


def check(from_on: dt.date, to_on: dt.date | None) -> None:
    """Refuse dates that cannot be right.

    Raises:
        Incomplete: with the sentence by ``from_on`` or ``to_on``.
    """
    latest = dt.date(today().year + YEARS_AHEAD, 12, 31)
    for name, day in (("from_on", from_on), ("to_on", to_on)):
        if day is not None and not EARLIEST <= day <= latest:
            sentence = _("This year cannot be right. Check the date.")
            raise Incomplete(sentence, fields={name: sentence})
    if to_on is not None and to_on < from_on:
        sentence = _("The last day is before the first one. Check both dates.")
        raise Incomplete(sentence, fields={"to_on": sentence})


def refuse_ended(spell: Any) -> None:
    """Refuse to change what was ended.

    Raises:
        WrongStep: it was ended at once before.
    """
    if spell.ended_at is not None:
        raise WrongStep(_("This has ended already. Add a new one instead."))


def refuse_over(spell: Any, sentence: object) -> None:
    """Refuse to hang something new on what is over.

    Raises:
        WrongStep: with the sentence.
    """
    if is_over(spell):
        raise WrongStep(sentence)


def is_over(spell: Any) -> bool:
    """Whether it was ended or its last day is past."""
    return spell.ended_at is not None or (spell.to_on is not None and spell.to_on < today())


def not_over(table: type[Any]) -> ColumnElement[bool]:
    """Those in force or still to begin."""
    return and_(table.ended_at.is_(None), or_(table.to_on.is_(None), table.to_on >= today()))


def change(spell: Any, from_on: dt.date, to_on: dt.date | None) -> None:
    """Move the first and the last day.

    Raises:
        Incomplete: the dates cannot be right.
        WrongStep: it was ended at once before.
    """
    refuse_ended(spell)
    check(from_on, to_on)
    spell.from_on, spell.to_on = from_on, to_on


def end(spell: Any, reason: str | None, last_day: dt.date | None = None) -> None:
    """End at once, or on a last day.

    Raises:
        Incomplete: there is no reason, or the last day is past, or later than the one it has.
        WrongStep: it is over already.
    """
    if not reason:
        sentence = _("Say why it ends.")
        raise Incomplete(sentence, fields={"reason": sentence})
    refuse_over(spell, _("This has ended already."))
    spell.end_reason = reason
    if last_day is None:
        spell.ended_at = now()
        return
    check(spell.from_on, last_day)
    if last_day < today():
        sentence = _("This day is past. Choose today or a later day, or leave it empty to end at once.")
        raise Incomplete(sentence, fields={"last_day": sentence})
    if spell.to_on is not None and last_day > spell.to_on:
        sentence = _("It ends before this day already. Choose an earlier day.")
        raise Incomplete(sentence, fields={"last_day": sentence})
    spell.to_on = last_day
