"""What we are compared with, seen from here: programs in processes of their own, asked a line, answering a line.

``stock`` is the same lists in stock Flask-AppBuilder, ``plain`` a plain WeasyPrint.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PATIENTS, MEMBERSHIPS = "/patientview/list/", "/membershipview/list/"


class Peer:
    """A program of this folder, and what it says."""

    def __init__(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", f"tests.bench.{name}", *arguments]
        pipe = subprocess.PIPE
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115  as long as the program
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.said, text=True)
        self._answer()

    def ask(self, question: Any) -> Any:
        """Its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.said.seek(0)
            message = f"the peer ended: {self.said.read()[-2000:]}"
            raise RuntimeError(message)
        return json.loads(line)

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.said.close()


class Stock(Peer):
    """Stock Flask-AppBuilder with so many rows."""

    def __init__(self, folder: Path, patients: int, memberships: int, people: int) -> None:
        super().__init__("stock", str(folder), str(patients), str(memberships), str(people))

    def statements(self, path: str) -> int:
        """SQL statements of a page."""
        return int(self.ask([path, 0]))

    def pages(self, path: str, count: int) -> list[float]:
        """Seconds of each of so many pages."""
        return list(self.ask([path, count]))


class Plain(Peer):
    """WeasyPrint with one page."""

    def __init__(self, folder: Path, html: str, css: str) -> None:
        (folder / "plain.html").write_text(html.replace("</head>", f"<style>{css}</style></head>"))
        super().__init__("plain", str(folder / "plain.html"))

    def prints(self, variant: str | None, count: int) -> list[float]:
        """Seconds of each of so many PDFs of a variant (WeasyPrint's name)."""
        return list(self.ask([variant, count]))
