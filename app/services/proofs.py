"""Proof of consent: the stored scans of signed forms, each under a key of its own, and how one ends.

A proof ends by its key: the row of the file stays, append-only, and says what was there. Filing and reading are
``archives``. A paper that never counted proves nothing, so it goes with what it was filed for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from app.act import after_commit
from app.models import ArchivedDocument, ConsentForm, db
from app.outside.storage import StorageFault
from app.premises import premises

_log = logging.getLogger("cpms.proofs")


def destroy(documents: Iterable[ArchivedDocument]) -> int:
    """Destroy the keys of stored files inside the act under way, and the files once it is committed.

    Returns:
        How many there were.
    """
    found = [document for document in documents if document.key is not None]
    for document in found:
        db.session.delete(document.key)
        after_commit(partial(remove, document.storage_key))
    return len(found)


def remove(storage_key: str) -> None:
    """Remove a file that no key opens any more; what cannot be removed now ``flask fsck`` finds."""
    try:
        premises().store.delete(storage_key)
    except (StorageFault, OSError) as fault:
        _log.error("a file without a key was not removed: %s", type(fault).__name__)


def readable(form: ConsentForm) -> list[ArchivedDocument]:
    """The stored files of a form that still open."""
    return [document for document in form.documents if document.key is not None]
