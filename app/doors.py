"""Two doors before the application: those who send a password pass two at a time, everybody else as many as there are threads.

Checking a password takes long on purpose. Sixty people who sign in at eight o'clock would hold every thread, and every
page would wait for the last of them. Who waits here holds a sleeping thread and nothing else: no connection, no processor.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WAITING = 48
"""Passwords that wait in a web process: these threads are there besides those that work (``gunicorn.conf.py``)."""
PASSING = 2
PATIENCE = 20.0
"""Seconds; who has waited longer passes by the other door, where ``passwords`` tells them to come again."""
PASSWORDS = ("/login/", "/prove/again", "/password/")


class Doors:
    """The application behind both."""

    def __init__(self, application: WSGIApplication, threads: int) -> None:
        self.application = application
        self.everybody = threading.BoundedSemaphore(threads)
        self.passwords = threading.BoundedSemaphore(PASSING)
        self.queue = threading.BoundedSemaphore(WAITING)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass by one of them."""
        door = self.passwords if self._came_up(environ) else self.everybody
        if door is self.everybody:
            door.acquire()
        try:
            return self.application(environ, start_response)
        finally:
            door.release()

    def _came_up(self, environ: dict[str, Any]) -> bool:
        """Whether this is a password whose turn has come."""
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] not in PASSWORDS:
            return False
        if not self.queue.acquire(blocking=False):
            return False
        try:
            return self.passwords.acquire(timeout=PATIENCE)
        finally:
            self.queue.release()
