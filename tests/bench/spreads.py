"""How long a job takes to write a text change into every form it reaches: each form is an act of its own, with its entry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import func, select, text, update

from app.models import ConsentDecision, ConsentForm, Patient, TextChange, db, now, today
from app.outside import paper
from app.services import text_changes, texts
from app.words import Answer, FormState, PatientState
from tests.bench.grounds import Ground
from tests.bench.timings import Figure
from tests.houses import House

FORMS = 10_000


def spread(ground: Ground) -> Iterator[Figure]:
    """On both databases, in one process, nobody else at work."""
    for dialect in ("sqlite", "postgresql"):
        house, _crowd = ground.crowded(dialect, FORMS)
        _archived(house)
        with house.system() as actor:
            texts.publish(actor, None, text=_changed())
            change = db.session.scalars(select(TextChange.public_id)).one()
        begun = time.perf_counter()
        with house.system() as actor:
            text_changes.spread(actor, {"change": change})
        spent = time.perf_counter() - begun
        with house.everything() as session:
            reached = session.scalar(select(func.count(ConsentForm.id)).where(ConsentForm.text_change_id.is_not(None)))
        if reached != FORMS:
            raise AssertionError(f"{reached} of {FORMS} forms are due")
        yield Figure(
            f"{dialect}: a text change written into {FORMS} forms by its job",
            f"{spent:.1f} s",
            f"{1000 * spent / FORMS:.1f} ms a form",
            FORMS / spent,
            "none; forms a second",
            None,
        )


def _archived(house: House) -> None:
    """Every form of the crowd counts."""
    form, decision, patient = ConsentForm.__table__, ConsentDecision.__table__, Patient.__table__
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        archived = {"state": FormState.ARCHIVED, "archived_at": now(), "signed_on": today(), "relation": "self"}
        session.execute(update(form).values(**archived))
        session.execute(update(decision).values(answer=Answer.GIVEN))
        session.execute(update(patient).values(state=PatientState.ENROLLED))
        if house.dialect == "postgresql":
            session.execute(text("SELECT nextval('consent_text_id_seq')"))  # the crowd's text numbered itself
        session.commit()


def _changed() -> paper.ComposedText:
    """The text of the crowd, a version later, which does something else with the data."""
    return replace(paper.compose("eu", "el", "adult"), purposes=2, changed="Another recipient.")
