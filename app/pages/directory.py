"""The directory of people of all networks, as clinicians, assistants and coordinators search it. It shows no address."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from sqlalchemy import func, select

from app.models import Country, Hospital, Network, ThematicArea, db
from app.pages import names
from app.pages.base import Page, expose, has_access
from app.pages.security import acting
from app.services import directory
from app.services.directory import Wanted
from app.services.spells import not_over
from app.words import SPOKEN, _

LONGEST = 100


class DirectoryPage(Page):
    """People of all networks."""

    route_base = "/directory"
    default_view = "list"
    acts: ClassVar[dict[str, str]] = {"list": "directory.find", "show": "directory.find"}
    list_title = _("Directory")

    @expose("/")
    @has_access
    def list(self) -> Any:
        """Those who fit, by family name."""
        asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("q", *Wanted._fields[1:])}
        code = asked["orpha"].upper().removeprefix("ORPHA").strip(": ")
        misread = bool(code) and not (code.isdecimal() and len(code) < 10)
        wanted = Wanted(
            name=asked["q"],
            network=asked["network"],
            hospital=asked["hospital"],
            country=asked["country"],
            area=asked["area"],
            orpha=int(code) if code and not misread else None,
            language=asked["language"],
        )
        after, before = request.args.get("after", ""), request.args.get("before", "")
        shelf = directory.Shelf((), None, None, 0)
        if not misread:
            shelf = directory.search(acting(), wanted, after=after, before=before)
        return self.page(
            "directory/list.html",
            shelf=shelf,
            asked={name: value for name, value in asked.items() if value},
            misread=misread,
            choices=_choices(),
        )

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A person as others see them."""
        return self.page("directory/person.html", told=directory.one(acting(), key))


def _choices() -> dict[str, tuple[object, list[tuple[str, object]]]]:
    """What the finder offers: each list with its label."""
    hospitals = db.session.execute(
        select(Hospital.public_id, Hospital.name, Country.code)
        .join(Hospital.country)
        .where(not_over(Hospital))
        .order_by(Hospital.name)
    ).all()
    networks = db.session.execute(
        select(Network.code, Network.name, ThematicArea.public_id, ThematicArea.name)
        .outerjoin(Network.areas)
        .order_by(func.lower(Network.name), ThematicArea.name)
    ).all()
    countries = {code: names.country(code) for _key, _name, code in hospitals}
    areas: dict[str, object] = {key: f"{area} · {network}" for _code, network, key, area in networks if key}
    return {
        "network": (_("Network"), list({code: name for code, name, _key, _area in networks}.items())),
        "hospital": (_("Hospital"), [(key, name) for key, name, _code in hospitals]),
        "country": (_("Country"), _by_letters(countries)),
        "area": (_("Thematic area"), _by_letters(areas)),
        "language": (_("Language"), _by_letters({code: names.languages(code) for code in SPOKEN})),
    }


def _by_letters(choices: dict[str, Any]) -> list[tuple[str, object]]:
    return sorted(choices.items(), key=lambda pair: names.by_letters(str(pair[1])))
