"""Reference rows: countries and networks with their thematic areas, from the facts that ship with the platform.

The facts are ``outside.reference``; here they become rows, once. What an operator has adapted since stays. Invented
registries and hospitals are ``demo``.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import sight
from app.models import Country, Network, ThematicArea
from app.outside import reference
from app.outside.reference.shapes import AgeRules, CountryFacts
from app.words import Procedure


class Loaded(NamedTuple):
    """How many rows were added."""

    countries: int
    networks: int
    areas: int


def load_reference() -> Loaded:
    """Add the countries, networks and thematic areas that are missing. Calling it again adds nothing."""
    with sight.wide("seed") as session:
        session.connection(execution_options={"writes": True})
        countries = _add_countries(session)
        networks = _add_networks(session)
        areas = _add_areas(session)
        session.commit()
    return Loaded(countries, networks, areas)


def _add_countries(session: Session) -> int:
    known = set(session.scalars(select(Country.code)))
    missing = [_country(facts) for facts in reference.countries() if facts.code not in known]
    session.add_all(missing)
    return len(missing)


def _country(facts: CountryFacts) -> Country:
    authority, ages = facts.authority, facts.ages
    return Country(
        code=facts.code,
        procedure=Procedure(facts.procedure),
        eea=facts.eea,
        languages=",".join(facts.languages),
        authority_name=authority.name(facts.languages[0]),
        authority_name_en=authority.names["en"],
        authority_address=", ".join(authority.address),
        authority_contact=", ".join(part for part in (authority.website, authority.phone, authority.email) if part),
        majority_age=ages.majority,
        cosign_age=ages.cosign_from,
        sign_alone_age=ages.alone_from,
        two_parents=ages.two_parents,
        source=_source(ages),
        checked=authority.sure and ages.sure,
    )


def _source(ages: AgeRules) -> str:
    maturity = "No fixed age: the clinician judges whether this minor understands." if ages.by_maturity else ""
    return " ".join(part for part in (f"{ages.source}.", maturity, ages.note) if part)


def _add_networks(session: Session) -> int:
    known = set(session.scalars(select(Network.code)))
    missing = [
        Network(code=facts.code, name=facts.name, field=facts.field, website=facts.website)
        for facts in reference.networks()
        if facts.code not in known
    ]
    session.add_all(missing)
    session.flush()
    return len(missing)


def _add_areas(session: Session) -> int:
    """Areas of networks that have none yet: an operator may have renamed or removed one."""
    without = select(Network).where(Network.id.not_in(select(ThematicArea.network_id)))
    names = {facts.code: facts.areas for facts in reference.networks()}
    missing = [
        ThematicArea(network=network, name=name)
        for network in session.scalars(without)
        for name in names.get(network.code, ())
    ]
    session.add_all(missing)
    return len(missing)
