"""Reminders: once a day, who is to be told by mail that work waits; one mail a person, numbers and a link.

The rows say who is concerned today; each person's numbers are then counted under that person's own rights, so a mail can
count nothing that Home would not show. What a mail says is ``mail_kinds``; what Home shows is ``worklist``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import actors, rights, sight
from app.actors import PLACES, Actor
from app.models import (
    Centre,
    ConsentForm,
    Export,
    ExportRelease,
    Grant,
    Hospital,
    Job,
    Letter,
    LetterRecord,
    Mail,
    Mandate,
    Membership,
    MembershipRequest,
    Patient,
    today,
)
from app.premises import premises
from app.services import absences, explanations, handovers, messages
from app.services.jobs import Every, job, report
from app.services.worklist import RENEWALS_DAYS, requests_for
from app.words import ExportState, FormState, JobState, MandateKind, PatientState, ReleaseState, RequestState

REMIND = "reminders.write"
RENEWALS = (RENEWALS_DAYS, 30)
"""Days before a form has to be signed anew."""
LAST_DAYS_OF_A_DRAFT = 3
LETTERS = (7, 14, 21)
"""Days after a patient's letter came."""
RELEASES = (1, 7, 21)
"""Days after an export was asked for."""
REQUESTS = (1, 3, 7)
"""Days after a request for a place was sent; it is to be decided within one."""
UNEXPLAINED = (1, 7, 21)
"""Days after a form was archived that waits for the clinician's word."""
LEAVINGS = (30, 14, 7, 1)
"""Days before the last one of a place that winds down."""
LONGEST_PAUSE = 14
"""Days that are caught up on when the job did not run."""


