"""Files that are stored before a row names them: what becomes of them when something goes wrong on the way.

A file is stored first, outside the database; then an act makes the row that names it. What is left behind when a process
is killed in between ``flask fsck`` finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from app.errors import NoRoom, Refusal
from app.outside.storage import StorageFull
from app.premises import premises


def remove(keys: Iterable[str | None]) -> None:
    """Delete stored files; an empty name is none."""
    for key in keys:
        if key:
            premises().store.delete(key)


@contextmanager
def removed_on_failure(keys: Iterable[str], full: object = None) -> Iterator[None]:
    """While files are stored and no row can name them yet: whatever goes wrong inside, they go again.

    Args:
        keys: the files; read when something has gone wrong, so it may grow meanwhile.
        full: what a person is told when the disk is full; without it a job hears of it and tries again.

    Raises:
        NoRoom: the disk is full, and somebody waits for the answer.
    """
    try:
        yield
    except StorageFull as fault:
        remove(keys)
        if full is None:
            raise
        raise NoRoom(full) from fault
    except BaseException:
        remove(keys)
        raise


@contextmanager
def removed_on_refusal(keys: Iterable[str]) -> Iterator[None]:
    """While an act names files that are stored: they go again when it is refused.

    They stay when nobody knows whether it was written, and when it failed in another way: after a rollback the act itself
    takes them away (``act.undo_on_rollback``), and after a commit a row names them.
    """
    try:
        yield
    except Refusal as refused:
        if not refused.uncertain:
            remove(keys)
        raise
