"""T-RESTORE: backup, restore, key rotation. What was there is there again, what was erased is not, what was changed is found.

Each restore goes into a second house, empty and on a database of its own.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select

import config
from app.errors import Refusal
from app.models import ConsentForm, DocumentKey, Hospital, Patient, PatientIdentity, db
from app.outside.vault import Vault
from app.services import archives, backups, consents, dumps, housekeeping, keys, papers, patients
from app.words import Sex, Variant
from tests.conftest import Tally
from tests.houses import MASTER_KEY, SECRET, House, Postgres, environment, furnish, migrate
from tests.trust.routes import stored
from tests.trust.test_migr import down, revisions
from tests.world import SIGNED, World, bring_form, file_bytes, identity

pytestmark = pytest.mark.t_restore
OTHER_KEY = base64.b64encode(bytes(range(32, 64))).decode()
FLASK = [sys.executable, "-m", "flask", "--app", "run"]
_numbers = itertools.count(1)


@pytest.fixture
def empty(dialect: str, shared: Path, worker: str, printer: Any) -> Iterator[Callable[..., House]]:
    """Makes empty houses, with other settings if wished."""
    made: list[House] = []

    def furnished(**changes: str) -> House:
        made.append(furnish(dialect, shared, f"{worker}-restored-{next(_numbers)}", printer, **changes))
        return made[-1]

    yield furnished
    for house in made:
        house.close()


@pytest.fixture(autouse=True)
def _no_ledger_from_before(shared: Path, worker: str) -> None:
    """A house put back to a snapshot knows nothing of what the last test erased."""
    for dialect in ("sqlite", "postgresql"):
        (shared / f"var-{dialect}-{worker}" / "erased.log").unlink(missing_ok=True)


def run(house: House, *words: Any) -> Any:
    """A command in a house."""
    return house.app.test_cli_runner().invoke(args=[str(word) for word in words])


def good(house: House, *words: Any) -> str:
    """What a command says that ends well."""
    result = run(house, *words)
    assert result.exit_code == 0, f"{words}: {result.output} {result.exception!r}"
    return str(result.output)


def refused(house: House, *words: Any) -> str:
    """The sentence of a command that is refused."""
    result = run(house, *words)
    assert result.exit_code == 1, f"{words}: {result.output}"
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    return str(result.output)


def rows(house: House) -> dict[str, Any]:
    """Everything stored, but what a restore changes on purpose: logins and links end, and the log says so."""
    with house.everything() as session:
        found = stored(session)
    for table in ("login", "password_link", "phone_link"):
        found[table] = dict.fromkeys(found.get(table, {}))
    return {table: kept for table, kept in found.items() if table != "audit_entry"}


def log(house: House) -> list[tuple[Any, ...]]:
    """Every entry of the log."""
    return [
        tuple(row) for row in house.rows("SELECT seq, act, thing_id, prev_hash, hash FROM audit_entry ORDER BY seq")
    ]


def files(folder: Path) -> dict[str, str]:
    """What is in a folder, by name: what each file hashes to."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


def in_order(house: House) -> list[str]:
    """What fsck finds when it reads everything."""
    with house.app.app_context():
        return [str(finding) for finding in housekeeping.fsck(deep=True)]


