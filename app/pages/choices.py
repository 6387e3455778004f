"""Which hospital, and which clinician: asked only where there are several."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import format_date
from sqlalchemy import select
from wtforms.fields.choices import SelectChoice

from app import rights
from app.errors import NotAllowed
from app.models import Hospital, db
from app.pages.security import acting, me
from app.services import handovers, patients
from app.words import Role, _


def form_hospitals() -> Any:
    """The hospitals where the actor may enrol."""
    return select(Hospital).where(rights.right(acting(), "patient.enrol")).order_by(Hospital.name)


def offer_clinicians(form: Any) -> None:
    """An assistant says for whom; a clinician does it for their own patients."""
    hospitals = list(db.session.scalars(form_hospitals()))
    people = [person for hospital in hospitals for person in patients.served(acting(), hospital)]
    if not people:
        del form.clinician
        return
    if any(patients.treats_at(acting(), hospital) for hospital in hospitals):
        people.insert(0, me())
    form.clinician.choices = [SelectChoice(person.public_id, str(person)) for person in people]
    if len(people) == 1 and request.method == "GET":
        form.clinician.data = people[0].public_id


def nowhere_to_enrol() -> list[object]:
    """Why there is no hospital where the actor may enrol now, a sentence for each reason they can do something about."""
    reasons: list[object] = [
        _(
            "Nobody is enrolled at %(hospital)s any more, because your place there ends on %(day)s.",
            hospital=db.session.get_one(Hospital, hospital).name,
            day=format_date(day, "long"),
        )
        for hospital, day in handovers.leaving(acting()).items()
    ]
    if acting().is_(Role.CLINICIAN) and not reasons:
        reasons.append(
            _(
                "Your hospital has not confirmed yet that you work there. Its representative does it on the page of your "
                "membership; where it has none, the coordinator of your ERN records who at the hospital confirmed it."
            )
        )
    if acting().is_(Role.ASSISTANT):
        reasons.append(
            _(
                "No clinician lets you enrol patients now. They do it under “My assistants”, by granting you all records."
            )
        )
    return reasons


def only_hospital(act: str) -> Hospital:
    """The one hospital where the actor may do an act.

    Raises:
        NotAllowed: there is none.
    """
    hospital = db.session.scalars(select(Hospital).where(rights.right(acting(), act)).limit(1)).first()
    if hospital is None:
        raise NotAllowed(_("You have no hospital where you could do this."))
    return hospital


def ask_only_if_several(form: Any, name: str) -> int:
    """Drop a choice that is none. Gives how many there are, counted to two."""
    found = len(db.session.scalars(form[name].rows().limit(2)).all())
    if found < 2:
        delattr(form, name)
    return found
