"""Folders outside the platform's own: a file written whole or not at all, copied, compared. Not here: what is in it.

The platform's own documents are ``storage``.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PIECE: Final = 1 << 20


def copy(source: Path, target: Path) -> str:
    """Copy a file under a temporary name, have it on the disk, then give it its name; its SHA-256 in hexadecimal.

    Raises:
        OSError: nothing of it was kept.
    """
    half = target.with_name(f".{target.name}.part")
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reading, open(half, "wb", opener=_for_us) as writing:
            while piece := reading.read(PIECE):
                digest.update(piece)
                writing.write(piece)
            writing.flush()
            os.fsync(writing.fileno())
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    return digest.hexdigest()


def write(path: Path, text: str) -> None:
    """Write a short text for our eyes alone, and have it on the disk.

    Raises:
        OSError: half of it may be there; give what matters a temporary name.
    """
    with open(path, "w", opener=_for_us, encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)  # it may have been there, open to others
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """What a file hashes to, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _for_us(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
