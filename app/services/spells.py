"""Spells: what is in force from a date to a date. Their dates, and how they end.

Whether one is in force is ``actors.in_force``; what hangs on it is derived by ``scopes`` and ends with it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from app.actors import KEEPERS
from app.errors import Incomplete, WrongStep
from app.models import Centre, ExpertGroup, Grant, Hospital, Mandate, Membership, Network, Winding, now, today
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

BEARERS: dict[type[Any], tuple[str, type[Any]]] = {
    Membership: ("centre", Centre),
    Centre: ("hospital", Hospital),
    Mandate: ("hospital", Hospital),
    Grant: ("hospital", Hospital),
}
"""What a spell is borne by and ends with, whatever its own dates say. What ends with a network is ended with it, row by row."""


class End(NamedTuple):
    """When something ends, and whose dates say so: its own, or those of what bears it."""

    on: dt.date
    by: Any


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


def end_of(spell: Any) -> End | None:
    """The end of a spell, past or to come: its own or that of what bears it, whichever is first.

    Of two on one day it is the one that was ended. Who keeps an archive keeps it when the hospital has left.
    """
    keeps = isinstance(spell, Mandate) and spell.kind in KEEPERS
    line = [spell] if keeps else _line(spell)
    ends = (End(one.ended_at.date() if one.ended_at else one.to_on, one) for one in line)
    return min((end for end in ends if end.on is not None), key=lambda end: (end.on, not is_over(end.by)), default=None)


def begin_of(spell: Any) -> dt.date:
    """The first day of a spell and of what bears it, whichever is last: before that it opens nothing."""
    first: dt.date = max(one.from_on for one in _line(spell))
    return first


def _line(spell: Any) -> Iterator[Any]:
    """A spell, what bears it, and so on."""
    while spell is not None:
        yield spell
        bearer, _table = BEARERS.get(type(spell), ("", None))
        spell = getattr(spell, bearer) if bearer else None


def stands(table: type[Any], until: dt.date | None = None) -> ColumnElement[bool]:
    """Those in force or still to begin on a day, today if none is given, and what bears them too: the same in SQL."""
    return _stands(table, table.__table__, until or today())


def _stands(table: type[Any], rows: FromClause, on: dt.date) -> ColumnElement[bool]:
    own = and_(rows.c.ended_at.is_(None), or_(rows.c.to_on.is_(None), rows.c.to_on >= on))
    if table not in BEARERS:
        return own
    name, bearer = BEARERS[table]
    b, key = bearer.__table__.alias(), rows.c[f"{name}_id"]
    borne = or_(key.is_(None), key.in_(select(b.c.id).where(_stands(bearer, b, on))))
    return and_(own, or_(rows.c.kind.in_(KEEPERS), borne) if table is Mandate else borne)


def ending(table: type[Any]) -> ColumnElement[bool]:
    """Those that stand and whose last day is near."""
    return and_(stands(table), ~stands(table, today() + dt.timedelta(days=SOON_DAYS + 1)))


def not_over(table: type[Any]) -> ColumnElement[bool]:
    """Those in force or still to begin."""
    return and_(table.ended_at.is_(None), or_(table.to_on.is_(None), table.to_on >= today()))


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
