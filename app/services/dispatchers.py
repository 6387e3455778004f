"""Dispatchers: members of a network's centres whom its coordinators let route the questions nobody has taken yet.

A dispatcher counts while a centre of the network has them (``actors.dispatchers``); once none does, the row is ended
too, so that who comes back is named anew. What they route builds on this and is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, tuple_

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import Centre, Hospital, Mandate, Membership, Network, db, today
from app.services import directory, messages, spells
from app.services.jobs import Every, each, job
from app.tables import engines
from app.words import EndReason, MandateKind, _


@act("mandate.appoint-dispatcher", creates=Mandate)
def appoint(actor: Actor, network: Network, *, person: str) -> Mandate:
    """Let a member of the network's centres dispatch its questions from today; ``person`` is a public id. They are told.

    Raises:
        WrongStep: the network has ended, or the person works in none of its centres, dispatches already, or is oneself.
    """
    spells.refuse_over(network)
    person_id = directory.member_of(network, person)
    if person_id == actor.user_id:
        raise WrongStep(_("This is you: nobody appoints themselves. Ask somebody else who may do this."))
    engines.alone(db.session(), engines.PLACES, person_id)
    known = {"person_id": person_id, "network_id": network.id, "kind": MandateKind.DISPATCHER}
    held = select(Mandate.id).filter_by(**known).where(spells.not_over(Mandate))
    if db.session.scalar(held.limit(1)) is not None:
        raise WrongStep(_("This person has this mandate already."))
    facts = {"role": MandateKind.DISPATCHER, "place": str(network), "day": today()}
    messages.post(person_id, "place.given", facts)
    return Mandate(**known, appointed_by_id=actor.user_id, from_on=today())


@act("mandate.lose-network")
def lose_network(_actor: Actor, mandate: Mandate) -> None:
    """End a dispatcher's mandate, because no centre of the network has them any more; they are told.

    Raises:
        WrongStep: it is over already.
    """
    spells.end(mandate, EndReason.LEFT_NETWORK)
    facts = {"role": mandate.kind, "place": str(mandate.network), "day": None}
    messages.post(mandate.person_id, "place.ended", facts)


@job("dispatchers.lose-networks", reason="expiry", every=Every.DAY)
def lose_networks(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """End the mandates of the dispatchers who have left the network."""
    there = (spells.not_over(Membership), spells.not_over(Centre), spells.not_over(Hospital))
    members = select(Membership.person_id, Centre.network_id).join(Centre, Centre.id == Membership.centre_id)
    gone = tuple_(Mandate.person_id, Mandate.network_id).not_in(members.join(Hospital).where(*there))
    found = select(Mandate.id).where(Mandate.kind == MandateKind.DISPATCHER, spells.not_over(Mandate), gone)
    with sight.wide("expiry") as session:
        keys = list(session.scalars(found))
    each(actor, lose_network, Mandate, keys)
