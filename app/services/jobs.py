"""Jobs: work to do later, and work that comes back every day.

The row in ``job`` is the truth: it is written with the transaction of the act that asks for the work, and a sweep
starts whatever is due and whatever a dead worker left. The engine (Huey) holds nothing but wakes: a lost one costs a
minute. A job runs at least once, so what it does is an act or may be done twice. The standing work is ``housekeeping``.

    @job("registry.export")
    def export(actor: Actor, payload: Mapping[str, Any]) -> None: ...

    ask("registry.export", {"registry": registry.public_id}, person_id=actor.user_id)   # inside an act
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import actors, audit, sight, steps
from app.act import AFTER_COMMIT
from app.actors import Actor
from app.errors import Refusal, WrongStep
from app.models import Job, Person, db, now
from app.premises import premises
from app.words import JobState

if TYPE_CHECKING:
    from huey import SqliteHuey

LEASE = dt.timedelta(seconds=60)
"""How long a worker counts as alive after its last sign of life."""
MOST_ATTEMPTS = 5
FIRST_PAUSE = dt.timedelta(seconds=30)
PAUSES_GROW = 4

Work = Callable[[Actor, Mapping[str, Any]], None]
Fresh = Callable[[], AbstractContextManager[Any]]
"""Opens what a job runs in: an application context of its own, and with it a session of its own."""

_log = logging.getLogger("cpms.jobs")


class Every(Enum):
    """How often recurring work comes back; the value makes the due time's name."""

    HOUR = "%Y-%m-%dT%H"
    DAY = "%Y-%m-%d"


class Kind(NamedTuple):
    """One kind of job: what it does, why it may see what it sees (``sight.REASONS``), when it comes back."""

    work: Work
    reason: str
    every: Every | None
    needed: Callable[[], bool] | None = None


KINDS: dict[str, Kind] = {}
"""Every kind of job by name."""


class Claim(NamedTuple):
    """A job this worker has started. The attempt's number shuts out a worker that was thought dead."""

    id: int
    kind: str
    payload: dict[str, Any]
    person_id: int | None
    attempt: int


_under_way: ContextVar[Claim | None] = ContextVar("job", default=None)


def job(
    name: str, *, reason: str = "job", every: Every | None = None, needed: Callable[[], bool] | None = None
) -> Callable[[Work], Work]:
    """Make a function a kind of job. It takes the actor and the payload.

    Args:
        name: the kind.
        reason: a row of ``sight.REASONS``, for jobs the system asks for itself.
        every: for recurring work.
        needed: for work that rows of its own tell of (an outbox): asked at every sweep; nobody asks for the job.
    """

    def register(work: Work) -> Work:
        KINDS[name] = Kind(work, reason, every, needed)
        return work

    return register


# --- asking ----------------------------------------------------------------------------------------------------------


def ask(
    kind: str, payload: Mapping[str, Any], *, person_id: int | None = None, due_at: dt.datetime | None = None
) -> Job:
    """Put work into the outbox: stored with the act under way, or at once when there is none.

    Args:
        kind: one of ``KINDS``.
        payload: plain data, no patient's words: it stays in the row.
        person_id: who asks; the job then has that person's rights of the day it runs. Without: the system's.
        due_at: not before; empty: now.
    """
    row = _row(kind, payload, person_id, due_at or now())
    session = db.session()
    if "acting" in session.info:
        session.add(row)
        session.info["entries"].append(_entry("job.ask", row))
        session.info["wake"] = True
        return row
    with _writing() as own:
        own.add(row)
        _commit(own, "job.ask", row)
    wake()
    return row


def _row(
    kind: str, payload: Mapping[str, Any], person_id: int | None, due_at: dt.datetime, slot: str | None = None
) -> Job:
    if kind not in KINDS:
        message = f"no such kind of job: {kind}"
        raise KeyError(message)
    row = Job(public_id=uuid.uuid4().hex, kind=kind, payload=dict(payload), person_id=person_id, slot=slot)
    row.due_at, row.created_at = due_at, now()
    steps.move(row, steps.destination(Job, None, "job.ask"))
    return row


def _entry(word: str, row: Job) -> audit.Entry:
    return audit.Entry(word, "done", row.person_id, "job", thing="Job", thing_id=row.public_id, fields={row.kind})


