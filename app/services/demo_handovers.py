"""The demo's handovers: a clinician winds down and offers a record to the second one of the login page, who has to answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import select

from app.actors import Actor
from app.models import Membership, Patient, Person, db
from app.services import handovers, people
from app.services.stories import Stage, Turn
from app.words import PatientState

GIVER, TAKER = "despoina-kalliga", "nikolaos-vergos"
REPRESENTATIVE = "georgios-lamprou"
HOURS, LAST_DAY = 20, 60


def turns(stage: Stage) -> Iterator[Turn]:
    """The representative notes the last day; one record is offered, on the day before."""

    def offer(actor: Actor) -> None:
        mine = select(Patient).where(Patient.clinician_id == actor.user_id, Patient.state != PatientState.ERASED)
        records = list(db.session.scalars(mine.order_by(Patient.id).limit(1)).unique())
        handovers.propose_each(actor, records, db.session.get_one(Person, stage.people[TAKER]))

    def leave(actor: Actor) -> None:
        place = select(Membership).where(Membership.person_id == stage.people[GIVER], Membership.ended_at.is_(None))
        membership = db.session.scalars(place).unique().one()
        last_day = stage.start.date() + dt.timedelta(days=LAST_DAY)
        people.end_membership(actor, membership, reason="Moves to another hospital", last_day=last_day)

    yield Turn(stage.start - dt.timedelta(hours=2 * HOURS), REPRESENTATIVE, leave)
    yield Turn(stage.start - dt.timedelta(hours=HOURS), GIVER, offer)
