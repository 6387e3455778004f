"""Several at one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def at_once(work: Callable[..., Any], given: Iterable[Any]) -> list[Any]:
    """What came of calls that begin together, in a thread for each thing given; what one of them raises is raised here."""
    things = list(given)
    start = threading.Barrier(len(things))

    def one(thing: Any) -> Any:
        start.wait()
        return work(thing)

    with ThreadPoolExecutor(len(things)) as threads:
        return list(threads.map(one, things))
