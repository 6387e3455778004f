"""Files against rows, for ``fsck``: documents and waiting scans whose file is gone or changed, files nobody names.

What else ``fsck`` looks at, and the daily work, is ``housekeeping``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.models import ArchivedDocument, Export, Photo, PrintRun
from app.outside import storage
from app.outside.storage import StorageFault
from app.outside.vault import VaultFault
from app.premises import premises
from app.services import exports, photos, print_runs, proofs, stacks

HOUR = dt.timedelta(hours=1)
ROWS_AT_ONCE = 500


class Finding(NamedTuple):
    """One thing that is wrong: its word, the key of the row or file, a sentence, and the repair if one is safe."""

    word: str
    key: str
    sentence: str
    repair: Callable[[], object] | None = None

    def __str__(self) -> str:
        return f"{self.word} {self.key}: {self.sentence}"


def each(session: Session, table: type[Any], *options: Any) -> Iterator[Any]:
    """Every row, a page at a time, so that a million rows do not fill the memory."""
    last, page = 0, select(table).options(*options).order_by(table.id).limit(ROWS_AT_ONCE)
    while rows := session.scalars(page.where(table.id > last)).all():
        yield from rows
        last = rows[-1].id
        session.expunge_all()


def documents(session: Session, *, deep: bool) -> Iterator[Finding]:
    """Archived documents whose file is missing or changed."""
    for document in each(session, ArchivedDocument, joinedload(ArchivedDocument.key)):
        if document.key is None:
            yield from _left(document.storage_key)
            continue
        fault = _file_fault(document, document.key.wrapped_key, deep=deep)
        if fault:
            yield Finding("document", document.public_id, fault)


def _left(key: str) -> Iterator[Finding]:
    """A file whose key is destroyed means nothing any more; it goes right after the commit that destroyed the key."""
    with suppress(StorageFault):
        if premises().store.facts(key).age_seconds >= 0:
            yield Finding("remains", key, "its key is destroyed and it is still there", partial(proofs.remove, key))


def _file_fault(document: Any, wrapped_key: bytes, *, deep: bool) -> str:
    """What is wrong with the file a row names; only a document says the hash of its own."""
    store, vault = premises().store, premises().vault
    try:
        vault.check(wrapped_key, storage.PURPOSE)
        if store.facts(document.storage_key).size != document.size:
            return f"its file {document.storage_key} has another size"
        if deep:
            digest = hashlib.sha256()
            for chunk in store.get(document.storage_key, wrapped_key, vault):
                digest.update(chunk)
            if digest.hexdigest() != document.sha256:
                return f"its file {document.storage_key} has another SHA-256"
    except VaultFault as fault:
        return f"its key does not open ({fault.code})"
    except StorageFault as fault:
        return f"its file {document.storage_key} is {fault.code}"
    return ""


def single_files(session: Session) -> Iterator[Finding]:
    """Rows that name one file of their own, outside the archive."""
    for word, table in {"export": Export, "print": PrintRun, "photo": Photo}.items():
        for row in session.scalars(select(table).where(table.storage_key.is_not(None))).unique():
            fault = _file_fault(row, row.wrapped_key or b"", deep=False)
            if fault:
                yield Finding(word, row.public_id, fault)


def waiting_scans(session: Session, *, deep: bool) -> Iterator[Finding]:
    """Scans that wait: the files of a stack that is not read yet, then a file for each page that is not filed."""
    for stack, key, wrapped_key in stacks.kept_files(session):
        fault = _kept_fault(key, wrapped_key, deep=deep)
        if fault:
            yield Finding("stack", stack, fault)


def _kept_fault(storage_key: str, wrapped_key: bytes | None, *, deep: bool) -> str:
    """What is wrong with a file of which only its seal says how it was."""
    store, vault = premises().store, premises().vault
    try:
        vault.check(wrapped_key or b"", storage.PURPOSE)
        store.facts(storage_key)
        for _chunk in store.get(storage_key, wrapped_key or b"", vault) if deep else ():
            pass
    except VaultFault as fault:
        return f"the key of its file {storage_key} does not open ({fault.code})"
    except StorageFault as fault:
        return f"its file {storage_key} is {fault.code}"
    return ""


def named_files(session: Session) -> Iterator[str]:
    """Every stored file a row names, but those of the archive, of which there are many: each is asked for."""
    yield from stacks.file_keys(session)
    yield from exports.file_keys(session)
    yield from print_runs.file_keys(session)
    yield from photos.file_keys(session)


def orphans(session: Session) -> Iterator[Finding]:
    """Files no row names. A young one may be an upload whose row is just being written."""
    store, named = premises().store, set(named_files(session))
    for key in store.keys():  # noqa: SIM118  a store is no mapping
        with suppress(StorageFault):  # just removed, or too short to be ours: then its row says so
            if store.facts(key).age_seconds < HOUR.total_seconds():
                continue
        if (
            key not in named
            and session.scalar(select(ArchivedDocument.id).where(ArchivedDocument.storage_key == key)) is None
        ):
            yield Finding("orphan", key, "no row names this file", partial(store.delete, key))


def partials() -> Iterator[Finding]:
    """Half-written files that nobody writes any more."""
    store = premises().store
    for half in store.partials():
        if half.age_seconds >= HOUR.total_seconds():
            yield Finding("partial", half.name, "a half-written file is left behind", partial(store.discard, half))
