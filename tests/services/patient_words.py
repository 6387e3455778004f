"""What the tests of patients share: hospital and record of the world, a changed identity."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.models import Hospital, db
from app.services import identities

NEW = identities.Identity("Novakova", "Zdenka Marie", dt.date(1980, 2, 3), "N-1 / 2026", "Brno")


def hospital(world: Any, name: str = "Thessaloniki") -> Any:
    return db.session.get(Hospital, world.hospitals[name])


def changed(identity: identities.Identity, **parts: Any) -> identities.Identity:
    return identities.Identity(**vars(identity) | parts)


def write(world: Any, statement: Any) -> None:
    """Past every act, as somebody with the database's password would."""
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True}).execute(statement)
        session.commit()
