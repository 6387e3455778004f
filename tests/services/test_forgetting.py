"""What is done with is deleted by a daily job: mails, and addresses of accounts that ended long ago."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import update

from app.models import Mail, db, now
from app.services import jobs, messages
from app.services.housekeeping import KEPT_DAYS
from app.words import RequestKind
from tests import factories as make

DAY = dt.timedelta(days=1)


def test_mails_that_are_done_with_are_deleted_after_their_days(house: Any) -> None:
    with house.system():
        person_id = make.person("Anna").id
        db.session.commit()
    states = ("sent", "unsent", "undelivered", "to_send", "sending", "sent")
    with house.app.app_context():
        for _state in states:
            messages.post(person_id, "request.named", {"role": RequestKind.CLINICIAN})
    table = Mail.__table__
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        for number, state in enumerate(states, start=1):
            days = KEPT_DAYS + (1 if number < len(states) else -1)
            given = {"state": state, "written_at": now() - days * DAY, "sent_at": now(), "tried_at": now()}
            session.execute(update(table).where(table.c.id == number).values(due_at=now() + DAY, **given))
        session.commit()
    jobs.run_due(house.app.app_context)
    assert [tuple(row) for row in house.rows("SELECT id, state FROM mail ORDER BY id")] == [
        (4, "to_send"),
        (5, "sending"),
        (6, "sent"),
    ]


def test_the_address_of_an_account_that_ended_long_ago_is_forgotten_but_not_whose_it_is(house: Any) -> None:
    years = house.app.config["SETTINGS"]["ACCEPTANCE_YEARS"]
    with house.system():
        for name, days in (("gone", 366 * years), ("just gone", 365 * years - 9), ("here", None)):
            ended = None if days is None else now() - days * DAY
            make.identity(make.person(name, disabled_at=ended), f"{name[:4]}@login.example")
    jobs.run_due(house.app.app_context)
    rows = house.rows("SELECT email, email_verified, length(subject) AS size FROM login_identity ORDER BY id")
    assert [(row.email, bool(row.email_verified), row.size) for row in rows] == [
        (None, False, 32),
        ("just@login.example", True, 32),
        ("here@login.example", True, 32),
    ]
