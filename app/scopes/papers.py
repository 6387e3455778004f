"""Scopes that reach paper: forms from elsewhere, forms one explained, blank forms, scans that wait, what one had printed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_, select

from app.actors import Actor, known_as
from app.models import BlankForm, ConsentForm, Patient, PrintItem, PrintRun, Stack, StackPage
from app.scopes.patients import on_behalf, treating, treating_unerased
from app.scopes.places import assisted_hospitals, grants, mandated, my_hospitals
from app.scopes.reach import Reach, of_mandates, of_patients
from app.words import FormState, GrantScope, MandateKind, PatientState


def second_treating(actor: Actor, _thing: type[Any]) -> Reach:
    """Papers somebody else filed, of the patients this clinician treats."""
    form, others = _anothers_paper(actor)
    mine = form.c.patient_id.in_(treating(actor, Patient).ids[0])
    return Reach("id", (select(form.c.id).where(others, mine).correlate(None),))


def second_on_behalf(actor: Actor, _thing: type[Any]) -> Reach:
    """Papers somebody else filed, of the records one assists with."""
    form, others = _anothers_paper(actor)
    mine = form.c.patient_id.in_(on_behalf(actor, Patient).ids[0])
    return Reach("id", (select(form.c.id).where(others, mine).correlate(None),))


@of_mandates(MandateKind.DATA_PROTECTION_CONTACT)
def second_protecting(actor: Actor, _thing: type[Any]) -> Reach:
    """Papers to check that others filed, of the hospital whose data-protection contact one is."""
    form, others = _anothers_paper(actor)
    there = form.c.hospital_id.in_(mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))
    waits = form.c.state == FormState.TO_CHECK
    return Reach("id", (select(form.c.id).where(others, there, waits).correlate(None),))


@of_mandates(MandateKind.DATA_PROTECTION_CONTACT)
def checked_for(actor: Actor, thing: type[Any]) -> Reach:
    """Records with a paper to check, or just checked, of the hospital whose data-protection contact one is."""
    form, others = _anothers_paper(actor)
    there = form.c.hospital_id.in_(mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))
    checked = and_(form.c.checked_by_id == actor.user_id, form.c.checked_on >= actor.on)
    ids = select(form.c.patient_id).where(others, there, or_(form.c.state == FormState.TO_CHECK, checked))
    return of_patients(thing, ids.correlate(None))


def _anothers_paper(actor: Actor) -> tuple[FromClause, ColumnElement[bool]]:
    """Papers from elsewhere that somebody else has filed: nobody is their own second person."""
    form = known_as("anothers_paper", ConsentForm)
    return form, form.c.filed_by_id != actor.user_id


def explaining(actor: Actor, _thing: type[Any]) -> Reach:
    """Forms that name this clinician as who explained them, of the patients they still treat and who are not erased."""
    form = known_as("explained_form", ConsentForm)
    treated = form.c.patient_id.in_(treating_unerased(actor, Patient).ids[0])
    mine = select(form.c.id).where(form.c.explained_by_id == actor.user_id, treated)
    return Reach("id", (mine.correlate(None),))


def own_blanks(actor: Actor, _thing: type[Any]) -> Reach:
    """Blank forms of this clinician, for patients of the hospital they work in."""
    b = known_as("own_blank", BlankForm)
    ids = select(b.c.id).where(b.c.clinician_id == actor.user_id, b.c.hospital_id.in_(my_hospitals(actor)))
    return Reach("id", (ids.correlate(None),))


def granted_blanks(actor: Actor, _thing: type[Any]) -> Reach:
    """Blank forms of a clinician who granted all records: whose patients they will be is not known yet."""
    g, granted = grants(actor)
    b = known_as("granted_blank", BlankForm)
    ids = (
        select(b.c.id)
        .join_from(g, b, and_(b.c.clinician_id == g.c.clinician_id, b.c.hospital_id == g.c.hospital_id))
        .where(granted, g.c.scope == GrantScope.ALL)
    )
    return Reach("id", (ids.correlate(None),))


def own_stacks(actor: Actor, _thing: type[Any]) -> Reach:
    """One's own stacks of scans, of a hospital one works in."""
    stack = known_as("my_stack", Stack)
    there = or_(stack.c.hospital_id.in_(my_hospitals(actor)), stack.c.hospital_id.in_(assisted_hospitals(actor)))
    return Reach("id", (select(stack.c.id).where(stack.c.person_id == actor.user_id, there).correlate(None),))


def own_scans_treated(actor: Actor, _thing: type[Any]) -> Reach:
    """Pages of one's own stacks of scans: of patients one treats and who are not erased, of one's blank forms, or of none."""
    return _own_scans(actor, treating(actor, Patient), own_blanks(actor, BlankForm))


def own_scans_assisted(actor: Actor, _thing: type[Any]) -> Reach:
    """Pages of one's own stacks of scans: of records not erased or blank forms one assists with, or of no form."""
    return _own_scans(actor, on_behalf(actor, Patient), granted_blanks(actor, BlankForm))


def _own_scans(actor: Actor, patients: Reach, blanks: Reach) -> Reach:
    page = known_as("own_scan", StackPage)
    form, patient = known_as("scanned_form", ConsentForm), known_as("scanned_patient", Patient)
    blank, bound = known_as("scanned_blank", BlankForm), known_as("scanned_bound", BlankForm)
    forms = (
        select(form.c.id)
        .join_from(form, patient, form.c.patient_id == patient.c.id)
        .where(patient.c.id.in_(patients.ids[0]), patient.c.state != PatientState.ERASED)
        .correlate(None)
    )
    out = select(blank.c.id).where(blank.c.form_id.is_(None), blank.c.id.in_(blanks.ids[0])).correlate(None)
    since = select(bound.c.id).where(bound.c.form_id.in_(forms)).correlate(None)
    no_form = or_(page.c.blank_id.is_(None), page.c.blank_id.in_(out), page.c.blank_id.in_(since))
    known = or_(page.c.form_id.in_(forms), and_(page.c.form_id.is_(None), no_form))
    mine = page.c.stack_id.in_(own_stacks(actor, Stack).ids[0])
    return Reach("id", (select(page.c.id).where(mine, known).correlate(None),))


def own_prints_treated(actor: Actor, _thing: type[Any]) -> Reach:
    """What one had printed at once, of patients one treats."""
    return _own_prints(actor, treating(actor, Patient))


def own_prints_assisted(actor: Actor, _thing: type[Any]) -> Reach:
    """What one had printed at once, of records one assists with."""
    return _own_prints(actor, on_behalf(actor, Patient))


def _own_prints(actor: Actor, patients: Reach) -> Reach:
    item, run = known_as("own_print", PrintItem), known_as("own_run", PrintRun)
    ids = (
        select(item.c.id)
        .join_from(item, run, item.c.run_id == run.c.id)
        .where(run.c.person_id == actor.user_id, item.c.patient_id.in_(patients.ids[0]))
    )
    return Reach("id", (ids.correlate(None),))
