"""People: accounts, memberships, mandates, an assistant's grants, one's own logins. Signing in is ``logins``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar

from flask import current_app, flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import get_locale
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload
from wtforms import EmailField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Length, Optional

from app import access
from app.models import (
    Centre,
    Country,
    Grant,
    GrantedPatient,
    Hospital,
    Login,
    Mandate,
    Membership,
    Network,
    Patient,
    Person,
    db,
    now,
    today,
)
from app.pages import names, spells
from app.pages.base import ActForm, Page, expose, find, has_access, once_key, submitted
from app.pages.browsers import here
from app.pages.fields import PickField, text, words
from app.pages.hospitals import network_choices
from app.pages.lists import Filter, ListPage, offered_rows, prefill, reach, words_filter
from app.pages.security import acting
from app.services import accounts, logins, people
from app.services.accounts import LONGEST_EMAIL, Typed
from app.services.people import GUEST_DAYS
from app.services.spells import not_over
from app.words import GrantScope, MandateKind, Procedure, Role, _

NAME = Person.first_name + " " + Person.last_name


def _email(label: object, hint: object = "") -> Any:
    checks = [InputRequired(_("Fill this in.")), Length(max=LONGEST_EMAIL, message=_("This is too long."))]
    return EmailField(label, description=hint, validators=checks, filters=[lambda typed: (typed or "").strip()])


# --- accounts --------------------------------------------------------------------------------------------------------


class PersonForm(ActForm):
    """An account's own words."""

    email = _email(_("E-mail"))
    first_name = text(_("Given name"), 64)
    last_name = text(_("Family name"), 64)
    job_title = text(_("Job title"), 150, required=False)


class NewPersonForm(PersonForm):
    """A new account."""

    country = PickField(
        _("Country"), "person.add", narrow=lambda rows: rows.order_by(Country.code), describe=lambda c: names.country(c.code)
    )


