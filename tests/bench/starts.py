"""Starting, and what a web process weighs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

import config
from tests.bench.grounds import Ground
from tests.bench.timings import Figure, ms
from tests.houses import House, environment, furnish
from tests.trust.servers import serving
from tests.world import World, build

MOST_SECONDS = 2.0
MOST_MEGABYTES = 150
TIMES = 5
PAGES = ("/", "/patients/", "/consents/", "/memberships/", "/people/", "/hospitals/")


def started(ground: Ground) -> Iterator[Figure]:
    """From nothing to an application, from nothing to the first answer, and a worker's memory after some hundred pages."""
    house = furnish("sqlite", ground.folder, "starts", ground.printer)
    world = build(house)
    yield _imported(house)
    yield _answering(house)
    yield _weight(house, world)
    house.close()


def _imported(house: House) -> Figure:
    known = {**os.environ, **environment(house.var)}
    spent = []
    for _ in range(TIMES + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "from run import app"], cwd=config.ROOT, env=known, check=True)
        spent.append(time.perf_counter() - begun)
    return _second("`python -c 'from run import app'`, warm", statistics.median(spent[1:]))


def _answering(house: House) -> Figure:
    spent = []
    for _ in range(TIMES + 1):
        begun = time.perf_counter()
        with serving(house):
            spent.append(time.perf_counter() - begun)
    return _second("gunicorn to its first answer, warm", statistics.median(spent[1:]))


def _second(what: str, seconds: float) -> Figure:
    ratio = seconds / MOST_SECONDS
    return Figure(what, ms(seconds), f"{MOST_SECONDS:g} s", ratio, f"under {MOST_SECONDS:g} s", ratio < 1)


def _weight(house: House, world: World) -> Figure:
    printed = f"/consents/{world.forms['printed'][1]}/paper"
    with serving(house) as server:
        for turn in range(60):
            for page in PAGES:
                server.send("GET", page)
            if turn % 20 == 0:
                server.send("GET", printed)
        family = psutil.Process(server.process.pid).children(recursive=True)
        resident = {one.pid: one.memory_info().rss / 2**20 for one in family}
        (worker,) = psutil.Process(server.process.pid).children()
        ours, all_of_it = resident.pop(worker.pid), sorted(resident.values(), reverse=True)
    others = ", ".join(f"{size:.0f}" for size in all_of_it)
    peer = f"{MOST_MEGABYTES} MB (the printer's own processes beside it: {others} MB)"
    ratio = ours / MOST_MEGABYTES
    return Figure(
        "a web process after 360 pages and 3 prints, resident", f"{ours:.0f} MB", peer, ratio, "under 1", ratio < 1
    )
