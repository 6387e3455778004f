"""Files at rest: encrypted in authenticated chunks, written once, never half.

Lives here: the bytes of uploaded and printed documents, in a folder of this machine. Does not live here:
which row a file belongs to, its name and type (``services/files``), the keys (``vault``), what may be
uploaded (``scans``).

A file on disk:  "CPF1" | salt 32 | chunk | chunk | ... | last chunk
A chunk is at most 1 MiB of plaintext and its 16-byte tag, under a key of this file alone (data key and salt).
The nonce is the chunk's number and a flag for the last one, so a chunk that is missing, moved, doubled or
added is found; the file's own name is associated data, so two files cannot change places. This is the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizar (2015).

Writing: a temporary name in the same folder, write, fsync, link (which refuses to overwrite), fsync of the
folder, unlink of the temporary name. After a power cut a key is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from app.outside.vault import Vault

MAGIC: Final = b"CPF1"
SALT_BYTES: Final = 32
CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
PURPOSE: Final = b"document"
"""What the keys of files are made for; no other key opens one."""
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
KEY_SHAPE: Final = re.compile(r"[0-9a-f]{32}")
PARTIAL_SHAPE: Final = re.compile(r"\.[0-9a-f]{32}\.part")


class StorageFault(Exception):
    """The store could not do it.

    ``code`` is ``missing`` (no such file, or not a key at all), ``damaged`` (changed, cut, or the wrong key),
    ``full`` (see ``StorageFull``) or ``broken`` (the disk or the folder fails).
    """

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


class StorageFull(StorageFault):
    """No room left (disk, quota or limit on file size); nothing of the file was kept."""

    def __init__(self) -> None:
        """The code is ``full``."""
        super().__init__("full")


class Source(Protocol):
    """What can be read: a file, an upload's stream, a socket's."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the row keeps of a file: its random key, the SHA-256 (hex) and size in bytes of the plaintext."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Partial:
    """A temporary name that a crash left behind."""

    name: str
    age_seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file shows without its key: the size of its plaintext in bytes, and its age."""

    size: int
    age_seconds: float


class LocalStore:
    """A folder of encrypted files, outside of everything a web server shows."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``; it is made, for our eyes only, when it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def put(self, content: Source | bytes, wrapped_key: bytes, vault: Vault) -> Stored:
        """Encrypt and keep ``content`` under a new random key; when this returns it is on the disk.

        Raises:
            StorageFull: no room; nothing is kept.
            StorageFault: ``broken``; nothing is kept.
            VaultFault: the wrapped key does not open, or is of no file.
            Exception: what reading ``content`` raises goes on as it is; nothing is kept.
        """
        key = secrets.token_hex(16)
        source = _Measured(io.BytesIO(content) if isinstance(content, bytes) else content)
        salt = os.urandom(SALT_BYTES)
        cipher = vault.file_cipher(wrapped_key, PURPOSE, salt)
        self._write_once(key, _encrypt(source, cipher, key, salt))
        return Stored(key, source.sha256.hexdigest(), source.size)

    def get(self, key: str, wrapped_key: bytes, vault: Vault) -> Iterator[bytes]:
        """The plaintext, a chunk of at most 1 MiB at a time, each checked before it is given.

        A fault in a later chunk comes after the earlier ones were given: who must not show half a document
        reads it to the end first.

        Raises:
            StorageFault: ``missing`` at once; ``damaged`` or ``broken`` also while reading.
            VaultFault: the wrapped key does not open, at once.
        """
        path = self._path(key)
        with _disk_faults(), path.open("rb") as file:
            header = file.read(len(MAGIC) + SALT_BYTES)
        if header[: len(MAGIC)] != MAGIC or len(header) < len(MAGIC) + SALT_BYTES:
            raise StorageFault("damaged")
        cipher = vault.file_cipher(wrapped_key, PURPOSE, header[len(MAGIC) :])
        return _decrypt(path, cipher, header + key.encode())

    def exists(self, key: str) -> bool:
        """Whether a whole file of this key is here."""
        return KEY_SHAPE.fullmatch(key) is not None and (self._folder / key).is_file()

    def facts(self, key: str) -> Facts:
        """Size and age of a file, without reading it.

        Raises:
            StorageFault: ``missing``; ``damaged`` when it is too short to be one of ours.
        """
        with _disk_faults():
            found = self._path(key).stat()
        sealed = found.st_size - len(MAGIC) - SALT_BYTES
        chunks = -(-sealed // (CHUNK_BYTES + TAG_BYTES))
        if sealed < TAG_BYTES:
            raise StorageFault("damaged")
        return Facts(sealed - chunks * TAG_BYTES, max(time.time() - found.st_mtime, 0.0))

    def delete(self, key: str) -> None:
        """Remove the file; it may be gone already."""
        with _disk_faults():
            self._path(key).unlink(missing_ok=True)
            self._sync_folder()

    def keys(self) -> Iterator[str]:
        """Every key in the folder, in no order; for ``flask fsck``."""
        return (name for name in self._names() if KEY_SHAPE.fullmatch(name))

    def partials(self) -> Iterator[Partial]:
        """Temporary names left behind or still being written: judge by their age."""
        for name in self._names():
            if not PARTIAL_SHAPE.fullmatch(name):
                continue
            with contextlib.suppress(FileNotFoundError):  # has just become a whole file
                facts = (self._folder / name).stat()
                yield Partial(name, max(time.time() - facts.st_mtime, 0.0), facts.st_size)

    def discard(self, partial: Partial) -> None:
        """Remove what a crash left behind."""
        with _disk_faults():
            (self._folder / partial.name).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not KEY_SHAPE.fullmatch(key):
            raise StorageFault("missing")
        return self._folder / key

    def _names(self) -> Iterator[str]:
        with _disk_faults(), os.scandir(self._folder) as entries:
            for entry in entries:
                yield entry.name

    def _write_once(self, key: str, pieces: Iterator[bytes]) -> None:
        final, partial = self._folder / key, self._folder / f".{key}.part"
        try:
            with _disk_faults(absent="broken"):  # then the folder itself is gone
                file = partial.open("xb", buffering=0)
                partial.chmod(0o600)
            with file:
                for piece in pieces:  # what the upload raises goes on as it is: it is not the disk's fault
                    with _disk_faults():
                        _write_all(file, piece)
                with _disk_faults():
                    os.fsync(file.fileno())
            with _disk_faults():
                self._show(partial, final)
        finally:
            partial.unlink(missing_ok=True)

    def _show(self, partial: Path, final: Path) -> None:
        os.link(partial, final)
        try:
            self._sync_folder()
        except BaseException:  # not certain to be on the disk: then not at all
            final.unlink()
            raise

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Measured:
    """Reads a stream in whole chunks, and knows afterwards how long it was and what it hashes to."""

    def __init__(self, stream: Source) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read_chunk(self) -> bytes:
        chunk = _read_fully(self._stream, CHUNK_BYTES)
        self.sha256.update(chunk)
        self.size += len(chunk)
        return chunk


def _encrypt(source: _Measured, cipher: AESGCM, key: str, salt: bytes) -> Iterator[bytes]:
    yield MAGIC + salt
    aad = MAGIC + salt + key.encode()
    number, chunk = 0, source.read_chunk()
    while following := source.read_chunk():
        yield cipher.encrypt(_nonce(number, last=False), chunk, aad)
        number, chunk = number + 1, following
    yield cipher.encrypt(_nonce(number, last=True), chunk, aad)


def _decrypt(path: Path, cipher: AESGCM, aad: bytes) -> Iterator[bytes]:
    with _disk_faults(), path.open("rb") as file:
        file.seek(len(MAGIC) + SALT_BYTES)
        number, sealed = 0, _read_fully(file, CHUNK_BYTES + TAG_BYTES)
        while following := _read_fully(file, CHUNK_BYTES + TAG_BYTES):
            yield _open_chunk(cipher, _nonce(number, last=False), sealed, aad)
            number, sealed = number + 1, following
        yield _open_chunk(cipher, _nonce(number, last=True), sealed, aad)


def _open_chunk(cipher: AESGCM, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise StorageFault("damaged") from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _read_fully(stream: Source, length: int) -> bytes:
    """Exactly ``length`` bytes unless the stream ends: sockets and raw files may give less at a time."""
    parts = []
    while length and (part := stream.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _write_all(file: io.FileIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


@contextlib.contextmanager
def _disk_faults(absent: str = "missing") -> Iterator[None]:
    """Say in our words what the operating system refused."""
    try:
        yield
    except FileNotFoundError:
        raise StorageFault(absent) from None
    except OSError as fault:
        if fault.errno in NO_ROOM:
            raise StorageFull from None
        raise StorageFault("broken") from fault
