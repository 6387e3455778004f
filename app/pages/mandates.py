"""Mandates: coordinators, representatives, contacts, assistants, the hub, guests."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, ClassVar

from flask import request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import get_locale
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from wtforms import SelectField
from wtforms.validators import InputRequired

from app.labels import LABELS
from app.models import Country, Hospital, Mandate, Network, Person, today
from app.pages import endings, names, spells
from app.pages.base import ActForm, expose, has_access, submitted
from app.pages.fields import text
from app.pages.lists import offered_rows, reach, words_filter
from app.pages.memberships import AppointForm, PlacePage, appoint, place_field
from app.pages.people import NAME
from app.pages.security import acting
from app.services import guests, people
from app.services.accounts import Typed
from app.services.people import GUEST_DAYS
from app.services.spells import not_over
from app.words import MandateKind, Procedure, _


class CoordinatorForm(AppointForm):
    """A coordinator of a network."""

    place = place_field(
        _("Network"), "mandate.appoint-coordinator", lambda rows: rows.order_by(func.lower(Network.name))
    )
    from_on = spells.first_day()
    to_on = spells.last_day()


class HubForm(AppointForm):
    """Somebody of the Ukrainian hub."""

    place = place_field(
        _("Country"),
        "mandate.appoint-hub",
        lambda rows: rows.where(Country.procedure == Procedure.UA),
        lambda country: names.country(country.code),
    )
    from_on = spells.first_day()
    to_on = spells.last_day()


def _hospital_form(act: str, *, also_over: bool = False) -> type[AppointForm]:
    """``also_over``: who keeps the archive is appointed also where the hospital itself is over; the right says where."""
    return type(
        "HospitalAppointForm",
        (AppointForm,),
        {
            "place": place_field(
                _("Hospital"),
                act,
                lambda rows: (rows if also_over else rows.where(not_over(Hospital))).order_by(Hospital.name),
            ),
            "from_on": spells.first_day(),
            "to_on": spells.last_day(),
        },
    )


class GuestForm(AppointForm):
    """A guest: from where, whose, until when."""

    institution = text(_("Institution"), 200)
    country_code = SelectField(_("Country"), choices=[], validators=[InputRequired(_("Choose one."))])
    place = place_field(_("Host"), "mandate.admit-guest", lambda rows: rows.order_by(Person.last_name, Person.id))
    to_on = spells.day(
        _("Last day"),
        hint=_("At most %(days)s days from today; the account ends then.", days=GUEST_DAYS),
        default=lambda: today() + dt.timedelta(days=GUEST_DAYS),
    )

    def typed(self) -> Typed:
        """The person as typed, with institution and country."""
        known = super().typed()
        return Typed(**vars(known) | {"institution": self.institution.data, "country_code": self.country_code.data})


class ExtendForm(ActForm):
    """Until when a guest stays."""

    last_day = spells.day(
        _("Last day"), hint=_("At most %(days)s days from today.", days=GUEST_DAYS), default=guests.latest
    )


NO_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "XK", "ZZ", "QO"}
"""What Babel names beside countries."""


def territories() -> list[tuple[str, str]]:
    """The world's countries in the reader's language, for a select."""
    locale = get_locale()
    known = locale.territories if locale else {}
    pairs = [(code, str(name)) for code, name in known.items() if re.fullmatch("[A-Z]{2}", code)]
    pairs = [pair for pair in pairs if pair[0] not in NO_COUNTRIES]
    return [("", ""), *sorted(pairs, key=lambda pair: names.by_letters(pair[1]))]


class MandatePage(PlacePage):
    """Who may do what where, beside treating patients."""

    route_base = "/mandates"
    datamodel = SQLAInterface(Mandate)
    acts: ClassVar[dict[str, str]] = {
        "list": "mandate.see",
        "table": "mandate.see",
        "show": "mandate.see",
        "end": "mandate.end",
        "end_picked": "mandate.end",
        "unpicked": "mandate.end",
        "extend": "mandate.extend",
        "appoint_coordinator": "mandate.appoint-coordinator",
        "appoint_hub": "mandate.appoint-hub",
        "appoint_representative": "mandate.appoint-representative",
        "appoint_protection": "mandate.appoint-protection",
        "appoint_assistant": "mandate.appoint-assistant",
        "admit_guest": "mandate.admit-guest",
    }
    list_title = _("Mandates")
    list_template = "people/mandates.html"
    list_columns: ClassVar[list[str]] = ["person", "kind", "place", "standing"]
    show_columns: ClassVar[list[str]] = ["kind", "place", "from_on", "to_on", "end_reason"]
    label_columns: ClassVar[dict[str, object]] = {
        "person": _("Person"),
        "kind": _("Mandate"),
        "place": _("Where"),
        "standing": _("In force"),
        "from_on": _("First day"),
        "to_on": _("Last day"),
        "end_reason": _("Reason for the end"),
    }
    search_in: ClassVar[tuple[Any, ...]] = (NAME,)
    join: ClassVar[tuple[Any, ...]] = (Mandate.person,)
    filters = {  # noqa: RUF012
        "when": spells.still(Mandate),
        "kind": words_filter(_("Mandate"), Mandate.kind, MandateKind),
    }
    load: ClassVar[tuple[Any, ...]] = (
        joinedload(Mandate.person),
        joinedload(Mandate.hospital),
        joinedload(Mandate.network),
    )
    offered: ClassVar[tuple[str, ...]] = ("mandate.extend", "mandate.end")
    picked: ClassVar[str] = "mandate.end"
    picked_words = _("With the ticked mandates"), _("End the ticked mandates")
    show_template = "people/place.html"
    empty: ClassVar[object] = _("No mandate here yet.")

    def cell(self, record: Any, column: str) -> Any:
        """Whose it is, where, and how it stands."""
        return place_of(record) if column == "place" else super().cell(record, column)

    def where(self, record: Mandate) -> str:
        """What a mandate is, and of which place."""
        return " · ".join(str(part) for part in (LABELS[record.kind], place_of(record)) if part)

    @expose("/coordinator", methods=["GET", "POST"])
    @has_access
    def appoint_coordinator(self) -> Any:
        """Appoint an ERN coordinator."""
        return appoint(
            self, CoordinatorForm(), people.appoint_coordinator, "place", title=_("Appoint an ERN coordinator")
        )

    @expose("/hub", methods=["GET", "POST"])
    @has_access
    def appoint_hub(self) -> Any:
        """Appoint somebody of the Ukrainian hub."""
        return appoint(self, HubForm(), people.appoint_hub, "place", title=_("Appoint to the UA Hub"))

    @expose("/representative", methods=["GET", "POST"])
    @has_access
    def appoint_representative(self) -> Any:
        """Appoint a hospital's representative."""
        form = _hospital_form("mandate.appoint-representative", also_over=True)()
        title = _("Appoint a hospital representative")
        return appoint(self, form, people.appoint_representative, "place", title=title)

    @expose("/data-protection-contact", methods=["GET", "POST"])
    @has_access
    def appoint_protection(self) -> Any:
        """Appoint a hospital's data-protection contact."""
        form = _hospital_form("mandate.appoint-protection", also_over=True)()
        title = _("Appoint a data-protection contact")
        return appoint(self, form, people.appoint_protection, "place", title=title)

    @expose("/assistant", methods=["GET", "POST"])
    @has_access
    def appoint_assistant(self) -> Any:
        """Make somebody an assistant of the hospital."""
        form = _hospital_form("mandate.appoint-assistant")()
        return appoint(self, form, people.appoint_assistant, "place", title=_("Add an assistant"))

    @expose("/guest", methods=["GET", "POST"])
    @has_access
    def admit_guest(self) -> Any:
        """Admit a guest."""
        form = GuestForm()
        form.country_code.choices = territories()
        return appoint(self, form, people.admit_guest, "place", title=_("Admit a guest"))

    @expose("/<key>/extend", methods=["GET", "POST"])
    @has_access
    def extend(self, key: str) -> Any:
        """Let a guest stay longer."""
        mandate, form = reach(Mandate, key, "mandate.extend", options=self.load), ExtendForm()
        if request.method == "GET":
            form.seen.data = str(mandate.version)
        seen = form.words()["seen"]
        saved = submitted(form, lambda: guests.extend(acting(), mandate, **form.given(), seen=seen))
        if saved is None:
            title = _("Extend the stay")
            return self.page("form.html", form=form, title=title, submit=title, record=mandate)
        return self.done(_("Extended. The guest is told by mail."), ".show", key=key)

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a mandate."""
        return spells.end(
            self,
            reach(Mandate, key, "mandate.end", options=self.load),
            people.end_mandate,
            spells.EndForm(),
            title=_("End the mandate"),
            warnings=[_("Its rights end, in open logins too.")],
            back=("MandatePage.show", key),
        )

    @expose("/end", methods=["POST"])
    @has_access
    def end_picked(self) -> Any:
        """End the mandates ticked in the list, each by itself."""
        warnings = [_("The rights of these mandates end, in open logins too.")]
        title = _("End the mandates")
        return endings.end_picked(self, people.end_mandate, lambda _mandate: [], title=title, warnings=warnings)


def of_network(network: Network, kind: MandateKind) -> list[Mandate]:
    """The mandates of this kind in a network that are not over and the reader sees."""
    found = select(Mandate).where(Mandate.network_id == network.id, Mandate.kind == kind, not_over(Mandate))
    return offered_rows(found.order_by(Mandate.id).options(joinedload(Mandate.person)))


def place_of(mandate: Mandate) -> str | None:
    """Where a mandate holds; for a guest and for the hub it is the institution they come from."""
    place = mandate.hospital or mandate.network
    if place is not None:
        return str(place.name)
    return mandate.person.institution if mandate.person else None
