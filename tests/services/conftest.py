"""Fixtures several files of this folder share; what they are made of is in the modules named here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def clinic(house: Any) -> Any:
    """A clinic with somebody in each place."""
    from tests.services import clinics

    return clinics.opened(house)


@pytest.fixture
def sealed(world: Any) -> Iterator[Any]:
    """The world, with a seal."""
    from app.outside.seals import Seal
    from tests.services.copy_words import PAIR, sealing

    with sealing(world, Seal(*PAIR)):
        yield world


@pytest.fixture
def kinds() -> Iterator[None]:
    """Only this test's kinds of job."""
    from tests.services.job_words import own_kinds

    with own_kinds():
        yield
