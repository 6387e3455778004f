"""T-RESTORE: what was changed, half, or somebody else's is found before anything is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from app.models import Hospital, db
from app.services import backup_folders, dumps, patients
from app.words import Sex
from tests.conftest import Tally
from tests.trust.restore.backups import (
    OTHER_KEY,
    erase,
    flask,
    good,
    in_order,
    refused,
    rows,
    run,
    untouched,
)
from tests.trust.test_migr import down
from tests.world import World, identity

pytestmark = pytest.mark.t_restore


def test_a_changed_byte_is_found_in_every_part(world: World, empty: Any, tmp_path: Path, tally: Tally) -> None:
    folder = tmp_path / "backup"
    erase(world.house, world, "draft")
    good(world.house, "backup", folder)
    there = empty()
    parts = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(parts) > 10

    for part in parts:
        whole = part.read_bytes()
        places = {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}
        for place in places:
            changed = bytearray(whole)
            changed[place] ^= 1
            part.write_bytes(changed)
            result = run(there, "restore", folder, "--check")
            told = part.name in result.output or part.name == "manifest.json"
            tally.check(result.exit_code == 1 and told, f"{part.name} at {place}: {result.output}")
        part.write_bytes(whole[:-1])
        tally.check(run(there, "restore", folder).exit_code == 1, f"{part.name} cut")
        part.unlink()
        tally.check(run(there, "restore", folder).exit_code == 1, f"{part.name} gone")
        part.write_bytes(whole)
    tally.check(untouched(there), "something was written")
    tally.check(run(there, "restore", folder, "--check").exit_code == 0, "whole again, and refused")


def test_a_manifest_somebody_else_wrote_is_found_although_every_hash_fits(
    world: World, empty: Any, tmp_path: Path
) -> None:
    manifest = tmp_path / "backup" / "manifest.json"
    good(world.house, "backup", tmp_path / "backup")
    words = json.loads(manifest.read_text()) | {"program": "another"}
    del words["sha256"]
    words["sha256"] = backup_folders.digest_of(words).hex()
    manifest.write_text(backup_folders.rendered(words))

    said = refused(empty(), "restore", tmp_path / "backup")

    assert said == f"Error: {manifest} was not written by this platform. Take another backup.\n"


def test_half_a_backup_is_no_backup(world: World, empty: Any, tmp_path: Path, tally: Tally) -> None:
    folder, there = tmp_path / "backup", empty()
    good(world.house, "backup", folder)
    (folder / "manifest.json").rename(folder / "manifest.json.part")

    said = refused(there, "restore", folder)
    tally.check(said == f"Error: {folder} holds no backup, or half of one: there is no manifest.json.\n", said)
    tally.check(untouched(there), "something was written")
    good(world.house, "backup", folder)  # the next one is whole
    for part in (dumps.PARTS[world.house.dialect], "files.sha256", "erased.log"):
        (folder / part).rename(folder / f"{part}.part")  # as when the machine stops right after the manifest
    good(there, "restore", folder)
    good(world.house, "backup", folder)
    tally.check(not list(folder.rglob("*.part")), "half-written parts are left")


def test_a_backup_killed_at_any_moment_leaves_the_one_before(
    world: World, empty: Any, tmp_path: Path, tally: Tally
) -> None:
    folder, house = tmp_path / "backup", world.house
    good(house, "backup", folder)
    before = rows(house)
    begun = time.perf_counter()
    subprocess.run(**flask(house, "backup", tmp_path / "another"), capture_output=True, check=True)
    takes = time.perf_counter() - begun
    for number, part in enumerate((0.6, 0.8, 0.9, 0.95, 1.0), start=60):
        with house.acting(world.people["owner"]) as actor:
            hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
            patients.enrol(actor, hospital, identity=identity(number), sex=Sex.MALE)
        process = subprocess.Popen(
            **flask(house, "backup", folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(takes * part)
        process.kill()
        process.wait()
        there = empty()
        good(there, "restore", folder)
        after = rows(there)
        known = len(after["patient"]) >= len(before["patient"])
        tally.check(known and in_order(there) == [], f"killed at {part}: {len(after['patient'])} patients")
    good(house, "backup", folder)
    tally.check(not list(folder.rglob("*.part*")), "half-written parts are left")


def test_a_wrong_master_key_is_told_before_anything_is_written(world: World, empty: Any, tmp_path: Path) -> None:
    good(world.house, "backup", tmp_path / "backup")
    there = empty(MASTER_KEY=OTHER_KEY)

    said = refused(there, "restore", tmp_path / "backup")

    assert said == (
        "Error: The wrapped keys do not open: MASTER_KEY is not the one this backup was made with (version 1). "
        "Put the right one into the settings.\n"
    )
    assert untouched(there)


def test_a_backup_of_another_database_is_refused(
    world: World, empty: Any, tmp_path: Path, dialect: str, houses: Any
) -> None:
    good(world.house, "backup", tmp_path / "backup")
    other = houses("postgresql" if dialect == "sqlite" else "sqlite")
    other.reset()

    said = refused(other, "restore", tmp_path / "backup")

    names = dumps.NAMES
    assert said == f"Error: This backup is of {names[dialect]}; DATABASE_URL names {names[other.dialect]}.\n"


def test_a_house_in_which_somebody_lives_is_left_alone(world: World, empty: Any, tmp_path: Path, tally: Tally) -> None:
    house = world.house
    good(house, "backup", tmp_path / "backup")
    before = rows(house)
    said = refused(house, "restore", tmp_path / "backup")
    tally.check(
        said == "Error: The database is not empty. A restore needs an empty one: nothing is ever overwritten.\n", said
    )
    tally.check(rows(house) == before, "rows changed")

    there = empty()
    (there.var / "files" / ("a" * 32)).write_bytes(b"CPF1 somebody's")
    said = refused(there, "restore", tmp_path / "backup")
    sentence = f"{there.var / 'files'} is not empty. A restore needs an empty folder: nothing is ever overwritten."
    tally.check(said == f"Error: {sentence}\n", said)
    tally.check([path.name for path in (there.var / "files").iterdir()] == ["a" * 32], "files changed")


def test_a_restore_the_power_cut_goes_on_where_it_was(world: World, empty: Any, tmp_path: Path) -> None:
    """As it is left between two of its steps: some files are there; then the database too, and erasures are to be done."""
    folder = tmp_path / "backup"
    good(world.house, "backup", folder)
    erased = erase(world.house, world, "draft")
    ledger = tmp_path / "erased.log"
    shutil.copyfile(world.house.var / "erased.log", ledger)
    mark = json.loads((folder / "manifest.json").read_text())["sha256"]
    there, further = empty(), empty()
    some = next((folder / "files").iterdir())
    shutil.copyfile(some, there.var / "files" / some.name)
    shutil.copytree(folder / "files", further.var / "files", dirs_exist_ok=True)
    (further.var / "restoring").write_text(mark)
    with further.app.app_context():
        db.engine.dispose()
        dumps.load(
            folder / dumps.PARTS[further.dialect],
            0 if further.dialect == "sqlite" else 18,
            lambda to: down(further, to),
        )

    for house in (there, further):
        good(house, "restore", folder, "--ledger", ledger)
        assert in_order(house) == []
        assert house.value("SELECT state FROM patient WHERE public_id = :id", id=erased) == "erased"
