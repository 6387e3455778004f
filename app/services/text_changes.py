"""Texts that change what is done with the data: which forms they reach, and from which day those are due for renewal.

A standard text declares it in its own source (``outside.paper.texts``), a hospital's text in its proposal; no program
guesses it. The change is noted with the act that publishes or accepts the text; a job then goes through the forms, each
an act of its own. What is done is found by looking, so a job that was killed goes on where it stood.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import ConsentDecision, ConsentForm, ConsentText, OwnText, Patient, TextChange, db, now, today
from app.services import days, jobs, renewals
from app.services.jobs import job
from app.words import Answer, FormState, PatientState, Procedure, Purpose, Renews

SPREADING = "text_changes.spread"
TOLD_EVERY = 100
"""Forms between two words of how far the job has come."""
TELLING = (
    "why_shared",
    "what_shared",
    "what_not_shared",
    "recipients",
    "outside_eea",
    "purposes",
    "education",
    "retention",
)
"""The points of a text that say what is done with the data."""
GRACE = dt.timedelta(days=1)


# --- declared ---------------------------------------------------------------------------------------------------------


def of_own_text(own: OwnText, counts_from: dt.date) -> TextChange | None:
    """The change a hospital's own text would make if it counted from a day; ``None`` where only its words differ."""
    if own.renews is Renews.NOBODY:
        return None
    everybody = own.renews is Renews.EVERYBODY
    midnight = dt.datetime.combine(counts_from, dt.time(), days.zone(own.hospital.country.code))
    return TextChange(
        hospital_id=own.hospital_id,
        procedure=Procedure.EU,
        language=None if everybody else own.language,
        variant=None if everybody else own.variant,
        since=max(now(), midnight.astimezone(dt.UTC)),
        due_on=counts_from,
        what=own.renews_because or "",
        own_text_id=own.id,
        declared_at=now(),
    )


def of_standard(text: ConsentText, *, changed: str, due_on: dt.date | None) -> TextChange | None:
    """The change a standard text makes that is being published; ``None`` where no earlier one had other purposes."""
    earlier = select(func.max(ConsentText.purposes)).where(
        ConsentText.procedure == text.procedure,
        ConsentText.language == text.language,
        ConsentText.variant == text.variant,
        ConsentText.hospital_id.is_(None),
    )
    stored = db.session.scalar(earlier)
    if stored is None or stored >= text.purposes:
        return None
    return TextChange(
        procedure=text.procedure,
        language=text.language,
        variant=text.variant,
        since=text.published_at,
        due_on=max(today(), due_on or today()),
        what=changed,
        text=text,
        declared_at=now(),
    )


@act("text_change.declare", creates=TextChange)
def declare(_actor: Actor, _of: object, *, change: TextChange) -> TextChange:
    """Note that a text changes what is done with the data; a job goes through the forms it reaches."""
    change.public_id = uuid.uuid4().hex  # the job that is asked for names it before it is stored
    ask(change.public_id)
    return change


@act("text_change.take-back")
def take_back(_actor: Actor, change: TextChange) -> None:
    """The text was retired before its day: the forms keep the days they had."""
    change.taken_back_at = now()
    ask(change.public_id)


# --- which forms it reaches -------------------------------------------------------------------------------------------


def reached(change: TextChange) -> ColumnElement[bool]:
    """The forms signed on a text before the change, in whatever state.

    A change of the standard reaches forms of standard texts; a hospital's reaches what its patients signed before: on its
    own text or the standard, in all languages also on paper from elsewhere.
    """
    printed = and_(ConsentForm.text_id.is_not(None), ConsentForm.prepared_at < change.since)
    parts = [ConsentForm.procedure == change.procedure]
    if change.hospital_id is None:
        standard = aliased(ConsentText)
        parts.append(ConsentForm.text_id.in_(select(standard.id).where(standard.hospital_id.is_(None))))
    else:
        parts.append(ConsentForm.hospital_id == change.hospital_id)
    if change.language is None:
        elsewhere = and_(ConsentForm.text_id.is_(None), ConsentForm.signed_on < change.due_on)
        return and_(*parts, or_(printed, elsewhere))
    return and_(*parts, printed, ConsentForm.language == change.language, ConsentForm.variant == change.variant)


