"""Guests: how their stay is extended, who is warned before it ends, and what becomes of it when the host leaves.

They are admitted by ``people`` (by a coordinator or representative) or by ``admissions`` (by a request).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import joinedload

from app import rights, sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, NotAllowed
from app.models import Centre, Hospital, Mandate, Membership, Person, db, today
from app.services import messages, spells
from app.services.jobs import Every, each, job
from app.services.people import GUEST_DAYS
from app.words import EndReason, MandateKind, _

WARNED_DAYS = 14
"""How long before the last day guest and host are told."""
SHOWN = 20


def latest() -> dt.date:
    """The latest last day a guest can be given today."""
    return today() + dt.timedelta(days=GUEST_DAYS)


@act("mandate.extend")
def extend(actor: Actor, mandate: Mandate, *, last_day: dt.date) -> None:
    """Let a guest stay longer, for ninety days from today at most; they are told.

    Raises:
        NotAllowed: it is one's own stay.
        Incomplete: the day is not after the present last one, or too late.
        WrongStep: the stay is over.
    """
    if mandate.person_id == actor.user_id:
        raise NotAllowed(_("This is about you: nobody decides about themselves. Ask somebody else who may do this."))
    spells.refuse_over(mandate, _("This has ended already. Admit the guest anew instead."))
    if mandate.to_on is None or last_day <= mandate.to_on:
        raise _wrong(_("The guest stays until then already. Choose a later day."))
    if last_day > latest():
        raise _wrong(_("A guest stays %(days)s days at most from today. Choose an earlier day.", days=GUEST_DAYS))
    mandate.to_on, mandate.end_reason = last_day, None
    messages.post(mandate.person_id, "guest.extended", {"day": last_day})


def _wrong(sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={"last_day": sentence})


# --- the last days ---------------------------------------------------------------------------------------------------


def _near() -> ColumnElement[bool]:
    last = today() + dt.timedelta(days=WARNED_DAYS)
    return and_(Mandate.kind == MandateKind.GUEST, spells.not_over(Mandate), Mandate.to_on <= last)


@job("guests.warn", reason="guests", every=Every.DAY)
def warn(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Tell guests and hosts that a stay ends within fourteen days; of each last day once."""
    with sight.wide("guests") as session:
        hosted = Mandate.end_reason.is_distinct_from(
            EndReason.HOST_LEFT
        )  # otherwise there is nobody who could extend it
        found = select(Mandate).where(_near(), hosted).options(joinedload(Mandate.person)).order_by(Mandate.id)
        ending = [(m.id, m.person_id, m.host_id, str(m.person), m.to_on) for m in session.scalars(found).unique()]
    for key, person_id, host_id, person, day in ending:
        slot = f"guest {key} {day:%Y-%m-%d}"
        messages.post_once(person_id, "guest.ending", {"day": day}, slot=slot)
        if host_id is not None:
            messages.post_once(host_id, "guest.ending-hosted", {"person": person, "day": day}, slot=f"{slot} host")


def ending_for(actor: Actor) -> list[Mandate]:
    """Stays that one may extend and that end within fourteen days, the next one first."""
    mine = select(Mandate).where(_near(), rights.right(actor, "mandate.extend"), Mandate.person_id != actor.user_id)
    found = mine.options(joinedload(Mandate.person)).order_by(Mandate.to_on, Mandate.id).limit(SHOWN)
    return list(db.session.scalars(found).unique())


def own(actor: Actor) -> Mandate | None:
    """One's own stay as a guest, the one that lasts longest; it may be over."""
    mine = select(Mandate).where(Mandate.person_id == actor.user_id, Mandate.kind == MandateKind.GUEST)
    found: Mandate | None = db.session.scalars(
        mine.order_by(Mandate.ended_at.is_not(None), Mandate.to_on.desc(), Mandate.id.desc()).limit(1)
    ).first()
    return found


# --- a host who leaves -----------------------------------------------------------------------------------------------


@act("mandate.lose-host")
def lose_host(_actor: Actor, mandate: Mandate) -> None:
    """Let a stay end within fourteen days, because its host works in no hospital here any more; the guest is told.

    Raises:
        WrongStep: it is over already.
    """
    spells.end(mandate, EndReason.HOST_LEFT, min(mandate.to_on or latest(), today() + dt.timedelta(days=WARNED_DAYS)))
    messages.post(mandate.person_id, "guest.host-left", {"day": mandate.to_on})


@job("guests.lose-hosts", reason="guests", every=Every.DAY)
def lose_hosts(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Let the stays end whose host has left."""
    stays = select(Mandate.id).where(
        Mandate.kind == MandateKind.GUEST,
        spells.not_over(Mandate),
        Mandate.end_reason.is_distinct_from(EndReason.HOST_LEFT),
        Mandate.host_id.not_in(_hosts()),
    )
    with sight.wide("guests") as session:
        keys = list(session.scalars(stays))
    each(actor, lose_host, Mandate, keys)


def _hosts() -> Select[Any]:
    """Those with an open account and a place in a hospital, in force or still to begin."""
    there = (spells.not_over(Membership), spells.not_over(Centre), spells.not_over(Hospital))
    able = (Person.active.is_(True), Person.disabled_at.is_(None))
    found = select(Membership.person_id).join(Centre, Centre.id == Membership.centre_id).join(Hospital)
    return found.join(Person, Person.id == Membership.person_id).where(*there, *able)