def flask(house: House, *words: Any, **changes: str) -> dict[str, Any]:
    """How to run the real program on a house, in a process of its own."""
    settings = house.app.config["SETTINGS"]
    urls = {name: settings[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    return {
        "args": [*FLASK, *(str(word) for word in words)],
        "cwd": config.ROOT,
        "env": {**os.environ, **environment(house.var, **urls | changes)},
    }


def erase(house: House, world: World, name: str) -> str:
    """Erase a draft, by the person who treats the patient; the patient's public id."""
    with house.acting(world.people["owner"]) as actor:
        patients.delete(actor, db.session.get(Patient, world.patients[name][0]))
    return world.patients[name][1]


# --- there and back ---------------------------------------------------------------------------------------------------


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
    good(world.house, "backup", tmp_path / "backup")
    there = empty()
    good(there, "restore", tmp_path / "backup")
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
            with house.acting(world.people["owner"]) as actor:
                hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
                patient = patients.enrol(
                    actor, hospital, identity=identity(number % 60), sex=Sex.MALE, despite_duplicate=True
                )
                form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
                bring_form(actor, form, SIGNED)
                file_bytes(actor, form, os.urandom(200_000))
                done.append(form.public_id)

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
        ["erased.log", "files", "files.sha256", "manifest.json", dumps.PARTS[house.dialect]]
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


def untouched(house: House) -> bool:
    """Whether a restore that was refused has written nothing."""
    left = [path.name for path in house.var.iterdir() if path.name in {"restoring", "erased.log"}]
    return not left and not list((house.var / "files").iterdir()) and house.value("SELECT count(*) FROM ab_user") == 0


# --- changed, half, of others -----------------------------------------------------------------------------------------


def test_a_changed_byte_is_found_in_every_part(world: World, empty: Any, tmp_path: Path, tally: Tally) -> None:
    folder = tmp_path / "backup"
    erase(world.house, world, "draft")
    good(world.house, "backup", folder)
    there = empty()
    parts = [path for path in folder.rglob("*") if path.is_file()]
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
    words["sha256"] = backups._digest(words).hex()
    manifest.write_text(backups._rendered(words))

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


# --- what was erased stays erased --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ledger", ["in var", "elsewhere"])
def test_what_was_erased_after_the_backup_does_not_come_back(
    world: World, empty: Any, tmp_path: Path, tally: Tally, ledger: str
) -> None:
    house, folder = world.house, tmp_path / "backup"
    good(house, "backup", folder)
    erased = [erase(house, world, name) for name in ("draft", "prepared", "printed", "signed")]
    there, kept_elsewhere = empty(), tmp_path / "copy of the ledger"
    shutil.copyfile(house.var / "erased.log", there.var / "erased.log" if ledger == "in var" else kept_elsewhere)

    said = good(there, "restore", folder, *(["--ledger", kept_elsewhere] if ledger == "elsewhere" else []))

    tally.check("4 erasures made since were done again" in said, said)
    for public_id in erased:
        state = there.value("SELECT state FROM patient WHERE public_id = :id", id=public_id)
        tally.check(state == "erased", f"the patient is {state}")
        left = there.rows(
            "SELECT i.id FROM patient_identity i JOIN patient p ON p.id = i.patient_id WHERE p.public_id = :id",
            id=public_id,
        )
        tally.check(left == [], "the identity is back")
        open_forms = there.rows(
            "SELECT f.state FROM consent_form f JOIN patient p ON p.id = f.patient_id WHERE p.public_id = :id"
            " AND (f.sealed_paper IS NOT NULL OR f.sealed_signer IS NOT NULL OR f.state NOT IN ('cancelled'))",
            id=public_id,
        )
        tally.check(open_forms == [], f"forms are back: {open_forms}")
    entries = json.loads((folder / "manifest.json").read_text())["log"]["entries"]
    noted = [entry[1] for entry in log(there)[entries:] if entry[1] != "consent.lapse"]
    tally.check(noted == ["keys.destroy-again"] * 4 + ["platform.restore"], f"{noted}")
    tally.check(in_order(there) == [], f"fsck: {in_order(there)}")
    again = empty()
    shutil.copyfile(there.var / "erased.log", again.var / "erased.log")  # the new house's ledger knows it too
    tally.check("4 erasures made since were done again" in good(again, "restore", folder), "the new ledger forgot")


def test_without_a_ledger_it_is_said_and_can_be_done_later(world: World, empty: Any, tmp_path: Path) -> None:
    folder, there = tmp_path / "backup", empty()
    good(world.house, "backup", folder)
    public_id = erase(world.house, world, "draft")

    said = good(there, "restore", folder)
    came_back = there.value("SELECT state FROM patient WHERE public_id = :id", id=public_id)
    later = good(there, "keys", "erase-again", world.house.var / "erased.log")

    assert said.startswith("No ledger of erasures was found: what was erased after ")
    assert came_back == "draft"
    assert later == "1 erasures were done again.\n"
    assert there.value("SELECT state FROM patient WHERE public_id = :id", id=public_id) == "erased"


def test_a_destroyed_key_of_a_document_does_not_come_back(world: World, empty: Any, tmp_path: Path) -> None:
    house, there = world.house, empty()
    good(house, "backup", tmp_path / "backup")
    with house.system():
        key = db.session.scalars(select(DocumentKey).order_by(DocumentKey.id)).first()
        document = key.document_id
        db.session.delete(key)
        db.session.commit()

    good(there, "restore", tmp_path / "backup", "--ledger", house.var / "erased.log")

    assert there.value("SELECT count(*) FROM document_key WHERE document_id = :id", id=document) == 0
    assert rows(there) == rows(house)


def test_an_erasing_that_was_rolled_back_is_no_erasing(world: World, empty: Any, tmp_path: Path) -> None:
    house, there = world.house, empty()
    good(house, "backup", tmp_path / "backup")
    with house.system():
        db.session.delete(db.session.scalars(select(PatientIdentity)).first())
        db.session.flush()
        db.session.rollback()
        db.session.commit()
    with house.system():
        row = db.session.scalars(select(PatientIdentity)).first()
        mark = keys.Mark("patient_identity", row.public_id)
        keys._append("erasing", [mark])
        keys._append("kept", [mark])

    good(there, "restore", tmp_path / "backup", "--ledger", house.var / "erased.log")

    assert rows(there) == rows(house)


def test_what_was_announced_and_never_concluded_is_asked_of_the_database(world: World, tmp_path: Path) -> None:
    house = world.house
    (alive,) = house.rows("SELECT public_id FROM patient_identity ORDER BY id LIMIT 1")
    lines = [
        f"2026-01-01T00:00:00Z erasing patient_identity {alive[0]}",
        f"2026-01-01T00:00:01Z erasing patient_identity {'c' * 32}",
        "2026-01-01T00:00:0",
    ]
    (house.var / "erased.log").write_text("\n".join(lines))

    good(house, "backup", tmp_path / "backup")

    last, unread = keys.read_ledger(house.var / "erased.log")
    words = {mark.public_id: word for mark, (_at, word) in last.items()}
    assert words == {alive[0]: "kept", "c" * 32: "erased"}
    assert unread == 1


def test_nothing_is_erased_that_the_ledger_cannot_say(world: World, tally: Tally) -> None:
    house, ledger = world.house, world.house.var / "erased.log"
    before = rows(house)
    ledger.unlink(missing_ok=True)
    ledger.symlink_to("/dev/full")
    owner = world.client("owner")
    key = world.patients["draft"][1]
    seen = {"seen": str(house.value("SELECT version FROM patient WHERE public_id = :key", key=key))}
    try:
        answer = owner.post(f"/patients/{key}/delete", data=seen)
        tally.check(answer.status_code == 507, f"answers {answer.status_code}")
        tally.check(rows(house)["patient_identity"] == before["patient_identity"], "the identity is gone")
    finally:
        ledger.unlink()
    answer = owner.post(f"/patients/{key}/delete", data=seen)
    tally.check(answer.status_code == 302, f"afterwards it answers {answer.status_code}")
    tally.check(keys.read_ledger(ledger)[0] != {}, "the ledger says nothing")


# --- where it goes -----------------------------------------------------------------------------------------------------


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


# --- key rotation ------------------------------------------------------------------------------------------------------


@contextmanager
def holding(house: House, **masters: str) -> Iterator[None]:
    """Inside, the house has these master keys, as after a restart with other settings."""
    held = {one.removeprefix("v"): base64.b64decode(key) for one, key in masters.items()}
    before = house.app.extensions["premises"]
    settings = config.Settings({**before.settings.values, "MASTER_KEY": held})
    vault = Vault(held, max(held, key=int))
    house.app.extensions["premises"] = dataclasses.replace(before, settings=settings, vault=vault)
    try:
        yield
    finally:
        house.app.extensions["premises"] = before


def wrapped_by(house: House) -> dict[str, int]:
    """How many keys each master key has wrapped."""
    found: dict[str, int] = {}
    for table in keys.tables():
        for (wrapped,) in house.rows(f"SELECT wrapped_key FROM {table.__tablename__} WHERE wrapped_key IS NOT NULL"):
            one = Vault.wrapped_by(bytes(wrapped))
            found[one] = found.get(one, 0) + 1
    return found


def found_by_number(house: House, world: World, name: str) -> list[str]:
    """Whom a clinician finds by a file number."""
    with house.acting(world.people["owner"]) as actor:
        hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        number = world.identities[name].file_number
        found = patients.find(actor, hospital, family_name=None, birth_date=None, file_number=number)
        return [patient.public_id for patient in found]


def test_after_a_rotation_the_old_master_key_is_needed_no_more(world: World, tally: Tally) -> None:
    house = world.house
    total = sum(wrapped_by(house).values())
    versions = house.rows("SELECT id, version FROM consent_form ORDER BY id")
    with holding(house, v2=OTHER_KEY, v1=MASTER_KEY):
        tally.check(in_order(house) == [], "with both keys something does not open")
        tally.check(
            found_by_number(house, world, "enrolled") == [world.patients["enrolled"][1]], "nobody is found meanwhile"
        )
        said = good(house, "keys", "rotate")
        tally.check(wrapped_by(house) == {"2": total}, f"{wrapped_by(house)}")
        again = good(house, "keys", "rotate")
    with holding(house, v2=OTHER_KEY):
        tally.check(in_order(house) == [], f"without the old key: {in_order(house)[:3]}")
        tally.check(found_by_number(house, world, "enrolled") == [world.patients["enrolled"][1]], "nobody is found")
        with house.acting(world.people["owner"]):
            patient = db.session.get(Patient, world.patients["enrolled"][0])
            tally.check(patients.identity_of(patient) == world.identities["enrolled"], "another identity")
            tally.check(patients.known(patient.hospital, world.identities["enrolled"]), "a duplicate is not seen")
    tally.check(
        said.startswith(f"{total} keys are wrapped anew; master key 2 wraps new ones.\nNo row needs master key 1"), said
    )
    tally.check(again.startswith("0 keys are wrapped anew"), again)
    tally.check(
        house.rows("SELECT id, version FROM consent_form ORDER BY id") == versions, "open pages would be refused"
    )
    noted = [entry for entry in log(house) if entry[1] == "keys.rotate"]
    tally.check([entry[2] for entry in noted] == ["2"], f"noted: {noted}")


def test_fsck_says_which_rows_still_need_a_key_that_was_taken_out_too_early(world: World) -> None:
    with holding(world.house, v2=OTHER_KEY):
        found = in_order(world.house)

    count = "SELECT (SELECT count(*) FROM patient_identity), (SELECT count(*) FROM consent_form), count(*) FROM document_key"
    lines = [sum(line.startswith(word) for line in found) for word in ("identity ", "form ", "document ")]
    assert lines == list(world.house.rows(count)[0])
    assert {line.rpartition("(")[2] for line in found} == {"unknown_key)"}


def many_forms(house: House, world: World, count: int) -> None:
    """More rows than one transaction wraps anew."""
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        (form,) = session.execute(select(ConsentForm.__table__).where(ConsentForm.id == world.forms["prepared"][0]))
        known = {name: value for name, value in form._asdict().items() if name not in {"id", "public_id", "code"}}
        fresh = [
            known | {"public_id": f"{number:032x}", "code": f"X{number:015d}", "wrapped_key": papers.new_key()}
            for number in range(count)
        ]
        session.execute(insert(ConsentForm.__table__), fresh)
        session.commit()


def test_a_rotation_killed_in_the_middle_is_resumed(world: World, tally: Tally) -> None:
    house, count = world.house, 8000
    many_forms(house, world, count)
    total = sum(wrapped_by(house).values())
    process = subprocess.Popen(
        **flask(house, "keys", "rotate", MASTER_KEY=f"2:{OTHER_KEY},1:{MASTER_KEY}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    begun = "SELECT count(*) FROM audit_entry WHERE act = 'keys.rotate'"
    while process.poll() is None and not (house.value(begun) and wrapped_by(house).get("2", 0)):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    said = process.communicate()[0].decode()
    half = wrapped_by(house)
    tally.check(0 < half.get("2", 0) < total, f"not killed in the middle: {half} {said}")
    with holding(house, v2=OTHER_KEY, v1=MASTER_KEY):
        tally.check(in_order(house) == [], "in the middle something does not open")
        said = good(house, "keys", "rotate")
        tally.check(said.startswith(f"{half['1']} keys are wrapped anew"), said)
    tally.check(wrapped_by(house) == {"2": total}, f"{wrapped_by(house)}")
    with holding(house, v2=OTHER_KEY):
        tally.check(in_order(house) == [], "something does not open")


def test_a_rotation_lets_people_work(world: World, tally: Tally) -> None:
    house, stop, faults, done = world.house, threading.Event(), [], []
    many_forms(house, world, 3000)

    def work() -> None:
        for number in itertools.count(20):
            if stop.is_set():
                return
            try:
                with house.acting(world.people["owner"]) as actor:
                    hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
                    patient = patients.enrol(
                        actor, hospital, identity=identity(number % 60), sex=Sex.MALE, despite_duplicate=True
                    )
                    form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
                    bring_form(actor, form, SIGNED)
                    file_bytes(actor, form)
                    done.append(patient.public_id)
            except Exception as fault:  # noqa: BLE001  whatever it is, it is one
                faults.append(repr(fault))

    with holding(house, v2=OTHER_KEY, v1=MASTER_KEY):
        writer = threading.Thread(target=work)
        writer.start()
        try:
            while not done and not faults:
                time.sleep(0.01)
            good(house, "keys", "rotate")
        finally:
            stop.set()
            writer.join()
        tally.check(faults == [], f"{faults[:2]}")
        tally.check(set(wrapped_by(house)) == {"2"}, f"{wrapped_by(house)}")
        tally.check(in_order(house) == [], f"{in_order(house)[:2]}")


def test_a_backup_from_before_a_rotation_needs_the_old_key(world: World, empty: Any, tmp_path: Path) -> None:
    house, folder = world.house, tmp_path / "backup"
    good(house, "backup", folder)

    only_new = refused(empty(MASTER_KEY=f"2:{OTHER_KEY}"), "restore", folder)
    there = empty(MASTER_KEY=f"2:{OTHER_KEY},1:{MASTER_KEY}")
    good(there, "restore", folder)
    good(there, "keys", "rotate")

    assert "MASTER_KEY is not the one this backup was made with (version 1)" in only_new
    assert set(wrapped_by(there)) == {"2"}
    assert in_order(there) == []


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (MASTER_KEY, ["1"]),
        (f"1:{MASTER_KEY}", ["1"]),
        (f"2:{OTHER_KEY},1:{MASTER_KEY}", ["1", "2"]),
        (f" 1:{MASTER_KEY} , 12:{OTHER_KEY}", ["1", "12"]),
    ],
)
def test_several_master_keys_are_read(tmp_path: Path, text: str, versions: list[str]) -> None:
    settings = config.load(environment(tmp_path, MASTER_KEY=text), path=tmp_path / "none.env")

    assert sorted(settings["MASTER_KEY"], key=int) == versions


@pytest.mark.parametrize(
    "text",
    [
        f"{OTHER_KEY},{MASTER_KEY}",
        f"2:{OTHER_KEY},{MASTER_KEY}",
        f"2:{OTHER_KEY},2:{MASTER_KEY}",
        f"2:{MASTER_KEY},1:{MASTER_KEY}",
        f"new:{OTHER_KEY},1:{MASTER_KEY}",
        f"0:{OTHER_KEY}",
        f"2:{OTHER_KEY},1:",
        f"2:{OTHER_KEY},",
        "2:c2hvcnQ=,1:" + MASTER_KEY,
    ],
)
def test_master_keys_that_cannot_be_told_apart_stop_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(config.Faults) as caught:
        config.load(environment(tmp_path, MASTER_KEY=text), path=tmp_path / "none.env")

    assert [fault.split(" ")[0] for fault in caught.value.faults] == ["MASTER_KEY"]
    assert OTHER_KEY not in str(caught.value)
