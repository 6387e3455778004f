"""The settings: kind, default, reason. They come from ``var/settings.env``; the environment overrides it.

``load()`` checks everything at once and refuses to start with the list of *all* faults.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent
VAR = Path(os.environ.get("VAR_DIR", ROOT / "var"))
SETTINGS_FILE = VAR / "settings.env"


class Faults(SystemExit):
    """The settings cannot be used. Carries every fault, a line each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("These settings stop the start:\n" + "\n".join(f"  - {fault}" for fault in faults))


class Setting(NamedTuple):
    """One setting: how to read it, what it is without a word, and why it exists."""

    read: Callable[[str], Any]
    default: str | None
    reason: str


def _mode(text: str) -> str:
    if text not in {"demo", "production"}:
        message = "is neither demo nor production"
        raise ValueError(message)
    return text


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            message = f"is not a number from {low} to {high}"
            raise ValueError(message)
        return int(text)

    return read


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        message = "is not an address such as https://cpms.example.org"
        raise ValueError(message)
    return text.rstrip("/")


def _database(text: str) -> str:
    if not text:
        return f"sqlite:///{VAR / 'cpms.sqlite'}"
    if text.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + text.split("://", 1)[1]
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        message = "is neither sqlite:///… nor postgresql://…"
        raise ValueError(message)
    return text


def _secret(text: str) -> str:
    if len(text) < 32 or len(set(text)) < 10:
        message = "is weak: make setup writes a good one"
        raise ValueError(message)
    return text


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32 or len(set(key)) < 10:
        message = "is not 32 random bytes in base64: make setup writes it"
        raise ValueError(message)
    return key


def _master_keys(text: str) -> dict[str, bytes]:
    """One key alone is version 1; several are written ``2:base64,1:base64``, and the highest version is the newest."""
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        version, _colon, key = part.strip().rpartition(":")
        version = version if "," in text or ":" in text else "1"
        if not re.fullmatch("[1-9][0-9]{0,2}", version) or version in keys:
            message = "has a key without a version of its own: write several as 2:base64,1:base64"
            raise ValueError(message)
        keys[version] = _key(key)
    if len(set(keys.values())) < len(keys):
        message = "holds one key under two versions"
        raise ValueError(message)
    return keys


def _legal_role(text: str) -> str:
    if text not in {"", "joint_controller", "processor"}:
        message = "is neither joint_controller nor processor"
        raise ValueError(message)
    return text


def _pem(text: str) -> bytes:
    """PEM itself, or the path of a file with it."""
    if not text or text.startswith("-----BEGIN "):
        return text.encode()
    path = Path(text)
    try:
        content, mode = path.read_bytes(), path.stat().st_mode
    except OSError:
        message = "is neither PEM nor the path of a file this program can read"
        raise ValueError(message) from None
    if b"PRIVATE KEY" in content and stat.S_IMODE(mode) & 0o077:
        message = f"can be read by others (chmod 600 {path})"
        raise ValueError(message)
    return content


def _service(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        message = "is not the address of a service such as https://tsa.example.org/tsr"
        raise ValueError(message)
    return text


def _tls(text: str) -> str:
    if text not in {"starttls", "tls", "none"}:
        message = "is neither starttls nor tls nor none"
        raise ValueError(message)
    return text


def _host(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9.:_-]+|\[[0-9A-Fa-f:.]+\]", text):
        message = "is not the name of a server such as mail.example.org"
        raise ValueError(message)
    return text


def _mailbox(text: str) -> str:
    name, address = parseaddr(text)
    if text and (not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address) or any(ord(sign) < 32 for sign in text)):
        message = "is not an address such as CPMS <cpms@example.org>"
        raise ValueError(message)
    return formataddr((name, address)) if text else ""


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or ""))
    if text and not (safe and parts.hostname and not parts.query and not parts.fragment):
        message = "is not an issuer such as https://ecas.ec.europa.eu/cas/oauth2"
        raise ValueError(message)
    return text


def _factors(text: str) -> list[tuple[str, str]]:
    """``acr:VALUE`` or ``amr:VALUE``, several with commas; of ``amr`` several methods joined by a plus."""
    pairs = [tuple(one.split(":", 1)) for one in _names(text)]
    if any(len(pair) != 2 or pair[0] not in {"acr", "amr"} or not pair[1] for pair in pairs):
        message = "is not a list such as acr:VALUE,amr:pwd+otp"
        raise ValueError(message)
    return [(claim, value) for claim, value in pairs]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            message = f"is neither {' nor '.join(word or 'empty' for word in words)}"
            raise ValueError(message)
        return text

    return read


