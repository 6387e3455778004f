"""Patients' letters to the data-protection contact: the search by identity, its limits, and what was done because of one.

A letter is a row with a reason; what was typed is never kept. The records found open to the hospital's contact for some
days (``scopes.written_about``), under no name: that a record exists, its clinician, its consents. Withdrawing is
``consents``, restricting ``withdrawals``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, Refusal
from app.models import Hospital, Letter, LetterRecord, Patient, PatientIdentity, db, now, today
from app.outside.vault import VaultFault
from app.services import days, identities
from app.words import LetterOutcome, _

OPEN_DAYS = 30
"""How long a letter opens the records it is about."""
MOST_A_DAY = 20
MOST_MISSES = 5
"""Searches of one person that found nobody, within ``MISSES``: who types names at random is stopped here."""
MISSES = dt.timedelta(hours=1)


class TooManySearches(Refusal):
    """Somebody looks for more people than letters come."""

    status = 429
    noted = True


@act("patient.trace", creates=Letter)
def trace(
    actor: Actor,
    hospital: Hospital,
    *,
    reason: str,
    received_on: dt.date,
    family_name: str,
    birth_date: dt.date,
    file_number: str | None = None,
) -> Letter:
    """Look for the records of exactly this person in one's own hospital, because of a letter.

    A search that finds nobody is kept as well. One family name and birth date may be two people, or one person twice: the
    file number tells them apart.

    Raises:
        Incomplete: the day lies in the future, or what was typed cannot be anybody's.
        TooManySearches: more than letters come.
    """
    _refuse_fishing(actor)
    if received_on > days.day_at(hospital):
        sentence = _("This date lies in the future.")
        raise Incomplete(sentence, fields={"received_on": sentence})
    found = _found(hospital, family_name, birth_date, file_number)
    return Letter(
        hospital=hospital,
        person_id=actor.user_id,
        reason=reason,
        received_on=received_on,
        made_at=now(),
        open_until=today() + dt.timedelta(days=OPEN_DAYS),
        found=len(found),
        records=[LetterRecord(patient_id=key, hospital_id=hospital.id) for key in found],
    )


def _refuse_fishing(actor: Actor) -> None:
    mine = select(func.count(Letter.id)).where(Letter.person_id == actor.user_id)
    a_day = db.session.scalar(mine.where(Letter.made_at > now() - dt.timedelta(days=1))) or 0
    misses = db.session.scalar(mine.where(Letter.made_at > now() - MISSES, Letter.found == 0)) or 0
    if a_day >= MOST_A_DAY or misses >= MOST_MISSES:
        raise TooManySearches(
            _(
                "You have searched more often than letters come. Check the spelling and the birth date in the hospital’s own "
                "records, and go on later."
            )
        )


def _found(hospital: Hospital, family_name: str, birth_date: dt.date, file_number: str | None) -> list[int]:
    """Ids of the patients with exactly this identity; nothing else leaves."""
    statement = select(PatientIdentity.patient_id).where(PatientIdentity.hospital_id == hospital.id)
    try:
        statement = statement.where(identities.is_person(hospital, family_name, birth_date))
        if file_number:
            statement = statement.where(identities.has_file_number(hospital, file_number))
    except VaultFault as fault:
        raise Incomplete(_("A name has at least one letter, a file number at least one letter or digit.")) from fault
    with sight.wide("letter") as session:
        return list(session.scalars(statement.order_by(PatientIdentity.patient_id)))


def answer(actor: Actor, patient: Patient, outcome: LetterOutcome) -> None:
    """Note on the letters about a patient what was done, for the clinician and the representative to see on Home.

    Only the data-protection contact sees letters, so what a clinician does leaves them alone.
    """
    statement = (
        select(LetterRecord)
        .join(LetterRecord.letter)
        .where(LetterRecord.patient_id == patient.id, Letter.open_until >= actor.on)
    )
    for record in db.session.scalars(statement).unique():
        record.outcome, record.answered_at = outcome, now()
