"""The published texts of the forms: which there are, and which one a form prepared now has.

A published text is a row that never changes; its source is ``app/consent_templates``, composed by ``outside.paper``.
"""

from __future__ import annotations

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.models import ConsentText, Patient, db, now
from app.outside import paper
from app.words import Procedure, Variant


@act("text.publish", creates=ConsentText)
def publish(_actor: Actor, _none: object, *, text: paper.ComposedText) -> ConsentText:
    """Store a composed text for ever; forms printed from it pin this row."""
    return ConsentText(
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
    )


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
    """The languages a form can have: the last used first, then the country's, then the others by code."""
    statement = select(ConsentText.language).where(ConsentText.procedure == patient.procedure).distinct()
    codes = set(db.session.scalars(statement))
    wished = [last_used] if last_used else []
    wished += patient.hospital.country.languages.split(",")
    first = [code for code in dict.fromkeys(wished) if code in codes]
    return first + sorted(codes - set(first))


def latest_text(patient: Patient, language: str, variant: Variant) -> ConsentText | None:
    """The text a form prepared now would have."""
    statement = select(ConsentText).where(
        ConsentText.procedure == patient.procedure, ConsentText.language == language, ConsentText.variant == variant
    )
    return db.session.scalars(
        statement.order_by(ConsentText.published_at.desc(), ConsentText.id.desc()).limit(1)
    ).first()
