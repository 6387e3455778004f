"""The life of a place as one reads it: asked for, decided, changed, ended and why; and what is still to come."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.labels import reason
from app.pages.request_words import HISTORY
from app.services import histories, spells
from app.words import _

ADDED = (_("Added by the hospital"), "user-plus", "good")
APPOINTED = (_("Appointed"), "user-plus", "good")
ACCEPTED = (_("Accepted by the ERN"), "circle-check", "good")
IMPORTED = (_("Taken over from CPMS 1"), "archive", "quiet")
ENDED = (_("Ended"), "ban", "quiet")
ENDED_WITH = (_("Ended with the centre or the hospital"), "ban", "quiet")
ANNOUNCED = (_("The end was announced"), "clock", "info")
LAST_DAY = (_("The last day"), "clock", "info")
RAN_OUT = (_("Ran out"), "clock", "info")
STILL_HERE = (_("The hospital confirmed it in its yearly list"), "check", "good")
CHANGED = (_("The dates were changed"), "calendar", "quiet")

TOLD = {
    # act: sentence, icon, colour
    "membership.add": ADDED,
    "membership.enter": ACCEPTED,
    "membership.import": IMPORTED,
    "membership.amend": CHANGED,
    "membership.confirm-employment": (_("The hospital’s word was recorded"), "check", "good"),
    "membership.reconfirm": STILL_HERE,
    "membership.end": ENDED,
    "mandate.appoint-coordinator": APPOINTED,
    "mandate.appoint-dispatcher": APPOINTED,
    "mandate.appoint-hub": APPOINTED,
    "mandate.appoint-representative": APPOINTED,
    "mandate.appoint-protection": APPOINTED,
    "mandate.appoint-assistant": APPOINTED,
    "mandate.admit-guest": (_("Admitted as a guest"), "user-plus", "good"),
    "mandate.enter-assistant": ACCEPTED,
    "mandate.enter-guest": ACCEPTED,
    "mandate.extend": (_("Extended"), "calendar", "good"),
    "mandate.reconfirm": STILL_HERE,
    "mandate.end": ENDED,
    "mandate.lose-network": (_("The last place in the network ended"), "ban", "quiet"),
    "mandate.lose-host": (_("The host left"), "clock", "info"),
    "grant.give": (_("Given"), "handshake", "good"),
    "grant.enter": (_("Given"), "handshake", "good"),
    "grant.choose": (_("The records were chosen anew"), "list-checks", "quiet"),
    "grant.end": ENDED,
    "grant.return": (_("Given back"), "undo-2", "quiet"),
}


def of_place(place: histories.Place, *, why: bool) -> list[dict[str, Any]]:
    """The turns of a place for the timeline, the newest first; why it ends stands where that is said, for who reads it."""
    told = [(turn, item) for turn in histories.of_place(place) if (item := _item(turn)) is not None]
    items = [item for _turn, item in told]
    says_why = [item for turn, item in told if "end_reason" in turn.changed]
    end, ended_by = spells.end_of(place), place
    if end is not None and not any("ended_at" in turn.changed for turn, _item_ in told):
        items.insert(0, _last(place, end))
        ended_by = end.by
        if ended_by is not place or place.ended_at or not says_why:
            says_why.insert(0, items[0])
    if why and says_why:
        says_why[0]["note"] = reason(ended_by.end_reason)
    return items


def _item(turn: histories.Turn) -> dict[str, Any] | None:
    found = HISTORY.get((turn.act, turn.by)) if turn.by else TOLD.get(turn.act)
    if found is ENDED and "ended_at" not in turn.changed:
        found = ANNOUNCED
    return None if found is None else _entry(found, turn.at) | {"who": turn.who}


def _last(place: histories.Place, end: spells.End) -> dict[str, Any]:
    """The end of what nobody ended by itself: its last day, past or to come, or that of what bears it."""
    if not spells.is_over(end.by):
        words = LAST_DAY
    elif end.by is place:
        words = ENDED if place.ended_at else RAN_OUT
    else:
        words = ENDED_WITH
    return _entry(words, end.by.ended_at or end.on)


def _entry(words: tuple[object, str, str], at: dt.date) -> dict[str, Any]:
    what, icon, kind = words
    return {"what": what, "at": at, "icon": icon, "kind": kind}
