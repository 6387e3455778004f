"""Which forms a text that changes what is done with the data reaches, as clauses; the changes are ``text_changes``."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from app.models import ConsentDecision, ConsentForm, ConsentText, OwnText, Patient, TextChange
from app.words import Answer, FormState, PatientState, Purpose


def reached(change: TextChange) -> ColumnElement[bool]:
    """The forms signed on an earlier text than the one of the change, in whatever state.

    Which text a form has says it, not when it was prepared: while a text is being published others still print.
    A change of the standard reaches forms of standard texts with fewer purposes, and of own texts that have given way to
    the standard; a hospital's reaches what its patients signed before: on its own text or the standard, in all languages
    also on paper from elsewhere.
    """
    if change.hospital_id is None:
        return and_(*_same_form(change), _before_standard(change))
    mine = ConsentForm.hospital_id == change.hospital_id
    if change.retired_text_id is not None:
        return and_(*_same_form(change), mine, _on_retired(change))
    if change.language is not None:
        return and_(*_same_form(change), mine, _before_own_text(change))
    printed = and_(ConsentForm.text_id.is_not(None), ConsentForm.prepared_at < change.since)
    elsewhere = and_(ConsentForm.text_id.is_(None), ConsentForm.signed_on < change.due_on)
    return and_(ConsentForm.procedure == change.procedure, mine, or_(printed, elsewhere))


def _same_form(change: TextChange) -> tuple[ColumnElement[bool], ...]:
    return (
        ConsentForm.procedure == change.procedure,
        ConsentForm.language == change.language,
        ConsentForm.variant == change.variant,
    )


def _before_standard(change: TextChange) -> ColumnElement[bool]:
    """On a standard text with fewer purposes, or on a hospital's own where none counted on the day of the change."""
    text, new, own, began = aliased(ConsentText), aliased(ConsentText), aliased(OwnText), aliased(OwnText)
    declared = select(new.purposes).where(new.id == change.text_id).scalar_subquery()
    standard = select(text.id).where(text.hospital_id.is_(None), text.purposes < declared)
    day = change.since.date()
    last = func.row_number().over(partition_by=began.hospital_id, order_by=(began.counts_from.desc(), began.id.desc()))
    begun = (
        select(began.hospital_id, began.retired_on, last.label("place"))
        .where(
            began.language == change.language,
            began.variant == change.variant,
            began.counts_from <= day,
            or_(began.retired_on.is_(None), began.retired_on >= began.counts_from),
        )
        .subquery()
    )
    stands = or_(begun.c.retired_on.is_(None), begun.c.retired_on > day)
    counting = select(begun.c.hospital_id).where(begun.c.place == 1, stands)
    earlier = select(own.text_id).where(own.text_id.is_not(None), own.counts_from <= day)
    given_way = and_(ConsentForm.text_id.in_(earlier), ConsentForm.hospital_id.not_in(counting))
    return or_(ConsentForm.text_id.in_(standard), given_way)


def _before_own_text(change: TextChange) -> ColumnElement[bool]:
    """On an own text that counted earlier, or on a standard text, unless it was printed again since: that one is retired."""
    text, later, own = aliased(ConsentText), aliased(OwnText), aliased(OwnText)
    printed_now = or_(
        later.counts_from > change.due_on,
        and_(later.counts_from == change.due_on, later.id >= change.own_text_id),
    )
    as_late = select(later.text_id).where(later.text_id.is_not(None), later.hospital_id == change.hospital_id)
    standard = select(text.id).where(text.hospital_id.is_(None))
    in_use = select(own.hospital_id).where(own.id == change.own_text_id, own.retired_on.is_(None))
    return and_(
        ConsentForm.text_id.is_not(None),
        ConsentForm.text_id.not_in(as_late.where(printed_now)),
        or_(
            ConsentForm.text_id.not_in(standard),
            ConsentForm.prepared_at < change.since,
            ConsentForm.hospital_id.in_(in_use),
        ),
    )


def _on_retired(change: TextChange) -> ColumnElement[bool]:
    """On the own text that gives way to the standard, or on one that counted before it."""
    own, retired = aliased(OwnText), aliased(OwnText)
    day = select(retired.counts_from).where(retired.id == change.retired_text_id).scalar_subquery()
    until = or_(own.counts_from < day, and_(own.counts_from == day, own.id <= change.retired_text_id))
    return ConsentForm.text_id.in_(
        select(own.text_id).where(own.text_id.is_not(None), own.hospital_id == change.hospital_id, until)
    )


def left(change: TextChange) -> Select[int]:
    """Keys of the archived forms the change has still to be written into, or out of."""
    if change.taken_back_at is not None:
        return select(ConsentForm.id).where(ConsentForm.text_change_id == change.id, counts())
    earlier = aliased(TextChange)
    noted = select(earlier.id).where(earlier.due_on <= change.due_on, earlier.taken_back_at.is_(None))
    fresh = or_(ConsentForm.text_change_id.is_(None), ConsentForm.text_change_id.not_in(noted))
    return select(ConsentForm.id).where(reached(change), counts(), fresh).order_by(ConsentForm.id)


def counts() -> ColumnElement[bool]:
    """Archived with a yes to care, of a record that is not over; a restricted one may be lifted again."""
    yes = select(ConsentDecision.form_id).where(
        ConsentDecision.purpose == Purpose.CARE, ConsentDecision.answer == Answer.GIVEN
    )
    over = select(Patient.id).where(Patient.state.in_([PatientState.ERASED, PatientState.CLOSED]))
    return and_(ConsentForm.state == FormState.ARCHIVED, ConsentForm.id.in_(yes), ConsentForm.patient_id.not_in(over))
