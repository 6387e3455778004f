"""The life of a place as one reads it: asked for, decided, changed, ended and why; and what is still to come."""

from __future__ import annotations

from typing import Any

from app.models import today
from app.pages.request_words import HISTORY
from app.services import histories
from app.words import _

ADDED = (_("Added by the hospital"), "user-plus", "good")
APPOINTED = (_("Appointed"), "user-plus", "good")
ACCEPTED = (_("Accepted by the ERN"), "circle-check", "good")
IMPORTED = (_("Taken over from CPMS 1"), "archive", "quiet")
ENDED = (_("Ended"), "ban", "quiet")
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
    """The turns of a place for the timeline, the newest first; why it ended stands by the last, for who reads that."""
    items = [item for turn in histories.of_place(place) if (item := _item(turn)) is not None]
    if why and items and place.end_reason and place.ended_at is not None:
        items[0]["note"] = place.end_reason
    return [*_last_day(place), *items]


def _item(turn: histories.Turn) -> dict[str, Any] | None:
    found = HISTORY.get((turn.act, turn.by)) if turn.by else TOLD.get(turn.act)
    if found is None:
        return None
    what, icon, kind = found
    return {"what": what, "at": turn.at, "icon": icon, "kind": kind, "who": turn.who}


def _last_day(place: histories.Place) -> list[dict[str, Any]]:
    """The last day, past or to come, of what was not ended before."""
    if place.to_on is None or place.ended_at is not None:
        return []
    what = _("The last day") if place.to_on >= today() else _("Ran out")
    return [{"what": what, "at": place.to_on, "icon": "clock", "kind": "info"}]
