"""Mail as plain data: the bytes of a mail, and handing them to a server. Who gets which words is ``services.messages``.

Flask-Mailman makes the message and speaks SMTP; what is ours is that a certificate is checked, that a name can put
nothing into a header, and that a failure says whether the server may have taken the mail all the same (``Certainty``).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime, formataddr, parseaddr
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    import datetime as dt

TEMPLATES = Path(__file__).resolve().parent.parent / "mail_templates"
SECONDS = 30.0
"""How long a server may think before it counts as gone."""
SECONDS_FOR_A_MAIL = 240.0
"""How long it may think about a mail it has been handed: scanners take their time, and whoever hangs up does not know."""
GOES = 421
"""A server's word for closing the line: it goes down, or has taken as many mails over it as it likes."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")
_NO_ADDRESS = re.compile(r"[\s<>,;\x00-\x1f]")


class Certainty(Enum):
    """What a failure means for the mail, and for those after it."""

    LATER = "not taken now, perhaps later"
    NEVER = "refused for good"
    DOWN = "the server is not there, or closed the line before it took the mail"
    UNSURE = "the line broke after the mail was handed over: it may have been taken"


class PostFault(Exception):
    """A mail was not acknowledged. ``code`` is short and holds nothing a server wrote."""

    def __init__(self, code: str, certainty: Certainty) -> None:
        super().__init__(code)
        self.code, self.certainty = code, certainty


@dataclass(frozen=True)
class Words:
    """What a mail says, in one language: plain text, nothing of it is markup."""

    subject: str
    paragraphs: Sequence[str]
    button: str
    url: str
    foot: Sequence[str]
    language: str
    mark: str = ""
    """Said above everything, as DEMO is."""


@dataclass(frozen=True)
class Envelope:
    """From whom, to whom, and the headers that go with it."""

    sender: str
    name: str
    address: str
    message_id: str
    written_at: dt.datetime
    reply_to: str = ""
    unsubscribe: str = ""
    """The page where this kind of mail is switched off; empty: it is compulsory."""


@dataclass(frozen=True)
class Server:
    """Where mails are handed in. ``tls`` is starttls, tls or none; ``host_name`` is how we greet."""

    name: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    host_name: str = "localhost"


def one_line(text: str) -> str:
    """A text that can stand in a header: no line break, no control character."""
    return _BREAKS.sub(" ", text).strip()


def as_text(words: Words) -> str:
    """The plain part of a mail."""
    parts = [words.mark, *words.paragraphs, f"{words.button}:\n{words.url}", "-- \n" + "\n".join(words.foot)]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_html(words: Words) -> str:
    """The HTML part: styles inside, one link, nothing that is fetched."""
    return _environment().get_template("mail.html").render(words=words)


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)


def message(words: Words, envelope: Envelope) -> bytes:
    """The mail as it goes over the line. The same words and envelope make the same headers at every try.

    Raises:
        PostFault: the address is none that every server takes: letters beyond ASCII, blanks.
    """
    if _NO_ADDRESS.search(envelope.address) or envelope.address.count("@") != 1 or not envelope.address.isascii():
        raise PostFault("address", Certainty.NEVER)
    # only the job that sends needs it
    from flask_mailman.message import EmailMultiAlternatives, utf8_charset_qp  # noqa: PLC0415

    headers = {
        "Message-ID": envelope.message_id,
        "Date": format_datetime(envelope.written_at),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": words.language,
    }
    if envelope.unsubscribe:
        headers["List-Unsubscribe"] = f"<{envelope.unsubscribe}>"
    made = EmailMultiAlternatives(
        subject=one_line(words.subject),
        body=as_text(words),
        from_email=envelope.sender,
        to=[formataddr((one_line(envelope.name), envelope.address))],
        reply_to=[envelope.reply_to] if envelope.reply_to else None,
        headers=headers,
        alternatives=[(as_html(words), "text/html")],
    )
    made.encoding = utf8_charset_qp  # seven bits: not every server takes eight
    content: bytes = made.message().as_bytes(linesep="\r\n")
    return content


# --- the line to the server ------------------------------------------------------------------------------------------


class _Line(smtplib.SMTP):
    """A line that knows whether a mail has been handed over and not been acknowledged."""

    unanswered = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Hand over the mail's bytes."""
        self.unanswered = True
        self._wait(SECONDS_FOR_A_MAIL)
        answer = super().data(msg)
        self._wait(SECONDS)
        self.unanswered = False
        return answer

    def _wait(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)


class _TlsLine(smtplib.SMTP_SSL, _Line):
    """The same, encrypted from the first byte."""


class Post:
    """An open line to a server, for one mail after another."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def send(self, content: bytes, sender: str, address: str) -> None:
        """Hand over one mail.

        Raises:
            PostFault: it was not acknowledged.
        """
        self._line.unanswered = False
        try:
            self._line.sendmail(parseaddr(sender)[1], [address], content)
        except smtplib.SMTPRecipientsRefused as fault:
            code = next(iter(fault.recipients.values()))[0]
            raise _answered("to", code) from fault
        except smtplib.SMTPSenderRefused as fault:
            down = Certainty.DOWN if fault.smtp_code == GOES else Certainty.LATER  # else ours to mend, whatever it says
            raise PostFault(f"from {fault.smtp_code}", down) from fault
        except smtplib.SMTPDataError as fault:
            raise _answered("data", fault.smtp_code) from fault
        except (OSError, smtplib.SMTPException) as fault:
            broken = Certainty.UNSURE if self._line.unanswered else Certainty.DOWN
            raise PostFault("line", broken) from fault


def _answered(at: str, code: int) -> PostFault:
    """What the server's own answer means: 421 says that it goes, 5xx that it will never take this mail."""
    certainty = Certainty.DOWN if code == GOES else Certainty.NEVER if code >= 500 else Certainty.LATER
    return PostFault(f"{at} {code}", certainty)


@contextmanager
def posting(server: Server) -> Iterator[Post]:
    """Open a line to the server, and close it at the end.

    Raises:
        PostFault: there is no server, no trusted encryption, or it does not let us in.
    """
    try:
        line = _open(server)
    except smtplib.SMTPAuthenticationError as fault:
        raise PostFault(f"login {fault.smtp_code}", Certainty.DOWN) from fault
    except ssl.SSLError as fault:
        raise PostFault("tls", Certainty.DOWN) from fault
    except (OSError, smtplib.SMTPException) as fault:
        raise PostFault("connect", Certainty.DOWN) from fault
    try:
        yield Post(line)
    finally:
        try:
            line.quit()
        except (OSError, smtplib.SMTPException):
            line.close()


def _open(server: Server) -> _Line:
    trusted = ssl.create_default_context()  # Flask-Mailman's own backend would take any certificate
    if server.tls == "tls":
        line: _Line = _TlsLine(
            server.name, server.port, local_hostname=server.host_name, timeout=SECONDS, context=trusted
        )
    else:
        line = _Line(server.name, server.port, local_hostname=server.host_name, timeout=SECONDS)
    try:
        if server.tls == "starttls":
            line.starttls(context=trusted)
        if server.user:
            line.login(server.user, server.password)
    except BaseException:
        line.close()
        raise
    return line
