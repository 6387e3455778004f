"""The consent desk alone: a hospital that discusses its cases in the Commission's CPMS needs nothing of us but the desk."""

from __future__ import annotations

from typing import Any

from app.models import TABLES
from tests.pages.patient_words import NEW, fill, key_of
from tests.papers import document
from tests.screens import Screen, post

REFERENCE = "EURO-NMD/2026-00418"


def test_enrolled_printed_signed_archived_renewed_and_withdrawn_without_a_discussion(world: Any) -> None:
    owner = world.client("owner")
    key = key_of(fill(owner, "/patients/enrol", **NEW, cpms_reference=REFERENCE))
    record = f"/patients/{key}"
    assert REFERENCE in Screen(owner.get(record)).main
    assert REFERENCE in Screen(owner.get("/patients/")).main

    form = prepared(owner, record)
    assert owner.post(form + "/print", data=Screen(owner.get(form)).form("/print")).status_code == 302
    assert owner.get(form + "/paper").mimetype == "application/pdf"
    signed(owner, form)
    scan = Screen(owner.get(form)).form("/archive")
    assert post(owner, form + "/archive", scan, (document(), "scan.pdf")).status_code == 302
    assert "Enrolled" in Screen(owner.get(record)).main

    renewed = prepared(owner, record)
    assert owner.post(renewed + "/print", data=Screen(owner.get(renewed)).form("/print")).status_code == 302
    signed(owner, renewed)
    again = Screen(owner.get(renewed)).form("/archive")
    assert post(owner, renewed + "/archive", again, (document(), "again.pdf")).status_code == 302
    assert "Replaced" in Screen(owner.get(form)).main

    (first, *_others) = [one for one in Screen(owner.get(renewed)).links() if "/withdraw/" in one]
    asked = Screen(owner.get(first)).form()
    assert owner.post(first, data=asked | {"channel": "letter"}).status_code == 302
    assert "Restricted" in Screen(owner.get(record)).main
    assert not [table for table in TABLES if "discussion" in table.__tablename__]


def test_a_patient_is_found_by_the_reference_by_hand(world: Any) -> None:
    owner, colleague = world.client("owner"), world.client("colleague")
    key = key_of(fill(owner, "/patients/enrol", **NEW, cpms_reference=REFERENCE))
    found = Screen(fill(owner, "/patients/find", cpms_reference=REFERENCE))
    assert f"/patients/{key}" in found.links()
    assert f"/patients/{key}" not in Screen(fill(colleague, "/patients/find", cpms_reference=REFERENCE)).links()


def test_the_column_stands_only_where_a_patient_has_a_reference(world: Any) -> None:
    owner = world.client("owner")
    assert "Reference in CPMS" not in Screen(owner.get("/patients/")).main
    fill(owner, "/patients/enrol", **NEW, cpms_reference=REFERENCE)
    assert "Reference in CPMS" in Screen(owner.get("/patients/")).main


def test_a_wrong_reference_stands_by_its_field(world: Any) -> None:
    answer = fill(world.client("owner"), "/patients/enrol", **NEW, cpms_reference="x" * 41)
    shown = Screen(answer)
    assert (answer.status_code, set(shown.errors)) == (422, {"cpms_reference"})
    assert shown.value("cpms_reference") == "x" * 41


def prepared(client: Any, record: str) -> str:
    """Prepare a form for an adult in English; its address."""
    sent = Screen(client.get(record)).form("/prepare") | {"language": "en", "variant": "adult"}
    return str(client.post(record + "/prepare", data=sent).location)


def signed(client: Any, form: str) -> None:
    """Record that everything was agreed to."""
    shown = Screen(client.get(form))
    asked = {name for name in shown.tree.xpath("//main//input/@name") if name.startswith("answer_")}
    sent = shown.form("/sign") | dict.fromkeys(asked, "given")
    assert client.post(form + "/sign", data=sent).status_code == 302
