"""Checking the audit log: is every entry there, as the database wrote it, and in its place?

What ``flask audit verify`` and ``flask audit head`` say. The database writes the chain (``tables/guards``); here Python
recomputes it. A chain cannot prove its own end: who owns the database can cut it or write it anew from any entry on.
So the head is exported at times, kept elsewhere, and given back as ``known``. Entries are written in ``audit``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from app.tables.guards import FIELDS, GENESIS, rendered

PAGE = 2000
"""Entries read at once."""


class Verdict(NamedTuple):
    """How far the chain holds.

    ``entries`` counts those that hold, from the first; ``head`` is the hash of the last of them; ``first_bad`` is the
    number of the first that does not, or is missing, and ``reason`` says why in a sentence for the operator.
    """

    entries: int
    head: str
    first_bad: int | None
    reason: str


class Link(NamedTuple):
    """One entry as it is stored: its number, what was hashed, and its two hashes."""

    seq: int
    fields: tuple[bytes | None, ...]
    hash: str


def head(session: Session | Connection) -> tuple[int, str]:
    """The number and the hash of the last entry; 0 and zeros of an empty log."""
    statement = text("SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1")
    last = session.execute(statement).first()
    return (0, GENESIS) if last is None else (last.seq, last.hash or "")


def verify(session: Session | Connection, known: Mapping[int, str] | None = None) -> Verdict:
    """Recompute the chain from the first entry on, and stop at the first bad one.

    Args:
        session: one that may read the whole log.
        known: heads exported earlier: the hash of an entry by its number.
    """
    known = known or {}
    entries, last = 0, GENESIS
    links = _links(session)
    for link in links:
        fault = _fault(link, entries, last, known)
        if fault:
            links.close()
            return Verdict(entries, last, *fault)
        entries, last = link.seq, link.hash
    if max(known, default=0) > entries:
        return Verdict(entries, last, entries + 1, "The log ends before an entry whose head was exported.")
    return Verdict(entries, last, None, "")


def _fault(link: Link, entries: int, last: str, known: Mapping[int, str]) -> tuple[int, str] | None:
    """The number of the bad entry and what is wrong, if ``link`` does not continue the chain."""
    if link.seq > entries + 1:
        return entries + 1, "The entry is missing."
    if link.seq <= entries:
        return link.seq, "The number is impossible."
    if link.fields[-1] != last.encode():
        return link.seq, "The entry does not follow the one before it."
    if link.hash != hashed(link.fields):
        return link.seq, "The entry is not what was written."
    if known.get(link.seq, link.hash) != link.hash:
        return link.seq, "The entry is not the one whose head was exported."
    return None


def hashed(fields: tuple[bytes | None, ...]) -> str:
    """The hash of an entry's fields, in hexadecimal (the text is described at ``guards.FIELDS``)."""
    parts = (b"-" if field is None else b"%d:%b" % (len(field), field) for field in fields)
    return hashlib.sha256(b",".join(parts)).hexdigest()


def _links(session: Session | Connection) -> Generator[Link, None, None]:
    """Every entry, by number. Bytes, because a tampered SQLite file may hold text that is none."""
    dialect = (session if isinstance(session, Connection) else session.connection()).dialect.name
    columns = ", ".join(f"{sql} AS {field}" for sql, field in zip(rendered(dialect), FIELDS, strict=True))
    kind = "BLOB" if dialect == "sqlite" else "text"
    statement = text(f"SELECT {columns}, CAST(hash AS {kind}) AS hash FROM audit_entry ORDER BY audit_entry.seq")  # noqa: S608  our own column names
    with session.execute(statement, execution_options={"yield_per": PAGE}) as rows:
        for row in rows:
            *fields, own = (value.encode() if isinstance(value, str) else value for value in row)
            yield Link(int(fields[0]), tuple(fields), (own or b"").decode(errors="replace"))
