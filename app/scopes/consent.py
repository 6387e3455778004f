"""What counts of consent today: no scope, but the gate that everything shared stands behind."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Select, or_, select

from app.actors import known_as
from app.models import ConsentDecision, ConsentForm, Patient
from app.words import Answer, FormState, PatientState, Purpose


def care_in_force() -> Select[Any]:
    """Ids of the patients whose care consent is archived, given and not withdrawn: the gate of everything shared.

    A restriction by the data-protection contact shuts it, whatever was consented.
    """
    form, decision = known_as("care_form", ConsentForm), known_as("care_decision", ConsentDecision)
    patient = known_as("cared_for", Patient)
    return (
        select(form.c.patient_id)
        .join_from(form, decision, decision.c.form_id == form.c.id)
        .join(patient, patient.c.id == form.c.patient_id)
        .where(
            patient.c.state.not_in([PatientState.ERASED, PatientState.CLOSED]),
            patient.c.restricted_on.is_(None),
            form.c.state == FormState.ARCHIVED,
            decision.c.purpose == Purpose.CARE,
            decision.c.answer == Answer.GIVEN,
        )
        .correlate(None)
    )


def decisions_in_force(on: dt.date) -> Select[Any]:
    """Ids of the decisions that count on a day: given on the archived form, while care consent is in force.

    Education and registries pause from the day on which the form is due for renewal; care goes on.
    """
    form, decision = known_as("deciding_form", ConsentForm), known_as("deciding", ConsentDecision)
    return (
        select(decision.c.id)
        .join_from(decision, form, decision.c.form_id == form.c.id)
        .where(
            form.c.state == FormState.ARCHIVED,
            decision.c.answer == Answer.GIVEN,
            form.c.patient_id.in_(care_in_force()),
            or_(decision.c.purpose == Purpose.CARE, form.c.renewal_due_on.is_(None), form.c.renewal_due_on > on),
        )
        .correlate(None)
    )
