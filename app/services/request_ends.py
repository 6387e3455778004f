"""How requests for a place end that nobody ends: those of a closed account, those nobody answers, and old ones, deleted.

What a person asked for names other people by their addresses, so it is not kept longer than it serves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, or_, select

from app import sight
from app.act import act
from app.actors import Actor
from app.models import MembershipRequest, Person, db, now
from app.premises import premises
from app.services import jobs
from app.services.jobs import Every, each, job
from app.services.requests import OPEN, note
from app.words import RequestState

LEFT = (RequestState.DRAFT, RequestState.REFUSED, RequestState.WITHDRAWN)
"""What nobody works on any more, once it is old. What was accepted says why a person has a place, and stays."""


@act("request.close")
def close(_actor: Actor, request: MembershipRequest) -> None:
    """Close a request of somebody whose account is locked, or that nobody has answered for long."""
    request.question = None
    note(request, "request.close", "platform")


@job("requests.sweep", reason="expiry", every=Every.DAY)
def sweep(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Close the requests of closed accounts and those nobody has answered for long; delete the old ones."""
    old = now() - dt.timedelta(days=premises().settings["REQUEST_DAYS"])
    closed = select(Person.id).where(or_(Person.disabled_at.is_not(None), Person.active.is_(False)))
    waits = MembershipRequest.state.in_(OPEN)
    unanswered = and_(waits, MembershipRequest.submitted_at < old)
    gone = and_(MembershipRequest.state.in_([*OPEN, RequestState.DRAFT]), MembershipRequest.person_id.in_(closed))
    with sight.wide("expiry") as session:
        keys = list(session.scalars(select(MembershipRequest.id).where(or_(unanswered, gone))))
    each(actor, close, MembershipRequest, keys)
    db.session.remove()
    _forget(old)


def _forget(old: dt.datetime) -> None:
    """Delete what was refused, withdrawn or begun and never sent, with the addresses it names."""
    with sight.wide("expiry") as session:
        session.connection(execution_options={"writes": True})
        left = and_(MembershipRequest.state.in_(LEFT), MembershipRequest.begun_at < old)
        for request in session.scalars(select(MembershipRequest).where(left)).unique().all():
            if _last_turn(request) < old:
                session.delete(request)
        session.commit()


def _last_turn(request: MembershipRequest) -> dt.datetime:
    return max([request.begun_at, *(dt.datetime.fromisoformat(turn["at"]) for turn in request.history)])


def look_after() -> None:
    """Have the requests of an account closed that just closed."""
    jobs.ask("requests.sweep", {})
