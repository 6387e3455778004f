"""T-RESTORE: the rotation of master keys."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

import config
from app.models import ConsentForm, Hospital, Patient, db
from app.outside.vault import Vault
from app.services import identities, keys, papers
from tests.conftest import Tally
from tests.houses import MASTER_KEY, House, environment
from tests.trust.restore.backups import OTHER_KEY, archive_one, flask, good, in_order, log, refused
from tests.world import World

pytestmark = pytest.mark.t_restore


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
        found = identities.find(actor, hospital, family_name=None, birth_date=None, file_number=number)
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
            tally.check(identities.identity_of(patient) == world.identities["enrolled"], "another identity")
            tally.check(identities.known(patient.hospital, world.identities["enrolled"]), "a duplicate is not seen")
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
                done.append(archive_one(house, world, number)[0])
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
