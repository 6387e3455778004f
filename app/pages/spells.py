"""From when to when: the fields, the words and the ending of what is in force for a time.

What the dates must be is ``services.spells``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from flask import redirect, request, url_for
from flask_babel import format_date
from sqlalchemy import ColumnElement
from wtforms import DateField
from wtforms.validators import InputRequired, Optional

from app.labels import reason
from app.models import Grant, today
from app.pages.base import ActForm, Page, allowed, expose, has_access, may, submitted
from app.pages.fields import text
from app.pages.lists import Filter, ListPage
from app.pages.security import acting
from app.services import hanging, leavings
from app.services import spells as services
from app.services.endings import Ending
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


SPELLS: list[tuple[str, object]] = [
    ("now", _("In force or to begin")),
    ("soon", _("Ends within 30 days")),
    ("over", _("Ended")),
]


def still(table: type[Any]) -> Filter:
    """Whether a spell is over, or soon will be, as a filter."""

    def when(value: str) -> ColumnElement[bool]:
        stands = services.stands(table)  # today: asked at each request
        return {"now": stands, "soon": services.ending(table), "over": ~stands}[value]

    return Filter(_("When"), lambda: SPELLS, when)


class SpellPage(ListPage):
    """A list of what is in force for a time. ``standing`` is a column; those ticked are ended together."""

    picked_words: ClassVar[tuple[object, object]]
    """With what is ticked; the button that ends it."""

    ticks: ClassVar[str] = "picked"
    unsaid: ClassVar[tuple[str, ...]] = ("to_on", "end_reason")
    table_columns: ClassVar[tuple[str, ...]] = ("from_on", "to_on")

    def standing(self, record: Any) -> Standing:
        """How a record stands today."""
        return standing(record)

    def over(self, record: Any) -> bool:
        """Whether it has ended by itself. What ended with its centre can still be ended: the person may go on reading."""
        return services.is_over(record)

    def pickable(self, record: Any) -> bool:
        """Whether a row can be ticked: one may end it, and it is not over."""
        return may(self.picked, record) and not self.over(record)

    def cell(self, record: Any, column: str) -> Any:
        """How it stands, in words."""
        if column == "end_reason":
            return reason(record.end_reason)
        return standing(record, "medium").sentence if column == "standing" else super().cell(record, column)

    @expose("/end")
    @has_access
    def unpicked(self) -> Any:
        """Whoever comes back to the address of what was ticked finds the list."""
        return redirect(url_for(".list"))


class EndForm(ActForm):
    """Why and when something ends."""

    reason = text(_("Reason"), 300, hint=_("Kept with the record. Write no patient's name."))
    last_day = day(_("Last day"), required=False, hint=_("Leave it empty to end it at once."))


class WindDownForm(EndForm):
    """The same of a place: its end is announced, or it ends at once."""

    last_day = day(
        _("Last day"),
        required=False,
        hint=_(
            "Until then nobody is enrolled, and records are handed over. Leave it empty to end it at once: after misuse, "
            "for a person who has left, or without the authorisation."
        ),
    )


class EndNowForm(ActForm):
    """Why something ends at once."""

    reason = text(_("Reason"), 300, hint=_("Kept with the record. Write no patient's name."))


class Standing(NamedTuple):
    """How a spell stands today: words for a tag, its colour and icon, and a sentence with the dates."""

    word: object
    kind: str
    icon: str
    sentence: str


def standing(spell: Any, width: str = "long") -> Standing:
    """How a spell stands today, and what bears it; ``width`` is Babel's: "medium" writes months short."""
    end = services.end_of(spell)
    if end is not None and services.is_over(end.by):
        return Standing(_("Ended"), "quiet", "clock", str(_("Ended on %(day)s", day=format_date(end.on, width))))
    begin = services.begin_of(spell)
    if begin > today():
        return Standing(_("Not yet"), "info", "clock", str(_("From %(day)s", day=format_date(begin, width))))
    if end is not None:
        return Standing(_("In force"), "good", "check", str(_("Until %(day)s", day=format_date(end.on, width))))
    return Standing(_("In force"), "good", "check", str(_("Since %(day)s", day=format_date(begin, width))))


def reads_why(spell: Any, ends: str) -> bool:
    """Whether one reads why it ended and who vouched for it: of one's own, and where one could have ended it.

    The right to end, the act ``ends``, was asked for with the spell (``offer``).
    """
    parties = (spell.clinician_id, spell.assistant_id) if isinstance(spell, Grant) else (spell.person_id,)
    return acting().user_id in parties or allowed(ends, spell)


def wind_down(page: Page, record: Any, perform: Callable[..., Any], ending: Ending, **shown: Any) -> Any:
    """The same of a place, with what hangs on it in numbers; proposed is the last day of the wind-down.

    Args:
        page: the page that asks.
        record: what ends.
        perform: the act.
        ending: what ends with it.
        **shown: as for ``end``; ``warnings`` go before the numbers.
    """
    form = WindDownForm()
    if request.method == "GET":
        form.last_day.data = leavings.last_day(record)
    warnings = [*shown.pop("warnings", ()), *hanging.told(ending)]
    return end(page, record, perform, form, warnings=warnings, **shown)


def end(page: Page, record: Any, perform: Callable[..., Any], form: ActForm, **shown: Any) -> Any:
    """Ask why and when to end ``record``, and end it.

    Args:
        page: the page that asks.
        record: what ends.
        perform: the act.
        form: ``EndForm`` or ``EndNowForm``.
        **shown: ``title``, ``warnings`` (what ends with it), ``back`` (endpoint and key to go on to), and ``named``
            where the way back leads to another record.

    Returns:
        The form's page, or the way on.
    """
    if request.method == "GET":
        form.seen.data = str(record.version)
    ended = submitted(form, lambda: perform(acting(), record, **form.given(), seen=form.words()["seen"]))
    endpoint, key = shown["back"]
    shown.setdefault("named", page.named(record) if isinstance(page, ListPage) else record)
    if ended is None:
        return page.page("people/end.html", form=form, record=record, leave=url_for(endpoint, key=key), **shown)
    return page.done(_("Ended."), endpoint, key=key)
