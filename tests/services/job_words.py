"""Jobs of a test: asked for, run, and what their rows and the log say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.models import Job
from app.services import housekeeping, jobs

DONE: list[Any] = []
assert housekeeping.job is jobs.job  # its kinds are registered, and set aside below


@contextmanager
def own_kinds() -> Iterator[None]:
    """Only this test's kinds of job."""
    kept, jobs.KINDS = dict(jobs.KINDS), {}
    DONE.clear()
    try:
        yield
    finally:
        jobs.KINDS = kept


def run_due(house: Any) -> int:
    return jobs.run_due(house.app.app_context)


def states(house: Any) -> list[tuple[str, int]]:
    return [tuple(row) for row in house.rows("SELECT state, attempts FROM job ORDER BY id")]


def words(house: Any) -> list[str]:
    return [row[0] for row in house.rows("SELECT act FROM audit_entry WHERE thing = 'Job' ORDER BY seq")]


def later(house: Any, seconds: float) -> None:
    """Let the waiting jobs be due, as if time had passed."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(Job.__table__.update().values(due_at=moment))
        session.commit()


def ask(house: Any, kind: str, **given: Any) -> None:
    with house.app.app_context():
        jobs.ask(kind, {"number": 7}, **given)
