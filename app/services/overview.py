"""A coordinator's and a representative's desk in numbers: each is as long as the list it leads to.

What waits to be done is ``worklist``; these numbers say how the network or the hospital stands.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from app import rights
from app.actors import Actor, in_force, known_as
from app.models import Authorisation, Centre, Hospital, Mandate, Membership, MembershipRequest, Person, db, now
from app.services import admissions, idle, spells, worklist
from app.words import MandateKind

MOST = 1000
"""Above it a number is not counted further: a page must not wait for it."""


class Desk(NamedTuple):
    """How many there are, each counted to ``MOST`` and one."""

    requests: int
    requests_late: int
    members: int
    members_ending: int
    guests: int
    guests_ending: int
    dispatchers: int
    centres: int
    hospitals: int
    hospitals_closed: int
    hospitals_closing: int
    idle: int


def desk(actor: Actor) -> Desk:
    """The numbers, in one statement."""
    waiting = worklist.requests_for(actor)
    mandate = rights.right(actor, "mandate.see")
    guest, dispatcher = (and_(mandate, Mandate.kind == kind) for kind in (MandateKind.GUEST, MandateKind.DISPATCHER))
    member, own = rights.right(actor, "membership.see"), minded(actor)
    counted = {
        "requests": _many(MembershipRequest, waiting),
        "requests_late": _many(MembershipRequest, waiting, MembershipRequest.submitted_at < now() - admissions.TARGET),
        "members": _many(Membership, member, spells.stands(Membership)),
        "members_ending": _many(Membership, member, spells.ending(Membership)),
        "guests": _many(Mandate, guest, spells.stands(Mandate)),
        "guests_ending": _many(Mandate, guest, spells.ending(Mandate)),
        "dispatchers": _many(Mandate, dispatcher, spells.stands(Mandate)),
        "centres": _many(Centre, minded_centres(actor), spells.stands(Centre)),
        "hospitals": _many(Hospital, own),
        "hospitals_closed": _many(Hospital, own, authorised("none", actor.on)),
        "hospitals_closing": _many(Hospital, own, authorised("soon", actor.on)),
        "idle": _many(Person, rights.right(actor, "idle.find"), idle.listed()),
    }
    return Desk(*db.session.execute(select(*(counted[name] for name in Desk._fields))).one())


def _many(table: type[Any], *where: ColumnElement[bool]) -> Any:
    found: Select[Any] = select(table.id).where(*where).limit(MOST + 1)
    return select(func.count()).select_from(found.subquery()).scalar_subquery()


def minded(actor: Actor) -> ColumnElement[bool]:
    """The hospitals in force that one represents, or that have a centre in the network one coordinates."""
    mine = or_(rights.right(actor, "authorisation.add"), rights.right(actor, "mandate.appoint-representative"))
    return and_(mine, spells.not_over(Hospital))


def minded_centres(actor: Actor) -> ColumnElement[bool]:
    """The centres of the network one coordinates, and of the hospitals one represents."""
    hospital = select(Hospital.id).where(rights.right(actor, "authorisation.add"))
    return or_(rights.right(actor, "centre.amend"), Centre.hospital_id.in_(hospital))


def authorised(state: str, on: dt.date) -> ColumnElement[bool]:
    """Hospitals by their authorisation: ``yes``, in force; ``soon``, in force and near its end; ``none``."""
    granted = known_as("hospital_authorised", Authorisation)
    held = select(granted.c.hospital_id).where(in_force(granted, on))
    if state == "none":
        return Hospital.id.not_in(held)
    if state == "yes":
        return Hospital.id.in_(held)
    later = held.where(granted.c.to_on >= on + dt.timedelta(days=worklist.RENEW_DAYS))
    return and_(Hospital.id.in_(held), Hospital.id.not_in(later))
