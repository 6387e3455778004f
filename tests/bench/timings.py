"""How the benches measure: the same WSGI client for every application, jobs in turns, lower quartiles, ratios of one run.

The machine is never quiet, so what is compared is measured in turns: a slow minute then falls on both. And a quarter of
the runs, not half of them, has to be left in peace for a figure to hold.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app


class Figure(NamedTuple):
    """One line of the table: what, ours, what it is compared with, their ratio, the goal, and whether it is kept.

    ``kept`` is ``None`` where there is no goal.
    """

    what: str
    ours: str
    peer: str
    ratio: float
    goal: str
    kept: bool | None


def reader(app: Flask, path: str, cookie: str, site: str) -> Callable[[], float]:
    """A job that asks for a page as a browser with this cookie would, and gives its seconds."""
    given = EnvironBuilder(path, base_url=site, headers={"Cookie": cookie, "Accept-Language": "en"}).get_environ()

    def ask() -> float:
        begun = time.perf_counter()
        _body, status, _headers = run_wsgi_app(app.wsgi_app, dict(given), buffered=True)
        spent = time.perf_counter() - begun
        if not status.startswith("200"):
            raise AssertionError(f"{path} answered {status}")
        return spent

    return ask


def in_turns(jobs: dict[str, Callable[[int], list[float]]], rounds: int, each: int = 5) -> dict[str, float]:
    """The lower quartile of each job's seconds; in every round each runs a few times, and the first round counts not."""
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            seconds = job(each)
            if turn:
                spent[name] += seconds
    return {name: statistics.quantiles(seconds, n=4)[0] for name, seconds in spent.items()}


def times(job: Callable[[], float]) -> Callable[[int], list[float]]:
    """The job, so many times."""
    return lambda count: [job() for _ in range(count)]


def timed(work: Callable[[], Any]) -> Callable[[], float]:
    """A job that gives the seconds of ``work``."""

    def run() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return run


def high(seconds: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(seconds, n=20)[-1]


def ms(seconds: float) -> str:
    """Seconds, as the table shows them."""
    return f"{seconds * 1000:.1f} ms"
