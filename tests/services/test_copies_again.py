"""Copies that cannot be made are asked for again, more and more seldom; ``fsck`` names them all the while."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from app.models import Job, now
from app.words import JobState
from tests.services.copy_words import DAY, aged, archive, asked, run_due

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("failures", "days_ago", "asks"), [(0, 0, 1), (1, 1, 0), (1, 3, 1), (3, 7, 0), (3, 9, 1), (9, 31, 0), (9, 33, 1)]
)
def test_after_each_failure_a_copy_rests_twice_as_long(sealed: Any, failures: int, days_ago: int, asks: int) -> None:
    archive(sealed)
    aged(sealed, 40)
    with sealed.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(delete(Job).where(Job.kind == "copy.make"))
        for number in range(failures):
            at = now() - (days_ago + failures - 1 - number) * DAY
            row = Job(kind="copy.make", payload={"form": sealed.forms["signed"][1]}, public_id=f"{number:032x}")
            row.due_at = row.created_at = row.started_at = row.finished_at = at
            row.state, row.attempts, row.error = JobState.FAILED, 5, "damaged"
            session.add(row)
        session.commit()

    run_due(sealed)  # the daily sweep, and the copy when it asks for one

    assert len(asked(sealed)) - failures == asks
