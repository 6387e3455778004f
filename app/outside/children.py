"""Warm child processes with limits, in which parsers and the renderer meet what strangers wrote.

Lives here: one class, ``Child``. Does not live here: the two programs it needs, the *room* and the *worker* (``rooms``);
what is run in a child, which is a plain function of the module that needs it (``scans``, ``paper``).

How it works. ``Child`` starts, at its first call, a fresh Python process: the *room*. It imports the
preloaded modules once and never touches a job. For the jobs it forks a *worker*, which is warm at once; a
worker that crashes, runs too long, asks for too much memory or has done its number of jobs is replaced by
the next fork. The room is a new program, not a fork of ours, and gets a short environment: no master key,
no database address, no open connection is in the memory of the process that reads a hostile file.

    child = Child(["pikepdf"], memory_bytes=512 << 20, seconds=20, jobs_before_replacement=100)
    pages = child.call(count_pages, data)

Rules for a function that runs in a child: it is named at the top level of a module, its arguments can be
pickled, and it returns plain data (None, bool, int, float, str, bytes, and tuples, lists, dicts, sets of
them). The answer is read without looking up any name, so a captured worker cannot make us run its code. In
a worker neither sockets nor programs can be opened.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import select
import signal
import socket
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

from app.outside.rooms import OUT_OF_MEMORY, STATUS, receive, receive_exactly, send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
R = TypeVar("R")

START_SECONDS: Final = 60.0
KEPT_ENVIRONMENT: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH"})
BOOT: Final = """
import sys, types
house = sys.modules["app"] = types.ModuleType("app")
house.__path__ = [sys.argv.pop(1)]
from app.outside.rooms import keep_room
keep_room()
"""
"""The room's first lines. They do not run ``app/__init__``: no web framework, no tables, no settings in a room."""
HOUSE: Final = str(Path(__file__).parents[1])


class ChildFault(Exception):
    """The child did not give an answer.

    ``code`` is ``timeout`` (ran too long), ``memory`` (asked for too much), ``crashed`` (died, or answered
    nonsense), ``busy`` (the queue before the child was too long) or ``raised`` (the function raised;
    ``kind`` is the name of the exception's class). ``detail`` may quote the job's content: never log it,
    never show it.
    """

    def __init__(self, code: str, detail: str = "", kind: str = "") -> None:
        """Keep the three facts; only the code becomes the message."""
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.kind = kind


class Child:
    """One warm worker at a time; calls from several threads wait for their turn."""

    def __init__(
        self,
        preload: Sequence[str],
        memory_bytes: int,
        seconds: float,
        jobs_before_replacement: int,
        patience_seconds: float = 120.0,
    ) -> None:
        """Only note the limits: the first call starts the processes.

        Args:
            preload: modules the room imports once, by name.
            memory_bytes: address space a worker may take on top of what the warm room has.
            seconds: wall time of one job.
            jobs_before_replacement: jobs one worker does.
            patience_seconds: how long a call waits for its turn.
        """
        self._preload = tuple(preload)
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._jobs_before_replacement = jobs_before_replacement
        self._patience_seconds = patience_seconds
        self._processes = _Processes()
        self._turn = threading.Lock()
        _children.add(self)
        weakref.finalize(self, _close, self._processes)

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``function(*args, **kwargs)`` in the child and return its plain answer.

        Raises:
            ChildFault: see there; the next call finds a working child again.
        """
        message = pickle.dumps((function, args, kwargs), protocol=5)
        if not self._turn.acquire(timeout=self._patience_seconds):
            raise ChildFault("busy")
        try:
            reply = self._ask(message)
        finally:
            self._turn.release()
        if reply[0] == "raised":
            raise ChildFault("raised", detail=str(reply[2]), kind=str(reply[1]))
        answer: R = reply[1]
        return answer

    def close(self) -> None:
        """End room and worker; a later call starts them again."""
        with self._turn:
            _close(self._processes)

    def _ask(self, message: bytes) -> tuple[Any, ...]:
        processes = self._processes
        worker = self._ready_worker()
        deadline = time.monotonic() + self._seconds
        try:
            send(worker, message, deadline)
            reply = _load_plain(receive(worker, deadline))
        except TimeoutError:
            processes.end_worker()
            raise ChildFault("timeout") from None
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as fault:
            raise ChildFault(_why(processes.end_worker()), detail=str(fault)) from None
        except BaseException:  # stopped between question and answer: nobody else may read this answer
            processes.end_worker()
            raise
        processes.jobs += 1
        if processes.jobs >= self._jobs_before_replacement:
            processes.end_worker()
        return reply

    def _ready_worker(self) -> socket.socket:
        """The worker's socket, after starting what is missing."""
        processes = self._processes
        if processes.worker is not None and _readable(processes.worker):
            processes.end_worker()  # an idle worker says nothing: it has died
        if processes.worker is not None:
            return processes.worker
        arguments = (str(self._memory_bytes), str(self._seconds), *self._preload)
        try:
            return processes.start_worker(arguments)
        except (EOFError, OSError):  # the room was ended from outside: once more, with a new one
            _close(processes)
        try:
            return processes.start_worker(arguments)
        except (EOFError, OSError) as fault:
            _close(processes)
            raise ChildFault("crashed", detail=f"the room does not start: {fault}") from None

    def _forget(self) -> None:
        """In a forked process: the room is the parent's, and a thread left behind may hold the lock."""
        self._processes.let_go()
        self._turn = threading.Lock()


