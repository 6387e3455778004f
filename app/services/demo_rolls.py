"""The demo's yearly list of people: one hospital's is open, and its representative is half through it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select

from app import actors, sight
from app.models import Hospital, Roll, db
from app.services import rolls
from app.services.stories import Stage
from app.tables.base import clock_at

HOSPITAL, REPRESENTATIVE = "thermaikos", "georgios-lamprou"
DAYS_AGO = 9


def write(stage: Stage) -> None:
    """Begin the list, and confirm every second of the people on it."""
    with clock_at(stage.start - dt.timedelta(days=DAYS_AGO)):
        db.session.remove()
        sight.bind(db.session(), actors.system("rolls"))
        rolls.begin(actors.system("rolls"), db.session.get(Hospital, stage.hospitals[HOSPITAL]))
        db.session.remove()
        actor = actors.load(db.session(), stage.people[REPRESENTATIVE], "demo")
        sight.bind(db.session(), actor)
        roll = db.session.scalars(select(Roll).where(Roll.hospital_id == stage.hospitals[HOSPITAL])).one()
        people = [row.person.public_id for row in rolls.page_of(roll)[0]]
        rolls.confirm(actor, roll, people=people[::2])
    db.session.remove()
