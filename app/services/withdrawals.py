"""After a withdrawal: the thirty days in which a record is erased, or kept restricted by law; and restrictions by letter.

That a consent is withdrawn is ``consents.withdraw``; its receipt is ``receipts``; what erasing destroys is
``patients.wipe``.
"""

from __future__ import annotations

from sqlalchemy import select

from app import sight
from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import Patient, db, today
from app.services import consents, letters, patients, takebacks
from app.words import LegalGround, LetterOutcome, PatientState, _, gettext


@act("patient.keep")
def keep(actor: Actor, patient: Patient, *, ground: LegalGround, law: str) -> None:
    """Keep a record whose care consent was withdrawn: restricted, on a legal ground, by a law that is named.

    Raises:
        WrongStep: nothing waits to be erased.
    """
    if patient.erase_on is None:
        raise WrongStep(_("This record does not wait to be erased."))
    patient.kept_on, patient.kept_ground, patient.kept_law = today(), ground, law
    patient.erase_on = None
    letters.answer(actor, patient, LetterOutcome.KEPT)


@act("patient.erase", gives_away=True)
def erase(actor: Actor, patient: Patient) -> None:
    """Erase a record whose care consent was withdrawn before its day, or when the law that kept it no longer does.

    Raises:
        WrongStep: care consent was not withdrawn.
    """
    if patient.erase_on is None and patient.kept_on is None:
        raise WrongStep(_("Care consent was not withdrawn, so this record is not erased."))
    patients.wipe(actor, patient, gettext("The record was erased."))


@act("patient.erase-when-due", gives_away=True)
def erase_when_due(actor: Actor, patient: Patient) -> None:
    """Erase a record on the day its hospital has not decided otherwise.

    Raises:
        WrongStep: the day is not there, or was taken off meanwhile.
    """
    if patient.erase_on is None or patient.erase_on > today() or consents.archived_yes(patient):
        raise WrongStep(_("The thirty days of this record are not over."), noted=False)
    patients.wipe(actor, patient, gettext("Thirty days after the withdrawal the record was erased."))


def due() -> list[int]:
    """Ids of the records to erase today."""
    with sight.wide("expiry") as session:
        statement = select(Patient.id).where(Patient.state == PatientState.RESTRICTED, Patient.erase_on <= today())
        return list(session.scalars(statement))


@act("patient.restrict-by-protection")
def restrict_by_protection(actor: Actor, patient: Patient) -> None:
    """The data-protection contact restricts a record because of a patient's letter: nothing is shared any more.

    It stands until it is lifted, whatever is signed meanwhile.

    Raises:
        WrongStep: it is restricted so already.
    """
    if patient.restricted_on is not None:
        raise WrongStep(_("This record is restricted already."))
    patient.restricted_on = today()
    takebacks.note_restriction(patient, takebacks.RESTRICTED, today())
    letters.answer(actor, patient, LetterOutcome.RESTRICTED)


@act("patient.lift-restriction")
def lift_restriction(actor: Actor, patient: Patient) -> None:
    """Lift such a restriction; with care consent in force the record is enrolled again.

    Raises:
        WrongStep: the data-protection contact has not restricted it.
    """
    if patient.restricted_on is None:
        raise WrongStep(_("This record is not restricted by the data-protection contact."))
    patient.restricted_on = None
    takebacks.note_restriction(patient, takebacks.LIFTED, today())
    letters.answer(actor, patient, LetterOutcome.LIFTED)
    db.session.flush()
    consents.settle(actor, patient)
