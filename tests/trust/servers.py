"""A real web server in a process of its own, on the database and the files of a house: to be killed, or to run out of disk."""

from __future__ import annotations

import dataclasses
import http.client
import io
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pikepdf
from werkzeug.datastructures import FileStorage
from werkzeug.test import stream_encode_multipart

import config
from app.pages.browsers import MARK
from tests.houses import RAW, House, environment, form_token
from tests.world import token_of

HERE = "127.0.0.1"


@dataclasses.dataclass
class Server:
    """gunicorn, with one web process unless told otherwise."""

    house: House
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def send(self, verb: str, address: str, who: str = "owner", **parts: Any) -> Reply:
        """One request of a signed-in person; ``parts`` are the fields of a form."""
        body, headers = b"", {"Cookie": f"cpms={MARK}{token_of(who)}", "Referer": f"http://{HERE}:{self.port}/"}
        if verb == "POST":
            stream, _length, boundary = stream_encode_multipart({"csrf_token": form_token(RAW), **parts})
            with stream:
                body = stream.read()
            headers["Content-Type"] = f'multipart/form-data; boundary="{boundary}"'
        connection = http.client.HTTPConnection(HERE, self.port, timeout=60)
        try:
            connection.request(verb, address, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read().decode("utf-8", "replace"))
        except (OSError, http.client.HTTPException) as broken:
            return Reply(0, repr(broken))
        finally:
            connection.close()

    def archive(self, key: str, content: bytes) -> Reply:
        """Send the scan of a form."""
        file = FileStorage(io.BytesIO(content), "scan.pdf")
        return self.send("POST", f"/consents/{key}/archive", files=file, seen=self.version(key))

    def version(self, key: str) -> str:
        """What the forms on the page of a consent form carry."""
        return str(self.house.value("SELECT version FROM consent_form WHERE public_id = :key", key=key))

    def kill(self) -> None:
        """kill -9, with everything that belongs to it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclasses.dataclass
class Reply:
    """Status (0: no answer) and text."""

    status: int
    text: str

    @property
    def said(self) -> str:
        """The sentences of the page."""
        words = re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2].partition("</main>")[0])
        return " ".join(words.split())[:600]


@contextmanager
def serving(house: House, *, largest_file: int | None = None, workers: int = 1) -> Iterator[Server]:
    """Serve a house; ``largest_file`` is where its disk ends, in bytes; ``workers`` how many web processes it has."""
    port, log = free_port(), house.var / f"server-{time.monotonic_ns()}.log"
    settings = house.app.config["SETTINGS"]
    urls = {name: settings[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    known = environment(
        house.var, PUBLIC_URL=f"http://{HERE}:{port}", BIND=f"{HERE}:{port}", WEB_WORKERS=str(workers), **urls
    )

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "run:app"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=config.ROOT,
            env={**os.environ, **known},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=limit,
        )
    server = Server(house, port, process, log)
    try:
        wait_for(server)
        yield server
    finally:
        if process.poll() is None:
            server.kill()


def wait_for(server: Server) -> None:
    """Wait until it answers."""
    until = time.monotonic() + 30
    while server.send("GET", "/healthz").status != 200:
        if time.monotonic() > until or server.process.poll() is not None:
            raise AssertionError(server.log.read_text()[-3000:])
        time.sleep(0.1)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind((HERE, 0))
        return int(one.getsockname()[1])


def scan(size: int) -> bytes:
    """A PDF of one page of exactly so many bytes."""
    padding = size - 2000
    for _ in range(8):
        kept = io.BytesIO()
        with pikepdf.new() as pdf:
            pdf.add_blank_page()
            pdf.pages[0].Contents = pdf.make_stream(b" " * 10)
            pdf.Root.Padding = pdf.make_stream(os.urandom(padding))
            pdf.save(kept, compress_streams=False)
        content = kept.getvalue()
        if len(content) == size:
            return content
        padding += size - len(content)
    message = f"no PDF of {size} bytes"
    raise AssertionError(message)
