"""Empty houses to restore into."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.houses import House, furnish

_numbers = itertools.count(1)


@pytest.fixture
def empty(dialect: str, shared: Path, worker: str, printer: Any) -> Iterator[Callable[..., House]]:
    """Makes empty houses, with other settings if wished."""
    made: list[House] = []

    def furnished(**changes: str) -> House:
        made.append(furnish(dialect, shared, f"{worker}-restored-{next(_numbers)}", printer, **changes))
        return made[-1]

    yield furnished
    for house in made:
        house.close()


@pytest.fixture(autouse=True)
def _no_ledger_from_before(shared: Path, worker: str) -> None:
    """A house put back to a snapshot knows nothing of what the last test erased or withdrew."""
    for dialect in ("sqlite", "postgresql"):
        for name in ("erased.log", "withdrawn.log"):
            (shared / f"var-{dialect}-{worker}" / name).unlink(missing_ok=True)
