"""Jobs: the row is the truth, each runs once for its due time, and a killed worker loses nothing."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine

import config
from app import act as acts
from app.act import act
from app.errors import Incomplete
from app.models import Job, Person, db
from app.services import housekeeping, jobs
from app.words import JobState
from tests import factories as make

DONE: list[Any] = []
assert housekeeping.job is jobs.job  # its kinds are registered, and set aside below


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    """Only this test's kinds of job."""
    kept, jobs.KINDS = dict(jobs.KINDS), {}
    DONE.clear()
    yield
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


# --- asking ---


def test_a_job_asked_for_inside_an_act_is_stored_and_noted_with_the_act(house: Any) -> None:
    jobs.job("count")(lambda _actor, payload: DONE.append(dict(payload)))
    with house.system():
        person_id = make.person("asker").id
        db.session.commit()
    kept = acts.ACTS["person.prefer"]
    asking = act("person.prefer")(
        lambda actor, _person: jobs.ask("count", {"number": 7}, person_id=actor.user_id) and None
    )
    acts.ACTS["person.prefer"] = kept

    with house.acting(person_id) as actor:
        asking(actor, db.session.get(Person, person_id))

    assert states(house) == [("queued", 0)]
    noted = [row[0] for row in house.rows("SELECT act FROM audit_entry ORDER BY seq")]
    assert noted == ["person.prefer", "job.ask"]
    assert run_due(house) == 1
    assert DONE == [{"number": 7}]


def test_a_job_of_an_act_that_is_refused_was_never_asked_for(house: Any) -> None:
    jobs.job("count")(lambda _actor, payload: DONE.append(payload))
    with house.system():
        person_id = make.person("asker").id
        db.session.commit()
    kept = acts.ACTS["person.prefer"]

    def ask_and_refuse(actor: Any, _person: Any) -> None:
        jobs.ask("count", {}, person_id=actor.user_id)
        raise Incomplete("no")

    asking = act("person.prefer")(ask_and_refuse)
    acts.ACTS["person.prefer"] = kept

    with house.acting(person_id) as actor, pytest.raises(Incomplete):
        asking(actor, db.session.get(Person, person_id))

    assert states(house) == []
    assert words(house) == []
    assert run_due(house) == 0


def test_an_unknown_kind_of_job_is_refused_when_it_is_asked_for(house: Any) -> None:
    with house.app.app_context(), pytest.raises(KeyError, match="no such kind of job: nonsense"):
        jobs.ask("nonsense", {})
    assert states(house) == []


# --- running ---


def test_a_job_runs_once_and_is_noted_when_asked_and_when_finished(house: Any) -> None:
    jobs.job("count")(lambda actor, payload: DONE.append((actor.system, payload["number"])))
    ask(house, "count")

    assert run_due(house) == 1
    assert run_due(house) == 0

    assert DONE == [("job", 7)]
    assert states(house) == [("done", 1)]
    assert words(house) == ["job.ask", "job.finish"]


def test_a_job_waits_for_its_due_time(house: Any) -> None:
    jobs.job("count")(lambda _actor, payload: DONE.append(payload))
    ask(house, "count", due_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5))

    assert run_due(house) == 0
    later(house, 1)
    assert run_due(house) == 1


