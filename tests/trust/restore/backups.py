"""What the tests of backups share: commands run in a house, and what is stored there."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import config
from app.models import Hospital, Patient, db
from app.services import consents, housekeeping, patients
from app.words import Sex, Variant
from tests.houses import House, environment
from tests.trust.routes import stored
from tests.world import SIGNED, World, bring_form, file_bytes, identity

OTHER_KEY = base64.b64encode(bytes(range(32, 64))).decode()

FLASK = [sys.executable, "-m", "flask", "--app", "run"]


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


def untouched(house: House) -> bool:
    """Whether a restore that was refused has written nothing."""
    left = [path.name for path in house.var.iterdir() if path.name in {"restoring", "erased.log", "withdrawn.log"}]
    return not left and not list((house.var / "files").iterdir()) and house.value("SELECT count(*) FROM ab_user") == 0


def archive_one(
    house: House, world: World, number: int, content: bytes = b"%PDF-1.7 a scan of a test"
) -> tuple[str, str]:
    """Enrol somebody and archive a signed form, as a person does at the desk; their public ids."""
    with house.acting(world.people["owner"]) as actor:
        hospital = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        patient = patients.enrol(actor, hospital, identity=identity(number % 60), sex=Sex.MALE, despite_duplicate=True)
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, form, SIGNED)
        file_bytes(actor, form, content)
        return patient.public_id, form.public_id
