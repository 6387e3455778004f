"""Doing something: the one way a record changes.

``@act("consent.sign")`` does, in this order: right on the record as stored, step, the function itself, right on the record
as it will be stored, audit entry, commit (outermost act only), outbox. A refusal rolls everything back and leaves one
``refused`` entry. Who may is ``access``; in what order is ``steps``; what the log holds is ``audit``.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import Select, event, insert, inspect, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app import audit, rights, steps
from app.actors import Actor
from app.errors import Conflict, NotAllowed, Refusal
from app.models import MembershipRequest, OnceKey, Patient, RequestConfirmation, db, now
from app.premises import premises
from app.tables import engines
from app.words import _

R = TypeVar("R")

NOT_HERE = _("Your role does not allow this here.")
HAS_LEFT = _(
    "This hospital takes part in no network any more. Its records can be read and exported, and withdrawals recorded; "
    "nothing else can be changed."
)


class ReadOnly(NotAllowed):
    """The record's hospital takes part in no network any more."""

    heading = _("This hospital is read only")

    def __init__(self) -> None:
        super().__init__(HAS_LEFT)


CHANGED_MEANWHILE = _("Somebody else changed this meanwhile. Compare both versions and save again.")
NOT_SEEN = _("What was sent does not say what was on the screen. Open the page again, check what it shows and send it.")

ACTS: dict[str, Callable[..., Any]] = {}
"""Every act by name: what a page calls and the house tests walk."""


def act(
    name: str, *, creates: type[Any] | None = None, gives_away: bool = False, blind: bool = False
) -> Callable[..., Any]:
    """Make a service function an act.

    The function takes ``(actor, thing, **given)``; ``thing`` is the record acted on, or the parent of what it makes.
    The act itself takes two more words: ``seen``, the version the user saw (lost update), and ``once``, the one-time key
    of a create form (double submit).

    Args:
        name: a row of ``access.ACCESS``.
        creates: the table of the record the function returns; its ``see`` right is asked at the end.
        gives_away: the actor may lose the right by this act, so it is not asked again.
        blind: it is meant whatever the record looks like by now, so a page need not say which version it showed.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def perform(
            actor: Actor, thing: Any, /, *, seen: int | None = None, once: str | None = None, **given: Any
        ) -> R:
            call = Call(name, function, creates, gives_away, blind, actor)
            outermost = "acting" not in db.session.info
            result = _transaction(call, thing, seen, once, given) if outermost else call.run(thing, seen, given)
            return cast("R", result)

        ACTS[name] = perform
        return perform

    return decorate


@dataclass(frozen=True)
class Call:
    """One call of an act."""

    name: str
    function: Callable[..., Any]
    creates: type[Any] | None
    gives_away: bool
    blind: bool
    actor: Actor
    session: Session = field(default_factory=lambda: db.session())  # noqa: PLW0108  the proxy is asked at the call

    def run(self, thing: Any, seen: int | None, given: dict[str, Any]) -> Any:
        """Right, step, function, right, entry: inside a transaction."""
        session, nested = self.session, bool(self.session.info["acting"])
        if thing is None and not self.actor.system:
            raise NotAllowed(NOT_HERE)
        if nested:
            self._refuse_unless_consequence()
            session.flush()  # what the outer act changed is noted as its own
        stored = thing if nested or thing is None else self._stored(thing)
        if not nested:
            self._refuse_unless_seen(stored, seen)
        entry = audit.Entry.of(self.name, self.actor, stored)
        session.info["entries"].append(entry)
        session.info["acting"].append(entry)
        with session.no_autoflush:  # a half-changed record would meet the database's own checks too early
            self._step(stored)
            result = self.function(self.actor, stored, **given)
            made = self._place(result) if self.creates else None
        session.flush()
        entry.about(stored if made is None else made, self.actor)
        self._still_allowed(stored, made, nested=nested)
        session.info["acting"].pop()
        return result

    def _refuse_unless_consequence(self) -> None:
        """Inside another act nobody's right is asked: only what the access table calls a consequence may stand there."""
        if not self.actor.system and not rights.is_consequence(self.name):
            message = f"{self.name} is no consequence: it cannot happen inside another act"
            raise RuntimeError(message)

    def _refuse_unless_seen(self, stored: Any, seen: int | None) -> None:
        """Refuse what was decided before an older version of the record, or before none that is known."""
        if seen is None and "asks_versions" in self.session.info and not (self.creates or self.blind):
            raise Conflict(NOT_SEEN)
        if seen is not None and stored.version != seen:
            raise Conflict(CHANGED_MEANWHILE)

    def _stored(self, thing: Any) -> Any:
        """The record as the database has it now, locked; refused without the right.

        A patient's row is locked before anything that is the patient's, so that two acts about one patient come one after
        the other and none waits for the other in a circle; so it is with what one person asks for (a place), whose every
        word counts in the others. The right is asked after the lock: it may have ended meanwhile.
        """
        session, table, key = self.session, type(thing), thing.id
        patient = audit.patient_of(thing)
        if patient is not None:
            session.execute(select(Patient.id).where(Patient.id == patient.id).with_for_update())
        applicant = _applicant_of(thing)
        if applicant is not None:
            engines.alone(session, engines.PLACES, applicant)
        session.expire_all()  # what was read before the lock may be old
        statement: Select[Any] = select(table).where(table.id == key).with_for_update(of=table)
        stored = session.execute(statement.execution_options(populate_existing=True)).unique().scalar_one_or_none()
        allowed = select(table.id).where(table.id == key, rights.right(self.actor, self.name))
        if stored is None or session.execute(allowed).first() is None:
            raise why_not(self.actor, self.name, key)
        return stored

    def _step(self, stored: Any) -> None:
        """Move the record on, if the act is a step of its life."""
        if stored is not None and type(stored) in steps.lives(self.name):
            steps.move(stored, steps.destination(type(stored), steps.state_of(stored), self.name))

    def _place(self, made: Any) -> Any:
        """Give a new record its first state."""
        if self.creates in steps.lives(self.name):
            steps.move(made, steps.destination(type(made), None, self.name))
        self.session.add(made)
        return made

    def _still_allowed(self, stored: Any, made: Any, *, nested: bool) -> None:
        """Ask the right again on what will be stored."""
        if self.actor.system or self.gives_away or (nested and made is None):
            return
        thing, name = (made, rights.see(type(made))) if made is not None else (stored, self.name)
        table = type(thing)
        found = self.session.execute(select(table.id).where(table.id == thing.id, rights.right(self.actor, name)))
        if found.first() is None:
            raise NotAllowed(_("This would take the record out of your reach."))


