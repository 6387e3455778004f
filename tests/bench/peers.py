"""The named peer seen from here: a process of its own (``stock``) that is asked for pages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PATIENTS, MEMBERSHIPS = "/patientview/list/", "/membershipview/list/"


class Stock:
    """The peer's process."""

    def __init__(self, folder: Path, patients: int, memberships: int, people: int) -> None:
        sizes = [str(one) for one in (patients, memberships, people)]
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.stock", str(folder), *sizes]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self._answer()

    def statements(self, path: str) -> int:
        """SQL statements of a page."""
        return int(self._asked(path, 0))

    def pages(self, path: str, count: int) -> list[float]:
        """Seconds of each of so many pages."""
        return list(self._asked(path, count))

    def _asked(self, path: str, count: int) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([path, count]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)
