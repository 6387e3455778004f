"""Housekeeping: fsck finds what does not fit, repairs what loses nothing, tells no secrets; and the daily work."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from app import actors, sight
from app.models import db
from app.services import housekeeping, jobs

HOURS = 3600
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])
"""Where what must not happen can be done at all: PostgreSQL's role of the application may not take the guards down."""


def found(world: Any, *, deep: bool = False) -> list[str]:
    with world.house.app.app_context():
        return [str(finding) for finding in housekeeping.fsck(deep=deep)]


def repair(world: Any) -> None:
    with world.house.app.app_context():
        sight.bind(db.session(), actors.system("fsck"))
        for finding in list(housekeeping.fsck()):
            if finding.repair:
                finding.repair()


def run(world: Any, *words: str) -> Any:
    return world.house.app.test_cli_runner().invoke(args=["fsck", *words])


def write(world: Any, *statements: str) -> None:
    """Spoil something behind the program's back."""
    with world.house.everything() as session:
        connection = session.connection(execution_options={"writes": True})
        for statement in statements:
            connection.exec_driver_sql(statement)
        session.commit()


def a_document(world: Any) -> tuple[str, Path]:
    """The public id and the file of the enrolled patient's scan."""
    form_id = world.forms["enrolled"][0]
    (row,) = world.house.rows("SELECT public_id, storage_key FROM archived_document WHERE form_id = :id", id=form_id)
    return row.public_id, world.house.var / "files" / row.storage_key


def aged(path: Path, hours: float) -> Path:
    moment = path.stat().st_mtime - hours * HOURS
    os.utime(path, (moment, moment))
    return path


# --- fsck ---


def test_a_house_in_order_has_no_findings_however_deep_one_looks(world: Any) -> None:
    assert found(world, deep=True) == []
    result = run(world, "--deep")
    assert (result.exit_code, result.output) == (0, "everything fits\n")


def test_a_missing_file_is_found_and_no_repair_pretends_to_bring_it_back(world: Any) -> None:
    document, path = a_document(world)
    path.unlink()

    assert found(world) == [f"document {document}: its file {path.name} is missing"]
    result = run(world, "--repair")

    assert result.exit_code == 1
    assert result.output.splitlines() == [f"document {document}: its file {path.name} is missing", "1 findings left"]


def test_a_cut_file_is_found_without_reading_it(world: Any) -> None:
    document, path = a_document(world)
    path.write_bytes(path.read_bytes()[:-1])

    assert found(world) == [f"document {document}: its file {path.name} has another size"]


def test_a_changed_byte_is_found_by_a_deep_look_alone(world: Any) -> None:
    document, path = a_document(world)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)

    assert found(world) == []
    assert found(world, deep=True) == [f"document {document}: its file {path.name} is damaged"]


def test_two_files_that_changed_places_are_found(world: Any) -> None:
    document, path = a_document(world)
    other = next(one for one in path.parent.iterdir() if one != path and one.stat().st_size == path.stat().st_size)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)

    lines = found(world, deep=True)

    assert f"document {document}: its file {path.name} is damaged" in lines
    assert len(lines) == 2


def test_a_file_no_row_names_is_found_and_removed_once_it_is_old(world: Any) -> None:
    folder = world.house.var / "files"
    (folder / ("a" * 32)).write_bytes(b"CPF1" + bytes(80))
    aged(folder / ("a" * 32), 0.5)
    assert found(world) == []
    aged(folder / ("a" * 32), 2)

    assert found(world) == [f"orphan {'a' * 32}: no row names this file"]
    result = run(world, "--repair")

    assert result.output.splitlines() == [f"orphan {'a' * 32}: no row names this file (repaired)", "everything fits"]
    assert result.exit_code == 0
    assert not (folder / ("a" * 32)).exists()


def test_a_half_written_file_is_left_to_its_writer_for_an_hour(world: Any) -> None:
    folder = world.house.var / "files"
    young, old = folder / f".{'b' * 32}.part", folder / f".{'c' * 32}.part"
    young.write_bytes(b"half")
    old.write_bytes(b"half")
    aged(old, 2)

    assert found(world) == [f"partial {old.name}: a half-written file is left behind"]
    repair(world)

    assert (young.exists(), old.exists()) == (True, False)


def test_an_identity_that_does_not_open_is_found(world: Any) -> None:
    patient_id, public_id = world.patients["draft"]
    other_id = world.patients["printed"][0]
    write(
        world,
        f"UPDATE patient_identity SET sealed = (SELECT sealed FROM patient_identity WHERE patient_id = {other_id})"
        f" WHERE patient_id = {patient_id}",
    )

    assert found(world) == [f"identity {public_id}: it does not open (damaged)"]


def test_a_form_whose_signer_was_exchanged_is_found(world: Any) -> None:
    form_id, public_id = world.forms["represented"]
    other_id = world.forms["printed"][0]
    write(
        world,
        f"UPDATE consent_form SET wrapped_key = (SELECT wrapped_key FROM consent_form WHERE id = {other_id})"
        f" WHERE id = {form_id}",
    )

    assert found(world) == [f"form {public_id}: its key does not open (damaged)"]


def test_a_patient_enrolled_without_care_consent_is_found_and_restricted(world: Any) -> None:
    patient_id, public_id = world.patients["printed"]
    write(world, f"UPDATE patient SET state = 'enrolled' WHERE id = {patient_id}")

    assert found(world) == [f"patient {public_id}: it is enrolled without care consent in force"]
    repair(world)

    assert world.house.value("SELECT state FROM patient WHERE id = :id", id=patient_id) == "restricted"
    assert world.house.rows("SELECT act, origin FROM audit_entry ORDER BY seq DESC LIMIT 1") == [
        ("patient.restrict", "fsck")
    ]


