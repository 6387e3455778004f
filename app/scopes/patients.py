"""Scopes that reach records, and all that hangs on them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_, select

from app.actors import Actor, known_as
from app.models import GrantedPatient, Letter, LetterRecord, Patient
from app.scopes.places import grants, mandated, my_hospitals
from app.scopes.reach import Reach, of_mandates, of_patients
from app.words import GrantScope, MandateKind, PatientState


def treating(actor: Actor, thing: type[Any]) -> Reach:
    """Records of the patients this clinician treats."""
    p = known_as("treated", Patient)
    mine = select(p.c.id).where(p.c.clinician_id == actor.user_id, p.c.hospital_id.in_(my_hospitals(actor)))
    return of_patients(thing, mine.correlate(None))


def on_behalf(actor: Actor, thing: type[Any]) -> Reach:
    """Records of a clinician who granted it, all of them or the chosen ones."""
    g, granted = grants(actor)
    p, chosen = known_as("granted_record", Patient), known_as("chosen", GrantedPatient)
    named = select(chosen.c.patient_id).where(chosen.c.grant_id == g.c.id).correlate(g)
    ids = (
        select(p.c.id)
        .join_from(g, p, and_(p.c.clinician_id == g.c.clinician_id, p.c.hospital_id == g.c.hospital_id))
        .where(granted, or_(g.c.scope == GrantScope.ALL, p.c.id.in_(named)))
    )
    return of_patients(thing, ids.correlate(None))


def treating_unerased(actor: Actor, thing: type[Any]) -> Reach:
    """Records of the patients this clinician treats, until they are erased."""
    return _unerased(thing, treating(actor, Patient), "treated_unerased")


def on_behalf_unerased(actor: Actor, thing: type[Any]) -> Reach:
    """Records of a clinician who granted it, until they are erased."""
    return _unerased(thing, on_behalf(actor, Patient), "assisted_unerased")


def _unerased(thing: type[Any], patients: Reach, name: str) -> Reach:
    p = known_as(name, Patient)
    there = p.c.state != PatientState.ERASED
    return of_patients(thing, select(p.c.id).where(p.c.id.in_(patients.ids[0]), there).correlate(None))


@of_mandates(MandateKind.DATA_PROTECTION_CONTACT)
def proving(actor: Actor, thing: type[Any]) -> Reach:
    """Proof of consent of erased records, of the hospital whose data-protection contact one is."""
    p = known_as("erased_patient", Patient)
    there = p.c.hospital_id.in_(mandated(actor, MandateKind.DATA_PROTECTION_CONTACT))
    return of_patients(thing, select(p.c.id).where(there, p.c.state == PatientState.ERASED).correlate(None))


@of_mandates(MandateKind.DATA_PROTECTION_CONTACT)
def written_about(actor: Actor, thing: type[Any]) -> Reach:
    """Records a patient's letter of the last days is about, of the hospital whose data-protection contact one is."""
    letter, found, p = known_as("letter", Letter), known_as("letters_record", LetterRecord), known_as("writer", Patient)
    ids = (
        select(p.c.id)
        .join_from(letter, found, found.c.letter_id == letter.c.id)
        .join(p, and_(p.c.id == found.c.patient_id, p.c.hospital_id == letter.c.hospital_id))
        .where(
            letter.c.open_until >= actor.on,
            letter.c.hospital_id.in_(mandated(actor, MandateKind.DATA_PROTECTION_CONTACT)),
        )
    )
    return of_patients(thing, ids.correlate(None))
