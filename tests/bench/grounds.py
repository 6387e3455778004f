"""Where the benches run: a folder of their own, houses on both databases, a server among them, all gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.outside.paper import Renderer
from tests.bench.crowds import Crowd, fill
from tests.houses import House, furnish, stop_postgres


@dataclass
class Ground:
    """The folder and what stands in it."""

    folder: Path
    printer: Renderer
    houses: dict[tuple[str, int], tuple[House, Crowd]] = field(default_factory=dict)
    others: list[House] = field(default_factory=list)

    def crowded(self, dialect: str, size: int) -> tuple[House, Crowd]:
        """The house with so many patients and so many memberships."""
        if (dialect, size) not in self.houses:
            house = furnish(dialect, self.folder, f"crowd{size}", self.printer)
            self.houses[dialect, size] = house, fill(house, patients=size, memberships=size)
        return self.houses[dialect, size]


@contextmanager
def ground() -> Iterator[Ground]:
    """A ground, cleared at the end."""
    folder = Path(tempfile.mkdtemp(prefix="cpms-bench-"))
    folder.chmod(0o711)  # PostgreSQL, which never runs as root, must pass through
    (folder / "runtime").mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "runtime")
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "VAR_DIR", "CPMS_MODE"):
        os.environ.pop(name, None)
    made = Ground(folder, Renderer())
    try:
        yield made
    finally:
        for house in [*(house for house, _crowd in made.houses.values()), *made.others]:
            house.close()
        made.printer.close()
        stop_postgres(folder)
        shutil.rmtree(folder, ignore_errors=True)
