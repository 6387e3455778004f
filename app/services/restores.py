"""Restores: a backup brought into an empty house, brought up to date, and what was erased since erased again.

What a backup is, and whether it is whole, is ``backup_folders``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import delete, select, update

from app import actors, audit, audit_chain, sight
from app.actors import Actor
from app.errors import Refusal
from app.models import (
    ConsentDecision,
    ConsentForm,
    Login,
    PasswordLink,
    Patient,
    PhoneLink,
    RecoveryCode,
    Registry,
    db,
    now,
)
from app.outside import folders
from app.premises import premises
from app.services import backup_folders, consents, dumps, keys, same_questions, takebacks, withdrawals
from app.services.backup_folders import FILES, Backup, Unfit
from app.services.keys import Tell
from app.services.ledgers import LEDGERS
from app.words import Answer, Channel, FormState, PatientState

RESTORED = "platform.restore"
"""The word of the log."""
RESTORING = "restoring"
"""A file in var/ while a restore is under way: which backup it is, so that the same may go on after a power cut."""


class Restored(NamedTuple):
    """What a restore did again (keys destroyed, consents withdrawn), and the ledgers' lines nobody can read."""

    destroyed: int
    withdrawn: Again
    unread: int


class Again(NamedTuple):
    """How many withdrawals and restrictions were done again; public ids of the patients of whom one could not be."""

    done: int
    left: list[str]


def restore(backup: Backup, elsewhere: Mapping[str, Path], tell: Tell, migrate: Callable[[str], None]) -> Restored:
    """Bring a backup, checked to its last byte, into an empty house; after a power cut the same restore goes on.

    Args:
        backup: from ``backup_folders.read``.
        elsewhere: ledgers kept elsewhere, by name; those of this house and of the backup are taken into account anyway.
        tell: says how far it is.
        migrate: brings the tables to a revision, ``head`` or ``base``.

    Raises:
        Unfit: the house is not empty, the database is another kind or of an older program, or a byte was changed.
        NoRoom: nothing was kept.
    """
    marker, mark = backup_folders.var() / RESTORING, backup.words["sha256"]
    goes_on = marker.is_file() and marker.read_text() == mark
    _refuse_unless_fitting(backup)
    loaded = goes_on and not dumps.is_empty()
    if not (loaded or dumps.is_empty()):
        raise Unfit("The database is not empty. A restore needs an empty one: nothing is ever overwritten.")
    backup_folders.verify(backup, tell)
    if not loaded:
        _refuse_other_files(backup)
    with backup_folders.disk(backup_folders.var()):
        folders.write(marker, mark)
        unread = _merge(backup, elsewhere)
    if not loaded:
        _bring(backup, marker, tell, migrate)
        _refuse_other_rows(backup)
    migrate("head")
    db.engine.dispose()
    _refuse_unless_equal(backup)
    withdrawn = withdraw_again()
    destroyed = keys.destroy_again()
    _end_logins()
    _note(backup)
    marker.unlink()
    return Restored(destroyed, withdrawn, unread)


def _refuse_unless_fitting(backup: Backup) -> None:
    words = backup.words
    here = dumps.dialect()
    if words["dialect"] != here:
        raise Unfit(f"This backup is of {dumps.NAMES[words['dialect']]}; DATABASE_URL names {dumps.NAMES[here]}.")
    if words["schema"] not in dumps.revisions():
        raise Unfit(
            f"This backup was made by a newer version of the program (its tables are {words['schema']}, "
            f"this one knows up to {dumps.revisions()[0]}). Install that version first."
        )
    dumps.refuse_without_tools(words["tool"])


def _refuse_other_files(backup: Backup) -> None:
    """The house has no file but those of this very backup."""
    files = backup_folders.read_list(backup)
    for name in premises().store.keys():  # noqa: SIM118  a store is no mapping
        if name not in files or folders.sha256(backup_folders.store() / name) != files[name]:
            raise Unfit(
                f"{backup_folders.store()} is not empty. A restore needs an empty folder: nothing is ever overwritten."
            )


def _merge(backup: Backup, elsewhere: Mapping[str, Path]) -> int:
    """All that is known to be erased or withdrawn, in this house's ledgers before a row comes back."""
    unread = 0
    for ledger in LEDGERS:
        if ledger.name in backup.words["parts"]:  # an older program knew fewer
            with backup_folders.own_copy(backup, ledger.name) as part:
                unread += ledger.merge(part)
        if ledger.name in elsewhere:
            unread += ledger.merge(elsewhere[ledger.name])
    return unread


def _bring(backup: Backup, marker: Path, tell: Tell, migrate: Callable[[str], None]) -> None:
    """Files first, then the database, whole or not at all."""
    written: list[Path] = []
    try:
        with backup_folders.disk(backup_folders.var()):
            _bring_files(backup, written, tell)
            db.engine.dispose()
            with backup_folders.own_copy(backup, backup.database) as part:
                dumps.load(part, backup.words["tool"], migrate)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        marker.unlink(missing_ok=True)
        raise


