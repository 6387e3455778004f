"""What a form asks, and what was answered: printed here, bound from a blank form or filed from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import or_, select

from app.actors import in_force, memberships_in_force
from app.errors import Incomplete
from app.models import ConsentDecision, ConsentForm, Registry, db, today
from app.words import Answer, Procedure, Purpose, _


def asked(procedure: Procedure, registries: Sequence[Registry]) -> list[ConsentDecision]:
    """What a form asks, in the order of its boxes. The Ukrainian form asks for care alone."""
    care = _question(procedure, Purpose.CARE)
    if procedure is Procedure.UA:
        return [care]
    named = [_question(procedure, Purpose.REGISTRY, registry) for registry in registries]
    return [care, _question(procedure, Purpose.EDUCATION), *named]


def _question(procedure: Procedure, purpose: Purpose, registry: Registry | None = None) -> ConsentDecision:
    return ConsentDecision(procedure=procedure, purpose=purpose, named_registry=registry, answer=Answer.NOT_ASKED)


def registries_for(procedure: Procedure, clinician_id: int | None, hospital_id: int) -> list[Registry]:
    """The registries a form names: those of the networks the clinician's centres belong to, and those of none."""
    if procedure is Procedure.UA:
        return []
    member = memberships_in_force(today()).subquery()
    networks = select(member.c.network_id).where(
        member.c.person_id == clinician_id, member.c.hospital_id == hospital_id
    )
    return list(
        db.session.scalars(
            select(Registry)
            .where(
                in_force(Registry.__table__, today()),
                or_(Registry.network_id.is_(None), Registry.network_id.in_(networks)),
            )
            .order_by(Registry.name)
        )
    )


def answer(decision: ConsentDecision, answers: Mapping[str, Answer]) -> Answer:
    """What was answered to a question, among ``answers`` by public id.

    Raises:
        Incomplete: care is neither given nor refused, or something is withdrawn that was not given yet.
    """
    said = answers.get(decision.public_id, Answer.NOT_ASKED)
    if decision.purpose is Purpose.CARE and said not in (Answer.GIVEN, Answer.REFUSED):
        sentence = _("Choose yes or no, as on the paper.")
        raise Incomplete(sentence, fields={f"answer_{decision.public_id}": sentence})
    if said is Answer.WITHDRAWN:
        raise Incomplete(_("A withdrawal is recorded on the form's page."))
    return said


def care_answer(form: ConsentForm) -> Answer:
    """What was answered for care."""
    return next(d.answer for d in form.decisions if d.purpose is Purpose.CARE)
