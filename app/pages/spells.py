"""From when to when: the fields, the words and the ending of what is in force for a time.

What the dates must be is ``services.spells``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from flask_babel import format_date
from wtforms import DateField
from wtforms.validators import InputRequired, Optional

from app.models import today
from app.pages.base import ActForm
from app.pages.fields import text
from app.words import _

MISREAD = _("Write a date that exists.")


class DayField(DateField):  # type: ignore[misc]
    """A day; a misread one says so in our words."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(str(MISREAD)) from error


def day(label: object, *, required: bool = True, hint: object = "", default: Any = None) -> Any:
    """A day, as a native date field."""
    checks = [InputRequired(_("Fill this in."))] if required else [Optional()]
    return DayField(label, description=hint, validators=checks, default=default)


def first_day() -> Any:
    """The first day, today unless said otherwise."""
    return day(_("First day"), default=today)


def last_day() -> Any:
    """The last day, if it is known."""
    return day(_("Last day"), required=False, hint=_("Leave it empty if no end is planned."))


class EndForm(ActForm):
    """Why and when something ends."""

    reason = text(_("Reason"), 300, hint=_("Kept with the record. Write no patient's name."))
    last_day = day(_("Last day"), required=False, hint=_("Leave it empty to end it at once."))


class EndNowForm(ActForm):
    """Why something ends at once."""

    reason = text(_("Reason"), 300, hint=_("Kept with the record. Write no patient's name."))


class Standing(NamedTuple):
    """How a spell stands today: words for a tag, its colour and icon, and a sentence with the dates."""

    word: object
    kind: str
    icon: str
    sentence: str


def standing(spell: Any) -> Standing:
    """How a spell stands today."""
    if spell.ended_at is not None:
        return _over(spell.ended_at.date())
    if spell.to_on is not None and spell.to_on < today():
        return _over(spell.to_on)
    if spell.from_on > today():
        return Standing(_("Not yet"), "info", "clock", _say(_("From %(day)s"), spell.from_on))
    if spell.to_on is not None:
        return Standing(_("In force"), "good", "check", _say(_("Until %(day)s"), spell.to_on))
    return Standing(_("In force"), "good", "check", _say(_("Since %(day)s"), spell.from_on))


def _over(on: dt.date) -> Standing:
    return Standing(_("Ended"), "quiet", "clock", _say(_("Ended on %(day)s"), on))


def _say(sentence: object, on: dt.date) -> str:
    return str(sentence) % {"day": format_date(on, "long")}
