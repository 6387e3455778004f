"""Centres, hospitals and networks that end: at once, or on a last day until which they wind down.

What belongs to a centre or a hospital is out of force with it (``actors`` derives that). A network takes its centres, its
coordinators and its expert groups along. Everybody concerned is told (``farewells``). What hangs on them is ``hanging``; what a
hospital without a network may still do is ``access.READING``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, union_all

from app.act import act
from app.actors import Actor, hospitals_left
from app.models import Centre, ExpertGroup, Hospital, Mandate, Network, Person, db, today
from app.scopes import workplaces
from app.services import endings, farewells, leavings, spells, stays
from app.services.farewells import Farewell


@act("centre.end")
def end_centre(_actor: Actor, centre: Centre, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a centre's part in the network: its memberships are out of force with it.

    With a last day it winds down: until then nobody is enrolled by it any more, and records are handed over.
    """
    farewell = farewells.of(endings.of_centre(centre), last_day)
    spells.wind_down(centre, reason, last_day)
    _let_go(farewell)


@act("hospital.end")
def end_hospital(_actor: Actor, hospital: Hospital, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a hospital's part: its centres, memberships and grants are out of force with it.

    With a last day it winds down: until then nobody there is enrolled any more. Its representative goes on exporting the
    archive, its data-protection contact goes on recording withdrawals.
    """
    farewell = farewells.of(endings.of_hospital(hospital), last_day)
    spells.wind_down(hospital, reason, last_day)
    _let_go(farewell)


@act("network.end")
def end_network(_actor: Actor, network: Network, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a network: its centres, its coordinators' mandates and its expert groups end with it, at once or that day."""
    farewell = farewells.of(endings.of_network(network), last_day)
    spells.wind_down(network, reason, last_day)
    for table in (Centre, Mandate, ExpertGroup):
        spells.end_where(db.session(), table, _of_network(table, network), reason, last_day)
    _let_go(farewell)


def _of_network(table: type[Any], network: Network) -> ColumnElement[bool]:
    return and_(table.network_id == network.id, spells.not_over(table))


def _let_go(farewell: Farewell) -> None:
    """Tell everybody, and end the logins that open nothing any more."""
    farewells.tell(farewell.notices)
    stays.look_after_places()
    leavings.close_logins(select(Person.id).where(Person.id.in_(farewell.people)))


# --- how a hospital stands -------------------------------------------------------------------------------------------


class Departure(NamedTuple):
    """A hospital that leaves its last network on a day, or has left (``None``)."""

    hospital: Hospital
    day: dt.date | None


def of_hospitals(ids: Select[Any]) -> list[Departure]:
    """Those of these hospitals that leave, or have left, in the order of their names."""
    lasts = spells.not_over(Centre)
    goes_on = and_(lasts, Centre.leaving_on.is_(None), or_(Centre.to_on.is_(None), Centre.to_on > farewells.horizon()))
    counted = (
        select(
            Centre.hospital_id,
            func.sum(case((lasts, 1), else_=0)).label("lasting"),
            func.sum(case((goes_on, 1), else_=0)).label("staying"),
            func.max(case((lasts, Centre.to_on))).label("day"),
        )
        .group_by(Centre.hospital_id)
        .subquery()
    )
    found = select(Hospital, counted.c.lasting, counted.c.staying, counted.c.day).join(
        counted, counted.c.hospital_id == Hospital.id
    )
    leaves = []
    for hospital, lasting, staying, day in db.session.execute(
        found.where(Hospital.id.in_(ids)).order_by(Hospital.name)
    ).unique():
        if spells.is_over(hospital) or not lasting:
            leaves.append(Departure(hospital, None))
        elif _comes_to_its_end(hospital) or not staying:
            leaves.append(Departure(hospital, min(one for one in (hospital.to_on, day) if one is not None)))
    return leaves


def _comes_to_its_end(hospital: Hospital) -> bool:
    """Whether its last day was announced, or is near."""
    near = hospital.to_on is not None and hospital.to_on <= farewells.horizon()
    return near or hospital.leaving_on is not None


def has_left(hospital_id: int) -> bool:
    """Whether a hospital takes part in no network any more."""
    found = select(Hospital.id).where(Hospital.id == hospital_id, Hospital.id.in_(hospitals_left(today())))
    return db.session.scalar(found) is not None


def mine(actor: Actor) -> list[Departure]:
    """The same of the hospitals one works in, represents or is data-protection contact of, or did until it left."""
    return of_hospitals(union_all(workplaces(actor), workplaces(replace(actor, reads=True))).subquery().select())
