"""Texts that change what is done with the data: which forms they reach, and from which day those are due for renewal.

A standard text declares it in its own source (``outside.paper.texts``), a hospital's text in its proposal; no program
guesses it. The change is noted with the act that publishes or accepts the text; a job then goes through the forms, each
an act of its own. What is done is found by looking (``text_reach``), so a job that was killed goes on where it stood.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import ConsentForm, ConsentText, OwnText, TextChange, db, now, today
from app.services import days, jobs, renewals, text_reach
from app.services.jobs import job
from app.words import Procedure, Renews, Variant

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


def of_retirement(own: OwnText, what: str) -> TextChange:
    """The change a hospital's text makes by being retired: who signed on it signs the standard text from today on."""
    return TextChange(
        hospital_id=own.hospital_id,
        procedure=Procedure.EU,
        language=own.language,
        variant=own.variant,
        since=now(),
        due_on=days.day_at(own.hospital),
        what=what,
        retired_text_id=own.id,
        declared_at=now(),
    )


def of_standard(text: ConsentText, *, changed: str, due_on: dt.date | None) -> TextChange | None:
    """The change a standard text makes that is being published, beside what is printed today.

    ``None`` where the purposes are not others, and where nobody will print it: an authoritative text is installed.
    """
    printed = standard_text(text.procedure, text.language, text.variant)
    if printed is None or printed.purposes >= text.purposes:
        return None
    if printed.source is not None and text.source is None:
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


def standard_text(procedure: Procedure, language: str, variant: Variant) -> ConsentText | None:
    """The standard text that is printed today: one that was installed stands before every shipped one."""
    statement = select(ConsentText).where(
        ConsentText.procedure == procedure,
        ConsentText.language == language,
        ConsentText.variant == variant,
        ConsentText.hospital_id.is_(None),
    )
    newest = (ConsentText.source.is_(None), ConsentText.published_at.desc(), ConsentText.id.desc())
    return db.session.scalars(statement.order_by(*newest).limit(1)).first()


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


def of(own: OwnText) -> TextChange | None:
    """The change a text made by being accepted."""
    return db.session.scalars(select(TextChange).where(TextChange.own_text_id == own.id)).first()


def waiting_after(own: OwnText) -> TextChange | None:
    """A change of the same hospital with a later day than today: who signs ``own`` before it signs anew then."""
    reaching = or_(
        TextChange.language.is_(None), and_(TextChange.language == own.language, TextChange.variant == own.variant)
    )
    waits = (
        TextChange.hospital_id == own.hospital_id,
        TextChange.due_on > days.day_at(own.hospital),
        TextChange.taken_back_at.is_(None),
    )
    return db.session.scalars(select(TextChange).where(*waits, reaching).order_by(TextChange.due_on)).first()


def of_standard_since(own: OwnText) -> list[TextChange]:
    """What the standard text of the same language has declared since an own text was proposed; nothing if it never was."""
    if own.proposed_at is None:
        return []
    declared = select(TextChange).where(
        TextChange.hospital_id.is_(None),
        TextChange.procedure == Procedure.EU,
        TextChange.language == own.language,
        TextChange.variant == own.variant,
        TextChange.declared_at >= own.proposed_at,
    )
    return list(db.session.scalars(declared.order_by(TextChange.id)).unique())


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
        return (
            session.scalar(
                select(func.count()).select_from(ConsentForm).where(text_reach.reached(change), text_reach.counts())
            )
            or 0
        )


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
    found = select(ConsentForm.id).where(ConsentForm.id == form.id, text_reach.reached(change))
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
    keys = [] if change is None else list(db.session.scalars(text_reach.left(change)))
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
    return [
        change
        for change in session.scalars(old).unique()
        if session.scalar(text_reach.left(change).limit(1)) is not None
    ]
