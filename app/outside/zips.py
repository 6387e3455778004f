"""An encrypted ZIP that is never whole in memory, and tables of text that no spreadsheet takes for a program.

Lives here: AES-256 as WinZip writes it (7-Zip, WinZip, macOS archivers and ``bsdtar`` open it), members one after the other,
the bytes given as they come. Does not live here: what is put in (``services/export_files``), where the file is kept
(``storage``). The file's names stay readable: they must say nothing. The check of each member is its HMAC.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from stream_zip import ZIP_64, stream_zip

from app.outside.paper.codes import CROCKFORD

if TYPE_CHECKING:
    import datetime as dt

GROUPS: Final = 6
"""Of four characters of 5 bits: 120 bits, because the format stretches a passphrase little (PBKDF2, 1,000 rounds)."""
CHUNK_BYTES: Final = 1 << 20
INSIDE: Final = re.compile(r"((?:;|(?<!^)[\t\r\n])[ \u00a0\ufeff]*)(?=[=+\-@|%])")
"""Where a cell begins for a program that takes semicolons, tabs or lines apart, also within quotes."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""What a spreadsheet may take for a formula or a command when a cell begins with it (T-CSV)."""
CSV_BEGIN: Final = b"\xef\xbb\xbf"
"""By this mark a spreadsheet knows that a table is UTF-8."""


class Member(NamedTuple):
    """One file of a ZIP."""

    name: str
    modified: dt.datetime
    content: bytes


def new_passphrase() -> str:
    """A passphrase people can read to each other: ``7K2M-…``, six groups of four, no O, I, L or U in it."""
    return "-".join("".join(secrets.choice(CROCKFORD) for _sign in range(4)) for _group in range(GROUPS))


def encrypted(members: Iterable[Member], passphrase: str) -> Iterator[bytes]:
    """The bytes of the ZIP, as the members come."""
    files = ((one.name, one.modified, 0o600, ZIP_64, (one.content,)) for one in members)
    yield from stream_zip(files, chunk_size=CHUNK_BYTES, password=passphrase, get_compressobj=_lightly)


def _lightly() -> zlib._Compress:
    """Scans are compressed already: little is won, and time is lost, by trying hard."""
    return zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)


class Reader:
    """Bytes that come in pieces, read as a file is."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def csv_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table as CSV in UTF-8 with its mark, as Excel wants it; no cell begins a formula."""
    return CSV_BEGIN + csv_rows([heads]) + csv_rows(rows)


def csv_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """Some rows of such a table, for one that is sent in pieces; the first piece begins with ``CSV_BEGIN``."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[_quiet(cell) for cell in row] for row in rows])
    return out.getvalue().encode()


def _quiet(cell: object) -> str:
    text = INSIDE.sub(r"\1'", "" if cell is None else str(cell))
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA) else text
