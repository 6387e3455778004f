"""The settings: kind, default, reason. They come from ``var/settings.env``; the environment overrides it.

``load()`` checks everything at once and refuses to start with the list of *all* faults. Nothing of ``app`` is needed
to read them, so every process starts here; a demo's first file is written by ``tools/first_settings.py``.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values

import setting_kinds as kinds

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


def _database(text: str) -> str:
    if not text:
        return f"sqlite:///{VAR / 'cpms.sqlite'}"
    if text.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + text.split("://", 1)[1]
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("is neither sqlite:///… nor postgresql://…")
    return text


SETTINGS: dict[str, Setting] = {
    "CPMS_MODE": Setting(
        kinds.one_of("demo", "production"),
        "production",
        "demo: invented people, login without password, DEMO on every page",
    ),
    "PUBLIC_URL": Setting(kinds.url, "http://127.0.0.1:8000", "where people open it; decides cookies and links"),
    "BIND": Setting(str, "127.0.0.1:8000", "the address the web server listens on"),
    "TRUSTED_HOSTS": Setting(kinds.names, "", "host names answered; empty: the public URL's"),
    "PROXY_HOPS": Setting(kinds.number(0, 5), "0", "how many proxies stand in front and set X-Forwarded-*"),
    "SECRET_KEY": Setting(kinds.secret, None, "signs cookies of visitors who have not signed in"),
    "MASTER_KEY": Setting(
        kinds.master_keys, None, "wraps the keys of patients and files; keep a copy apart from the backups"
    ),
    "DATABASE_URL": Setting(_database, "", "PostgreSQL in production; empty: SQLite in var/"),
    "DATABASE_OWNER_URL": Setting(_database, "", "the role that owns the tables, for migrations; empty: the same"),
    "WEB_WORKERS": Setting(kinds.number(1, 64), "2", "web processes"),
    "WEB_THREADS": Setting(kinds.number(1, 64), "16", "threads of a web process; who waits for a print occupies one"),
    "PRINTERS": Setting(kinds.number(1, 4), "1", "processes of a web process that set consent forms"),
    "LOGIN_HOURS": Setting(kinds.number(1, 24), "10", "how long a login lasts at most"),
    "IDLE_MINUTES": Setting(kinds.number(5, 240), "15", "minutes after which an idle login is locked"),
    "PASSWORD_LOGIN": Setting(kinds.yes_or_no, "yes", "no: EU Login alone opens an account, an operator's too"),
    "SECOND_FACTOR": Setting(
        kinds.one_of("", "yes", "no"),
        "",
        "whether who signs in with a password and sees patients’ data or administers needs a second factor; empty: yes, "
        "in demo mode no",
    ),
    "EU_LOGIN": Setting(
        kinds.one_of("", "demo"), "", "demo: an EU Login of invented people is started beside, for a demo"
    ),
    "EU_LOGIN_ISSUER": Setting(kinds.issuer, "", "EU Login by OpenID Connect: its issuer; empty: there is none"),
    "EU_LOGIN_CLIENT_ID": Setting(str, "", "what EU Login calls this platform"),
    "EU_LOGIN_CLIENT_SECRET": Setting(str, "", "by which EU Login knows this platform"),
    "EU_LOGIN_TWO_FACTORS": Setting(
        kinds.pairs("acr:VALUE,amr:pwd+otp", "acr", "amr"),
        "",
        "what EU Login says of a login with two factors, such as acr:VALUE,amr:pwd+otp; others are sent back",
    ),
    "CAS_URL": Setting(
        kinds.issuer, "", "EU Login by CAS: its address, as https://ecas.ec.europa.eu/cas; empty: there is none"
    ),
    "CAS_VALIDATION": Setting(
        kinds.one_of("TicketValidationService", "p3/serviceValidate"),
        "TicketValidationService",
        "where CAS_URL checks tickets: EU Login's own place, or that of the CAS protocol",
    ),
    "CAS_TWO_FACTORS": Setting(
        kinds.pairs("authenticationLevel:MEDIUM,strengths:PASSWORD_SMS"),
        "",
        "what CAS_URL says of a login with two factors, such as authenticationLevel:MEDIUM; others are sent back",
    ),
    "CAS_EMAILS_VERIFIED": Setting(
        kinds.yes_or_no,
        "no",
        "yes: CAS_URL vouches that an e-mail address is the person's, who is then found by it once",
    ),
    "DRAFT_DAYS": Setting(kinds.number(7, 365), "30", "days after printing or refusal until a draft is erased"),
    "PROOF_YEARS": Setting(
        kinds.number(1, 50),
        "10",
        "years after a consent's end for which its proof is kept: claims for damages lapse after ten in most countries",
    ),
    "ACCEPTANCE_YEARS": Setting(
        kinds.number(1, 50),
        "3",
        "years after an account's end for which it is kept who accepted the privacy policy: the limitation period",
    ),
    "REQUEST_DAYS": Setting(
        kinds.number(30, 3650), "180", "days until an idle request is closed, one that is over deleted"
    ),
    "REMIND_DAYS": Setting(kinds.number(1, 90), "14", "days after printing until Home reminds of the form"),
    "WIND_DOWN_DAYS": Setting(
        kinds.number(1, 365), "90", "days until the last day that is proposed when somebody leaves a hospital"
    ),
    "BLANK_DAYS": Setting(kinds.number(7, 730), "180", "days after printing until a blank form can no longer be bound"),
    "OPERATOR_NAME": Setting(str, "", "who runs the platform, on every consent form"),
    "OPERATOR_ADDRESS": Setting(str, "", "postal address of the operator"),
    "OPERATOR_LEGAL_ROLE": Setting(
        kinds.one_of("", "joint_controller", "processor"), "", "joint_controller or processor"
    ),
    "OPERATOR_DPO": Setting(str, "", "the operator's data-protection officer: name and contact"),
    "ARRANGEMENT_REFERENCE": Setting(str, "", "reference of the joint-controller arrangement or processing agreement"),
    "SEAL_KEY": Setting(
        kinds.pem, "", "key of the seal on archive copies: PEM or its path, no password; empty: no copies"
    ),
    "SEAL_CERTIFICATE": Setting(kinds.pem, "", "certificate of SEAL_KEY, PEM or its path; its issuers' may follow"),
    "SEAL_TSA": Setting(kinds.service, "", "time-stamp service (RFC 3161) of the seal; empty: this machine's clock"),
    "MAIL_SERVER": Setting(
        kinds.host, "", "server that takes our mail; empty: mails wait, in demo mode they are only shown"
    ),
    "MAIL_PORT": Setting(kinds.number(1, 65535), "587", "its port"),
    "MAIL_TLS": Setting(
        kinds.one_of("starttls", "tls", "none"), "starttls", "starttls, tls (from the first byte) or none"
    ),
    "MAIL_USER": Setting(str, "", "name to sign in with at the mail server; empty: without"),
    "MAIL_PASSWORD": Setting(str, "", "password of MAIL_USER"),
    "MAIL_FROM": Setting(kinds.mailbox, "", "sender of our mail, as CPMS <cpms@example.org>"),
    "MAIL_REPLY_TO": Setting(kinds.mailbox, "", "where answers to our mail go, a helpdesk; empty: to the sender"),
}

OPERATOR = ("OPERATOR_NAME", "OPERATOR_ADDRESS", "OPERATOR_LEGAL_ROLE", "OPERATOR_DPO", "ARRANGEMENT_REFERENCE")
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


def _together(values: Mapping[str, Any]) -> Iterator[str]:
    """Faults of settings that do not fit each other."""
    url = urlsplit(values["PUBLIC_URL"])
    bind_host = values["BIND"].rpartition(":")[0]
    hosts = [url.hostname or "", bind_host, *values["TRUSTED_HOSTS"]]
    ours_alone = all(kinds.loopback(host) for host in hosts)
    if url.scheme == "http" and not ours_alone:
        yield "PUBLIC_URL is http: then it, BIND and TRUSTED_HOSTS must be loopback addresses; else use https"
    if values["CPMS_MODE"] == "demo" and not (ours_alone and values["PROXY_HOPS"] == 0):
        yield (
            "CPMS_MODE is demo, which anybody can enter: PUBLIC_URL, BIND and TRUSTED_HOSTS must be loopback addresses, "
            "PROXY_HOPS 0"
        )
    if values["REMIND_DAYS"] >= values["DRAFT_DAYS"]:
        yield "REMIND_DAYS is not before DRAFT_DAYS: nobody would be reminded in time"
    if _dialect(values["DATABASE_URL"]) != _dialect(values["DATABASE_OWNER_URL"]):
        yield "DATABASE_URL and DATABASE_OWNER_URL are of different databases"
    if not values["BIND"].rpartition(":")[2].isdecimal():
        yield "BIND has no port: write it as 127.0.0.1:8000"
    yield from _eu_login_faults(values)
    yield from _mail_faults(values)
    yield from _seal_faults(values["SEAL_KEY"], values["SEAL_CERTIFICATE"])


def _eu_login_faults(values: Mapping[str, Any]) -> Iterator[str]:
    """A provider is named with all that belongs to it; and there is a way in."""
    demo, named = values["EU_LOGIN"] == "demo", bool(values["EU_LOGIN_ISSUER"])
    if demo and values["CPMS_MODE"] != "demo":
        yield "EU_LOGIN is demo, where anybody is whom they like: that is for CPMS_MODE=demo alone"
    issuer = urlsplit(values["EU_LOGIN_ISSUER"])
    if demo and named and not (kinds.loopback(issuer.hostname or "") and issuer.scheme == "http" and issuer.port):
        yield "EU_LOGIN is demo and EU_LOGIN_ISSUER not such as http://127.0.0.1:8055, where it is started"
    for name in ("EU_LOGIN_CLIENT_ID", "EU_LOGIN_CLIENT_SECRET", "EU_LOGIN_TWO_FACTORS"):
        if named and not demo and not values[name]:
            yield f"{name} is empty, but EU_LOGIN_ISSUER is not: {SETTINGS[name].reason}"
        if values[name] and not named and not demo:
            yield f"{name} is given, but EU_LOGIN_ISSUER is empty"
    if values["EU_LOGIN_TWO_FACTORS"] and "acr" not in dict(values["EU_LOGIN_TWO_FACTORS"]):
        yield "EU_LOGIN_TWO_FACTORS has no acr: EU Login could not be asked for two factors"
    if bool(values["CAS_URL"]) != bool(values["CAS_TWO_FACTORS"]):
        yield "CAS_URL and CAS_TWO_FACTORS go together: one of them is empty"
    if not values["PASSWORD_LOGIN"] and not named and not demo and not values["CAS_URL"]:
        yield "PASSWORD_LOGIN is no, EU_LOGIN_ISSUER and CAS_URL are empty: nobody could sign in"


def _mail_faults(values: Mapping[str, Any]) -> Iterator[str]:
    if values["MAIL_SERVER"] and not values["MAIL_FROM"]:
        yield "MAIL_SERVER is set and MAIL_FROM is empty: a mail needs a sender"
    if bool(values["MAIL_USER"]) != bool(values["MAIL_PASSWORD"]):
        yield "MAIL_USER and MAIL_PASSWORD go together: one of them is empty"
    if values["MAIL_SERVER"] and values["MAIL_TLS"] == "none" and not kinds.loopback(values["MAIL_SERVER"]):
        yield "MAIL_TLS is none: names, and MAIL_PASSWORD, would cross the network for everybody to read"


def _seal_faults(key: bytes, certificate: bytes) -> Iterator[str]:
    if not key and not certificate:
        return
    from app.outside import seals  # noqa: PLC0415  the program is above its settings, and few of them need it

    try:
        seals.fitting(key, certificate)
    except seals.SealFault:
        yield "SEAL_KEY and SEAL_CERTIFICATE do not belong together, or are not PEM without a password"


def _dialect(database: str) -> str:
    return database.partition(":")[0].partition("+")[0]


def _from_file(path: Path) -> tuple[dict[str, str], list[str]]:
    if not path.exists():
        return {}, []
    loose = stat.S_IMODE(path.stat().st_mode) & 0o077
    faults = [f"{path} can be read by others: chmod 600 {path}"] if loose else []
    stored = {name: value or "" for name, value in dotenv_values(path).items()}
    unknown = sorted(set(stored) - set(SETTINGS))
    return stored, faults + [f"{name} in the settings file is not a setting of this program" for name in unknown]


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """With what a demo knows by itself, and the hosts that follow from the address."""
    known: dict[str, Any] = {"TRUSTED_HOSTS": [urlsplit(values["PUBLIC_URL"]).hostname], "SECOND_FACTOR": "yes"}
    if values["CPMS_MODE"] == "demo":
        known |= {**DEMO_OPERATOR, "SECOND_FACTOR": "no"}
    if values["EU_LOGIN"] == "demo":
        known |= DEMO_EU_LOGIN
    return {**values, **{name: values[name] or text for name, text in known.items()}}


def load(environment: Mapping[str, str] | None = None, path: Path | None = None) -> Settings:
    """Read and check every setting.

    Raises:
        Faults: with all that is wrong, not the first fault alone.
    """
    given = os.environ if environment is None else environment
    stored, faults = _from_file(path or SETTINGS_FILE)
    texts = {name: given.get(name, stored.get(name, setting.default)) for name, setting in SETTINGS.items()}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        read, _default, reason = SETTINGS[name]
        if text is None:
            faults.append(f"{name} is missing: {reason} (make setup writes it)")
            continue
        try:
            values[name] = read(text)
        except ValueError as error:
            faults.append(f"{name} {error}: {reason}")
    if given.get("FLASK_DEBUG", "0") not in {"", "0"} and values.get("CPMS_MODE") == "production":
        faults.append("FLASK_DEBUG is on: it shows the program's memory to whoever causes an error")
    if len(values) == len(SETTINGS):
        if not texts["DATABASE_OWNER_URL"]:
            values["DATABASE_OWNER_URL"] = values["DATABASE_URL"]
        faults += _together(values)
    if faults:
        raise Faults(faults)
    return Settings(_filled(values) | {"VAR": Path(given.get("VAR_DIR", VAR))})
