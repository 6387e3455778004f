"""Ledgers: lines of several houses and moments, and which of them counts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.services import ledgers, takebacks
from app.services.keys import ERASED
from tests.world import World

pytestmark = pytest.mark.one_database
A, B = f"patient_identity {'a' * 32}", f"patient_identity {'b' * 32}"


def test_a_line_written_while_a_copy_is_merged_is_kept(world: World, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    ledgers.write_lines(other, [f"2026-01-01T00:00:{second:02}Z erased {A}" for second in range(60)] * 400)
    rows = [f"patient_identity {number:032x}" for number in range(60)]
    with world.house.app.app_context():
        into = ERASED.path()

        def go_on() -> None:
            with world.house.app.app_context():
                for row in rows:
                    ERASED.append(ERASED.done, [row])

        house = threading.Thread(target=go_on)
        house.start()
        ERASED.merge(other)
        house.join()

        assert {*rows, A} <= ERASED.read(into)[0].keys()


def test_an_older_line_that_is_merged_later_does_not_count_against_a_younger(world: World, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    ledgers.write_lines(other, [f"2026-01-01T00:00:00Z erasing {A}", f"2026-01-01T00:00:00Z kept {A}"])
    with world.house.app.app_context():
        ledgers.write_lines(ERASED.path(), [f"2026-02-01T00:00:00Z erased {A}", f"2026-02-01T00:00:00Z erased {B}"])
        assert ERASED.merge(other) == 0
        assert ERASED.merge(other) == 0
        known, unread = ERASED.read(ERASED.path())

    assert (known[A], known[B], unread) == (("2026-02-01T00:00:00Z", "erased"), ("2026-02-01T00:00:00Z", "erased"), 0)


def test_what_is_restricted_lifted_and_restricted_again_is_known_as_restricted(world: World) -> None:
    key = "c" * 32
    rows = {what: f"{key} {key} {what} - 2026-01-01 -" for what in (takebacks.RESTRICTED, takebacks.LIFTED)}
    with world.house.app.app_context():
        for what in (takebacks.RESTRICTED, takebacks.LIFTED, takebacks.RESTRICTED):
            takebacks.WITHDRAWN.append(takebacks.WITHDRAWN.done, [rows[what]])

        assert [row.what for _at, row in takebacks.known() if row.patient == key] == [
            takebacks.LIFTED,
            takebacks.RESTRICTED,
        ]
