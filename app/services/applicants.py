"""What an applicant is here already. Whoever decides does not see it: an answer alone leaves."""

from __future__ import annotations

from sqlalchemy import or_, select

from app import sight
from app.models import Centre, Membership, Patient, Person


def is_locked(person_id: int) -> bool:
    """Whether the account is closed."""
    with sight.wide("applicant") as session:
        closed = or_(Person.disabled_at.is_not(None), Person.active.is_(False))
        return session.scalar(select(Person.id).where(Person.id == person_id, closed)) is not None


def worked_at(person_id: int, hospital_id: int) -> bool:
    """Whether the person is or was a clinician of the hospital: records there may still be theirs."""
    member = select(Membership.id).join(Centre, Centre.id == Membership.centre_id)
    theirs = member.where(Membership.person_id == person_id, Centre.hospital_id == hospital_id)
    treats = select(Patient.id).where(Patient.clinician_id == person_id, Patient.hospital_id == hospital_id)
    with sight.wide("applicant") as session:
        return any(session.scalar(found.limit(1)) is not None for found in (theirs, treats))
