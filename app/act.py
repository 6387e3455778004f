"""Doing something: the one way a record changes.

``@act("consent.sign")`` does, in this order: right on the record as stored, step, the function itself, right on the record
as it will be stored, audit entry, commit (outermost act only), outbox. A refusal rolls everything back and leaves one
``refused`` entry. Who may is ``access``; in what order is ``steps``; what the log holds is ``audit``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Select, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app import access, audit, sight, steps
from app.actors import Actor
from app.errors import Conflict, NotAllowed, Refusal, WrongStep
from app.models import OnceKey, db, now
from app.words import _

P = ParamSpec("P")
R = TypeVar("R")

ACTS: dict[str, Callable[..., Any]] = {}
"""Every act by name: what a page calls and the house tests walk."""


def act(name: str, *, creates: type[Any] | None = None, gives_away: bool = False) -> Callable[..., Any]:
    """Make a service function an act.

    The function takes ``(actor, thing, **given)``; ``thing`` is the record acted on, or the parent of what it makes.
    The act itself takes two more words: ``seen``, the version the user saw (lost update), and ``once``, the one-time key
    of a create form (double submit).

    Args:
        name: a row of ``access.ACCESS``.
        creates: the table of the record the function returns; its ``see`` right is asked at the end.
        gives_away: the actor may lose the right by this act, so it is not asked again.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def perform(actor: Actor, thing: Any, /, *, seen: int | None = None, once: str | None = None, **given: Any) -> R:
            call = Call(name, function, creates, gives_away, actor)
            outermost = not db.session.info.get("acting")
            if not outermost:
                return call.run(thing, seen, given)
            return _transaction(call, thing, seen, once, given)

        ACTS[name] = perform
        return perform

    return decorate


class Call:
    """One call of an act."""

    def __init__(
        self, name: str, function: Callable[..., Any], creates: type[Any] | None, gives_away: bool, actor: Actor
    ) -> None:
        self.name, self.function, self.creates, self.gives_away, self.actor = name, function, creates, gives_away, actor
        self.session: Session = db.session()

    def run(self, thing: Any, seen: int | None, given: dict[str, Any]) -> Any:
        """Right, step, function, right, entry: inside a transaction."""
        nested = bool(self.session.info["acting"])
        self.session.info["acting"].append(self.name)
        stored = self._stored(thing, nested=nested)
        if seen is not None and stored.version != seen:
            raise Conflict(_("Somebody else changed this meanwhile. Compare both versions and save again."))
        entry = audit.Entry.of(self.name, self.actor, stored)
        self.session.info["entries"].append(entry)
        after = self._step(stored)
        result = self.function(self.actor, stored, **given)
        if after is not None:
            steps.move(stored, after)
        made = result if self.creates else None
        if made is not None:
            self._place(made)
        entry.fields |= _changed(self.session)
        self.session.flush()
        entry.about(made if made is not None else stored, self.actor)
        self._still_allowed(stored, made, nested=nested)
        self.session.info["acting"].pop()
        return result

    def _stored(self, thing: Any, *, nested: bool) -> Any:
        """The record as the database has it now, locked; refused without the right."""
        table = type(thing)
        if self.actor.system or nested:
            where = table.id == thing.id
        else:
            where = (table.id == thing.id) & access.right(self.actor, self.name)
        if nested:
            return thing
        statement: Select[Any] = select(table).where(where).with_for_update(of=table)
        stored = self.session.execute(statement.execution_options(populate_existing=True)).unique().scalar_one_or_none()
        if stored is None:
            raise NotAllowed(_("Your role does not allow this here."))
        return stored

    def _step(self, stored: Any) -> Any:
        table = type(stored)
        if table not in steps.lives(self.name):
            return None
        return steps.destination(table, steps.state_of(stored), self.name)

    def _place(self, made: Any) -> None:
        """Give a new record its first state."""
        if self.creates in steps.lives(self.name):
            steps.move(made, steps.destination(type(made), None, self.name))
        self.session.add(made)

    def _still_allowed(self, stored: Any, made: Any, *, nested: bool) -> None:
        """Ask the right again on what will be stored."""
        if self.actor.system or self.gives_away or (nested and made is None):
            return
        thing, name = (made, access.see(type(made))) if made is not None else (stored, self.name)
        table = type(thing)
        found = self.session.execute(select(table.id).where(table.id == thing.id, access.right(self.actor, name)))
        if found.first() is None:
            raise NotAllowed(_("This would take the record out of your reach."))


def _changed(session: Session) -> set[str]:
    """Names of the columns about to be written."""
    names: set[str] = set()
    for record in session.dirty:
        state = inspect(record)
        names |= {a.key for a in state.attrs if a.key != "version" and a.history.has_changes()}
    return names


def _begin(session: Session) -> None:
    """End what was read so far and start a transaction that may write (SQLite: BEGIN IMMEDIATE)."""
    session.commit()
    session.info.update(acting=[], entries=[], undo=[], wake=False)
    session.connection(execution_options={"writes": True})


def _transaction(call: Call, thing: Any, seen: int | None, once: str | None, given: dict[str, Any]) -> Any:
    session = call.session
    _begin(session)
    key = hashlib.sha256(once.encode()).digest() if once else None
    try:
        first = _made_before(session, call, key)
        if first is not None:
            session.rollback()
            return first
        result = call.run(thing, seen, given)
        if key and call.creates:
            session.add(OnceKey(key_hash=key, thing_id=result.public_id, at=now()))
            session.flush()
        audit.write(session, session.info["entries"])
        session.commit()
    except BaseException as error:
        _undo(session)
        return _explain(error, call, thing, key)
    finally:
        wake = session.info.pop("wake", False)
        for word in ("acting", "entries", "undo"):
            session.info.pop(word, None)
    if wake:
        _wake()
    return result


def _made_before(session: Session, call: Call, key: bytes | None) -> Any:
    """The record an earlier submit of the same form made."""
    if key is None or call.creates is None:
        return None
    with sight.wide("command" if call.actor.system else "nickname") as other:
        public_id = other.execute(select(OnceKey.thing_id).where(OnceKey.key_hash == key)).scalar()
    if public_id is None:
        return None
    return session.execute(select(call.creates).where(call.creates.public_id == public_id)).scalar_one_or_none()


def _undo(session: Session) -> None:
    """Roll back, and take away what was written outside the database."""
    undo = session.info.get("undo", [])
    session.rollback()
    for step in undo:
        step()


def _explain(error: BaseException, call: Call, thing: Any, key: bytes | None) -> Any:
    """Turn what went wrong into a refusal, and note it."""
    if isinstance(error, IntegrityError) and key is not None:
        first = _made_before(call.session, call, key)
        if first is not None:
            return first
    if isinstance(error, StaleDataError):
        error = Conflict(_("Somebody else changed this meanwhile. Compare both versions and save again."))
    if isinstance(error, NotAllowed | WrongStep):
        audit.refuse(call.actor, call.name, thing)
    if isinstance(error, Refusal | BaseException):
        raise error
    return None


def undo_on_rollback(step: Callable[[], None]) -> None:
    """Run ``step`` if the act under way is rolled back: for files already written."""
    db.session.info["undo"].append(step)


def _wake() -> None:
    for listener in AFTER_COMMIT:
        listener()


AFTER_COMMIT: list[Callable[[], None]] = []
"""What to call after an act that left work in the outbox (the job engine registers itself here)."""
