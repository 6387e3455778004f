"""Open work: what waits for a person, in the order one would do it. The words and links are the page's."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import joinedload

import config
from app import rights
from app.actors import Actor, able_mandates, in_force
from app.models import (
    Authorisation,
    Centre,
    ConsentForm,
    Country,
    Export,
    ExportRelease,
    Hospital,
    LetterRecord,
    MembershipRequest,
    OwnText,
    Patient,
    PrintRun,
    RequestConfirmation,
    Stack,
    db,
    now,
)
from app.premises import premises
from app.services import explanations, own_texts
from app.words import (
    OPEN_FORMS,
    ConfirmationState,
    ExportState,
    FormState,
    MandateKind,
    OwnTextState,
    PatientState,
    ReleaseState,
    RequestState,
    RunState,
    StackState,
)

SHOWN = 10
TOLD_DAYS = 30
"""How long Home tells what the data-protection contact did."""
MOST_TEXTS = 60
RENEWALS_DAYS = 90
RENEW_DAYS = 60
UNDER_WAY = (*OPEN_FORMS, FormState.ARCHIVED)  # archived: refused


def forms(actor: Actor, state: FormState) -> list[ConsentForm]:
    """The oldest open forms in a state, of the patients one treats or whose clinician one assists."""
    oldest = (  # the patients are joined to these few, not to all that are open
        select(ConsentForm.id)
        .where(ConsentForm.state == state, rights.right(actor, "consent.open"))
        .order_by(ConsentForm.id)
        .limit(SHOWN)
        .subquery()
    )
    statement = select(ConsentForm).join(oldest, oldest.c.id == ConsentForm.id).order_by(ConsentForm.id)
    return list(db.session.scalars(statement.options(joinedload(ConsentForm.patient))).unique())


def to_check(actor: Actor) -> list[ConsentForm]:
    """Papers from elsewhere that somebody else filed and that wait for a second person, the oldest first."""
    oldest = (
        select(ConsentForm.id)
        .where(ConsentForm.state == FormState.TO_CHECK, rights.right(actor, "consent.confirm"))
        .order_by(ConsentForm.id)
        .limit(SHOWN)
        .subquery()
    )
    statement = select(ConsentForm).join(oldest, oldest.c.id == ConsentForm.id).order_by(ConsentForm.id)
    load = joinedload(ConsentForm.patient), joinedload(ConsentForm.filed_by), joinedload(ConsentForm.explained_by)
    return list(db.session.scalars(statement.options(*load)).unique())


def unexplained(actor: Actor) -> list[ConsentForm]:
    """Archived forms that wait for this clinician's word that they explained them, the oldest first."""
    oldest = (
        select(ConsentForm.id)
        .where(explanations.WAITS, rights.right(actor, "consent.confirm-explained"))
        .order_by(ConsentForm.id)
        .limit(SHOWN)
        .subquery()
    )
    statement = select(ConsentForm).join(oldest, oldest.c.id == ConsentForm.id).order_by(ConsentForm.id)
    return list(db.session.scalars(statement.options(joinedload(ConsentForm.patient))).unique())


def unexplained_count(actor: Actor) -> int:
    """How many they are."""
    mine = explanations.WAITS, rights.right(actor, "consent.confirm-explained")
    return db.session.scalar(select(func.count(ConsentForm.id)).where(*mine)) or 0


def stacks(actor: Actor) -> list[Stack]:
    """One's own stacks of scans that wait to be confirmed, the oldest first."""
    waits = Stack.state == StackState.READY
    return _some(select(Stack).where(rights.right(actor, "stack.open"), waits).order_by(Stack.id))


def prints(actor: Actor) -> list[PrintRun]:
    """What one had printed at once and can still fetch, or waits for, the oldest first."""
    waits = or_(PrintRun.state == RunState.ASKED, (PrintRun.state == RunState.READY) & (PrintRun.ends_at > now()))
    return _some(select(PrintRun).where(rights.right(actor, "print_run.open"), waits).order_by(PrintRun.id))


def is_late(form: ConsentForm, on: dt.date) -> bool:
    """Whether a printed form should have come back by now."""
    days = dt.timedelta(days=premises().settings["REMIND_DAYS"])
    return form.printed_at is not None and form.printed_at.date() + days <= on


