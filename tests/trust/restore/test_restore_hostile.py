"""T-RESTORE: a backup's disk that is somebody else's, or that rots; and a commit of which nobody hears."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from app.errors import Refusal
from app.models import Patient, PatientIdentity, db, now
from app.services import backup_folders, keys, patients, restores
from app.services.backup_folders import Unfit
from tests.factories import DAY
from tests.houses import migrate
from tests.trust.restore.backups import good, run
from tests.world import World

pytestmark = pytest.mark.t_restore


def restored(house: Any, folder: Path, after: str, change: Any) -> str:
    """Restore, while somebody changes the backup once its check has said ``after``; the refusal's sentence."""
    done: list[str] = []

    def tell(what: str, number: int, total: int) -> None:
        if what == after and number == total and not done:
            done.append(what)
            change()

    with house.app.app_context(), pytest.raises(Unfit) as refused:
        backup = backup_folders.read(folder)
        restores.restore(backup, {}, tell, lambda to: migrate(house.app, to) if to == "head" else None)
    assert done == [after]
    return str(refused.value)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_database_that_changes_between_its_check_and_its_loading_is_refused(
    world: World, empty: Any, tmp_path: Path, dialect: str
) -> None:
    folder, other, evil = tmp_path / "backup", empty(), tmp_path / "evil.sqlite"
    good(world.house, "backup", folder)
    shutil.copy(folder / "database.sqlite", evil)
    with closing(sqlite3.connect(evil)) as connection:
        connection.execute("UPDATE ab_user SET password = 'evil hash'")
        connection.commit()

    said = restored(other, folder, "Files", lambda: shutil.copy(evil, folder / "database.sqlite"))

    assert (said, dialect) == (f"{folder / 'database.sqlite'} is not what was written. Take another backup.", "sqlite")
    assert other.value("SELECT count(*) FROM ab_user WHERE password = 'evil hash'") == 0


def test_a_list_that_changes_after_its_check_brings_no_file_beside_the_store(
    world: World, empty: Any, tmp_path: Path
) -> None:
    folder, other = tmp_path / "backup", empty()
    good(world.house, "backup", folder)
    (folder / "planted").write_bytes(b"evil settings")
    line = f"{hashlib.sha256(b'evil settings').hexdigest()}  files/../planted\n"

    def plant() -> None:
        (folder / "files.sha256").write_text((folder / "files.sha256").read_text() + line)

    said = restored(other, folder, "Checking", plant)

    assert said == f"{folder / 'files.sha256'} is not what was written. Take another backup."
    assert not (other.var / "planted").exists()


def test_a_file_that_rots_in_the_backup_is_brought_again_within_ten_days(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    good(world.house, "backup", folder)
    name = min(path.name for path in (folder / "files").iterdir())
    whole = (world.house.var / "files" / name).read_bytes()
    (folder / "files" / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    for days in range(10):
        with time_machine.travel(now() + days * DAY):
            good(world.house, "backup", folder)

    assert (folder / "files" / name).read_bytes() == whole


def test_a_manifest_of_somebody_else_moves_no_file(world: World, tmp_path: Path) -> None:
    folder, victim = tmp_path / "backup", tmp_path / "victim"
    good(world.house, "backup", folder)
    victim.write_text("mine")
    (tmp_path / "victim.part").write_text("evil")
    words = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256(b"evil").hexdigest()
    words["parts"]["../victim"] = {"size": 4, "sha256": digest}
    words.pop("sha256")
    words["sha256"] = backup_folders.digest_of(words).hex()
    (folder / "manifest.json").write_text(backup_folders.rendered(words))

    good(world.house, "backup", folder)

    assert (victim.read_text(), (tmp_path / "victim.part").read_text()) == ("mine", "evil")


def test_a_link_instead_of_the_folder_of_files_is_refused(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "files").symlink_to(world.house.var / "files")
    before = {path.name for path in (world.house.var / "files").iterdir()}

    result = run(world.house, "backup", folder)

    assert (result.exit_code, f"Error: {folder / 'files'} is a link." in result.output) == (1, True)
    assert {path.name for path in (world.house.var / "files").iterdir()} == before


def test_an_erasing_of_whose_commit_nobody_hears_is_not_called_kept(world: World, empty: Any, tmp_path: Path) -> None:
    house, there = world.house, empty()
    good(house, "backup", tmp_path / "backup")
    with house.app.app_context():
        engine = db.engine
    left = [1]

    def lose(connection: Any) -> None:
        if left and connection.get_execution_options().get("writes"):
            left.clear()
            connection.connection.dbapi_connection.commit()
            raise OperationalError("COMMIT", {}, Exception("the connection is lost"))

    with house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["draft"][0])
        event.listen(engine, "commit", lose)
        try:
            with pytest.raises(Refusal):
                patients.delete(actor, patient)
        finally:
            event.remove(engine, "commit", lose)
    assert " kept " not in (house.var / "erased.log").read_text()

    said = good(there, "restore", tmp_path / "backup", "--ledger", house.var / "erased.log")

    with there.everything() as session:
        gone = select(PatientIdentity.id).where(PatientIdentity.patient_id == world.patients["draft"][0])
        assert session.scalar(gone) is None, said
    with time_machine.travel(now() + 2 * DAY), house.system("job"):
        keys.settle()
    assert (house.var / "erased.log").read_text().splitlines()[-1].split()[1] == "erased"
