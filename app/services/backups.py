"""Backups: a copy of database and files made while the platform runs, and the way back into an empty house.

A backup is a folder:  ``database.sqlite`` or ``database.dump``, ``files/`` (still encrypted, and only added to by the
next backup into the same folder), ``files.sha256`` (as ``sha256sum --check`` reads it), ``erased.log`` (``keys``) and
``manifest.json``, which is written last: without it there is no backup. The keys are never in it.

The manifest names what each part hashes to and is sealed by the master key, so that whoever can write to the folder
cannot make a backup of their own. How a database is copied and loaded is ``dumps``.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import config
from app.errors import NoRoom, Refusal
from app.models import now
from app.outside import folders
from app.outside.storage import KEY_SHAPE, NO_ROOM, PARTIAL_SHAPE
from app.outside.vault import Place, Vault, VaultFault
from app.premises import premises
from app.services import dumps, keys
from app.services.dumps import Facts
from app.services.keys import Tell

FORMAT = 1
MANIFEST, LIST, FILES = "manifest.json", "files.sha256", "files"
PART = ".part"
PURPOSE = b"backup"
BESIDE = {"lost+found"}
"""What an empty disk has."""


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


# --- making one ------------------------------------------------------------------------------------------------------


class Made(NamedTuple):
    """What a backup holds: its manifest, the files added this time, and files that rows name and the store lacks."""

    backup: Backup
    added: int
    missing: int


def make(folder: Path, tell: Tell) -> Made:
    """Copy the house into ``folder`` while it works; an earlier backup there is replaced at the very end.

    Raises:
        Unfit: the folder holds other things, cannot be written, or the tools of PostgreSQL are missing.
        NoRoom: nothing of this backup was kept; an earlier one is as it was.
    """
    keys.settle()
    with disk(folder), _alone(folder) as fresh:
        before = _listed(folder)
        written: list[Path] = []
        try:
            moment = now()
            part = f"{dumps.PARTS[dumps.dialect()]}{PART}"
            facts = dumps.copy(folder / part, tell)  # first: then each row's file is in the store
            files = _copy_files(folder / FILES, before, written, tell)
            made = _describe(folder, moment, facts, files)
        except BaseException:
            _take_back(folder, written, fresh=fresh)
            raise
        _show(made)
        _forget(made, files)
    missing = len(facts.files - files.keys())
    return Made(made, len(written), missing)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Be the only backup that writes into the folder; whether it is a new one."""
    if store().resolve() in (folder.resolve(), *folder.resolve().parents):
        raise Unfit(f"{folder} is where the platform keeps its own files. Give another folder.")
    if folder.exists() and not folder.is_dir():
        raise Unfit(f"{folder} is a file. Give a folder.")
    fresh = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _refuse_others(folder)
        if (folder / MANIFEST).is_file():
            with contextlib.suppress(Unfit):
                _finish(Backup(folder, _parsed(folder / MANIFEST)))
        yield fresh
    except BlockingIOError:
        raise Unfit(f"Another backup is being written into {folder}.") from None
    finally:
        os.close(descriptor)


def _refuse_others(folder: Path) -> None:
    """Refuse a folder in which something else lives: nobody's files are to be mixed with a backup's."""
    ours = {MANIFEST, LIST, keys.LEDGER, *dumps.PARTS.values()}
    names = {path.name.removesuffix(PART) for path in folder.iterdir()}
    other = sorted(names - ours - BESIDE - {FILES})
    inside = folder / FILES
    if not other and inside.is_dir():
        found = (path.name for path in inside.iterdir())
        other = [
            f"{FILES}/{name}" for name in found if not (KEY_SHAPE.fullmatch(name) or PARTIAL_SHAPE.fullmatch(name))
        ]
    if other:
        raise Unfit(f"{folder} holds other things ({other[0]}). Give an empty folder, or that of an earlier backup.")


def _listed(folder: Path) -> dict[str, str]:
    """SHA-256 by name of the files that a complete earlier backup has; nothing of one that broke off."""
    if not (folder / MANIFEST).is_file():
        return {}
    with contextlib.suppress(Refusal, OSError):
        backup = read(folder)
        _refuse_changed(backup.folder / LIST, backup.words["parts"][LIST]["sha256"])
        return read_list(backup)
    return {}


