"""Scopes that reach records on their way from one clinician to another."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.actors import Actor, known_as
from app.models import Handover, Patient
from app.scopes.places import mandated, my_hospitals, present, readers
from app.scopes.reach import Reach, of_mandates, of_patients
from app.words import HandoverState, MandateKind, PatientState


def handed_by_self(actor: Actor, _thing: type[Any]) -> Reach:
    """Handovers of one's own records, in one's own hospital."""
    h = known_as("own_handover", Handover)
    mine = select(h.c.id).where(h.c.from_id == actor.user_id, h.c.hospital_id.in_(my_hospitals(actor)))
    return Reach("id", (mine.correlate(None),))


def handed_to_self(actor: Actor, _thing: type[Any]) -> Reach:
    """Handovers to oneself, in one's own hospital."""
    h = known_as("offered_handover", Handover)
    mine = select(h.c.id).where(h.c.to_id == actor.user_id, h.c.hospital_id.in_(my_hospitals(actor)))
    return Reach("id", (mine.correlate(None),))


def offered_to_self(actor: Actor, thing: type[Any]) -> Reach:
    """Records a colleague offers one in one's own hospital, until one has answered: the nickname."""
    h = known_as("waiting_handover", Handover)
    ids = select(h.c.patient_id).where(
        h.c.to_id == actor.user_id,
        h.c.state == HandoverState.PROPOSED,
        h.c.hospital_id.in_(my_hospitals(actor)),
    )
    return of_patients(thing, ids.correlate(None))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE)
def left_behind(actor: Actor, thing: type[Any]) -> Reach:
    """Records of the hospital one represents whose clinician leaves it, or has left: the nickname."""
    p = known_as("left_behind", Patient)
    member = (readers if actor.reads else present)(actor.on).subquery()
    works = (member.c.hospital_id == p.c.hospital_id, member.c.person_id == p.c.clinician_id)
    stays = select(member.c.person_id).where(*works).correlate(p).limit(1).scalar_subquery()
    ids = select(p.c.id).where(
        p.c.hospital_id.in_(mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE)),
        p.c.state != PatientState.ERASED,
        stays.is_(None),
    )
    return of_patients(thing, ids.correlate(None))
