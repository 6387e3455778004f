"""Starting, and what the processes weigh."""

from __future__ import annotations

import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

import config
from tests.bench.crowds import Crowd
from tests.bench.grounds import Ground
from tests.bench.listing import LARGE
from tests.bench.timings import Figure, ms
from tests.houses import House, environment, furnish, login_of
from tests.trust.servers import HERE, Server, free_port, serving
from tests.world import World, build, token_of

MOST_SECONDS = 2.0
MOST_MEGABYTES = 150
TIMES = 7
READERS = 4
PAGES = ("/", "/patients/", "/consents/", "/memberships/", "/people/", "/hospitals/")


def started(ground: Ground) -> Iterator[Figure]:
    """From nothing to an application, from nothing to the first page; a worker's memory after some hundred pages."""
    house = furnish("sqlite", ground.folder, "starts", ground.printer)
    world = build(house)
    yield _second("`python -c 'from run import app'`, warm", [_imported(house) for _ in range(TIMES + 1)])
    yield _second(
        "`python run.py` to its first page (web server and job worker), warm", [_run(house) for _ in range(TIMES + 1)]
    )
    yield _weight_in_use(house, world)
    house.close()
    yield _weight_of_many(*ground.crowded("sqlite", LARGE))


class Spent(NamedTuple):
    """Seconds by the clock, and of processor."""

    seconds: float
    processor: float


def _second(what: str, spent: list[Spent]) -> Figure:
    """The best of the warm ones: how long it takes, not how busy the machine was."""
    warm = spent[1:]
    best, middle = min(one.seconds for one in warm), statistics.median(one.seconds for one in warm)
    processor = min(one.processor for one in warm)
    ratio = best / MOST_SECONDS
    told = f"{MOST_SECONDS:g} s (median {ms(middle)}; processor time {ms(processor)})"
    return Figure(f"{what}, best of {TIMES}", ms(best), told, ratio, f"under {MOST_SECONDS:g} s", ratio < 1)


def _imported(house: House) -> Spent:
    known = {**os.environ, **environment(house.var)}
    begun, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", "from run import app"], cwd=config.ROOT, env=known, check=True)
    after = os.times()
    return Spent(
        time.perf_counter() - begun,
        after.children_user + after.children_system - before.children_user - before.children_system,
    )


def _run(house: House) -> Spent:
    """What ``make run`` starts, until the page on which one signs in is there."""
    port = free_port()
    known = environment(house.var, PUBLIC_URL=f"http://{HERE}:{port}", BIND=f"{HERE}:{port}")
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "run.py"],
        cwd=config.ROOT,
        env={**os.environ, **known},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for_page(port, process)
            seconds = time.perf_counter() - begun
            return Spent(seconds, _processor(process.pid))
        finally:
            process.terminate()


def _wait_for_page(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection(HERE, port, timeout=20)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/login/")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.01)
    message = "no page came"
    raise AssertionError(message)


def _processor(leader: int) -> float:
    """Seconds of processor of a process and of all it started."""
    one = psutil.Process(leader)
    times = [process.cpu_times() for process in (one, *one.children(recursive=True))]
    return float(sum(spent.user + spent.system for spent in times))


def _weight_in_use(house: House, world: World) -> Figure:
    """A web process after pages and prints, and the printer's own two processes beside it."""
    printed = f"/consents/{world.forms['printed'][1]}/paper"
    with serving(house) as server:
        _read(server, rounds=60)
        for _ in range(3):
            server.send("GET", printed)
        ours, others = _resident(server)
    told = ", ".join(f"{size:.0f}" for size in others)
    return _weight(
        "a web process after 360 pages and 3 prints", ours, others, f"the printer's own processes: {told} MB"
    )


def _weight_of_many(house: House, crowd: Crowd) -> Figure:
    """A web process on a house of a hundred thousand patients, read by several people at once."""
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.add(login_of(crowd.clinician, token_of("owner")))
        session.commit()
    with serving(house) as server:
        readers = [threading.Thread(target=_read, args=(server, 15)) for _ in range(READERS)]
        for one in readers:
            one.start()
        for one in readers:
            one.join()
        ours, others = _resident(server)
    what = f"a web process after 360 pages for {READERS} readers at once among {LARGE:,} patients"
    return _weight(what, ours, others, "nothing was printed")


def _read(server: Server, rounds: int) -> None:
    for _ in range(rounds):
        for page in PAGES:
            reply = server.send("GET", page)
            assert reply.status == 200, (page, reply.status)


def _resident(server: Server) -> tuple[float, list[float]]:
    """Megabytes of the one web process, and of what it started."""
    (worker,) = psutil.Process(server.process.pid).children()
    sizes = [one.memory_info().rss / 2**20 for one in (worker, *worker.children(recursive=True))]
    return sizes[0], sorted(sizes[1:], reverse=True)


def _weight(what: str, ours: float, others: list[float], told: str) -> Figure:
    ratio = max(ours, *others, 0) / MOST_MEGABYTES
    peer = f"{MOST_MEGABYTES} MB ({told})"
    return Figure(f"{what}, resident", f"{ours:.0f} MB", peer, ratio, f"under {MOST_MEGABYTES} MB", ratio < 1)