def test_a_draft_nobody_erased_is_found_and_erased(world: Any) -> None:
    patient_id, public_id = world.patients["printed"]
    day = dt.datetime.now(dt.UTC).date()
    write(world, f"UPDATE patient SET draft_ends_on = '{day - dt.timedelta(days=1)}' WHERE id = {patient_id}")
    assert found(world) == []  # the daily job has this day for it
    write(world, f"UPDATE patient SET draft_ends_on = '{day - dt.timedelta(days=2)}' WHERE id = {patient_id}")

    assert found(world) == [f"patient {public_id}: the draft's last day is over and it is not erased"]
    repair(world)

    assert world.house.value("SELECT state FROM patient WHERE id = :id", id=patient_id) == "erased"
    assert world.house.value("SELECT count(*) FROM patient_identity WHERE patient_id = :id", id=patient_id) == 0


@SQLITE
def test_a_procedure_that_does_not_fit_is_found(world: Any) -> None:
    hospital_id = world.hospitals["Kyiv"]
    write(
        world,
        f"UPDATE country SET procedure = 'eu' WHERE id = (SELECT country_id FROM hospital WHERE id = {hospital_id})",
    )

    expected = {world.patients["ukrainian"][1], world.patients["ukrainian draft"][1]}
    assert set(found(world)) == {f"patient {one}: its procedure is not that of what it belongs to" for one in expected}


@SQLITE
def test_a_changed_entry_of_the_log_is_found(world: Any) -> None:
    write(world, "DROP TRIGGER audit_entry_update", "UPDATE audit_entry SET act = 'nothing' WHERE seq = 5")

    assert found(world) == ["audit 5: The entry is not what was written."]


def test_a_destroyed_key_is_no_fault(world: Any) -> None:
    document, path = a_document(world)
    write(
        world,
        "DELETE FROM document_key WHERE document_id ="
        f" (SELECT id FROM archived_document WHERE public_id = '{document}')",
    )
    path.unlink()

    assert found(world) == []


def test_no_finding_says_who_a_patient_is(world: Any) -> None:
    for path in (world.house.var / "files").iterdir():
        path.unlink()
    write(world, "UPDATE patient_identity SET sealed = person_index", "UPDATE patient SET state = 'enrolled'")
    nicknames = [row[0] for row in world.house.rows("SELECT nickname FROM patient")]
    names = [part for one in world.identities.values() for part in (one.family_name, one.given_names, one.file_number)]

    output = run(world).output

    assert len(output.splitlines()) > 40
    assert [word for word in (*nicknames, *names) if word in output] == []


# --- the daily work ---


def test_the_daily_work_erases_due_drafts_and_forgets_old_logins(world: Any) -> None:
    patient_id, _public_id = world.patients["printed"]
    day = dt.datetime.now(dt.UTC).date()
    old, young = dt.datetime.now(dt.UTC) - dt.timedelta(days=100), dt.datetime.now(dt.UTC)
    write(world, f"UPDATE patient SET draft_ends_on = '{day - dt.timedelta(days=1)}' WHERE id = {patient_id}")
    world.house.client_for(world.people["owner"], expires_at=old)
    world.house.client_for(world.people["owner"], started_at=young)
    half = aged(_written(world.house.var / "files" / f".{'d' * 32}.part"), 2)
    before = world.house.value("SELECT count(*) FROM login")

    jobs.run_due(world.house.app.app_context)

    assert world.house.value("SELECT state FROM patient WHERE id = :id", id=patient_id) == "erased"
    assert world.house.rows(
        "SELECT origin FROM audit_entry WHERE act = 'patient.expire' AND patient_id = :id", id=patient_id
    ) == [("expiry",)]
    assert world.house.value("SELECT count(*) FROM login") == before - 1
    assert not half.exists()
    ran = [tuple(row) for row in world.house.rows("SELECT kind, state FROM job WHERE slot IS NOT NULL ORDER BY kind")]
    assert ran == sorted((name, "done") for name, kind in jobs.KINDS.items() if kind.every)


def _written(path: Path) -> Path:
    path.write_bytes(b"half")
    return path


def test_a_record_whose_clinician_has_a_closed_account_and_no_place_is_named(world: Any) -> None:
    owner, record = world.people["owner"], world.patients["enrolled"][1]
    write(world, f"UPDATE membership SET ended_at = from_on WHERE person_id = {owner}")
    assert found(world) == []  # who has left is asked to hand over, and can
    write(world, f"UPDATE ab_user SET disabled_at = '2026-01-01 00:00:00' WHERE id = {owner}")
    told = f"patient {record}: its clinician has no place in the hospital or a closed account, and nobody was asked to take it over"
    assert told in found(world)


def test_a_record_held_by_a_closed_account_is_named_where_nobody_could_hand_it_over(world: Any) -> None:
    owner, record = world.people["owner"], world.patients["enrolled"][1]
    write(world, f"UPDATE ab_user SET disabled_at = '2026-01-01 00:00:00' WHERE id = {owner}")
    assert found(world) == []  # the place is held, and the hospital's representative has the record on Home
    kind = "hospital_representative"
    write(world, f"UPDATE mandate SET ended_at = from_on WHERE kind = '{kind}'")
    told = "its clinician has no place in the hospital or a closed account, and nobody was asked to take it over"
    assert f"patient {record}: {told}" in found(world)


PHOTO = ("public_id", "storage_key")


def test_a_photo_without_its_file_is_found(world: Any) -> None:
    key, file = (str(world.house.value(f"SELECT {column} FROM photo ORDER BY id LIMIT 1")) for column in PHOTO)
    (world.house.var / "files" / file).unlink()
    assert found(world) == [f"photo {key}: its file {file} is missing"]
