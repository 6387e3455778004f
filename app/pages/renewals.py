"""Renewal in words: why a form has to be signed anew, and when; and the filter of the list that finds such forms."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_babel import format_date, gettext
from sqlalchemy import and_, select

from app.models import ConsentForm, TextChange
from app.pages.lists import Filter
from app.pages.security import acting
from app.services import renewals, worklist
from app.words import FormState, _

SOON_DAYS = 30
DAY = dt.timedelta(days=1)


def why(form: ConsentForm) -> object:
    """Why a form has to be signed anew."""
    if renewals.because_of_text(form):
        return _("Due for renewal: the text has changed")
    if renewals.misfits(form):
        return _("Due for renewal: by the corrected birth date, another person has to sign")
    if renewals.ends_with_mandate(form):
        return _("Due for renewal: the representative’s mandate ends")
    return _("Due for renewal: the patient comes of age")


def due(form: ConsentForm, on: dt.date) -> str:
    """When a form has to be signed anew, in a sentence."""
    day = form.renewal_due_on
    if day is None:
        return ""
    if renewals.misfits(form):
        return str(
            gettext("By the corrected birth date another person has to sign anew. Education and registries are paused.")
        )
    written, left = format_date(day, "long"), (day - on).days
    if renewals.because_of_text(form) and form.text_change is not None:
        return _changed(form, form.text_change.what.rstrip("."), written, over=left <= 0)
    if left <= 0:
        return str(gettext("Education and registries are paused since %(day)s.", day=written))
    if left <= SOON_DAYS:
        return str(gettext("%(why)s, on %(day)s. Prepare the new form now.", why=str(why(form)), day=written))
    return str(gettext("%(why)s, on %(day)s.", why=str(why(form)), day=written))


def _changed(form: ConsentForm, what: str, day: str, *, over: bool) -> str:
    """What has changed in the text, and what to do: the new one can be signed once it is the one that is printed."""
    if over:
        told = gettext(
            "The text has changed: %(what)s. Education and registries are paused since %(day)s.", what=what, day=day
        )
    elif renewals.waits_for_text(form):
        told = gettext("The text changes: %(what)s. Print the new form from %(day)s on.", what=what, day=day)
    else:
        told = gettext(
            "The text has changed: %(what)s. Due for renewal on %(day)s. Prepare the new form now.", what=what, day=day
        )
    return str(told)


def soon(forms: list[ConsentForm], on: dt.date) -> str:
    """What a page says from ninety days before one of a patient's forms is due for renewal."""
    edge = on + worklist.RENEWALS_DAYS * DAY
    for form in forms:
        if form.state is FormState.ARCHIVED and form.renewal_due_on is not None and form.renewal_due_on <= edge:
            return due(form, on)
    return ""


CHOICES: list[tuple[str, object]] = [
    ("due", _("Due now")),
    ("soon", _("Due within 90 days")),
    ("text", _("Because the text has changed")),
]


def _chosen(value: str) -> Any:
    """The forms that count, of one of ``CHOICES``."""
    on = acting().on
    if value == "due":
        which: Any = ConsentForm.renewal_due_on <= on
    elif value == "soon":
        which = ConsentForm.renewal_due_on.between(on + DAY, on + worklist.RENEWALS_DAYS * DAY)
    else:
        change = TextChange.__table__.alias()
        of_text = select(change.c.id).where(change.c.due_on == ConsentForm.renewal_due_on).correlate(ConsentForm)
        which = ConsentForm.text_change_id.in_(of_text)
    return and_(ConsentForm.state == FormState.ARCHIVED, which)


RENEWAL = Filter(_("Renewal"), lambda: CHOICES, _chosen)
