"""EU Login, or any OpenID Connect provider, as plain data: where to send a browser, and who came back.

The talking is Authlib's, by the client that Flask-AppBuilder registers; what is believed is decided here. Who the person is
to us is ``services/arrivals``; which browser was sent is ``services/trips``.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from joserfc.errors import JoseError
from requests import RequestException

NAME = "eu_login"
SCOPE = "openid email profile"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that only the provider can make: none with the shared secret, and never none at all."""

LEEWAY = 60
"""Seconds two clocks may differ."""

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


class EuLogin:
    """The provider.

    Args:
        client: Authlib's, with discovery and ``code_challenge_method`` S256.
        issuer: whom alone is believed, as in the settings.
        factors: what counts as two factors: pairs of a claim (``acr``, ``amr``) and its value; of ``amr`` several
            methods joined by ``+``, all of which are needed.
    """

    def __init__(self, client: Any, issuer: str, factors: Sequence[tuple[str, str]]) -> None:
        self.client, self.issuer, self.factors = client, issuer, factors
        self._discovering, self._lines = threading.Lock(), threading.BoundedSemaphore(LINES)
        self._failed_at = -REST_SECONDS

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside, one is among the few who talk with the provider. When it falls silent, nobody asks for a while.

        Raises:
            Crowded: the turn did not come.
        """
        if not self._lines.acquire(timeout=TURN_SECONDS):
            raise Crowded
        try:
            yield
        except Unreachable:
            self._failed_at = time.monotonic()
            raise
        finally:
            self._lines.release()

    def address(self, trip: Trip, back: str, *, anew: bool) -> str:
        """Where to send a browser that is to come to ``back``; ``anew``: asked again, with two factors.

        Raises:
            Unreachable, Untrue: there is no such place at this moment.
        """
        self._discovered()
        asked = {"acr_values": " ".join(value for claim, value in self.factors if claim == "acr")}
        if anew:
            asked["prompt"] = "login"
        words = {"state": trip.state, "nonce": trip.nonce, "code_verifier": trip.verifier}
        with _talking():
            made = self.client.create_authorization_url(
                back, **words, **{name: value for name, value in asked.items() if value}
            )
        return str(made["url"])

    def arrival(self, trip: Trip, back: str, code: str) -> Arrival:
        """Who came back to ``back`` with a code.

        Raises:
            Unreachable: the provider is down at this moment.
            Untrue: the code or the ID token is not what it should be.
        """
        metadata = self._discovered()
        with _talking():
            token = self.client.fetch_access_token(redirect_uri=back, code=code, code_verifier=trip.verifier)
            claims = self._claims(token, trip.nonce)
            if "email" not in claims and "userinfo_endpoint" in metadata:
                told = self.client.userinfo(token=token)
                if told.get("sub") != claims["sub"]:
                    raise Untrue("userinfo")
                claims = {**told, **claims}
        return self._arrived(claims)

    def leaving(self) -> str | None:
        """Where one leaves the provider itself, if it names such a place."""
        try:
            found = self._discovered().get("end_session_endpoint")
        except (Unreachable, Untrue):
            return None
        return found if isinstance(found, str) and self._trusted(found) else None

    def _discovered(self) -> Mapping[str, Any]:
        """What the provider says of itself, asked once."""
        with self._discovering:
            if time.monotonic() - self._failed_at < REST_SECONDS:
                raise Unreachable
            try:
                with _talking():
                    metadata: dict[str, Any] = self.client.load_server_metadata()
                self._check(metadata)
            except (Unreachable, Untrue):
                self.client.server_metadata.clear()
                self._failed_at = time.monotonic()
                raise
            offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
            metadata["id_token_signing_alg_values_supported"] = [one for one in ALGORITHMS if one in offered]
            return metadata

    def _check(self, metadata: Mapping[str, Any]) -> None:
        if metadata.get("issuer") != self.issuer:
            raise Untrue("issuer of the discovery")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(metadata.get(name), str) or not self._trusted(metadata[name]):
                raise Untrue(name)

    def _trusted(self, address: str) -> bool:
        """Whether an address is as safe as the issuer's: https, or on this machine as the issuer is."""
        return address.startswith("https://") or (on_this_machine(self.issuer) and on_this_machine(address))

    def _claims(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The ID token's claims, once its signature, issuer, audience, times and nonce are right."""
        wanted = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        claims = self.client.parse_id_token(token, nonce=nonce, claims_options=wanted, leeway=LEEWAY)
        if claims is None:
            raise Untrue("no ID token")
        return dict(claims)

    def _arrived(self, claims: Mapping[str, Any]) -> Arrival:
        subject, email = claims.get("sub"), claims.get("email")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise Untrue("subject")
        known = isinstance(email, str) and email.isascii()  # a letter that only looks like another one proves nothing
        return Arrival(
            issuer=self.issuer,
            subject=subject,
            email=_words(email, 320) or None,
            email_verified=known and claims.get("email_verified") is True,
            first_name=_words(claims.get("given_name"), 64),
            last_name=_words(claims.get("family_name"), 64),
            two_factors=two_factors(claims, self.factors),
        )


def two_factors(claims: Mapping[str, Any], factors: Sequence[tuple[str, str]]) -> bool:
    """Whether the claims say that the person proved themselves twice."""
    methods = claims.get("amr")
    used = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
    return any(
        (claim == "acr" and claims.get("acr") == value) or (claim == "amr" and set(value.split("+")) <= used)
        for claim, value in factors
    )


def on_this_machine(address: str) -> bool:
    """Whether an address is one of this machine's own, where nobody listens on the way."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(said: object, longest: int) -> str:
    """A name as it is shown: without signs nobody sees, not longer than its column."""
    if not isinstance(said, str):
        return ""
    return "".join(sign for sign in said if unicodedata.category(sign)[0] != "C").strip()[:longest]


def _what(fault: Exception) -> str:
    """What is wrong, in a few words for the operator: the error's name, the claim's; nothing of anybody's values."""
    words = f"{getattr(fault, 'error', '') or type(fault).__name__} {getattr(fault, 'claim', '')}"
    return re.sub(r"[^\w .-]", "", words).strip()[:60]


@contextmanager
def _talking() -> Iterator[None]:
    """Turn what can go wrong between two machines into one of our two words."""
    try:
        yield
    except RequestException as fault:
        raise Unreachable from fault
    except (OAuthError, JoseError) as fault:
        raise Untrue(_what(fault)) from fault
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as fault:
        raise Untrue(type(fault).__name__) from fault  # JSON of another shape than a provider's
