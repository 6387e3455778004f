"""Countries, networks, thematic areas, registries, hospitals, their authorisations and centres.

What belongs to a hospital or a centre is in force only while they are: ``actors`` derives that, nothing is pushed.
People's places in them are ``people``; how they end is ``departures``.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.errors import Incomplete, WrongStep
from app.models import (
    Authorisation,
    Centre,
    Country,
    Hospital,
    Network,
    Person,
    Registry,
    ThematicArea,
    db,
    now,
    today,
)
from app.services import days, spells
from app.words import CentreKind, Opinion, _

YEARS_AUTHORISED = 10
_LANGUAGES = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?(,[a-z]{2,3}(-[A-Za-z]{2,4})?)*")
_WEBSITE = re.compile(r"(https?://)?([\w-]+\.)+[\w-]{2,}(/\S*)?")


def _wrong(name: str, sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={name: sentence})


def _refuse_taken(record: Any, name: str, *among: Any) -> None:
    """Refuse a name another record of the table has."""
    table = type(record)
    found = select(table.id).where(getattr(table, name) == getattr(record, name), *among)
    if record.id is not None:
        found = found.where(table.id != record.id)
    if db.session.scalar(found.limit(1)) is not None:
        raise _wrong(name, _("This is taken. Choose another one."))


def _set(record: Any, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(record, name, value)


# --- countries, networks, areas --------------------------------------------------------------------------------------


@act("country.amend")
def amend_country(_actor: Actor, country: Country, **changes: Any) -> None:
    """Adapt a country's languages on paper, authority, ages, source.

    Raises:
        Incomplete: the languages are not codes, or the ages contradict each other.
    """
    languages = re.sub(r"\s", "", str(changes["languages"] or ""))
    if not _LANGUAGES.fullmatch(languages):
        raise _wrong("languages", _("Write codes with commas between them, such as nl,fr,de."))
    for name in ("cosign_age", "sign_alone_age"):
        if changes[name] is not None and changes[name] > changes["majority_age"]:
            raise _wrong(name, _("This is above the age of majority. Check both ages."))
    _set(country, changes | {"languages": languages})


@act("network.amend")
def amend_network(_actor: Actor, network: Network, *, name: str, field: str, website: str | None) -> None:
    """Correct a network's name, field or website.

    Raises:
        Incomplete: another network has the name, or the website is no address.
    """
    if website and not _WEBSITE.fullmatch(website):
        raise _wrong("website", _("This is not an address such as www.example.org."))
    _set(network, {"name": name, "field": field, "website": website})
    _refuse_taken(network, "name")


@act("area.add", creates=ThematicArea)
def add_area(_actor: Actor, network: Network, *, name: str) -> ThematicArea:
    """Make a thematic area of a network.

    Raises:
        Incomplete: the network has one of this name.
    """
    area = ThematicArea(network_id=network.id, name=name)
    _refuse_taken(area, "name", ThematicArea.network_id == network.id)
    return area


@act("area.amend")
def amend_area(_actor: Actor, area: ThematicArea, *, name: str) -> None:
    """Correct a thematic area's name.

    Raises:
        Incomplete: the network has another one of this name.
    """
    area.name = name
    _refuse_taken(area, "name", ThematicArea.network_id == area.network_id)


# --- registries ------------------------------------------------------------------------------------------------------


@act("registry.add", creates=Registry)
def add_registry(
    _actor: Actor,
    network: Network,
    *,
    name: str,
    controller: str,
    country: Country,
    from_on: dt.date,
    to_on: dt.date | None = None,
) -> Registry:
    """Make a registry of a network: forms prepared from its first day on name it.

    Raises:
        Incomplete: another registry has the name, or the dates cannot be right.
        WrongStep: the network has ended.
    """
    spells.refuse_over(network)
    spells.check(from_on, to_on)
    registry = Registry(
        network_id=network.id, name=name, controller=controller, country_id=country.id, from_on=from_on, to_on=to_on
    )
    _refuse_taken(registry, "name")
    return registry


@act("registry.amend")
def amend_registry(_actor: Actor, registry: Registry, *, name: str, controller: str, country: Country) -> None:
    """Correct a registry's name, controller or country. Forms printed before keep what is on them.

    Raises:
        Incomplete: another registry has the name.
    """
    _set(registry, {"name": name, "controller": controller, "country_id": country.id})
    _refuse_taken(registry, "name")


@act("registry.end")
def end_registry(_actor: Actor, registry: Registry, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a registry: no new form names it."""
    spells.end(registry, reason, last_day)


# --- hospitals -------------------------------------------------------------------------------------------------------


@act("hospital.add", creates=Hospital)
def add_hospital(
    _actor: Actor, country: Country, *, name: str, from_on: dt.date, to_on: dt.date | None = None, **known: str
) -> Hospital:
    """Make a hospital. It enrols nobody before it is authorised and has a centre.

    ``known`` are city, address, phone, email, dpo_name and dpo_contact.

    Raises:
        Incomplete: the country has a hospital of this name, or the dates cannot be right.
    """
    spells.check(from_on, to_on)
    hospital = Hospital(name=name, country_id=country.id, from_on=from_on, to_on=to_on, **known)
    _refuse_taken(hospital, "name", Hospital.country_id == country.id)
    return hospital