def _bring_files(backup: Backup, written: list[Path], tell: Tell) -> None:
    files = backup_folders.read_list(backup)
    for done, (name, digest) in enumerate(files.items(), start=1):
        source, target = backup.folder / FILES / name, backup_folders.store() / name
        if not target.is_file():
            written.append(target)
            if folders.copy(source, target) != digest:
                raise Unfit(f"{source} changes while it is read. Its disk may be broken: take another backup.")
        tell("Files", done, len(files))
    folders.sync(backup_folders.store())


def _refuse_other_rows(backup: Backup) -> None:
    found, wanted = dumps.counts(), backup.words["rows"]
    differing = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if differing:
        raise Unfit(f"The database did not come back whole: the rows of {differing[0]} are not those of the backup.")


def _refuse_unless_equal(backup: Backup) -> None:
    """The log's chain holds, up to the very entry it ended with when the backup was made."""
    number, digest = backup.words["log"]["entries"], backup.words["log"]["head"]
    with sight.wide("command") as session:
        verdict = audit_chain.verify(session, {number: digest} if number else {})
    if verdict.first_bad is not None:
        raise Unfit(f"The log is not that of the backup: entry {verdict.first_bad} is bad. {verdict.reason}")


def _end_logins() -> None:
    """Everybody signs in again: a login ended, a link or a recovery code used after the backup must not open the house."""
    moment = now()
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        for table in (Login, PasswordLink, PhoneLink):
            session.execute(update(table).where(table.expires_at > moment).values(expires_at=moment))
        session.execute(delete(RecoveryCode))
        session.commit()


def _note(backup: Backup) -> None:
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        entry = audit.Entry(RESTORED, "done", None, "command", thing="Backup", thing_id=backup.words["made_at"])
        audit.write(session, [entry])
        session.commit()


# --- what was withdrawn since ------------------------------------------------------------------------------------------


def withdraw_again() -> Again:
    """Withdraw and restrict again what the ledger knows and the database does not, as acts, each noted in the log."""
    actor, done, left = actors.system("command"), 0, list[str]()
    sight.bind(db.session(), actor)
    restricted: set[str] = set()
    for at, row in takebacks.known():
        if row.what == takebacks.RESTRICTED:
            restricted.add(row.patient)
        elif row.what == takebacks.LIFTED:
            restricted.discard(row.patient)
        else:
            for decision in _still_given(row, at):
                if decision.answer is Answer.GIVEN:  # or the withdrawal before has taken this one along
                    withdraw = partial(_withdraw, actor, decision, row)
                    done, left = _counted(withdraw, row.patient, done, left)
    for patient in _patients(restricted):
        restrict = partial(withdrawals.restrict_by_protection, actor, patient)
        done, left = _counted(restrict, patient.public_id, done, left)
    return Again(done, left)


def _counted(work: Callable[[], object], patient: str, done: int, left: list[str]) -> tuple[int, list[str]]:
    try:
        work()
    except Refusal:
        db.session.rollback()
        return done, [*left, patient]
    return done + 1, left


def _withdraw(actor: Actor, decision: ConsentDecision, row: takebacks.Row) -> None:
    on, channel = dt.date.fromisoformat(row.day), Channel(row.channel)
    if decision.form.state is FormState.SIGNED:  # its scan has not come: it must not count when it does
        same_questions.carry(actor, decision, said=same_questions.Said(on, channel, None))
    else:
        consents.withdraw(actor, decision, withdrawn_on=on, channel=channel, reason=None)


def _still_given(row: takebacks.Row, at: dt.datetime) -> list[ConsentDecision]:
    """What a withdrawal has to end: the patient's consents for this purpose recorded before it, unless it is known.

    The decision itself may be younger than the backup; what it took the place of is then in force again.
    """
    known = select(ConsentDecision.answer).where(ConsentDecision.public_id == row.subject)
    if db.session.scalar(known) in (Answer.WITHDRAWN, Answer.REFUSED):
        return []
    statement = (
        select(ConsentDecision)
        .join(ConsentDecision.form)
        .join(ConsentForm.patient)
        .outerjoin(ConsentDecision.named_registry)
        .where(
            Patient.public_id == row.patient,
            ConsentDecision.purpose == row.what,
            ConsentDecision.answer == Answer.GIVEN,
            ConsentForm.state.in_([FormState.SIGNED, FormState.ARCHIVED, FormState.WITHDRAWN]),
            ConsentForm.recorded_at <= at,
            Registry.public_id.is_(None) if row.registry == takebacks.NONE else Registry.public_id == row.registry,
        )
    )
    return list(db.session.scalars(statement.order_by(ConsentForm.state)).unique())  # archived before signed


def _patients(public_ids: set[str]) -> list[Patient]:
    """Those of them that the contact's restriction has to be put on again."""
    statement = select(Patient).where(
        Patient.public_id.in_(public_ids),
        Patient.restricted_on.is_(None),
        Patient.state.in_([PatientState.ENROLLED, PatientState.RESTRICTED]),
    )
    return list(db.session.scalars(statement).unique())
