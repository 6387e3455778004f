"""The demo's papers from elsewhere: one waits for its second person, one was sent back to who filed it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from sqlalchemy import select

from app import sight
from app.actors import Actor
from app.models import ConsentForm, Patient, db
from app.outside.reference.shapes import PersonStory
from app.services import externals
from app.services.stories import Stage, Turn
from app.words import Answer, PatientState, Relation

REFERENCE = "Consent to share data with other centres, metabolic unit, version 3"
SIGNED, FILED, SENT_BACK = -3, -2, -1
REASON = "The paper says no to education. Correct it."
OF_AGE = 20
Doing = Callable[[Actor], None]


def turns(stage: Stage) -> Iterator[Turn]:
    """An assistant files two papers for a clinician of the login page, who finds one of them mistyped."""
    assistant = next(person for person in stage.world.people if person.role == "assistant" and person.demo_login)
    clinician = next(grant.clinician for grant in assistant.grants if grant.scope == "all")
    checked, waiting = _adults(stage, clinician)
    filed: list[int] = []

    def file_both(actor: Actor) -> None:
        filed.extend(_file(actor, patient_id, stage) for patient_id in (checked, waiting))

    def send_back(actor: Actor) -> None:
        externals.send_back(actor, db.session.get_one(ConsentForm, filed[0]), reason=REASON)

    yield _turn(stage, FILED, assistant, file_both)
    yield _turn(stage, SENT_BACK, stage.world.person(clinician), send_back)


def _turn(stage: Stage, day: int, person: PersonStory, doing: Doing) -> Turn:
    return Turn(stage.start + dt.timedelta(days=day), person.key, doing)


def _adults(stage: Stage, clinician: str) -> list[int]:
    """Ids of the first two adults whose records are enrolled."""
    with sight.wide("seed") as session:
        statement = select(Patient.id).where(
            Patient.clinician_id == stage.people[clinician],
            Patient.state == PatientState.ENROLLED,
            Patient.birth_year < stage.start.year - OF_AGE,
        )
        return list(session.scalars(statement.order_by(Patient.id).limit(2)))


def _file(actor: Actor, patient_id: int, stage: Stage) -> int:
    paper = externals.Paper(
        reference=REFERENCE,
        language="el",
        signed_on=stage.start.date() + dt.timedelta(days=SIGNED),
        relation=Relation.SELF,
        answers={"care": Answer.GIVEN, "education": Answer.GIVEN},
        place="Archive of the metabolic unit, folder 12",
    )
    return externals.file_paper(actor, db.session.get_one(Patient, patient_id), paper, []).id
