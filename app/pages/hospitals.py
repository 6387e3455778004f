"""Hospitals and their authorisation. Centres are ``centres``, networks ``networks``, the people in them ``people``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import g
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import format_date
from sqlalchemy import func, literal, select
from sqlalchemy.orm import joinedload
from wtforms import TextAreaField
from wtforms.validators import Length, Optional

from app.act import HAS_LEFT
from app.models import Authorisation, Centre, Country, Hospital, Mandate, Network, db
from app.pages import names, spells
from app.pages.base import ActForm, Page, expose, find, has_access, once_key, submitted
from app.pages.fields import PickField, text, words
from app.pages.lists import Filter, ListPage, offered_rows, reach
from app.pages.security import acting
from app.services import departures, endings, networks, overview
from app.services.departures import Departure
from app.services.spells import is_over, not_over
from app.words import MandateKind, Opinion, _

LONGEST_NOTE = 2000


class HospitalWords(ActForm):
    """A hospital's name, address and contacts, as they stand on a consent form."""

    name = text(_("Name"), 200, hint=_("As it stands on paper, in the country's own script."))
    city = text(_("City"), 100)
    address = text(_("Address"), 300)
    phone = text(_("Phone"), 60)
    email = text(_("E-mail for withdrawals"), 200, hint=_("Patients write to it when they withdraw their consent."))
    dpo_name = text(_("Data-protection officer"), 200)
    dpo_contact = text(_("How to reach the data-protection officer"), 300)


class HospitalForm(HospitalWords):
    """A new hospital."""

    country = PickField(_("Country"), "hospital.add", describe=lambda c: names.country(c.code), by_name=True)
    from_on = spells.first_day()
    to_on = spells.last_day()


class AuthorisationForm(ActForm):
    """The representative's decision and the data-protection officer's opinion."""

    decided_on = spells.day(_("Day of the decision"))
    reference = text(_("Reference"), 100, hint=_("Under which it can be found in your hospital."))
    to_on = spells.day(_("Valid until"))
    opinion = words(_("Opinion of the data-protection officer"), Opinion)
    opinion_by = text(_("Who gave the opinion"), 200)
    opinion_on = spells.day(_("Day of the opinion"))
    note = TextAreaField(
        _("Reasons"),
        description=_("Needed when the opinion is negative: why the hospital takes part all the same."),
        validators=[
            Optional(),
            Length(max=LONGEST_NOTE, message=_("Use at most %(count)s characters.", count=LONGEST_NOTE)),
        ],
        filters=[lambda typed: (typed or "").replace("\x00", "").strip() or None],
    )


def leaving(departure: Departure) -> object:
    """How a hospital stands that leaves, in a sentence."""
    if departure.day is None:
        return HAS_LEFT
    return _(
        "Leaves its last network on %(day)s. Export the consent archive, and hand the records over.",
        day=format_date(departure.day, "long"),
    )


def _once_a_request(read: Callable[[], list[tuple[str, object]]]) -> Callable[[], list[tuple[str, object]]]:
    """The choices of a filter are asked for by the statement and by the page."""

    def choices() -> list[tuple[str, object]]:
        kept: dict[str, list[tuple[str, object]]] = g.setdefault("filter_choices", {})
        if read.__name__ not in kept:
            kept[read.__name__] = read()
        return kept[read.__name__]

    return choices


@_once_a_request
def countries() -> list[tuple[str, object]]:
    """The countries with hospitals, for a filter."""
    codes = db.session.scalars(select(Country.code).join(Country.hospitals).distinct())
    return sorted(((code, names.country(code)) for code in codes), key=lambda pair: names.by_letters(str(pair[1])))


@_once_a_request
def network_choices() -> list[tuple[str, object]]:
    """The networks, for a filter."""
    return [
        (key, name)
        for key, name in db.session.execute(select(Network.code, Network.name).order_by(func.lower(Network.name)))
    ]


def _in_country(code: str) -> Any:
    country = Country.__table__.alias()
    return Hospital.country_id.in_(select(country.c.id).where(country.c.code == code))


def _in_network(code: str) -> Any:
    centre, network = Centre.__table__.alias(), Network.__table__.alias()
    found = select(centre.c.hospital_id).join(network, network.c.id == centre.c.network_id)
    return Hospital.id.in_(found.where(network.c.code == code, centre.c.ended_at.is_(None)))


AUTHORISED: list[tuple[str, object]] = [
    ("yes", _("In force")),
    ("soon", _("Ends within 60 days")),
    ("none", _("Not in force")),
]


def minded() -> list[tuple[str, object]]:
    """Only who coordinates a network or represents a hospital has some to mind."""
    mine = MandateKind.ERN_COORDINATOR, MandateKind.HOSPITAL_REPRESENTATIVE
    return [("mine", _("Those of your mandate"))] if acting().mandates & {*mine} else []


