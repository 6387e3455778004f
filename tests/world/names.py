"""Who and what there is in the world, by name; who is who stands in ``people``, what is what in ``records`` and on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from app.services import identities


@dataclass
class World:
    """Who and what there is, by name: ids of people; ids and public ids of records."""

    people: dict[str, int] = field(default_factory=dict)
    hospitals: dict[str, int] = field(default_factory=dict)
    patients: dict[str, tuple[int, str]] = field(default_factory=dict)
    forms: dict[str, tuple[int, str]] = field(default_factory=dict)
    letters: dict[str, tuple[int, str]] = field(default_factory=dict)
    own_texts: dict[str, tuple[int, str]] = field(default_factory=dict)
    blanks: dict[str, tuple[int, str]] = field(default_factory=dict)
    identities: dict[str, identities.Identity] = field(default_factory=dict)
    handovers: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: dict[str, tuple[int, str]] = field(default_factory=dict)
    phone_token: str = ""
    house: Any = None

    def client(self, who: str) -> Any:
        """The browser of a principal; ``anonymous`` has not signed in."""
        if who == "anonymous":
            return self.house.visitor()
        return self.house.signed_in(token_of(who))


ONE_FACTOR, HALF_INSIDE, LOCKED = "no second factor", "half inside", "behind a lock"
"""Principals whose login was proved by a password alone; whose second factor is still to come; whose screen is locked."""


def token_of(who: str) -> str:
    """The token of a person's login; each has one from the beginning, so that a world put back knows its browsers."""
    return f"token-of-{who}"


def identity(number: int) -> identities.Identity:
    """A person nobody else is: every part is found nowhere else in the house."""
    return identities.Identity(
        family_name=f"Quexington{number:02d}vlad",
        given_names=f"Zbyszka{number:02d} Oruela{number:02d}x",
        birth_date=dt.date(1931 + number, 1 + number % 12, 11 + number % 17),
        file_number=f"FN-77{number:02d}-4431",
        birth_place=f"Wrzeszcz{number:02d}",
    )