class _Processes:
    """The room and its worker as seen from the process that started them."""

    def __init__(self) -> None:
        self.control: socket.socket | None = None
        self.worker: socket.socket | None = None
        self.room_id = 0
        self.jobs = 0

    def start_room(self, arguments: tuple[str, ...]) -> socket.socket:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-c", BOOT, HOUSE, *arguments]
        with theirs:
            stdin = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)]
            self.room_id = os.posix_spawn(sys.executable, command, _short_environment(), file_actions=stdin)
        self.control = ours
        return ours

    def start_worker(self, arguments: tuple[str, ...]) -> socket.socket:
        control = self.control or self.start_room(arguments)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(control, [b"w"], [theirs.fileno()])
            receive_exactly(control, STATUS.size, time.monotonic() + START_SECONDS)
        except BaseException:
            ours.close()
            raise
        self.worker, self.jobs = ours, 0
        return ours

    def end_worker(self) -> int:
        """Kill the worker; the room is its parent and says how it ended (exit code, or minus the signal)."""
        if self.worker is not None:
            self.worker.close()
        self.worker = None
        if self.control is None:
            return 0
        try:
            self.control.sendall(b"e")
            answer = receive_exactly(self.control, STATUS.size, time.monotonic() + START_SECONDS)
        except (EOFError, OSError):
            _close(self)
            return 0
        return int(STATUS.unpack(answer)[0])

    def let_go(self) -> None:
        """Drop our ends without a word to the room."""
        for end in (self.worker, self.control):
            if end is not None:
                end.close()
        self.worker = self.control = None
        self.room_id = self.jobs = 0


def _close(processes: _Processes) -> None:
    """End the room, and with it the worker, and collect its exit status."""
    room_id = processes.room_id
    if processes.control is not None:
        with contextlib.suppress(OSError):
            processes.control.shutdown(socket.SHUT_RDWR)
    processes.let_go()
    if room_id:
        with contextlib.suppress(ChildProcessError):  # somebody who waits for every child was faster
            os.waitpid(room_id, 0)


def _short_environment() -> dict[str, str]:
    """What the room may know: where Python and the fonts are, nothing that is secret."""
    kept = {
        name: text for name, text in os.environ.items() if name in KEPT_ENVIRONMENT or name.startswith("FONTCONFIG")
    }
    return kept | {
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "PYTHONUTF8": "1",
    }


def _why(status: int) -> str:
    if status == OUT_OF_MEMORY:
        return "memory"
    return "timeout" if status in {-signal.SIGALRM, -signal.SIGXCPU} else "crashed"


def _readable(end: socket.socket) -> bool:
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(0))


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers and values; refuses every name, so nothing is ever called."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise pickle.UnpicklingError(f"not plain data: {module_name}.{global_name}")


def _load_plain(message: bytes) -> tuple[Any, ...]:
    try:
        reply = _PlainUnpickler(io.BytesIO(message)).load()
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError) as fault:
        raise pickle.UnpicklingError(str(fault)) from None
    match reply:
        case ("returned", _) | ("raised", str(), str()):
            return tuple(reply)
        case _:
            raise pickle.UnpicklingError("not an answer")


# --- after a fork ---

_children: weakref.WeakSet[Child] = weakref.WeakSet()


def _forget_in_fork() -> None:
    """A forked process (a gunicorn worker) must share neither its parent's room nor a lock held just then."""
    for child in list(_children):
        child._forget()  # noqa: SLF001


os.register_at_fork(after_in_child=_forget_in_fork)
