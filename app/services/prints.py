"""Printing a patient's form in one go: what would happen, with which language and variant, and doing it.

A form that waits, prepared or on paper, is printed again: nobody gets a second one. Preparing and printing are the acts of
``consents``. Several patients at once are ``print_runs``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from app import steps
from app.actors import Actor
from app.errors import Incomplete
from app.models import ConsentForm, Patient, Person, db
from app.services import consents, patients, texts
from app.words import UNSIGNED_FORMS, FormState, Relation, Variant, _

SIGNED = _("A form is signed already. Archive its scan first.")
NOT_NOW = _("No form can be prepared for this record any more.")
NO_TEXT = _("No consent text is published yet. Tell the operator of this platform.")


@dataclass(frozen=True)
class Wish:
    """What is chosen for one patient's form, where a new one is prepared. ``patient`` is a public id."""

    patient: str
    language: str
    variant: Variant
    large_print: bool = False


@dataclass(frozen=True)
class Plan:
    """What printing for a patient would do: print ``form`` again, prepare one, or nothing because of ``refusal``."""

    patient: Patient
    form: ConsentForm | None
    refusal: object | None
    languages: list[str]
    variant: Variant


def plans(actor: Actor, of: Iterable[Patient]) -> list[Plan]:
    """What would happen for each of these patients, in their order. One's last language comes first."""
    chosen = list(of)
    statement = (
        select(ConsentForm)
        .where(
            ConsentForm.patient_id.in_([patient.id for patient in chosen]),
            ConsentForm.state.in_([*UNSIGNED_FORMS, FormState.SIGNED, FormState.ARCHIVED]),
        )
        .order_by(ConsentForm.id)
    )
    by_patient: dict[int, list[ConsentForm]] = {}
    for form in db.session.scalars(statement).unique():
        by_patient.setdefault(form.patient_id, []).append(form)
    person = db.session.get(Person, actor.user_id)
    last_used = person.consent_language if person else None
    offered: dict[tuple[int, str], list[str]] = {}
    for patient in chosen:
        where = patient.hospital_id, patient.procedure.value
        if where not in offered:
            offered[where] = texts.offered_languages(patient, last_used)
    return [_plan(one, by_patient.get(one.id, []), offered[one.hospital_id, one.procedure.value]) for one in chosen]


def _plan(patient: Patient, forms: list[ConsentForm], languages: list[str]) -> Plan:
    waiting = [form for form in forms if form.state in UNSIGNED_FORMS]
    refusal = None
    if any(form.state is FormState.SIGNED for form in forms):
        refusal = SIGNED
    elif not waiting and not steps.possible(patient, "consent.prepare"):
        refusal = NOT_NOW
    elif not waiting and not languages:
        refusal = NO_TEXT
    form = waiting[-1] if waiting and refusal is None else None
    return Plan(patient, form, refusal, languages, likely_variant(patient, forms))


def likely_variant(patient: Patient, forms: Iterable[ConsentForm] = ()) -> Variant:
    """Who probably signs: a representative for somebody below the country's age of majority.

    And for an adult for whom a guardian or legal representative signed the last of ``forms``.
    """
    young = patients.age(patient) < patient.hospital.country.majority_age
    signed = [form.relation for form in forms if form.relation is not None]
    spoken_for = signed[-1:] in ([Relation.GUARDIAN], [Relation.LEGAL_REPRESENTATIVE])
    return Variant.REPRESENTATIVE if young or spoken_for else Variant.ADULT


def print_form(
    actor: Actor,
    patient: Patient,
    *,
    wish: Wish | None = None,
    once: str | None = None,
    since: dt.datetime | None = None,
) -> ConsentForm:
    """Print the patient's form; the one that waits, else one prepared as wished, or as proposed.

    Args:
        actor: who prints.
        patient: whose form.
        wish: for a new form; without: the first language offered, and the variant by age.
        once: so that a second click, or a job begun again, does not make a second form.
        since: a form that was first printed after this moment is not noted as printed again.

    Raises:
        Incomplete: there can be none; why.
        Refusal: whatever preparing and printing refuse.
    """
    (plan,) = plans(actor, [patient])
    if plan.refusal is not None:
        raise Incomplete(plan.refusal)
    form: ConsentForm | None = plan.form
    if form is None:
        form = consents.prepare(
            actor,
            patient,
            language=wish.language if wish else plan.languages[0],
            variant=wish.variant if wish else plan.variant,
            large_print=wish.large_print if wish else False,
            once=once,
        )
        if form.print_count:  # by the first of two clicks
            return form
    if since is not None and form.printed_at is not None and form.printed_at >= since:
        return form
    consents.note_print(actor, form, seen=form.version)
    return form
