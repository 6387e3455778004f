"""Printing: beside a plain warm WeasyPrint on the same page, and what other pages feel of it."""

from __future__ import annotations

import dataclasses
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from app.models import ConsentForm, db
from app.outside.paper import Renderer
from app.outside.paper.renderers import checked_fonts
from app.services import papers
from tests.bench.grounds import Ground
from tests.bench.timings import Figure, high, in_turns, ms, timed, times
from tests.houses import House, furnish
from tests.trust.servers import Server, serving
from tests.world import World, build

ROUNDS = 12
PRINTS_AT_ONCE = 4
SECONDS = 12.0
MOST_DISTURBED = 3.0
"""How much slower the slowest pages may be while four prints run on the same two cores."""


class Watching(Renderer):
    """The renderer, which remembers the last page it was given."""

    page: tuple[str, str] = ("", "")

    def render(self, html: str, css: str, **given: Any) -> Any:
        """Set it."""
        self.page = html, css
        return super().render(html, css, **given)


def printed(ground: Ground) -> Iterator[Figure]:
    """One filled form through our service, and what it costs the others."""
    house = furnish("sqlite", ground.folder, "papers", ground.printer)
    world = build(house)
    world.house = house
    yield _beside_plain(house, world)
    with serving(house) as server:
        yield _undisturbed(server, world)
    house.close()


def _beside_plain(house: House, world: World) -> Figure:
    watching = Watching()
    premises = house.app.extensions["premises"]
    house.app.extensions["premises"] = dataclasses.replace(premises, printer=watching)
    try:
        with house.acting(world.people["owner"]):
            form = db.session.get(ConsentForm, world.forms["printed"][0])
            assert form is not None
            papers.set_paper(form)
            jobs = {
                "ours": times(timed(lambda: papers.set_paper(form))),
                "plain": times(timed(_plain(*watching.page))),
            }
            spent = in_turns(jobs, rounds=ROUNDS, each=1)
    finally:
        house.app.extensions["premises"] = premises
        watching.close()
    ratio = spent["ours"] / spent["plain"]
    peer = f"warm HTML(...).write_pdf(pdf/a-3a), same page: {ms(spent['plain'])}"
    return Figure("print one filled form", ms(spent["ours"]), peer, ratio, "at most 1", ratio <= 1)


def _plain(html: str, css: str) -> Callable[[], object]:
    """WeasyPrint as its documentation uses it, in this process, with our fonts."""
    import weasyprint  # not at the top: what the other benches measure should not carry it

    from app.outside.paper.setting import _HouseFetcher

    page = html.replace("</head>", f"<style>{css}</style></head>")
    fonts = checked_fonts()
    return lambda: weasyprint.HTML(string=page, url_fetcher=_HouseFetcher(fonts)).write_pdf(pdf_variant="pdf/a-3a")


def _undisturbed(server: Server, world: World) -> Figure:
    """A list page of one gunicorn process with four threads, alone and while four prints run."""
    preview = f"/consents/{world.forms['printed'][1]}/paper"

    def ask(address: str) -> None:
        reply = server.send("GET", address)
        assert reply.status == 200, (address, reply.status)

    for _ in range(20):
        ask("/patients/")
    ask(preview)
    alone = _for_a_while(lambda: ask("/patients/"), SECONDS)
    stop = threading.Event()
    prints: list[float] = []

    def keep_printing() -> None:
        while not stop.is_set():
            prints.append(timed(lambda: ask(preview))())

    threads = [threading.Thread(target=keep_printing) for _ in range(PRINTS_AT_ONCE - 1)]
    for one in threads:
        one.start()
    beside = _for_a_while(lambda: ask("/patients/"), SECONDS)
    stop.set()
    for one in threads:
        one.join()
    ratio = high(beside) / high(alone)
    return Figure(
        f"list page while {len(threads)} threads print without pause (gthread, 1 process, 4 threads), p95",
        f"{ms(high(beside))}, median {ms(statistics.median(beside))}",
        f"alone: {ms(high(alone))}, median {ms(statistics.median(alone))}; a print took {ms(statistics.median(prints))}",
        ratio,
        f"at most {MOST_DISTURBED:g}",
        ratio <= MOST_DISTURBED,
    )


def _for_a_while(work: Callable[[], object], seconds: float) -> list[float]:
    until, job, spent = time.monotonic() + seconds, timed(work), []
    while time.monotonic() < until:
        spent.append(job())
    return spent
