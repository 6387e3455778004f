"""Files that are lost: whoever asks for one reads so, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.screens import Screen
from tests.services.test_fsck import a_document

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_scan_whose_file_is_lost_is_said_in_words(world: Any, how: str) -> None:
    document, path = a_document(world)
    content = path.read_bytes()
    path.unlink()
    if how == "damaged":
        path.write_bytes(content[:-9] + b"something")

    answer = world.client("owner").get(f"/consents/{world.forms['enrolled'][1]}/document/{document}")

    assert answer.status_code == 404
    assert "This file is missing or damaged on the platform. Tell the operator" in Screen(answer).main
    opened = "SELECT count(*) FROM audit_entry WHERE act = 'document.open' AND outcome = :how"
    assert [world.house.value(opened, how=word) for word in ("done", "refused")] == [0, 1]
