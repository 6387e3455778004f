"""Restores: a backup brought into an empty house, brought up to date, and what was erased since erased again.

What a backup is, and whether it is whole, is ``backups``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import update

from app import audit, audit_chain, sight
from app.models import Login, PasswordLink, PhoneLink, db, now
from app.outside import folders
from app.premises import premises
from app.services import backups, dumps, keys
from app.services.backups import FILES, Backup, Unfit
from app.services.keys import Tell

RESTORED = "platform.restore"
"""The word of the log."""
RESTORING = "restoring"
"""A file in var/ while a restore is under way: which backup it is, so that the same may go on after a power cut."""


class Restored(NamedTuple):
    """What a restore brought: how many keys were destroyed again, and the ledger's lines nobody can read."""

    destroyed: int
    unread: int


def restore(backup: Backup, ledger: Path | None, tell: Tell, migrate: Callable[[str], None]) -> Restored:
    """Bring a backup, checked to its last byte, into an empty house; after a power cut the same restore goes on.

    Args:
        backup: from ``backups.read``.
        ledger: one kept elsewhere; that of this house and that of the backup are taken into account anyway.
        tell: says how far it is.
        migrate: brings the tables to a revision, ``head`` or ``base``.

    Raises:
        Unfit: the house is not empty, the database is another kind or of an older program, or a byte was changed.
        NoRoom: nothing was kept.
    """
    marker, mark = backups.var() / RESTORING, backup.words["sha256"]
    goes_on = marker.is_file() and marker.read_text() == mark
    _refuse_unless_fitting(backup)
    loaded = goes_on and not dumps.is_empty()
    if not (loaded or dumps.is_empty()):
        raise Unfit("The database is not empty. A restore needs an empty one: nothing is ever overwritten.")
    backups.verify(backup, tell)
    if not loaded:
        _refuse_other_files(backup)
    with backups.disk(backups.var()):
        folders.write(marker, mark)
        unread = _merge(backup, ledger)
    if not loaded:
        _bring(backup, marker, tell, migrate)
        _refuse_other_rows(backup)
    migrate("head")
    db.engine.dispose()
    _refuse_unless_equal(backup)
    destroyed = keys.destroy_again(keys.ledger())
    _end_logins()
    _note(backup)
    marker.unlink()
    return Restored(destroyed, unread)


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
    files = backups.read_list(backup)
    for name in premises().store.keys():  # noqa: SIM118  a store is no mapping
        if name not in files or folders.sha256(backups.store() / name) != files[name]:
            raise Unfit(
                f"{backups.store()} is not empty. A restore needs an empty folder: nothing is ever overwritten."
            )


def _merge(backup: Backup, ledger: Path | None) -> int:
    """All that is known to be erased, in this house's ledger before a row comes back."""
    unread = keys.merge(backups.part_of(backup, keys.LEDGER), keys.ledger())
    return unread if ledger is None else keys.merge(ledger, keys.ledger())


def _bring(backup: Backup, marker: Path, tell: Tell, migrate: Callable[[str], None]) -> None:
    """Files first, then the database, whole or not at all."""
    written: list[Path] = []
    try:
        with backups.disk(backups.var()):
            _bring_files(backup, written, tell)
            db.engine.dispose()
            dumps.load(backups.part_of(backup, backup.database), backup.words["tool"], migrate)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        marker.unlink(missing_ok=True)
        raise


def _bring_files(backup: Backup, written: list[Path], tell: Tell) -> None:
    files = backups.read_list(backup)
    for done, (name, digest) in enumerate(files.items(), start=1):
        source, target = backup.folder / FILES / name, backups.store() / name
        if not target.is_file():
            written.append(target)
            if folders.copy(source, target) != digest:
                raise Unfit(f"{source} changes while it is read. Its disk may be broken: take another backup.")
        tell("Files", done, len(files))
    folders.sync(backups.store())


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
    """Everybody signs in again: a login ended, or a link used, after the backup must not open the house."""
    moment = now()
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        for table in (Login, PasswordLink, PhoneLink):
            session.execute(update(table).where(table.expires_at > moment).values(expires_at=moment))
        session.commit()


def _note(backup: Backup) -> None:
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        entry = audit.Entry(RESTORED, "done", None, "command", thing="Backup", thing_id=backup.words["made_at"])
        audit.write(session, [entry])
        session.commit()
