"""Backups: a copy of database and files made while the platform runs.

What a backup is, and whether one is whole, is ``backup_folders``; the way back into an empty house ``restores``; the keys,
which are never in it, ``key_files``. How a database is copied and loaded is ``dumps``.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import fcntl
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import config
from app.errors import NoRoom, Refusal
from app.models import now
from app.outside import folders
from app.outside.storage import KEY_SHAPE, PARTIAL_SHAPE
from app.outside.vault import Vault
from app.premises import premises
from app.services import backup_folders, dumps, keys
from app.services.backup_folders import (
    FILES,
    FORMAT,
    LIST,
    MANIFEST,
    PART,
    PURPOSE,
    Backup,
    Unfit,
    disk,
    part_of,
    store,
)
from app.services.dumps import Facts
from app.services.keys import Tell
from app.services.ledgers import LEDGERS

LOOKED_AT_DAYS = 10
"""Within so many days of daily backups each file of the backup is read again."""
BESIDE = {"lost+found"}
"""What an empty disk has."""


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
            with contextlib.suppress(Unfit):  # what a manifest says counts when our own keys have sealed it
                _finish(backup_folders.read(folder))
        yield fresh
    except BlockingIOError:
        raise Unfit(f"Another backup is being written into {folder}.") from None
    finally:
        os.close(descriptor)


def _refuse_others(folder: Path) -> None:
    """Refuse a folder in which something else lives: nobody's files are to be mixed with a backup's."""
    ours = {MANIFEST, LIST, *(ledger.name for ledger in LEDGERS), *dumps.PARTS.values()}
    names = {path.name.removesuffix(PART) for path in folder.iterdir()}
    other = sorted(names - ours - BESIDE - {FILES})
    inside = folder / FILES
    if inside.is_symlink():
        raise Unfit(f"{inside} is a link. Give an empty folder, or that of an earlier backup.")
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
        return backup_folders.read_list(backup_folders.read(folder))
    return {}


def _copy_files(folder: Path, before: Mapping[str, str], written: list[Path], tell: Tell) -> dict[str, str]:
    """Bring the store's files over that are not there yet; SHA-256 of each by name.

    A file never changes once it has its name, so the name and the size are enough to know it again. Disks rot: each day
    another tenth of the files is read again, and brought anew where it is no longer what was written.
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
            if known and _is_looked_at(name):
                known = folders.sha256(target) == before[name]
            if not target.exists():
                written.append(target)
            found[name] = before[name] if known else folders.copy(source, target)
        tell("Files", done, len(names))
    return found


def _is_looked_at(name: str) -> bool:
    """Whether today is the day of this file: each has one in ten."""
    return (int(name[:4], 16) - now().toordinal()) % LOOKED_AT_DAYS == 0


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
    for ledger in LEDGERS:
        known = ledger.path()
        folders.write(folder / f"{ledger.name}{PART}", known.read_text() if known.exists() else "")
    names = [dumps.PARTS[facts.dialect], LIST, *(ledger.name for ledger in LEDGERS)]
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
        "parts": {name: _measured(folder / f"{name}{PART}") for name in names},
        "files": {"count": len(files), "bytes": sum((folder / FILES / name).stat().st_size for name in files)},
    }
    _seal(words)
    folders.write(folder / f"{MANIFEST}{PART}", backup_folders.rendered(words))
    return Backup(folder, words)


def _seal(words: dict[str, Any]) -> None:
    """Add a lock for each master key that the database needs, a seal by the newest, and what all of it hashes to."""
    held, newest = premises().settings["MASTER_KEY"], premises().vault.current
    locks = {one: Vault({one: held[one]}, one).new_key(PURPOSE) for one in words["masters"] if one in held}
    words["locks"] = {one: _base64(lock) for one, lock in locks.items()}
    words["seal"] = _base64(
        premises().vault.seal(locks[newest], PURPOSE, backup_folders.digest_of(words), backup_folders.place(words))
    )
    words["sha256"] = backup_folders.digest_of(words).hex()


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


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _measured(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": folders.sha256(path)}
