"""A real SMTP server for tests: takes mails, refuses some, or hangs up in the middle."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = dt.timedelta(days=1)


@dataclass
class PostOffice:
    """What the server was handed, and how it answers.

    ``hang_up``: it takes a mail and closes the line unanswered. ``mute``: it takes a mail and says nothing for so many
    seconds. ``a_line``: so many mails a line. ``feared``: the receiver at whose name it closes the line.
    """

    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    greeted: list[str] = field(default_factory=list)
    lines: int = 0
    answer_to: str = ""
    answer_data: str = ""
    hang_up: bool = False
    mute: float = 0
    a_line: int = 1000
    feared: str = ""
    port: int = 0

    async def handle_EHLO(self, _server: Any, session: Session, _envelope: Envelope, hostname: str, words: Any) -> Any:  # noqa: N802  aiosmtpd asks for it so
        """A new line."""
        session.host_name = hostname
        self.lines += 1
        self.greeted.append(hostname)
        return words

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802  aiosmtpd asks for it so
        """Another mail over this line."""
        session.mails = getattr(session, "mails", 0) + 1
        if session.mails > self.a_line:
            await server.push("421 too many mails over this line")
            server.transport.close()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, _s: Session, envelope: Envelope, address: str, _o: Any) -> str:  # noqa: N802  aiosmtpd asks for it so
        """Whether the receiver is known."""
        if address == self.feared:
            server.transport.abort()
        if self.answer_to:
            return self.answer_to
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd asks for it so
        """A mail is handed over."""
        if self.answer_data:
            return self.answer_data
        content = envelope.original_content or b""
        self.raw.append(content)
        self.receivers.append(list(envelope.rcpt_tos))
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        if self.mute:
            await asyncio.sleep(self.mute)
        if self.hang_up:
            server.transport.abort()
        return "250 taken"


def certificate(folder: Path) -> Path:
    """Key and certificate of 127.0.0.1, which nobody trusts who is not told to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "post office of a test")])
    moment = dt.datetime.now(dt.UTC)
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, moment - DAY, moment + DAY)
        .add_extension(place, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "office.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def open_office(password: str = "", pem: Path | None = None, **given: Any) -> Iterator[PostOffice]:
    """A post office on a port of its own; with a password, and a certificate, nobody hands in a mail without them."""
    office = PostOffice(**given)
    rules: dict[str, Any] = {}
    if password:

        def let_in(_s: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
            right = isinstance(data, LoginPassword) and data.password.decode() == password
            return AuthResult(success=right, handled=right)

        rules = {"auth_required": True, "authenticator": let_in}
    if pem is not None:
        rules["tls_context"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        rules["tls_context"].load_cert_chain(pem)
        rules["require_starttls"] = True
    office.port = free_port()
    controller = Controller(office, hostname="127.0.0.1", port=office.port, **rules)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