def _yes_or_no(text: str) -> bool:
    return _one_of("yes", "no")(text) == "yes"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


SETTINGS: dict[str, Setting] = {
    "CPMS_MODE": Setting(_mode, "production", "demo: invented people, login without password, DEMO on every page"),
    "PUBLIC_URL": Setting(_url, "http://127.0.0.1:8000", "where people open it; decides cookies and links"),
    "BIND": Setting(str, "127.0.0.1:8000", "the address the web server listens on"),
    "TRUSTED_HOSTS": Setting(_names, "", "host names answered; empty: the public URL's"),
    "PROXY_HOPS": Setting(_number(0, 5), "0", "how many proxies stand in front and set X-Forwarded-*"),
    "SECRET_KEY": Setting(_secret, None, "signs cookies of visitors who have not signed in"),
    "MASTER_KEY": Setting(
        _master_keys, None, "wraps the keys of patients and files; keep a copy apart from the backups"
    ),
    "DATABASE_URL": Setting(_database, "", "PostgreSQL in production; empty: SQLite in var/"),
    "DATABASE_OWNER_URL": Setting(_database, "", "the role that owns the tables, for migrations; empty: the same"),
    "WEB_WORKERS": Setting(_number(1, 64), "2", "web processes"),
    "WEB_THREADS": Setting(_number(1, 64), "16", "threads of a web process; who waits for a print occupies one"),
    "PRINTERS": Setting(_number(1, 4), "1", "processes of a web process that set consent forms"),
    "LOGIN_HOURS": Setting(_number(1, 24), "10", "how long a login lasts at most"),
    "IDLE_MINUTES": Setting(_number(5, 240), "60", "how long an idle login lasts"),
    "PASSWORD_LOGIN": Setting(_yes_or_no, "yes", "no: EU Login alone opens an account, an operator's too"),
    "EU_LOGIN": Setting(_one_of("", "demo"), "", "demo: an EU Login of invented people is started beside, for a demo"),
    "EU_LOGIN_ISSUER": Setting(_issuer, "", "EU Login by OpenID Connect: its issuer; empty: there is none"),
    "EU_LOGIN_CLIENT_ID": Setting(str, "", "what EU Login calls this platform"),
    "EU_LOGIN_CLIENT_SECRET": Setting(str, "", "by which EU Login knows this platform"),
    "EU_LOGIN_TWO_FACTORS": Setting(
        _factors,
        "",
        "what EU Login says of a login with two factors, such as acr:VALUE,amr:pwd+otp; others are sent back",
    ),
    "DRAFT_DAYS": Setting(_number(7, 365), "30", "days after printing or refusal until a draft is erased"),
    "PROOF_YEARS": Setting(
        _number(1, 50),
        "10",
        "years after a consent's end for which its proof is kept: claims for damages lapse after ten in most countries",
    ),
    "ACCEPTANCE_YEARS": Setting(
        _number(1, 50),
        "3",
        "years after an account's end for which it is kept who accepted the privacy policy: the limitation period",
    ),
    "REMIND_DAYS": Setting(_number(1, 90), "14", "days after printing until Home reminds of the form"),
    "BLANK_DAYS": Setting(_number(7, 730), "180", "days after printing until a blank form can no longer be bound"),
    "OPERATOR_NAME": Setting(str, "", "who runs the platform, on every consent form"),
    "OPERATOR_ADDRESS": Setting(str, "", "postal address of the operator"),
    "OPERATOR_LEGAL_ROLE": Setting(_legal_role, "", "joint_controller or processor"),
    "OPERATOR_DPO": Setting(str, "", "the operator's data-protection officer: name and contact"),
    "ARRANGEMENT_REFERENCE": Setting(str, "", "reference of the joint-controller arrangement or processing agreement"),
    "SEAL_KEY": Setting(_pem, "", "key of the seal on archive copies: PEM or its path, no password; empty: no copies"),
    "SEAL_CERTIFICATE": Setting(_pem, "", "certificate of SEAL_KEY, PEM or its path; its issuers' may follow"),
    "SEAL_TSA": Setting(_service, "", "time-stamp service (RFC 3161) of the seal; empty: this machine's clock"),
    "MAIL_SERVER": Setting(
        _host, "", "server that takes our mail; empty: mails wait, in demo mode they are only shown"
    ),
    "MAIL_PORT": Setting(_number(1, 65535), "587", "its port"),
    "MAIL_TLS": Setting(_tls, "starttls", "starttls, tls (from the first byte) or none"),
    "MAIL_USER": Setting(str, "", "name to sign in with at the mail server; empty: without"),
    "MAIL_PASSWORD": Setting(str, "", "password of MAIL_USER"),
    "MAIL_FROM": Setting(_mailbox, "", "sender of our mail, as CPMS <cpms@example.org>"),
    "MAIL_REPLY_TO": Setting(_mailbox, "", "where answers to our mail go, a helpdesk; empty: to the sender"),
}

