"""The pages of an export: what the representative, the clinician and the data-protection contact read and do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.models import ExportRelease, Hospital, db
from app.services import exports, jobs
from tests.services.export_words import asked, decide, everybody_releases, opened, run, state
from tests.trust.test_minimise import every_mark, found_in

pytestmark = pytest.mark.one_database

WAITING, READY = "releasing", "to_fetch"


def key_of(world: Any, number: int) -> str:
    return str(world.house.value("SELECT public_id FROM export WHERE id = :id", id=number))


def release_of(world: Any, who: str) -> str:
    find = "SELECT r.public_id FROM export_release r JOIN export e ON e.id = r.export_id WHERE r.person_id = :id"
    return str(world.house.value(f"{find} AND e.state = 'releasing'", id=world.people[who]))


def seen(world: Any, table: str, key: str) -> str:
    return str(world.house.value(f"SELECT version FROM {table} WHERE public_id = :key", key=key))


def words(answer: Any) -> str:
    main = re.search(r"<main.*?</main>", answer.text, re.DOTALL)
    assert main
    return " ".join(re.sub(r"<[^>]+>", " ", main[0]).split())


def test_the_representative_asks_and_reads_counts_alone(world: Any) -> None:
    page = world.client("representative")
    answer = page.post("/exports/add", data={"reason": "A move", "once": "k" * 20}, follow_redirects=True)
    assert "0 of 4 released, 0 not released, 4 waiting." in words(answer)
    assert found_in(answer.text, every_mark(world)) == []
    nicknames = [row[0] for row in world.house.rows("SELECT nickname FROM patient")]
    assert [one for one in nicknames if one in answer.text] == []


def test_a_reason_is_asked_for(world: Any) -> None:
    answer = world.client("representative").post("/exports/add", data={"reason": " ", "once": "k" * 20})
    assert (answer.status_code, "Fill this in." in words(answer)) == (422, True)


def test_home_leads_the_clinician_to_one_click(world: Any) -> None:
    asked(world)
    owner, key = world.client("owner"), release_of(world, "owner")
    assert f'href="/releases/{key}"' in owner.get("/").text
    answer = owner.post(f"/releases/{key}/release", data={"seen": seen(world, "export_release", key)})
    assert answer.status_code == 302
    assert world.house.value("SELECT state FROM export_release WHERE public_id = :key", key=key) == "released"
    assert f'href="/releases/{key}"' not in owner.get("/").text


def test_the_clinician_reads_whom_it_is_about_and_the_contact_does_not(world: Any) -> None:
    asked(world)
    nickname = world.house.value("SELECT nickname FROM patient WHERE id = :id", id=world.patients["enrolled"][0])
    assert nickname in world.client("owner").get(f"/releases/{release_of(world, 'owner')}").text
    left = world.client("protection").get(f"/releases/{release_of(world, 'leaver')}")
    assert left.status_code == 200
    assert "Patients it is about" not in left.text


def test_a_refusal_needs_a_reason_and_the_representative_reads_it(world: Any) -> None:
    number = asked(world)
    owner, key = world.client("owner"), release_of(world, "owner")
    version = seen(world, "export_release", key)
    assert owner.post(f"/releases/{key}/refuse", data={"seen": version, "reason": ""}).status_code == 422
    said = {"seen": version, "reason": "<b>Not</b> before the audit"}
    assert owner.post(f"/releases/{key}/refuse", data=said).status_code == 302
    page = world.client("representative").get(f"/exports/{key_of(world, number)}").text
    assert "&lt;b&gt;Not&lt;/b&gt; before the audit" in page


def test_an_old_page_is_told_so(world: Any) -> None:
    asked(world)
    owner, key = world.client("owner"), release_of(world, "owner")
    assert owner.post(f"/releases/{key}/release", data={"seen": "77"}).status_code == 409
    assert owner.post(f"/releases/{key}/release").status_code == 409


def test_a_foreign_hospitals_export_is_not_there(world: Any) -> None:
    with world.house.acting(world.people["protection"]):
        assert db.session.query(ExportRelease).count() > 0
    home = world.house.value("SELECT public_id FROM export WHERE state = 'to_fetch'")
    other = world.client("other representative")
    nothing = other.get(f"/exports/{'0' * 32}")
    for address in (f"/exports/{home}", f"/exports/{home}/file", f"/exports/{home}/passphrase"):
        answer = other.get(address) if address.endswith(home) else other.post(address, data={"seen": "1"})
        assert answer.status_code == nothing.status_code == 404
    assert home not in other.get("/exports/").text


def test_file_and_passphrase_come_together_outside(world: Any) -> None:
    number = everybody_releases(world)
    run(world)
    key = key_of(world, number)
    page = world.client("representative").get(f"/exports/{key}").text
    assert "Fetch the encrypted file" in page
    assert "Show the passphrase" not in page
    file = world.client("representative").post(f"/exports/{key}/file")
    assert file.status_code == 200
    assert re.fullmatch(
        r'attachment; filename="consent-archive-\d{4}-\d\d-\d\d\.zip"', file.headers["Content-Disposition"]
    )
    contact = world.client("protection")
    assert f'href="/exports/{key}"' in contact.get("/").text
    shown = contact.post(f"/exports/{key}/passphrase", data={"seen": seen(world, "export", key)})
    word = re.search(r'passphrase" dir="ltr">([0-9A-Z-]{29})<', shown.text)
    assert word
    assert "manifest.json" in opened(file.data, word[1])
    assert word[1] not in contact.get(f"/exports/{key}").text
    again = contact.post(f"/exports/{key}/passphrase", data={"seen": seen(world, "export", key)})
    assert again.status_code == 422
    assert word[1] not in again.text


def test_who_is_representative_no_more_fetches_nothing(world: Any) -> None:
    number = everybody_releases(world)
    run(world)
    assert world.client("past representative").post(f"/exports/{key_of(world, number)}/file").status_code == 403


def test_stopping_asks_why_and_deletes_the_file(world: Any) -> None:
    number = everybody_releases(world)
    run(world)
    key, client = key_of(world, number), world.client("representative")
    name = world.house.value("SELECT storage_key FROM export WHERE id = :id", id=number)
    version = seen(world, "export", key)
    assert client.post(f"/exports/{key}/stop", data={"seen": version, "reason": ""}).status_code == 422
    assert client.post(f"/exports/{key}/stop", data={"seen": version, "reason": "A mistake"}).status_code == 302
    assert state(world, number) == "stopped"
    assert not (world.house.var / "files" / name).exists()
    assert client.post(f"/exports/{key}/file").status_code == 409


def test_the_representative_goes_on_without_who_does_not_answer(world: Any) -> None:
    number = asked(world)
    decide(world, "owner")
    key, client = key_of(world, number), world.client("representative")
    answer = client.post(f"/exports/{key}/go-on", data={"seen": seen(world, "export", key)})
    assert answer.status_code == 302
    assert "Being made" in words(client.get(f"/exports/{key}"))
    run(world)
    assert state(world, number) == READY


def test_the_log_names_each_step(world: Any) -> None:
    number = everybody_releases(world)
    run(world)
    key = key_of(world, number)
    world.client("representative").post(f"/exports/{key}/file")
    world.client("protection").post(f"/exports/{key}/passphrase", data={"seen": seen(world, "export", key)})
    find = "SELECT act FROM audit_entry WHERE thing_id = :key AND outcome = 'done' ORDER BY seq"
    assert [row[0] for row in world.house.rows(find, key=key)] == [
        "export.ask",
        "export.begin",
        "export.keep-file",
        "export.fetch",
        "export.take-passphrase",
    ]


def test_a_double_submit_asks_once(world: Any) -> None:
    with world.house.acting(world.people["representative"]) as actor:
        home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        one = exports.ask(actor, home, reason="A move", once="o" * 20).public_id
        two = exports.ask(actor, home, reason="A move", once="o" * 20).public_id
    assert one == two
    jobs.run_due(world.house.app.app_context)
