"""The web server's settings. The numbers come from ``config.py``; here is what follows from them, with its reason."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from gunicorn.http import wsgi

from app.doors import WAITING
from config import load

_settings = load()

M_ARENA_MAX = -8  # of <malloc.h>
ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)  # a heap for every thread would hold 10 MB more

bind = _settings["BIND"]
workers = _settings["WEB_WORKERS"]
threads = _settings["WEB_THREADS"] + WAITING
worker_class = "gthread"
preload_app = True  # the workers share the program's memory
umask = 0o077  # files and database are ours alone
timeout = 120  # a scan of 50 MB over a slow line
graceful_timeout = 3  # a stop takes seconds; what was not answered was not acknowledged
keepalive = 15
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  only a heartbeat; a busy disk would stop it
secure_scheme_headers: dict[str, str] = {}  # who stands in front is PROXY_HOPS's to say
control_socket_disable = True
loglevel = "warning"
accesslog = None


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker must not share the connections of the process it was forked from."""
    from app.models import db  # noqa: PLC0415  the application is loaded after this file
    from run import app  # noqa: PLC0415

    with app.app_context():
        db.engine.dispose(close=False)


def when_ready(_server: Any) -> None:
    """Say where to go."""
    print(f"CPMS is open at {_settings['PUBLIC_URL']}/ (stop: Ctrl-C)", flush=True)  # noqa: T201


_all_headers = wsgi.Response.default_headers


def _nameless(response: Any, *given: Any, **named: Any) -> list[str]:
    """What an answer begins with, without the name of the server's program."""
    return [line for line in _all_headers(response, *given, **named) if not line.startswith("Server:")]


wsgi.Response.default_headers = _nameless
