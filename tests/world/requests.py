"""Requests for a place, in every state: of somebody who has none, one that would decide on itself, and a guest's."""

from __future__ import annotations

from sqlalchemy import select

from app.models import Centre, Hospital, Person, db
from app.words import RequestKind, RequestState
from tests import factories as make
from tests.world.names import World

S = RequestState
ASKED = {
    # name: who, as, where, state, whom it names
    "draft": ("bystander", "clinician", "Thessaloniki", S.DRAFT, ()),
    "at the hospital": ("bystander", "clinician", "Thessaloniki", S.AT_HOSPITAL, ()),
    "unrepresented": ("bystander", "clinician", "Leipzig", S.AT_HOSPITAL, ()),
    "of a closed house": ("bystander", "clinician", "Closed house", S.AT_HOSPITAL, ()),
    "at the network": ("bystander", "clinician", "Thessaloniki", S.AT_NETWORK, ()),
    "asked by the hospital": ("bystander", "clinician", "Thessaloniki", S.ASKED_BY_HOSPITAL, ()),
    "asked by the network": ("bystander", "clinician", "Leipzig", S.ASKED_BY_NETWORK, ()),
    "refused": ("bystander", "clinician", "Thessaloniki", S.REFUSED, ()),
    "withdrawn": ("bystander", "clinician", "Thessaloniki", S.WITHDRAWN, ()),
    "accepted": ("colleague", "clinician", "Thessaloniki", S.ACCEPTED, ()),
    "assistant": ("bystander", "assistant", "Thessaloniki", S.AT_HOSPITAL, ("owner", "neighbour")),
    "guest": ("expired guest", "guest", None, S.AT_HOST, ("owner", "nobody")),
    "hosted guest": ("bystander", "guest", None, S.AT_NETWORK, ("neighbour",)),
    "of a representative": ("representative", "clinician", "Thessaloniki", S.AT_HOSPITAL, ()),
    "of a coordinator": ("coordinator", "clinician", "Leipzig", S.AT_NETWORK, ()),
}


def requests_for_places(world: World) -> None:
    """Written as rows: the acts that make them are tried elsewhere."""
    for name, (who, kind, where, state, named) in ASKED.items():
        person = db.session.get_one(Person, world.people[who])
        hospital = None if where is None else db.session.get(Hospital, world.hospitals[where])
        centre = None
        if kind == "clinician" and hospital is not None:
            found = select(Centre).where(Centre.hospital_id == hospital.id).order_by(Centre.id)
            centre = db.session.scalars(found).first()
        emails = [
            db.session.get_one(Person, world.people[one]).email if one in world.people else f"{one}@people.example"
            for one in named
        ]
        host = world.people["neighbour"] if name == "hosted guest" else None
        confirmed = "P. Ersonnel" if state is S.AT_NETWORK and kind != "guest" else None
        made = make.request(
            person,
            RequestKind(kind),
            state,
            emails,
            hospital=hospital,
            centre=centre,
            host_id=host,
            confirmed_by=confirmed,
        )
        world.requests[name] = (made.id, made.public_id)
