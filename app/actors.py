"""Who acts: a person with the roles in force at this moment, or the system itself.

A role is never stored (Admin excepted): it follows from memberships, mandates and grants, so that it ends with them.
What a role may do is ``access``; where, is ``scopes``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from flask_appbuilder.security.sqla.models import Role as FabRole
from flask_appbuilder.security.sqla.models import assoc_user_role
from sqlalchemy import ColumnElement, FromClause, Select, and_, literal, or_, select, union_all
from sqlalchemy.orm import Session

from app.models import Centre, Hospital, Mandate, Membership, today
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


def in_force(spell: FromClause, on: dt.date) -> ColumnElement[bool]:
    """Whether a spell (an aliased table with from_on, to_on, ended_at) is in force on the day."""
    return and_(
        spell.c.from_on <= on,
        or_(spell.c.to_on.is_(None), spell.c.to_on >= on),
        spell.c.ended_at.is_(None),
    )


def memberships_in_force(on: dt.date) -> Select[tuple[int, int, int]]:
    """(person id, hospital id, network id) of every membership whose centre and hospital are in force too."""
    m, c, h = (t.__table__.alias() for t in (Membership, Centre, Hospital))
    return (
        select(m.c.person_id, c.c.hospital_id, c.c.network_id)
        .join_from(m, c, m.c.centre_id == c.c.id)
        .join(h, c.c.hospital_id == h.c.id)
        .where(in_force(m, on), in_force(c, on), in_force(h, on))
    )


def mandates_in_force(on: dt.date) -> Select[tuple[int, str, int | None, int | None]]:
    """(person id, kind, hospital id, network id) of every mandate in force, its hospital too where it has one."""
    m, h = Mandate.__table__.alias(), Hospital.__table__.alias()
    return (
        select(m.c.person_id, m.c.kind, m.c.hospital_id, m.c.network_id)
        .outerjoin_from(m, h, m.c.hospital_id == h.c.id)
        .where(in_force(m, on), or_(m.c.hospital_id.is_(None), in_force(h, on)))
    )


def load(session: Session, user_id: int, origin: str = "") -> Actor:
    """The person's actor for today, in one statement."""
    on = today()
    member, mandate = memberships_in_force(on).subquery(), mandates_in_force(on).subquery()
    rows = session.execute(
        union_all(
            select(literal("membership"), literal("")).where(member.c.person_id == user_id).limit(1).subquery().select(),
            select(literal("mandate"), mandate.c.kind).where(mandate.c.person_id == user_id),
            select(literal("role"), FabRole.__table__.c.name)
            .join(assoc_user_role, assoc_user_role.c.role_id == FabRole.__table__.c.id)
            .where(assoc_user_role.c.user_id == user_id),
        )
    ).all()
    kinds = frozenset(MandateKind(name) for what, name in rows if what == "mandate")
    roles = {Role.ANY} | {ROLE_OF_MANDATE[kind] for kind in kinds}
    if any(what == "membership" for what, _ in rows):
        roles.add(Role.CLINICIAN)
    if ("role", Role.ADMIN.value) in [(what, name) for what, name in rows]:
        roles.add(Role.ADMIN)
    return Actor(user_id=user_id, roles=frozenset(roles), on=on, mandates=kinds, origin=origin)
