"""EU Login, or any OpenID Connect provider, as plain data: where to send a browser, and who came back.

The talking is Authlib's, by the client that Flask-AppBuilder registers; what is believed is decided here. Who the person is
to us is ``services/arrivals``; which browser was sent is ``services/trips``.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from authlib.integrations.base_client import OAuthError
from joserfc.errors import JoseError

from app.outside.providers import (
    LONGEST_SUBJECT,
    TURN_SECONDS,
    Arrival,
    Crowded,
    Provider,
    Trip,
    Unreachable,
    Untrue,
    talking,
    words_of,
)

NAME = "eu_login"
SCOPE = "openid email profile"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that only the provider can make: none with the shared secret, and never none at all."""

LEEWAY = 60
"""Seconds two clocks may differ."""

CODE = re.compile(r"[\x21-\x7e]{1,512}")
"""What a code looks like; anything else is not handed on."""


class EuLogin(Provider):
    """The provider.

    Args:
        client: Authlib's, with discovery and ``code_challenge_method`` S256.
        issuer: whom alone is believed, as in the settings.
        factors: what counts as two factors: pairs of a claim (``acr``, ``amr``) and its value; of ``amr`` several
            methods joined by ``+``, all of which are needed.
    """

    def __init__(self, client: Any, issuer: str, factors: Sequence[tuple[str, str]]) -> None:
        super().__init__(issuer)
        self.client, self.factors = client, factors
        self._discovering = threading.Lock()

    def _ready(self) -> None:
        self._discovered()

    def address(self, trip: Trip, back: str) -> str:
        """Where to send a browser that is to come to ``back``: whoever sits there is asked anew, for two factors.

        Raises:
            Unreachable, Untrue: there is no such place at this moment.
            Crowded: somebody else is just asking where.
        """
        self._discovered()
        levels = " ".join(value for claim, value in self.factors if claim == "acr")
        asked = {"prompt": "login", "max_age": "0", "acr_values": levels}  # with an age, the ID token says when it was
        words = {"state": trip.state, "nonce": trip.nonce, "code_verifier": trip.verifier}
        with _talking():
            made = self.client.create_authorization_url(
                back, **words, **{name: value for name, value in asked.items() if value}
            )
        return str(made["url"])

    def arrival(self, trip: Trip, back: str, code: str, since: dt.datetime) -> Arrival:
        """Who came back to ``back`` with a code; they must have shown who they are after ``since``.

        Raises:
            Unreachable: the provider is down at this moment.
            Untrue: the code or the ID token is not what it should be.
        """
        if not CODE.fullmatch(code):
            raise Untrue("code")
        metadata = self._discovered()
        with _talking():
            token = self.client.fetch_access_token(redirect_uri=back, code=code, code_verifier=trip.verifier)
            claims = self._claims(token, trip.nonce)
            _check_fresh(claims, since)
            twice = two_factors(claims, self.factors)  # userinfo says nothing about this login
            if "email" not in claims and "userinfo_endpoint" in metadata:
                told = self.client.userinfo(token=token)
                if told.get("sub") != claims["sub"]:
                    raise Untrue("userinfo")
                claims = {**told, **claims}
        return self._arrived(claims, twice=twice)

    def leaving(self) -> str | None:
        """Where one leaves the provider itself, if it names such a place."""
        try:
            found = self._discovered().get("end_session_endpoint")
        except (Unreachable, Untrue, Crowded):
            return None
        return found if isinstance(found, str) and self._trusted(found) else None

    def _discovered(self) -> Mapping[str, Any]:
        """What the provider says of itself, asked once; while one asks, nobody waits long."""
        if not self._discovering.acquire(timeout=TURN_SECONDS):
            raise Crowded
        try:
            super()._ready()
            try:
                with _talking():
                    metadata: dict[str, Any] = self.client.load_server_metadata()
                self._check(metadata)
            except (Unreachable, Untrue):
                self.client.server_metadata.clear()
                self._fails()
                raise
            offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
            metadata["id_token_signing_alg_values_supported"] = [one for one in ALGORITHMS if one in offered]
            return metadata
        finally:
            self._discovering.release()

    def _check(self, metadata: Mapping[str, Any]) -> None:
        if metadata.get("issuer") != self.issuer:
            raise Untrue("issuer of the discovery")
        needed = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
        for name in [*needed, *({"userinfo_endpoint"} & metadata.keys())]:
            if not isinstance(metadata.get(name), str) or not self._trusted(metadata[name]):
                raise Untrue(name)

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

    def _arrived(self, claims: Mapping[str, Any], *, twice: bool) -> Arrival:
        subject, email = claims.get("sub"), claims.get("email")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise Untrue("subject")
        known = isinstance(email, str) and email.isascii()  # a letter that only looks like another one proves nothing
        return Arrival(
            issuer=self.issuer,
            subject=subject,
            email=words_of(email, 320) or None,
            email_verified=known and claims.get("email_verified") is True,
            first_name=words_of(claims.get("given_name"), 64),
            last_name=words_of(claims.get("family_name"), 64),
            two_factors=twice,
        )


def _check_fresh(claims: Mapping[str, Any], since: dt.datetime) -> None:
    """See that the person was asked anew: whoever sits at the browser can leave the asking out of the address.

    Every provider must be able to say when it was (OpenID Connect Core 1.0, 15.1).
    """
    moment = claims.get("auth_time")
    if not isinstance(moment, int | float) or moment < since.timestamp() - LEEWAY:
        raise Untrue("auth_time")


def two_factors(claims: Mapping[str, Any], factors: Sequence[tuple[str, str]]) -> bool:
    """Whether the claims say that the person proved themselves twice."""
    methods = claims.get("amr")
    used = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
    return any(
        (claim == "acr" and claims.get("acr") == value) or (claim == "amr" and set(value.split("+")) <= used)
        for claim, value in factors
    )


def _what(fault: Exception) -> str:
    """What is wrong, in a few words for the operator: the error's name, the claim's; nothing of anybody's values."""
    words = f"{getattr(fault, 'error', '') or type(fault).__name__} {getattr(fault, 'claim', '')}"
    return re.sub(r"[^\w .-]", "", words).strip()[:60]


@contextmanager
def _talking() -> Iterator[None]:
    """Turn what can go wrong between two machines, and what the library finds wrong, into one of our two words."""
    with talking():
        try:
            yield
        except (OAuthError, JoseError) as fault:
            raise Untrue(_what(fault)) from fault