def _copy_files(folder: Path, before: Mapping[str, str], written: list[Path], tell: Tell) -> dict[str, str]:
    """Bring the store's files over that are not there yet; SHA-256 of each by name.

    A file never changes once it has its name, so the name and the size are enough to know it again.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for half in folder.glob(".*.part"):
        half.unlink()
    names = sorted(premises().store.keys())
    _refuse_without_room(folder, [name for name in names if name not in before])
    found: dict[str, str] = {}
    for done, name in enumerate(names, start=1):
        with contextlib.suppress(FileNotFoundError):  # destroyed or taken back meanwhile
            source, target = store() / name, folder / name
            known = name in before and target.is_file() and target.stat().st_size == source.stat().st_size
            if not target.exists():
                written.append(target)
            found[name] = before[name] if known else folders.copy(source, target)
        tell("Files", done, len(names))
    return found


def _refuse_without_room(folder: Path, names: list[str]) -> None:
    """Say at once what would only show after hours."""
    needed = 0
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            needed += (store() / name).stat().st_size
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    if needed > free:
        raise NoRoom(
            f"The files need {needed >> 20} MB and {folder} has {free >> 20} MB left. Nothing of this was kept."
        )


def _describe(folder: Path, moment: dt.datetime, facts: Facts, files: Mapping[str, str]) -> Backup:
    """Write the small parts and the manifest, all still under temporary names."""
    lines = "".join(f"{digest}  {FILES}/{name}\n" for name, digest in sorted(files.items()))
    folders.write(folder / f"{LIST}{PART}", lines)
    ledger = keys.ledger()
    folders.write(folder / f"{keys.LEDGER}{PART}", ledger.read_text() if ledger.exists() else "")
    words: dict[str, Any] = {
        "format": FORMAT,
        "made_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "program": _program_version(),
        "schema": facts.schema,
        "dialect": facts.dialect,
        "tool": facts.tool,
        "rows": facts.rows,
        "log": {"entries": facts.head[0], "head": facts.head[1]},
        "masters": sorted({*facts.masters, premises().vault.current}, key=int),
        "parts": {
            name: _measured(folder / f"{name}{PART}") for name in (dumps.PARTS[facts.dialect], LIST, keys.LEDGER)
        },
        "files": {"count": len(files), "bytes": sum((folder / FILES / name).stat().st_size for name in files)},
    }
    _seal(words)
    folders.write(folder / f"{MANIFEST}{PART}", _rendered(words))
    return Backup(folder, words)


def _seal(words: dict[str, Any]) -> None:
    """Add a lock for each master key that the database needs, a seal by the newest, and what all of it hashes to."""
    held, newest = premises().settings["MASTER_KEY"], premises().vault.current
    locks = {one: Vault({one: held[one]}, one).new_key(PURPOSE) for one in words["masters"] if one in held}
    words["locks"] = {one: _base64(lock) for one, lock in locks.items()}
    words["seal"] = _base64(premises().vault.seal(locks[newest], PURPOSE, _digest(words), _place(words)))
    words["sha256"] = _digest(words).hex()


def _program_version() -> str:
    project = tomllib.loads((config.ROOT / "pyproject.toml").read_text("utf-8"))
    return str(project["project"]["version"])


def _show(made: Backup) -> None:
    """Let the manifest take its name: at this moment the new backup counts, before it the earlier one did."""
    folders.sync(made.folder / FILES)
    folders.sync(made.folder)
    (made.folder / f"{MANIFEST}{PART}").replace(made.folder / MANIFEST)
    folders.sync(made.folder)
    _finish(made)


def _finish(made: Backup) -> None:
    """Give the parts their own names. Whoever reads the backup before looks under both (``part_of``)."""
    for name in made.words["parts"]:
        path = part_of(made, name)
        if path.name != name:
            path.replace(made.folder / name)
    folders.sync(made.folder)


def part_of(backup: Backup, name: str) -> Path:
    """Where a part is: if the machine stopped right after the manifest took its name, still under the temporary one."""
    temporary = backup.folder / f"{name}{PART}"
    fits = temporary.is_file() and folders.sha256(temporary) == backup.words["parts"][name]["sha256"]
    return temporary if fits else backup.folder / name


def _forget(made: Backup, files: Mapping[str, str]) -> None:
    """Take away what belonged to the backup before and is in the house no more."""
    for path in (made.folder / FILES).iterdir():
        if path.name not in files:
            path.unlink()
    for other in set(dumps.PARTS.values()) - {made.database}:
        (made.folder / other).unlink(missing_ok=True)


def _take_back(folder: Path, written: list[Path], *, fresh: bool) -> None:
    """Leave the folder as it was."""
    for path in [*written, *folder.glob(f"*{PART}")]:
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # an earlier backup's files are in it
        (folder / FILES).rmdir()
    if fresh:
        with contextlib.suppress(OSError):
            folder.rmdir()


# --- the keys, apart -------------------------------------------------------------------------------------------------


def refuse_near(file: Path, folder: Path) -> None:
    """Refuse to write the keys beside what they open.

    Raises:
        Unfit: the file would lie inside the backup, or cannot be made.
    """
    if folder.resolve() in file.resolve().parents:
        raise Unfit(f"{file} lies inside {folder}. Whoever finds both can read everything: keep the keys elsewhere.")
    if file.is_dir() or not file.resolve().parent.is_dir():
        raise Unfit(f"{file} cannot be written: give the name of a file in a folder that is there.")


def write_keys(file: Path) -> None:
    """Write the two secret settings as they stand in ``settings.env``, for the owner's eyes alone."""
    settings = premises().settings
    masters = settings["MASTER_KEY"]
    several = ",".join(f"{one}:{_base64(masters[one])}" for one in sorted(masters, key=int, reverse=True))
    master = _base64(masters["1"]) if set(masters) == {"1"} else several
    half = file.with_name(f".{file.name}.part")
    with disk(file):
        folders.write(half, f"SECRET_KEY={settings['SECRET_KEY']}\nMASTER_KEY={master}\n")
        half.replace(file)


