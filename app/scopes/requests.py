"""Scopes that reach requests for a place: who made them, who confirms, who decides. Nobody decides on their own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select

from app.actors import Actor, able_mandates, counting_memberships, known_as
from app.models import Centre, Membership, MembershipRequest, Person, RequestConfirmation
from app.scopes.places import hospitals_of_networks, mandated, my_hospitals, my_networks
from app.scopes.reach import Reach, of_mandates
from app.words import MandateKind, RequestKind, RequestState

AT_HOSPITAL = (RequestState.AT_HOSPITAL, RequestState.ASKED_BY_HOSPITAL)


def _of_requests(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the requests ``ids`` selects."""
    return Reach({MembershipRequest: "id"}.get(thing, "request_id"), (ids.correlate(None),))


def _of_others(request: FromClause, actor: Actor) -> ColumnElement[bool]:
    """Sent, by somebody else."""
    return and_(request.c.submitted_at.is_not(None), request.c.person_id != actor.user_id)


def own_requests(actor: Actor, thing: type[Any]) -> Reach:
    """What one has asked for oneself."""
    request = known_as("own_request", MembershipRequest)
    return _of_requests(thing, select(request.c.id).where(request.c.person_id == actor.user_id))


def asked_to_confirm(actor: Actor, thing: type[Any]) -> Reach:
    """Requests of others that name one as the clinician to be assisted in one's own hospital, or as a guest's host."""
    asked, request, me = (
        known_as("asked_confirmation", RequestConfirmation),
        known_as("confirmable", MembershipRequest),
        known_as("confirming", Person),
    )
    mine = and_(func.lower(me.c.email) == asked.c.email, me.c.id == actor.user_id)
    here = or_(request.c.kind == RequestKind.GUEST, request.c.hospital_id.in_(my_hospitals(actor)))
    column = asked.c.id if thing is RequestConfirmation else request.c.id
    ids = (
        select(column)
        .join_from(asked, request, request.c.id == asked.c.request_id)
        .join(me, mine)
        .where(_of_others(request, actor), here)
    )
    return Reach("id", (ids.correlate(None),))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE)
def represented_requests(actor: Actor, thing: type[Any]) -> Reach:
    """Requests of others for places in the hospital one represents."""
    request = known_as("hospitals_request", MembershipRequest)
    here = request.c.hospital_id.in_(mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE))
    return _of_requests(thing, select(request.c.id).where(_of_others(request, actor), here))


def _in_my_networks(request: FromClause, actor: Actor, name: str) -> ColumnElement[bool]:
    """A centre in the network, an assistant of its hospitals, or a guest of its clinicians."""
    centre, member = known_as(f"{name}_centre", Centre), counting_memberships(actor).subquery()
    centres = select(centre.c.id).where(centre.c.network_id.in_(my_networks(actor))).correlate(None)
    hosts = select(member.c.person_id).where(member.c.network_id.in_(my_networks(actor))).correlate(None)
    assisting = and_(request.c.kind == RequestKind.ASSISTANT, request.c.hospital_id.in_(hospitals_of_networks(actor)))
    return or_(request.c.centre_id.in_(centres), assisting, request.c.host_id.in_(hosts))


@of_mandates(MandateKind.ERN_COORDINATOR)
def coordinated_requests(actor: Actor, thing: type[Any]) -> Reach:
    """Requests of others in the network one coordinates: for its centres, to assist in its hospitals, guests of its clinicians."""
    request = known_as("networks_request", MembershipRequest)
    inside = _in_my_networks(request, actor, "requested")
    return _of_requests(thing, select(request.c.id).where(_of_others(request, actor), inside))


@of_mandates(MandateKind.ERN_COORDINATOR)
def decided_by_network(actor: Actor, thing: type[Any]) -> Reach:
    """The same, once the hospital has said its word, or where nobody else represents the hospital."""
    request, other = (
        known_as("decidable_request", MembershipRequest),
        known_as("represented_request", MembershipRequest),
    )
    m = able_mandates(actor.on).subquery()
    at_hospital = (
        select(other.c.id)
        .join_from(other, m, m.c.hospital_id == other.c.hospital_id)
        .where(
            other.c.state.in_(AT_HOSPITAL),
            m.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
            m.c.person_id != other.c.person_id,
        )
        .correlate(None)
    )
    inside = _in_my_networks(request, actor, "decidable")
    ids = select(request.c.id).where(_of_others(request, actor), inside, request.c.id.not_in(at_hospital))
    return _of_requests(thing, ids)


@of_mandates(MandateKind.ERN_COORDINATOR)
def coordinated_unrepresented(actor: Actor, _thing: type[Any]) -> Reach:
    """Those of the network one coordinates, where nobody else represents the hospital."""
    member, centre = known_as("unconfirmed", Membership), known_as("unconfirmed_centre", Centre)
    m = able_mandates(actor.on).subquery()
    represented = select(m.c.hospital_id).where(
        m.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
        m.c.hospital_id == centre.c.hospital_id,
        m.c.person_id != member.c.person_id,
    )
    ids = (
        select(member.c.id)
        .join_from(member, centre, member.c.centre_id == centre.c.id)
        .where(
            centre.c.network_id.in_(my_networks(actor)),
            centre.c.hospital_id.not_in(represented.correlate(member, centre)),
            member.c.person_id != actor.user_id,
        )
    )
    return Reach("id", (ids.correlate(None),))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE)
def represented_others(actor: Actor, _thing: type[Any]) -> Reach:
    """Memberships of others in the hospital one represents."""
    member, centre = known_as("others_membership", Membership), known_as("others_centre", Centre)
    here = centre.c.hospital_id.in_(mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE))
    ids = select(member.c.id).join_from(member, centre, member.c.centre_id == centre.c.id)
    return Reach("id", (ids.where(here, member.c.person_id != actor.user_id).correlate(None),))
