"""Renewal: when a form has to be signed anew, and what pauses from that day.

The day is computed once, when the form is signed, from year and month of birth and the country's age of majority: no job
ever opens a birth date. It comes earlier where a new text changes what is done with the data (``text_changes``). That
nothing new is taught or exported from that day is ``scopes.decisions_in_force``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select

from app.models import ConsentDecision, ConsentForm, Patient, db, now
from app.scopes import decisions_in_force
from app.words import OVER_FORMS, Relation, Variant


def due_on(form: ConsentForm) -> dt.date | None:
    """The first day on which the signer can no longer speak for the patient; ``None`` where nobody knows of one.

    That is the day after the mandate's last, or the first of the month after the patient comes of age. Who is of age
    already when a guardian signs never comes of age again. Whoever could not sign at all, as a corrected birth date may
    show, is to sign anew from the day of the signature on.
    """
    if form.signed_on is None or form.relation is None:
        return None
    if form.variant is Variant.ADULT:
        return None if may_sign_alone(form.patient, form.signed_on) else form.signed_on
    found = [] if form.mandate_ends_on is None else [form.mandate_ends_on + dt.timedelta(days=1)]
    grown = of_age_on(form.patient)
    if grown > form.signed_on:
        found.append(grown)
    elif form.relation is Relation.PARENT:
        found.append(form.signed_on)
    return min(found, default=None)


def may_sign_alone(patient: Patient, on: dt.date) -> bool:
    """Whether the patient is old enough on a day."""
    return age_on(patient, on) >= age_to_sign_alone(patient)


def age_on(patient: Patient, on: dt.date) -> int:
    """The patient's age in years, as far as year and month of birth say it: in the birth month, the older one."""
    return on.year - patient.birth_year - (on.month < patient.birth_month)


def age_to_sign_alone(patient: Patient) -> int:
    """From which age one signs alone in the hospital's country."""
    country = patient.hospital.country
    return country.majority_age if country.sign_alone_age is None else country.sign_alone_age


def settle(form: ConsentForm) -> None:
    """Set the day on which the form is due: the first of what is known of its signer and of its text."""
    known = [due_on(form), form.text_change.due_on if form.text_change else None]
    form.renewal_due_on = min((day for day in known if day is not None), default=None)


def because_of_text(form: ConsentForm) -> bool:
    """Whether the form is due because its text has changed, and for no reason of the signer's that day or before."""
    change = form.text_change
    if change is None or form.renewal_due_on != change.due_on:
        return False
    own = due_on(form)
    return own is None or own > change.due_on


def waits_for_text(form: ConsentForm) -> bool:
    """Whether the text to sign anew is not printed yet: until its day a new form would have the old one."""
    return because_of_text(form) and form.text_change is not None and form.text_change.since > now()


def misfits(form: ConsentForm) -> bool:
    """Whether the signer was too young, or the patient too old for a parent's word: the birth date was corrected since."""
    return form.signed_on is not None and form.renewal_due_on == form.signed_on and not because_of_text(form)


def of_age_on(patient: Patient) -> dt.date:
    """The first of the month after the patient comes of age in the hospital's country."""
    year = patient.birth_year + patient.hospital.country.majority_age
    return dt.date(year + patient.birth_month // 12, patient.birth_month % 12 + 1, 1)


def ends_with_mandate(form: ConsentForm) -> bool:
    """Whether it is the representative's mandate that ends, not childhood."""
    return form.mandate_ends_on is not None and form.renewal_due_on == form.mandate_ends_on + dt.timedelta(days=1)


def compute_again(patient: Patient) -> None:
    """A birth date was corrected: the days of the forms that still count follow it."""
    statement = select(ConsentForm).where(ConsentForm.patient_id == patient.id, ConsentForm.state.not_in(OVER_FORMS))
    for form in db.session.scalars(statement).unique():
        settle(form)


def in_force(patient: Patient, on: dt.date) -> set[int]:
    """Ids of the patient's decisions that count on a day."""
    statement = select(ConsentDecision.id).join(ConsentDecision.form).where(ConsentForm.patient_id == patient.id)
    return set(db.session.scalars(statement.where(ConsentDecision.id.in_(decisions_in_force(on)))))
