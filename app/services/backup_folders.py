"""A backup as it lies in its folder: what its parts are called, whether it is whole and ours, and reading it.

A backup is a folder:  ``database.sqlite`` or ``database.dump``, ``files/`` (still encrypted, and only added to by the
next backup into the same folder), ``files.sha256`` (as ``sha256sum --check`` reads it), ``erased.log`` (``keys``),
``withdrawn.log`` (``withdrawn``) and ``manifest.json``, which is written last: without it there is no backup. The keys
are never in it.

The manifest names what each part hashes to and is sealed by the master key, so that whoever can write to the folder
cannot make a backup of their own. Making one is ``backups``, bringing one back ``restores``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from app.errors import NoRoom, Refusal
from app.outside import folders
from app.outside.storage import NO_ROOM
from app.outside.vault import Place, VaultFault
from app.premises import premises
from app.services import dumps
from app.services.keys import Tell

FORMAT = 1
MANIFEST, LIST, FILES = "manifest.json", "files.sha256", "files"
PART = ".part"
PURPOSE = b"backup"


class Unfit(Refusal):
    """The backup, or where it is to go, cannot be used. In English: it is said at the command line alone."""


class Backup(NamedTuple):
    """A backup whose manifest holds."""

    folder: Path
    words: dict[str, Any]

    @property
    def database(self) -> str:
        """The name of the part that is the database."""
        return dumps.PARTS[self.words["dialect"]]


def read(folder: Path) -> Backup:
    """The backup in a folder, if its manifest is whole and this house's keys open it.

    Raises:
        Unfit: it is no backup, half of one, changed, or of other keys, another database or a newer program.
    """
    if not folder.is_dir():
        raise Unfit(f"{folder} is not a folder with a backup.")
    if not (folder / MANIFEST).is_file():
        raise Unfit(f"{folder} holds no backup, or half of one: there is no {MANIFEST}.")
    backup = Backup(folder, parsed(folder / MANIFEST))
    _refuse_other_keys(backup)
    return backup


def parsed(manifest: Path) -> dict[str, Any]:
    """The words of a manifest that is byte for byte as it was written."""
    changed = Unfit(f"{manifest} is not what was written. Take another backup.")
    try:
        text = manifest.read_text("utf-8")
        words: dict[str, Any] = json.loads(text)
        rest = {name: value for name, value in words.items() if name != "sha256"}
        if words["sha256"] != digest_of(rest).hex() or text != rendered(words):
            raise changed
    except (ValueError, TypeError, KeyError, AttributeError):
        raise changed from None
    if words["format"] != FORMAT:
        raise Unfit("This backup was made by a newer version of the program. Install that version first.")
    return words


def _refuse_other_keys(backup: Backup) -> None:
    """Try the master keys on the backup's own locks, then the manifest's seal."""
    words, vault = backup.words, premises().vault
    for one in words["masters"]:
        lock = base64.b64decode(words["locks"].get(one, ""))
        try:
            vault.check(lock, PURPOSE)
        except VaultFault:
            raise Unfit(
                f"The wrapped keys do not open: MASTER_KEY is not the one this backup was made with (version {one}). "
                "Put the right one into the settings."
            ) from None
    sealed = {name: value for name, value in words.items() if name not in {"sha256", "seal"}}
    newest = max(words["locks"], key=int)
    lock, seal = base64.b64decode(words["locks"][newest]), base64.b64decode(words["seal"])
    try:
        fits = vault.open(lock, PURPOSE, seal, place(words)) == digest_of(sealed)
    except VaultFault:
        fits = False
    if not fits:
        raise Unfit(f"{backup.folder / MANIFEST} was not written by this platform. Take another backup.")


def verify(backup: Backup, tell: Tell) -> None:
    """Compare every byte of a backup with what was written.

    Raises:
        Unfit: naming the part that differs or is missing.
    """
    with disk(backup.folder):
        for name, facts in backup.words["parts"].items():
            refuse_changed(part_of(backup, name), facts["sha256"])
        files = read_list(backup)
        for done, (name, digest) in enumerate(files.items(), start=1):
            refuse_changed(backup.folder / FILES / name, digest)
            tell("Checking", done, len(files))


def refuse_changed(path: Path, digest: str) -> None:
    """Refuse a part that is not byte for byte as it was written.

    Raises:
        Unfit: it is missing, or differs.
    """
    if not path.is_file():
        raise Unfit(f"{path} is missing. Take another backup.")
    if folders.sha256(path) != digest:
        raise Unfit(f"{path} is not what was written. Take another backup.")


def read_list(backup: Backup) -> dict[str, str]:
    """SHA-256 by name of the files a backup lists.

    Raises:
        Unfit: the list is not what was written.
    """
    path = part_of(backup, LIST)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != backup.words["parts"][LIST]["sha256"]:
        raise Unfit(f"{path} is not what was written. Take another backup.")
    lines = (line.split(f"  {FILES}/") for line in content.decode().splitlines())
    return {name: digest for digest, name in lines}


def part_of(backup: Backup, name: str) -> Path:
    """Where a part is: if the machine stopped right after the manifest took its name, still under the temporary one."""
    temporary = backup.folder / f"{name}{PART}"
    fits = temporary.is_file() and folders.sha256(temporary) == backup.words["parts"][name]["sha256"]
    return temporary if fits else backup.folder / name


@contextlib.contextmanager
def own_copy(backup: Backup, name: str) -> Iterator[Path]:
    """A part in this house's own folder, where nobody changes it between its check and its reading.

    Raises:
        Unfit: it is not what was written.
    """
    source, mine = part_of(backup, name), var() / f"{name}.restoring"
    try:
        if folders.copy(source, mine) != backup.words["parts"][name]["sha256"]:
            raise Unfit(f"{source} is not what was written. Take another backup.")
        yield mine
    finally:
        mine.unlink(missing_ok=True)


def var() -> Path:
    """Where this house keeps what is not in the database."""
    return Path(premises().settings["VAR"])


def store() -> Path:
    """Where this house keeps its documents."""
    return var() / FILES


def place(words: Mapping[str, Any]) -> Place:
    """What the seal of a manifest is for."""
    return Place("backup", "manifest", str(words["made_at"]))


def rendered(words: Mapping[str, Any]) -> str:
    """A manifest as it is written."""
    return json.dumps(words, indent=1, sort_keys=True) + "\n"


def digest_of(words: Mapping[str, Any]) -> bytes:
    """What the words of a manifest hash to."""
    return hashlib.sha256(rendered(words).encode()).digest()


@contextlib.contextmanager
def disk(place: Path) -> Iterator[None]:
    """Say in a sentence what the operating system, or SQLite, could not do."""
    try:
        yield
    except OSError as fault:
        if fault.errno in NO_ROOM:
            raise NoRoom(f"There is no room left on the disk of {place}. Nothing of this was kept.") from fault
        raise Unfit(f"{fault.filename or place} cannot be read or written: {fault.strerror}.") from fault
    except sqlite3.OperationalError as fault:
        raise NoRoom(
            f"There is no room left on the disk of {place}, or it fails: {fault}. Nothing of this was kept."
        ) from fault
