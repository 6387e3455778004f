"""The yearly list of a hospital's people: who is open on it, ticked as still there or no longer. The rules are ``services.rolls``."""

from __future__ import annotations

from typing import Any, ClassVar

from babel import dates
from flask import flash, g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import format_date, get_locale, gettext, ngettext
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload

from app.labels import LABELS
from app.models import Membership, Person, Roll, db, today
from app.pages import endings
from app.pages.base import expose, has_access, may
from app.pages.lists import Filter, ListPage, reach
from app.pages.security import acting
from app.pages.spells import standing
from app.services import hanging, people, rolls
from app.services.endings import of_memberships
from app.words import _

MOST_PICKED = 100
STATES: list[tuple[str, object]] = [("open", _("Still open")), ("overdue", _("Overdue")), ("done", _("Finished"))]


def _in_state(value: str) -> ColumnElement[bool]:
    if value == "overdue":
        return rolls.is_overdue()
    return Roll.done_on.is_not(None) if value == "done" else Roll.done_on.is_(None)


class RollPage(ListPage):
    """Once a year a hospital says of its people whether they still work there."""

    route_base = "/yearly-lists"
    datamodel = SQLAInterface(Roll)
    acts: ClassVar[dict[str, str]] = {
        "list": "roll.see",
        "show": "roll.confirm",
        "confirm": "roll.confirm",
        "end_picked": "roll.confirm",
        "unpicked": "roll.see",
    }
    list_title = _("Yearly lists")
    list_template = "rolls/list.html"
    list_columns: ClassVar[list[str]] = ["hospital.name", "due_on", "progress"]
    label_columns: ClassVar[dict[str, object]] = {
        "hospital.name": _("Hospital"),
        "due_on": _("Due on"),
        "progress": _("How far it is"),
    }
    filters = {"state": Filter(_("State"), lambda: STATES, _in_state)}  # noqa: RUF012
    load: ClassVar[tuple[Any, ...]] = (joinedload(Roll.hospital),)
    empty: ClassVar[object] = _(
        "No list has begun yet. The first begins a year after a hospital’s first person joined."
    )

    def _page_of(self, statement: Any) -> Any:
        """The rows, and how far each is."""
        found = super()._page_of(statement)
        g.rolls = rolls.seen([roll.id for roll in found[0]])
        return found

    def cell(self, record: Any, column: str) -> Any:
        """How far it is, in words."""
        return progress(record, g.rolls.get(record.id)) if column == "progress" else super().cell(record, column)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """Those of whom nothing is said yet, a page of them."""
        roll = reach(Roll, key, "roll.confirm", options=self.load)
        rows, older = ([], None) if roll.done_on else rolls.page_of(roll, request.args.get("after", "")[:40] or None)
        stands = rolls.seen([roll.id]).get(roll.id)
        told = progress(roll, stands)
        return self.page(
            "rolls/show.html", roll=roll, rows=rows, older=older, told=told, named_by=_named_by(rows), month=month
        )

    @expose("/<key>/confirm", methods=["POST"])
    @has_access
    def confirm(self, key: str) -> Any:
        """Say that the ticked people still work there."""
        roll, keys = reach(Roll, key, "roll.confirm"), _keys()
        back = redirect(url_for(".show", key=key))
        if not keys:
            flash(str(_("Nobody is ticked. Tick some in the list first.")), "warn")
            return back
        confirmed = rolls.confirm(acting(), roll, people=keys)
        if confirmed:
            flash(ngettext("%(num)s person is confirmed.", "%(num)s people are confirmed.", confirmed), "good")
        if confirmed < len(keys):
            left = len(keys) - confirmed
            sentence = ngettext(
                "%(num)s was not on the list any more: confirmed by somebody else, or gone.",
                "%(num)s were not on the list any more: confirmed by somebody else, or gone.",
                left,
            )
            flash(sentence, "info")
        return back

    @expose("/<key>/end", methods=["POST"])
    @has_access
    def end_picked(self, key: str) -> Any:
        """End the places of the ticked people who are no longer there: the same preview and acts as everywhere."""
        g.roll = reach(Roll, key, "roll.confirm", options=self.load)
        title = _("No longer here: end their places")
        warnings = [_("The rights of these places end, in open logins too, and grants to assistants with them.")]
        shown = {"title": title, "warnings": warnings, "back": url_for(".show", key=key), "people": _keys()}
        return endings.end_picked(self, _end, _on, self._places(), **shown)

    @expose("/<key>/end")
    @has_access
    def unpicked(self, key: str) -> Any:
        """Whoever comes back to the address of what was ticked finds the list."""
        return redirect(url_for(".show", key=key))

    def _places(self) -> endings.Picked:
        """All places of the ticked people there; on the preview's way back, with the versions that were shown."""
        sent = {key: seen for key, _dot, seen in (one.partition(".") for one in request.form.getlist("picked"))}
        places = [place for row in rolls.picked(g.roll, _keys()) for place in row.places]
        if "sure" in request.form:
            return [(place, sent.get(place.public_id, "")) for place in places]
        return [(place, str(place.version)) for place in places]

    def named(self, record: Any) -> object:
        """Whose place it is."""
        return str(record.person or _("A former colleague"))

    def standing(self, record: Any) -> Any:
        """How a place stands."""
        return standing(record)

    def where(self, record: Any) -> str:
        """What a place is: the centre and its network, or the mandate."""
        if isinstance(record, Membership):
            return f"{record.centre.name} · {record.centre.network.name}"
        return str(LABELS[record.kind])


