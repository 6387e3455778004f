"""A child process takes every blow a file can deal, and the next call works."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.outside.children import Child, ChildFault
from tests.moments import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMORY = 64 << 20
ROOT = Path(__file__).parents[2]


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child(["json"], memory_bytes=MEMORY, seconds=1.5, jobs_before_replacement=50)
    yield child
    child.close()


def fault_of(child: Child, function: Callable[..., object], *args: object) -> str:
    with pytest.raises(ChildFault) as caught:
        child.call(function, *args)
    return caught.value.code


def test_a_plain_answer_comes_back_from_another_process(child: Child) -> None:
    assert child.call(json.loads, '{"pages": [1, 2.5, null, "ü"]}') == {"pages": [1, 2.5, None, "ü"]}
    assert child.call(os.getpid) != os.getpid()


def test_many_megabytes_go_there_and_back(child: Child) -> None:
    photograph = os.urandom(12 << 20)

    assert child.call(bytes, photograph) == photograph


def test_a_job_that_never_ends_is_ended_and_the_next_one_works(child: Child) -> None:
    child.call(os.getpid)
    began = time.monotonic()

    assert fault_of(child, time.sleep, 60) == "timeout"

    assert time.monotonic() - began < 4
    assert child.call(abs, -1) == 1


def test_a_job_that_wants_too_much_memory_is_ended_and_the_next_one_works(child: Child) -> None:
    assert fault_of(child, bytearray, MEMORY * 2) == "memory"
    assert child.call(abs, -1) == 1


def test_a_job_that_crashes_is_noticed_and_the_next_one_works(child: Child) -> None:
    assert fault_of(child, os.abort) == "crashed"
    assert child.call(abs, -1) == 1


def test_an_exception_of_the_job_comes_back_by_name_and_does_not_cost_the_worker(child: Child) -> None:
    worker = child.call(os.getpid)

    with pytest.raises(ChildFault) as caught:
        child.call(int, "not a number")

    assert (caught.value.code, caught.value.kind) == ("raised", "ValueError")
    assert str(caught.value) == "raised", "the text of the exception could quote the patient's file"
    assert child.call(os.getpid) == worker


def test_an_answer_that_is_more_than_plain_data_is_refused(child: Child) -> None:
    assert fault_of(child, Fraction, 1, 3) == "crashed"
    assert child.call(abs, -1) == 1


def test_a_worker_killed_while_idle_does_not_cost_the_next_job(child: Child) -> None:
    worker = child.call(os.getpid)
    os.kill(worker, signal.SIGKILL)
    time.sleep(0.1)

    assert child.call(os.getpid) != worker


def test_a_room_killed_while_idle_does_not_cost_the_next_job(child: Child) -> None:
    room, worker = child.call(os.getppid), child.call(os.getpid)
    os.kill(room, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    time.sleep(0.1)

    assert child.call(os.getppid) != room


def test_a_worker_is_replaced_after_its_number_of_jobs_and_the_room_stays() -> None:
    child = Child([], memory_bytes=MEMORY, seconds=2, jobs_before_replacement=2)

    workers = [child.call(os.getpid) for _ in range(4)]
    rooms = {child.call(os.getppid) for _ in range(4)}

    child.close()
    assert workers[0] == workers[1] != workers[2] == workers[3]
    assert len(rooms) == 1


def test_a_child_knows_no_secret_of_its_parent(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPMS_MASTER_KEY", "the key of everything")

    assert child.call(os.getenv, "CPMS_MASTER_KEY") is None


def test_a_child_holds_neither_the_web_framework_nor_the_tables_nor_the_settings(child: Child) -> None:
    loaded = "sorted({'flask', 'sqlalchemy', 'config', 'json'} & set(__import__('sys').modules))"

    assert child.call(eval, loaded) == ["json"]


def test_a_child_opens_no_socket_and_no_program(child: Child) -> None:
    for outside in (socket.socket, os.fork):
        with pytest.raises(ChildFault) as caught:
            child.call(outside)
        assert (caught.value.code, caught.value.kind) == ("raised", "PermissionError")
    with pytest.raises(ChildFault) as caught:
        child.call(subprocess.call, ["/bin/true"])
    assert (caught.value.code, caught.value.kind) == ("raised", "PermissionError")


def test_threads_take_turns_and_get_their_own_answers(child: Child) -> None:
    assert at_once(lambda number: child.call(abs, -number), range(20)) == list(range(20))


def test_a_call_that_waits_too_long_for_its_turn_is_told_so() -> None:
    child = Child([], memory_bytes=MEMORY, seconds=5, jobs_before_replacement=9, patience_seconds=0.1)
    child.call(os.getpid)
    sleeper = threading.Thread(target=child.call, args=(time.sleep, 1))
    sleeper.start()
    time.sleep(0.2)

    assert fault_of(child, abs, -1) == "busy"

    sleeper.join()
    child.close()


FORKED = """
import os, sys, threading
from app.outside.children import Child
child = Child([], memory_bytes=1 << 26, seconds=2, jobs_before_replacement=9)
room = child.call(os.getppid)
child._turn.acquire()  # as if another thread were in the middle of a call
forked = os.fork()
if forked == 0:
    other = child.call(os.getppid)
    sys.exit(0 if other not in (room, 0) else 1)
status = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
child._turn.release()
assert child.call(os.getppid) == room, "the forked process has ended our room"
print(status, room)
"""


def test_a_forked_process_starts_its_own_room_and_leaves_ours_alone() -> None:
    ended = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False, cwd=ROOT)

    status, room = ended.stdout.split()
    assert (status, ended.stderr) == ("0", "")
    assert not is_alive(int(room)), "the room outlived the process that started it"


def test_room_and_worker_end_when_their_parent_is_killed() -> None:
    code = (
        "import os, time; from app.outside.children import Child;"
        "child = Child([], memory_bytes=1 << 26, seconds=9, jobs_before_replacement=9);"
        "print(child.call(os.getppid), child.call(os.getpid), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        room, worker = map(int, parent.stdout.readline().split())
        parent.kill()
    time.sleep(0.5)

    assert (is_alive(room), is_alive(worker)) == (False, False)


def is_alive(process_id: int) -> bool:
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"
