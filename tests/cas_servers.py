"""The CAS server of the tests (``cas_site``), running: a peer over HTTP, nothing of ours is replaced."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.houses import SITE, House, Visitor
from tests.providers import free_port, path

STRONG = {"authenticationLevel": "MEDIUM", "strengths": ["PASSWORD", "PASSWORD_SMS"]}
WEAK = {"authenticationLevel": "BASIC", "strengths": "PASSWORD"}
PEOPLE: dict[str, dict[str, Any]] = {
    "nora": {"email": "nora@elsewhere.example", "firstName": "Nora", "lastName": "Elsewhere", **STRONG},
    "weak": {"email": "weak@elsewhere.example", "firstName": "Weak", "lastName": "Elsewhere", **WEAK},
    "anna": {"email": "Anna@here.example", "firstName": "Anna", "lastName": "<b>Here</b>", **STRONG},
    "sms": {"strengths": ["PASSWORD", "PASSWORD_SMS"]},
    "silent": {},
}
SETTINGS = {"CAS_TWO_FACTORS": "authenticationLevel:MEDIUM,authenticationLevel:HIGH,strengths:PASSWORD_SMS"}


@dataclass
class CasServer:
    """The server: its address, its folder, its process."""

    address: str
    folder: Path
    process: subprocess.Popen[str]
    trusted: str | bool = True

    @property
    def settings(self) -> dict[str, str]:
        """What our settings say of it."""
        return {"CAS_URL": self.address, **SETTINGS}

    def choose(self, address: str, who: str, agent: requests.Session | None = None) -> str:
        """What a person does there, from the address they were sent to. Gives the address they are sent back to."""
        agent = agent or requests.Session()
        how: dict[str, Any] = {"timeout": 10, "allow_redirects": False, "verify": self.trusted}
        page = agent.get(address, **how)
        if page.status_code != 302:
            hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
            sent = {**hidden, "username": who, "password": who, "service": _service(address)}
            page = agent.post(page.url, data=sent, headers={"Referer": page.url}, **how)
        assert page.status_code == 302, page.text
        return page.headers["Location"]

    def walk(
        self, house: House, who: str, visitor: Visitor | None = None, query: str = "", **how: Any
    ) -> tuple[Visitor, Any]:
        """The whole way: a browser, and our answer to it when it is back."""
        visitor = visitor or house.visitor()
        away = visitor.get(f"/login/cas/{query}")
        assert away.status_code == 302, away.text
        return visitor, visitor.get(path(self.choose(away.location, who, **how)))

    def let_tickets_expire(self) -> None:
        """As if all tickets had been made an hour ago."""
        with contextlib.closing(sqlite3.connect(self.folder / "cas.sqlite")) as known:
            known.execute("UPDATE cas_server_serviceticket SET creation = datetime(creation, '-1 hour')")
            known.commit()


def _service(address: str) -> str:
    return parse_qs(urlsplit(address).query)["service"][0]


@contextlib.contextmanager
def cas_server(folder: Path, pem: Path | None = None) -> Iterator[CasServer]:
    """Start the server, with the people of the tests."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "people.json").write_text(json.dumps(PEOPLE))
    port = free_port()
    words = [str(folder), str(port), SITE, *([str(pem)] if pem else [])]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "cas_site.py"), *words], stdout=subprocess.PIPE, text=True
    )
    try:
        assert "is open" in process.stdout.readline()
        address = f"{'https' if pem else 'http'}://127.0.0.1:{port}/cas"
        yield CasServer(address, folder, process, str(pem) if pem else True)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