def drafts(actor: Actor) -> list[Patient]:
    """Drafts for which no form is under way."""
    form = ConsentForm.__table__.alias()
    under_way = (  # of the patient at hand: the forms of all patients are many
        select(form.c.id)
        .where(form.c.patient_id == Patient.id, form.c.state.in_(UNDER_WAY))
        .correlate(Patient)
        .limit(1)
        .scalar_subquery()
    )
    statement = select(Patient).where(
        Patient.state == PatientState.DRAFT, rights.right(actor, "patient.open"), under_way.is_(None)
    )
    return list(db.session.scalars(statement.order_by(Patient.id).limit(SHOWN)))


def waiting(actor: Actor) -> list[Patient]:
    """Records whose care consent was withdrawn and that wait to be erased or kept, the first to be erased first."""
    statement = select(Patient).where(Patient.erase_on.is_not(None), rights.right(actor, "patient.open"))
    return list(db.session.scalars(statement.order_by(Patient.erase_on, Patient.id).limit(SHOWN)))


def renewals(actor: Actor) -> list[ConsentForm]:
    """Forms in force that somebody else has to sign soon, or should have signed, the first due first."""
    soonest = (
        select(ConsentForm.id)
        .where(
            ConsentForm.state == FormState.ARCHIVED,
            ConsentForm.renewal_due_on <= actor.on + dt.timedelta(days=RENEWALS_DAYS),
            rights.right(actor, "consent.open"),
        )
        .order_by(ConsentForm.renewal_due_on, ConsentForm.id)
        .limit(SHOWN)
        .subquery()
    )
    statement = select(ConsentForm).join(soonest, soonest.c.id == ConsentForm.id)
    statement = statement.order_by(ConsentForm.renewal_due_on, ConsentForm.id)
    both = (joinedload(ConsentForm.patient), joinedload(ConsentForm.text_change))
    return list(db.session.scalars(statement.options(*both)).unique())


def obeyed(actor: Actor) -> list[LetterRecord]:
    """What the data-protection contact did of late with records one treats, because of a letter."""
    mine = select(Patient.id).where(rights.right(actor, "patient.open"))
    return _obeyed(LetterRecord.patient_id.in_(mine))


def obeyed_in_hospital(actor: Actor) -> list[LetterRecord]:
    """The same in the hospitals one represents; whose record it is stays hidden."""
    mine = select(Hospital.id).where(rights.right(actor, "authorisation.add"))
    return _obeyed(LetterRecord.hospital_id.in_(mine))


def _obeyed(mine: ColumnElement[bool]) -> list[LetterRecord]:
    lately = LetterRecord.answered_at > now() - dt.timedelta(days=TOLD_DAYS)
    statement = select(LetterRecord).where(lately, mine).order_by(LetterRecord.answered_at.desc()).limit(SHOWN)
    both = (joinedload(LetterRecord.patient), joinedload(LetterRecord.hospital))
    return list(db.session.scalars(statement.options(*both)).unique())


def authorisations(actor: Actor) -> list[tuple[Hospital, dt.date | None]]:
    """Hospitals one represents whose authorisation is missing or ends soon, with its last day."""
    granted = Authorisation.__table__.alias()
    last = (
        select(func.max(granted.c.to_on))
        .where(granted.c.hospital_id == Hospital.id, in_force(granted, actor.on))
        .correlate(Hospital)
        .scalar_subquery()
    )
    soon = actor.on + dt.timedelta(days=RENEW_DAYS)
    statement = (
        select(Hospital, last)
        .where(rights.right(actor, "authorisation.add"), (last.is_(None)) | (last < soon))
        .order_by(Hospital.name)
    )
    return [(hospital, day) for hospital, day in db.session.execute(statement.limit(SHOWN)).unique()]


def releases(actor: Actor) -> list[ExportRelease]:
    """What waits to be released by a clinician, by whom an assistant serves, or instead of who has left."""
    waits = select(Export.id).where(Export.state == ExportState.RELEASING)
    statement = select(ExportRelease).where(
        ExportRelease.state == ReleaseState.ASKED,
        ExportRelease.export_id.in_(waits),
        rights.right(actor, "export_release.open"),
    )
    both = (joinedload(ExportRelease.person), joinedload(ExportRelease.hospital))
    return _some(statement.order_by(ExportRelease.id).options(*both))


def exports(actor: Actor) -> list[Export]:
    """Exports of one's hospital whose file is to be fetched, or whose passphrase is to be read."""
    mine = or_(
        and_(Export.state == ExportState.TO_FETCH, rights.right(actor, "export.fetch")),
        and_(Export.sealed_passphrase.is_not(None), rights.right(actor, "export.take-passphrase")),
    )
    return _some(select(Export).where(mine).order_by(Export.id).options(joinedload(Export.hospital)))


