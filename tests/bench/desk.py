"""The desk's own speed: a thousand forms, a text published, every blank form, and how surely a scan is known again."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from playwright.sync_api import sync_playwright

import config
from app.models import Hospital, OwnText, db
from app.outside import paper, stacks
from app.outside.paper import Press, Rendered, Renderer
from app.services import days, own_texts
from app.words import Variant
from tests.bench.grounds import Ground
from tests.bench.timings import Figure, in_turns, ms, timed, times
from tests.bench.workers import desk as desk_of
from tests.bench.workers import spent, work
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.outside.printed import VALUES
from tests.scans import ADULT, WAYS, bound, jpeg, written
from tests.world import OPINION

FORMS, MOST_FOR_FORMS = 1000, 10.0
MOST_TO_PUBLISH = 5.0
MOST_FOR_ALL = 60.0
LEAST_READ = 0.99
CREATED = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TEXT = paper.compose("eu", "en", "adult")


def desk(ground: Ground) -> Iterator[Figure]:
    """Every figure of issue 3 that is not another part's."""
    yield from _beside_others(ground)
    yield _thousand(ground)
    yield from _published(ground)
    yield _all_blanks(ground)
    yield from _misread(ground)


def _print(press: Press, number: int) -> Rendered:
    known = VALUES | {"form.code": f"{number:016d}", "patient.file_number": f"F-{number}"}
    told = {"title": TEXT.title, "language": "en", "created": CREATED}
    return press.print(TEXT.html, TEXT.css, known, role="processor", demo=False, **told)


def _beside_others(ground: Ground) -> Iterator[Figure]:
    """Stamping beside a copy of the bytes, which nothing beats, and beside the same page printed by a warm Chromium."""
    press = Press(ground.printer, ground.folder / "desk")
    cached = _print(press, 1).pdf
    html = paper.fill(TEXT.html, VALUES, role="processor", demo=False).replace(
        "</head>", f"<style>{TEXT.css}</style></head>"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page()

        def by_chromium() -> None:
            page.set_content(html)
            page.pdf(format="A4", prefer_css_page_size=True)

        jobs = {
            "stamped": times(timed(lambda: _print(press, 2))),
            "copied": times(timed(lambda: bytearray(cached))),
            "chromium": times(timed(by_chromium)),
        }
        spent = in_turns(jobs, rounds=8, each=3)
        browser.close()
    ratio = spent["stamped"] / spent["chromium"]
    yield Figure(
        "stamping alone",
        ms(spent["stamped"]),
        f"warm Chromium: {ms(spent['chromium'])}",
        ratio,
        "at most 0.1",
        ratio <= 0.1,
    )
    beside = f"a copy of the cached bytes: {spent['copied'] * 1e3:.3f} ms"
    yield Figure("the same", ms(spent["stamped"]), beside, spent["stamped"] / spent["copied"], "the limit", None)


def _half(folder: str, first: int) -> int:
    """What one of two processes does: every second of the forms, from the compiled paper the other finds too."""
    press = Press(Renderer(), Path(folder))
    return sum(len(_print(press, number).pdf) for number in range(first, FORMS, 2))


def _thousand(ground: Ground) -> Figure:
    """Two processes, as of a server with two web processes; the text is compiled, as from its first print on."""
    folder = str(ground.folder / "desk")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_half, [folder, folder], [FORMS, FORMS]))  # both are warm
        begun = time.perf_counter()
        size = sum(pool.map(_half, [folder, folder], [0, 1]))
    spent = time.perf_counter() - begun
    goal = f"under {MOST_FOR_FORMS:g} s"
    what = f"{FORMS} filled forms, two processes"
    return Figure(what, f"{spent:.1f} s ({size >> 20} MB)", goal, spent / MOST_FOR_FORMS, goal, spent < MOST_FOR_FORMS)


def _published(ground: Ground) -> Iterator[Figure]:
    """A hospital's own text: proposed, checked and published by a job, accepted, compiled by a job; a fresh worker each."""
    there = desk_of(ground, "publishing")
    with there.house.acting(there.writer) as actor:
        hospital = db.session.get_one(Hospital, there.hospital)
        own = own_texts.start(actor, hospital, language="en", variant=Variant.ADULT, base_language="en")
        own_texts.write(actor, own, content={"rights.body": f"{own.base['rights.body']}\n\nAsk at the reception."})
        own_texts.propose(actor, own, **OPINION)
        key = own.id
    work(there.house)
    with there.house.acting(there.decider) as actor:
        own = db.session.get_one(OwnText, key)
        own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
    work(there.house)
    checked, compiled = spent(there.house, own_texts.CHECKING), spent(there.house, own_texts.COMPILING)
    goal = f"under {MOST_TO_PUBLISH:g} s"
    for what, took in (
        ("a hospital's text checked, set and published: its job, in a fresh worker", checked),
        ("the same text compiled once it is accepted: its job, in a fresh worker", compiled),
        ("both jobs", checked + compiled),
    ):
        yield Figure(what, f"{took:.1f} s", goal, took / MOST_TO_PUBLISH, goal, took < MOST_TO_PUBLISH)


def _all_blanks(ground: Ground) -> Figure:
    output = ground.folder / "blanks"
    command = [sys.executable, "-m", "flask", "--app", "run", "consent", "render", "--all", "--output", str(output)]
    begun = time.perf_counter()
    subprocess.run(command, cwd=config.ROOT, check=True, capture_output=True)
    spent = time.perf_counter() - begun
    what = f"`flask consent render --all`, cold, {len(list(output.glob('*.pdf')))} forms"
    goal = f"under {MOST_FOR_ALL:g} s"
    return Figure(what, f"{spent:.1f} s", goal, spent / MOST_FOR_ALL, goal, spent < MOST_FOR_ALL)


def _misread(ground: Ground) -> Iterator[Figure]:
    """Each page of the form in each language, in each way it comes back: known again, taken for another, or not known."""
    known = wrong = pages = 0
    for number, language in enumerate(paper.languages("eu")):
        known_here, wrong_here, pages_here = misread(ground.printer, language, number)
        known, wrong, pages = known + known_here, wrong + wrong_here, pages + pages_here
    share = known / pages
    many = f"{len(paper.languages('eu'))} languages"
    yield Figure(
        f"pages known again at 150 dpi, {many}", f"{known} of {pages}", "–", share, "at least 99 %", share >= LEAST_READ
    )
    yield Figure("pages taken for others", str(wrong), "–", float(wrong), "none", not wrong)


def misread(renderer: Renderer, language: str, seed: int) -> tuple[int, int, int]:
    """Of one language's form: pages known again, taken for another, and all."""
    text, code = paper.compose("eu", language, "adult"), f"{seed:04d}ABCD{random.Random(seed).randrange(10**8):08d}"
    html = paper.fill(text.html, VALUES | {"form.code": code})
    form = renderer.render(html, text.css, title=text.title, language=language, created=CREATED)
    pages = written(form, ADULT)
    known = wrong = 0
    for turn, way in enumerate(WAYS.values()):
        scans = bound([jpeg(way(page, seed * 100 + turn * 10 + n)) for n, page in enumerate(pages)])
        for number, page in enumerate(stacks.take_apart(scans, "scan.pdf"), start=1):
            seen = stacks.look(page)
            known += (seen.code, seen.number) == (code, number)
            wrong += seen.code is not None and (seen.code, seen.number) != (code, number)
    return known, wrong, len(pages) * len(WAYS)
