"""The two programs behind a ``Child``: the *room*, which imports and forks, and the *worker*, which does the jobs.

Both run in processes of their own, started by ``children``; how messages go between the processes is here as well. A
worker reads what strangers wrote: it has limits on memory and time, and can open neither sockets nor programs.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import time
from typing import Any, Final

MESSAGE_BYTES: Final = 256 << 20
GRACE_SECONDS: Final = 2.0
OUT_OF_MEMORY: Final = 86
REFUSED_EVENTS: Final = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
LENGTH: Final = struct.Struct("!Q")
STATUS: Final = struct.Struct("!i")

# --- messages between the processes ---


def send(end: socket.socket, message: bytes, deadline: float | None) -> None:
    """Send a message, its length first.

    Raises:
        TimeoutError: the deadline, a moment of the monotonic clock, has passed.
    """
    end.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
    end.sendall(LENGTH.pack(len(message)))
    end.sendall(message)


def receive(end: socket.socket, deadline: float | None) -> bytes:
    """The next message.

    Raises:
        EOFError: the other end is closed.
        TimeoutError: the deadline has passed.
        ValueError: it is longer than any honest one.
    """
    (length,) = LENGTH.unpack(receive_exactly(end, LENGTH.size, deadline))
    if length > MESSAGE_BYTES:
        raise ValueError("message too long")
    return receive_exactly(end, length, deadline)


def receive_exactly(end: socket.socket, length: int, deadline: float | None) -> bytes:
    """So many bytes, as ``receive``."""
    parts = []
    while length:
        end.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
        part = end.recv(min(length, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


# --- in the room ---


def keep_room() -> None:
    """The room's program: import, then fork a worker at ``w``, end it at ``e``, leave when nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started us
    control = socket.socket(fileno=0)
    for name in sys.argv[3:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    worker = 0
    while True:
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if command == b"w":
            worker = _fork_worker(control, descriptors[0])
            control.sendall(STATUS.pack(worker))
            continue
        status = _end_process(worker)
        worker = 0
        if not command:
            return
        control.sendall(STATUS.pack(status))


def _end_process(process_id: int) -> int:
    if not process_id:
        return 0
    deadline = time.monotonic() + 0.2  # one that is just leaving may do so: its exit status says why
    while not (ended := os.waitpid(process_id, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(process_id, signal.SIGKILL)
            ended = os.waitpid(process_id, 0)
            break
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


def _fork_worker(control: socket.socket, descriptor: int) -> int:
    process_id = os.fork()
    if process_id:
        os.close(descriptor)
        return process_id
    status = 1
    try:
        control.close()
        os.open(os.devnull, os.O_RDONLY)  # takes the number of standard input
        _work(socket.socket(fileno=descriptor), int(sys.argv[1]), float(sys.argv[2]))
        status = 0
    except EOFError:
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    finally:
        os._exit(status)


# --- in the worker ---


def _work(jobs: socket.socket, memory_bytes: int, seconds: float) -> None:
    _confine(memory_bytes)
    while True:
        message = receive(jobs, None)
        # A second clock, for the case that the process that watches us is gone.
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
        reply = _run(message)
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(jobs, reply, None)


def _run(message: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(message)  # noqa: S301 - comes from our own process
        return pickle.dumps(("returned", function(*args, **kwargs)), protocol=5)
    except MemoryError:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, the caller hears of it
        return pickle.dumps(("raised", type(fault).__name__, str(fault)), protocol=5)


def _confine(memory_bytes: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as figures:  # noqa: PTH123
        warm = int(figures.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (warm + memory_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the patient's paper
    sys.addaudithook(_refuse_outside)


def _refuse_outside(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(("socket.", "subprocess.")) or event in REFUSED_EVENTS:
        raise PermissionError(event)
