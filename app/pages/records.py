"""What pages show of a record: its forms, what stands of its consent, when the patient was born."""

from __future__ import annotations

import datetime as dt
import functools

from flask_babel import format_date, get_locale
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.models import ConsentDecision, ConsentForm, Patient, db
from app.pages.base import offer
from app.words import DECIDED_FORMS, Answer, FormState

FORM_ACTS = ("consent.print", "consent.sign", "consent.archive", "consent.attest", "consent.cancel", "consent.annul")


def forms_of(patient: Patient) -> list[ConsentForm]:
    """The patient's forms, the newest first, with what may be done to them."""
    statement = (
        select(ConsentForm)
        .where(ConsentForm.patient_id == patient.id)
        .order_by(ConsentForm.id.desc())
        .options(
            selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry),
        )
    )
    forms = list(db.session.scalars(statement).unique())
    for form in forms:
        offer(form, FORM_ACTS)  # who may open the record may do these; the step decides
    return forms


def born(patient: Patient) -> str:
    """Year and month of birth, as others see them."""
    return _month(patient.birth_year, patient.birth_month, str(get_locale()))


@functools.lru_cache(maxsize=4096)
def _month(year: int, month: int, _locale: str) -> str:
    return str(format_date(dt.date(year, month, 1), "LLLL yyyy"))


def standing(forms: list[ConsentForm]) -> list[tuple[ConsentDecision, ConsentForm]]:
    """What is in force or was decided last, per purpose and registry."""
    latest: dict[tuple[str, int | None], tuple[ConsentDecision, ConsentForm]] = {}
    for form in forms:
        if form.state not in DECIDED_FORMS:
            continue
        for decision in form.decisions:
            if decision.answer is not Answer.NOT_ASKED or form.state is FormState.ARCHIVED:
                latest.setdefault((decision.purpose, decision.registry_id), (decision, form))
    return list(latest.values())
