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
    exists,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app.models import Centre, Hospital, Mandate, Membership, Person, PolicyAcceptance, PolicyVersion, today
from app.words import MandateKind, Role

ROLE_OF_MANDATE = {
    MandateKind.ERN_COORDINATOR: Role.COORDINATOR,
    MandateKind.HOSPITAL_REPRESENTATIVE: Role.COORDINATOR,
    MandateKind.DATA_PROTECTION_CONTACT: Role.COORDINATOR,
    MandateKind.ASSISTANT: Role.ASSISTANT,
    MandateKind.GUEST: Role.GUEST,
    MandateKind.UA_HUB: Role.UA_HUB,
}


ROLE_OF_FACT = {"membership": Role.CLINICIAN, "reads": Role.READER, "keeps": Role.KEEPER}

KEEPERS = (MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT)
"""Who keeps a hospital's archive after it has left: one exports it and one records withdrawals, both open an export."""


@dataclass(frozen=True)
class Actor:
    """A person acting on a day. ``system`` names a job's reason when no person acts."""

    user_id: int
    roles: frozenset[Role]
    on: dt.date
    mandates: frozenset[MandateKind] = field(default_factory=frozenset)
    system: str = ""
    origin: str = ""
    reads: bool = False
    """In scopes alone: asked is what is open in the hospitals that have left (``rights``)."""

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


def known_as(name: str, table: Any) -> FromClause:
    """The table under a name of its own, outside the ORM. Made once: a fresh alias costs more than the whole clause.

    Of two threads that ask first at one moment both get the same: a clause with two aliases of one name is none.
    """
    found = _KNOWN.get((name, table))
    return _KNOWN.setdefault((name, table), table.__table__.alias(name)) if found is None else found


_KNOWN: dict[tuple[str, Any], FromClause] = {}


def in_force(spell: FromClause, on: dt.date) -> ColumnElement[bool]:
    """Whether a spell (an aliased table with from_on, to_on, ended_at) is in force on the day."""
    return and_(
        spell.c.from_on <= on,
        or_(spell.c.to_on.is_(None), spell.c.to_on >= on),
        spell.c.ended_at.is_(None),
    )


PLACES: tuple[tuple[str, Any], ...] = (
    ("member", Membership),
    ("member_centre", Centre),
    ("member_hospital", Hospital),
)


def goes_on() -> ColumnElement[bool]:
    """Of a row of ``memberships_in_force``: nobody has said that the membership, its centre or its hospital ends."""
    return and_(*(known_as(name, table).c.leaving_on.is_(None) for name, table in PLACES))


def memberships_in_force(on: dt.date) -> Select[tuple[int, int, int, bool, str, dt.date | None]]:
    """(person id, hospital id, network id, may enrol, stay, last day) of every membership in force.

    Its centre and its hospital are in force too. Where one of the three winds down, nobody is enrolled.
    """
    m, c, h = (known_as(name, table) for name, table in PLACES)
    enrols = and_(m.c.may_enrol, goes_on()).label("may_enrol")
    return (
        select(m.c.person_id, c.c.hospital_id, c.c.network_id, enrols, m.c.stay, m.c.to_on)
        .join_from(m, c, m.c.centre_id == c.c.id)
        .join(h, c.c.hospital_id == h.c.id)
        .where(in_force(m, on), in_force(c, on), in_force(h, on))
    )


def _over(spell: FromClause, on: dt.date) -> ColumnElement[bool]:
    return or_(spell.c.ended_at.is_not(None), spell.c.to_on < on)


def _centres(on: dt.date) -> tuple[Select[tuple[int]], Select[tuple[int]]]:
    """The hospitals that had a centre which is over, and those that have or will have one."""
    had, has = known_as("left_centre", Centre), known_as("lasting_centre", Centre)
    lasts = and_(has.c.ended_at.is_(None), or_(has.c.to_on.is_(None), has.c.to_on >= on))
    return (
        select(had.c.hospital_id).where(_over(had, on)).correlate(None),
        select(has.c.hospital_id).where(lasts).correlate(None),
    )


def _without(hospital: FromClause, on: dt.date) -> ColumnElement[bool]:
    """The hospital has left its last network: each centre it had is over."""
    had, has = _centres(on)
    return and_(hospital.c.id.in_(had), hospital.c.id.not_in(has))


