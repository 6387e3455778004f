"""What the tests of consents share: a form of the world, its answers, its scan, and changed settings."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select

from app.models import (
    ConsentForm,
    Patient,
    db,
    today,
)
from app.scopes import care_in_force
from app.services import archives, consents
from app.words import (
    Answer,
    Relation,
    Variant,
)
from tests.papers import document

ADULT, REPRESENTATIVE = Variant.ADULT, Variant.REPRESENTATIVE


def record(world: Any, name: str) -> Any:
    return db.session.get(Patient, world.patients[name][0])


def form_of(world: Any, name: str) -> Any:
    return db.session.get(ConsentForm, world.forms[name][0])


def questions(form: Any) -> list[str]:
    return [d.named_registry.name if d.named_registry else d.purpose.value for d in form.decisions]


def crossed(form: Any, *answers: Answer) -> dict[str, Answer]:
    """The answers in the order of the questions; what is not said was left empty."""
    return {d.public_id: a for d, a in zip(form.decisions, answers, strict=False)}


def sign(actor: Any, form: Any, *answers: Answer, on: dt.date | None = None) -> None:
    consents.sign(
        actor,
        form,
        signed_on=on or today(),
        relation=Relation.SELF,
        signer=None,
        answers=crossed(form, *(answers or (Answer.GIVEN,))),
    )


def scan(actor: Any, form: Any, content: bytes | None = None, name: str = "scan.pdf") -> None:
    archives.file_scan(actor, form, [archives.Upload(content or document(), name)], source="desk")


def in_force(patient: Any) -> bool:
    return (
        db.session.scalar(select(Patient.id).where(Patient.id == patient.id, Patient.id.in_(care_in_force())))
        is not None
    )


def write(world: Any, statement: Any) -> None:
    """Past every act, as somebody with the database's password would."""
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True}).execute(statement)
        session.commit()


def files(world: Any) -> set[str]:
    return {path.name for path in (world.house.var / "files").iterdir()}
