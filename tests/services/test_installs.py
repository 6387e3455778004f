"""The authoritative Ukrainian form: installed once from a file of a known hash, or refused with what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from app.models import Patient, db
from app.outside.paper.texts import TEMPLATES
from app.services import consents, papers, texts
from app.words import Variant
from tests.world import World

SHIPPED = (TEMPLATES / "texts" / "ua" / "uk.html").read_text("utf-8")
MADE = SHIPPED.replace('data-version="1"', 'data-version="2027-05"').replace("Ваша згода:", "Ваша обізнана згода:")
SOURCE = "Arrangement of 12 May 2027, annex 3"


def install(world: World, folder: Path, content: str, *more: str, sha256: str = "") -> Any:
    """The command, with a file of this content."""
    file = folder / "form.html"
    file.write_text(content, "utf-8")
    digest = sha256 or hashlib.sha256(content.encode()).hexdigest()
    words = ["consent", "install-ua", str(file), "--source", SOURCE, "--sha256", digest, *more]
    return world.house.app.test_cli_runner().invoke(args=words)


def rows(world: World) -> list[tuple[str, str, str]]:
    """Variant, version and source of the Ukrainian texts, the last ones first."""
    found = world.house.rows(
        "SELECT variant, text_version, source FROM consent_text WHERE procedure = 'ua' ORDER BY id DESC"
    )
    return [tuple(row) for row in found]


def test_the_installed_text_is_what_is_printed_with_its_version_whatever_is_shipped_later(
    world: World, tmp_path: Path
) -> None:
    result = install(world, tmp_path, MADE)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "installed: uk adult, version 2027-05",
        "installed: uk representative, version 2027-05",
    ]
    assert rows(world)[:2] == [("representative", "2027-05", SOURCE), ("adult", "2027-05", SOURCE)]
    with world.house.system() as actor:
        texts.publish_new(actor)
    with world.house.acting(world.people["ukrainian"]) as actor:
        patient = db.session.get(Patient, world.patients["ukrainian draft"][0])
        form = consents.prepare(actor, patient, language="uk", variant=Variant.ADULT)
        assert form.text.source_sha256 == hashlib.sha256(MADE.encode()).hexdigest()
        assert "Ваша обізнана згода:" in form.text.html
        assert papers.set_paper(form, preview=True).missing == ()
    entries = "SELECT count(*) FROM audit_entry WHERE act = 'text.publish' AND outcome = 'done' AND origin = 'command'"
    assert world.house.value(entries) >= 2


def test_a_second_installation_is_refused_by_the_command_and_by_the_database(world: World, tmp_path: Path) -> None:
    assert install(world, tmp_path, MADE, "--variant", "adult").exit_code == 0
    before = rows(world)
    again = install(world, tmp_path, MADE.replace("2027-05", "2028-01"), "--variant", "adult")
    assert again.exit_code == 1
    assert "installed already" in again.output
    assert rows(world) == before
    assert install(world, tmp_path, MADE, "--variant", "representative").exit_code == 0
    twice = (
        "INSERT INTO consent_text (public_id, version, procedure, language, variant, text_version, title, html, css, fonts,"
        " sha256, published_at, source, source_sha256) SELECT 'second', 1, procedure, language, variant, text_version,"
        " title, html, css, fonts, 'another', published_at, source, source_sha256 FROM consent_text"
        " WHERE source IS NOT NULL LIMIT 1"
    )
    with world.house.app.app_context(), pytest.raises(DBAPIError), db.engine.begin() as connection:
        connection.exec_driver_sql(twice)


def test_a_file_of_another_hash_is_refused(world: World, tmp_path: Path) -> None:
    before = rows(world)
    result = install(world, tmp_path, MADE, sha256="0" * 64)
    assert result.exit_code == 1
    assert hashlib.sha256(MADE.encode()).hexdigest() in result.output
    assert rows(world) == before


WRONG = {
    "a script": (("</body>", "<script>alert(1)</script></body>"), "<script> is no element"),
    "a style": (("<body>", '<body style="color: red">'), "style="),
    "an event": (("<body>", '<body onload="alert(1)">'), "onload="),
    "a picture": (("<h2>", '<img src="https://evil.example/x.png"/><h2>'), "<img> is no element"),
    "a link": (("<h2>", '<a href="javascript:alert(1)">x</a><h2>'), "<a> is no element"),
    "an entity": (("<!DOCTYPE html>", '<!DOCTYPE html [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), "declares"),
    "a template": (("Ваша згода:", "{{ config }}"), "placeholder of something else"),
    "an unknown field": (("[[hospital.name]]", "[[hospital.secret]]"), "[[hospital.secret]] is no field"),
    "a missing field": (("[[authority.contact]]", "…"), "[[authority.contact]] is missing"),
    "a missing point": (('data-point="complaint"', 'data-point="rights"'), "missing: complaint"),
    "a missing word": (('<p data-word="yes">Так</p>', ""), "not complete: yes"),
    "no version": ((' data-version="2027-05"', ""), "no data-version"),
    "the EU procedure": (('data-procedure="ua"', 'data-procedure="eu"'), 'data-procedure="eu"'),
    "no answer": (("<p>Особа, відповідальна", "<p data-variant='adult'>Особа, відповідальна"), "dpo needs one heading"),
    "no elements": ((MADE, "Згода"), "not well-formed"),
    "too much": (("Ваша згода:", "слово " * 40_000), "larger than"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.one_database
def test_a_file_that_is_not_the_form_is_refused_whole(world: World, tmp_path: Path, name: str) -> None:
    (old, new), told = WRONG[name]
    content = (SHIPPED.replace('data-version="1"', 'data-version="2027-05"') if old in SHIPPED else MADE).replace(
        old, new
    )
    before = rows(world)
    result = install(world, tmp_path, content)
    assert result.exit_code == 1, result.output
    assert told in " ".join(result.output.split())
    assert rows(world) == before