def test_four_workers_run_twenty_jobs_once_each(house: Any) -> None:
    jobs.job("count")(lambda _actor, payload: DONE.append(payload["number"]))
    with house.app.app_context():
        for number in range(20):
            jobs.ask("count", {"number": number})
    workers = [threading.Thread(target=run_due, args=(house,)) for _one in range(4)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(DONE) == list(range(20))
    assert states(house) == [("done", 1)] * 20


def test_a_job_of_a_person_has_the_rights_of_that_person_and_none_once_the_account_is_closed(house: Any) -> None:
    jobs.job("who")(lambda actor, _payload: DONE.append((actor.user_id, sorted(role.value for role in actor.roles))))
    with house.system():
        open_id, closed_id = make.person("open").id, make.person("closed").id
        db.session.get(Person, closed_id).disabled_at = dt.datetime.now(dt.UTC)
        db.session.commit()
    ask(house, "who", person_id=open_id)
    ask(house, "who", person_id=closed_id)

    run_due(house)

    assert [(open_id, ["Any signed-in"]), (0, ["Public"])] == DONE


def test_progress_is_in_the_row_while_the_job_runs(house: Any) -> None:
    def work(_actor: Any, _payload: Any) -> None:
        jobs.report(3, 8)
        DONE.extend(house.rows("SELECT progress, total, state FROM job"))

    jobs.job("slow")(work)
    ask(house, "slow")

    run_due(house)

    assert [tuple(row) for row in DONE] == [(3, 8, "running")]


# --- failing ---


def test_a_failing_job_is_tried_five_times_with_growing_pauses_and_says_nothing_of_the_data(house: Any) -> None:
    def fail(_actor: Any, _payload: Any) -> None:
        raise ValueError("Maria Papadopoulou")

    jobs.job("fails")(fail)
    ask(house, "fails")
    pauses = []
    for _attempt in range(4):
        run_due(house)
        due = house.value("SELECT due_at FROM job")
        due = dt.datetime.fromisoformat(due) if isinstance(due, str) else due
        pauses.append(round((due.replace(tzinfo=dt.UTC) - dt.datetime.now(dt.UTC)).total_seconds() / 30))
        assert run_due(house) == 0
        later(house, 1)

    run_due(house)

    assert pauses == [1, 4, 16, 64]
    assert [tuple(row) for row in house.rows("SELECT state, attempts, error FROM job")] == [("failed", 5, "ValueError")]
    assert words(house) == ["job.ask", "job.fail"]
    assert run_due(house) == 0


def test_a_refused_job_tells_the_sentence_of_the_refusal(house: Any) -> None:
    def refuse(_actor: Any, _payload: Any) -> None:
        raise Incomplete("Choose a registry.")

    jobs.job("refused")(refuse)
    ask(house, "refused")

    run_due(house)

    assert house.value("SELECT error FROM job") == "Choose a registry."


def test_what_a_failing_job_wrote_is_rolled_back(house: Any) -> None:
    def write_and_fail(_actor: Any, _payload: Any) -> None:
        db.session.add(Person(first_name="Half", last_name="Written", username="half", email="half@x.example"))
        db.session.flush()
        raise RuntimeError

    jobs.job("half")(write_and_fail)
    ask(house, "half")
    before = house.value("SELECT count(*) FROM ab_user")

    run_due(house)

    assert house.value("SELECT count(*) FROM ab_user") == before


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
        workers = [threading.Thread(target=run_due, args=(house,)) for _one in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
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


# --- the page ---


def test_a_person_sees_their_own_jobs_and_nobody_elses(house: Any) -> None:
    jobs.job("count")(lambda _actor, _payload: None)
    with house.system():
        mine, other = make.person("mine").id, make.person("other").id
        db.session.commit()
    ask(house, "count", person_id=mine)
    ask(house, "count", person_id=other)
    own_id, foreign_id = (row[0] for row in house.rows("SELECT public_id FROM job ORDER BY id"))
    client = house.client_for(mine)

    listed = client.get("/jobs/").get_data(as_text=True)
    shown = client.get(f"/jobs/{own_id}")
    foreign, nowhere = client.get(f"/jobs/{foreign_id}"), client.get("/jobs/0123456789abcdef0123456789abcdef")

    assert [own_id in listed, foreign_id in listed] == [True, False]
    assert shown.status_code == 200
    assert f'hx-get="/jobs/{own_id}"' in shown.get_data(as_text=True)
    assert foreign.status_code == nowhere.status_code == 404


def test_the_states_a_job_goes_through_are_steps(house: Any) -> None:
    from app import steps

    assert {state for step in steps.STEPS[Job] for state in (step[0], step[2])} == {None, *JobState}