def hospitals_left(on: dt.date) -> Select[tuple[int]]:
    """The ids of the hospitals that have left: over themselves, or without a network."""
    h = known_as("left_hospital", Hospital)
    return select(h.c.id).where(or_(_over(h, on), _without(h, on))).correlate(None)


def _mandates(on: dt.date) -> tuple[Select[Any], FromClause, FromClause]:
    """The mandates that are in force by themselves, with their table and their hospital's."""
    m, h = known_as("mandated", Mandate), known_as("mandate_hospital", Hospital)
    found = select(m.c.person_id, m.c.kind, m.c.hospital_id, m.c.network_id, m.c.id)
    return found.outerjoin_from(m, h, m.c.hospital_id == h.c.id).where(in_force(m, on)), m, h


def mandates_in_force(on: dt.date) -> Select[tuple[int, str, int | None, int | None, int]]:
    """(person id, kind, hospital id, network id, id) of every mandate in force, its hospital too where it has one.

    Of a hospital that has left, those who keep its archive are ``mandates_left``; of a network, who dispatches is ``dispatchers``.
    """
    found, m, h = _mandates(on)
    had, has = _centres(on)
    stays = or_(m.c.kind.not_in(KEEPERS), h.c.id.not_in(had), h.c.id.in_(has))
    there = or_(m.c.hospital_id.is_(None), and_(in_force(h, on), stays))
    return found.where(there, m.c.kind != MandateKind.DISPATCHER)


def dispatchers(on: dt.date) -> Select[tuple[int, str, int | None, int | None, int]]:
    """The same columns, of dispatchers alone: those whom a centre of the network has. They are clinicians by that place."""
    found, m, _ = _mandates(on)
    member = memberships_in_force(on).subquery()
    there = exists().where(member.c.person_id == m.c.person_id, member.c.network_id == m.c.network_id).correlate(m)
    return found.where(m.c.kind == MandateKind.DISPATCHER, there)


def assistants(on: dt.date) -> Select[tuple[int, str, int | None, int | None, int]]:
    """The same columns, of assistants alone."""
    found, m, h = _mandates(on)
    return found.where(m.c.kind == MandateKind.ASSISTANT, in_force(h, on))


def mandates_left(on: dt.date) -> Select[tuple[int, str, int | None, int | None, int]]:
    """The same columns, of those who keep the archive of a hospital that has left."""
    found, m, h = _mandates(on)
    return found.where(m.c.kind.in_(KEEPERS), or_(_over(h, on), _without(h, on)))


def memberships_left(on: dt.date) -> Select[tuple[int, int, int, bool, str, dt.date | None]]:
    """The same columns as ``memberships_in_force``, of clinicians whose hospital has left its last network, and is not over."""
    m, c, h = (known_as(name, table) for name, table in PLACES)
    return (
        select(m.c.person_id, c.c.hospital_id, c.c.network_id, m.c.may_enrol, m.c.stay, m.c.to_on)
        .join_from(m, c, m.c.centre_id == c.c.id)
        .join(h, c.c.hospital_id == h.c.id)
        .where(in_force(m, on), in_force(h, on), _without(h, on))
    )


def counting_memberships(actor: Actor) -> Select[tuple[int, int, int, bool, str, dt.date | None]]:
    """The memberships that count for what is asked: of hospitals that take part, or of those that have left."""
    return (memberships_left if actor.reads else memberships_in_force)(actor.on)


def counting_mandates(actor: Actor) -> Select[tuple[int, str, int | None, int | None, int]]:
    """The mandates, likewise."""
    return (mandates_left if actor.reads else mandates_in_force)(actor.on)


def able_mandates(on: dt.date, *, left: bool = False) -> Select[tuple[int, str, int | None, int | None, int]]:
    """The mandates in force, or of hospitals that have ``left``, of people whose account is open.

    Who cannot sign in decides nothing, and keeps nobody else from it.
    """
    m, person = (mandates_left if left else mandates_in_force)(on).subquery(), known_as("mandated_account", Person)
    able = and_(person.c.id == m.c.person_id, person.c.active, person.c.disabled_at.is_(None))
    return select(m.c.person_id, m.c.kind, m.c.hospital_id, m.c.network_id, m.c.id).join_from(m, person, able)


