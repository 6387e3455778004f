"""What mails say of leaving, and of records on their way to another clinician: how many, never which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.words import _, n_


def offered(told: Mapping[str, Any]) -> object:
    """How many records a colleague offers."""
    return n_(
        "%(person)s offers you %(num)s record at %(place)s to take over.",
        "%(person)s offers you %(num)s records at %(place)s to take over.",
        told["records"],
        **_who(told),
    )


def taken(told: Mapping[str, Any]) -> object:
    """How many were taken over."""
    return n_(
        "%(person)s took over %(num)s record at %(place)s.",
        "%(person)s took over %(num)s records at %(place)s.",
        told["records"],
        **_who(told),
    )


def not_taken(told: Mapping[str, Any]) -> object:
    """How many were declined."""
    return n_(
        "%(person)s does not take over %(num)s record at %(place)s.",
        "%(person)s does not take over %(num)s records at %(place)s.",
        told["records"],
        **_who(told),
    )


def to_hand_over(told: Mapping[str, Any]) -> object:
    """Whose records need another clinician."""
    return n_(
        "%(person)s leaves or has left: %(num)s record at %(place)s needs another clinician.",
        "%(person)s leaves or has left: %(num)s records at %(place)s need another clinician.",
        told["records"],
        **_who(told),
    )


def before_leaving(told: Mapping[str, Any]) -> object:
    """How many records are to be handed over; nothing where there is none."""
    return told["handovers"] and n_(
        "%(num)s record has to be handed over before its clinician leaves.",
        "%(num)s records have to be handed over before their clinicians leave.",
        told["handovers"],
    )


def hospital_leaves(told: Mapping[str, Any]) -> object:
    """Which hospital leaves, and when."""
    if told["day"] is None:
        return _("%(place)s takes part in no network any more.", place=told["place"])
    return _("%(place)s leaves its last network. Its last day is %(day)s.", place=told["place"], day=told["day"])


def _who(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("person", "place")}