OPERATOR = (
    "OPERATOR_NAME",
    "OPERATOR_ADDRESS",
    "OPERATOR_LEGAL_ROLE",
    "OPERATOR_DPO",
    "ARRANGEMENT_REFERENCE",
)
"""Outside demo mode no form prints while one of these is empty."""

DEMO_OPERATOR = {
    "OPERATOR_NAME": "Demo operator (invented)",
    "OPERATOR_ADDRESS": "1 Example Street, 1000 Exampletown",
    "OPERATOR_LEGAL_ROLE": "joint_controller",
    "OPERATOR_DPO": "Data-protection officer of the demo operator, dpo@operator.example",
    "ARRANGEMENT_REFERENCE": "DEMO-0000",
}


DEMO_EU_LOGIN = {
    "EU_LOGIN_ISSUER": "http://127.0.0.1:8055",
    "EU_LOGIN_CLIENT_ID": "cpms-demo",
    "EU_LOGIN_CLIENT_SECRET": "known to everybody, for invented people alone",
    "EU_LOGIN_TWO_FACTORS": [("acr", "urn:demo:two-factors")],
}
"""The provider that ``EU_LOGIN=demo`` starts: ``tools/demo_eu_login.mjs``."""


@dataclass(frozen=True)
class Settings:
    """The checked settings, by name."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def key(self, use: str) -> bytes:
        """32 bytes made from SECRET_KEY for one use alone: whoever learns one of them knows none of the others."""
        return hmac.digest(self.values["SECRET_KEY"].encode(), f"cpms 1 {use}".encode(), "sha256")

    @property
    def demo(self) -> bool:
        """Whether this installation shows invented people."""
        return bool(self.values["CPMS_MODE"] == "demo")

    @property
    def plain_http(self) -> bool:
        """Whether the public URL is http on a loopback address, the only place cookies may be plain."""
        return bool(urlsplit(self.values["PUBLIC_URL"]).scheme == "http")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _together(values: Mapping[str, Any]) -> list[str]:
    """Faults of settings that do not fit each other."""
    faults = []
    url = urlsplit(values["PUBLIC_URL"])
    bind_host = values["BIND"].rpartition(":")[0]
    hosts = [url.hostname or "", bind_host, *values["TRUSTED_HOSTS"]]
    ours_alone = all(_loopback(host) for host in hosts)
    if url.scheme == "http" and not ours_alone:
        faults.append("PUBLIC_URL is http: then it, BIND and TRUSTED_HOSTS must be loopback addresses; else use https")
    if values["CPMS_MODE"] == "demo" and not (ours_alone and values["PROXY_HOPS"] == 0):
        faults.append(
            "CPMS_MODE is demo, which anybody can enter: PUBLIC_URL, BIND and TRUSTED_HOSTS must be loopback addresses, "
            "PROXY_HOPS 0"
        )
    if values["REMIND_DAYS"] >= values["DRAFT_DAYS"]:
        faults.append("REMIND_DAYS is not before DRAFT_DAYS: nobody would be reminded in time")
    if _dialect(values["DATABASE_URL"]) != _dialect(values["DATABASE_OWNER_URL"]):
        faults.append("DATABASE_URL and DATABASE_OWNER_URL are of different databases")
    if not values["BIND"].rpartition(":")[2].isdecimal():
        faults.append("BIND has no port: write it as 127.0.0.1:8000")
    return (
        faults
        + _eu_login_faults(values)
        + _mail_faults(values)
        + _seal_faults(values["SEAL_KEY"], values["SEAL_CERTIFICATE"])
    )


def _eu_login_faults(values: Mapping[str, Any]) -> list[str]:
    """A provider is named with all that belongs to it; and there is a way in."""
    faults = []
    demo, named = values["EU_LOGIN"] == "demo", bool(values["EU_LOGIN_ISSUER"])
    if demo and values["CPMS_MODE"] != "demo":
        faults.append("EU_LOGIN is demo, where anybody is whom they like: that is for CPMS_MODE=demo alone")
    if demo and named and not _loopback(urlsplit(values["EU_LOGIN_ISSUER"]).hostname or ""):
        faults.append("EU_LOGIN is demo and EU_LOGIN_ISSUER another machine's: the demo's is a loopback address")
    for name in ("EU_LOGIN_CLIENT_ID", "EU_LOGIN_CLIENT_SECRET", "EU_LOGIN_TWO_FACTORS"):
        if named and not demo and not values[name]:
            faults.append(f"{name} is empty, but EU_LOGIN_ISSUER is not: {SETTINGS[name].reason}")
        if values[name] and not named and not demo:
            faults.append(f"{name} is given, but EU_LOGIN_ISSUER is empty")
    if not values["PASSWORD_LOGIN"] and not named and not demo:
        faults.append("PASSWORD_LOGIN is no and EU_LOGIN_ISSUER empty: nobody could sign in")
    return faults


def _mail_faults(values: Mapping[str, Any]) -> list[str]:
    faults = []
    if values["MAIL_SERVER"] and not values["MAIL_FROM"]:
        faults.append("MAIL_SERVER is set and MAIL_FROM is empty: a mail needs a sender")
    if bool(values["MAIL_USER"]) != bool(values["MAIL_PASSWORD"]):
        faults.append("MAIL_USER and MAIL_PASSWORD go together: one of them is empty")
    if values["MAIL_USER"] and values["MAIL_TLS"] == "none" and not _loopback(values["MAIL_SERVER"]):
        faults.append("MAIL_TLS is none: MAIL_PASSWORD would cross the network for everybody to read")
    return faults


def _seal_faults(key: bytes, certificate: bytes) -> list[str]:
    if not key and not certificate:
        return []
    from app.outside import seals  # noqa: PLC0415  the program is above its settings, and few of them need it

    try:
        seals.fitting(key, certificate)
    except seals.SealFault:
        return ["SEAL_KEY and SEAL_CERTIFICATE do not belong together, or are not PEM without a password"]
    return []


def _dialect(database: str) -> str:
    return database.partition(":")[0].partition("+")[0]


def _from_file(path: Path) -> tuple[dict[str, str], list[str]]:
    if not path.exists():
        return {}, []
    loose = stat.S_IMODE(path.stat().st_mode) & 0o077
    faults = [f"{path} can be read by others: chmod 600 {path}"] if loose else []
    return {key: value or "" for key, value in dotenv_values(path).items()}, faults


def load(environment: Mapping[str, str] | None = None, path: Path | None = None) -> Settings:
    """Read and check every setting.

    Raises:
        Faults: with all that is wrong, not the first fault alone.
    """
    given = os.environ if environment is None else environment
    stored, faults = _from_file(path or SETTINGS_FILE)
    unknown = sorted(set(stored) - set(SETTINGS))
    faults += [f"{name} in the settings file is not a setting of this program" for name in unknown]
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        text = given.get(name, stored.get(name, setting.default))
        if text is None:
            faults.append(f"{name} is missing: {setting.reason} (make setup writes it)")
            continue
        try:
            values[name] = setting.read(text)
        except ValueError as error:
            faults.append(f"{name} {error}: {setting.reason}")
    if not given.get("DATABASE_OWNER_URL", stored.get("DATABASE_OWNER_URL")) and "DATABASE_URL" in values:
        values["DATABASE_OWNER_URL"] = values["DATABASE_URL"]
    if given.get("FLASK_DEBUG", "0") not in {"", "0"} and values.get("CPMS_MODE") == "production":
        faults.append("FLASK_DEBUG is on: it shows the program's memory to whoever causes an error")
    if len(values) == len(SETTINGS):
        faults += _together(values)
    if faults:
        raise Faults(faults)
    if values["CPMS_MODE"] == "demo":
        values |= {name: values[name] or text for name, text in DEMO_OPERATOR.items()}
    if values["EU_LOGIN"] == "demo":
        values |= {name: values[name] or known for name, known in DEMO_EU_LOGIN.items()}
    values["TRUSTED_HOSTS"] = values["TRUSTED_HOSTS"] or [urlsplit(values["PUBLIC_URL"]).hostname]
    values["VAR"] = Path(given.get("VAR_DIR", VAR))
    return Settings(values)


def set_up(path: Path | None = None, mode: str = "demo") -> bool:
    """Write the settings file once, mode 0600: secret, master key, hosts. True when it was written."""
    target = path or SETTINGS_FILE
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        "# Written once by `make setup`. The environment overrides it. Keep MASTER_KEY apart from the backups.",
        f"CPMS_MODE={mode}",
        f"SECRET_KEY={secrets.token_urlsafe(48)}",
        f"MASTER_KEY={base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PUBLIC_URL=http://127.0.0.1:8000",
        "TRUSTED_HOSTS=127.0.0.1,localhost",
    ]
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("\n".join(lines) + "\n")
    return True
