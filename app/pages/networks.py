"""Countries, networks with their thematic areas. Registries, hospitals, centres and expert groups have their own files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired, NumberRange, Optional

from app import rights
from app.models import Centre, Country, Hospital, Network, Registry, ThematicArea, db
from app.pages import groups as group_pages
from app.pages import names, spells
from app.pages.base import ActForm, allowed, expose, find, has_access, offer, once_key, submitted
from app.pages.fields import PickField, long_text, text, words
from app.pages.hospitals import authorised_until
from app.pages.lists import ListPage, offered_rows, reach
from app.pages.mandates import of_network
from app.pages.registries import RegistryForm
from app.pages.security import acting
from app.services import departures, directory, dispatchers, endings, groups, networks
from app.services.spells import not_over
from app.words import CentreKind, MandateKind, _


def _age(label: object, lowest: int, *, required: bool = True) -> Any:
    checks: list[Any] = [InputRequired(_("Fill this in."))] if required else [Optional()]
    message = _("An age from %(low)s to %(high)s.", low=lowest, high=25)
    return IntegerField(label, validators=[*checks, NumberRange(lowest, 25, message=message)])


class CountryForm(ActForm):
    """What an operator adapts for a country."""

    languages = text(
        _("Languages on paper"), 60, hint=_("Codes with commas between them; the first is proposed first.")
    )
    authority_name = text(_("Supervisory authority"), 200)
    authority_name_en = text(_("Supervisory authority, in English"), 200)
    authority_address = text(_("Its address"), 300)
    authority_contact = text(_("Its website, phone or e-mail"), 200)
    majority_age = _age(_("Age of majority"), 14)
    cosign_age = _age(_("Age from which a minor signs beside the representatives"), 0, required=False)
    sign_alone_age = _age(_("Age from which a minor may sign alone"), 0, required=False)
    two_parents = BooleanField(_("Both parents sign, as a rule"))
    source = text(_("Where this stands"), 600, hint=_("Law and article, or who said so and when."))
    checked = BooleanField(_("Checked by the operator"))


class CountryPage(ListPage):
    """Countries and what a consent form takes from them."""

    route_base = "/countries"
    datamodel = SQLAInterface(Country)
    acts: ClassVar[dict[str, str]] = {"list": "country.amend", "show": "country.see", "edit": "country.amend"}
    list_title = _("Countries")
    edit_title = _("Change the country")
    list_columns: ClassVar[list[str]] = ["code", "languages", "majority_age", "checked"]
    show_columns: ClassVar[list[str]] = [
        "languages",
        "procedure",
        "authority_name",
        "authority_name_en",
        "authority_address",
        "authority_contact",
        "majority_age",
        "cosign_age",
        "sign_alone_age",
        "two_parents",
        "source",
        "checked",
    ]
    label_columns: ClassVar[dict[str, object]] = {
        "code": _("Country"),
        "procedure": _("Procedure"),
        "languages": _("Languages on paper"),
        "authority_name": _("Supervisory authority"),
        "authority_name_en": _("In English"),
        "authority_address": _("Its address"),
        "authority_contact": _("Its website, phone or e-mail"),
        "majority_age": _("Age of majority"),
        "cosign_age": _("Signs beside the representatives from"),
        "sign_alone_age": _("May sign alone from"),
        "two_parents": _("Both parents sign"),
        "source": _("Where this stands"),
        "checked": _("Checked by the operator"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"code": names.country}
    order: ClassVar[tuple[Any, ...]] = (Country.code,)
    offered: ClassVar[tuple[str, ...]] = ("country.amend",)
    edit_form = CountryForm
    edit_act = staticmethod(networks.amend_country)
    show_template = "networks/country.html"

    def _page_of(self, statement: Select[Any]) -> tuple[Any, str | None, str | None, int | None]:
        """All of them, as the reader's language orders their names; there are some thirty."""
        rows = db.session.scalars(statement).unique().all()
        return sorted(rows, key=lambda country: names.by_letters(names.country(country.code))), None, None, None

    def named(self, record: Country) -> object:
        """The country by its name."""
        return names.country(record.code)

    def cell(self, record: Country, column: str) -> Any:
        """Languages by their names."""
        return names.languages(record.languages) if column == "languages" else super().cell(record, column)


class NetworkForm(ActForm):
    """A network's own words."""

    name = text(_("Name"), 100)
    field = text(_("Diseases"), 200)
    website = text(_("Website"), 200, required=False, hint=_("Such as www.example.org."))