@job(REMIND, reason="reminders", every=Every.DAY)
def remind(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Write to everybody for whom something came near since the last time."""
    with sight.wide("reminders") as session:
        concerned, deciders = _concerned(session, _last_time(session), today())
        concerned |= absences.standing_in(session, concerned, today())
        deciders |= absences.standing_in(session, deciders, today())
    for done, person_id in enumerate(sorted(concerned | deciders), start=1):
        _write(person_id, for_requests=person_id not in concerned)
        report(done, len(concerned | deciders))


def _last_time(session: Session) -> dt.date:
    """The last day this was done."""
    done = select(func.max(Job.due_at)).where(Job.kind == REMIND, Job.state == JobState.DONE)
    found, yesterday = session.scalar(done), today() - dt.timedelta(days=1)
    if found is None:
        return yesterday
    return max(min(found.date(), yesterday), today() - dt.timedelta(days=LONGEST_PAUSE))


# --- who is concerned ------------------------------------------------------------------------------------------------


def _concerned(session: Session, since: dt.date, on: dt.date) -> tuple[set[int], set[int]]:
    """For whom something fell due after ``since`` and until ``on``; and who may have to decide on an old request."""

    def comes(column: Any, days: int) -> ColumnElement[bool]:
        """Whether a date lies this many days ahead (or back, if negative) of one of these days."""
        ahead = dt.timedelta(days=days)
        return and_(column > since + ahead, column <= on + ahead)

    due = union(_of_renewals(comes), _of_drafts(comes), _of_releases(since, on), _of_leavings(comes)).subquery()
    clinicians = select(due.c[0])
    helpers = select(Grant.assistant_id).where(Grant.clinician_id.in_(clinicians), actors.in_force(Grant.__table__, on))
    concerned = union(
        clinicians, helpers, _of_letters(comes, on), _of_unexplained(since, on), _of_departures(comes, on)
    )
    return set(session.scalars(concerned)), set(session.scalars(_of_requests(since, on)))


def _of_renewals(comes: Any) -> Select[Any]:
    near = or_(*(comes(ConsentForm.renewal_due_on, days) for days in RENEWALS))
    return select(Patient.clinician_id).join(ConsentForm).where(ConsentForm.state == FormState.ARCHIVED, near)


def _of_drafts(comes: Any) -> Select[Any]:
    near = or_(*(comes(Patient.draft_ends_on, days) for days in (_days_of_a_draft(), LAST_DAYS_OF_A_DRAFT)))
    return select(Patient.clinician_id).where(Patient.state == PatientState.DRAFT, near)


def _soon(comes: Any) -> ColumnElement[bool]:
    """The place, its centre or its hospital winds down, and its last day is near."""
    near = ((one.leaving_on.is_not(None), or_(*(comes(one.to_on, days) for days in LEAVINGS))) for _name, one in PLACES)
    return or_(*(and_(*one) for one in near))


def _of_leavings(comes: Any) -> Select[Any]:
    return select(Membership.person_id).join(Centre).join(Hospital).where(Membership.ended_at.is_(None), _soon(comes))


def _of_departures(comes: Any, on: dt.date) -> Select[Any]:
    """Who represents a hospital some of whose people leave."""
    hospitals = select(Centre.hospital_id).join(Membership, Membership.centre_id == Centre.id).join(Hospital)
    there = Mandate.hospital_id.in_(hospitals.where(Membership.ended_at.is_(None), _soon(comes)))
    represents = Mandate.kind == MandateKind.HOSPITAL_REPRESENTATIVE
    return select(Mandate.person_id).where(represents, there, actors.in_force(Mandate.__table__, on))


def _days_of_a_draft() -> int:
    """How many days a draft still has on the day Home begins to remind of its form."""
    settings = premises().settings
    return int(settings["DRAFT_DAYS"] - settings["REMIND_DAYS"])


def _of_letters(comes: Any, on: dt.date) -> Select[Any]:
    came = or_(*(comes(Letter.received_on, -days) for days in LETTERS))
    hospitals = select(Letter.hospital_id).where(came, Letter.id.in_(_unanswered()), Letter.open_until >= on)
    contact = Mandate.kind == MandateKind.DATA_PROTECTION_CONTACT
    there = Mandate.hospital_id.in_(hospitals)
    return select(Mandate.person_id).where(contact, there, actors.in_force(Mandate.__table__, on))


def _unanswered() -> Select[Any]:
    return select(LetterRecord.letter_id).where(LetterRecord.outcome.is_(None))


def _of_releases(since: dt.date, on: dt.date) -> Select[Any]:
    waits = (ExportRelease.state == ReleaseState.ASKED, Export.state == ExportState.RELEASING)
    return select(ExportRelease.person_id).join(Export).where(*waits, _ago(Export.asked_at, RELEASES, since, on))


def _of_unexplained(since: dt.date, on: dt.date) -> Select[Any]:
    return select(ConsentForm.explained_by_id).where(
        explanations.WAITS,
        ConsentForm.explained_by_id.is_not(None),
        _ago(ConsentForm.archived_at, UNEXPLAINED, since, on),
    )


def _of_requests(since: dt.date, on: dt.date) -> Select[Any]:
    """Who represents a hospital somebody asks for, and every coordinator: what waits for each their rights count."""
    old = _ago(MembershipRequest.submitted_at, REQUESTS, since, on)
    waits = and_(old, MembershipRequest.state.in_([RequestState.AT_HOSPITAL, RequestState.AT_NETWORK]))
    hospitals = select(MembershipRequest.hospital_id).where(waits, MembershipRequest.hospital_id.is_not(None))
    some = select(MembershipRequest.id).where(waits).limit(1).scalar_subquery().is_not(None)
    represents = and_(
        Mandate.kind == MandateKind.HOSPITAL_REPRESENTATIVE, Mandate.hospital_id.in_(hospitals.correlate(None))
    )
    coordinates = and_(Mandate.kind == MandateKind.ERN_COORDINATOR, some)
    in_force = actors.in_force(Mandate.__table__, on)
    return select(Mandate.person_id).where(or_(represents, coordinates), in_force)


def _ago(moment: Any, after: tuple[int, ...], since: dt.date, on: dt.date) -> ColumnElement[bool]:
    """Whether a moment lies one of these numbers of days back, on a day after ``since`` and until ``on``."""
    windows = []
    for days in after:
        first, last = (dt.datetime.combine(day - dt.timedelta(days=days - 1), dt.time(), dt.UTC) for day in (since, on))
        windows.append(and_(moment >= first, moment < last))
    return or_(*windows)


# --- what each one is told -------------------------------------------------------------------------------------------


def _write(person_id: int, *, for_requests: bool) -> None:
    """Write one person's digest of today, unless it is written, or nothing waits that the person may see.

    Args:
        person_id: to whom.
        for_requests: an old request alone is the reason, of whatever network: no mail unless this person decides on one.
    """
    slot = f"digest {person_id} {today():%Y-%m-%d}"
    with sight.wide("reminders") as session, suppress(IntegrityError):
        if session.scalar(select(Mail.id).where(Mail.slot == slot)) is not None:
            return
        facts = counts(session, actors.load(session, person_id, "job"))
        session.rollback()
        if facts["requests"] if for_requests else any(facts.values()):
            session.connection(execution_options={"writes": True})
            messages.post(person_id, "digest", facts, slot=slot, session=session)
            session.commit()


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How much waits for a person: what the digest says.

    Args:
        session: a wide one; the actor's rights are in each clause.
        actor: with the person's rights of today.
    """
    near, late = actor.on + dt.timedelta(days=RENEWALS_DAYS), actor.on + dt.timedelta(days=_days_of_a_draft())
    waits = {
        "renewals": (
            ConsentForm,
            "consent.open",
            and_(ConsentForm.state == FormState.ARCHIVED, ConsentForm.renewal_due_on <= near),
        ),
        "drafts": (Patient, "patient.open", and_(Patient.state == PatientState.DRAFT, Patient.draft_ends_on <= late)),
        "unexplained": (ConsentForm, "consent.confirm-explained", explanations.WAITS),
        "handovers": (Patient, "handover.propose", handovers.left_on(actor.on)),
        "requests": (MembershipRequest, "request.open", requests_for(actor)),
        "letters": (Letter, "letter.open", and_(Letter.id.in_(_unanswered()), Letter.open_until >= actor.on)),
        "releases": (
            ExportRelease,
            "export_release.open",
            and_(
                ExportRelease.state == ReleaseState.ASKED,
                ExportRelease.export_id.in_(select(Export.id).where(Export.state == ExportState.RELEASING)),
            ),
        ),
    }
    return {
        name: session.scalar(select(func.count(table.id)).where(where, rights.right(actor, act))) or 0
        for name, (table, act, where) in waits.items()
    }
