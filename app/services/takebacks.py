"""The ledger of what patients have taken back, so that a restore from an older backup does not give it again.

Each withdrawal of a consent and each restriction by letter is a row of ``var/withdrawn.log`` (``ledgers``): random ids of
decision, patient and registry, the purpose, the day and the channel; nothing in it says who anybody is. After a restore
those of its rows that the database does not know are done again (``restores``), by the acts that did them first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy.orm import object_session

from app.models import ConsentDecision, Patient
from app.services.ledgers import KEPT, MOMENT, Ledger

KEY = "[0-9a-f]{32}"
NONE = "-"
RESTRICTED, LIFTED = "restricted", "lifted"
WITHDRAWN = Ledger(
    "withdrawn.log",
    "withdrawing",
    "withdrawn",
    rf"{KEY} {KEY} [a-z]+ (?:{KEY}|{NONE}) \d{{4}}-\d\d-\d\d (?:[a-z_]+|{NONE})",
)


class Row(NamedTuple):
    """One row: what was withdrawn (a decision; of a restriction the patient), whose, of which purpose, when and how."""

    subject: str
    patient: str
    what: str
    registry: str
    day: str
    channel: str


def note_decision(decision: ConsentDecision, withdrawn_on: dt.date, channel: str) -> None:
    """Have it written that a decision was taken back."""
    registry = decision.named_registry.public_id if decision.named_registry else NONE
    patient = decision.form.patient
    _note(
        patient,
        Row(decision.public_id, patient.public_id, decision.purpose.value, registry, str(withdrawn_on), channel),
    )


def note_restriction(patient: Patient, what: str, on: dt.date) -> None:
    """Have it written that a record was restricted by letter, or that this was lifted."""
    _note(patient, Row(patient.public_id, patient.public_id, what, NONE, str(on), NONE))


def _note(patient: Patient, row: Row) -> None:
    session = object_session(patient)
    if session is not None:
        WITHDRAWN.note(session, " ".join(row))


def known() -> Iterator[tuple[dt.datetime, Row]]:
    """What was taken back and when, oldest first; what was announced and never concluded counts."""
    path = WITHDRAWN.path()
    if path.exists():
        for row, (at, word) in WITHDRAWN.read(path)[0].items():
            if word != KEPT:
                yield dt.datetime.strptime(at, MOMENT).replace(tzinfo=dt.UTC), Row(*row.split())
