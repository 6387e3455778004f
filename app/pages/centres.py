"""Centres: units of hospitals in networks."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload

from app.models import Centre
from app.pages import endings, spells
from app.pages.base import expose, has_access
from app.pages.hospitals import minded
from app.pages.lists import Filter, reach, words_filter
from app.pages.networks import CentreForm
from app.pages.security import acting
from app.services import departures, hanging, networks, overview
from app.services.endings import of_centre
from app.words import CentreKind, _


class CentrePage(spells.SpellPage):
    """Centres: units of hospitals in networks."""

    route_base = "/centres"
    datamodel = SQLAInterface(Centre)
    acts: ClassVar[dict[str, str]] = {
        "list": "centre.see",
        "table": "centre.see",
        "show": "centre.see",
        "edit": "centre.amend",
        "end": "centre.end",
        "end_picked": "centre.end",
        "unpicked": "centre.end",
    }
    list_template = "spells.html"
    list_title = _("Centres")
    edit_title = _("Change the centre")
    list_columns: ClassVar[list[str]] = ["name", "hospital.name", "network.name", "kind", "standing"]
    show_columns: ClassVar[list[str]] = ["kind", "from_on", "to_on", "end_reason"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Centre"),
        "hospital.name": _("Hospital"),
        "network.name": _("Network"),
        "kind": _("Kind"),
        "standing": _("In force"),
        "from_on": _("First day"),
        "to_on": _("Last day"),
        "end_reason": _("Reason for the end"),
    }
    search_in: ClassVar[tuple[Any, ...]] = (Centre.name,)
    filters = {  # noqa: RUF012
        "kind": words_filter(_("Kind"), Centre.kind, CentreKind),
        "when": spells.still(Centre),
        "whose": Filter(_("Which"), minded, lambda _value: overview.minded_centres(acting()), alone=True),
    }
    load: ClassVar[tuple[Any, ...]] = (joinedload(Centre.hospital), joinedload(Centre.network))
    offered: ClassVar[tuple[str, ...]] = ("centre.amend", "centre.end", "membership.add")
    picked: ClassVar[str] = "centre.end"
    picked_words = _("With the ticked centres"), _("End the ticked centres")
    edit_form = CentreForm
    edit_act = staticmethod(networks.amend_centre)
    show_template = "hospitals/centre.html"
    empty: ClassVar[object] = _("No centre yet. Open a network to add one.")

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a centre's part in its network."""
        centre = reach(Centre, key, "centre.end")
        return spells.wind_down(
            self,
            centre,
            departures.end_centre,
            of_centre(centre),
            title=_("End the centre"),
            back=("CentrePage.show", key),
        )

    def named(self, record: Centre) -> str:
        """Its name and its hospital: many centres are called alike."""
        return f"{record.name}, {record.hospital.name}"

    def where(self, record: Centre) -> str:
        """Its network."""
        return str(record.network.name)

    @expose("/end", methods=["POST"])
    @has_access
    def end_picked(self) -> Any:
        """End the centres ticked in the list, each by itself."""
        return endings.end_picked(self, departures.end_centre, _on, title=_("End the centres"), warnings=[])


def _on(centre: Centre) -> list[object]:
    """What hangs on the people of one centre."""
    return hanging.on_people(of_centre(centre))
