"""Where somebody works, is mandated or assists today: the SELECTs that scopes are made of, none a scope itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select, union_all

from app.actors import (
    Actor,
    assistants,
    counting_mandates,
    counting_memberships,
    goes_on,
    in_force,
    known_as,
    memberships_in_force,
    memberships_left,
)
from app.models import Centre, Grant, Membership, Person
from app.words import MandateKind


def my_hospitals(actor: Actor) -> Select[Any]:
    """Where a clinician works: the hospitals of one's memberships in force."""
    m = counting_memberships(actor).subquery()
    return select(m.c.hospital_id).where(m.c.person_id == actor.user_id).correlate(None)


def enrolling(actor: Actor) -> Select[Any]:
    """Where a clinician works and may enrol: the hospital has confirmed it."""
    m = counting_memberships(actor).subquery()
    return select(m.c.hospital_id).where(m.c.person_id == actor.user_id, m.c.may_enrol).correlate(None)


def enrollers(on: dt.date) -> Select[Any]:
    """(person id, hospital id) of the clinicians who may enrol, and can: an account that is closed takes no new patient."""
    m, person = memberships_in_force(on).subquery(), known_as("enrolling_account", Person)
    able = and_(person.c.id == m.c.person_id, person.c.active, person.c.disabled_at.is_(None))
    found = select(m.c.person_id, m.c.hospital_id).join_from(m, person, able)
    return found.where(m.c.may_enrol).correlate(None)


def present(on: dt.date) -> Select[Any]:
    """The memberships in force that do not wind down, of those whose account is open."""
    m, person = known_as("member", Membership), known_as("present_person", Person)
    working = memberships_in_force(on).join(person, person.c.id == m.c.person_id)
    return working.where(person.c.disabled_at.is_(None), person.c.active, goes_on())


def readers(on: dt.date) -> Select[Any]:
    """The memberships in hospitals that have left, of those whose account is open."""
    m, person = known_as("member", Membership), known_as("reading_person", Person)
    reading = memberships_left(on).join(person, person.c.id == m.c.person_id)
    return reading.where(person.c.disabled_at.is_(None), person.c.active)


def workplaces(actor: Actor) -> Select[Any]:
    """Where one works in any way: by a membership, or by a mandate of a hospital."""
    m = counting_mandates(actor).subquery()
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
    m = counting_mandates(actor).subquery()
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
    """Grants in force to this assistant, during the clinician's stay and the assistant's mandate they were given in.

    Whoever leaves and comes back has another stay, or another mandate: what was granted before stays over.
    """
    g = known_as("granted", Grant)
    member, mandate = memberships_in_force(actor.on).subquery(), assistants(actor.on).subquery()
    stays = select(member.c.stay).where(member.c.person_id == g.c.clinician_id, member.c.hospital_id == g.c.hospital_id)
    mandates = select(mandate.c.id).where(
        mandate.c.person_id == g.c.assistant_id,
        mandate.c.hospital_id == g.c.hospital_id,
    )
    return g, and_(
        g.c.assistant_id == actor.user_id,
        in_force(g, actor.on),
        g.c.stay.in_(stays),
        g.c.mandate_id.in_(mandates),
    )


def assisted_hospitals(actor: Actor) -> Select[Any]:
    """Where a clinician has granted one records."""
    g, granted = grants(actor)
    return select(g.c.hospital_id).where(granted).correlate(None)