def texts_to_decide(actor: Actor) -> list[OwnText]:
    """Hospitals' own texts that wait for one's decision, the oldest first."""
    waits = OwnText.state == OwnTextState.PROPOSED, rights.right(actor, "own_text.accept")
    return _texts(select(OwnText).where(*waits).order_by(OwnText.proposed_at))


def texts_to_write(actor: Actor) -> list[OwnText]:
    """Drafts of the hospitals one represents: begun, or sent back."""
    waits = OwnText.state == OwnTextState.DRAFT, rights.right(actor, "own_text.write")
    return _texts(select(OwnText).where(*waits).order_by(OwnText.written_at))


def texts_outdated(actor: Actor) -> list[OwnText]:
    """Texts in force whose standard text has changed since."""
    counts = OwnText.state == OwnTextState.ACCEPTED, rights.right(actor, "own_text.retire")
    found = _texts(select(OwnText).where(*counts).order_by(OwnText.id.desc()), most=MOST_TEXTS)
    return [own for own in found if own_texts.is_in_force(own) and own_texts.has_changed(own)][:SHOWN]


def _texts(statement: Select[Any], most: int = SHOWN) -> list[OwnText]:
    statement = statement.options(joinedload(OwnText.hospital).joinedload(Hospital.country)).limit(most)
    return list(db.session.scalars(statement).unique())


def requests_for(actor: Actor) -> ColumnElement[bool]:
    """The requests for a place that wait for this person: to confirm for the hospital, to decide, to vouch for."""
    asked = select(RequestConfirmation.request_id).where(
        RequestConfirmation.state == ConfirmationState.ASKED, rights.right(actor, "request_confirmation.give")
    )
    at_hospital, at_network = RequestState.AT_HOSPITAL, (RequestState.AT_HOSPITAL, RequestState.AT_NETWORK)
    return or_(
        and_(MembershipRequest.state == at_hospital, rights.right(actor, "request.confirm")),
        and_(MembershipRequest.state.in_(at_network), rights.right(actor, "request.accept")),
        and_(MembershipRequest.state.in_([RequestState.AT_HOST, *at_network]), MembershipRequest.id.in_(asked)),
    )


def requests(actor: Actor) -> list[MembershipRequest]:
    """These requests, the oldest first."""
    waits = select(MembershipRequest).where(requests_for(actor))
    load = (
        joinedload(MembershipRequest.hospital),
        joinedload(MembershipRequest.centre).joinedload(Centre.network),
    )
    return _some(waits.order_by(MembershipRequest.submitted_at, MembershipRequest.id).options(*load))


def own_requests(actor: Actor) -> list[MembershipRequest]:
    """One's own requests that are not decided; the last one also when it was refused and nothing else is asked for."""
    mine = select(MembershipRequest).where(MembershipRequest.person_id == actor.user_id)
    load = (joinedload(MembershipRequest.hospital), joinedload(MembershipRequest.centre).joinedload(Centre.network))
    found = _some(mine.order_by(MembershipRequest.id.desc()).options(*load))
    over = (RequestState.ACCEPTED, RequestState.REFUSED, RequestState.WITHDRAWN)
    waiting = [one for one in found if one.state not in over]
    return waiting or [one for one in found[:1] if one.state is RequestState.REFUSED]


def requests_count(actor: Actor) -> int:
    """How many they are."""
    return db.session.scalar(select(func.count(MembershipRequest.id)).where(requests_for(actor))) or 0


def unrepresented(actor: Actor) -> list[Hospital]:
    """Hospitals of one's network that nobody represents who can sign in."""
    m = able_mandates(actor.on).subquery()
    there = (m.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE, m.c.hospital_id.is_not(None))
    represented = select(m.c.hospital_id).where(*there)
    statement = select(Hospital).where(
        rights.right(actor, "mandate.appoint-representative"),
        in_force(Hospital.__table__, actor.on),
        Hospital.id.not_in(represented),
    )
    return _some(statement.order_by(Hospital.name))


def unchecked_countries(actor: Actor) -> list[Country]:
    """Countries with hospitals whose ages and authority nobody has checked."""
    hospital = Hospital.__table__.alias()
    used = select(hospital.c.country_id).where(in_force(hospital, actor.on))
    return _some(
        select(Country).where(rights.right(actor, "country.amend"), Country.checked.is_(False), Country.id.in_(used))
    )


def empty_settings() -> list[str]:
    """Settings of the operator without which no form prints."""
    return [name for name in config.OPERATOR if not premises().settings[name]]


def _some(statement: Select[Any]) -> list[Any]:
    return list(db.session.scalars(statement.limit(SHOWN)).unique())
