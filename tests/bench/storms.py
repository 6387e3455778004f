"""Sixty people signing in at the same moment with their passwords: how long all of them take, and what others feel of it."""

from __future__ import annotations

import http.client
import re
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlencode

from app.services import passwords
from tests import factories as make
from tests.bench.grounds import Ground
from tests.bench.timings import Figure, high, ms, timed
from tests.houses import furnish
from tests.trust.servers import HERE, Server, serving
from tests.world import build

PEOPLE, STORMS = 60, 5
MOST_SECONDS = 0.5
PASSWORD = "nobody else would think of this"
PAGES = ("/patients/", "/")
LONGEST_STORM = 60.0


class Storm(NamedTuple):
    """Statuses of the sign-ins, seconds of each, and seconds of the pages of others meanwhile."""

    statuses: list[int]
    waits: list[float]
    pages: list[float]


def stormed(ground: Ground) -> Iterator[Figure]:
    """On both databases, served as shipped, each storm of other people; the readers are signed in already."""
    for dialect in ("sqlite", "postgresql"):
        house = furnish(dialect, ground.folder, "storm", ground.printer)
        ground.others.append(house)
        build(house)
        known = passwords.hashed(PASSWORD)
        with house.system():
            names = [make.person(f"Storm {n}", password=known).email for n in range(PEOPLE * STORMS)]
        with serving(house, workers=2) as server:
            quiet = [timed(lambda: _page(server, n))() for n in range(80)][20:]  # noqa: B023  asked at once
            storms = [_storm(server, names[n::STORMS]) for n in range(STORMS)]
        yield from _told(dialect, quiet, storms)


def _told(dialect: str, quiet: list[float], storms: list[Storm]) -> Iterator[Figure]:
    inside = [status == http.client.FOUND for storm in storms for status in storm.statuses]
    yield Figure(
        f"{dialect}: signed in of {PEOPLE} at once, {STORMS} times",
        f"{sum(inside)} of {len(inside)}",
        f"the last is in after {max(max(storm.waits) for storm in storms):.1f} s",
        sum(inside) / len(inside),
        "all",
        all(inside),
    )
    pages = [seconds for storm in storms for seconds in storm.pages]
    p95 = high(pages)
    yield Figure(
        f"{dialect}: pages of others meanwhile, 95th percentile of {len(pages)}",
        ms(p95),
        f"median {ms(statistics.median(pages))}; alone: {ms(statistics.median(quiet))}, p95 {ms(high(quiet))}",
        p95 / MOST_SECONDS,
        f"under {MOST_SECONDS * 1000:g} ms",
        p95 < MOST_SECONDS,
    )


def _storm(server: Server, names: list[str]) -> Storm:
    """All have the page open and send their passwords at once; two others read until the last is in."""
    begun, over, pages = threading.Event(), threading.Event(), list[float]()
    gate = threading.Barrier(len(names), action=begun.set, timeout=LONGEST_STORM)

    def come_in(name: str) -> tuple[int, float]:
        cookie, token = _opened(server)
        gate.wait()
        since = time.perf_counter()
        return _sent(server, name, cookie, token), time.perf_counter() - since

    def read() -> None:
        begun.wait(LONGEST_STORM)
        while not over.is_set():
            pages.append(timed(lambda: _page(server, len(pages)))())

    with ThreadPoolExecutor(len(names) + 2) as crowd:
        readers = [crowd.submit(read) for _ in range(2)]
        found = list(crowd.map(come_in, names))
        over.set()
        for one in readers:
            one.result()
    return Storm([status for status, _wait in found], [wait for _status, wait in found], pages)


def _page(server: Server, number: int) -> None:
    reply = server.send("GET", PAGES[number % len(PAGES)])
    assert reply.status == 200, reply.status


def _opened(server: Server) -> tuple[str, str]:
    """A visitor's cookie and the token of the form."""
    connection = http.client.HTTPConnection(HERE, server.port, timeout=LONGEST_STORM)
    connection.request("GET", "/login/")
    answer = connection.getresponse()
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', answer.read().decode())
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    assert found is not None
    return cookie, found[1]


def _sent(server: Server, name: str, cookie: str, token: str) -> int:
    """The status that comes back."""
    headers = {
        "Cookie": cookie,
        "Referer": f"http://{HERE}:{server.port}/login/",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = urlencode({"csrf_token": token, "name": name, "password": PASSWORD})
    connection = http.client.HTTPConnection(HERE, server.port, timeout=LONGEST_STORM)
    connection.request("POST", "/login/", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status
