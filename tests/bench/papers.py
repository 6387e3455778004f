"""Printing: beside a plain warm WeasyPrint on the same page, and what other pages feel of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from app.models import Hospital, db
from app.outside.paper import Press, fill
from app.services import consents, patients
from app.services.identities import Identity
from app.words import Sex, Variant
from tests.bench.grounds import Ground
from tests.bench.listing import opening
from tests.bench.peers import Plain
from tests.bench.timings import Figure, high, in_turns, ms, timed, times
from tests.houses import SITE, House, furnish
from tests.trust.servers import Server, serving
from tests.world import World, build

ROUNDS = 12
MOST_TO_LAST_BYTE = 0.03
SECONDS = 8.0
AT_ONCE = (1, 4, 8)
"""People who print without pause; eight are more than anybody will see, and more than the processor can set."""
FOREIGN = Identity("Ḁlexander ẞ", "Anḁ", dt.date(1980, 2, 3), "F-1", None)
"""A name with letters that our stamps lack and our fonts have."""
MOST_SLOWED = 3.0
"""How much longer a page may take while one process sets papers on one of two cores and this program uses the other."""


class Watching(Press):
    """A press that keeps what it was last given, for the same page to be set in another way."""

    given: tuple[tuple[Any, ...], dict[str, Any]]

    def print(self, *words: Any, **known: Any) -> Any:
        """Print it."""
        self.given = words, known
        return super().print(*words, **known)

    def page(self) -> tuple[str, str]:
        """The filled page, and its style."""
        (html, css, values, registries), known = self.given
        return fill(html, values, registries, role=known["role"], demo=known["demo"]), css


def printed(ground: Ground) -> Iterator[Figure]:
    """One filled form through our pages, and what it costs the others."""
    house = furnish("sqlite", ground.folder, "papers", ground.printer)
    world = build(house)
    world.house = house
    yield from _beside_plain(ground, house, world)
    in_full = _printed_for(house, world, FOREIGN)
    with serving(house) as server:
        yield from _undisturbed(server, world, f"/consents/{in_full}/paper")
    house.close()


def _printed_for(house: House, world: World, identity: Identity) -> str:
    """The public id of a printed form of a patient with this identity."""
    with house.acting(world.people["owner"]) as actor:
        hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        patient = patients.enrol(actor, hospital, identity=identity, sex=Sex.FEMALE)
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, form)
        return str(form.public_id)


def _beside_plain(ground: Ground, house: House, world: World) -> Iterator[Figure]:
    """The page that gives the PDF, rights and audit entry included; and the click that leads there."""
    watching, premises = Watching(ground.printer, house.var / "papers"), house.app.extensions["premises"]
    house.app.extensions["premises"] = dataclasses.replace(premises, printer=watching)
    key = world.forms["printed"][1]
    paper, click = opening(house, world.people["owner"], f"/consents/{key}/paper"), timed(_click(house, world, key))
    paper(1)
    (words, known), (html, css) = watching.given, watching.page()
    told = {name: known[name] for name in ("title", "language", "created")}
    plain = Plain(ground.folder, html, css)
    jobs: dict[str, Callable[[int], list[float]]] = {
        "paper": paper,
        "click": times(click),
        "stamped": times(timed(lambda: watching.print(*words, **known))),
        "in full": times(timed(lambda: ground.printer.render(html, css, **told))),
        "plain": lambda count: plain.prints(None, count),
        "tagged": lambda count: plain.prints("pdf/a-3a", count),
    }
    try:
        spent = in_turns(jobs, rounds=ROUNDS, each=1)
    finally:
        house.app.extensions["premises"] = premises
        plain.close()
    tagged = "write_pdf(pdf_variant='pdf/a-3a')"
    yield _slower("one filled form, the page that gives the PDF", spent["paper"], "write_pdf()", spent["plain"])
    within = f"under {MOST_TO_LAST_BYTE * 1e3:g} ms"
    share = spent["paper"] / MOST_TO_LAST_BYTE
    yield Figure("the same, from request to last byte", ms(spent["paper"]), within, share, within, share < 1)
    yield _slower("the whole click: note the print, then give the PDF", spent["click"], "write_pdf()", spent["plain"])
    yield _slower("a form with letters the stamps lack, set in full", spent["in full"], "write_pdf()", spent["plain"])
    yield _slower("the same, beside the same kind of PDF", spent["in full"], tagged, spent["tagged"])
    yield _slower("stamping alone (step B's goal)", spent["stamped"], "write_pdf()", spent["plain"], 0.01)


def _slower(what: str, ours: float, variant: str, peer: float, most: float = 1) -> Figure:
    ratio = ours / peer
    return Figure(what, ms(ours), f"warm `HTML(...).{variant}`: {ms(peer)}", ratio, f"at most {most:g}", ratio <= most)


def _click(house: House, world: World, key: str) -> Callable[[], None]:
    """What a browser does when somebody clicks on Print."""
    client = world.client("owner")

    def print_it() -> None:
        seen = house.value("SELECT version FROM consent_form WHERE public_id = :key", key=key)
        sent = client.post(f"/consents/{key}/print", data={"seen": str(seen)})
        assert sent.status_code == 302, sent.status_code
        shown = client.get(sent.headers["Location"].removeprefix(SITE))
        assert shown.mimetype == "application/pdf", shown.status_code

    return print_it


def _undisturbed(server: Server, world: World, paper: str) -> Iterator[Figure]:
    """A list, and a record (whose opening is written down), of one web process: alone, and while others print.

    What they print is set in full, the slowest way there is.
    """
    pages = ("/patients/", f"/patients/{world.patients['printed'][1]}")
    for address in (*pages * 20, paper):
        _ask(server, address)
    print_alone = statistics.median(timed(lambda: _ask(server, paper))() for _ in range(5))
    alone = _for_a_while(server, pages)
    for people in AT_ONCE:
        beside = _while_printing(server, pages, paper, people)
        for page, name in zip(pages, ("list", "record"), strict=True):
            yield _held(
                f"{name} page while {people} print in full without pause", beside[page], alone[page], print_alone
            )


def _held(what: str, beside: list[float], alone: list[float], a_print: float) -> Figure:
    """Held up: a page that waits for a print takes as long as one at least."""
    ratio = statistics.median(beside) / statistics.median(alone)
    return Figure(
        what,
        f"{ms(statistics.median(beside))}, p95 {ms(high(beside))}",
        f"alone: {ms(statistics.median(alone))}, p95 {ms(high(alone))}; a print alone: {ms(a_print)}",
        ratio,
        f"at most {MOST_SLOWED:g}, and p95 under a print",
        ratio <= MOST_SLOWED and high(beside) < a_print,
    )


def _ask(server: Server, address: str) -> None:
    reply = server.send("GET", address)
    assert reply.status == 200, (address, reply.status)


def _while_printing(server: Server, pages: tuple[str, ...], paper: str, people: int) -> dict[str, list[float]]:
    """Seconds of the pages meanwhile."""
    stop = threading.Event()

    def keep_printing() -> None:
        while not stop.is_set():
            _ask(server, paper)

    threads = [threading.Thread(target=keep_printing) for _ in range(people)]
    for one in threads:
        one.start()
    time.sleep(0.5)
    found = _for_a_while(server, pages)
    stop.set()
    for one in threads:
        one.join()
    return found


def _for_a_while(server: Server, pages: tuple[str, ...]) -> dict[str, list[float]]:
    until, spent = time.monotonic() + SECONDS, {page: list[float]() for page in pages}
    while time.monotonic() < until or any(len(seconds) < 2 for seconds in spent.values()):
        for page, seconds in spent.items():
            seconds.append(timed(lambda: _ask(server, page))())  # noqa: B023  asked at once
    return spent
