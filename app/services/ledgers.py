"""Ledgers: files beside the database that only grow, so that what was done after a backup is known after its restore.

A line is:  moment, word, row. The first word (*erasing*) is on the disk before the transaction commits, the second
(*erased*) follows the commit. Of several lines about one row the last counts; the first word alone (the machine stopped
there, or nobody heard the commit's answer) counts as done until ``keys.settle`` has asked the database and found it
*kept*. What rows say is their owners': ``keys`` what was erased, ``takebacks`` what was withdrawn or restricted; neither
says anything about anybody.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.errors import NoRoom, Refusal
from app.outside.storage import NO_ROOM
from app.premises import premises
from app.words import _

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
KEPT = "kept"

_log = logging.getLogger("cpms.ledgers")


class Ledger:
    """One such file in ``var/``: its name, its two words, and what a row looks like."""

    def __init__(self, name: str, announced: str, done: str, row: str) -> None:
        self.name, self.announced, self.done = name, announced, done
        self._line = re.compile(rf"(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ({announced}|{done}|{KEPT}) ({row})")
        LEDGERS.append(self)

    def path(self) -> Path:
        """Where this house keeps it."""
        return Path(premises().settings["VAR"]) / self.name

    def note(self, session: Session, row: str) -> None:
        """Have a row written when the transaction commits."""
        session.info.setdefault(self.name, []).append(row)

    def announce(self, session: Session) -> None:
        """Nothing is done that the ledger does not say: without room for its line the act does not happen."""
        rows = session.info.get(self.name)
        if not rows:
            return
        try:
            self.append(self.announced, rows)
        except OSError as fault:
            if fault.errno not in NO_ROOM:
                raise
            raise NoRoom(
                _("The disk of the platform is full, so nothing was saved. Tell the operator and try again later.")
            ) from fault
        session.info[self, "announced"] = True

    def conclude(self, session: Session) -> None:
        """Say that what was announced is done."""
        rows, announced = self.forget(session)
        if not (rows and announced):
            return
        try:
            self.append(self.done, rows)
        except OSError as fault:  # what is done is done
            _log.error("the ledger was not written: %s", type(fault).__name__)

    def forget(self, session: Session) -> tuple[list[str], bool]:
        """The rows of the transaction that is over, and whether they were announced.

        Once announced, its COMMIT may have been sent: that its answer was lost does not say that nothing was done.
        """
        return session.info.pop(self.name, []), session.info.pop((self, "announced"), False)

    def append(self, word: str, rows: Iterable[str]) -> None:
        """Write lines whole or not at all, and have them on the disk."""
        moment = time.strftime(MOMENT, time.gmtime())
        write_lines(self.path(), [f"{moment} {word} {row}" for row in rows])

    def read(self, path: Path) -> tuple[dict[str, tuple[str, str]], int]:
        """The last moment and word about each row, oldest first, and how many lines cannot be read.

        A crash leaves half a line. Lines that were merged lie behind younger ones: their moments say the order.
        """
        last: dict[str, tuple[str, str]] = {}
        lines = _lines(path)
        good = [line for line in lines if self._line.fullmatch(line)]
        for line in sorted(good, key=self._in_time):
            at, word, row = line.split(" ", 2)
            last.pop(row, None)  # said again, it is the latest of all
            last[row] = (at, word)
        return last, sum(1 for line in lines if line) - len(good)

    def merge(self, given: Path) -> int:
        """Take the lines of a copy kept elsewhere into that of this house; gives how many cannot be read.

        Raises:
            Refusal: it cannot be read at all.
        """
        into = self.path()
        try:
            lines = _lines(given)
            known = set(_lines(into)) if into.exists() else set()
            good = [line for line in lines if self._line.fullmatch(line)]
            fresh = [line for line in good if line not in known]
            if fresh:
                write_lines(into, fresh)  # under its lock: the house may be running, and writes there as well
        except OSError as fault:
            raise Refusal(f"The ledger {given} cannot be read or kept: {fault.strerror}.") from fault
        return sum(1 for line in lines if line) - len(good)

    def _in_time(self, line: str) -> tuple[str, bool]:
        """By moment; within a second what concludes comes after what announces."""
        moment, word, *_row = line.split()
        return moment, word != self.announced


LEDGERS: list[Ledger] = []
"""All there are."""


@event.listens_for(Session, "before_commit")
def _announce(session: Session) -> None:
    session.flush()
    for ledger in LEDGERS:
        ledger.announce(session)


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    for ledger in LEDGERS:
        ledger.conclude(session)


@event.listens_for(Session, "after_transaction_end")
def _ended(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        for ledger in LEDGERS:
            ledger.forget(session)


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("ascii", "replace").splitlines()


def write_lines(path: Path, lines: list[str]) -> None:
    """Add lines to a ledger; several processes may.

    Raises:
        OSError: nothing of them was kept.
    """
    content = "".join(f"{line}\n" for line in lines).encode()
    new = not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":  # half a line, from when the power went
            content = b"\n" + content
        try:
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                os.ftruncate(file.fileno(), size)
            raise
    if new:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
