"""Providers of the tests: the real one (npm oidc-provider, the file that the demo starts), and a liar that signs what it is told.

Both are peers over HTTP; nothing of ours is replaced.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

import config
import run
from tests.houses import SITE, House, Visitor

CLIENT = {"EU_LOGIN_CLIENT_ID": "cpms-of-the-tests", "EU_LOGIN_CLIENT_SECRET": "a secret of two programs"}
BACK = "/login/eu/back"


def person(name: str, email: str, *, verified: bool = True, subject: str = "") -> dict[str, Any]:
    """Somebody EU Login knows."""
    claims = {"given_name": name.title(), "family_name": "Elsewhere", "email": email, "email_verified": verified}
    return {"subject": subject or f"subject-of-{name}", "note": "of a test", "claims": claims}


PEOPLE = {
    "nora": person("nora", "nora@elsewhere.example"),
    "nora moved": person("nora", "nora@moved.example", subject="subject-of-nora"),
    "nora as anna": person("nora", "anna@here.example", subject="subject-of-nora"),
    "anna": person("anna", "Anna@here.example"),
    "second anna": person("second", "anna@here.example"),
    "false anna": person("false", "anna@here.example", verified=False),
    "nobody": person("nobody", "nobody@here.example", verified=False),
    "nobody verified": person("nobody", "nobody@here.example", subject="subject-of-nobody"),
    "kelvin": person("kelvin", "\u212aelvin@here.example"),
}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Provider:
    """The real provider, running."""

    issuer: str
    settings: dict[str, str]

    def choose(self, address: str, who: str, factors: int = 2, agent: requests.Session | None = None) -> str:
        """What a person does there, from the address they were sent to. Gives the address they are sent back to."""
        agent = agent or requests.Session()
        answer = agent.get(address, allow_redirects=False, timeout=10)
        for _step in range(9):
            place = answer.headers.get("Location", "")
            if urlsplit(place).path == BACK:
                return place
            if place:
                there = place if place.startswith("http") else self.issuer + place
                answer = agent.get(there, allow_redirects=False, timeout=10)
            else:
                assert answer.status_code == 200, answer.text
                chosen = {"who": f"{list(PEOPLE).index(who)}:{factors}"}
                answer = agent.post(answer.url, data=chosen, allow_redirects=False, timeout=10)
        raise AssertionError("the provider never sent back")

    def walk(
        self, house: House, who: str, factors: int = 2, visitor: Visitor | None = None, query: str = "", **how: Any
    ) -> tuple[Visitor, Any]:
        """The whole way: a browser, and our answer to it when it is back."""
        visitor = visitor or house.visitor()
        away = visitor.get(f"/login/eu/{query}")
        assert away.status_code == 302, away.text
        return visitor, visitor.get(path(self.choose(away.location, who, factors, **how)))


def path(address: str) -> str:
    """An address of ours without the host."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


@contextlib.contextmanager
def provider(folder: Path, site: str = SITE, people: dict[str, Any] | None = None) -> Iterator[Provider]:
    """Start the real provider, with the people of the tests."""
    known = folder / f"people-{os.getpid()}.json"
    known.write_text(json.dumps(list((people or PEOPLE).values())))
    issuer = f"http://127.0.0.1:{free_port()}"
    settings = {"EU_LOGIN_ISSUER": issuer, **CLIENT}
    told = {**os.environ, **settings, "EU_LOGIN_BACK": site + BACK, "EU_LOGIN_PEOPLE": str(known)}
    command = [run.node(), str(config.ROOT / "tools" / "demo_eu_login.mjs")]
    process = subprocess.Popen(command, cwd=config.ROOT, env=told, stdout=subprocess.PIPE, text=True)
    try:
        assert "is open at" in process.stdout.readline()
        yield Provider(issuer, {**settings, "EU_LOGIN_TWO_FACTORS": "acr:urn:demo:two-factors"})
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


# --- the liar -----------------------------------------------------------------------------------------------------------


@dataclass
class Liar:
    """A provider that says what a test tells it to say."""

    issuer: str
    key: RSAKey
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """What it says at an address in place of what a provider says: status and body; status 0 closes the line."""
    sign: Any = None
    code: str = "a-code"

    def forget(self) -> None:
        """Be honest again."""
        self.metadata, self.claims, self.answers, self.sign = {}, {}, {}, None

    def said(self, address: str) -> tuple[int, bytes]:
        """Its answer at an address."""
        if address in self.answers:
            return self.answers[address]
        if address == "/.well-known/openid-configuration":
            return 200, json.dumps(self.honest() | self.metadata).encode()
        if address == "/jwks":
            return 200, json.dumps(
                {"keys": [self.key.as_dict(private=False) | {"use": "sig", "alg": "RS256"}]}
            ).encode()
        if address == "/token":
            token = {"access_token": "of no use", "token_type": "Bearer", "expires_in": 300, "id_token": self.token()}
            return 200, json.dumps(token).encode()
        return 404, b"nothing here"

    def honest(self) -> dict[str, Any]:
        """Discovery."""
        places = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        return {
            "issuer": self.issuer,
            **{name: self.issuer + place for name, place in places.items()},
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }

    def token(self) -> str:
        """An ID token, of what the test has put into ``claims``; a claim that is None is left out."""
        moment = int(time.time())
        good = {
            "iss": self.issuer,
            "sub": "subject-of-the-liar",
            "aud": CLIENT["EU_LOGIN_CLIENT_ID"],
            "exp": moment + 300,
            "iat": moment,
            "auth_time": moment,
            "acr": "two",
            "email": "liar@elsewhere.example",
            "email_verified": True,
            "given_name": "Lia",
            "family_name": "Liar",
        }
        claims = {name: value for name, value in (good | self.claims).items() if value is not None}
        if self.sign:
            return self.sign(claims)
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def by_another_key(self, claims: dict[str, Any]) -> str:
        """A signature that is not the provider's, under its key's name."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, RSAKey.generate_key(2048))

    def by_the_shared_secret(self, claims: dict[str, Any]) -> str:
        """What whoever knows the client's secret could sign."""
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT["EU_LOGIN_CLIENT_SECRET"]))

    def by_the_public_key(self, claims: dict[str, Any]) -> str:
        """The public key taken for a shared secret."""
        public = self.key.as_pem(private=False)
        return _unsigned({"alg": "HS256", "kid": self.key.kid}, claims, base64.urlsafe_b64encode(public[:32]).decode())

    def by_nobody(self, claims: dict[str, Any]) -> str:
        """No signature at all."""
        return _unsigned({"alg": "none"}, claims, "")


def _unsigned(header: dict[str, str], claims: dict[str, Any], signature: str) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join((*parts, signature.rstrip("=")))


@contextlib.contextmanager
def liar() -> Iterator[Liar]:
    """Start the liar."""

    class Asked(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = made.said(self.path)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = answer  # noqa: N815  the names are the library's

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    key = RSAKey.generate_key(2048, {"kid": "the liar's"})
    made = Liar(f"http://127.0.0.1:{server.server_port}", key)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(10)


def asked(address: str) -> dict[str, str]:
    """The words of an address a browser is sent to."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def inside(visitor: Visitor) -> bool:
    """Whether somebody is signed in in this browser."""
    return visitor.get("/password/").status_code == 200


def name_of(visitor: Visitor) -> str | None:
    """Whose browser it is."""
    found = re.search(r'data-person="(\w*)"', visitor.get("/").text)
    return found[1] if found else None
