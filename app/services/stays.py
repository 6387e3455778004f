"""Stays: a clinician's memberships in one hospital that follow each other without a gap; and the grants given in one.

A grant hangs on the clinician's stay and on the assistant's mandate (``scopes.places.grants``). Neither ever comes back, so
whoever leaves and returns is granted anew, also where a place simply ran out. Which grant that concerns is seen by itself;
``lapse`` only says so in the row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app import sight
from app.act import act
from app.actors import Actor, mandates_in_force, memberships_in_force
from app.models import Centre, Grant, Hospital, Mandate, Membership, db, today
from app.services import jobs, spells
from app.services.jobs import Every, each, job
from app.words import EndReason, MandateKind


def current(person_id: int, hospital_id: int, session: Session | None = None) -> str | None:
    """The stay of a clinician who is a member in the hospital today; of several the one that lasts longest."""
    m = memberships_in_force(today()).subquery()
    found = select(m.c.stay).where(m.c.person_id == person_id, m.c.hospital_id == hospital_id)
    longest = found.order_by(m.c.to_on.is_not(None), m.c.to_on.desc(), m.c.stay).limit(1)
    return (session or db.session()).scalar(longest)


def joined(person_id: int, hospital_id: int, from_on: dt.date, session: Session | None = None) -> str | None:
    """The stay a new membership belongs to: that of a member of today, or ``None``, one of its own.

    One that begins later has its own, since today's may end before.
    """
    return current(person_id, hospital_id, session) if from_on <= today() else None


def assisting(person_id: int, hospital_id: int) -> int | None:
    """The mandate in force of an assistant in the hospital."""
    m = mandates_in_force(today()).subquery()
    here = (m.c.person_id == person_id, m.c.hospital_id == hospital_id, m.c.kind == MandateKind.ASSISTANT)
    return db.session.scalar(select(m.c.id).where(*here).limit(1))


@act("grant.lapse")
def lapse(_actor: Actor, grant: Grant) -> None:
    """Note that a grant is over because the stay or the mandate it was given in is.

    Raises:
        WrongStep: it is over already.
    """
    spells.end(grant, EndReason.PARTY_LEFT)


@job("grants.lapse", reason="expiry", every=Every.DAY)
def lapse_all(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """End the grants whose clinician or assistant has left the hospital."""
    there = (spells.not_over(Membership), spells.not_over(Centre), spells.not_over(Hospital))
    stays = select(Membership.stay).join(Centre, Centre.id == Membership.centre_id).join(Hospital).where(*there)
    mandates = select(Mandate.id).join(Hospital).where(spells.not_over(Mandate), spells.not_over(Hospital))
    gone = or_(
        Grant.stay.is_(None), Grant.stay.not_in(stays), Grant.mandate_id.is_(None), Grant.mandate_id.not_in(mandates)
    )
    with sight.wide("expiry") as session:
        keys = list(session.scalars(select(Grant.id).where(and_(spells.not_over(Grant), gone))))
    each(actor, lapse, Grant, keys)


def look_after_places() -> None:
    """Have the grants and the dispatchers' mandates ended that hung on a place that just ended."""
    jobs.ask("grants.lapse", {})
    jobs.ask("dispatchers.lose-networks", {})
