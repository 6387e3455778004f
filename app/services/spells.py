"""Spells: what is in force from a date to a date. Their dates, and how they end.

Whether one is in force is ``actors.in_force``; what hangs on it is derived by ``scopes`` and ends with it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, update
from sqlalchemy.orm import Session

from app.errors import Incomplete, WrongStep
from app.models import Centre, ExpertGroup, Hospital, Network, Winding, now, today
from app.words import _

EARLIEST = dt.date(1950, 1, 1)
YEARS_AHEAD = 30
SOON_DAYS = 30
OVER: dict[type[Any], object] = {
    Network: _("This network has ended."),
    Hospital: _("This hospital takes part no more."),
    Centre: _("This centre has left its network."),
    ExpertGroup: _("This group has ended."),
}


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


def check_within(place: Any, to_on: dt.date | None) -> None:
    """Refuse a last day after that of the place something hangs on.

    Raises:
        Incomplete: with the sentence by ``to_on``.
    """
    if place.to_on is not None and (to_on is None or to_on > place.to_on):
        sentence = _("The network ends before this day. Choose its last day or an earlier one.")
        raise Incomplete(sentence, fields={"to_on": sentence})


def refuse_ended(spell: Any) -> None:
    """Refuse to change what was ended.

    Raises:
        WrongStep: it was ended at once before.
    """
    if spell.ended_at is not None:
        raise WrongStep(_("This has ended already. Add a new one instead."))


def refuse_over(spell: Any, sentence: object | None = None) -> None:
    """Refuse to hang something new on what is over.

    Raises:
        WrongStep: with the sentence; of places and groups it is known (``OVER``).
    """
    if is_over(spell):
        raise WrongStep(sentence or OVER.get(type(spell), _("This has ended already.")))


def is_over(spell: Any) -> bool:
    """Whether it was ended or its last day is past."""
    return spell.ended_at is not None or (spell.to_on is not None and spell.to_on < today())


def not_over(table: type[Any]) -> ColumnElement[bool]:
    """Those in force or still to begin."""
    return and_(table.ended_at.is_(None), or_(table.to_on.is_(None), table.to_on >= today()))


def ending(table: type[Any]) -> ColumnElement[bool]:
    """Those in force or still to begin whose last day is near."""
    return and_(not_over(table), table.to_on <= today() + dt.timedelta(days=SOON_DAYS))


def change(place: Winding, from_on: dt.date, to_on: dt.date | None) -> None:
    """Move the first and the last day of a place; without a last day it does not end after all.

    Raises:
        Incomplete: the dates cannot be right.
        WrongStep: it was ended at once before.
    """
    refuse_ended(place)
    check(from_on, to_on)
    place.from_on, place.to_on = from_on, to_on
    if to_on is None:
        place.end_reason = place.leaving_on = None


def end(spell: Any, reason: str | None, last_day: dt.date | None = None) -> None:
    """End at once, or on a last day.

    Raises:
        Incomplete: there is no reason, or the last day is past, or later than the one it has.
        WrongStep: it is over already.
    """
    if not reason:
        sentence = _("Say why it ends.")
        raise Incomplete(sentence, fields={"reason": sentence})
    refuse_over(spell)
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


def wind_down(place: Winding, reason: str, last_day: dt.date | None = None) -> None:
    """End a place at once, or announce its last day: until then nobody is enrolled there, and records are handed over.

    Raises:
        Incomplete, WrongStep: as ``end``.
    """
    end(place, reason, last_day)
    place.leaving_on = None if last_day is None else today()


def end_where(
    session: Session, table: type[Any], where: ColumnElement[bool], reason: str, last_day: dt.date | None = None
) -> None:
    """End many at once, those too that the session's actor does not see: for what ends with something else.

    With a last day they end then, unless they do before, and wind down; what would begin later never does.
    """
    columns = table.__table__.c
    noted = {"end_reason": reason, "version": columns.version + 1}
    at_once = where if last_day is None else and_(where, columns.from_on > last_day)
    session.execute(update(table.__table__).where(at_once).values(ended_at=now(), **noted))
    if last_day is not None:
        later = and_(where, or_(columns.to_on.is_(None), columns.to_on > last_day))
        winding = {"leaving_on": today()} if issubclass(table, Winding) else {}
        session.execute(update(table.__table__).where(later).values(to_on=last_day, **winding, **noted))


def remove_where(session: Session, table: type[Any], where: ColumnElement[bool]) -> None:
    """Delete many at once, those too that the session's actor does not see: for what has no meaning any more."""
    session.execute(delete(table.__table__).where(where))
