"""Scan-back: how fast a stack of two hundred pages is read, and how much memory the process that reads it takes."""

from __future__ import annotations

import datetime as dt
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from app.outside import paper, stacks
from app.outside.paper import lines
from tests.bench.grounds import Ground
from tests.bench.timings import Figure
from tests.scans import WAYS, bound, jpeg, written

PAGES = 200
MOST_MEMORY = 500
CODE = "0123456789ABCDEF"


def read(_ground: Ground) -> Iterator[Figure]:
    """One PDF of two hundred pages, in all the ways they come back."""
    renderer = paper.Renderer(seconds=60)
    form, stack = _stack(renderer)
    renderer.close()
    signing = lines.signatures(form, "adult")
    begun, right, child = time.perf_counter(), 0, 0.0
    for position, page in enumerate(stacks.take_apart(stack, "scan.pdf")):
        seen = stacks.look(page)
        right += (seen.code, seen.number) == (CODE, position % form.pages + 1)
        boxes = {
            name: (place.left, place.top, place.width, place.height)
            for name, place in form.places.items()
            if name.endswith(("-yes", "-no")) and place.page == seen.number
        }
        writing = {name: line.writing for name, line in signing.items() if line.page == seen.number}
        if boxes or writing:
            stacks.read_marks(page, boxes, writing)
        if position % 10 == 9:  # a worker is replaced after a hundred jobs
            child = max(child, _of_children())
    speed = PAGES / (time.perf_counter() - begun)
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Figure(f"{PAGES} pages read, one worker", f"{speed:.1f} pages/s", "–", speed, "–", None)
    share = right / PAGES
    yield Figure("pages recognised", f"{right} of {PAGES}", "–", share, "at least 99 %", share >= 0.99)
    size = f"{len(stack) / 1e6:.0f} MB"
    yield Figure(
        f"memory of the child, stack of {size}", f"{child:.0f} MB", f"bench itself {ours:.0f} MB", child / MOST_MEMORY,
        f"under {MOST_MEMORY} MB", child < MOST_MEMORY,
    )  # fmt: skip


def _stack(renderer: paper.Renderer) -> tuple[paper.Rendered, bytes]:
    text = paper.compose("eu", "en", "adult")
    html = paper.fill(text.html, {"form.code": CODE}, [paper.Registry("Register", "Trust", "IE")], demo=True)
    form = renderer.render(
        html, text.css, title=text.title, language="en", created=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    )
    pages, ways = written(form), list(WAYS.values())
    pictures = [jpeg(ways[n // len(pages) % len(ways)](pages[n % len(pages)], n)) for n in range(PAGES)]
    return form, bound(pictures)


def _of_children() -> float:
    """The most memory a process below this one has had at once, in MB."""
    found = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        facts = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        if _is_below(int(facts["PPid"])):
            found.append(int(facts.get("VmHWM", "0 kB").split()[0]) / 1024)
    return max(found)


def _is_below(parent: int) -> bool:
    while parent > 1:
        if parent == os.getpid():
            return True
        stat = Path(f"/proc/{parent}/stat").read_text()
        parent = int(stat.rpartition(")")[2].split()[1])
    return False
