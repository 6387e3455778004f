"""A hostile world: everybody who could want to see a record of the Thessaloniki clinic, and records in every state.

Built once per run by real acts (``build``), then copied for each test. The *owner* treats the patients; who is who stands
in ``people``. Names, birth dates and file numbers are invented and unlike anything else, so that one byte of them in an
answer is a leak (``World.identities``).
"""

from __future__ import annotations

from typing import Any

from tests.world.elsewhere import papers_from_elsewhere
from tests.world.endings import what_happened
from tests.world.names import World, identity, token_of
from tests.world.own_texts import OPINION, texts_of_hospitals
from tests.world.people import places_and_people
from tests.world.records import (
    ARCHIVED,
    PRINTED,
    SIGNED,
    blank_forms,
    bring_form,
    file_bytes,
    patients_and_forms,
)

__all__ = [
    "ARCHIVED",
    "OPINION",
    "PRINTED",
    "SIGNED",
    "World",
    "bring_form",
    "build",
    "file_bytes",
    "identity",
    "token_of",
]


def build(house: Any, *, elsewhere: bool = True) -> World:
    """Fill an empty house, with papers from elsewhere or without."""
    world = World()
    with house.system():
        places_and_people(world)
    patients_and_forms(house, world)
    if elsewhere:
        papers_from_elsewhere(house, world)
    blank_forms(house, world)
    what_happened(house, world)
    texts_of_hospitals(house, world)
    return world