class HospitalPage(ListPage):
    """Healthcare providers."""

    route_base = "/hospitals"
    datamodel = SQLAInterface(Hospital)
    acts: ClassVar[dict[str, str]] = {
        "list": "hospital.see",
        "table": "hospital.see",
        "show": "hospital.see",
        "add": "hospital.add",
        "edit": "hospital.amend",
        "end": "hospital.end",
        "authorise": "authorisation.add",
    }
    list_title = _("Hospitals")
    add_title = _("Add a hospital")
    edit_title = _("Change address and contacts")
    list_columns: ClassVar[list[str]] = ["name", "city", "country.code", "authorised"]
    show_columns: ClassVar[list[str]] = ["address", "phone", "email", "dpo_name", "dpo_contact"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Hospital"),
        "city": _("City"),
        "country.code": _("Country"),
        "authorised": _("Authorisation"),
        "address": _("Address"),
        "phone": _("Phone"),
        "email": _("E-mail for withdrawals"),
        "dpo_name": _("Data-protection officer"),
        "dpo_contact": _("How to reach them"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"country.code": names.country}
    order: ClassVar[tuple[Any, ...]] = (Hospital.name,)
    search_in: ClassVar[tuple[Any, ...]] = (Hospital.name, Hospital.city)
    filters = {  # noqa: RUF012
        "country": Filter(_("Country"), countries, _in_country),
        "network": Filter(_("Network"), network_choices, _in_network),
        "authorised": Filter(
            _("Authorisation"), lambda: AUTHORISED, lambda value: overview.authorised(value, acting().on)
        ),
        "whose": Filter(_("Which"), minded, lambda _value: overview.minded(acting()), alone=True),
    }
    load: ClassVar[tuple[Any, ...]] = (joinedload(Hospital.country), joinedload(Hospital.authorisations))
    add_form = HospitalForm
    edit_form = HospitalWords
    add_act = staticmethod(networks.add_hospital)
    edit_act = staticmethod(networks.amend_hospital)
    parent_field = "country"
    empty: ClassVar[object] = _("No hospital yet.")

    def cell(self, record: Any, column: str) -> Any:
        """Whether the hospital may enrol, in words."""
        return authorised_until(record) if column == "authorised" else super().cell(record, column)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A hospital: whether it may enrol and whom to ask, centres, contacts, history."""
        hospital = find(
            Hospital,
            key,
            "hospital.amend",
            "hospital.end",
            "authorisation.add",
            "mandate.appoint-representative",
            "mandate.appoint-protection",
            "mandate.appoint-assistant",
            options=[joinedload(Hospital.country)],
        )
        authorisations = offered_rows(
            select(Authorisation)
            .where(Authorisation.hospital_id == hospital.id)
            .order_by(Authorisation.from_on.desc(), Authorisation.id.desc()),
            "authorisation.end",
        )
        centres = _centres(hospital)
        mandates = _mandates(hospital)
        return self.page(
            "hospitals/record.html",
            record=hospital,
            standing=spells.standing(hospital),
            leaves=[leaving(one) for one in departures.of_hospitals(select(literal(hospital.id)))],
            in_force=next((one for one in authorisations if _counts(one)), None),
            authorisations=[(one, spells.standing(one)) for one in authorisations],
            centres=[(one, spells.standing(one)) for one in centres],
            networks=sorted({one.network.name for one in centres if not is_over(one)}),
            representatives=_of_kind(mandates, MandateKind.HOSPITAL_REPRESENTATIVE),
            contacts=_of_kind(mandates, MandateKind.DATA_PROTECTION_CONTACT),
            assistants=_of_kind(mandates, MandateKind.ASSISTANT),
        )

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a hospital's part."""
        hospital = reach(Hospital, key, "hospital.end")
        return spells.wind_down(
            self,
            hospital,
            departures.end_hospital,
            endings.of_hospital(hospital),
            title=_("End the hospital's part"),
            warnings=[
                _(
                    "After the last day its clinicians reach no patient’s record any more. Its representative goes on exporting "
                    "the archive, its data-protection contact goes on recording withdrawals."
                )
            ],
            back=("HospitalPage.show", key),
        )

    @expose("/<key>/authorise", methods=["GET", "POST"])
    @has_access
    def authorise(self, key: str) -> Any:
        """Record the decision that the hospital takes part."""
        hospital = reach(Hospital, key, "authorisation.add")
        form = AuthorisationForm()
        form.once.data = form.once.data or once_key()
        made = submitted(
            form, lambda: networks.authorise(acting(), hospital, **form.given(), once=form.words()["once"])
        )
        if made is None:
            title = _("Record the authorisation")
            return self.page("form.html", form=form, title=title, submit=title, record=hospital)
        return self.done(_("Recorded. Your hospital may enrol patients."), ".show", key=key)


def _counts(authorisation: Authorisation) -> bool:
    """Whether an authorisation is in force today."""
    return not is_over(authorisation) and authorisation.from_on <= acting().on


def authorised_until(hospital: Hospital) -> object:
    """The state of a hospital's authorisation, in words."""
    found = next((one for one in hospital.authorisations if _counts(one)), None)
    return _("Not in force") if found is None else spells.standing(found, "medium").sentence


def _centres(hospital: Hospital) -> list[Centre]:
    found = select(Centre).where(Centre.hospital_id == hospital.id).options(joinedload(Centre.network))
    return offered_rows(found.order_by(Centre.id), "centre.amend", "membership.add")


def _mandates(hospital: Hospital) -> list[Mandate]:
    """The mandates of a hospital that the reader sees, with their people."""
    found = select(Mandate).where(Mandate.hospital_id == hospital.id, not_over(Mandate))
    return offered_rows(found.order_by(Mandate.id).options(joinedload(Mandate.person)))


def _of_kind(mandates: list[Mandate], kind: MandateKind) -> list[Mandate]:
    return [mandate for mandate in mandates if mandate.kind is kind and mandate.person is not None]


class AuthorisationPage(Page):
    """An authorisation is shown on its hospital's page; here it ends."""

    route_base = "/authorisations"
    default_view = "end"
    acts: ClassVar[dict[str, str]] = {"end": "authorisation.end"}

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End an authorisation at once."""
        authorisation = reach(Authorisation, key, "authorisation.end", options=[joinedload(Authorisation.hospital)])
        return spells.end(
            self,
            authorisation,
            networks.end_authorisation,
            spells.EndNowForm(),
            title=_("End the authorisation at once"),
            warnings=[_("Nobody of %(hospital)s enrols patients any more.", hospital=authorisation.hospital.name)],
            back=("HospitalPage.show", authorisation.hospital.public_id),
            named=authorisation.hospital,
        )
