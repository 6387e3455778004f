"""The demo in a database, for the tests of its records and of its people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.outside.reference import demo as stories
from app.services import demo
from tests.houses import House, furnish


@contextmanager
def houses(shared: Path, worker: str, printer: Any) -> Iterator[Callable[[str], House]]:
    """A house in demo mode by its dialect, made when it is asked for."""
    made: dict[str, House] = {}

    def on(dialect: str) -> House:
        if dialect not in made:
            changes = {"CPMS_MODE": "demo", "PUBLIC_URL": "https://127.0.0.1"}
            made[dialect] = furnish(dialect, shared, f"{worker}-demo", printer, **changes)
        return made[dialect]

    yield on
    for house in made.values():
        house.close()


def sow(house: House, **given: Any) -> demo.Seeded:
    with house.app.app_context():
        return demo.seed(**given)


def id_of(house: House, key: str) -> int:
    return int(house.value("SELECT id FROM ab_user WHERE email = :email", email=stories().person(key).email))
