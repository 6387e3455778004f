"""Those elsewhere who vouch for people, as plain data: who comes back from them, and what can go wrong on the way.

``eu_login`` speaks OpenID Connect, ``cas`` the CAS protocol. Who the person is to us is ``services/arrivals``.
"""

from __future__ import annotations

import ipaddress
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from requests import ConnectionError as NoConnection
from requests import HTTPError, RequestException, Timeout

ANSWER_SECONDS = 5.0
REST_SECONDS = 5.0
"""How long nobody asks again after discovery has failed: a provider that is down must not hold our threads."""

LINES, TURN_SECONDS = 6, 0.4
"""How many talk with the provider at a time, and how long one waits for a turn: each holds a thread of the web server."""

LONGEST_SUBJECT = 255


class Unreachable(Exception):
    """The provider does not answer, or not with what a provider says."""


class Crowded(Exception):
    """Many are being asked about at this moment; nothing has happened yet."""


class Untrue(Exception):
    """What came back does not prove who the person is. ``str(error)`` is a word for the operator."""


@dataclass(frozen=True)
class Arrival:
    """Who came back, proved: the issuer's name for the person, and what the issuer says about them."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    first_name: str
    last_name: str
    two_factors: bool


@dataclass(frozen=True)
class Trip:
    """What one way there and back is bound by: each is random, and known to us and the provider alone."""

    state: str
    nonce: str
    verifier: str


class Provider:
    """One who vouches for people: asked by few at a time, and by nobody for a while after having fallen silent.

    Args:
        issuer: whom alone is believed; accounts are bound under this name.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._lines, self._failed_at = threading.BoundedSemaphore(LINES), -REST_SECONDS

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside, one is among the few who talk with the provider. When it falls silent, nobody asks for a while.

        Only silence counts: what it answers badly may be due to what one visitor sent.

        Raises:
            Crowded: the turn did not come.
            Unreachable, Untrue: the provider is not there at this moment.
        """
        if not self._lines.acquire(timeout=TURN_SECONDS):
            raise Crowded
        try:
            self._ready()
            yield
        except Unreachable as fault:
            if isinstance(fault.__cause__, NoConnection | Timeout):
                self._fails()
            raise
        finally:
            self._lines.release()

    def address(self, trip: Trip, back: str) -> str:
        """Where to send a browser that is to come to ``back``: whoever sits there is asked anew, for two factors.

        Raises:
            Unreachable, Untrue: there is no such place at this moment.
            Crowded: somebody else is just asking where.
        """
        raise NotImplementedError

    def leaving(self) -> str | None:
        """Where one leaves the provider itself, if it names such a place."""
        raise NotImplementedError

    def _ready(self) -> None:
        """See that the provider can be asked.

        Raises:
            Unreachable: it fell silent a moment ago.
        """
        if time.monotonic() - self._failed_at < REST_SECONDS:
            raise Unreachable

    def _fails(self) -> None:
        self._failed_at = time.monotonic()

    def _trusted(self, address: str) -> bool:
        """Whether an address is as safe as the issuer's: https, or on this machine as the issuer is."""
        return address.startswith("https://") or (on_this_machine(self.issuer) and on_this_machine(address))


def on_this_machine(address: str) -> bool:
    """Whether an address is one of this machine's own, where nobody listens on the way."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def words_of(said: object, longest: int) -> str:
    """A name as it is shown: without signs nobody sees, not longer than its column."""
    if not isinstance(said, str):
        return ""
    return "".join(sign for sign in said if unicodedata.category(sign)[0] != "C").strip()[:longest]


@contextmanager
def talking() -> Iterator[None]:
    """Turn what can go wrong between two machines into one of our two words."""
    try:
        yield
    except HTTPError as fault:
        status = 0 if fault.response is None else fault.response.status_code
        if status < 500:
            raise Untrue(f"HTTP {status}") from fault
        raise Unreachable from fault
    except RequestException as fault:
        raise Unreachable from fault
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as fault:
        raise Untrue(type(fault).__name__) from fault  # an answer of another shape than a provider's
