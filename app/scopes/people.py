"""Scopes that reach people: oneself, grants, colleagues, those inside one's mandate, and guests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import FromClause, Integer, Select, and_, or_, select, type_coerce

from app.actors import Actor, counting_mandates, counting_memberships, in_force, known_as
from app.models import Absence, Centre, Country, Grant, Hospital, Mandate, Membership, Person
from app.scopes.places import hospitals_of_networks, mandated, my_networks, workplaces
from app.scopes.reach import Reach, of_mandates, of_people
from app.words import MandateKind


def own(actor: Actor, thing: type[Any]) -> Reach:
    """What is about oneself."""
    return of_people(thing, _me(actor))


def _me(actor: Actor) -> Select[Any]:
    return select(type_coerce(actor.user_id, Integer))


def given_by_self(actor: Actor, thing: type[Any]) -> Reach:
    """The grants one has given."""
    return _of_grants(thing, "clinician_id", actor)


def given_to_self(actor: Actor, thing: type[Any]) -> Reach:
    """The grants one has received."""
    return _of_grants(thing, "assistant_id", actor)


def _of_grants(thing: type[Any], side: str, actor: Actor) -> Reach:
    if thing is Grant:
        return Reach(side, (_me(actor),))
    g = known_as("own_grant", Grant)
    return Reach("grant_id", (select(g.c.id).where(g.c[side] == actor.user_id).correlate(None),))


def hosted_by_self(actor: Actor, thing: type[Any]) -> Reach:
    """Guests one hosts oneself."""
    if thing is Mandate:
        return Reach("host_id", (_me(actor),))
    guest = known_as("own_guest", Mandate)
    return of_people(thing, select(guest.c.person_id).where(guest.c.host_id == actor.user_id).correlate(None))


def asked_to_stand_in(actor: Actor, _thing: type[Any]) -> Reach:
    """Absences of colleagues who ask one to stand in."""
    absence, k = known_as("asked_absence", Absence), counting_mandates(actor).subquery()
    beside = select(k.c.person_id).where(k.c.network_id.in_(my_networks(actor))).correlate(None)
    near = (*_people_of_hospitals(actor, workplaces(actor)), beside)
    still = or_(*(absence.c.person_id.in_(people) for people in near))
    mine = select(absence.c.id).where(absence.c.substitute_id == actor.user_id, still)
    return Reach("id", (mine.correlate(None),))


def colleagues(actor: Actor, thing: type[Any]) -> Reach:
    """People of one's own hospital."""
    return of_people(thing, *_people_of_hospitals(actor, workplaces(actor)))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT, MandateKind.ERN_COORDINATOR)
def mandated_people(actor: Actor, thing: type[Any]) -> Reach:
    """People who have, will have or had a place in the hospital or network inside one's mandate, and its guests."""
    hospitals = mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
    networks = my_networks(actor)
    member, centre, mandate = known_as("placed", Membership), known_as("place", Centre), known_as("appointee", Mandate)
    members = select(member.c.person_id).join_from(member, centre, member.c.centre_id == centre.c.id)
    return of_people(
        thing,
        members.where(centre.c.hospital_id.in_(hospitals)).correlate(None),
        members.where(centre.c.network_id.in_(networks)).correlate(None),
        select(mandate.c.person_id).where(mandate.c.hospital_id.in_(hospitals)).correlate(None),
        select(mandate.c.person_id).where(mandate.c.hospital_id.in_(hospitals_of_networks(actor))).correlate(None),
        select(mandate.c.person_id).where(mandate.c.network_id.in_(networks)).correlate(None),
        _guests(actor),
    )


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT, MandateKind.ERN_COORDINATOR)
def minded_people(actor: Actor, thing: type[Any]) -> Reach:
    """People who have a place now in the hospital or network inside one's mandate, and its guests."""
    hospitals = mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
    networks = my_networks(actor)
    member, mandate = counting_memberships(actor).subquery(), counting_mandates(actor).subquery()
    members, mandated_ = select(member.c.person_id), select(mandate.c.person_id)
    return of_people(
        thing,
        members.where(member.c.hospital_id.in_(hospitals)).correlate(None),
        members.where(member.c.network_id.in_(networks)).correlate(None),
        mandated_.where(mandate.c.hospital_id.in_(hospitals)).correlate(None),
        mandated_.where(mandate.c.hospital_id.in_(hospitals_of_networks(actor))).correlate(None),
        mandated_.where(mandate.c.network_id.in_(networks)).correlate(None),
        _guests(actor).where(in_force(known_as("guest", Mandate), actor.on)),
    )


