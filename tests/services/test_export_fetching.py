"""An export is opened by two people together, and gone in a week."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import pytest

from app.errors import Incomplete, NotAllowed
from app.models import Export, db, now, today
from app.services import exports, housekeeping
from app.words import ExportState
from tests.papers import sentence
from tests.services.export_words import (
    asked,
    everybody_releases,
    fetched,
    made,
    passphrase,
    run,
    state,
)


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
