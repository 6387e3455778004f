"""What ends with what: memberships alone, or with them the centres, the hospital or the network they hang on.

As SELECTs of ids, for the preview (``hanging``) and the ending itself (``departures``). Read in a wide session: whoever ends
a place need not see everybody it concerns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, and_, false, not_, or_, select, tuple_
from sqlalchemy.orm import aliased

from app.actors import KEEPERS, known_as
from app.models import Centre, Hospital, Mandate, Membership, Network, Person, today
from app.scopes import present
from app.services import spells
from app.words import MandateKind


class Ending(NamedTuple):
    """What is about to end: memberships alone, or with them the centres, the hospital or the network they hang on."""

    memberships: Select[Any]
    """Ids of memberships."""
    centres: Select[Any] | None = None
    """Ids of centres."""
    hospital_id: int | None = None
    network_id: int | None = None


def of_memberships(ids: Iterable[int]) -> Ending:
    """These memberships."""
    return Ending(select(Membership.id).where(Membership.id.in_(list(ids))))


def _of_centres(centres: Select[Any], **of: int) -> Ending:
    there = select(Membership.id).where(Membership.centre_id.in_(centres), spells.not_over(Membership))
    return Ending(there, centres, **of)


def of_centre(*centres: Centre) -> Ending:
    """Centres and their memberships."""
    return _of_centres(select(Centre.id).where(Centre.id.in_([centre.id for centre in centres])))


def of_places(places: Iterable[Any]) -> Ending:
    """Centres, or memberships; what else is among the places ends alone."""
    found = list(places)
    centres = [place for place in found if isinstance(place, Centre)]
    if centres:
        return of_centre(*centres)
    return of_memberships(place.id for place in found if isinstance(place, Membership))


def of_hospital(hospital: Hospital) -> Ending:
    """A hospital, its centres, memberships and mandates."""
    centres = select(Centre.id).where(Centre.hospital_id == hospital.id, spells.not_over(Centre))
    return _of_centres(centres, hospital_id=hospital.id)


def of_network(network: Network) -> Ending:
    """A network, its centres, memberships, mandates and expert groups."""
    centres = select(Centre.id).where(Centre.network_id == network.id, spells.not_over(Centre))
    return _of_centres(centres, network_id=network.id)


def losing_the_last(ending: Ending, last_day: dt.date | None = None) -> Select[Any]:
    """Ids of the hospitals that have no centre in any network any more: today, or after a last day."""
    if ending.centres is None:
        return select(Hospital.id).where(Hospital.id.is_(None))
    rest = select(Centre.hospital_id).where(spells.not_over(Centre), Centre.id.not_in(ending.centres))
    if last_day is not None:
        rest = rest.where(or_(Centre.to_on.is_(None), Centre.to_on > last_day))
    those = select(Centre.hospital_id).where(Centre.id.in_(ending.centres))
    return select(Hospital.id).where(Hospital.id.in_(those), Hospital.id.not_in(rest))


def without_a_place(ending: Ending) -> Select[Any]:
    """Ids of the people of these memberships or mandates who have no other membership and no mandate anywhere."""
    other, place = aliased(Membership), aliased(Centre)
    rest = select(other.person_id).join(place, place.id == other.centre_id)
    rest = rest.where(spells.not_over(other), spells.not_over(place), other.id.not_in(ending.memberships))
    ends = (Mandate.id.in_(mandates_of(ending)), Mandate.id.in_(dispatchers_of(ending)))
    mandated = select(Mandate.person_id).where(spells.not_over(Mandate), not_(or_(*ends)))
    members = select(Membership.person_id).where(Membership.id.in_(ending.memberships))
    ended = select(Mandate.person_id).where(Mandate.id.in_(mandates_of(ending)))
    gone = (or_(Person.id.in_(members), Person.id.in_(ended)), Person.id.not_in(_reading_on(ending)))
    return select(Person.id).where(*gone, Person.id.not_in(rest), Person.id.not_in(mandated))


def _reading_on(ending: Ending) -> Select[Any]:
    """Ids of the people who go on reading: their hospital leaves its last network, and is not ended itself."""
    centre = select(Centre.id).where(Centre.hospital_id.in_(losing_the_last(ending)))
    found = select(Membership.person_id).where(Membership.id.in_(ending.memberships), Membership.centre_id.in_(centre))
    return found if ending.hospital_id is None else found.where(false())


def mandates_of(ending: Ending) -> Select[Any]:
    """Ids of the mandates that end with a hospital or a network; who keeps a hospital's archive keeps the mandate."""
    of: ColumnElement[bool] = false()
    if ending.hospital_id is not None:
        of = and_(Mandate.hospital_id == ending.hospital_id, Mandate.kind.not_in(KEEPERS))
    elif ending.network_id is not None:
        of = Mandate.network_id == ending.network_id
    return select(Mandate.id).where(of, spells.not_over(Mandate))


def dispatchers_of(ending: Ending) -> Select[Any]:
    """Ids of the dispatchers' mandates in networks that go on, whose person has no other place in a centre of theirs."""
    other, place = aliased(Membership), aliased(Centre)
    rest = select(other.person_id, place.network_id).join(place, place.id == other.centre_id)
    whose = select(Membership.person_id).where(Membership.id.in_(ending.memberships))
    rest = rest.where(spells.not_over(other), spells.not_over(place), other.id.not_in(ending.memberships))
    rest = rest.where(other.person_id.in_(whose))
    ended = select(Membership.person_id, Centre.network_id).join(Centre, Centre.id == Membership.centre_id)
    there, found = tuple_(Mandate.person_id, Mandate.network_id), select(Mandate.id)
    return found.where(
        Mandate.kind == MandateKind.DISPATCHER,
        spells.not_over(Mandate),
        there.in_(ended.where(Membership.id.in_(ending.memberships))),
        there.not_in(rest),
        Mandate.id.not_in(mandates_of(ending)),
    )


def leavers(ending: Select[Any]) -> FromClause:
    """(person id, hospital id) of those who work in a hospital by nothing but the memberships ``ending`` selects.

    A place that winds down too, or is not in force yet, keeps nobody there.
    """
    other = known_as("member", Membership)
    whose = select(Membership.person_id).where(Membership.id.in_(ending))
    rest = present(today()).where(other.c.id.not_in(ending), other.c.person_id.in_(whose)).subquery()
    pairs = select(Membership.person_id, Centre.hospital_id).join(Centre, Centre.id == Membership.centre_id)
    stays = select(rest.c.person_id, rest.c.hospital_id)
    gone = tuple_(Membership.person_id, Centre.hospital_id).not_in(stays)
    return pairs.where(Membership.id.in_(ending), gone).distinct().subquery()
