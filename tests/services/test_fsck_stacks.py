"""fsck and scans that wait to be filed: a file that is gone or changed is named by its stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.services import archives, stack_drops
from tests.papers import document
from tests.services.test_fsck import found, run

pytestmark = pytest.mark.one_database


def a_page(world: Any) -> tuple[str, Path]:
    """The public id of the owner's stack, and the file of its first page."""
    (row,) = world.house.rows(
        "SELECT s.public_id, p.storage_key FROM stack_page p JOIN stack s ON s.id = p.stack_id"
        " WHERE s.person_id = :id AND p.position = 1",
        id=world.people["owner"],
    )
    return row.public_id, world.house.var / "files" / row.storage_key


def test_a_page_that_waits_and_whose_file_is_gone_is_named_by_its_stack(world: Any) -> None:
    stack, path = a_page(world)
    path.unlink()

    assert found(world) == [f"stack {stack}: its file {path.name} is missing"]
    assert run(world, "--repair").exit_code == 1


def test_a_changed_page_is_found_by_a_deep_look_alone(world: Any) -> None:
    stack, path = a_page(world)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)

    assert found(world) == []
    assert found(world, deep=True) == [f"stack {stack}: its file {path.name} is damaged"]


def test_a_dropped_file_that_was_not_read_yet_is_looked_at_too(world: Any) -> None:
    before = set((world.house.var / "files").iterdir())
    with world.house.acting(world.people["owner"]) as actor:
        stack = stack_drops.drop(actor, [archives.Upload(document(), "scan.pdf")]).public_id
    (path,) = set((world.house.var / "files").iterdir()) - before

    assert found(world, deep=True) == []
    path.unlink()
    assert found(world) == [f"stack {stack}: its file {path.name} is missing"]


def test_a_page_that_was_discarded_needs_no_file(world: Any) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True}).exec_driver_sql(
            "UPDATE stack_page SET state = 'discarded', storage_key = NULL, wrapped_key = NULL"
        )
        session.commit()

    assert [line for line in found(world) if line.startswith("stack ")] == []
