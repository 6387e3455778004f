"""Workers that die, or sweep at the same time: no job is lost and none runs twice."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import time_machine

import config
from app.models import Job
from app.services import jobs
from tests.moments import at_once
from tests.services.job_words import DONE, ask, run_due, states, words

pytestmark = pytest.mark.usefixtures("kinds")


# --- workers that die ---


def test_a_job_that_lasts_longer_than_its_lease_is_not_started_twice(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE", dt.timedelta(seconds=1.5))

    def work(_actor: Any, _payload: Any) -> None:
        DONE.append("started")
        time.sleep(3)

    jobs.job("long")(work)
    ask(house, "long")
    worker = threading.Thread(target=run_due, args=(house,))
    worker.start()
    time.sleep(2.5)

    second = run_due(house)
    worker.join()

    assert (second, DONE) == (0, ["started"])
    assert states(house) == [("done", 1)]


def test_a_worker_that_was_thought_dead_does_not_end_the_job_of_its_successor(house: Any) -> None:
    def work(_actor: Any, _payload: Any) -> None:
        with house.everything() as session:  # as if another worker had taken it over
            session.connection(execution_options={"writes": True})
            session.execute(Job.__table__.update().values(attempts=2))
            session.commit()

    jobs.job("lost")(work)
    ask(house, "lost")

    run_due(house)

    assert states(house) == [("running", 2)]


WORKER = """
    import datetime as dt, sys, time
    from pathlib import Path
    import config
    from app import create_app
    from app.services import jobs
    jobs.LEASE = dt.timedelta(seconds=2)
    app = create_app(config.load(path=Path("/nowhere")))
    jobs.KINDS.clear()
    marks = Path(sys.argv[1])

    @jobs.job("marked")
    def marked(actor, payload):
        attempt = len(list(marks.iterdir()))
        (marks / str(attempt)).touch()
        if attempt == 0:
            time.sleep(60)

    jobs.keep_running(Path(sys.argv[2]), app.app_context)
"""


@pytest.mark.t_crash
def test_a_killed_worker_s_job_is_started_again_by_the_next_worker(house: Any, tmp_path: Path) -> None:
    from tests.houses import environment

    settings = house.app.config["SETTINGS"]
    urls = {
        name: settings[name].replace("postgresql+psycopg:", "postgresql:")
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
    }
    known = environment(house.var, **urls)
    marks = tmp_path / "marks"
    marks.mkdir()
    jobs.job("marked")(lambda _actor, _payload: None)
    ask(house, "marked")
    command = [sys.executable, "-c", textwrap.dedent(WORKER), str(marks), str(tmp_path)]

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=config.ROOT, env=os.environ | known)

    first = worker()
    try:
        wait_for(lambda: len(list(marks.iterdir())) == 1)
        first.kill()
        first.wait()
        assert states(house) == [("running", 1)]
        time.sleep(2.5)  # its lease runs out
        second = worker()
        try:
            wait_for(lambda: states(house) == [("done", 2)])
        finally:
            second.send_signal(signal.SIGTERM)
            assert second.wait(10) == 0
    finally:
        first.kill()

    assert words(house) == ["job.ask", "job.finish"]


def wait_for(true: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


# --- recurring ---


def test_daily_work_runs_once_a_day_whoever_sweeps(house: Any) -> None:
    jobs.job("daily", every=jobs.Every.DAY)(lambda _actor, _payload: DONE.append(1))
    with time_machine.travel(dt.datetime(2031, 5, 6, 0, 0, 30, tzinfo=dt.UTC), tick=True):
        at_once(run_due, [house] * 3)
        run_due(house)
    with time_machine.travel(dt.datetime(2031, 5, 7, 0, 0, 30, tzinfo=dt.UTC), tick=True):
        run_due(house)
        run_due(house)

    slots = [row[0] for row in house.rows("SELECT slot FROM job ORDER BY id")]
    assert slots == ["daily 2031-05-06", "daily 2031-05-07"]
    assert DONE == [1, 1]


def test_hourly_work_has_a_slot_for_each_hour(house: Any) -> None:
    jobs.job("hourly", every=jobs.Every.HOUR)(lambda _actor, _payload: DONE.append(1))
    for hour in (8, 9):
        with time_machine.travel(dt.datetime(2031, 5, 6, hour, 59, tzinfo=dt.UTC), tick=True):
            run_due(house)

    slots = [row[0] for row in house.rows("SELECT slot FROM job ORDER BY id")]
    assert slots == ["hourly 2031-05-06T08", "hourly 2031-05-06T09"]
