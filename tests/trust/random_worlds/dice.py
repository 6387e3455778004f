"""Rows by lot: every choice comes from one seed."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from app.models import today

MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SIZES = {"country": 3, "network": 3, "hospital": 4, "centre": 6, "ab_user": 9, "membership": 10, "mandate": 14}
SIZES |= {
    "expert_group": 8,
    "expert_group_member": 12,
    "expertise": 12,
    "absence": 9,
    "blank_form": 12,
    "export_release": 24,
    "stack": 12,
    "stack_page": 24,
    "print_run": 12,
    "print_item": 24,
    "own_text": 20,
    "own_text_writer": 30,
    "assistant_grant": 8,
    "granted_patient": 8,
    "patient": 12,
    "consent_form": 12,
    "handover": 24,
    "audit_entry": 12,
    "membership_request": 24,
    "request_confirmation": 16,
}


class Dice:
    """Makes rows; every choice comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def any_of(self, table: str) -> int:
        """The key of some row."""
        return int(self.random.choice(self.rows[table])["id"])

    def spell(self) -> dict[str, Any]:
        """Mostly valid; begins or ends around today, or was ended."""
        day, dice = dt.timedelta(days=1), self.random
        begins = today() + dice.choice([-30, -30, -30, -1, 0, 1]) * day
        ends = dice.choice([None, None, None, 30, 1, 0, -1])
        last = None if ends is None else max(begins, today() + ends * day)
        return {"from_on": begins, "to_on": last, "ended_at": dice.choice([None] * 5 + [MOMENT]), "end_reason": None}

    def make(self, table: str, **columns: Any) -> None:
        """As many rows as ``SIZES`` says; a column is a value or a function of the row's number."""
        made = self.rows.setdefault(table, [])
        for _ in range(SIZES.get(table, 6)):
            number = len(made) + 1
            row = {"id": number, "public_id": f"{table}-{number}"[:32], "version": 1}
            made.append(row | {name: value(number) if callable(value) else value for name, value in columns.items()})

    def spells(self, table: str, **columns: Any) -> None:
        """The same, each with a spell."""
        self.make(table, **columns)
        for row in self.rows[table]:
            row |= self.spell()
