"""The demo's leaving hospitals: one winds down and has records to hand over, one has left and is read only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import select

from app.actors import Actor
from app.models import Centre, db
from app.services import departures
from app.services.stories import Stage, Turn

DAYS_AGO, LAST_DAY = 3, 60


def turns(stage: Stage) -> Iterator[Turn]:
    """One coordinator announces a last day, another ends a hospital's part in the network at once."""

    def winds_down(actor: Actor) -> None:
        last_day = stage.start.date() + dt.timedelta(days=LAST_DAY)
        departures.end_centre(
            actor, _centre(stage, "aliki"), reason="The unit moves to another city", last_day=last_day
        )

    def leaves(actor: Actor) -> None:
        departures.end_centre(actor, _centre(stage, "schoecklblick"), reason="The hospital gives up the field")

    yield Turn(stage.start - dt.timedelta(days=DAYS_AGO), "lotte-verhoeven", winds_down)
    yield Turn(stage.start - dt.timedelta(days=DAYS_AGO), "bernadette-hoedlmoser", leaves)


def _centre(stage: Stage, hospital: str) -> Centre:
    """The only centre of a hospital."""
    return db.session.scalars(select(Centre).where(Centre.hospital_id == stage.hospitals[hospital])).unique().one()