@contextmanager
def _writing() -> Iterator[Session]:
    """A session that sees every row and is about to write."""
    with sight.wide("job") as session:
        session.connection(execution_options={"writes": True})
        yield session


def _commit(session: Session, word: str, row: Job) -> None:
    """Note what became of the job, last in its transaction."""
    session.flush()
    audit.write(session, [_entry(word, row)])
    session.commit()


# --- starting --------------------------------------------------------------------------------------------------------


def run_due(fresh: Fresh) -> int:
    """Run everything that is due, one after the other; several workers share the work. Gives how many ran here."""
    with fresh():
        _ask_for_the_slots()
        _ask_for_what_is_needed()
    count = 0
    while (claim := _claim_next(fresh)) is not None:
        _run(claim, fresh)
        count += 1
    return count


def _ask_for_the_slots() -> None:
    """One row for each due time of recurring work; the slot's name is unique, so a second worker finds it taken."""
    for name, kind in KINDS.items():
        if kind.every is not None:
            pattern = kind.every.value
            due_at = dt.datetime.strptime(now().strftime(pattern), pattern).replace(tzinfo=dt.UTC)
            _ask_once(name, due_at, f"{name} {due_at:{pattern}}")


def _ask_once(kind: str, due_at: dt.datetime, slot: str) -> None:
    with sight.wide("job") as session:
        if session.scalar(select(Job.id).where(Job.slot == slot)) is not None:
            return
    with suppress(IntegrityError), _writing() as session:
        row = _row(kind, {}, None, due_at, slot)
        session.add(row)
        _commit(session, "job.ask", row)


def _ask_for_what_is_needed() -> None:
    """One row for work its own rows tell of, unless one is under way. Two workers at one moment may make two."""
    for name, kind in KINDS.items():
        if kind.needed is None or not kind.needed():
            continue
        with sight.wide("job") as session:
            open_states = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
            under_way = session.scalar(select(Job.id).where(open_states, Job.kind == name).limit(1)) is not None
        if not under_way:
            with _writing() as session:
                row = _row(name, {}, None, now())
                session.add(row)
                _commit(session, "job.ask", row)


def _claim_next(fresh: Fresh) -> Claim | None:
    with fresh():
        moment = now()
        due = or_(
            and_(Job.state == JobState.QUEUED, Job.due_at <= moment),
            and_(Job.state == JobState.RUNNING, Job.lease_until < moment),  # its worker died
        )
        with sight.wide("job") as session:
            if session.scalar(select(Job.id).where(due).limit(1)) is None:
                return None
        with _writing() as session:
            first = select(Job).where(due).order_by(Job.due_at, Job.id).limit(1)
            row = session.scalars(first.with_for_update(skip_locked=True)).first()
            return None if row is None else _claim(session, row, moment)


def _claim(session: Session, row: Job, moment: dt.datetime) -> Claim:
    steps.move(row, steps.destination(Job, row.state, "job.start"))
    row.attempts += 1
    row.started_at, row.lease_until, row.error = moment, moment + LEASE, None
    claim = Claim(row.id, row.kind, dict(row.payload), row.person_id, row.attempts)
    session.commit()
    return claim


def _run(claim: Claim, fresh: Fresh) -> None:
    """Do the work in a context of its own, and write down how it ended."""
    error = ""
    token = _under_way.set(claim)
    try:
        if claim.attempt > MOST_ATTEMPTS:
            error = "its worker died each time"
        else:
            with _signs_of_life(claim, fresh), fresh():
                _perform(claim)
    except Exception as fault:  # noqa: BLE001  whatever it is, the row says it
        error = _short(fault)
        where = traceback.extract_tb(fault.__traceback__)[-1]
        _log.error("%s: %s at %s:%s", claim.kind, type(fault).__name__, where.filename, where.lineno)
    finally:
        _under_way.reset(token)
    with fresh():
        _end(claim, error)


def _perform(claim: Claim) -> None:
    kind = KINDS[claim.kind]
    session = db.session()
    actor = actors.system(kind.reason) if claim.person_id is None else _person(session, claim.person_id)
    sight.bind(session, actor)
    kind.work(actor, claim.payload)


