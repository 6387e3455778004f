"""Several of a list ended at once: what was ticked, a preview that asks why, and what became of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request, url_for
from wtforms.validators import ValidationError

from app.errors import NotFound, Refusal
from app.models import Centre, ExpertGroup, Mandate, Membership, Winding, today
from app.pages import spells
from app.pages.base import allowed, find, version
from app.pages.lists import ListPage
from app.pages.security import acting
from app.services import hanging, leavings
from app.services.endings import of_places
from app.words import _

MOST_PICKED = 100
SHOWN_BY: dict[type[Any], str] = {
    Membership: "MembershipPage.show",
    Mandate: "MandatePage.show",
    Centre: "CentrePage.show",
    ExpertGroup: "GroupPage.show",
}

Picked = list[tuple[Any, str]]
"""Records with the version that was on the screen, as the list sent them."""


class EndSeveralForm(spells.EndForm):
    """Why and when several end."""

    def validate_last_day(self, field: Any) -> None:
        """A day that is past would be refused for each of them."""
        if field.data is not None and field.data < today():
            raise ValidationError(
                _("This day is past. Choose today or a later day, or leave it empty to end it at once.")
            )


class WindSeveralDownForm(EndSeveralForm):
    """The same of memberships and centres: their end is announced, or they end at once."""

    last_day = spells.WindDownForm.last_day


def end_picked(
    page: ListPage,
    perform: Callable[..., Any],
    on_each: Callable[[Any], list[object]],
    picked: Picked | None = None,
    **shown: Any,
) -> Any:
    """Show what would end; when it is sent with a reason, end each by itself and name those that were left.

    Args:
        page: the list in which they were ticked; its ``where`` says where each place is.
        perform: the act.
        on_each: what hangs on a record, in sentences.
        picked: the places of people who are gone already, where the page finds them itself: no last day is proposed.
        **shown: ``title`` and ``warnings`` of the preview; what hangs on all of them in numbers comes after. ``back`` leads
            elsewhere than to the list; ``people`` are public ids to be sent again.
    """
    shown = {"back": url_for(".list"), "people": []} | shown
    gone = picked is not None
    picked = _picked(page) if picked is None else picked
    able = picked if gone else [(record, seen) for record, seen in picked if allowed(page.picked, record)]
    winding = [record for record, _seen in able if isinstance(record, Winding)]
    form = WindSeveralDownForm() if winding else EndSeveralForm()
    if not picked or "sure" not in request.form or not form.validate():
        if "sure" not in request.form:
            form.process()
            form.last_day.data = leavings.last_day(*winding) if winding and not gone else None
        ending = of_places(record for record, _seen in able)  # counted wide: of what one may end, and of nothing else
        shown["warnings"] = [*shown["warnings"], *hanging.told(ending)]
        hangs = {record.public_id: on_each(record) for record, _seen in able}
        return page.page("people/end_several.html", form=form, picked=able, hangs=hangs, **shown)
    given, ended, left = form.given(), 0, []
    for record, seen in picked:
        place, name = _place(record), page.named(record)  # by now: an act may take a later one out of sight
        try:
            perform(acting(), record, **given, seen=version(seen))
            ended += 1
        except Refusal as refusal:
            left.append((place, name, refusal.sentence))
    return page.page("people/ended.html", ended=ended, left=left, announced=given.get("last_day"), **shown)


def _place(record: Any) -> str:
    """The address of what was ticked."""
    return str(url_for(SHOWN_BY[type(record)], key=record.public_id))


def _picked(page: ListPage) -> Picked:
    """The ticked records that the reader sees; which of them the reader may end is asked along."""
    found: Picked = []
    for sent in dict.fromkeys(request.form.getlist("picked")[:MOST_PICKED]):
        key, _dot, seen = sent.partition(".")
        try:
            found.append((find(page.datamodel.obj, key, page.picked, options=page.load), seen))
        except NotFound:
            continue
    return found
