"""A sample of the bench's misreading run (``tests.bench.desk``): forms of far-apart alphabets, in all the ways they come back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.desk import misread

pytestmark = pytest.mark.long


@pytest.mark.parametrize("language", ["el", "bg", "fi", "mt"])
def test_the_pages_of_a_form_are_known_again_however_they_come_back_and_none_for_another(
    printer: Any, language: str
) -> None:
    known, wrong, pages = misread(printer, language, 7)
    assert wrong == 0
    assert known >= pages * 0.97, f"{known} of {pages}"