def why_not(actor: Actor, name: str, key: int) -> NotAllowed:
    """Why the actor may not do this to the record of this id: it may be that its hospital has left."""
    table, stopped = rights.on(name), rights.stopped(actor, name)
    if stopped is not None:
        found = select(table.id).where(table.id == key, stopped)
        if db.session.execute(found).first() is not None:
            return ReadOnly()
    return NotAllowed(NOT_HERE)


def _applicant_of(thing: Any) -> int | None:
    """Who asks for a place, if the thing is a request for one or a word about it."""
    request = thing.request if isinstance(thing, RequestConfirmation) else thing
    return request.person_id if isinstance(request, MembershipRequest) else None


def ask_versions(session: Session) -> None:
    """From now on an act of this session says which version of the record was on the screen, or is refused.

    For pages: there a person decided by what stood before them. A job or a command reads and acts at once.
    """
    session.info["asks_versions"] = True


@event.listens_for(Session, "before_flush")
def _name_changes(session: Session, _context: Any, _instances: Any) -> None:
    """Note the names of the columns about to be written in the entry of the act under way."""
    acting = session.info.get("acting")
    if not acting:
        return
    for record in session.dirty:
        changed = {a.key for a in inspect(record).attrs if a.key != "version" and a.history.has_changes()}
        acting[-1].fields |= changed


def _begin(session: Session) -> None:
    """End what was read so far and start a transaction that may write (SQLite: BEGIN IMMEDIATE)."""
    session.commit()
    session.connection(execution_options={"writes": True})
    session.info.update(acting=[], entries=[], undo=[], after=[], wake=False)


