"""The demo's stack of scans: a form that came back whole, one without its last page, and a page of another system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import rights
from app.actors import Actor
from app.models import ConsentForm, db
from app.outside import scans, scribbles
from app.services import identities, papers, stack_drops, stack_readings
from app.services.archives import Upload
from app.services.stories import Stage, Turn
from app.words import FormState, Variant

if TYPE_CHECKING:
    from PIL.Image import Image

OTHER_SYSTEM = "https://other-system.example/form/1284"
FORMS = 2
CAME_BACK = dt.timedelta(hours=2)
CROSSES = ("care-yes", "education-no")


def turns(stage: Stage) -> Iterator[Turn]:
    """The first clinician of the login page has put this morning's post into the scanner, and confirmed nothing yet."""
    clinician = next(person for person in stage.world.people if person.role == "clinician" and person.demo_login)
    yield Turn(stage.start - CAME_BACK, clinician.key, drop)


def drop(actor: Actor) -> None:
    """Drop the stack and read it."""
    pictures: list[Image] = []
    for form in _out(actor):
        pictures += _filled_in(form)
    pictures[-1] = scribbles.strange_page(pictures[-1], OTHER_SYSTEM)  # the last page of the last form is missing
    scanned = scans.combine(scribbles.scan(pictures, "stack"))
    stack = stack_drops.drop(actor, [Upload(scanned, "scan.pdf")])
    stack_readings.read_stack(actor, {"stack": stack.public_id})


def _out(actor: Actor) -> list[ConsentForm]:
    """The forms for adults that have been out the longest."""
    waiting = (
        ConsentForm.state == FormState.PRINTED,
        ConsentForm.variant == Variant.ADULT,
        rights.right(actor, "consent.open"),
    )
    oldest = select(ConsentForm).where(*waiting).order_by(ConsentForm.printed_at, ConsentForm.id).limit(FORMS)
    return list(db.session.scalars(oldest.options(joinedload(ConsentForm.patient))).unique())


def _filled_in(form: ConsentForm) -> list[Image]:
    """The pages that come back, as the patient gave them to the desk."""
    known, day = identities.identity_of(form.patient), form.printed_at or form.prepared_at
    place_date = f"{form.hospital.city}, {day.day}.{day.month}.{day.year}"
    printed = papers.set_paper(form)
    writing = scribbles.Writing(
        variant=form.variant.value,
        crosses=CROSSES,
        signers=[scribbles.Hand(known.name if known else "", place_date)],
        clinician=scribbles.Hand(str(form.patient.clinician), place_date),
    )
    return scribbles.fill_in(printed, writing)[: printed.returning]
