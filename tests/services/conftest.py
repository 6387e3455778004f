"""Fixtures several files of this folder share; what they are made of is in the modules named here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.houses import House


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


@pytest.fixture(scope="session")
def demo_houses(shared: Path, worker: str, printer: Any) -> Iterator[Callable[[str], House]]:
    """Houses in demo mode."""
    from tests.services.demo_words import houses

    with houses(shared, worker, printer) as on:
        yield on


@pytest.fixture
def whole(demo_houses: Callable[[str], House]) -> House:
    """All of the demo, the originals attested instead of scanned; on SQLite alone, because it takes a while."""
    from tests.services.demo_words import sow

    house = demo_houses("sqlite")
    house.snapshot("demo", lambda empty: sow(empty, scans=False))
    return house
