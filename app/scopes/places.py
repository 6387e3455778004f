"""Where somebody works, is mandated or assists today: the SELECTs that scopes are made of, none a scope itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select, union_all

from app.actors import Actor, in_force, known_as, mandates_in_force, memberships_in_force
from app.models import Centre, Grant
from app.words import MandateKind


def my_hospitals(actor: Actor) -> Select[Any]:
    """Where a clinician works: the hospitals of one's memberships in force."""
    m = memberships_in_force(actor.on).subquery()
    return select(m.c.hospital_id).where(m.c.person_id == actor.user_id).correlate(None)


def enrolling(actor: Actor) -> Select[Any]:
    """Where a clinician works and may enrol: the hospital has confirmed it."""
    m = memberships_in_force(actor.on).subquery()
    return select(m.c.hospital_id).where(m.c.person_id == actor.user_id, m.c.may_enrol).correlate(None)


def enrollers(on: dt.date) -> Select[Any]:
    """(person id, hospital id) of the clinicians who may enrol."""
    m = memberships_in_force(on).subquery()
    return select(m.c.person_id, m.c.hospital_id).where(m.c.may_enrol).correlate(None)


def workplaces(actor: Actor) -> Select[Any]:
    """Where one works in any way: by a membership, or by a mandate of a hospital."""
    m = mandates_in_force(actor.on).subquery()
    return (
        union_all(
            my_hospitals(actor),
            select(m.c.hospital_id).where(m.c.person_id == actor.user_id, m.c.hospital_id.is_not(None)),
        )
        .subquery()
        .select()
    )


def mandated(actor: Actor, *kinds: MandateKind, column: str = "hospital_id") -> Select[Any]:
    """The hospitals of one's mandates of these ``kinds``, or what else ``column`` names of them."""
    m = mandates_in_force(actor.on).subquery()
    return select(m.c[column]).where(m.c.person_id == actor.user_id, m.c.kind.in_(kinds)).correlate(None)


def my_networks(actor: Actor) -> Select[Any]:
    """The networks one coordinates."""
    return mandated(actor, MandateKind.ERN_COORDINATOR, column="network_id")


def hospitals_of_networks(actor: Actor) -> Select[Any]:
    """The hospitals with a centre in a network one coordinates."""
    centre = known_as("coordinated_centre", Centre)
    return (
        select(centre.c.hospital_id)
        .where(centre.c.network_id.in_(my_networks(actor)), _not_over(centre, actor))
        .correlate(None)
    )


def _not_over(spell: FromClause, actor: Actor) -> ColumnElement[bool]:
    """In force or still to begin: who prepares something has to see it."""
    return and_(spell.c.ended_at.is_(None), or_(spell.c.to_on.is_(None), spell.c.to_on >= actor.on))


def grants(actor: Actor) -> tuple[FromClause, ColumnElement[bool]]:
    """Grants in force to this assistant, while both people still belong to the hospital."""
    g = known_as("granted", Grant)
    member, mandate = memberships_in_force(actor.on).subquery(), mandates_in_force(actor.on).subquery()
    clinician_there = select(member.c.hospital_id).where(member.c.person_id == g.c.clinician_id)
    assistant_there = select(mandate.c.hospital_id).where(
        mandate.c.person_id == g.c.assistant_id, mandate.c.kind == MandateKind.ASSISTANT
    )
    return g, and_(
        g.c.assistant_id == actor.user_id,
        in_force(g, actor.on),
        g.c.hospital_id.in_(clinician_there),
        g.c.hospital_id.in_(assistant_there),
    )


def assisted_hospitals(actor: Actor) -> Select[Any]:
    """Where a clinician has granted one records."""
    g, granted = grants(actor)
    return select(g.c.hospital_id).where(granted).correlate(None)
