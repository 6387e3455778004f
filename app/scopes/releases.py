"""Scopes that reach what somebody is asked to release into an export."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_, select

from app.actors import Actor, counting_memberships, known_as
from app.models import ExportRelease, Person
from app.scopes.places import grants, mandated, my_hospitals
from app.scopes.reach import Reach, of_mandates
from app.words import GrantScope, MandateKind


def release_asked_of_self(actor: Actor, thing: type[Any]) -> Reach:
    """What one is asked to release, in one's own hospital."""
    r = known_as("own_release", ExportRelease)
    ids = select(r.c.id).where(r.c.person_id == actor.user_id, r.c.hospital_id.in_(my_hospitals(actor)))
    return Reach({ExportRelease: "id"}.get(thing, "release_id"), (ids.correlate(None),))


def release_asked_of_host(actor: Actor, thing: type[Any]) -> Reach:
    """What a clinician who granted all records is asked to release."""
    g, granted = grants(actor)
    r = known_as("hosts_release", ExportRelease)
    theirs = and_(r.c.person_id == g.c.clinician_id, r.c.hospital_id == g.c.hospital_id)
    ids = select(r.c.id).join_from(g, r, theirs).where(granted, g.c.scope == GrantScope.ALL)
    return Reach({ExportRelease: "id"}.get(thing, "release_id"), (ids.correlate(None),))


@of_mandates(MandateKind.DATA_PROTECTION_CONTACT)
def release_of_who_left(actor: Actor, thing: type[Any]) -> Reach:
    """What people who have left, or whose account is locked, would release in the hospital whose data-protection contact one is."""
    r, asked = known_as("left_release", ExportRelease), known_as("asked_person", Person)
    member = counting_memberships(actor).subquery()
    there = select(member.c.hospital_id).where(member.c.person_id == r.c.person_id).correlate(r)
    ids = (
        select(r.c.id)
        .join_from(r, asked, asked.c.id == r.c.person_id)
        .where(
            r.c.hospital_id.in_(mandated(actor, MandateKind.DATA_PROTECTION_CONTACT)),
            or_(r.c.hospital_id.not_in(there), asked.c.disabled_at.is_not(None), asked.c.active.is_(False)),
        )
    )
    return Reach({ExportRelease: "id"}.get(thing, "release_id"), (ids.correlate(None),))
