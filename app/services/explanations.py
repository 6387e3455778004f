"""Who explained the consent: the clinician the paper names says so, by archiving the form or afterwards in one tap.

An assistant prepares; the word is the clinician's alone. Consent in force does not wait for it: the paper is signed.
"""

from __future__ import annotations

from sqlalchemy import and_

from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import ConsentForm, now
from app.words import FormState, PatientState, _

WAITS = and_(ConsentForm.state == FormState.ARCHIVED, ConsentForm.explained_at.is_(None))
"""Which forms wait for the word; whose it is, is the right of the act ``consent.confirm-explained``."""


def note(actor: Actor, form: ConsentForm) -> None:
    """Who archives a form that names them, or has filed it, has explained it; anybody else leaves the word to them."""
    if form.explained_by_id is not None and form.explained_by_id in (actor.user_id, form.filed_by_id):
        form.explained_at = now()


@act("consent.confirm-explained")
def confirm(_actor: Actor, form: ConsentForm) -> None:
    """Say that one explained this consent to whoever signed it.

    Raises:
        WrongStep: it is said already.
    """
    if form.explained_at is not None:
        raise WrongStep(_("You have confirmed already that you explained this form."))
    form.explained_at = now()


def is_waiting(form: ConsentForm) -> bool:
    """Whether nobody has said yet that this archived form was explained."""
    erased = form.patient is None or form.patient.state is PatientState.ERASED
    return form.state is FormState.ARCHIVED and form.explained_at is None and not erased