class PersonPage(ListPage):
    """People inside one's mandate."""

    route_base = "/people"
    datamodel = SQLAInterface(Person)
    acts: ClassVar[dict[str, str]] = {
        "list": "person.find",
        "show": "person.see",
        "add": "person.add",
        "edit": "person.amend",
        "disable": "person.disable",
        "enable": "person.enable",
        "offer_link": "person.offer-link",
    }
    list_title = _("People")
    add_title = _("Add a person")
    edit_title = _("Change the account")
    list_columns: ClassVar[list[str]] = ["name", "job_title", "email"]
    show_columns: ClassVar[list[str]] = ["email", "job_title", "institution", "country_code"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Name"),
        "email": _("E-mail"),
        "job_title": _("Job title"),
        "institution": _("Institution"),
        "country_code": _("Country"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"country_code": lambda code: names.country(code) if code else None}
    order: ClassVar[tuple[Any, ...]] = (Person.last_name,)
    search_in: ClassVar[tuple[Any, ...]] = (NAME,)
    add_form = NewPersonForm
    edit_form = PersonForm
    add_act = staticmethod(accounts.add)
    edit_act = staticmethod(accounts.amend)
    parent_field = "country"
    empty: ClassVar[object] = _("Nobody here yet.")
    added: ClassVar[object] = _("Added. Make a one-time link, so that this person can set a password.")

    def searched(self) -> tuple[Any, ...]:
        """An operator searches by e-mail address too."""
        return (NAME, Person.email) if acting().is_(Role.ADMIN) else self.search_in

    def cell(self, record: Any, column: str) -> Any:
        """The name as one reads it."""
        return str(record) if column == "name" else super().cell(record, column)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A person: who, and every place, now and before."""
        person = find(Person, key, "person.amend", "person.disable", "person.enable", "person.offer-link")
        return self._shown(person)

    def _shown(self, person: Person, link: str | None = None) -> Any:
        memberships, mandates, grants = people.places_of(person)
        return self.page(
            "people/record.html",
            record=person,
            link=link,
            memberships=_standing(memberships),
            mandates=_standing(mandates),
            grants=_standing(grants),
            own=person.id == acting().user_id,
        )

    @expose("/<key>/disable", methods=["POST"])
    @has_access
    def disable(self, key: str) -> Any:
        """Lock an account at once."""
        accounts.disable(acting(), reach(Person, key, "person.disable"))
        return self.done(_("Locked. This person's logins have ended."), ".show", key=key)

    @expose("/<key>/enable", methods=["POST"])
    @has_access
    def enable(self, key: str) -> Any:
        """Open a locked account."""
        accounts.enable(acting(), reach(Person, key, "person.enable"))
        return self.done(_("Open again."), ".show", key=key)

    @expose("/<key>/link", methods=["POST"])
    @has_access
    def offer_link(self, key: str) -> Any:
        """Make a one-time link to set a password; it is shown on this answer and nowhere else."""
        person = reach(Person, key, "person.offer-link", "person.amend", "person.disable", "person.enable")
        token = logins.offer_link(acting(), person)
        address = current_app.config["SETTINGS"]["PUBLIC_URL"] + url_for("LoginPage.link", token=token)
        return self._shown(person, link=address)


def _standing(rows: list[Any]) -> list[tuple[Any, spells.Standing]]:
    return [(row, spells.standing(row)) for row in rows]


# --- appointing by e-mail --------------------------------------------------------------------------------------------


class AppointForm(ActForm):
    """Whom to appoint: the e-mail address decides, the names are for an account that is new."""

    email = _email(
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


def _place(label: object, act: str, narrow: Callable[[Select[Any]], Select[Any]], describe: Any = str) -> Any:
    return PickField(label, act, narrow=narrow, describe=describe)


class MemberForm(AppointForm):
    """A clinician of a centre."""

    centre = _place(
        _("Centre"),
        "membership.add",
        lambda rows: rows.join(Centre.hospital)
        .join(Centre.network)
        .where(not_over(Centre))
        .order_by(Hospital.name, Network.name)
        .options(joinedload(Centre.hospital), joinedload(Centre.network)),
        lambda centre: f"{centre.name} · {centre.network.name} · {centre.hospital.name}",
    )
    from_on = spells.first_day()
    to_on = spells.last_day()


class CoordinatorForm(AppointForm):
    """A coordinator of a network."""

    place = _place(_("Network"), "mandate.appoint-coordinator", lambda rows: rows.order_by(Network.name))
    from_on = spells.first_day()
    to_on = spells.last_day()


class HubForm(AppointForm):
    """Somebody of the Ukrainian hub."""

    place = _place(
        _("Country"),
        "mandate.appoint-hub",
        lambda rows: rows.where(Country.procedure == Procedure.UA),
        lambda country: names.country(country.code),
    )
    from_on = spells.first_day()
    to_on = spells.last_day()


def _hospital_form(act: str) -> type[AppointForm]:
    return type(
        "HospitalAppointForm",
        (AppointForm,),
        {
            "place": _place(
                _("Hospital"), act, lambda rows: rows.where(not_over(Hospital)).order_by(Hospital.name)
            ),
            "from_on": spells.first_day(),
            "to_on": spells.last_day(),
        },
    )


class GuestForm(AppointForm):
    """A guest: from where, whose, until when."""

    institution = text(_("Institution"), 200)
    country_code = SelectField(_("Country"), choices=[], validators=[InputRequired(_("Choose one."))])
    place = _place(_("Host"), "mandate.admit-guest", lambda rows: rows.order_by(Person.last_name, Person.id))
    to_on = spells.day(
        _("Last day"),
        hint=_("At most %(days)s days from today; the account ends then.", days=GUEST_DAYS),
        default=lambda: today() + dt.timedelta(days=GUEST_DAYS),
    )

    def typed(self) -> Typed:
        """The person as typed, with institution and country."""
        known = super().typed()
        return Typed(**vars(known) | {"institution": self.institution.data, "country_code": self.country_code.data})


def _territories() -> list[tuple[str, str]]:
    """The world's countries in the reader's language, for a select."""
    locale = get_locale()
    known = locale.territories if locale else {}
    none = {"EU", "EZ", "UN", "XA", "XB", "XK", "ZZ", "QO"}
    pairs = [(code, str(name)) for code, name in known.items() if len(code) == 2 and code.isalpha() and code not in none]
    return [("", ""), *sorted(pairs, key=lambda pair: pair[1])]


def appoint(page: Page, form: AppointForm, perform: Callable[..., Any], place: str, **shown: Any) -> Any:
    """Show and take a form that appoints somebody somewhere. A single place is not asked for."""
    form.once.data = form.once.data or once_key()
    if request.method == "GET":
        prefill(form, place)
    places = db.session.scalars(form[place].rows().limit(2)).unique().all()
    only = places[0] if len(places) == 1 else None
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
        return page.page("people/appoint.html", form=form, record=None, only=only, nowhere=not places, **shown)
    sentence = _(
        "Recorded. If this person cannot sign in yet, the operator of the platform gives them a one-time link."
    )
    return page.done(sentence, ".show", key=made.public_id)


# --- memberships -----------------------------------------------------------------------------------------------------


class DatesForm(ActForm):
    """From when to when."""

    from_on = spells.first_day()
    to_on = spells.last_day()


SPELLS: list[tuple[str, object]] = [("now", _("In force or to begin")), ("over", _("Ended"))]


def _still(table: type[Any]) -> Filter:
    return Filter(_("When"), lambda: SPELLS, lambda value: not_over(table) if value == "now" else ~not_over(table))


def _member_of(code: str) -> Any:
    centre, network = Centre.__table__.alias(), Network.__table__.alias()
    found = select(centre.c.id).join(network, network.c.id == centre.c.network_id)
    return Membership.centre_id.in_(found.where(network.c.code == code))


class PlacePage(spells.SpellPage):
    """People's places: their names are theirs, or nobody's whom the reader may know."""

    def cell(self, record: Any, column: str) -> Any:
        """Whose it is."""
        if column in ("person", "clinician", "assistant"):
            return str(getattr(record, column) or _("A former colleague"))
        return super().cell(record, column)


class MembershipPage(PlacePage):
    """Who belongs to which centre."""

    route_base = "/memberships"
    datamodel = SQLAInterface(Membership)
    acts: ClassVar[dict[str, str]] = {
        "list": "membership.see",
        "show": "membership.see",
        "add": "membership.add",
        "edit": "membership.amend",
        "end": "membership.end",
    }
    list_title = _("Memberships")
    add_title = _("Add a clinician")
    edit_title = _("Change the dates")
    list_columns: ClassVar[list[str]] = ["person", "centre.name", "centre.hospital.name", "centre.network.name", "standing"]
    show_columns: ClassVar[list[str]] = [
        "centre.name",
        "centre.hospital.name",
        "centre.network.name",
        "from_on",
        "to_on",
        "end_reason",
    ]
    label_columns: ClassVar[dict[str, object]] = {
        "person": _("Person"),
        "centre.name": _("Centre"),
        "centre.hospital.name": _("Hospital"),
        "centre.network.name": _("Network"),
        "standing": _("In force"),
        "from_on": _("First day"),
        "to_on": _("Last day"),
        "end_reason": _("Why it ended"),
    }
    search_in: ClassVar[tuple[Any, ...]] = (NAME,)
    join: ClassVar[tuple[Any, ...]] = (Membership.person,)
    filters = {  # noqa: RUF012
        "when": _still(Membership),
        "network": Filter(_("Network"), network_choices, _member_of),
    }
    load: ClassVar[tuple[Any, ...]] = (
        joinedload(Membership.person),
        joinedload(Membership.centre).joinedload(Centre.hospital),
        joinedload(Membership.centre).joinedload(Centre.network),
    )
    offered: ClassVar[tuple[str, ...]] = ("membership.amend", "membership.end")
    edit_form = DatesForm
    edit_act = staticmethod(people.amend_membership)
    show_template = "people/place.html"
    empty: ClassVar[object] = _("No membership yet. A hospital's representative adds its clinicians.")

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
        return spells.end(
            self,
            membership,
            people.end_membership,
            spells.EndForm(),
            title=_("End the membership"),
            warnings=[_("The rights in this centre end, in open logins too, and grants to assistants with them.")],
            back=("MembershipPage.show", key),
        )


# --- mandates --------------------------------------------------------------------------------------------------------


class MandatePage(PlacePage):
    """Who may do what where, beside treating patients."""

    route_base = "/mandates"
    datamodel = SQLAInterface(Mandate)
    acts: ClassVar[dict[str, str]] = {
        "list": "mandate.see",
        "show": "mandate.see",
        "end": "mandate.end",
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
        "end_reason": _("Why it ended"),
    }
    search_in: ClassVar[tuple[Any, ...]] = (NAME,)
    join: ClassVar[tuple[Any, ...]] = (Mandate.person,)
    filters = {  # noqa: RUF012
        "when": _still(Mandate),
        "kind": words_filter(_("Mandate"), Mandate.kind, MandateKind),
    }
    load: ClassVar[tuple[Any, ...]] = (
        joinedload(Mandate.person),
        joinedload(Mandate.hospital),
        joinedload(Mandate.network),
    )
    offered: ClassVar[tuple[str, ...]] = ("mandate.end",)
    show_template = "people/place.html"
    empty: ClassVar[object] = _("No mandate here yet.")

    def cell(self, record: Any, column: str) -> Any:
        """Whose it is, where, and how it stands."""
        return place_of(record) if column == "place" else super().cell(record, column)

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
        form = _hospital_form("mandate.appoint-representative")()
        title = _("Appoint a hospital representative")
        return appoint(self, form, people.appoint_representative, "place", title=title)

    @expose("/data-protection-contact", methods=["GET", "POST"])
    @has_access
    def appoint_protection(self) -> Any:
        """Appoint a hospital's data-protection contact."""
        form = _hospital_form("mandate.appoint-protection")()
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
        form.country_code.choices = _territories()
        return appoint(self, form, people.admit_guest, "place", title=_("Admit a guest"))

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


def place_of(mandate: Mandate) -> str | None:
    """Where a mandate holds."""
    place = mandate.hospital or mandate.network
    return None if place is None else str(place.name)


# --- grants ----------------------------------------------------------------------------------------------------------


class RecordsField(SelectMultipleField):  # type: ignore[misc]
    """Records of one's own, by nickname."""

    def __init__(self, label: object, **given: Any) -> None:
        super().__init__(label, validators=[Optional()], validate_choice=False, **given)

    def rows(self) -> Select[Any]:
        """The records one treats."""
        own = select(Patient).where(Patient.clinician_id == acting().user_id, access.right(acting(), "patient.see"))
        return own.order_by(Patient.nickname)

    def iter_choices(self) -> Any:
        """What the page offers."""
        chosen = {patient.public_id for patient in self.data or []}
        for patient in db.session.scalars(self.rows()).unique():
            yield patient.public_id, patient.nickname, patient.public_id in chosen, {}

    def process_data(self, value: Any) -> None:
        """Take records as they are."""
        self.data = value or []

    def process_formdata(self, valuelist: list[str]) -> None:
        """Find the chosen records."""
        keys = {key[:40] for key in valuelist if key}
        self.data = list(db.session.scalars(self.rows().where(Patient.public_id.in_(keys))).unique()) if keys else []
        if len(self.data) != len(keys):
            raise ValueError(str(_("Choose one of the list.")))

    def pre_validate(self, form: Any) -> None:
        """Nothing more: the records were found through the right."""


def _my_assistants(rows: Select[Any]) -> Select[Any]:
    mine = select(Hospital.id).where(access.right(acting(), "grant.give"))
    return (
        rows.join(Mandate.person)
        .where(Mandate.kind == MandateKind.ASSISTANT, Mandate.hospital_id.in_(mine), not_over(Mandate))
        .where(Mandate.person_id != acting().user_id)
        .order_by(Person.last_name, Mandate.id)
        .options(joinedload(Mandate.person), joinedload(Mandate.hospital))
    )


class RecordsForm(ActForm):
    """Which records."""

    scope = words(_("Which records"), GrantScope)
    chosen = RecordsField(_("Chosen records"), description=_("Only if you choose the records one by one."))


class GrantForm(RecordsForm):
    """Who may act for me, on which records, from when to when."""

    assistant = PickField(
        _("Assistant"),
        "mandate.see",
        narrow=_my_assistants,
        describe=lambda mandate: f"{mandate.person} · {mandate.hospital.name}",
    )
    from_on = spells.first_day()
    to_on = spells.last_day()


GRANT_LOAD = (joinedload(Grant.clinician), joinedload(Grant.assistant), joinedload(Grant.hospital))
GRANT_LABELS: dict[str, object] = {
    "assistant": _("Assistant"),
    "clinician": _("Clinician"),
    "hospital.name": _("Hospital"),
    "scope": _("Which records"),
    "standing": _("In force"),
    "from_on": _("First day"),
    "to_on": _("Last day"),
    "end_reason": _("Why it ended"),
}


class AssistantPage(PlacePage):
    """Who acts for me."""

    route_base = "/my-assistants"
    datamodel = SQLAInterface(Grant)
    acts: ClassVar[dict[str, str]] = {
        "list": "grant.choose",
        "show": "grant.see",
        "add": "grant.give",
        "edit": "grant.choose",
        "end": "grant.end",
    }
    list_title = _("My assistants")
    add_title = _("Let an assistant act for me")
    edit_title = _("Change which records")
    list_columns: ClassVar[list[str]] = ["assistant", "scope", "hospital.name", "standing"]
    show_columns: ClassVar[list[str]] = [
        "clinician",
        "assistant",
        "hospital.name",
        "scope",
        "from_on",
        "to_on",
        "end_reason",
    ]
    label_columns: ClassVar[dict[str, object]] = GRANT_LABELS
    load: ClassVar[tuple[Any, ...]] = GRANT_LOAD
    offered: ClassVar[tuple[str, ...]] = ("grant.choose", "grant.end")
    add_form = GrantForm
    show_template = "people/grant.html"
    empty: ClassVar[object] = _("Nobody acts for you. Your hospital's representative adds assistants; then let one act here.")

    def _make(self, form: Any) -> Any:
        given = form.given()
        mandate = given.pop("assistant")
        return people.give(
            acting(), mandate.hospital, assistant=mandate.person, **given, once=form.words()["once"]
        )

    @expose("/<key>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, key: str) -> Any:
        """Change which records a grant covers."""
        grant = reach(Grant, key, "grant.choose", options=self.load)
        form = RecordsForm(data={"scope": grant.scope, "chosen": _chosen(grant)})
        if request.method == "GET":
            form.seen.data = str(grant.version)
        saved = submitted(form, lambda: people.choose(acting(), grant, **form.given(), seen=form.words()["seen"]))
        if saved is None:
            return self.page("form.html", form=form, title=self.edit_title, record=grant)
        return self.done(self.edited, ".show", key=key)

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a grant."""
        grant = reach(Grant, key, "grant.end", options=self.load)
        return spells.end(self, grant, people.end_grant, spells.EndForm(), **_ending(grant, "AssistantPage.show"))


def _chosen(grant: Grant) -> list[Patient]:
    found = select(Patient).join(GrantedPatient, GrantedPatient.patient_id == Patient.id)
    return list(db.session.scalars(found.where(GrantedPatient.grant_id == grant.id)).unique())


def _ending(grant: Grant, back: str) -> dict[str, Any]:
    """What the page says before a grant ends."""
    return {
        "title": _("End the grant"),
        "warnings": [_("The assistant no longer sees these records, in open logins too. What was done stays.")],
        "back": (back, grant.public_id),
    }


class AssistedPage(PlacePage):
    """For whom I act."""

    route_base = "/whom-i-assist"
    datamodel = SQLAInterface(Grant)
    acts: ClassVar[dict[str, str]] = {"list": "grant.return", "show": "grant.return", "end": "grant.return"}
    list_title = _("Whom I assist")
    list_columns: ClassVar[list[str]] = ["clinician", "scope", "hospital.name", "standing"]
    show_columns: ClassVar[list[str]] = ["clinician", "hospital.name", "scope", "from_on", "to_on", "end_reason"]
    label_columns: ClassVar[dict[str, object]] = GRANT_LABELS
    load: ClassVar[tuple[Any, ...]] = GRANT_LOAD
    offered: ClassVar[tuple[str, ...]] = ("grant.return",)
    show_template = "people/grant.html"
    empty: ClassVar[object] = _("You act for nobody yet. A clinician of your hospital lets you, on their page “My assistants”.")

    @expose("/<key>/give-back", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """Give a grant back, at once."""
        grant = reach(Grant, key, "grant.return", options=self.load)
        form = spells.EndNowForm()
        return spells.end(self, grant, people.give_back, form, **_ending(grant, "AssistedPage.show"))


# --- one's own logins ------------------------------------------------------------------------------------------------


class OwnLoginPage(Page):
    """Where one is signed in."""

    route_base = "/my-logins"
    default_view = "list"
    acts: ClassVar[dict[str, str]] = {"list": "login.see", "end": "login.end"}

    @expose("/")
    @has_access
    def list(self) -> Any:
        """The browsers in which one is signed in, this one first."""
        found = select(Login).where(
            Login.person_id == acting().user_id, Login.ended_at.is_(None), Login.expires_at > now()
        )
        rows = offered_rows(found.order_by((Login.id == here().login_id).desc(), Login.seen_at.desc()))
        return self.page("people/logins.html", rows=rows, this=here().login_id)

    @expose("/<key>/end", methods=["POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End one login."""
        login = reach(Login, key, "login.end")
        this = login.id == here().login_id
        logins.end(acting(), login)
        if this:
            here().sign_out()
            flash(str(_("You are signed out.")), "good")
            return redirect(url_for("LoginPage.login"))
        return self.done(_("Ended."), ".list")
