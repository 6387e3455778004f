"""What a patient has said elsewhere to the same question: a purpose, and for registries the same registry.

The latest word counts, on whichever paper or by whatever channel it came. Withdrawing is ``consents.withdraw``.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select

from app.act import act
from app.actors import Actor
from app.models import ConsentDecision, ConsentForm, Patient, db
from app.words import Answer, Channel, FormState, Purpose


class Said(NamedTuple):
    """A withdrawal: on which day, how it came, and why."""

    on: dt.date
    channel: Channel
    reason: str | None


def _elsewhere(decision: ConsentDecision) -> tuple[ColumnElement[bool], ...]:
    """The patient's decisions on other papers for the same purpose, and the same registry."""
    forms = select(ConsentForm.id).where(ConsentForm.patient_id == decision.form.patient_id)
    return (
        ConsentDecision.form_id.in_(forms),
        ConsentDecision.form_id != decision.form_id,
        ConsentDecision.purpose == decision.purpose,
        ConsentDecision.registry_id.is_not_distinct_from(decision.registry_id),
    )


def given(decision: ConsentDecision, *states: FormState, until: dt.date) -> list[ConsentDecision]:
    """The same question answered with yes on papers in these states that were signed until a day."""
    signed = select(ConsentForm.id).where(ConsentForm.state.in_(states), ConsentForm.signed_on <= until)
    statement = select(ConsentDecision).where(
        *_elsewhere(decision), ConsentDecision.answer == Answer.GIVEN, ConsentDecision.form_id.in_(signed)
    )
    return list(db.session.scalars(statement).unique())


def withdrawn_since(decision: ConsentDecision) -> Said | None:
    """The withdrawal that came after the paper's signature: an older yes brings nothing back."""
    if decision.answer is not Answer.GIVEN:
        return None
    statement = select(ConsentDecision).where(
        *_elsewhere(decision), ConsentDecision.withdrawn_on > decision.form.signed_on
    )
    found = db.session.scalars(statement.order_by(ConsentDecision.withdrawn_on).limit(1)).unique().first()
    if found is None or found.withdrawn_on is None or found.channel is None:
        return None
    return Said(found.withdrawn_on, found.channel, found.withdrawal_reason)


def care_withdrawn_on(patient: Patient) -> dt.date | None:
    """The last day on which the patient withdrew consent for care."""
    statement = (
        select(func.max(ConsentDecision.withdrawn_on))
        .join(ConsentDecision.form)
        .where(ConsentForm.patient_id == patient.id, ConsentDecision.purpose == Purpose.CARE)
    )
    return db.session.scalar(statement)


@act("decision.carry-withdrawal")
def carry(_actor: Actor, decision: ConsentDecision, *, said: Said) -> None:
    """What was said later elsewhere counts here too: a purpose withdrawn, or a no on a newer paper."""
    decision.withdrawn_on, decision.channel, decision.withdrawal_reason = said
