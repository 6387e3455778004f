"""Fixtures of every test: a house on each database, an empty one or one full of hostile people; the T-tests' last lines.

``pytest --database sqlite`` runs on one database only. The houses are ``houses``; who lives there is ``world``.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(tempfile.gettempdir()) / f"cpms-runtime-{os.getuid()}"
SHARED = "CPMS_TEST_SHARED"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tester choose."""
    parser.addoption("--database", choices=["sqlite", "postgresql"], help="run on this database only")
    parser.addoption("--long", action="store_true", help="the long tests too, and the long sizes of the others")


def pytest_configure(config: pytest.Config) -> None:
    """The controller of the workers makes the folder they share; garbage is looked for less often, there is memory enough."""
    gc.set_threshold(20_000, 20, 20)
    if "XDG_RUNTIME_DIR" not in os.environ:
        RUNTIME.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(RUNTIME)
    for name in ("EU_LOGIN", "EU_LOGIN_ISSUER", "DATABASE_URL", "DATABASE_OWNER_URL", "VAR_DIR", "CPMS_MODE"):
        os.environ.pop(name, None)
    if not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="cpms-test-"))
        folder.chmod(0o711)  # PostgreSQL, which never runs as root, must pass through
        os.environ[SHARED] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The controller takes the folder away, and the server in it."""
    if hasattr(config, "workerinput") or SHARED not in os.environ:
        return
    folder = Path(os.environ.pop(SHARED))
    if (folder / "server").exists():
        from tests.houses import stop_postgres

        stop_postgres(folder)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests run when asked for; one database when one was chosen."""
    only = config.getoption("database")
    kept, left = [], []
    for item in items:
        on = item.callspec.params.get("dialect") if hasattr(item, "callspec") else None
        short = not config.getoption("long")
        too_long = short and item.get_closest_marker("long")
        again = short and on == "postgresql" and item.get_closest_marker("one_database")
        (left if too_long or again or (only and on and on != only) else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


# --- houses ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder all workers of this run share."""
    return Path(os.environ[SHARED])


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this worker."""
    return getattr(request.config, "workerinput", {}).get("workerid", "alone")


@pytest.fixture(scope="session")
def printer() -> Iterator[Any]:
    """One warm renderer for all houses of a worker."""
    from app.outside.paper import Renderer

    made = Renderer()
    yield made
    made.close()


@pytest.fixture(scope="session")
def houses(shared: Path, worker: str, printer: Any) -> Iterator[Callable[[str], Any]]:
    """The house on a database, made when it is first asked for."""
    from tests.houses import furnish

    made: dict[str, Any] = {}

    def on(dialect: str) -> Any:
        if dialect not in made:
            made[dialect] = furnish(dialect, shared, worker, printer)
        return made[dialect]

    yield on
    for one in made.values():
        one.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each database in its turn."""
    return str(request.param)


@pytest.fixture
def house(houses: Callable[[str], Any], dialect: str) -> Any:
    """A house on each database: tables made by the migrations, nobody in it."""
    found = houses(dialect)
    found.reset()
    return found


@pytest.fixture(scope="session")
def eu_login(shared: Path) -> Iterator[Any]:
    """A real OpenID Connect provider (``providers.Provider``)."""
    from tests.providers import provider

    with provider(shared) as started:
        yield started


@pytest.fixture(scope="session")
def eu_houses(shared: Path, worker: str, printer: Any, eu_login: Any) -> Iterator[Callable[[str], Any]]:
    """The house on a database whose people come through that provider."""
    from tests.houses import furnish

    made: dict[str, Any] = {}

    def on(dialect: str) -> Any:
        if dialect not in made:
            made[dialect] = furnish(dialect, shared, f"eu-{worker}", printer, **eu_login.settings)
        return made[dialect]

    yield on
    for one in made.values():
        one.close()


@pytest.fixture
def eu_house(eu_houses: Callable[[str], Any], dialect: str) -> Any:
    """An empty house with an EU Login, on each database."""
    found = eu_houses(dialect)
    found.reset()
    return found


@pytest.fixture
def app(house: Any) -> Any:
    """The application of the house."""
    return house.app


@pytest.fixture
def client_for(house: Any) -> Callable[..., Any]:
    """A browser in which a person is signed in."""
    return house.client_for


@pytest.fixture
def world(houses: Callable[[str], Any], dialect: str) -> Any:
    """A house full of people who would like to see what they may not (``world.World``)."""
    from tests.world import build

    found = houses(dialect)
    made = found.snapshot("world", build)
    made.house = found
    return made


# --- the line each T-test prints --------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What a T-test counted."""

    name: str
    started: float
    cells: int = 0
    faults: list[str] = field(default_factory=list)

    def check(self, right: object, fault: str) -> None:
        """Count a cell; keep what is wrong with it."""
        self.cells += 1
        if not right:
            self.faults.append(fault)

    def counted(self) -> tuple[str, int, int, float]:
        """Name, cells, faults, seconds."""
        return self.name, self.cells, len(self.faults), time.perf_counter() - self.started


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts cells; at the end the test fails with every fault it kept."""
    mark = next(m.name for m in request.node.iter_markers() if m.name.startswith("t_"))
    made = Tally(mark.upper().replace("_", "-"), time.perf_counter())
    yield made
    request.node.user_properties.append(("tally", made.counted()))
    if made.faults:
        pytest.fail(f"{len(made.faults)} of {made.cells} cells:\n" + "\n".join(made.faults[:40]), pytrace=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line for each T-test. A test that keeps no tally is one cell."""
    reports = [one for kind in ("", "passed", "failed", "error") for one in terminalreporter.stats.get(kind, [])]
    counted: dict[str, tuple[str, int, int, float]] = {}
    for report in reports:
        if not isinstance(report, pytest.TestReport):
            continue
        kept = [value for name, value in report.user_properties if name == "tally"]
        marks = [word for word in report.keywords if word.startswith("t_")]
        if kept:
            counted[report.nodeid] = kept[0]
        elif marks and report.when == "call":
            name = marks[0].upper().replace("_", "-")
            counted.setdefault(report.nodeid, (name, 1, int(report.failed), report.duration))
    if counted:
        terminalreporter.section("T-tests")
    for name in sorted({one[0] for one in counted.values()}):
        cells, fails, seconds = (sum(one[n] for one in counted.values() if one[0] == name) for n in (1, 2, 3))
        terminalreporter.write_line(f"{name} cells={cells} fails={fails} secs={seconds:.1f}")
