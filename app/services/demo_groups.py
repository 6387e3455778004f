"""What the demo's networks say of themselves, their expert groups and dispatchers, through real acts of the coordinators."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from sqlalchemy import select

from app import actors, sight
from app.actors import memberships_in_force
from app.models import Network, Person, ThematicArea, db, today
from app.services import dispatchers, groups
from app.services.stories import Stage
from app.words import Rhythm

METABERN = "Hereditary metabolic disorders of children and adults: fifty inherited diseases in seven fields."


class Group(NamedTuple):
    """A group of the demo: its network, what it is about, when it meets."""

    network: str
    name: str
    topic: str
    codes: str
    when: dict[str, Any]
    area: str = ""


MONTHLY = {
    "rhythm": Rhythm.MONTHLY,
    "weekday": 2,
    "nth": 2,
    "hour": dt.time(16),
    "minutes": 90,
    "zone": "Europe/Brussels",
}
FORTNIGHTLY = {"rhythm": Rhythm.FORTNIGHTLY, "weekday": 3, "nth": None, "hour": dt.time(15, 30), "minutes": 60}
NO_RHYTHM = {"rhythm": None, "weekday": None, "nth": None, "hour": None, "minutes": 60, "zone": "Europe/Athens"}

COORDINATORS = {"metabern": "lotte-verhoeven"}
SAID = {"metabern": (METABERN, "helpdesk@metabern-demo.example", True)}
DISPATCHERS = 2
"""How many each has."""
GROUPS = (
    Group(
        "metabern", "Lysosomal storage board", "Gaucher, Fabry and Pompe disease in adults.", "355, 324, 365", MONTHLY
    ),
    Group(
        "metabern",
        "Newborn screening follow-up",
        "What to do after a positive screening result.",
        "",
        FORTNIGHTLY | {"zone": "Europe/Brussels"},
    ),
    Group("metabern", "Transition to adult care", "Young people who change their clinic.", "", NO_RHYTHM),
)


def write(stage: Stage) -> None:
    """Describe the networks; make their groups with members of their centres, the first of them in the chair."""
    for code, person in COORDINATORS.items():
        db.session.remove()
        actor = actors.load(db.session(), stage.people[person], "demo")
        sight.bind(db.session(), actor)
        network = db.session.scalars(select(Network).where(Network.code == code)).one()
        description, helpdesk, ready = SAID[code]
        groups.describe(actor, network, description=description, helpdesk=helpdesk, answers_ukrainian=ready)
        areas = {one.name: one for one in db.session.scalars(select(ThematicArea))}
        members = _members(network.id)
        for number, story in enumerate(one for one in GROUPS if one.network == code):
            group = groups.add(
                actor,
                network,
                name=story.name,
                topic=story.topic,
                area=areas.get(story.area),
                orpha_codes=story.codes,
                **story.when,
            )
            taken = members[number::2] or members
            for key in taken:
                groups.add_member(actor, group, person=key)
            if taken:
                groups.set_chair(actor, group, person=taken[0])
        for key in members[:DISPATCHERS]:
            dispatchers.appoint(actor, network, person=key)
    db.session.remove()


def _members(network_id: int) -> list[str]:
    """Who works in a centre of the network, by public id."""
    m = memberships_in_force(today()).subquery()
    with sight.wide("seed") as session:
        found = select(Person.public_id).where(
            Person.id.in_(select(m.c.person_id).where(m.c.network_id == network_id)), Person.disabled_at.is_(None)
        )
        return list(session.scalars(found.order_by(Person.id).limit(6)))
