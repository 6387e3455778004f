"""The file of an export: what lies in it, what stays out, and what no fault may do to it."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
from typing import Any

import pytest
import pyzipper
from sqlalchemy import select

from app.errors import NotFound
from app.models import ConsentForm, Export, Job, Patient, db, now
from app.outside import zips
from app.services import archives, exports
from tests.services.export_words import (
    archived_at_home,
    asked,
    by_nickname,
    decide,
    everybody_releases,
    fetched,
    made,
    manifest,
    opened,
    passphrase,
    run,
    state,
)


def test_the_file_holds_every_released_form_with_its_hashes(world: Any) -> None:
    key, content, word = made(world)
    files = opened(content, word)
    told = manifest(files)
    assert len(told["forms"]) == sum(archived_at_home(world).values())
    listed = {file["name"]: file for form in told["forms"] for file in form["files"] if "fault" not in file}
    assert set(files) == {*listed, "manifest.json", "forms.csv", "README.txt"}
    assert {name: hashlib.sha256(files[name]).hexdigest() for name in listed} == {
        name: file["sha256"] for name, file in listed.items()
    }
    with world.house.everything() as session:
        export = session.get(Export, key)
        assert export is not None
        assert (export.sha256, export.size) == (hashlib.sha256(content).hexdigest(), len(content))
        assert (export.forms, export.left_out) == (len(told["forms"]), told["left_out"])


def test_the_manifest_names_the_patients_in_use_and_only_those(world: Any) -> None:
    _key, content, word = made(world)
    told = manifest(opened(content, word))
    enrolled, identity = by_nickname(world, "enrolled", told), world.identities["enrolled"]
    assert [one["person"] for one in enrolled] == [
        {
            "family_name": identity.family_name,
            "given_names": identity.given_names,
            "birth_date": identity.birth_date.isoformat(),
            "file_number": identity.file_number,
        }
    ]
    withdrawn = by_nickname(world, "withdrawn", told)
    assert [(one["record"], one["person"]) for one in withdrawn] == [("restricted", None)]
    assert any(file["kind"] == "original" for one in withdrawn for file in one["files"])
    assert by_nickname(world, "restricted", told) == []


def test_an_annulled_form_is_listed_and_its_scan_stays_locked(world: Any) -> None:
    _key, content, word = made(world)
    ((form,), files) = (by_nickname(world, "annulled", manifest(opened(content, word))), opened(content, word))
    assert [file["fault"] for file in form["files"]] == ["annulled: locked"]
    assert form["files"][0]["name"] not in files


def test_no_name_of_anybody_stands_outside_the_encryption(world: Any) -> None:
    _key, content, _word = made(world)
    readable = content.decode("latin-1")
    wanted = [part for one in world.identities.values() for part in (one.family_name, one.file_number)]
    assert [part for part in wanted if part in readable] == []


def test_a_wrong_passphrase_opens_nothing(world: Any) -> None:
    _key, content, _word = made(world)
    with pytest.raises(RuntimeError, match="Bad password"):
        opened(content, zips.new_passphrase())


def test_a_changed_byte_in_the_zip_is_found_by_who_opens_it(world: Any) -> None:
    _key, content, word = made(world)
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        at = archive.getinfo("forms.csv").header_offset + 100
    changed = bytearray(content)
    changed[at] ^= 1
    with pytest.raises(Exception, match=r"HMAC|CRC|password|magic|invalid|Error"):
        opened(bytes(changed), word)


def test_a_file_changed_in_the_store_is_not_given(world: Any) -> None:
    key = everybody_releases(world)
    run(world)
    name = world.house.value("SELECT storage_key FROM export WHERE id = :id", id=key)
    file = world.house.var / "files" / name
    changed = bytearray(file.read_bytes())
    changed[len(changed) // 2] ^= 1
    file.write_bytes(changed)
    with pytest.raises(NotFound):
        fetched(world, key)


def test_who_did_not_release_is_not_in_it(world: Any) -> None:
    key = asked(world)
    decide(world, "owner", no="Not before the audit")
    decide(world, "colleague")
    for who in ("leaver", "locked"):
        decide(world, "protection", who, no="Nobody asked them")
    run(world)
    told = manifest(opened(fetched(world, key), passphrase(world, key)))
    assert by_nickname(world, "enrolled", told) == []
    assert len(by_nickname(world, "colleague's", told)) == len(told["forms"]) == 1


def test_a_released_patient_handed_to_somebody_else_stays_out(world: Any) -> None:
    key = everybody_releases(world, but="colleague")
    with world.house.system():
        db.session.get(Patient, world.patients["enrolled"][0]).clinician_id = world.people["neighbour"]
        db.session.commit()
    decide(world, "colleague")
    run(world)
    told = manifest(opened(fetched(world, key), passphrase(world, key)))
    assert by_nickname(world, "enrolled", told) == []
    assert len(by_nickname(world, "renewed", told)) > 0


def test_what_is_archived_after_the_release_stays_out(world: Any) -> None:
    key = everybody_releases(world, but="colleague")
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get(ConsentForm, world.forms["signed"][0])
        archives.attest(actor, form, place="Room 12")
    decide(world, "colleague")
    run(world)
    told = manifest(opened(fetched(world, key), passphrase(world, key)))
    assert by_nickname(world, "signed", told) == []


def test_a_damaged_scan_is_said_and_does_not_stop_the_export(world: Any) -> None:
    name = world.house.value(
        "SELECT storage_key FROM archived_document WHERE form_id = :id", id=world.forms["enrolled"][0]
    )
    (world.house.var / "files" / name).write_bytes(b"")
    _key, content, word = made(world)
    (form,) = by_nickname(world, "enrolled", manifest(opened(content, word)))
    assert [file.get("fault") for file in form["files"]] == ["missing or damaged in the archive", None]


def test_a_cell_never_begins_a_formula(world: Any) -> None:
    rows = [["=1+1", "+3", "-3", "@x", " =x", "\t=x", "plain", None, 5]]
    table = zips.csv_table(["a"] * 9, rows).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(table)))[1] == ["'=1+1", "'+3", "'-3", "'@x", "' =x", "'\t=x", "plain", "", "5"]


def test_a_job_killed_on_its_way_begins_again_and_leaves_one_file(world: Any) -> None:
    key = everybody_releases(world)
    with world.house.system():
        job = db.session.scalars(select(Job).where(Job.kind == exports.MAKING)).one()
        job.state, job.attempts = type(job.state)("running"), 1
        job.started_at = job.lease_until = now() - dt.timedelta(minutes=5)
        db.session.commit()
    (world.house.var / "files" / f".{'0' * 32}.part").write_bytes(b"half")
    run(world)
    assert state(world, key) == "to_fetch"
    assert len(opened(fetched(world, key), passphrase(world, key))) > 3


def test_an_export_stopped_while_it_is_made_leaves_no_file(world: Any) -> None:
    key = everybody_releases(world)
    before = sorted(one.name for one in (world.house.var / "files").iterdir())
    with world.house.acting(world.people["representative"]) as actor:
        exports.end(actor, db.session.get(Export, key), reason="A mistake", seen=None)
    run(world)
    assert state(world, key) == "stopped"
    assert sorted(one.name for one in (world.house.var / "files").iterdir()) == before
