"""What happened to a membership, a mandate or a grant: who asked for it, who decided, what changed. Read from requests and the log.

The log is not shown to those who see a place; what leaves here is what happened to this one place and when. Who did it
is named where the reader may see that person anyhow.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from sqlalchemy import select

from app import sight
from app.models import AuditEntry, Grant, Mandate, Membership, MembershipRequest, Person, db
from app.words import MandateKind, RequestKind, RequestState

ENTERED = ("membership.enter", "mandate.enter-assistant", "mandate.enter-guest")
"""What accepting a request does: the request itself tells more."""
ASKED_FOR = {MandateKind.ASSISTANT: RequestKind.ASSISTANT, MandateKind.GUEST: RequestKind.GUEST}


class Turn(NamedTuple):
    """One thing that happened: the act, for which side it was done (of a request), when, who is behind it, what changed."""

    act: str
    by: str
    at: dt.datetime
    who: str | None = None
    changed: frozenset[str] = frozenset()


Place = Membership | Mandate | Grant


def of_place(place: Place) -> list[Turn]:
    """The turns of a place, the newest first."""
    with sight.wide("place-history") as session:
        noted = session.execute(
            select(AuditEntry.act, AuditEntry.at, AuditEntry.actor_id, AuditEntry.details)
            .where(AuditEntry.thing_id == place.public_id, AuditEntry.outcome == "done")
            .order_by(AuditEntry.seq)
        ).all()
        asked = None if isinstance(place, Grant) else session.scalars(_request(place)).first()
        turns = [Turn(one["what"], one["by"], dt.datetime.fromisoformat(one["at"])) for one in _told(asked)]
    people = _seen({one.actor_id for one in noted if one.actor_id})
    for act, at, actor_id, details in noted:
        if at is not None and (asked is None or act not in ENTERED):
            turns.append(Turn(act, "", at, people.get(actor_id or 0), frozenset(details.split(","))))
    return sorted(turns, key=lambda turn: turn.at, reverse=True)


def _request(place: Membership | Mandate) -> Any:
    """The accepted request a place was made by."""
    request, day = MembershipRequest, dt.timedelta(days=1)
    found = select(request).where(request.person_id == place.person_id, request.state == RequestState.ACCEPTED)
    if isinstance(place, Membership):
        found = found.where(request.kind == RequestKind.CLINICIAN, request.centre_id == place.centre_id)
    else:
        found = found.where(request.kind == ASKED_FOR.get(place.kind), request.host_id == place.host_id)
        found = found.where(request.hospital_id == place.hospital_id) if place.hospital_id else found
    begun = dt.datetime.combine(place.from_on, dt.time(), dt.UTC)
    return found.where(request.decided_at >= begun, request.decided_at < begun + day).order_by(request.id.desc())


def _told(request: MembershipRequest | None) -> list[dict[str, str]]:
    return [] if request is None else request.history


def _seen(ids: set[int]) -> dict[int, str]:
    """The names of those the reader may see."""
    if not ids:
        return {}
    return {person.id: str(person) for person in db.session.scalars(select(Person).where(Person.id.in_(ids)))}
