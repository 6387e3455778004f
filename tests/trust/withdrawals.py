"""What the tests of withdrawals share: records, forms, and what the log says since."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.models import ConsentDecision, ConsentForm, Patient, db, today
from app.scopes import care_in_force
from app.services import consents
from app.words import Channel
from tests.factories import DAY

THIRTY = 30 * DAY


def record(world: Any, name: str) -> Patient:
    return db.session.get_one(Patient, world.patients[name][0])


def shared(patient: Patient) -> bool:
    return (
        db.session.scalar(select(Patient.id).where(Patient.id == patient.id, Patient.id.in_(care_in_force())))
        is not None
    )


def last_entry(world: Any) -> int:
    return int(world.house.value("SELECT max(seq) FROM audit_entry"))


def form_of(world: Any, name: str) -> ConsentForm:
    return db.session.get_one(ConsentForm, world.forms[name][0])


def withdraw(actor: Any, decision: ConsentDecision, **given: Any) -> None:
    known = {"withdrawn_on": today(), "channel": Channel.LETTER, "reason": None}
    consents.withdraw(actor, decision, **known | given)