def _transaction(call: Call, thing: Any, seen: int | None, once: str | None, given: dict[str, Any]) -> Any:
    session = call.session
    key = Once.of(call, thing, once, given) if once and call.creates else None
    try:
        _begin(session)
    except OperationalError as error:
        session.rollback()
        raise engines.refusal(error) from error
    try:
        first = _made_before(session, call, key)
        if first is not None:
            session.rollback()
            _end(session)
            return first
        result = call.run(thing, seen, given)
        if key:
            session.execute(insert(OnceKey.__table__).values(**key._asdict(), thing_id=result.public_id, at=now()))
        audit.write(session, session.info["entries"])
        session.flush()
    except BaseException as error:  # noqa: BLE001  whatever it was, it is undone and raised again
        _undo(session)
        return _explain(error, call, thing, key)
    try:
        session.commit()
    except BaseException as error:  # noqa: BLE001  the same
        session.rollback()
        _end(session)  # whether it was written is not known: files stay, ``flask fsck`` finds those of nobody
        try:
            return _explain(error, call, thing, key)
        except Refusal as refusal:
            refusal.uncertain = True
            raise
    ended = _end(session)
    for step in ended["after"]:
        step()
    if ended["wake"]:
        _wake()
    return result


def _end(session: Session) -> dict[str, Any]:
    """The act is over, whatever came of it: forget what it kept in the session."""
    return {word: session.info.pop(word, None) for word in ("acting", "entries", "undo", "after", "wake")}


class Once(NamedTuple):
    """A create form's one-time key, and what was sent with it: a second submit of the same is not a second record."""

    key_hash: bytes
    content: bytes

    @classmethod
    def of(cls, call: Call, thing: Any, once: str, given: dict[str, Any]) -> Once:
        """Both as keyed hashes: what was typed must not be guessed from the table."""
        words = [
            call.name,
            str(call.actor.user_id),
            _plain(thing),
            *(f"{k}={_plain(v)}" for k, v in sorted(given.items())),
        ]
        return cls(_hashed("keys of forms", once), _hashed("contents of forms", "\x1f".join(words)))


def _hashed(use: str, text: str) -> bytes:
    return hmac.digest(premises().settings.key(use), text.encode(), "sha256")


def _plain(value: Any) -> str:
    """A value the same in every process: a record by its public id, several in their order."""
    if isinstance(value, list | tuple):
        return f"[{','.join(_plain(one) for one in value)}]"
    return str(getattr(value, "public_id", None) or repr(value))


def _made_before(session: Session, call: Call, key: Once | None) -> Any:
    """The record an earlier submit of the same form made.

    Raises:
        Conflict: the form was sent before with something else in it (the browser's Back).
    """
    if key is None or call.creates is None:
        return None
    keys = OnceKey.__table__
    found = session.execute(select(keys.c.content, keys.c.thing_id).where(keys.c.key_hash == key.key_hash)).first()
    if found is None:
        return None
    if bytes(found.content) != key.content:
        raise Conflict(_("This form was sent already with other answers. Open a new one and type it again."))
    return session.execute(select(call.creates).where(call.creates.public_id == found.thing_id)).scalar_one_or_none()


def _undo(session: Session) -> None:
    """Roll back, and take away what was written outside the database."""
    session.rollback()
    for step in _end(session)["undo"]:
        step()


def _explain(error: BaseException, call: Call, thing: Any, key: Once | None) -> Any:
    """Turn what went wrong into a refusal, and note it; a double submit gives what the first one made."""
    if isinstance(error, Exception) and key is not None:  # a second click may have failed on what the first one made
        first = _made_before(call.session, call, key)
        if first is not None:
            return first
    if isinstance(error, StaleDataError | IntegrityError):
        raise Conflict(CHANGED_MEANWHILE) from error
    if isinstance(error, OperationalError):
        raise engines.refusal(error) from error
    if isinstance(error, Refusal) and error.noted and not error.kept:
        audit.refuse(call.actor, call.name, thing)
        error.kept = True
    raise error


def undo_on_rollback(step: Callable[[], None]) -> None:
    """Run ``step`` if the act under way is rolled back: for files already written."""
    db.session.info["undo"].append(step)


def after_commit(step: Callable[[], None]) -> None:
    """Run ``step`` once the act under way is committed: for files whose rows say that they are nothing any more."""
    db.session.info["after"].append(step)


def _wake() -> None:
    for listener in AFTER_COMMIT:
        listener()


AFTER_COMMIT: list[Callable[[], None]] = []
"""What to call after an act that left work in the outbox (the job engine registers itself here)."""
