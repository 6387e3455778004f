"""Who acts: a person with the roles in force at this moment, or the system itself.

A role is never stored (Admin excepted): it follows from memberships, mandates and grants, so that it ends with them.
What a role may do is ``access``; where, is ``scopes``.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, field
from typing import Any

from flask_appbuilder.security.sqla.models import Role as FabRole
from flask_appbuilder.security.sqla.models import assoc_user_role
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app.models import Centre, Hospital, Mandate, Membership, PolicyAcceptance, PolicyVersion, today
from app.words import MandateKind, Role

ROLE_OF_MANDATE = {
    MandateKind.ERN_COORDINATOR: Role.COORDINATOR,
    MandateKind.HOSPITAL_REPRESENTATIVE: Role.COORDINATOR,
    MandateKind.DATA_PROTECTION_CONTACT: Role.COORDINATOR,
    MandateKind.ASSISTANT: Role.ASSISTANT,
    MandateKind.GUEST: Role.GUEST,
    MandateKind.UA_HUB: Role.UA_HUB,
}


@dataclass(frozen=True)
class Actor:
    """A person acting on a day. ``system`` names a job's reason when no person acts."""

    user_id: int
    roles: frozenset[Role]
    on: dt.date
    mandates: frozenset[MandateKind] = field(default_factory=frozenset)
    system: str = ""
    origin: str = ""

    def is_(self, role: Role) -> bool:
        """Whether the role is in force."""
        return role in self.roles


def nobody(origin: str = "") -> Actor:
    """The visitor who has not signed in."""
    return Actor(user_id=0, roles=frozenset({Role.PUBLIC}), on=today(), origin=origin)


def system(reason: str) -> Actor:
    """The system itself, for jobs and commands; ``reason`` is a row of ``sight.REASONS``."""
    return Actor(user_id=0, roles=frozenset(), on=today(), system=reason)


ME: Any = bindparam("acting_person", type_=Integer, required=True)
TODAY: Any = bindparam("acting_day", type_=Date, required=True)
"""Stand for an actor's person and day in a clause that is made once for everybody; ``values`` fills them in."""


def anybody(roles: frozenset[Role]) -> Actor:
    """Whoever has these roles: an actor for clauses, with ``ME`` and ``TODAY`` in place of a person and a day."""
    return Actor(user_id=ME, roles=roles, on=TODAY)


def values(actor: Actor) -> dict[str, object]:
    """What ``ME`` and ``TODAY`` are for an actor, as parameters of a statement."""
    return {ME.key: actor.user_id, TODAY.key: actor.on}


@functools.cache
def known_as(name: str, table: Any) -> FromClause:
    """The table under a name of its own, outside the ORM. Made once: a fresh alias costs more than the whole clause."""
    alias: FromClause = table.__table__.alias(name)
    return alias


def in_force(spell: FromClause, on: dt.date) -> ColumnElement[bool]:
    """Whether a spell (an aliased table with from_on, to_on, ended_at) is in force on the day."""
    return and_(
        spell.c.from_on <= on,
        or_(spell.c.to_on.is_(None), spell.c.to_on >= on),
        spell.c.ended_at.is_(None),
    )


def memberships_in_force(on: dt.date) -> Select[tuple[int, int, int, bool]]:
    """(person id, hospital id, network id, may enrol) of every membership whose centre and hospital are in force too."""
    m, c, h = known_as("member", Membership), known_as("member_centre", Centre), known_as("member_hospital", Hospital)
    return (
        select(m.c.person_id, c.c.hospital_id, c.c.network_id, m.c.may_enrol)
        .join_from(m, c, m.c.centre_id == c.c.id)
        .join(h, c.c.hospital_id == h.c.id)
        .where(in_force(m, on), in_force(c, on), in_force(h, on))
    )


def mandates_in_force(on: dt.date) -> Select[tuple[int, str, int | None, int | None]]:
    """(person id, kind, hospital id, network id) of every mandate in force, its hospital too where it has one."""
    m, h = known_as("mandated", Mandate), known_as("mandate_hospital", Hospital)
    return (
        select(m.c.person_id, m.c.kind, m.c.hospital_id, m.c.network_id)
        .outerjoin_from(m, h, m.c.hospital_id == h.c.id)
        .where(in_force(m, on), or_(m.c.hospital_id.is_(None), in_force(h, on)))
    )


@functools.cache
def _places() -> CompoundSelect[Any]:
    """What a person is in force, as rows (kind of fact, name)."""
    member, mandate = memberships_in_force(TODAY).subquery(), mandates_in_force(TODAY).subquery()
    return union_all(
        select(literal("membership"), literal("")).where(member.c.person_id == ME).limit(1).subquery().select(),
        select(literal("mandate"), mandate.c.kind).where(mandate.c.person_id == ME),
        select(literal("role"), FabRole.__table__.c.name)
        .join(assoc_user_role, assoc_user_role.c.role_id == FabRole.__table__.c.id)
        .where(assoc_user_role.c.user_id == ME),
    )


def policy_in_force(on: dt.date) -> Select[tuple[int]]:
    """The id of the privacy policy in force: the one that came into force last."""
    policy = known_as("policy", PolicyVersion)
    newest_first = (policy.c.from_on.desc(), policy.c.number.desc())
    return select(policy.c.id).where(policy.c.from_on <= on).order_by(*newest_first).limit(1)


@functools.cache
def _places_and_policy() -> CompoundSelect[Any]:
    """The same, and one row more for a person who has not accepted the privacy policy in force."""
    accepted, current = known_as("accepted", PolicyAcceptance), policy_in_force(TODAY).subquery()
    mine = select(accepted.c.version_id).where(accepted.c.person_id == ME, accepted.c.withdrawn_at.is_(None))
    held = select(literal("held"), literal("")).select_from(current).where(current.c.id.not_in(mine))
    return union_all(*_places().selects, held)


def load(session: Session, user_id: int, origin: str = "", *, signed_in: bool = False) -> Actor:
    """The person's actor for today, in one statement.

    Args:
        session: a wide one.
        user_id: of the person.
        origin: where the request comes from, or the job's reason.
        signed_in: a person before a screen: without the privacy policy accepted there is the role ``HELD`` and no other.
            What the person asked for before (a job, a phone's link) goes on.
    """
    on = today()
    statement = _places_and_policy() if signed_in else _places()
    rows = session.execute(statement, {ME.key: user_id, TODAY.key: on}).all()
    if any(what == "held" for what, _ in rows):
        return Actor(user_id=user_id, roles=frozenset({Role.HELD}), on=on, origin=origin)
    kinds = frozenset(MandateKind(name) for what, name in rows if what == "mandate")
    roles = {Role.ANY} | {ROLE_OF_MANDATE[kind] for kind in kinds}
    if any(what == "membership" for what, _ in rows):
        roles.add(Role.CLINICIAN)
    if ("role", Role.ADMIN.value) in [(what, name) for what, name in rows]:
        roles.add(Role.ADMIN)
    return Actor(user_id=user_id, roles=frozenset(roles), on=on, mandates=kinds, origin=origin)