class DescribeForm(ActForm):
    """What a network says of itself."""

    description = long_text(_("What the network does"), _("Everybody signed in reads it."), 2000, required=False)
    helpdesk = text(
        _("Helpdesk"),
        200,
        required=False,
        hint=_("The e-mail address of a function, not of a person. Everybody reads it."),
    )
    answers_ukrainian = BooleanField(_("Ready to answer Ukrainian cases"))


class AreaForm(ActForm):
    """A thematic area."""

    name = text(_("Name"), 150)


class CentreForm(ActForm):
    """A centre of a network."""

    name = text(_("Name of the unit"), 200)
    kind = words(_("Kind"), CentreKind)
    from_on = spells.first_day()
    to_on = spells.last_day()


class NewCentreForm(CentreForm):
    """A new centre: which hospital joins."""

    hospital = PickField(
        _("Hospital"), "hospital.see", narrow=lambda rows: rows.where(not_over(Hospital)).order_by(Hospital.name)
    )


class NetworkPage(ListPage):
    """The European Reference Networks."""

    route_base = "/networks"
    datamodel = SQLAInterface(Network)
    acts: ClassVar[dict[str, str]] = {
        "list": "network.see",
        "show": "network.see",
        "edit": "network.amend",
        "end": "network.end",
        "add_area": "area.add",
        "add_registry": "registry.add",
        "add_centre": "centre.add",
        "add_group": "group.add",
        "describe": "network.describe",
        "which_dispatches": "mandate.appoint-dispatcher",
        "appoint_dispatcher": "mandate.appoint-dispatcher",
    }
    list_title = _("Networks")
    edit_title = _("Change the network")
    list_columns: ClassVar[list[str]] = ["name", "field"]
    show_columns: ClassVar[list[str]] = ["name", "field", "website"]
    label_columns: ClassVar[dict[str, object]] = {"name": _("Name"), "field": _("Diseases"), "website": _("Website")}
    order: ClassVar[tuple[Any, ...]] = (func.lower(Network.name),)
    search_in: ClassVar[tuple[Any, ...]] = (Network.name, Network.field)
    edit_form = NetworkForm
    edit_act = staticmethod(networks.amend_network)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A network: areas, centres, registries, who coordinates it."""
        may_do = (
            "network.amend",
            "network.end",
            "area.add",
            "registry.add",
            "centre.add",
            "mandate.appoint-coordinator",
            "mandate.appoint-dispatcher",
        )
        network = find(Network, key, *may_do, "network.describe", "group.add")
        areas = offered_rows(
            select(ThematicArea).where(ThematicArea.network_id == network.id).order_by(ThematicArea.name)
        )
        if allowed("area.add", network):  # the same people may do both
            for area in areas:
                offer(area, ["area.amend"])
        centres = offered_rows(
            select(Centre)
            .join(Centre.hospital)
            .where(Centre.network_id == network.id)
            .order_by(Hospital.name, Centre.id)
            .options(
                joinedload(Centre.hospital).joinedload(Hospital.country),
                joinedload(Centre.hospital).selectinload(Hospital.authorisations),
            )
        )
        return self.page(
            "networks/record.html",
            record=network,
            stands=spells.standing(network),
            areas=areas,
            countries=_by_country(centres),
            groups=group_pages.of_network(network),
            registries=offered_rows(
                select(Registry).where(Registry.network_id == network.id, not_over(Registry)).order_by(Registry.name)
            ),
            coordinators=of_network(network, MandateKind.ERN_COORDINATOR),
            dispatchers=of_network(network, MandateKind.DISPATCHER),
        )

    @expose("/<key>/describe", methods=["GET", "POST"])
    @has_access
    def describe(self, key: str) -> Any:
        """A form for what the network says of itself."""
        network = reach(Network, key, "network.describe")
        form = DescribeForm(obj=network)
        if request.method == "GET":
            form.seen.data = str(network.version)
        saved = submitted(form, lambda: groups.describe(acting(), network, **form.given(), seen=form.words()["seen"]))
        if saved is None:
            return self.page("form.html", form=form, title=_("Describe the network"), record=network)
        return self.done(self.edited, ".show", key=key)

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a network."""
        network = reach(Network, key, "network.end")
        return spells.wind_down(
            self,
            network,
            departures.end_network,
            endings.of_network(network),
            title=_("End the network"),
            back=("NetworkPage.show", key),
        )

    @expose("/<key>/add-group", methods=["GET", "POST"])
    @has_access
    def add_group(self, key: str) -> Any:
        """A form that makes an expert group."""
        return group_pages.add(self, key)

    @expose("/<key>/add-area", methods=["GET", "POST"])
    @has_access
    def add_area(self, key: str) -> Any:
        """A form that makes a thematic area."""
        return self._add(key, "area.add", AreaForm(), networks.add_area, _("Add a thematic area"))

    @expose("/<key>/add-registry", methods=["GET", "POST"])
    @has_access
    def add_registry(self, key: str) -> Any:
        """A form that makes a registry."""
        return self._add(key, "registry.add", RegistryForm(), networks.add_registry, _("Add a registry"))

    @expose("/<key>/add-centre", methods=["GET", "POST"])
    @has_access
    def add_centre(self, key: str) -> Any:
        """A form that makes a centre."""
        return self._add(key, "centre.add", NewCentreForm(), networks.add_centre, _("Add a centre"))

    @expose("/appoint-dispatcher")
    @has_access
    def which_dispatches(self) -> Any:
        """In which network to appoint a dispatcher: whoever coordinates a single one is not asked."""
        mine = rights.right(acting(), "mandate.appoint-dispatcher")
        found = select(Network).where(mine, not_over(Network)).order_by(func.lower(Network.name))
        networks = list(db.session.scalars(found))
        if len(networks) == 1:
            return redirect(url_for(".appoint_dispatcher", key=networks[0].public_id))
        return self.page("networks/dispatcher.html", record=None, networks=networks)

    @expose("/<key>/appoint-dispatcher", methods=["GET", "POST"])
    @has_access
    def appoint_dispatcher(self, key: str) -> Any:
        """The finder of the network's members, each with a button that appoints them; and who is appointed already."""
        network = reach(Network, key, "mandate.appoint-dispatcher")
        if request.method == "POST":
            dispatchers.appoint(acting(), network, person=request.form.get("person", "")[:40])
            return self.done(_("Appointed. The person is told by mail."), ".appoint_dispatcher", key=key)
        appointed = [(one, spells.standing(one)) for one in of_network(network, MandateKind.DISPATCHER)]
        inside = {one.person.public_id for one, _stands in appointed if one.person}
        typed = request.args.get("q", "").strip()[:100]
        found = [one for one in directory.members_called(acting(), network, typed) if one.key not in inside]
        return self.page("networks/dispatcher.html", record=network, appointed=appointed, typed=typed, found=found)

    def _add(self, key: str, act: str, form: ActForm, perform: Callable[..., Any], title: object) -> Any:
        """A form that makes something of a network."""
        network = reach(Network, key, act)
        form.once.data = form.once.data or once_key()
        made = submitted(form, lambda: perform(acting(), network, **form.given(), once=form.words()["once"]))
        if made is None:
            return self.page("form.html", form=form, title=title, submit=title, record=network)
        return self.done(self.added, ".show", key=key)


