"""Blank forms at a desk of the hostile world: printed, signed, scanned, and found again."""

from __future__ import annotations

from typing import Any

from app.models import BlankForm, Hospital, Patient, Person, db
from app.services import blanks, jobs, papers, stack_drops
from app.services.archives import Upload
from app.words import Variant
from tests.scans import ADULT, scanned, written


def printed(world: Any, who: str, where: str = "Thessaloniki", *, count: int = 1, **given: Any) -> list[str]:
    """The public ids of blank forms a person prints; ``clinician`` is the name of whom they print for."""
    given = {"language": "uk" if where == "Kyiv" else "en", "variant": Variant.ADULT} | given
    with world.house.acting(world.people[who]) as actor:
        if "clinician" in given:
            given["clinician"] = db.session.get(Person, world.people[given["clinician"]])
        hospital = db.session.get(Hospital, world.hospitals[where])
        first = blanks.print_run(actor, hospital, count=count, **given)
        return [blank.public_id for blank in blanks.run_of(first)]


def blank_of(key: str) -> BlankForm:
    """The blank form of a public id, as the session's actor sees it."""
    return db.session.query(BlankForm).filter_by(public_id=key).one()


def patient_of(world: Any, name: str) -> Patient:
    """A patient of the world."""
    return db.session.get_one(Patient, world.patients[name][0])


def pages_of(world: Any, blank: str) -> list[Any]:
    """The signed pages of a blank form of the world."""
    with world.house.system():
        return written(papers.set_blank(blank_of(world.blanks[blank][1])), ADULT)


def drop(world: Any, who: str, *pages: Any) -> str:
    """Drop pages and let the jobs read them; gives the stack's public id."""
    with world.house.acting(world.people[who]) as actor:
        key = stack_drops.drop(actor, [Upload(scanned(pages), "scan.pdf")]).public_id
    jobs.run_due(world.house.app.app_context)
    return key