def _person(session: Session, person_id: int) -> Actor:
    """The person who asked, with the rights of today; without any once the account is closed."""
    with sight.wide("job") as own:
        person = own.get(Person, person_id)
    if person is None or not person.active or person.disabled_at is not None:
        return actors.nobody("job")
    return actors.load(session, person_id, "job")


def _short(fault: Exception) -> str:
    """What the row says: a refusal's sentence was written to be read, anything else may quote somebody's data."""
    return (str(fault) if isinstance(fault, Refusal) else type(fault).__name__)[:300]


# --- while it runs ---------------------------------------------------------------------------------------------------


def report(progress: int, total: int) -> None:
    """Say how far the job under way has come. Outside of a job it says it to nobody."""
    claim = _under_way.get()
    if claim is not None:
        _touch(claim, progress=progress, total=total)


def each(actor: Actor, act: Callable[..., None], table: type[Any], keys: Sequence[int]) -> None:
    """Do an act on each row, one after the other. What somebody has done meanwhile so that it is not due is passed over."""
    for done, key in enumerate(keys, start=1):
        try:
            act(actor, db.session.get(table, key))
        except WrongStep:
            db.session.rollback()
        report(done, len(keys))


def _touch(claim: Claim, **values: Any) -> None:
    """Write a sign of life into the row, as long as it is still ours."""
    table = Job.__table__
    ours = (table.c.id == claim.id, table.c.attempts == claim.attempt, table.c.state == JobState.RUNNING)
    with _writing() as session:
        session.execute(update(table).where(*ours).values(lease_until=now() + LEASE, **values))
        session.commit()


@contextmanager
def _signs_of_life(claim: Claim, fresh: Fresh) -> Iterator[None]:
    """Renew the lease three times in its length, until the work is done."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(LEASE.total_seconds() / 3):
            with fresh():
                _touch(claim)

    heart = threading.Thread(target=beat, name="job-heart", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


# --- its end ---------------------------------------------------------------------------------------------------------


def _end(claim: Claim, error: str) -> None:
    """Done; or again after a pause, at most five times; or failed."""
    with _writing() as session:
        row = session.get(Job, claim.id, with_for_update=True)
        if row is None or row.state is not JobState.RUNNING or row.attempts != claim.attempt:
            return  # another worker has it by now
        word = "job.finish" if not error else "job.retry" if row.attempts < MOST_ATTEMPTS else "job.fail"
        steps.move(row, steps.destination(Job, row.state, word))
        row.lease_until, row.error = None, error or None
        if word == "job.retry":
            row.due_at = now() + FIRST_PAUSE * PAUSES_GROW ** (row.attempts - 1)
            session.commit()
            return
        row.finished_at = now()
        _commit(session, word, row)


# --- the engine ------------------------------------------------------------------------------------------------------


def engine(folder: Path, sweep: Callable[[], Any] | None = None) -> tuple[SqliteHuey, Callable[[], Any]]:
    """Huey on a file in ``folder``, and what wakes it. ``sweep`` is what the worker does; others only wake."""
    from huey import SqliteHuey, crontab  # noqa: PLC0415  brings the clients of every store it knows; few processes wake

    huey = SqliteHuey("wakes", filename=str(folder / "wakes.sqlite"), results=False)

    def wake_up() -> None:
        if sweep is not None:
            sweep()

    called = huey.task(name="wake")(wake_up)
    huey.periodic_task(crontab(), name="every_minute")(wake_up)
    return huey, called


@cache
def _waker(folder: Path) -> Callable[[], Any]:
    return engine(folder)[1]


def wake() -> None:
    """Tell the worker that there is work. Should that fail, the next sweep finds the row all the same."""
    try:
        _waker(premises().settings["VAR"])()
    except Exception as fault:  # noqa: BLE001  the row is stored, and the act must not fail for a wake
        _log.warning("no wake: %s", type(fault).__name__)


AFTER_COMMIT.append(wake)


def keep_running(folder: Path, fresh: Fresh, workers: int = 2) -> None:
    """The job worker: sweep at once, at every wake and every minute, until SIGTERM or SIGINT."""
    huey, wake_up = engine(folder, lambda: run_due(fresh))
    huey.storage.flush_queue()
    wake_up()
    huey.create_consumer(
        workers=workers, max_delay=0.5, shutdown_timeout=5, graceful_signal="TERM", health_check_interval=5
    ).run()