def _by_country(centres: list[Centre]) -> list[tuple[str, list[tuple[Centre, spells.Standing, object]]]]:
    """Centres by the name of their country, each with how it stands and whether its hospital may enrol."""
    found: dict[str, list[tuple[Centre, spells.Standing, object]]] = {}
    for centre in centres:
        told = centre, spells.standing(centre), authorised_until(centre.hospital)
        found.setdefault(names.country(centre.hospital.country.code), []).append(told)
    return sorted(found.items(), key=lambda pair: names.by_letters(pair[0]))


class AreaPage(ListPage):
    """Thematic areas; each is shown on its network's page."""

    route_base = "/areas"
    datamodel = SQLAInterface(ThematicArea)
    acts: ClassVar[dict[str, str]] = {"show": "area.see", "edit": "area.amend"}
    default_view = "show"
    edit_title = _("Change the thematic area")
    label_columns: ClassVar[dict[str, object]] = {"name": _("Name")}
    list_columns: ClassVar[list[str]] = ["name"]
    show_columns: ClassVar[list[str]] = ["name"]
    edit_form = AreaForm
    edit_act = staticmethod(networks.amend_area)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """Its network's page."""
        area = find(ThematicArea, key, options=[joinedload(ThematicArea.network)])
        return redirect(url_for("NetworkPage.show", key=area.network.public_id))