def left(change: TextChange) -> Select[int]:
    """Keys of the archived forms the change has still to be written into, or out of."""
    if change.taken_back_at is not None:
        return select(ConsentForm.id).where(ConsentForm.text_change_id == change.id, _counts())
    earlier = aliased(TextChange)
    noted = select(earlier.id).where(earlier.due_on <= change.due_on, earlier.taken_back_at.is_(None))
    fresh = or_(ConsentForm.text_change_id.is_(None), ConsentForm.text_change_id.not_in(noted))
    return select(ConsentForm.id).where(reached(change), _counts(), fresh).order_by(ConsentForm.id)


def _counts() -> ColumnElement[bool]:
    """Archived with a yes to care, of a record that is not over; a restricted one may be lifted again."""
    yes = select(ConsentDecision.form_id).where(
        ConsentDecision.purpose == Purpose.CARE, ConsentDecision.answer == Answer.GIVEN
    )
    over = select(Patient.id).where(Patient.state.in_([PatientState.ERASED, PatientState.CLOSED]))
    return and_(ConsentForm.state == FormState.ARCHIVED, ConsentForm.id.in_(yes), ConsentForm.patient_id.not_in(over))


def of(own: OwnText) -> TextChange | None:
    """The change an accepted text has made."""
    return db.session.scalars(select(TextChange).where(TextChange.own_text_id == own.id)).first()


def touched(own: OwnText) -> list[str]:
    """The points about what is done with the data whose words are not those of the version before, or of the standard.

    A hint for whoever decides; what the proposal says counts.
    """
    before = select(OwnText.content).where(
        OwnText.hospital_id == own.hospital_id,
        OwnText.language == own.language,
        OwnText.variant == own.variant,
        OwnText.number < own.number,
        OwnText.counts_from.is_not(None),
    )
    known = db.session.scalar(before.order_by(OwnText.number.desc()).limit(1)) or own.base
    return [name for name in TELLING if own.content.get(f"{name}.body") != known.get(f"{name}.body")]


def how_many(own: OwnText) -> int:
    """How many forms that count today a hospital's own text makes due for renewal, or would if it counted from today."""
    change = of_own_text(own, days.day_at(own.hospital))
    if change is None:
        return 0
    with sight.wide("text-change") as session:
        return session.scalar(select(func.count()).select_from(ConsentForm).where(reached(change), _counts())) or 0


# --- written into the forms ---------------------------------------------------------------------------------------------


def note(form: ConsentForm) -> None:
    """Write the first change that reaches a form into it, and the day on which it is due."""
    same = select(TextChange).where(
        TextChange.procedure == form.procedure,
        TextChange.taken_back_at.is_(None),
        or_(TextChange.hospital_id.is_(None), TextChange.hospital_id == form.hospital_id),
    )
    changes = db.session.scalars(same.order_by(TextChange.due_on, TextChange.id)).unique()
    form.text_change = next((change for change in changes if _reaches(change, form)), None)
    renewals.settle(form)


def _reaches(change: TextChange, form: ConsentForm) -> bool:
    found = select(ConsentForm.id).where(ConsentForm.id == form.id, reached(change))
    return db.session.scalar(found) is not None


@act("consent.set-renewal")
def set_renewal(_actor: Actor, form: ConsentForm) -> None:
    """Write into an archived form that its text has changed, or that it has not after all."""
    note(form)


def ask(key: str) -> None:
    """Have a job go through the forms of a change, once more if need be."""
    jobs.ask(SPREADING, {"change": key})


@job(SPREADING)
def spread(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Go through the forms a change reaches."""
    change = db.session.scalar(select(TextChange).where(TextChange.public_id == payload["change"]))
    keys = [] if change is None else list(db.session.scalars(left(change)))
    for done, key in enumerate(keys, start=1):
        _set(actor, key)
        if done % TOLD_EVERY == 0 or done == len(keys):
            jobs.report(done, len(keys))


def _set(actor: Actor, key: int) -> None:
    try:
        set_renewal(actor, db.session.get_one(ConsentForm, key))
    except WrongStep:
        db.session.rollback()  # replaced or withdrawn meanwhile


def unspread(session: Session) -> list[TextChange]:
    """The changes a job should have written into every form by now: a day is its grace."""
    old = select(TextChange).where(func.coalesce(TextChange.taken_back_at, TextChange.declared_at) < now() - GRACE)
    return [change for change in session.scalars(old).unique() if session.scalar(left(change).limit(1)) is not None]
