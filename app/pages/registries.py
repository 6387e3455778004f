"""Registries a patient may agree to; a network's page adds them."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload

from app.models import Registry
from app.pages import names, spells
from app.pages.base import ActForm, expose, has_access
from app.pages.fields import PickField, text
from app.pages.lists import reach
from app.services import networks
from app.words import _


class RegistryWords(ActForm):
    """What a form says of a registry."""

    name = text(_("Name"), 150)
    controller = text(_("Controller"), 200, hint=_("Who answers for the data in the registry."))
    country = PickField(_("Country"), "country.see", describe=lambda c: names.country(c.code), by_name=True)


class RegistryForm(RegistryWords):
    """A new registry."""

    from_on = spells.first_day()
    to_on = spells.last_day()


class RegistryPage(spells.SpellPage):
    """Registries a patient may agree to."""

    route_base = "/registries"
    datamodel = SQLAInterface(Registry)
    acts: ClassVar[dict[str, str]] = {
        "list": "registry.amend",
        "show": "registry.see",
        "edit": "registry.amend",
        "end": "registry.end",
    }
    list_title = _("Registries")
    edit_title = _("Change the registry")
    list_columns: ClassVar[list[str]] = ["name", "controller", "country.code", "network.name", "standing"]
    show_columns: ClassVar[list[str]] = ["controller", "country.code", "network.name", "from_on", "to_on", "end_reason"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Name"),
        "controller": _("Controller"),
        "country.code": _("Country"),
        "network.name": _("Network"),
        "standing": _("In force"),
        "from_on": _("First day"),
        "to_on": _("Last day"),
        "end_reason": _("Reason for the end"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {"country.code": names.country}
    order: ClassVar[tuple[Any, ...]] = (Registry.name,)
    search_in: ClassVar[tuple[Any, ...]] = (Registry.name, Registry.controller)
    load: ClassVar[tuple[Any, ...]] = (joinedload(Registry.network), joinedload(Registry.country))
    offered: ClassVar[tuple[str, ...]] = ("registry.amend", "registry.end")
    empty: ClassVar[object] = _("No registry yet. Open a network to add one.")
    edit_form = RegistryWords
    edit_act = staticmethod(networks.amend_registry)
    show_template = "networks/registry.html"

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a registry."""
        return spells.end(
            self,
            reach(Registry, key, "registry.end"),
            networks.end_registry,
            spells.EndForm(),
            title=_("End the registry"),
            warnings=[_("No new form names it. What patients agreed to before stays on their forms.")],
            back=("RegistryPage.show", key),
        )
