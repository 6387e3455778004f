"""T-RESTORE: what was erased stays erased."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.models import DocumentKey, PatientIdentity, db
from app.services import keys
from tests.conftest import Tally
from tests.trust.restore.backups import erase, good, in_order, log, rows
from tests.world import World

pytestmark = pytest.mark.t_restore


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


def test_a_photo_that_was_removed_does_not_come_back_nor_does_its_file(
    world: World, empty: Any, tmp_path: Path
) -> None:
    house, there, who = world.house, empty(), world.people["owner"]
    good(house, "backup", tmp_path / "backup")
    file = str(house.value("SELECT storage_key FROM photo WHERE person_id = :i", i=who))
    assert world.client("owner").post("/settings/photo/remove").status_code == 302

    good(there, "restore", tmp_path / "backup", "--ledger", house.var / "erased.log")

    assert there.value("SELECT count(*) FROM photo WHERE person_id = :i", i=who) == 0
    assert there.value("SELECT count(*) FROM photo") > 0
    assert not (there.var / "files" / file).exists()


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
        mark = str(keys.Mark("patient_identity", row.public_id))
        keys.ERASED.append("erasing", [mark])
        keys.ERASED.append("kept", [mark])

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

    last, unread = keys.ERASED.read(house.var / "erased.log")
    words = {row.split()[1]: word for row, (_at, word) in last.items()}
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
    tally.check(keys.ERASED.read(ledger)[0] != {}, "the ledger says nothing")
