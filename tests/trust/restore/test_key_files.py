"""T-RESTORE: the seal goes with the keys, apart from the backup, and a restore puts it back."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import config
from app.outside.seals import Seal
from tests.houses import MASTER_KEY, SECRET, House, environment
from tests.services.copy_words import PAIR
from tests.trust.restore.backups import good, refused, untouched
from tests.world import World

pytestmark = [pytest.mark.t_restore, pytest.mark.one_database]

NAMES = ("SEAL_KEY", "SEAL_CERTIFICATE")


@contextmanager
def with_seal(house: House, pair: tuple[bytes, bytes] = PAIR) -> Iterator[None]:
    """Inside, the settings of a house name a seal."""
    before = house.app.extensions["premises"]
    settings = config.Settings({**before.settings.values, **dict(zip(NAMES, pair, strict=True))})
    house.app.extensions["premises"] = dataclasses.replace(before, settings=settings, seal=Seal(*pair))
    try:
        yield
    finally:
        house.app.extensions["premises"] = before


def test_the_seal_is_written_beside_the_keys_and_put_back_by_a_restore(
    world: World, empty: Any, tmp_path: Path
) -> None:
    folder, file, there = tmp_path / "backup", tmp_path / "keys.env", empty()
    with with_seal(world.house):
        good(world.house, "backup", folder, "--keys", file)

    said = good(there, "restore", folder, "--keys", file)

    names = [there.var / "seal-key.pem", there.var / "seal-certificate.pem"]
    assert tuple(path.read_bytes() for path in names) == PAIR
    assert [stat.S_IMODE(path.stat().st_mode) for path in (*names, file)] == [0o600] * 3
    assert f"SEAL_KEY={names[0]}\nSEAL_CERTIFICATE={names[1]}\n" in said
    assert [path.name for path in folder.rglob("*") if path.is_file() and PAIR[0] in path.read_bytes()] == []


def test_the_file_with_the_keys_can_stand_in_the_settings_as_it_is(world: World, tmp_path: Path) -> None:
    file = tmp_path / "keys.env"
    with with_seal(world.house):
        good(world.house, "backup", tmp_path / "backup", "--keys", file)
    rest = {name: value for name, value in environment(tmp_path).items() if name not in {"SECRET_KEY", "MASTER_KEY"}}

    settings = config.load(rest, path=file)

    assert (settings["SECRET_KEY"], tuple(settings[name] for name in NAMES)) == (SECRET, PAIR)
    assert settings["MASTER_KEY"] == config.load(environment(tmp_path, MASTER_KEY=MASTER_KEY))["MASTER_KEY"]


def test_a_seal_the_settings_name_already_is_left_alone(world: World, empty: Any, tmp_path: Path) -> None:
    there = empty()
    with with_seal(world.house):
        good(world.house, "backup", tmp_path / "backup", "--keys", tmp_path / "keys.env")
    with with_seal(there):
        said = good(there, "restore", tmp_path / "backup", "--keys", tmp_path / "keys.env")
    assert "SEAL_KEY" not in said
    assert not (there.var / "seal-key.pem").exists()


def test_a_file_that_holds_no_pair_is_refused_before_anything_is_written(
    world: World, empty: Any, tmp_path: Path
) -> None:
    there, file = empty(), tmp_path / "keys.env"
    good(world.house, "backup", tmp_path / "backup")
    file.write_text('SEAL_KEY="nonsense"\nSEAL_CERTIFICATE="nonsense"\n')
    for given, sentence in (
        (file, f"The key and the certificate of the seal in {file} do not fit each other."),
        (tmp_path / "nowhere", f"{tmp_path / 'nowhere'} is no file with keys."),
    ):
        assert refused(there, "restore", tmp_path / "backup", "--keys", given) == f"Error: {sentence}\n"
        assert untouched(there)