def placed(on: dt.date) -> CompoundSelect[Any]:
    """The ids of everybody to whom anything is open: by a membership or a mandate, or as an operator."""
    places = (memberships_in_force, mandates_in_force, memberships_left, mandates_left)
    found = [place(on).subquery() for place in places]
    return union_all(*(select(one.c.person_id) for one in found), select(assoc_user_role.c.user_id))


@functools.cache
def _places() -> CompoundSelect[Any]:
    """What a person is in force, as rows (kind of fact, name)."""
    member, mandate = memberships_in_force(TODAY).subquery(), mandates_in_force(TODAY).subquery()
    reader, keeper = memberships_left(TODAY).subquery(), mandates_left(TODAY).subquery()
    dispatcher = dispatchers(TODAY).subquery()
    return union_all(
        select(literal("membership"), literal("")).where(member.c.person_id == ME).limit(1).subquery().select(),
        select(literal("mandate"), mandate.c.kind).where(mandate.c.person_id == ME),
        select(literal("reads"), literal("")).where(reader.c.person_id == ME).limit(1).subquery().select(),
        select(literal("keeps"), keeper.c.kind).where(keeper.c.person_id == ME),
        select(literal("dispatches"), dispatcher.c.kind).where(dispatcher.c.person_id == ME),
        select(literal("role"), FabRole.__table__.c.name)
        .join(assoc_user_role, assoc_user_role.c.role_id == FabRole.__table__.c.id)
        .where(assoc_user_role.c.user_id == ME),
    )


def policy_in_force(on: dt.date) -> Select[tuple[int]]:
    """The id of the privacy policy in force: the newest edition whose day has come; no older one comes back after it."""
    policy = known_as("policy", PolicyVersion)
    return select(policy.c.id).where(policy.c.from_on <= on).order_by(policy.c.number.desc()).limit(1)


@functools.cache
def _places_and_policy() -> CompoundSelect[Any]:
    """The same, and one row more for a person who has not accepted the privacy policy in force."""
    accepted, current = known_as("accepted", PolicyAcceptance), policy_in_force(TODAY).subquery()
    mine = select(accepted.c.version_id).where(accepted.c.person_id == ME, accepted.c.withdrawn_at.is_(None))
    held = select(literal("held"), literal("")).select_from(current).where(current.c.id.not_in(mine))
    return union_all(*_places().selects, held)


def at_gate(role: Role, user_id: int, origin: str = "") -> Actor:
    """The actor of a person who has one of the roles in place of all others (``gates.GATES``)."""
    return Actor(user_id=user_id, roles=frozenset({role}), on=today(), origin=origin)


def load(
    session: Session, user_id: int, origin: str = "", *, signed_in: bool = False, one_factor: bool = False
) -> Actor:
    """The person's actor for today, in one statement.

    Args:
        session: a wide one.
        user_id: of the person.
        origin: where the request comes from, or the job's reason.
        signed_in: a person before a screen: without the privacy policy accepted there is the role ``HELD`` and no other.
            What the person asked for before (a job, a phone's link) goes on.
        one_factor: the login was proved by a password alone, where more is asked: who has any place, or operates the
            platform, has the role ``UNPROVED`` and no other.
    """
    on = today()
    statement = _places_and_policy() if signed_in else _places()
    rows = session.execute(statement, {ME.key: user_id, TODAY.key: on}).all()
    kinds = frozenset(MandateKind(name) for what, name in rows if what in ("mandate", "keeps", "dispatches"))
    roles = {Role.ANY} | {ROLE_OF_MANDATE[MandateKind(name)] for what, name in rows if what == "mandate"}
    roles |= {ROLE_OF_FACT[what] for what, _ in rows if what in ROLE_OF_FACT}
    if ("role", Role.ADMIN.value) in [(what, name) for what, name in rows]:
        roles.add(Role.ADMIN)
    if one_factor and roles != {Role.ANY}:
        return at_gate(Role.UNPROVED, user_id, origin)
    if any(what == "held" for what, _ in rows):
        return at_gate(Role.HELD, user_id, origin)
    return Actor(user_id=user_id, roles=frozenset(roles), on=on, mandates=kinds, origin=origin)