# --- reading one -----------------------------------------------------------------------------------------------------


def read(folder: Path) -> Backup:
    """The backup in a folder, if its manifest is whole and this house's keys open it.

    Raises:
        Unfit: it is no backup, half of one, changed, or of other keys, another database or a newer program.
    """
    if not folder.is_dir():
        raise Unfit(f"{folder} is not a folder with a backup.")
    if not (folder / MANIFEST).is_file():
        raise Unfit(f"{folder} holds no backup, or half of one: there is no {MANIFEST}.")
    backup = Backup(folder, _parsed(folder / MANIFEST))
    _refuse_other_keys(backup)
    return backup


def _parsed(manifest: Path) -> dict[str, Any]:
    """The words of a manifest that is byte for byte as it was written."""
    changed = Unfit(f"{manifest} is not what was written. Take another backup.")
    try:
        text = manifest.read_text("utf-8")
        words: dict[str, Any] = json.loads(text)
        rest = {name: value for name, value in words.items() if name != "sha256"}
        if words["sha256"] != _digest(rest).hex() or text != _rendered(words):
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
        fits = vault.open(lock, PURPOSE, seal, _place(words)) == _digest(sealed)
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
            _refuse_changed(part_of(backup, name), facts["sha256"])
        files = read_list(backup)
        for done, (name, digest) in enumerate(files.items(), start=1):
            _refuse_changed(backup.folder / FILES / name, digest)
            tell("Checking", done, len(files))


def _refuse_changed(path: Path, digest: str) -> None:
    if not path.is_file():
        raise Unfit(f"{path} is missing. Take another backup.")
    if folders.sha256(path) != digest:
        raise Unfit(f"{path} is not what was written. Take another backup.")


def read_list(backup: Backup) -> dict[str, str]:
    """SHA-256 by name of the files a backup lists."""
    lines = (line.split(f"  {FILES}/") for line in part_of(backup, LIST).read_text().splitlines())
    return {name: digest for digest, name in lines}


# --- small things ----------------------------------------------------------------------------------------------------


def var() -> Path:
    """Where this house keeps what is not in the database."""
    return Path(premises().settings["VAR"])


def store() -> Path:
    """Where this house keeps its documents."""
    return var() / FILES


def _place(words: Mapping[str, Any]) -> Place:
    return Place("backup", "manifest", str(words["made_at"]))


def _rendered(words: Mapping[str, Any]) -> str:
    return json.dumps(words, indent=1, sort_keys=True) + "\n"


def _digest(words: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(_rendered(words).encode()).digest()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _measured(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": folders.sha256(path)}


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
