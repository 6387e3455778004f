"""T-SESSION: passwords wait at a door of their own: pages pass meanwhile, and whoever has waited too long is let by."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from app import doors
from app.doors import Doors

pytestmark = pytest.mark.t_session
SOON = 10.0


class Room:
    """An application that keeps whoever sends a password until it is told to let them go."""

    def __init__(self) -> None:
        self.go, self.lock = threading.Event(), threading.Lock()
        self.inside, self.most, self.arrived = 0, 0, threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            return [b"page"]
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.arrived.release()
        assert self.go.wait(SOON)
        with self.lock:
            self.inside -= 1
        return [b"password"]


def ask(behind: Doors, verb: str, path: str) -> Iterable[bytes]:
    return behind(EnvironBuilder(path, method=verb).get_environ(), lambda *_given: lambda _data: None)


@pytest.mark.parametrize("path", doors.PASSWORDS)
def test_passwords_pass_two_at_a_time_and_pages_beside_them(path: str) -> None:
    room = Room()
    behind = Doors(room, threads=1)
    with ThreadPoolExecutor(8) as crowd:
        waiting = [crowd.submit(ask, behind, "POST", path) for _ in range(8)]
        for _ in range(doors.PASSING):
            assert room.arrived.acquire(timeout=SOON)
        assert [ask(behind, "GET", "/patients/") for _ in range(5)] == [[b"page"]] * 5
        assert not room.arrived.acquire(timeout=0.2)
        room.go.set()
        assert [one.result(SOON) for one in waiting] == [[b"password"]] * 8
    assert room.most == doors.PASSING


def test_who_finds_the_queue_full_or_waits_too_long_passes_by_the_other_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "PATIENCE", 0.05)
    room = Room()
    behind = Doors(room, threads=16)
    with ThreadPoolExecutor(8) as crowd:
        waiting = [crowd.submit(ask, behind, "POST", "/login/") for _ in range(8)]
        for _ in range(8):
            assert room.arrived.acquire(timeout=SOON)
        room.go.set()
        assert [one.result(SOON) for one in waiting] == [[b"password"]] * 8
    assert room.most == 8


def test_a_door_opens_again_after_what_went_wrong_behind_it() -> None:
    def broken(_environ: Any, _start: Any) -> Iterable[bytes]:
        raise RuntimeError

    behind = Doors(broken, threads=1)
    for verb, path in (("POST", "/login/"), ("GET", "/")):
        for _ in range(3):
            with pytest.raises(RuntimeError):
                ask(behind, verb, path)
    assert ask(Doors(Room(), threads=1), "GET", "/") == [b"page"]
