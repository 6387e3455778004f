"""The kinds of settings: what a text may be, and the value it stands for. Each raises ``ValueError`` with what is wrong.

Which settings there are is ``config``.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import stat
from collections.abc import Callable
from email.utils import formataddr, parseaddr
from pathlib import Path
from urllib.parse import SplitResult, urlsplit


def one_of(*words: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"is neither {' nor '.join(word or 'empty' for word in words)}")
        return text

    return read


def yes_or_no(text: str) -> bool:
    """Yes or no."""
    return one_of("yes", "no")(text) == "yes"


def names(text: str) -> list[str]:
    """Names, with commas between."""
    return [name.strip() for name in text.split(",") if name.strip()]


def number(low: int, high: int) -> Callable[[str], int]:
    """A number within bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"is not a number from {low} to {high}")
        return int(text)

    return read


def loopback(host: str) -> bool:
    """Whether a host is this machine, where nobody listens on the way."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def on_the_web(parts: SplitResult) -> bool:
    """Whether something is an address of the web."""
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def url(text: str) -> str:
    """Our own address."""
    parts = urlsplit(text)
    if not on_the_web(parts) or parts.path not in {"", "/"}:
        raise ValueError("is not an address such as https://cpms.example.org")
    return text.rstrip("/")


def service(text: str) -> str:
    """The address of a service, or nothing."""
    if text and not on_the_web(urlsplit(text)):
        raise ValueError("is not the address of a service such as https://tsa.example.org/tsr")
    return text


def issuer(text: str) -> str:
    """An address whose answers nobody on the way can change, or nothing."""
    parts = urlsplit(text)
    safe = parts.scheme == "https" or loopback(parts.hostname or "")
    if text and not (on_the_web(parts) and safe and not parts.query and not parts.fragment):
        raise ValueError("is not an issuer such as https://ecas.ec.europa.eu/cas/oauth2")
    return text


def secret(text: str) -> str:
    """A secret that is not guessed."""
    if len(text) < 32 or len(set(text)) < 10:
        raise ValueError("is weak: make setup writes a good one")
    return text


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32 or len(set(key)) < 10:
        raise ValueError("is not 32 random bytes in base64: make setup writes it")
    return key


def master_keys(text: str) -> dict[str, bytes]:
    """One key alone is version 1; several are written ``2:base64,1:base64``, and the highest version is the newest."""
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        version, _colon, key = part.strip().rpartition(":")
        version = version if "," in text or ":" in text else "1"
        if not re.fullmatch("[1-9][0-9]{0,2}", version) or version in keys:
            raise ValueError("has a key without a version of its own: write several as 2:base64,1:base64")
        keys[version] = _key(key)
    if len(set(keys.values())) < len(keys):
        raise ValueError("holds one key under two versions")
    return keys


def pem(text: str) -> bytes:
    """PEM itself, or the path of a file with it."""
    if not text or text.startswith("-----BEGIN "):
        return text.encode()
    path = Path(text)
    try:
        content, mode = path.read_bytes(), path.stat().st_mode
    except OSError:
        raise ValueError("is neither PEM nor the path of a file this program can read") from None
    if b"PRIVATE KEY" in content and stat.S_IMODE(mode) & 0o077:
        raise ValueError(f"can be read by others (chmod 600 {path})")
    return content


def host(text: str) -> str:
    """The name of a server, or nothing."""
    if text and not re.fullmatch(r"[A-Za-z0-9.:_-]+|\[[0-9A-Fa-f:.]+\]", text):
        raise ValueError("is not the name of a server such as mail.example.org")
    return text


def mailbox(text: str) -> str:
    """A sender or receiver of mail, or nothing."""
    name, address = parseaddr(text)
    if text and (not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address) or any(ord(sign) < 32 for sign in text)):
        raise ValueError("is not an address such as CPMS <cpms@example.org>")
    return formataddr((name, address)) if text else ""


def pairs(example: str, *known: str) -> Callable[[str], list[tuple[str, str]]]:
    """``NAME:VALUE``, several with commas; without ``known`` any name."""

    def read(text: str) -> list[tuple[str, str]]:
        found = [one.partition(":") for one in names(text)]
        if not all(value and (name in known if known else name.isidentifier()) for name, _colon, value in found):
            raise ValueError(f"is not a list such as {example}")
        return [(name, value) for name, _colon, value in found]

    return read
