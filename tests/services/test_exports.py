"""A hospital's export: asked for, released by each clinician, made by a job, opened by two people together, gone in a week."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import os
from typing import Any

import pytest
import pyzipper
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, NotFound, WrongStep
from app.models import ConsentForm, Export, ExportRelease, Hospital, Job, Membership, Patient, Person, db, now, today
from app.outside import zips
from app.services import archives, exports, housekeeping, jobs
from app.words import ExportState, ReleaseState
from tests.papers import sentence

WHY = "Move into the hospital’s own archive"


def asked(world: Any, who: str = "representative") -> int:
    """The key of an export of Thessaloniki."""
    with world.house.acting(world.people[who]) as actor:
        home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        return int(exports.ask(actor, home, reason=WHY).id)


def decide(world: Any, who: str, whose: str = "", *, no: str = "") -> None:
    """Release, or refuse with a reason, what somebody is asked for."""
    with world.house.acting(world.people[who]) as actor:
        mine = select(ExportRelease).where(ExportRelease.person_id == world.people[whose or who])
        release = db.session.scalars(mine).unique().one()
        if no:
            exports.refuse(actor, release, reason=no)
        else:
            exports.release(actor, release)


def force(world: Any, who: str, whose: str) -> None:
    """Try to release what somebody is asked for, seen or not."""
    find = "SELECT id, export_id, public_id FROM export_release WHERE person_id = :id"
    ((key, export_id, public_id),) = world.house.rows(find, id=world.people[whose])
    with world.house.acting(world.people[who]) as actor:
        exports.release(actor, ExportRelease(id=key, export_id=export_id, public_id=public_id))


def state(world: Any, key: int) -> str:
    return str(world.house.value("SELECT state FROM export WHERE id = :id", id=key))


def everybody_releases(world: Any, *, but: str = "") -> int:
    key = asked(world)
    for who in ("owner", "colleague"):
        if who != but:
            decide(world, who)
    for who in ("leaver", "locked"):
        decide(world, "protection", who)
    return key


def run(world: Any) -> None:
    jobs.run_due(world.house.app.app_context)


def made(world: Any, **how: Any) -> tuple[int, bytes, str]:
    """Key, file and passphrase of an export."""
    key = everybody_releases(world, **how)
    run(world)
    return key, fetched(world, key), passphrase(world, key)


def fetched(world: Any, key: int, who: str = "representative") -> bytes:
    with world.house.acting(world.people[who]) as actor:
        return b"".join(exports.fetch(actor, db.session.get(Export, key)))


def passphrase(world: Any, key: int, who: str = "protection") -> str:
    with world.house.acting(world.people[who]) as actor:
        return str(exports.take_passphrase(actor, db.session.get(Export, key)))


def opened(content: bytes, word: str) -> dict[str, bytes]:
    """Name and bytes of what is in the ZIP, by another program's reading of WinZip's AES."""
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        archive.setpassword(word.encode())
        return {name: archive.read(name) for name in archive.namelist()}


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    return dict(json.loads(files["manifest.json"]))


def by_nickname(world: Any, name: str, told: dict[str, Any]) -> list[dict[str, Any]]:
    nickname = world.house.value("SELECT nickname FROM patient WHERE id = :id", id=world.patients[name][0])
    return [one for one in told["forms"] if one["nickname"] == nickname]


# --- asked for, released ----------------------------------------------------------------------------------------------


def test_each_clinician_with_archived_forms_is_asked_with_a_count(world: Any) -> None:
    key = asked(world)
    rows = world.house.rows("SELECT person_id, forms FROM export_release WHERE export_id = :id", id=key)
    archived = world.house.rows(
        "SELECT p.clinician_id, count(*) FROM consent_form f JOIN patient p ON p.id = f.patient_id"
        " WHERE f.hospital_id = :h AND f.state IN ('archived', 'superseded', 'withdrawn', 'annulled')"
        " AND p.restricted_on IS NULL GROUP BY p.clinician_id",
        h=world.hospitals["Thessaloniki"],
    )
    assert sorted(map(tuple, rows)) == sorted(map(tuple, archived))
    assert {person for person, _forms in rows} == {
        world.people[who] for who in ("owner", "colleague", "leaver", "locked")
    }


def test_a_second_export_waits_for_the_first(world: Any) -> None:
    asked(world)
    with pytest.raises(Incomplete) as refused:
        asked(world)
    assert sentence(refused.value).startswith("An export of this hospital is under way.")


def test_without_a_data_protection_contact_nobody_could_read_the_passphrase(world: Any) -> None:
    with world.house.acting(world.people["two hats"]) as actor, pytest.raises(Incomplete) as refused:
        exports.ask(actor, db.session.get(Hospital, world.hospitals["Plovdiv"]), reason=WHY)
    assert sentence(refused.value).startswith("The hospital has no data-protection contact")


@pytest.mark.parametrize("who", ["owner", "protection", "other representative", "past representative", "admin"])
def test_only_the_representative_asks(world: Any, who: str) -> None:
    with pytest.raises(NotAllowed):
        asked(world, who)


@pytest.mark.parametrize("who", ["assistant", "representative", "protection", "neighbour"])
def test_nobody_releases_for_a_clinician_who_is_there(world: Any, who: str) -> None:
    asked(world)
    with pytest.raises(NotAllowed):
        force(world, who, "owner")


def test_an_assistant_prepares_and_the_clinician_releases(world: Any) -> None:
    asked(world)
    with world.house.acting(world.people["assistant"]) as actor:
        mine = select(ExportRelease).where(ExportRelease.person_id == world.people["owner"])
        exports.prepare(actor, db.session.scalars(mine).unique().one())
    decide(world, "owner")
    (row,) = world.house.rows(
        "SELECT state, prepared_by_id, decided_by_id FROM export_release WHERE person_id = :id",
        id=world.people["owner"],
    )
    assert tuple(row) == ("released", world.people["assistant"], world.people["owner"])


def test_the_last_decision_begins_the_making(world: Any) -> None:
    key = everybody_releases(world, but="colleague")
    assert state(world, key) == "releasing"
    decide(world, "colleague", no="Not before the audit")
    assert state(world, key) == "making"


def test_all_refusals_make_nothing(world: Any) -> None:
    key = asked(world)
    for who in ("owner", "colleague"):
        decide(world, who, no="No")
    for who in ("leaver", "locked"):
        decide(world, "protection", who, no="No")
    assert state(world, key) == "releasing"
    with world.house.acting(world.people["representative"]) as actor, pytest.raises(Incomplete):
        exports.go_on(actor, db.session.get(Export, key))


def test_who_has_left_meanwhile_releases_nothing_and_the_contact_does(world: Any) -> None:
    asked(world)
    with world.house.system():
        statement = select(Membership).where(Membership.person_id == world.people["owner"])
        db.session.scalars(statement).unique().one().ended_at = now()
        db.session.commit()
    with pytest.raises(NotAllowed):
        force(world, "owner", "owner")
    decide(world, "protection", "owner")
    row = world.house.value("SELECT state FROM export_release WHERE person_id = :id", id=world.people["owner"])
    assert row == "released"


def test_a_release_can_be_taken_back_until_the_file_is_made(world: Any) -> None:
    asked(world)
    decide(world, "owner")
    decide(world, "owner", no="On second thoughts")
    with world.house.acting(world.people["owner"]):
        assert db.session.scalars(select(ExportRelease)).unique().one().state is ReleaseState.REFUSED


def test_nothing_is_decided_after_the_making_began(world: Any) -> None:
    everybody_releases(world)
    with pytest.raises(WrongStep) as refused:
        decide(world, "owner", no="Too late")
    assert sentence(refused.value) == "This export is no longer waiting for a release."


def test_two_who_decide_last_at_one_moment_begin_one_making(world: Any) -> None:
    everybody_releases(world)
    assert world.house.value("SELECT count(*) FROM job WHERE kind = 'exports.make'") == 1


# --- made -------------------------------------------------------------------------------------------------------------


def test_the_file_holds_every_released_form_with_its_hashes(world: Any) -> None:
    key, content, word = made(world)
    files = opened(content, word)
    told = manifest(files)
    wanted = world.house.value(
        "SELECT count(*) FROM consent_form f JOIN patient p ON p.id = f.patient_id WHERE f.hospital_id = :h"
        " AND f.state IN ('archived', 'superseded', 'withdrawn', 'annulled') AND p.restricted_on IS NULL",
        h=world.hospitals["Thessaloniki"],
    )
    assert len(told["forms"]) == wanted
    listed = {file["name"]: file for form in told["forms"] for file in form["files"] if "fault" not in file}
    assert set(files) == {*listed, "manifest.json", "forms.csv", "README.txt"}
    assert {name: hashlib.sha256(files[name]).hexdigest() for name in listed} == {
        name: file["sha256"] for name, file in listed.items()
    }
    with world.house.everything() as session:
        export = session.get(Export, key)
        assert export is not None
        assert (export.sha256, export.size) == (hashlib.sha256(content).hexdigest(), len(content))
        assert (export.forms, export.left_out) == (wanted, told["left_out"])


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


# --- fetched, and over ------------------------------------------------------------------------------------------------


def test_the_passphrase_is_read_once(world: Any) -> None:
    key, _content, _word = made(world)
    with pytest.raises(Incomplete) as refused:
        passphrase(world, key)
    assert sentence(refused.value).startswith("The passphrase was read already.")


def test_neither_of_the_two_has_both(world: Any) -> None:
    key = everybody_releases(world)
    run(world)
    with pytest.raises(NotAllowed):
        passphrase(world, key, "representative")
    with pytest.raises(NotAllowed):
        fetched(world, key, "protection")


@pytest.mark.parametrize("who", ["other representative", "owner", "admin", "past representative"])
def test_nobody_else_fetches_it(world: Any, who: str) -> None:
    key = everybody_releases(world)
    run(world)
    with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
        exports.fetch(actor, Export(id=key, public_id="x"))


def test_a_broken_download_can_be_fetched_again(world: Any) -> None:
    key = everybody_releases(world)
    run(world)
    assert fetched(world, key) == fetched(world, key)
    assert state(world, key) == "fetched"


def test_after_a_week_file_and_key_are_gone(world: Any) -> None:
    key = everybody_releases(world)
    run(world)
    name = world.house.value("SELECT storage_key FROM export WHERE id = :id", id=key)
    with world.house.system("job") as actor:
        db.session.get(Export, key).fetch_until = today() - dt.timedelta(days=1)
        db.session.commit()
        exports.sweep(actor, {})
    (row,) = world.house.rows(
        "SELECT state, storage_key, wrapped_key, sealed_passphrase FROM export WHERE id = :id", id=key
    )
    assert tuple(row) == ("lapsed", None, None, None)
    assert not (world.house.var / "files" / name).exists()


def test_unanswered_it_ends_after_a_month(world: Any) -> None:
    key = asked(world)
    with world.house.system("job") as actor:
        db.session.get(Export, key).asked_at = now() - dt.timedelta(days=31)
        db.session.commit()
        exports.sweep(actor, {})
    assert state(world, key) == ExportState.LAPSED.value


def test_fsck_knows_the_file(world: Any) -> None:
    everybody_releases(world)
    run(world)
    for file in (world.house.var / "files").iterdir():
        os.utime(file, (0, 0))
    with world.house.app.app_context():
        assert [one for one in housekeeping.fsck() if one.word == "orphan"] == []


def test_fsck_names_an_export_whose_file_is_gone(world: Any) -> None:
    key = everybody_releases(world)
    run(world)
    ((name, public_id),) = world.house.rows("SELECT storage_key, public_id FROM export WHERE id = :id", id=key)
    (world.house.var / "files" / name).unlink()
    with world.house.app.app_context():
        assert [str(one) for one in housekeeping.fsck() if one.word == "export"] == [
            f"export {public_id}: its file {name} is missing"
        ]


def test_a_locked_clinicians_forms_are_released_by_the_contact_alone(world: Any) -> None:
    asked(world)
    assert world.house.value(
        "SELECT count(*) FROM ab_user WHERE id = :id AND disabled_at IS NOT NULL", id=world.people["locked"]
    )
    with pytest.raises(NotAllowed):
        force(world, "colleague", "locked")
    decide(world, "protection", "locked")
    with world.house.everything() as session:
        assert session.get(Person, world.people["locked"]) is not None
