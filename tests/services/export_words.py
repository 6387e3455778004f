"""An export, step by step, as the tests walk it: asked for, released, made, fetched, opened."""

from __future__ import annotations

import io
import json
from typing import Any

import pyzipper
from sqlalchemy import select

from app.models import Export, ExportRelease, Hospital, db
from app.services import exports, jobs

WHY = "Move into the hospital’s own archive"


def asked(world: Any, who: str = "representative") -> int:
    """The key of an export of Thessaloniki."""
    with world.house.acting(world.people[who]) as actor:
        home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        return int(exports.ask(actor, home, reason=WHY).id)


def archived_at_home(world: Any) -> dict[int, int]:
    """How many archived forms each clinician has at home, of patients who are neither restricted nor erased."""
    rows = world.house.rows(
        "SELECT p.clinician_id, count(*) FROM consent_form f JOIN patient p ON p.id = f.patient_id"
        " WHERE f.hospital_id = :h AND f.state IN ('archived', 'superseded', 'withdrawn', 'annulled')"
        " AND p.restricted_on IS NULL AND p.state <> 'erased' GROUP BY p.clinician_id",
        h=world.hospitals["Thessaloniki"],
    )
    return dict(map(tuple, rows))


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
