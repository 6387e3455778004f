"""Where there is no seal, or none in force, no copy is made, and the right people read why."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.outside.seals import Seal
from app.services import copies, housekeeping
from tests.outside.test_seals import certified
from tests.services.copy_words import (
    DAY,
    KEY,
    PAIR,
    aged,
    archive,
    asked,
    kinds,
    run_due,
    sealing,
)


def findings(world: Any) -> list[str]:
    with world.house.app.app_context():
        return [str(finding) for finding in housekeeping.fsck()]


def test_without_a_seal_nothing_is_asked_for_and_fsck_and_the_daily_job_say_why(world: Any) -> None:
    archive(world)
    assert asked(world) == []
    assert findings(world) == []
    aged(world, 2)

    run_due(world)

    assert findings(world) == ["setting SEAL_KEY: it is not set, so 1 archived forms have no sealed copy"]
    (error,) = [row[0] for row in world.house.rows("SELECT error FROM job WHERE kind = 'copies.sweep'")]
    assert error == "No archive copy is sealed: SEAL_KEY and SEAL_CERTIFICATE are not set."


def test_once_there_is_a_seal_the_daily_job_makes_what_was_missing(world: Any) -> None:
    archive(world)
    aged(world, 2)
    with sealing(world, Seal(*PAIR)):
        assert findings(world) == [f"copy {world.forms['signed'][1]}: the form's sealed copy is missing"]

        run_due(world)

        assert kinds(world) == [(1, "original", 2), (2, "copy", 2)]
        assert findings(world) == []


def test_a_seal_that_is_over_makes_no_copy_and_the_row_says_so(world: Any) -> None:
    over = Seal(PAIR[0], certified(KEY, "Seal of the tests", until=dt.datetime.now(dt.UTC) - DAY))
    with sealing(world, over):
        archive(world)
        run_due(world)

    said = "No archive copy is sealed: the certificate in SEAL_CERTIFICATE is not in force."
    assert asked(world) == [("queued", 1, said)]
    assert kinds(world) == [(1, "original", 2)]


def test_an_original_that_cannot_be_drawn_fails_and_says_so_without_quoting_it(sealed: Any) -> None:
    with sealed.house.app.app_context():
        copies.ask(sealed.forms["enrolled"][1])  # its file of the tests only begins like a PDF

    run_due(sealed)

    assert asked(sealed) == [("queued", 1, "No archive copy was made: unreadable child: raised PdfiumError.")]
    assert kinds(sealed, "enrolled") == [(1, "original", 1)]
