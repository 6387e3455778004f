"""T-RESTORE: what was there is there again. Each restore goes into a second house, empty and on a database of its own."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from app.models import ConsentForm, Hospital, RecoveryCode, db, now
from app.services import archives, consents, dumps, factors, patients
from app.words import Sex, Variant
from tests.conftest import Tally
from tests.houses import Postgres, migrate
from tests.trust.restore.backups import archive_one, files, good, in_order, log, refused, rows, run, untouched
from tests.trust.test_migr import down, revisions
from tests.world import SIGNED, World, bring_form, file_bytes, identity

pytestmark = pytest.mark.t_restore


def test_a_backup_brought_into_an_empty_house_is_the_same_house(
    world: World, empty: Any, tmp_path: Path, tally: Tally
) -> None:
    folder, house = tmp_path / "backup", world.house
    said = good(house, "backup", folder)
    there = empty()

    restored = good(there, "restore", folder)

    before, after = rows(house), rows(there)
    for table in before.keys() | after.keys():
        tally.check(before.get(table) == after.get(table), f"{table} differs")
    head = len(log(house))
    tally.check(log(there)[:head] == log(house), "the log differs")
    tally.check([entry[1] for entry in log(there)[head:]] == ["platform.restore"], f"{log(there)[head:]}")
    tally.check(files(house.var / "files") == files(there.var / "files"), "the files differ")
    tally.check(in_order(there) == [], f"fsck: {in_order(there)}")
    patients_there = house.value("SELECT count(*) FROM patient")
    tally.check(f"{patients_there} patients" in said and f"{patients_there} patients" in restored, f"{said} {restored}")
    tally.check(not (there.var / "restoring").exists(), "the restore left its marker behind")


def test_a_restored_house_works_and_asks_everybody_to_sign_in_again(world: World, empty: Any, tmp_path: Path) -> None:
    with world.house.system():
        code = factors.hash_of(world.people["owner"], "used-after-the-backup")
        db.session.add(RecoveryCode(person_id=world.people["owner"], code_hash=code, made_at=now()))
        db.session.commit()
    good(world.house, "backup", tmp_path / "backup")
    there = empty()
    good(there, "restore", tmp_path / "backup")
    assert there.value("SELECT count(*) FROM recovery_code") == 0
    assert dataclasses.replace(world, house=there).client("owner").get("/patients/").status_code == 302

    page = there.client_for(world.people["owner"]).get("/patients/")
    with there.acting(world.people["owner"]) as actor:
        hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        patient = patients.enrol(actor, hospital, identity=identity(77), sex=Sex.FEMALE)
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, form, SIGNED)
        file_bytes(actor, form)
        assert archives.read(form.documents[0]).startswith(b"%PDF")

    assert page.status_code == 200
    assert in_order(there) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_restored_house_keeps_its_walls(world: World, empty: Any, tmp_path: Path, tally: Tally) -> None:
    good(world.house, "backup", tmp_path / "backup")
    there = empty()
    good(there, "restore", tmp_path / "backup")

    owners = there.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    tally.check([tuple(row) for row in owners] == [("cpms_owner",)], f"tables belong to {owners}")
    for statement in (
        "UPDATE audit_entry SET act = 'x'",
        "DELETE FROM archived_document",
        "CREATE TABLE mine (id int)",
    ):
        with there.everything() as session, pytest.raises(Exception, match="permission denied"):
            session.connection().exec_driver_sql(statement)
    open_functions = there.rows(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        " AND has_function_privilege('cpms_app', oid, 'EXECUTE')"
    )
    tally.check(open_functions == [], f"the application may hang {open_functions} on tables")


def test_a_house_without_any_table_is_empty_too(world: World, empty: Any, tmp_path: Path) -> None:
    good(world.house, "backup", tmp_path / "backup")
    there = empty()
    there._let_go()
    if isinstance(there.backend, Postgres):
        there.backend._run(f'DROP DATABASE "{there.backend.name}" WITH (FORCE)')
        there.backend.create()
    else:
        there.backend.file.unlink()

    good(there, "restore", tmp_path / "backup")

    assert rows(there) == rows(world.house)


def test_a_backup_made_while_somebody_archives_is_of_one_moment(
    world: World, empty: Any, tmp_path: Path, tally: Tally
) -> None:
    house, stop, done = world.house, threading.Event(), []

    def work() -> None:
        for number in itertools.count(20):
            if stop.is_set():
                return
            done.append(archive_one(house, world, number, os.urandom(200_000))[1])

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for number in range(3):
            while len(done) < 3 * (number + 1):
                time.sleep(0.01)
            acknowledged = set(done)
            good(house, "backup", tmp_path / f"backup-{number}")
            there = empty()
            good(there, "restore", tmp_path / f"backup-{number}")
            kept = {row[0] for row in there.rows("SELECT public_id FROM consent_form WHERE state = 'archived'")}
            tally.check(acknowledged <= kept, f"lost: {acknowledged - kept}")
            tally.check(in_order(there) == [], f"fsck: {in_order(there)[:3]}")
    finally:
        stop.set()
        writer.join()
    tally.check(len(done) > 9, f"the writer waited for the backups: {len(done)}")
    tally.check(log(house)[: len(log(there)) - 1] == log(there)[:-1], "the log is not a beginning of the house's")


def test_a_second_backup_into_the_same_folder_brings_what_is_new_and_forgets_what_is_gone(
    world: World, tmp_path: Path
) -> None:
    folder, house = tmp_path / "backup", world.house
    good(house, "backup", folder)
    first = {path.name: path.stat().st_mtime_ns for path in (folder / "files").iterdir()}
    gone = house.value("SELECT min(storage_key) FROM archived_document")
    with house.acting(world.people["owner"]) as actor:
        file_bytes(actor, db.session.get(ConsentForm, world.forms["signed"][0]), b"%PDF-1.7 a new scan")
    (house.var / "files" / gone).unlink()

    result = run(house, "backup", folder)

    second = {path.name: path.stat().st_mtime_ns for path in (folder / "files").iterdir()}
    assert second.keys() == {path.name for path in (house.var / "files").iterdir()}
    assert {name for name in second if second[name] != first.get(name)} == second.keys() - first.keys()
    assert "(1 files new)" in result.output
    assert result.exit_code == 1
    assert result.output.endswith("Error: 1 files that rows name are missing in the store: run flask fsck.\n")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["erased.log", "files", "files.sha256", "manifest.json", "withdrawn.log", dumps.PARTS[house.dialect]]
    )


def test_the_list_of_files_is_one_that_sha256sum_reads(world: World, tmp_path: Path) -> None:
    good(world.house, "backup", tmp_path / "backup")

    words = ["sha256sum", "--check", "--quiet", "--strict", "files.sha256"]
    checked = subprocess.run(words, cwd=tmp_path / "backup", capture_output=True, check=False)

    assert (checked.returncode, checked.stdout) == (0, b"")


def test_a_backup_of_older_tables_is_brought_up_to_date(world: World, empty: Any, tmp_path: Path) -> None:
    house = world.house
    down(house, revisions()[-2])
    good(house, "backup", tmp_path / "backup")
    migrate(house.app)
    there = empty()

    good(there, "restore", tmp_path / "backup")

    assert there.value("SELECT version_num FROM alembic_version") == revisions()[-1]
    assert rows(there) == rows(house)


def test_a_backup_of_newer_tables_is_refused(world: World, empty: Any, tmp_path: Path) -> None:
    engine = create_engine(world.house.app.config["SETTINGS"]["DATABASE_OWNER_URL"])
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    engine.dispose()
    good(world.house, "backup", tmp_path / "backup")
    there = empty()

    said = refused(there, "restore", tmp_path / "backup")

    assert said == (
        "Error: This backup was made by a newer version of the program (its tables are 9999, this one knows up to "
        f"{revisions()[-1]}). Install that version first.\n"
    )
    assert untouched(there)
