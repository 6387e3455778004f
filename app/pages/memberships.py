"""Appointing by e-mail address, and memberships. What else one is appointed to is ``mandates``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Select, and_, select
from sqlalchemy.orm import joinedload

from app import rights
from app.models import (
    Centre,
    Hospital,
    Membership,
    Network,
    db,
)
from app.pages import endings, histories, spells
from app.pages.base import ActForm, Page, expose, find, has_access, may, once_key, submitted
from app.pages.fields import PickField, text
from app.pages.hospitals import network_choices
from app.pages.lists import Filter, prefill, reach
from app.pages.people import NAME, email_field
from app.pages.security import acting
from app.services import entries, hanging, people
from app.services.accounts import Typed
from app.services.endings import of_memberships
from app.services.spells import not_over
from app.words import _


class AppointForm(ActForm):
    """Whom to appoint: the e-mail address decides, the names are for an account that is new."""

    email = email_field(
        _("E-mail"), _("The address at work. If it has an account already, that account is taken with its own names.")
    )
    first_name = text(_("Given name"), 64)
    last_name = text(_("Family name"), 64)
    job_title = text(_("Job title"), 150, required=False)

    def typed(self) -> Typed:
        """The person as typed."""
        return Typed(
            email=self.email.data,
            first_name=self.first_name.data,
            last_name=self.last_name.data,
            job_title=self.job_title.data,
        )

    def spell(self) -> dict[str, Any]:
        """From when to when."""
        return {name: self[name].data for name in ("from_on", "to_on") if name in self}


def place_field(label: object, act: str, narrow: Callable[[Select[Any]], Select[Any]], describe: Any = str) -> Any:
    """Where somebody is appointed, chosen by the right to appoint there."""
    return PickField(label, act, narrow=narrow, describe=describe)


def appoint(page: Page, form: AppointForm, perform: Callable[..., Any], place: str, **shown: Any) -> Any:
    """Show and take a form that appoints somebody somewhere. A single place is not asked for."""
    form.once.data = form.once.data or once_key()
    if request.method == "GET":
        prefill(form, place)
    places = db.session.scalars(form[place].rows().limit(2)).unique().all()
    only = places[0] if len(places) == 1 else None
    called = None if only is None else form[place].describe(only)
    if only is not None:
        delattr(form, place)
    made = submitted(
        form,
        lambda: perform(
            acting(),
            only if only is not None else form[place].data,
            typed=form.typed(),
            **form.spell(),
            once=form.words()["once"],
        ),
    )
    if made is None:
        return page.page("people/appoint.html", form=form, record=None, only=called, nowhere=not places, **shown)
    sentence = _(
        "Recorded. If this person cannot sign in yet, the operator of the platform gives them a one-time link."
    )
    return page.done(sentence, ".show", key=made.public_id)


class PlacePage(spells.SpellPage):
    """People's places: their names are theirs, or nobody's whom the reader may know."""

    def _pickable(self) -> tuple[Any, ...]:
        """One's own is ended on its page alone, where one sees what hangs on it."""
        return tuple(and_(one, self.datamodel.obj.person_id != acting().user_id) for one in super()._pickable())

    def ways(self) -> list[str]:
        """The methods that appoint, where this reader has a place to appoint to; asked in one statement."""
        acts = {method: act for method, act in self.acts.items() if act.startswith(("mandate.a", "membership.add"))}
        acts = {method: act for method, act in acts.items() if may(act)}
        if not acts:
            return []
        places = [
            select(rights.on(act).id).where(rights.right(acting(), act)).limit(1).scalar_subquery()
            for act in acts.values()
        ]
        found = db.session.execute(select(*places)).one()
        return [method for method, place in zip(acts, found, strict=True) if place is not None]

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A membership or a mandate, with what has happened to it."""
        record = find(self.datamodel.obj, key, *self.offered, options=self.load)
        history = histories.of_place(record, why=spells.reads_why(record, self.acts["end"]))
        return self.page(self.show_template, record=record, history=history)

    def named(self, record: Any) -> object:
        """Whose it is."""
        return self.cell(record, "person")

    def cell(self, record: Any, column: str) -> Any:
        """Whose it is."""
        if column in ("person", "clinician", "assistant"):
            return str(getattr(record, column) or _("A former colleague"))
        if column in ("end_reason", "employment_by", "employment_how") and not spells.reads_why(
            record, self.acts["end"]
        ):
            return None
        return super().cell(record, column)


class MemberForm(AppointForm):
    """A clinician of a centre."""

    centre = place_field(
        _("Centre"),
        "membership.add",
        lambda rows: (
            rows.join(Centre.hospital)
            .join(Centre.network)
            .where(not_over(Centre))
            .order_by(Hospital.name, Network.name)
            .options(joinedload(Centre.hospital), joinedload(Centre.network))
        ),
        lambda centre: f"{centre.name} · {centre.network.name} · {centre.hospital.name}",
    )
    from_on = spells.first_day()
    to_on = spells.last_day()


class DatesForm(ActForm):
    """From when to when."""

    from_on = spells.first_day()
    to_on = spells.last_day()


class EmploymentForm(ActForm):
    """Who at the hospital confirmed that somebody works there."""

    name = text(_("Who confirmed it"), 200, hint=_("Name and position at the hospital."))
    on = spells.day(_("On which day"))
    how = text(_("How"), 200, hint=_("For example: by phone, by a letter of the personnel department."))


def _member_of(code: str) -> Any:
    centre, network = Centre.__table__.alias(), Network.__table__.alias()
    found = select(centre.c.id).join(network, network.c.id == centre.c.network_id)
    return Membership.centre_id.in_(found.where(network.c.code == code))


def _on(membership: Membership) -> list[object]:
    """What hangs on the person of one membership."""
    return hanging.on_people(of_memberships([membership.id]))


class MembershipPage(PlacePage):
    """Who belongs to which centre."""

    list_template = "people/memberships.html"

    route_base = "/memberships"
    datamodel = SQLAInterface(Membership)
    acts: ClassVar[dict[str, str]] = {
        "list": "membership.see",
        "table": "membership.see",
        "show": "membership.see",
        "add": "membership.add",
        "edit": "membership.amend",
        "end": "membership.end",
        "end_picked": "membership.end",
        "unpicked": "membership.end",
        "confirm": "membership.confirm-employment",
    }
    list_title = _("Memberships")
    add_title = _("Add a clinician")
    edit_title = _("Change the dates")
    list_columns: ClassVar[list[str]] = [
        "person",
        "centre.name",
        "centre.hospital.name",
        "centre.network.name",
        "standing",
    ]
    show_columns: ClassVar[list[str]] = [
        "centre.name",
        "centre.hospital.name",
        "centre.network.name",
        "from_on",
        "to_on",
        "end_reason",
        "employment_by",
        "employment_on",
        "employment_how",
    ]
    unsaid: ClassVar[tuple[str, ...]] = (*PlacePage.unsaid, "employment_by", "employment_on", "employment_how")
    label_columns: ClassVar[dict[str, object]] = {
        "person": _("Person"),
        "centre.name": _("Centre"),
        "centre.hospital.name": _("Hospital"),
        "centre.network.name": _("Network"),
        "standing": _("In force"),
        "from_on": _("First day"),
        "to_on": _("Last day"),
        "end_reason": _("Reason for the end"),
        "employment_by": _("Employment confirmed by"),
        "employment_on": _("Confirmed on"),
        "employment_how": _("Confirmed how"),
    }
    search_in: ClassVar[tuple[Any, ...]] = (NAME,)
    join: ClassVar[tuple[Any, ...]] = (Membership.person,)
    filters = {  # noqa: RUF012
        "when": spells.still(Membership),
        "network": Filter(_("Network"), network_choices, _member_of),
    }
    load: ClassVar[tuple[Any, ...]] = (
        joinedload(Membership.person),
        joinedload(Membership.centre).joinedload(Centre.hospital),
        joinedload(Membership.centre).joinedload(Centre.network),
    )
    offered: ClassVar[tuple[str, ...]] = ("membership.amend", "membership.end", "membership.confirm-employment")
    picked: ClassVar[str] = "membership.end"
    picked_words = _("With the ticked memberships"), _("End the ticked memberships")
    edit_form = DatesForm
    edit_act = staticmethod(people.amend_membership)
    show_template = "people/place.html"
    empty: ClassVar[object] = _("No membership yet. A hospital's representative adds its clinicians.")

    def where(self, record: Membership) -> str:
        """The centre and its hospital."""
        return f"{record.centre.name} · {record.centre.hospital.name}"

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Add a clinician to a centre of one's hospital."""
        return appoint(self, MemberForm(), people.add_member, "centre", title=self.add_title)

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a membership."""
        membership = reach(Membership, key, "membership.end", options=self.load)
        return spells.wind_down(
            self,
            membership,
            people.end_membership,
            of_memberships([membership.id]),
            title=_("End the membership"),
            warnings=[_("The rights in this centre end, in open logins too, and grants to assistants with them.")],
            back=("MembershipPage.show", key),
        )

    @expose("/end", methods=["POST"])
    @has_access
    def end_picked(self) -> Any:
        """End the memberships ticked in the list, each by itself."""
        warnings = [_("The rights in these centres end, in open logins too, and grants to assistants with them.")]
        title = _("End the memberships")
        return endings.end_picked(self, people.end_membership, _on, title=title, warnings=warnings)

    @expose("/<key>/confirm-employment", methods=["GET", "POST"])
    @has_access
    def confirm(self, key: str) -> Any:
        """Record that the hospital confirmed the employment: from now on the person may enrol."""
        membership = reach(Membership, key, "membership.confirm-employment", options=self.load)
        form = EmploymentForm()
        if request.method == "GET":
            form.seen.data = str(membership.version)
        seen = form.words()["seen"]
        saved = submitted(form, lambda: entries.confirm_employment(acting(), membership, **form.given(), seen=seen))
        if saved is None:
            return self.page("form.html", form=form, title=_("Record the hospital’s word"), record=membership)
        return self.done(_("Recorded. This person may enrol patients."), ".show", key=key)
