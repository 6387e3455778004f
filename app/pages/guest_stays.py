"""Guests on Home: one's own last days as a guest, and the guests whose time ends soon."""

from __future__ import annotations

import datetime as dt

from flask import url_for
from flask_babel import format_date, gettext

from app.pages.base import may
from app.pages.security import acting
from app.services import guests
from app.words import EndReason, Role, _

TOLD_DAYS = 30
"""How long Home says that a stay is over."""


def own_stay() -> str | None:
    """What a guest reads in the last days, and for a month after them; nothing for whoever has another place."""
    actor = acting()
    if actor.roles - {Role.GUEST} != {Role.ANY}:
        return None
    stay = guests.own(actor)
    if stay is None or stay.to_on is None:
        return None
    last = stay.to_on if stay.ended_at is None else stay.ended_at.date()
    if actor.is_(Role.GUEST):
        near = last <= actor.on + dt.timedelta(days=guests.WARNED_DAYS)
        return _last_days(last, host_left=stay.end_reason == EndReason.HOST_LEFT) if near else None
    if last < actor.on - dt.timedelta(days=TOLD_DAYS) or stay.from_on > actor.on:
        return None
    return str(
        _("Your time as a guest ended on %(day)s. To come back, ask for access and name who hosts you.", day=_day(last))
    )


def _last_days(last: dt.date, *, host_left: bool) -> str:
    if host_left:
        sentence = _(
            "Your host has left, so your time as a guest ends: its last day is %(day)s. To go on, ask for access and name "
            "another clinician as your host.",
            day=_day(last),
        )
    else:
        sentence = _(
            "Your time as a guest ends: its last day is %(day)s. Whoever hosts you can extend it.", day=_day(last)
        )
    return str(sentence)


def _day(day: dt.date) -> str:
    return str(format_date(day, "long"))


def ending() -> list[dict[str, object]]:
    """Guests one may let stay longer, and until when they stay."""
    if not may("mandate.extend"):
        return []
    return [
        {
            "title": str(stay.person) if stay.person else gettext("A guest"),
            "url": url_for("MandatePage.show", key=stay.public_id),
            "note": gettext("Until %(day)s", day=_day(stay.to_on)) if stay.to_on else "",
            "act": _("Extend"),
        }
        for stay in guests.ending_for(acting())
    ]