def _keys() -> list[str]:
    return [key[:40] for key in dict.fromkeys(request.form.getlist("person"))][:MOST_PICKED]


def _end(actor: Any, place: Any, **given: Any) -> None:
    (people.end_membership if isinstance(place, Membership) else people.end_mandate)(actor, place, **given)


def _on(place: Any) -> list[object]:
    return hanging.on_people(of_memberships([place.id])) if isinstance(place, Membership) else []


def _named_by(rows: list[rolls.Row]) -> dict[int, str]:
    """Who named whom, by the id of who named; those the reader may not see are left out."""
    ids = {place.appointed_by_id for row in rows for place in row.places} - {None}
    return {one.id: str(one) for one in db.session.scalars(select(Person).where(Person.id.in_(ids))).unique()}


def month(day: Any) -> str:
    """A day as its month: nobody need know more of when a colleague signed in."""
    return str(dates.format_skeleton("yMMMM", day, locale=get_locale()))


def progress(roll: Roll, stands: rolls.Standing | None) -> str:
    """How far a list is, in a sentence."""
    if roll.done_on is not None:
        return str(gettext("Done on %(day)s", day=format_date(roll.done_on, "medium")))
    if stands is None or not stands.open:
        return str(gettext("Everybody is confirmed"))
    day = format_date(roll.due_on, "long")
    counts = {"open": stands.open, "people": stands.people, "day": day}
    if roll.due_on < today():
        return str(gettext("%(open)s of %(people)s still to confirm, due since %(day)s", **counts))
    return str(gettext("%(open)s of %(people)s still to confirm until %(day)s", **counts))


def waiting() -> list[dict[str, object]]:
    """For Home: the lists one goes through, while somebody is open on them."""
    if not may("roll.confirm"):
        return []
    found = rolls.mine(acting())
    stands = rolls.seen([roll.id for roll in found]) if found else {}
    return [
        {
            "title": roll.hospital.name,
            "url": url_for("RollPage.show", key=roll.public_id),
            "note": progress(roll, stands[roll.id]),
            "act": _("Go through the list"),
        }
        for roll in found
        if roll.id in stands and stands[roll.id].open
    ]


def overdue() -> list[dict[str, object]]:
    """For Home: lists that others are late with."""
    if not may("roll.see"):
        return []
    return [
        {
            "title": roll.hospital.name,
            "url": url_for("RollPage.list", state="overdue"),
            "note": gettext("Due since %(day)s", day=format_date(roll.due_on, "long")),
        }
        for roll in rolls.overdue(acting())
    ]
