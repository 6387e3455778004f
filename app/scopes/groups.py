"""Scopes that reach expert groups: those one chairs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, select

from app.actors import Actor, counting_memberships, in_force, known_as
from app.models import ExpertGroup
from app.scopes.reach import Reach


def chaired(actor: Actor, thing: type[Any]) -> Reach:
    """Those of the expert group one chairs, as a member of its network."""
    group, member = known_as("chaired_group", ExpertGroup), counting_memberships(actor).subquery()
    here = and_(member.c.person_id == group.c.chair_id, member.c.network_id == group.c.network_id)
    mine = select(group.c.id).join(member, here).where(group.c.chair_id == actor.user_id, in_force(group, actor.on))
    return Reach({ExpertGroup: "id"}.get(thing, "group_id"), (mine.correlate(None),))
