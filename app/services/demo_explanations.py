"""The demo's words of clinicians: each has said of all but the newest forms that they explained them."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from app import rights
from app.actors import Actor
from app.models import ConsentForm, db
from app.services import explanations
from app.services.stories import Stage, Turn

WAITING = 2


def turns(stage: Stage) -> Iterator[Turn]:
    """Whoever is assisted confirms what their assistants archived; the newest two still wait on Home."""
    assisted = {grant.clinician for person in stage.world.people for grant in person.grants}
    for clinician in sorted(assisted):
        yield Turn(stage.start, clinician, _confirm)


def _confirm(actor: Actor) -> None:
    mine = explanations.WAITS, rights.right(actor, "consent.confirm-explained")
    newest_first = select(ConsentForm).where(*mine).order_by(ConsentForm.archived_at.desc(), ConsentForm.id.desc())
    for form in db.session.scalars(newest_first.offset(WAITING)).unique().all():
        explanations.confirm(actor, form)