def ukrainian_people(actor: Actor, thing: type[Any]) -> Reach:
    """People of Ukrainian hospitals."""
    h, c = known_as("their_hospital", Hospital), known_as("their_country", Country)
    ids = select(h.c.id).join_from(h, c, h.c.country_id == c.c.id).where(c.c.procedure == "ua").correlate(None)
    return of_people(thing, *_people_of_hospitals(actor, ids))


IN_DIRECTORY = (
    MandateKind.ERN_COORDINATOR,
    MandateKind.HOSPITAL_REPRESENTATIVE,
    MandateKind.DATA_PROTECTION_CONTACT,
    MandateKind.ASSISTANT,
)
"""With one of these mandates, or a membership, one is found; guests and the hub are not."""


def in_directory(actor: Actor, thing: type[Any]) -> Reach:
    """Clinicians, assistants and coordinators of all networks whose account is open."""
    member, mandate = counting_memberships(actor).subquery(), counting_mandates(actor).subquery()
    person = known_as("listed_person", Person)
    open_ = person.c.active.is_(True), person.c.disabled_at.is_(None)
    members = select(member.c.person_id).join_from(member, person, person.c.id == member.c.person_id).where(*open_)
    mandated_ = select(mandate.c.person_id).join_from(mandate, person, person.c.id == mandate.c.person_id)
    return of_people(
        thing,
        members.correlate(None),
        mandated_.where(*open_, mandate.c.kind.in_(IN_DIRECTORY)).correlate(None),
    )


def _people_of_hospitals(actor: Actor, hospitals: Select[Any]) -> tuple[Select[Any], Select[Any]]:
    member, mandate = counting_memberships(actor).subquery(), counting_mandates(actor).subquery()
    return (
        select(member.c.person_id).where(member.c.hospital_id.in_(hospitals)).correlate(None),
        select(mandate.c.person_id).where(mandate.c.hospital_id.in_(hospitals)).correlate(None),
    )


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.ERN_COORDINATOR)
def hosting(actor: Actor, thing: type[Any]) -> Reach:
    """Clinicians of the hospital one represents and of the network one coordinates."""
    return of_people(thing, _hosts(actor))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.ERN_COORDINATOR)
def hosted(actor: Actor, thing: type[Any]) -> Reach:
    """Guests of clinicians of the hospital one represents and of the network one coordinates."""
    return Reach("id", (_guests(actor, "id"),)) if thing is Mandate else of_people(thing, _guests(actor))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.ERN_COORDINATOR)
def appointing(actor: Actor, thing: type[Any]) -> Reach:
    """Those whom somebody with one's mandate appoints: contacts, assistants, representatives, dispatchers, guests."""
    mandate = known_as("appointed", Mandate)
    below = (MandateKind.DATA_PROTECTION_CONTACT, MandateKind.ASSISTANT)
    represented_ = mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE)
    ids = select(mandate.c.id).where(
        mandate.c.person_id != actor.user_id,
        or_(
            and_(mandate.c.kind.in_(below), mandate.c.hospital_id.in_(represented_)),
            and_(
                mandate.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
                mandate.c.hospital_id.in_(hospitals_of_networks(actor)),
            ),
            and_(mandate.c.kind == MandateKind.DISPATCHER, mandate.c.network_id.in_(my_networks(actor))),
            mandate.c.host_id.in_(_hosts(actor, mandate)),
        ),
    )
    return Reach({Mandate: "id"}.get(thing, "mandate_id"), (ids.correlate(None),))


def _hosts(actor: Actor, of: FromClause | None = None) -> Select[Any]:
    """Those whose guests one looks after; with ``of``, the host of that mandate alone."""
    m = counting_memberships(actor).subquery()
    represented_ = mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE)
    hosts = select(m.c.person_id).where(or_(m.c.hospital_id.in_(represented_), m.c.network_id.in_(my_networks(actor))))
    return hosts.correlate(None) if of is None else hosts.where(m.c.person_id == of.c.host_id).correlate(of)


def _guests(actor: Actor, column: str = "person_id") -> Select[Any]:
    """Begins with the guests: they are few, and the clinicians of a network are many."""
    mandate = known_as("guest", Mandate)
    guests = select(mandate.c[column]).where(mandate.c.host_id.is_not(None))
    return guests.where(mandate.c.host_id.in_(_hosts(actor, mandate))).correlate(None)
