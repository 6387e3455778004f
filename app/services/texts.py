"""The published texts of the forms: which there are, and which one a form prepared now has.

A published text is a row that never changes; its source is ``app/consent_templates``, composed by ``outside.paper``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import or_, select

from app.act import act
from app.actors import Actor
from app.models import ConsentText, Hospital, OwnText, Patient, db, now
from app.outside import paper
from app.services import days, text_changes
from app.words import Procedure, Variant


@act("text.publish", creates=ConsentText)
def publish(
    actor: Actor,
    of: object,
    *,
    text: paper.ComposedText,
    hospital_id: int | None = None,
    source: str | None = None,
    source_sha256: str | None = None,
) -> ConsentText:
    """Store a composed text for ever; forms printed from it pin this row. With a hospital it is that one's own.

    A standard text that declares other purposes than the ones before makes the forms signed on those due for renewal.
    """
    stored = ConsentText(
        procedure=Procedure(text.procedure),
        language=text.language,
        variant=Variant(text.variant),
        text_version=text.version,
        title=text.title,
        html=text.html,
        css=text.css,
        fonts=dict(text.fonts),
        sha256=text.sha256,
        published_at=now(),
        hospital_id=hospital_id,
        source=source,
        source_sha256=source_sha256,
        purposes=text.purposes,
    )
    change = text_changes.of_standard(stored, changed=text.changed, due_on=text.due_on) if hospital_id is None else None
    if change is not None:
        text_changes.declare(actor, of, change=change)
    return stored


def publish_new(actor: Actor) -> int:
    """Store each shipped text that is not stored yet. Gives how many."""
    stored = set(db.session.scalars(select(ConsentText.sha256)))
    shipped = [
        paper.compose(procedure, language, variant)
        for procedure in paper.PROCEDURES
        for language in paper.languages(procedure)
        for variant in paper.VARIANTS
    ]
    new = [text for text in shipped if text.sha256 not in stored]
    for text in new:
        publish(actor, None, text=text)
    return len(new)


def offered_languages(patient: Patient, last_used: str | None) -> list[str]:
    """The languages a patient's form can have: the last used first, then the country's, then the others by code."""
    return languages_at(patient.hospital, patient.procedure, last_used)


def languages_at(hospital: Hospital, procedure: Procedure, last_used: str | None) -> list[str]:
    """The same for the forms of a hospital."""
    standard = ConsentText.procedure == procedure, ConsentText.hospital_id.is_(None)
    codes = set(db.session.scalars(select(ConsentText.language).where(*standard).distinct()))
    codes |= {own.language for own in own_texts_in_force(hospital, procedure)}
    wished = [last_used] if last_used else []
    wished += hospital.country.languages.split(",")
    first = [code for code in dict.fromkeys(wished) if code in codes]
    return first + sorted(codes - set(first))


def latest_text(hospital: Hospital, procedure: Procedure, language: str, variant: Variant) -> ConsentText | None:
    """The text a form prepared now would have: the hospital's own in force, else the standard.

    An authoritative text that was installed once stands before every shipped one.
    """
    for own in own_texts_in_force(hospital, procedure):
        if (own.language, own.variant) == (language, variant):
            return own.text
    return text_changes.standard_text(procedure, language, variant)


def own_texts_in_force(hospital: Hospital, procedure: Procedure) -> list[OwnText]:
    """The own texts that count today at a hospital, at most one for a language and variant.

    It is the one that began to count last; where that one is retired, there is none and the standard counts.
    """
    if procedure is not Procedure.EU:
        return []
    return in_force_at(hospital, days.day_at(hospital))


def in_force_at(hospital: Hospital, day: dt.date) -> list[OwnText]:
    """The same for a hospital and a day."""
    began = (
        select(OwnText)
        .where(
            OwnText.hospital_id == hospital.id,
            OwnText.counts_from <= day,
            or_(OwnText.retired_on.is_(None), OwnText.retired_on >= OwnText.counts_from),
        )
        .order_by(OwnText.counts_from, OwnText.id)
    )
    last = {(own.language, own.variant): own for own in db.session.scalars(began).unique()}
    return [own for own in last.values() if own.retired_on is None]
