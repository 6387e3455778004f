"""What is stored about oneself: nothing that names a person is forgotten, and nobody else's data is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask_appbuilder import Model

from app.models import TABLES, Person, db
from app.services import own_data
from tests.world import World

WHO = ("owner", "assistant", "guest", "coordinator", "representative", "hub", "admin", "bystander", "leaver")


def naming() -> set[tuple[str, str]]:
    """Every column of the database that names a person: by a foreign key, or as the log does, which has none."""
    keys = {
        (table.name, key.parent.name)
        for table in Model.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == "ab_user"
    }
    return keys | {("audit_entry", "actor_id"), ("audit_entry", "on_behalf_of_id")}


def test_each_column_that_names_a_person_is_told_or_counted_or_left_out_for_a_reason() -> None:
    told = {(one.table.__tablename__, column) for one in own_data.SECTIONS.values() for column in one.mine}
    counted = {(table.__tablename__, column) for table, column in own_data.COUNTED}
    log = {("audit_entry", "actor_id"), ("audit_entry", "on_behalf_of_id")}
    left_out = {key for key, reason in own_data.LEFT_OUT.items() if reason}
    everywhere = [*(told - {("ab_user", "id")}), *counted, *left_out, *log]
    assert sorted(everywhere) == sorted(naming())


def test_no_key_secret_or_seal_is_told() -> None:
    columns = {column for one in own_data.SECTIONS.values() for column in one.told}
    assert not {
        name for name in columns if any(word in name for word in ("password", "hash", "key", "sealed", "token"))
    }
    assert {column for column in columns if column.endswith("_id")} == set(own_data.NAMED)


def fetched(world: World, who: str) -> dict[str, Any]:
    answer = world.client(who).get("/my-data/download")
    assert answer.status_code == 200, answer.data[:300]
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="cpms-about-me-')
    return dict(json.loads(answer.data))


def test_the_file_holds_what_is_about_oneself(world: World) -> None:
    found = fetched(world, "owner")
    assert found["account"][0]["email"] == world.house.value(
        "SELECT email FROM ab_user WHERE id = :i", i=world.people["owner"]
    )
    assert [one["centre"] for one in found["memberships"]] != []
    assert {one["you_are"][0] for one in found["grants"]} == {"clinician"}
    assert found["profile"] == [{"professional_title": "MD", "about": "About the owner"}]
    treated = world.house.value("SELECT count(*) FROM patient WHERE clinician_id = :i", i=world.people["owner"])
    assert found["numbers"]["patients you treat or treated"] == treated > 0
    log = world.house.value(
        "SELECT count(*) FROM audit_entry WHERE actor_id = :i OR on_behalf_of_id = :i", i=world.people["owner"]
    )
    assert len(found["log"]) == log
    assert found["log"][-1]["act"] == "own_data.open"
    assert fetched(world, "admin")["operates_the_platform"] is True


@pytest.mark.t_minimise
@pytest.mark.parametrize("who", WHO)
def test_nobody_elses_data_is_in_the_file(world: World, who: str) -> None:
    text = json.dumps(fetched(world, who), ensure_ascii=False)
    with world.house.everything() as session:
        others = [one for one in session.query(Person).all() if one.id != world.people[who]]
        words = {one.email for one in others} | {one.public_id for one in others}
        for nickname, key in session.execute(db.text("SELECT nickname, public_id FROM patient")):
            words |= {nickname, key}
    for identity in world.identities.values():
        words |= {identity.family_name, identity.file_number}
    assert sorted(word for word in words if word and word in text) == []


def test_a_long_log_comes_in_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_data, "AT_ONCE", 3)
    found = fetched(world, "owner")
    numbers = [one["number"] for one in found["log"]]
    assert len(numbers) > 3
    assert numbers == sorted(set(numbers))


def test_the_page_says_how_much_it_is(world: World) -> None:
    page = world.client("owner").get("/my-data/").text
    assert "Download all of it (JSON)" in page
    assert "What you did, in the log" in page


def test_every_table_that_has_a_person_is_a_table_of_ours() -> None:
    ours = {table.__tablename__ for table in TABLES}
    assert {table for table, _column in naming()} - ours == {"ab_user_role", "ab_user_group", "ab_api_key"}
