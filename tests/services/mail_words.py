"""A house that hands its mail to a post office: words for the tests of mails on their way."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import update

from app import actors
from app.models import Mail, db, now
from app.services import housekeeping, jobs, messages
from app.words import MailState, MandateKind
from config import Settings
from tests import factories as make
from tests.posts import PostOffice

FACTS = {"role": MandateKind.ASSISTANT, "place": "Klinik für seltene Fälle", "day": dt.date(2026, 11, 22)}
MINUTE = dt.timedelta(minutes=1)
SENDER = "CPMS Leitstelle <cpms@operator.example>"


@contextmanager
def mailing(house: Any, office: PostOffice | None, **settings: Any) -> Iterator[None]:
    """Inside, the house hands its mail to this post office."""
    known = house.app.extensions["premises"]
    given = {
        "MAIL_SERVER": "127.0.0.1" if office else "",
        "MAIL_PORT": office.port if office else 25,
        "MAIL_TLS": "none",
        "MAIL_FROM": SENDER,
        **settings,
    }
    changed = Settings({**known.settings.values, **given})
    house.app.extensions["premises"] = dataclasses.replace(known, settings=changed)
    try:
        yield
    finally:
        house.app.extensions["premises"] = known


def account(house: Any, first_name: str = "Anna", **given: Any) -> int:
    with house.system():
        person_id: int = make.person(first_name, **given).id
        db.session.commit()
    return person_id


def write(house: Any, person_id: int, kind: str = "place.given", facts: Any = None, **given: Any) -> None:
    with house.app.app_context():
        messages.post(person_id, kind, FACTS if facts is None else facts, **given)


def sweep(house: Any) -> None:
    """What the job worker does every minute."""
    jobs.run_due(house.app.app_context)


def sent(house: Any) -> None:
    """The server has taken what waited."""
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        waiting = update(Mail).where(Mail.state == MailState.QUEUED)
        session.execute(waiting.values(state=MailState.SENT, sent_at=now()))
        session.commit()


def sent_and_forgotten(house: Any) -> None:
    """The server has taken what waited, and what was written long ago is deleted."""
    sent(house)
    with house.app.app_context():
        housekeeping.forget_mails(actors.system("expiry"), {})


def states(house: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in house.rows("SELECT state, tries, fault FROM mail ORDER BY id")]


def let_time_pass(house: Any, **columns: Any) -> None:
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(update(Mail.__table__).values(**columns))
        session.commit()


def moment(value: Any) -> dt.datetime:
    found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
