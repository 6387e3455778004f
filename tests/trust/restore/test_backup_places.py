"""T-RESTORE: where a backup goes, and what is never in it."""

from __future__ import annotations

import base64
import os
import resource
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.errors import Refusal
from app.models import ConsentForm, db
from app.services import dumps
from tests.conftest import Tally
from tests.houses import MASTER_KEY, SECRET, House
from tests.trust.restore.backups import files, flask, good, refused, untouched
from tests.world import World, file_bytes

pytestmark = pytest.mark.t_restore


def test_a_folder_that_cannot_hold_a_backup_is_refused(world: World, tmp_path: Path, tally: Tally) -> None:
    house = world.house
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.odt").write_text("mine")
    (tmp_path / "files inside" / "files").mkdir(parents=True)
    (tmp_path / "files inside" / "files" / "photo.jpg").write_text("mine")
    store = house.var / "files"
    expected = {
        tmp_path / "file": f"{tmp_path / 'file'} is a file. Give a folder.",
        tmp_path / "file" / "below": f"{tmp_path / 'file' / 'below'} cannot be read or written: Not a directory.",
        tmp_path / "full": f"{tmp_path / 'full'} holds other things (thesis.odt). "
        "Give an empty folder, or that of an earlier backup.",
        tmp_path / "files inside": f"{tmp_path / 'files inside'} holds other things (files/photo.jpg). "
        "Give an empty folder, or that of an earlier backup.",
        store: f"{store} is where the platform keeps its own files. Give another folder.",
        store / "below": f"{store / 'below'} is where the platform keeps its own files. Give another folder.",
        Path("/proc/backup"): "/proc/backup cannot be read or written: No such file or directory.",
    }
    before = files(tmp_path / "full"), files(store)
    for folder, sentence in expected.items():
        said = refused(house, "backup", folder)
        tally.check(said == f"Error: {sentence}\n", said)
    tally.check((files(tmp_path / "full"), files(store)) == before, "something was written")


def test_nothing_that_is_no_backup_is_restored(house: House, tmp_path: Path, tally: Tally) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "nowhere"):
        said = refused(house, "restore", folder)
        tally.check(said == f"Error: {folder} is not a folder with a backup.\n", said)
    for content in ("", "[]", "{}", "nonsense", '{"sha256": 5}', "\udcff"):
        (tmp_path / "manifest.json").write_bytes(content.encode("utf-8", "surrogateescape"))
        said = refused(house, "restore", tmp_path)
        tally.check(
            said == f"Error: {tmp_path / 'manifest.json'} is not what was written. Take another backup.\n", said
        )


def test_a_full_disk_is_told_and_leaves_the_backup_before(
    world: World, empty: Any, tmp_path: Path, tally: Tally
) -> None:
    house, folder, fresh = world.house, tmp_path / "backup", tmp_path / "fresh"
    good(house, "backup", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with house.acting(world.people["owner"]) as actor:
        file_bytes(actor, db.session.get(ConsentForm, world.forms["signed"][0]), os.urandom(3 << 20))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))

    for target in (folder, fresh):
        done = subprocess.run(
            **flask(house, "backup", target), preexec_fn=limit, capture_output=True, text=True, check=False
        )
        tally.check(done.returncode == 1, f"{done.returncode}: {done.stderr}")
        last = done.stderr.strip().splitlines()[-1]
        tally.check(last == f"Error: There is no room left on the disk of {target}. Nothing of this was kept.", last)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    tally.check(after == before, f"the backup before is not as it was: {after.keys() ^ before.keys()}")
    tally.check(not fresh.exists(), "half a backup is left")
    there = empty()
    done = subprocess.run(**flask(house, "backup", fresh), capture_output=True, text=True, check=False)
    tally.check(done.returncode == 0, done.stderr)
    done = subprocess.run(
        **flask(there, "restore", fresh), preexec_fn=limit, capture_output=True, text=True, check=False
    )
    tally.check(done.returncode == 1, f"{done.returncode}: {done.stderr}")
    tally.check(untouched(there), "half a house is left")


def test_the_keys_are_never_in_the_backup(world: World, tmp_path: Path, tally: Tally) -> None:
    folder, file = tmp_path / "backup", tmp_path / "elsewhere" / "keys.env"
    file.parent.mkdir()
    for inside in (folder / "keys.env", folder / "files" / "keys.env"):
        said = refused(world.house, "backup", folder, "--keys", inside)
        sentence = f"{inside} lies inside {folder}. Whoever finds both can read everything: keep the keys elsewhere."
        tally.check(said == f"Error: {sentence}\n", said)
    tally.check(not folder.exists(), "something was written")
    file.write_text("old")
    file.chmod(0o644)

    good(world.house, "backup", folder, "--keys", file)

    secret = (
        MASTER_KEY.encode(),
        base64.b64decode(MASTER_KEY),
        base64.b64decode(MASTER_KEY).hex().encode(),
        SECRET.encode(),
    )
    for path in (one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        tally.check(not any(one in content for one in secret), f"{path.name} holds a key")
        tally.check(stat.S_IMODE(path.stat().st_mode) == 0o600, f"{path.name} can be read by others")
    tally.check(file.read_text() == f"SECRET_KEY={SECRET}\nMASTER_KEY={MASTER_KEY}\n", "the keys are not those")
    tally.check(stat.S_IMODE(file.stat().st_mode) == 0o600, "others can read the keys")


def test_what_postgresql_needs_is_said_in_plain_words() -> None:
    with pytest.raises(Refusal) as caught:
        dumps._tool("pg_dump", 99)

    assert str(caught.value).endswith(
        "and version 99 or newer is needed. Install it (Debian: apt install postgresql-client-99), then run this again."
    )
