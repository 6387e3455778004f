"""Wrapped keys, wherever a table has one: wrapped anew under a newer master key; destroyed for good.

A key that is destroyed erases what it sealed, but a backup made before still holds it. So every destroyed key is written
into a ledger (``ledgers``), and what a restore brings back is destroyed again. The locks themselves are
``outside.vault``; what is copied and put back is ``backups``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import event, inspect, select, update
from sqlalchemy.orm import Session, object_session, selectinload

from app import actors, audit, sight, steps
from app.actors import Actor
from app.models import TABLES, DocumentKey, Patient, PatientIdentity, Photo, db
from app.outside.vault import Vault, VaultFault
from app.premises import premises
from app.services import identities, patients, proofs
from app.services.ledgers import KEPT, MOMENT, Ledger
from app.tables.base import Record
from app.words import PatientState, gettext

KEY = "wrapped_key"
BATCH = 200
"""Rows wrapped anew in one transaction: short enough that nobody waits for it."""
PASSES = 20
"""How often rows are tried again that somebody else had locked."""
PAUSE_SECONDS = 0.5
SETTLED_SECONDS = 3600
"""After this time no transaction can still be between *erasing* and its end."""
ROTATED, DESTROYED_AGAIN = "keys.rotate", "keys.destroy-again"
"""Words of the log, for what an operator does at the command line."""

Tell = Callable[[str, int, int], None]
"""Says how far something has come: what it is, how much is done, of how much."""


def tables() -> list[type[Any]]:
    """Every table whose rows have a wrapped key."""
    return [table for table in TABLES if KEY in inspect(table).columns]


# --- a newer master key ----------------------------------------------------------------------------------------------


class Rotated(NamedTuple):
    """What a rotation did: keys wrapped anew, keys that do not open, and the master keys that are still needed."""

    done: int
    broken: int
    needed: set[str]


def rotate(tell: Tell) -> Rotated:
    """Wrap every key by the newest master key, a few at a time, while everybody works.

    May be stopped at any moment and started again. Rows that an act has locked are left for the next pass. The blind
    indexes of identities are made from the newest master key too.
    """
    total = sum(len(found) for table in tables() for found in _outdated(table))
    if not total:
        return Rotated(0, 0, needed())
    _note([audit.Entry(ROTATED, "done", None, "command", thing="MasterKey", thing_id=newest())])
    done, broken = 0, 0
    for _pass in range(PASSES):
        met, before, broken = 0, done, 0
        for table in tables():
            for found in _outdated(table):
                anew, damaged = _wrap_anew(table, found)
                met, done, broken = met + len(found), done + anew, broken + damaged
                tell("Keys", min(done, total), total)
        if met == done - before + broken:
            break
        time.sleep(PAUSE_SECONDS)  # some rows were locked
    return Rotated(done, broken, needed())


def needed() -> set[str]:
    """The master keys by which some key is wrapped."""
    return {wrapper for table in tables() for _id, wrapper in _wrappers(table)}


def newest() -> str:
    """The version of the master key that wraps new keys."""
    return premises().vault.current


def others() -> list[str]:
    """The versions of the other master keys there are."""
    return sorted(set(premises().settings["MASTER_KEY"]) - {newest()}, key=int)


def _outdated(table: type[Any]) -> Iterator[list[int]]:
    """Ids of the rows whose key an older master key has wrapped, some at a time."""
    ids = [row_id for row_id, wrapper in _wrappers(table) if wrapper != newest()]
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _wrappers(table: type[Any]) -> Iterator[tuple[int, str]]:
    """(id, master key's id) of every row that has a key; one that cannot be read is fsck's to name."""
    with sight.wide("command") as session:
        statement = select(table.id, getattr(table, KEY)).where(getattr(table, KEY).is_not(None)).order_by(table.id)
        for row_id, wrapped in session.execute(statement, execution_options={"yield_per": 1000}):
            with suppress(VaultFault):
                yield row_id, Vault.wrapped_by(wrapped)


def _wrap_anew(table: type[Any], ids: list[int]) -> tuple[int, int]:
    """How many of these rows got their key wrapped anew, and how many keys do not open.

    A locked row is skipped: to wait for it with other rows locked could make an act and this wait for each other.
    """
    vault, done, broken = premises().vault, 0, 0
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        rows = select(table).where(table.id.in_(ids)).with_for_update(skip_locked=True, of=table)
        if table is PatientIdentity:
            rows = rows.options(selectinload(PatientIdentity.patient).selectinload(Patient.hospital))
        for row in session.scalars(rows).unique().all():
            try:
                if row.wrapped_key is not None and not vault.is_current(row.wrapped_key):
                    # Not through the record: its version would change, and an open page be refused for nothing.
                    session.execute(update(table).where(table.id == row.id).values(_anew(row)))
                    done += 1
            except VaultFault:
                broken += 1
        session.commit()
    return done, broken


def _anew(row: Any) -> dict[str, bytes]:
    """The columns of a row that follow from the master key, made from the newest."""
    vault = premises().vault
    values = {KEY: vault.rewrap(row.wrapped_key)}
    if isinstance(row, PatientIdentity):
        identity, scope = identities.opened(row.patient, row), row.patient.hospital.public_id.encode()
        values["person_index"] = vault.blind_identity(scope, identity.family_name, identity.birth_date)
        values["file_index"] = vault.blind_file_number(scope, identity.file_number)
        if identity.cpms_reference:
            values["reference_index"] = vault.blind_reference(scope, identity.cpms_reference)
    return values


def _note(entries: list[audit.Entry]) -> None:
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        audit.write(session, entries)
        session.commit()


# --- the ledger of destroyed keys ------------------------------------------------------------------------------------


class Mark(NamedTuple):
    """A row whose key is destroyed: its table and its public id. It says nothing about anybody."""

    table: str
    public_id: str

    def __str__(self) -> str:
        return f"{self.table} {self.public_id}"


ERASED = Ledger("erased.log", "erasing", "erased", "[a-z_]+ [0-9a-f]{32}")


@event.listens_for(Record, "after_delete", propagate=True)
def _row_deleted(mapper: Any, _connection: Any, row: Any) -> None:
    """Where a row cannot be without its key, to delete it is to erase somebody's data.

    Rows that outlive their key (scans on their way to a form) lose it in daily work, which a restored house does again.
    """
    session = object_session(row)
    if session is not None and KEY in mapper.columns and not mapper.columns[KEY].nullable:
        ERASED.note(session, str(Mark(row.__tablename__, row.public_id)))


def settle() -> None:
    """Ask the database about rows whose erasing was announced and never concluded, once it is long over."""
    if not ERASED.path().exists():
        return
    limit = time.strftime(MOMENT, time.gmtime(time.time() - SETTLED_SECONDS))
    known = ERASED.read(ERASED.path())[0]
    open_ones = [row for row, (at, word) in known.items() if word == ERASED.announced and at < limit]
    with sight.wide("command") as session:
        for row in open_ones:
            ERASED.append(ERASED.done if _row_of(session, _mark(row)) is None else KEPT, [row])


def _mark(row: str) -> Mark:
    return Mark(*row.split())


def _row_of(session: Session, mark: Mark) -> Any:
    """The row of a mark, if it is there with its key."""
    for table in tables():
        if table.__tablename__ == mark.table:
            statement = select(table).where(table.public_id == mark.public_id, getattr(table, KEY).is_not(None))
            return session.scalars(statement).unique().one_or_none()
    return None


# --- after a restore -------------------------------------------------------------------------------------------------


def destroy_again() -> int:
    """Destroy every key that the ledger calls erased and a restore has brought back; gives how many there were."""
    if not ERASED.path().exists():
        return 0
    marks = [_mark(row) for row, (_at, word) in ERASED.read(ERASED.path())[0].items() if word != KEPT]
    actor, session = actors.system("command"), db.session()
    sight.bind(session, actor)
    count = 0
    for mark in marks:
        row = _row_of(session, mark)
        if row is not None:
            entry = audit.Entry(
                DESTROYED_AGAIN, "done", None, "command", thing=type(row).__name__, thing_id=row.public_id
            )
            file = None
            if isinstance(row, PatientIdentity):
                _erase_again(actor, row.patient, entry)
            else:
                file = _end_again(row)
                session.delete(row)
            session.flush()
            audit.write(session, [entry])
            session.commit()
            if file is not None:
                proofs.remove(file)
            count += 1
    return count


def _end_again(row: Any) -> str | None:
    """The file of a destroyed key; with the last one of a form that has ended, the names beside it go as well."""
    if isinstance(row, Photo):
        return row.storage_key
    if not isinstance(row, DocumentKey):
        return None
    form = row.document.form
    if form.ended_at is not None and all(one.key in (None, row) for one in form.documents):
        proofs.forget(form)
    return row.document.storage_key


def _erase_again(actor: Actor, patient: Patient, entry: audit.Entry) -> None:
    """The patient's row becomes the gravestone it was, from whatever state the backup has it in."""
    entry.about(patient, actor)
    patients.forget(actor, patient, gettext("The patient was erased after the backup was made."))
    steps.move(patient, PatientState.ERASED)
