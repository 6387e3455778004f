"""Proof of consent: the stored scans of signed forms, each under a key of its own, and how one ends.

A proof ends by its key: the row of the file stays, append-only, and says what was there. Filing and reading are
``archives``. Erasing a record leaves the proof of a consent that counted (GDPR Article 7): the hospital has to show that
it was given. It is kept for PROOF_YEARS after the consent's end, found by its form's code alone and by nobody but the
data-protection contact, then destroyed. A paper that never counted proves nothing: it goes with what it was filed for.
"""

from __future__ import annotations

import calendar
import datetime as dt
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Select, func, inspect, select
from sqlalchemy.orm import Session

from app import rights, sight
from app.act import act, after_commit
from app.actors import Actor
from app.errors import WrongStep
from app.models import ArchivedDocument, ConsentForm, Hospital, Patient, db, now, today
from app.outside.storage import StorageFault
from app.premises import premises
from app.words import PROVING_FORMS, PatientState, _

PURPOSE = b"consent"
"""What the key of a form is made for: it seals the names beside the scans."""
SOON_DAYS = 90
_log = logging.getLogger("cpms.proofs")


def destroy(documents: Iterable[ArchivedDocument]) -> int:
    """Destroy the keys of stored files inside the act under way, and the files once it is committed.

    Returns:
        How many there were.
    """
    found = [document for document in readable_of(documents) if inspect(document.key).persistent]  # not deleted yet
    for document in found:
        db.session.delete(document.key)
        after_commit(partial(remove, document.storage_key))
    return len(found)


def remove(storage_key: str) -> None:
    """Remove a file that no key opens any more; what cannot be removed now ``flask fsck`` finds."""
    try:
        premises().store.delete(storage_key)
    except (StorageFault, OSError) as fault:
        _log.error("a file without a key was not removed: %s", type(fault).__name__)


def readable(form: ConsentForm) -> list[ArchivedDocument]:
    """The stored files of a form that still open."""
    return readable_of(form.documents)


def readable_of(documents: Iterable[ArchivedDocument]) -> list[ArchivedDocument]:
    """Those of the stored files that have a key."""
    return [document for document in documents if document.key is not None]


# --- the term ---------------------------------------------------------------------------------------------------------


def end_with(forms: Iterable[ConsentForm]) -> None:
    """The record is erased: what still stood of its consents ends, and the term of their proof begins."""
    for form in forms:
        if form.state in PROVING_FORMS:
            form.ended_at = form.ended_at or now()


def kept_until(form: ConsentForm) -> dt.date | None:
    """The last day on which the proof of an ended consent is kept; ``None`` while it has not ended."""
    return None if form.ended_at is None else years_on(form.ended_at.date(), premises().settings["PROOF_YEARS"])


def years_on(day: dt.date, years: int) -> dt.date:
    """The same day so many years on; the last of February where there is no 29th."""
    last = calendar.monthrange(day.year + years, day.month)[1]
    return day.replace(year=day.year + years, day=min(day.day, last))


def _over_before(on: dt.date) -> dt.datetime:
    """Consents that ended before this moment have a proof whose last day lies before ``on``."""
    day = years_on(on, -premises().settings["PROOF_YEARS"])
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _with_keys(before: dt.datetime) -> Select[Any]:
    """Ids of the ended forms that still have a proof, ended before a moment."""
    kept = select(ArchivedDocument.form_id).join(ArchivedDocument.key)
    ended = (ConsentForm.state.in_(PROVING_FORMS), ConsentForm.ended_at < before)
    return select(ConsentForm.id).where(*ended, ConsentForm.id.in_(kept)).order_by(ConsentForm.id)


def due(session: Session, on: dt.date) -> list[int]:
    """Ids of the forms whose proof is kept longer than its term on a day."""
    return list(session.scalars(_with_keys(_over_before(on))))


def all_due() -> list[int]:
    """Ids of the forms whose proof is to be destroyed today."""
    with sight.wide("expiry") as session:
        return due(session, today())


@act("consent.end-proof", gives_away=True)
def end(_actor: Actor, form: ConsentForm) -> None:
    """The term of a consent's proof is over: the keys of its scans are destroyed, and the key of the names beside them.

    Raises:
        WrongStep: it is not over.
    """
    last = kept_until(form)
    if last is None or last >= today():
        raise WrongStep(_("The term of this proof is not over."), noted=False)
    destroy(form.documents)
    forget(form)


def forget(form: ConsentForm) -> None:
    """Give a form another key: what was sealed with the one before opens no more."""
    form.sealed_signer = form.sealed_paper = None
    form.wrapped_key = premises().vault.new_key(PURPOSE)


# --- in numbers, for who answers for them -----------------------------------------------------------------------------


class Kept(NamedTuple):
    """How many proofs a hospital keeps: of records that are erased, and those whose term ends soon or within a year."""

    hospital: Hospital
    all: int
    of_erased: int
    soon: int
    in_a_year: int


def kept(actor: Actor) -> list[Kept]:
    """In numbers, for the hospitals one represents or whose data-protection contact one is."""
    mine = list(db.session.scalars(select(Hospital).where(rights.right(actor, "proof.find")).order_by(Hospital.name)))
    with sight.wide("proofs") as session:
        return [numbers(session, hospital, actor.on) for hospital in mine]


def numbers(session: Session, hospital: Hospital, on: dt.date) -> Kept:
    """What a hospital keeps as proof, on a day."""
    kept_ = select(ArchivedDocument.form_id).join(ArchivedDocument.key)
    forms = select(func.count(ConsentForm.id)).where(
        ConsentForm.hospital_id == hospital.id, ConsentForm.state.in_(PROVING_FORMS), ConsentForm.id.in_(kept_)
    )
    erased = forms.join(ConsentForm.patient).where(Patient.state == PatientState.ERASED)
    soon, in_a_year = (
        forms.where(ConsentForm.ended_at < _over_before(on + dt.timedelta(days=days))) for days in (SOON_DAYS, 365)
    )
    counts = [session.scalar(statement) or 0 for statement in (forms, erased, soon, in_a_year)]
    return Kept(hospital, *counts)


def by_code(actor: Actor, code: str) -> ConsentForm | None:
    """The form of an erased record by its code, whose proof one may open."""
    found = select(ConsentForm).where(ConsentForm.code == code, rights.right(actor, "proof.open"))
    return db.session.scalars(found).unique().one_or_none()
