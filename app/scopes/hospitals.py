"""Scopes that reach what belongs to a hospital or a network."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, tuple_

from app.actors import Actor, hospitals_left
from app.scopes.places import (
    assisted_hospitals,
    enrollers,
    enrolling,
    grants,
    hospitals_of_networks,
    mandated,
    my_hospitals,
    my_networks,
    workplaces,
)
from app.scopes.reach import Reach, of_hospitals, of_mandates, of_networks
from app.words import GrantScope, MandateKind


def own_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of one's own hospital."""
    return of_hospitals(thing, my_hospitals(actor))


def enrolling_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of one's own hospital, once it has confirmed that one works there."""
    return of_hospitals(thing, enrolling(actor))


def workplace(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital one works in."""
    return of_hospitals(thing, workplaces(actor))


def granted_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital where a clinician granted all records."""
    g, granted = grants(actor)
    return of_hospitals(thing, select(g.c.hospital_id).where(granted, g.c.scope == GrantScope.ALL).correlate(None))


def granted_enrolling(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital where a clinician who may enrol granted all records."""
    g, granted = grants(actor)
    may = tuple_(g.c.clinician_id, g.c.hospital_id).in_(enrollers(actor.on))
    return of_hospitals(thing, select(g.c.hospital_id).where(granted, g.c.scope == GrantScope.ALL, may).correlate(None))


def assisted_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital where a clinician has granted one records."""
    return of_hospitals(thing, assisted_hospitals(actor))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE)
def represented(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital one represents."""
    return of_hospitals(thing, mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE))


@of_mandates(MandateKind.DATA_PROTECTION_CONTACT)
def protected(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital whose data-protection contact one is."""
    return of_hospitals(thing, mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
def mandated_hospital(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospital one represents or whose data-protection contact one is."""
    kinds = (MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
    return of_hospitals(thing, mandated(actor, *kinds))


@of_mandates(MandateKind.ERN_COORDINATOR)
def coordinated(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the network one coordinates."""
    return of_networks(thing, my_networks(actor))


@of_mandates(MandateKind.ERN_COORDINATOR)
def network_hospitals(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospitals with a centre in the network one coordinates."""
    return of_hospitals(thing, hospitals_of_networks(actor))


def left_hospitals(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the hospitals that take part in no network any more."""
    return of_hospitals(thing, hospitals_left(actor.on))
