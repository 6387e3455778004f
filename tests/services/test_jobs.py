"""Jobs: the row is the truth, each runs once for its due time, and what fails says nothing of the data."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app import act as acts
from app.act import act
from app.errors import Incomplete
from app.models import Job, Person, db
from app.services import jobs
from app.words import JobState
from tests import factories as make
from tests.moments import at_once
from tests.services.job_words import DONE, ask, later, run_due, states, words

pytestmark = pytest.mark.usefixtures("kinds")


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

    at_once(run_due, [house] * 4)

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
