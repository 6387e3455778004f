"""Scan-back: how fast a job reads a stack of two hundred pages, and how much memory its worker takes with all below it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from app.models import ConsentForm, Hospital, db
from app.outside import paper
from app.services import consents, identities, papers, patients, stack_drops, stack_readings
from app.services.archives import Upload
from app.words import Sex, Variant
from tests.bench.grounds import Ground
from tests.bench.timings import Figure
from tests.bench.workers import Desk, desk, spent, work
from tests.scans import WAYS, bound, jpeg, written

PAGES = 200
MOST_MEMORY = 500


def read(ground: Ground) -> Iterator[Figure]:
    """One PDF of two hundred pages, in all the ways they come back, dropped at a desk and read by its worker."""
    there = desk(ground, "stacks")
    form = _printed(there)
    stack = _stack(form)
    with there.house.acting(there.clinician) as actor:
        stack_drops.drop(actor, [Upload(stack, "scan.pdf")])
    peak = work(there.house)
    speed = PAGES / spent(there.house, stack_readings.READING)
    known = there.house.value(
        "SELECT count(*) FROM stack_page WHERE form_id IS NOT NULL AND number = (position - 1) % :pages + 1",
        pages=form.pages,
    )
    share = known / PAGES
    yield Figure(f"{PAGES} pages read by the job, one worker", f"{speed:.1f} pages/s", "–", speed, "–", None)
    yield Figure("pages recognised", f"{known} of {PAGES}", "–", share, "at least 99 %", share >= 0.99)
    yield Figure(
        f"memory of the worker and all its children at once, stack of {len(stack) / 1e6:.0f} MB",
        f"{peak.shared_once:.0f} MB",
        f"what they share counted in each: {peak.each:.0f} MB",
        peak.shared_once / MOST_MEMORY,
        f"under {MOST_MEMORY} MB",
        peak.shared_once < MOST_MEMORY,
    )


def _printed(there: Desk) -> paper.Rendered:
    """A patient's form on paper."""
    who = identities.Identity("Bench", "Patient", dt.date(1980, 1, 1), "B-1")
    with there.house.acting(there.clinician) as actor:
        hospital = db.session.get_one(Hospital, there.hospital)
        patient = patients.enrol(actor, hospital, identity=who, sex=Sex.FEMALE)
        form: ConsentForm = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, form)
        return papers.set_paper(form)


def _stack(form: paper.Rendered) -> bytes:
    pages, ways = written(form), list(WAYS.values())
    pictures = [jpeg(ways[n // len(pages) % len(ways)](pages[n % len(pages)], n)) for n in range(PAGES)]
    return bound(pictures)
