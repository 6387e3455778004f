"""Expert groups: what about, who is in them, when they meet. What a network says of itself is ``networks``."""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from flask import g, request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import format_datetime, get_locale
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from wtforms import IntegerField, SelectField, TimeField
from wtforms.validators import InputRequired, NumberRange, Optional

from app.errors import Conflict
from app.labels import LABELS
from app.models import ExpertGroup, ExpertGroupMember, Network, ThematicArea, db, now
from app.pages import endings, spells
from app.pages.base import ActForm, Page, allowed, expose, find, has_access, may, once_key, sent_version, submitted
from app.pages.fields import text, words
from app.pages.hospitals import network_choices
from app.pages.lists import Filter, offered_rows, reach
from app.pages.security import acting
from app.services import directory, groups
from app.services.spells import not_over
from app.words import Rhythm, _

NTH: list[tuple[str, object]] = [
    ("1", _("The first")),
    ("2", _("The second")),
    ("3", _("The third")),
    ("4", _("The fourth")),
    ("5", _("The last")),
]


def _number(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None


def _weekdays() -> list[tuple[str, object]]:
    locale = get_locale()
    names = locale.days["stand-alone"]["wide"] if locale else {}
    return [(str(number), names.get(number, str(number))) for number in range(7)]


def _zones() -> list[tuple[str, str]]:
    return [
        (zone, zone) for zone in sorted(zoneinfo.available_timezones()) if zone.startswith(("Europe/", "Atlantic/"))
    ]


class GroupForm(ActForm):
    """An expert group."""

    name = text(_("Name"), 100)
    topic = text(_("Topic"), 300, required=False, hint=_("What the group advises on, in a sentence."))
    area = SelectField(_("Thematic area"), validators=[Optional()])
    orpha_codes = text(
        _("ORPHAcodes"), 200, required=False, hint=_("Numbers with commas between them, such as 355, 77293.")
    )
    rhythm = words(
        _("How often it meets"), Rhythm, required=False, hint=_("Leave it empty if it has no regular meeting.")
    )
    nth = SelectField(_("Which one of the month"), coerce=_number, validators=[Optional()], validate_choice=False)
    weekday = SelectField(_("Day of the week"), coerce=_number, validators=[Optional()], validate_choice=False)
    hour = TimeField(_("Hour"), validators=[Optional()])
    minutes = IntegerField(
        _("Minutes"),
        default=60,
        validators=[
            InputRequired(_("Fill this in.")),
            NumberRange(15, 480, message=_("From %(low)s to %(high)s minutes.", low=15, high=480)),
        ],
    )
    zone = SelectField(_("Time zone"), default="Europe/Brussels", validators=[InputRequired(_("Choose one."))])

    def of(self, network: Network) -> GroupForm:
        """Offer what the network has."""
        found = select(ThematicArea).where(ThematicArea.network_id == network.id).order_by(ThematicArea.name)
        self.areas = {area.public_id: area for area in db.session.scalars(found)}
        self.area.choices = [("", ""), *((key, area.name) for key, area in self.areas.items())]
        self.nth.choices, self.weekday.choices = [("", ""), *NTH], [("", ""), *_weekdays()]
        self.zone.choices = _zones()
        return self

    def given(self) -> dict[str, Any]:
        """The fields, the area as a record; a number that is none of ours is nothing."""
        given = super().given()
        given["area"] = self.areas.get(given["area"])
        given["nth"] = given["nth"] if given["nth"] in range(1, 6) else None
        given["weekday"] = given["weekday"] if given["weekday"] in range(7) else None
        return given


def schedule(group: ExpertGroup) -> object:
    """When a group meets, in words."""
    if group.rhythm is None or group.hour is None:
        return _("No regular meeting")
    day = dict(_weekdays())[str(group.weekday)]
    nth = dict(NTH).get(str(group.nth))
    often = LABELS[group.rhythm] if nth is None else f"{LABELS[group.rhythm]} ({nth})"
    return f"{often} · {day} · {group.hour:%H:%M} · {group.zone}"


def slots(group: ExpertGroup) -> list[str]:
    """The next meetings, by the clock of the group's zone."""
    return [
        format_datetime(moment, "EEEE d MMMM yyyy, HH:mm", rebase=False) for moment in groups.next_slots(group, now())
    ]


def _of_network(code: str) -> Any:
    network = Network.__table__.alias()
    return ExpertGroup.network_id.in_(select(network.c.id).where(network.c.code == code))


class GroupPage(spells.SpellPage):
    """The expert groups of all networks."""

    route_base = "/expert-groups"
    datamodel = SQLAInterface(ExpertGroup)
    acts: ClassVar[dict[str, str]] = {
        "list": "group.see",
        "table": "group.see",
        "show": "group.see",
        "edit": "group.amend",
        "end": "group.end",
        "end_picked": "group.end",
        "unpicked": "group.end",
        "add_member": "group_member.add",
        "set_chair": "group.set-chair",
    }
    list_template = "spells.html"
    list_title = _("Expert groups")
    edit_title = _("Change the group")
    list_columns: ClassVar[list[str]] = ["name", "network.name", "topic", "schedule", "standing"]
    show_columns: ClassVar[list[str]] = ["network.name", "topic", "area.name", "orpha_codes", "schedule", "end_reason"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Group"),
        "network.name": _("Network"),
        "topic": _("Topic"),
        "area.name": _("Thematic area"),
        "orpha_codes": _("ORPHAcodes"),
        "schedule": _("Meets"),
        "standing": _("In force"),
        "from_on": _("First day"),
        "to_on": _("Last day"),
        "end_reason": _("Reason for the end"),
    }
    unsaid: ClassVar[tuple[str, ...]] = ("topic", "area.name", "orpha_codes", "end_reason")
    order: ClassVar[tuple[Any, ...]] = (func.lower(ExpertGroup.name),)
    search_in: ClassVar[tuple[Any, ...]] = (ExpertGroup.name, ExpertGroup.topic)
    filters = {  # noqa: RUF012
        "network": Filter(_("Network"), network_choices, _of_network),
        "when": spells.still(ExpertGroup),
    }
    load: ClassVar[tuple[Any, ...]] = (joinedload(ExpertGroup.network), joinedload(ExpertGroup.area))
    offered: ClassVar[tuple[str, ...]] = ("group.amend", "group.end", "group_member.add", "group.set-chair")
    picked: ClassVar[str] = "group.end"
    picked_words = _("With the ticked groups"), _("End the ticked groups")
    edit_form = GroupForm
    edit_act = staticmethod(groups.amend)
    empty: ClassVar[object] = _("No expert group yet. A network's coordinator makes them on the network's page.")

    def where(self, record: ExpertGroup) -> str:
        """Its network."""
        return str(record.network.name)

    def cell(self, record: Any, column: str) -> Any:
        """When it meets, in words."""
        return schedule(record) if column == "schedule" else super().cell(record, column)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A group: what about, when, who; and the finder of those who can be taken in."""
        group = find(ExpertGroup, key, *self.offered, options=self.load)
        members = offered_rows(
            select(ExpertGroupMember)
            .where(ExpertGroupMember.group_id == group.id, not_over(ExpertGroupMember))
            .order_by(ExpertGroupMember.id),
            "group_member.end",
        )
        known = directory.named(acting(), [group.chair_id or 0, *(one.person_id for one in members)], group.network_id)
        typed = request.args.get("q", "").strip()[:100]
        found = directory.members_called(acting(), group.network, typed) if allowed("group_member.add", group) else []
        inside = {known[one.person_id].key for one in members if one.person_id in known}
        return self.page(
            "groups/show.html",
            record=group,
            chair=known.get(group.chair_id or 0),
            members=[(one, known[one.person_id]) for one in members if one.person_id in known],
            typed=typed,
            found=[one for one in found if one.key not in inside],
            slots=slots(group),
        )

    @expose("/<key>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, key: str) -> Any:
        """A form that changes the group."""
        group = reach(ExpertGroup, key, "group.amend", options=self.load)
        form = GroupForm(obj=group).of(group.network)
        if request.method == "GET":
            form.seen.data = str(group.version)
            form.area.data = group.area.public_id if group.area else ""
        saved = submitted(form, lambda: groups.amend(acting(), group, **form.given(), seen=form.words()["seen"]))
        if saved is None:
            theirs = self._theirs(group, form) if g.get("refusal_status") == Conflict.status else []
            return self.page("form.html", form=form, title=self.edit_title, record=group, theirs=theirs)
        return self.done(self.edited, ".show", key=key)

    def _theirs(self, record: Any, form: Any) -> Any:
        """What the other person saved; the area by its name, as it is chosen."""
        pairs = super()._theirs(record, form)
        chosen = record.area.public_id if record.area else ""
        return [(field, value) for field, value in pairs if field.name != "area" or (field.data or "") != chosen]

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a group."""
        return spells.end(
            self,
            reach(ExpertGroup, key, "group.end"),
            groups.end,
            spells.EndForm(),
            title=_("End the group"),
            warnings=[_("Nobody chairs it any more. Its members stay members of the network.")],
            back=("GroupPage.show", key),
        )

    @expose("/end", methods=["POST"])
    @has_access
    def end_picked(self) -> Any:
        """End the groups ticked in the list, each by itself."""
        warnings = [_("Nobody chairs them any more. Their members stay members of the network.")]
        return endings.end_picked(self, groups.end, lambda _group: [], title=_("End the groups"), warnings=warnings)

    @expose("/<key>/members", methods=["POST"])
    @has_access
    def add_member(self, key: str) -> Any:
        """Take somebody in."""
        group = reach(ExpertGroup, key, "group_member.add")
        groups.add_member(acting(), group, person=request.form.get("person", "")[:40])
        return self.done(_("Taken in."), ".show", key=key)

    @expose("/<key>/chair", methods=["POST"])
    @has_access
    def set_chair(self, key: str) -> Any:
        """Let a member chair the group."""
        group = reach(ExpertGroup, key, "group.set-chair")
        groups.set_chair(acting(), group, person=request.form.get("person", "")[:40], seen=sent_version())
        return self.done(_("Saved."), ".show", key=key)


class GroupMemberPage(Page):
    """Somebody's place in a group is shown on the group's page; here it ends."""

    route_base = "/expert-group-members"
    default_view = "end"
    acts: ClassVar[dict[str, str]] = {"end": "group_member.end"}

    @expose("/<key>/end", methods=["POST"])
    @has_access
    def end(self, key: str) -> Any:
        """Take somebody out."""
        member = reach(ExpertGroupMember, key, "group_member.end", options=[joinedload(ExpertGroupMember.group)])
        groups.end_member(acting(), member, seen=sent_version())
        return self.done(_("Taken out."), "GroupPage.show", key=member.group.public_id)


def add(page: Page, key: str) -> Any:
    """A form that makes a group of a network."""
    network = reach(Network, key, "group.add")
    form = GroupForm().of(network)
    form.once.data = form.once.data or once_key()
    made = submitted(form, lambda: groups.add(acting(), network, **form.given(), once=form.words()["once"]))
    if made is None:
        title = _("Add an expert group")
        return page.page("form.html", form=form, title=title, submit=title, record=network)
    return page.done(_("Added. Now take people in."), "GroupPage.show", key=made.public_id)


def of_network(network: Network) -> list[tuple[ExpertGroup, str | None, object]]:
    """A network's groups, each with its chair's name, for who may find people, and when it meets."""
    found = select(ExpertGroup).where(ExpertGroup.network_id == network.id, not_over(ExpertGroup))
    rows = list(db.session.scalars(found.order_by(func.lower(ExpertGroup.name), ExpertGroup.id)))
    known = directory.named(acting(), [one.chair_id or 0 for one in rows], network.id) if may("directory.find") else {}
    chairs = {one.id: known.get(one.chair_id or 0) for one in rows}
    return [(one, chair.name if (chair := chairs[one.id]) else None, schedule(one)) for one in rows]