@act("hospital.amend")
def amend_hospital(_actor: Actor, hospital: Hospital, **changes: str) -> None:
    """Correct a hospital's name, address or contacts.

    Raises:
        Incomplete: the country has another hospital of this name.
    """
    _set(hospital, changes)
    _refuse_taken(hospital, "name", Hospital.country_id == hospital.country_id)


# --- authorisation ---------------------------------------------------------------------------------------------------


@act("authorisation.add", creates=Authorisation)
def authorise(
    actor: Actor,
    hospital: Hospital,
    *,
    decided_on: dt.date,
    to_on: dt.date,
    opinion: Opinion,
    opinion_by: str,
    opinion_on: dt.date,
    reference: str,
    note: str | None = None,
) -> Authorisation:
    """Record the representative's decision that the hospital takes part; it replaces an earlier one.

    The data-protection officer's opinion is recorded, and does not bind: against a negative one the reasons are noted.

    Raises:
        Incomplete: a date cannot be right, or the reasons against a negative opinion are missing.
    """
    _check_decision(hospital, decided_on, to_on, opinion_on)
    if opinion is Opinion.NEGATIVE and not note:
        raise _wrong("note", _("The opinion is negative: say why the hospital takes part all the same."))
    person = db.session.get(Person, actor.user_id)
    made = Authorisation(
        hospital_id=hospital.id,
        decided_by_id=actor.user_id,
        decided_by_name=str(person)[:200],
        decided_on=decided_on,
        from_on=decided_on,
        to_on=to_on,
        opinion=opinion,
        opinion_by=opinion_by,
        opinion_on=opinion_on,
        reference=reference,
        note=note,
    )
    for earlier in _authorisations(hospital):
        earlier.ended_at = now()
        earlier.end_reason = str(_("Replaced by %(reference)s", reference=reference))
    return made


def _check_decision(hospital: Hospital, decided_on: dt.date, to_on: dt.date, opinion_on: dt.date) -> None:
    for name, day in (("decided_on", decided_on), ("opinion_on", opinion_on)):
        if day > days.day_at(hospital):
            raise _wrong(name, _("This date lies in the future."))
        if day < spells.EARLIEST:
            raise _wrong(name, _("This year cannot be right. Check the date."))
    if to_on < today():
        raise _wrong("to_on", _("This day is past: the authorisation would not be in force."))
    if to_on > dt.date(decided_on.year + YEARS_AUTHORISED, 12, 31):
        raise _wrong("to_on", _("At most %(years)s years after the decision.", years=YEARS_AUTHORISED))


def _authorisations(hospital: Hospital) -> list[Authorisation]:
    """Those of a hospital not over yet."""
    found = select(Authorisation).where(Authorisation.hospital_id == hospital.id, spells.not_over(Authorisation))
    return list(db.session.scalars(found))


@act("authorisation.end")
def end_authorisation(_actor: Actor, authorisation: Authorisation, *, reason: str) -> None:
    """End an authorisation at once: nobody of the hospital enrols any more."""
    spells.end(authorisation, reason)


# --- centres ---------------------------------------------------------------------------------------------------------


@act("centre.add", creates=Centre)
def add_centre(
    _actor: Actor,
    network: Network,
    *,
    hospital: Hospital,
    name: str,
    kind: CentreKind,
    from_on: dt.date,
    to_on: dt.date | None = None,
) -> Centre:
    """Make a centre: a unit of a hospital joins the network.

    Raises:
        Incomplete: the hospital has it already, or the dates cannot be right.
        WrongStep: the network or the hospital takes part no more.
    """
    spells.refuse_over(network)
    spells.refuse_over(hospital)
    spells.check(from_on, to_on)
    spells.check_within(network, to_on)
    centre = Centre(hospital_id=hospital.id, network_id=network.id, name=name, kind=kind, from_on=from_on, to_on=to_on)
    _refuse_taken(
        centre, "name", Centre.hospital_id == hospital.id, Centre.network_id == network.id, spells.not_over(Centre)
    )
    return centre


@act("centre.amend")
def amend_centre(
    _actor: Actor, centre: Centre, *, name: str, kind: CentreKind, from_on: dt.date, to_on: dt.date | None
) -> None:
    """Correct a centre's name, kind or dates.

    Raises:
        Incomplete: the hospital has another centre of this name in the network, or the dates cannot be right.
        WrongStep: it was ended before, or ran out and would come back with all its former members.
    """
    if spells.is_over(centre) and (to_on is None or to_on >= today()):
        raise WrongStep(_("This centre has left its network. Add it anew instead."))
    if to_on != centre.to_on:
        spells.check_within(centre.network, to_on)
    spells.change(centre, from_on, to_on)
    _set(centre, {"name": name, "kind": kind})
    _refuse_taken(
        centre,
        "name",
        Centre.hospital_id == centre.hospital_id,
        Centre.network_id == centre.network_id,
        spells.not_over(Centre),
    )
