"""Archiving under a seal, and what the tests of the sealed copy look at."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pikepdf
from cryptography.hazmat.primitives.asymmetric import ec

from app.models import ConsentForm, db, now
from app.outside.seals import Seal
from app.services import archives, copies, jobs, papers
from tests.outside.test_seals import certified, written
from tests.papers import document

KEY = ec.generate_private_key(ec.SECP256R1())
PAIR = (written(KEY), certified(KEY, "Seal of the tests"))
DAY = dt.timedelta(days=1)


@contextmanager
def sealing(world: Any, seal: Seal | None) -> Iterator[None]:
    """A house with this seal."""
    extensions = world.house.app.extensions
    usual = extensions["premises"]
    extensions["premises"] = dataclasses.replace(usual, seal=seal)
    try:
        yield
    finally:
        extensions["premises"] = usual


def archive(world: Any, *contents: bytes, name: str = "signed", ending: str = "pdf") -> None:
    with world.house.acting(world.people["owner"]) as actor:
        uploads = [archives.Upload(content, f"scan.{ending}") for content in contents or (document(2),)]
        archives.file_scan(actor, db.session.get(ConsentForm, world.forms[name][0]), uploads, source="desk")


def print_of(world: Any, name: str = "signed") -> bytes:
    """The form as it was printed here."""
    with world.house.acting(world.people["owner"]):
        return papers.set_paper(db.session.get(ConsentForm, world.forms[name][0])).pdf


def run_due(world: Any) -> None:
    jobs.run_due(world.house.app.app_context)


def asked(world: Any) -> list[tuple[str, int, str | None]]:
    """State, attempts and error of the copying jobs."""
    found = world.house.rows("SELECT state, attempts, error FROM job WHERE kind = 'copy.make' ORDER BY id")
    return [tuple(row) for row in found]


def kinds(world: Any, name: str = "signed") -> list[tuple[int, str, int]]:
    statement = "SELECT position, kind, pages FROM archived_document WHERE form_id = :id ORDER BY position, kind"
    return [tuple(row) for row in world.house.rows(statement, id=world.forms[name][0])]


def copy_of(world: Any, name: str = "signed") -> bytes:
    """The copy as the treating clinician downloads it."""
    with world.house.acting(world.people["owner"]):
        return archives.read(copies.copy_of(db.session.get(ConsentForm, world.forms[name][0])))


def attached(copy: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(copy)) as pdf:
        return {name: spec.get_file().read_bytes() for name, spec in pdf.attachments.items()}


def consent_in(copy: bytes) -> dict[str, Any]:
    (data,) = [content for name, content in attached(copy).items() if name.endswith(".fhir.json")]
    found: dict[str, Any] = json.loads(data)
    return found


def files(world: Any) -> set[str]:
    return {path.name for path in (world.house.var / "files").iterdir()}


def aged(world: Any, days: int) -> None:
    """As if the form had been archived so long ago."""
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        table = ConsentForm.__table__
        mine = table.c.id == world.forms["signed"][0]
        session.execute(table.update().where(mine).values(archived_at=now() - days * DAY))
        session.commit()
