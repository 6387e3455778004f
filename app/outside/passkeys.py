"""Passkeys (WebAuthn): what a browser is asked, and what of its answer is believed. Whose passkey it is, is ``services``.

Who uses one is verified by it (a finger, a face, a PIN), so a passkey counts as two factors.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

NAME = "CPMS"
LONGEST_ANSWER = 20_000


class Untrue(Exception):
    """An answer of a browser is not believed."""


class Site(NamedTuple):
    """Where a passkey is for: it answers at this address alone."""

    origin: str

    @property
    def name(self) -> str:
        """The host, by which browsers find their passkeys."""
        return urlsplit(self.origin).hostname or ""

    @property
    def takes_passkeys(self) -> bool:
        """Whether browsers make passkeys here: not for a host that is a number."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return True
        return False


class Key(NamedTuple):
    """A passkey as it is kept."""

    credential: bytes
    public_key: bytes
    counter: int


def to_add(site: Site, question: bytes, handle: bytes, user: str, known: list[bytes]) -> dict[str, Any]:
    """What a browser is asked to make a passkey.

    Args:
        site: where.
        question: random bytes, used once.
        handle: of the account; random, says nothing about the person.
        user: what the account is called in the browser's list.
        known: passkeys the account has, which are not made a second time.
    """
    options = generate_registration_options(
        rp_id=site.name,
        rp_name=NAME,
        user_name=user,
        user_id=handle,
        challenge=question,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return _plain(options_to_json(options))


def to_prove(site: Site, question: bytes, known: list[bytes]) -> dict[str, Any]:
    """What a browser is asked to sign; without known passkeys it offers every one it has for this place."""
    options = generate_authentication_options(
        rp_id=site.name,
        challenge=question,
        user_verification=UserVerificationRequirement.REQUIRED,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known] or None,
    )
    return _plain(options_to_json(options))


def _plain(options: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(options)
    return told


def read(answer: str) -> tuple[dict[str, Any], bytes, bytes]:
    """An answer, the name of its passkey and the question it answers; nothing of it is believed yet.

    Raises:
        Untrue: it is no such answer.
    """
    if len(answer) > LONGEST_ANSWER:
        raise Untrue
    try:
        told = json.loads(answer)
        said = json.loads(base64url_to_bytes(told["response"]["clientDataJSON"]))
        return told, base64url_to_bytes(told["id"]), base64url_to_bytes(said["challenge"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise Untrue from fault


def added(site: Site, answer: dict[str, Any], question: bytes) -> Key:
    """The passkey a browser has made.

    Raises:
        Untrue: it is for another place or question, or nobody verified who used it.
    """
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=question,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise Untrue from fault
    return Key(made.credential_id, made.credential_public_key, made.sign_count)


def proved(site: Site, answer: dict[str, Any], question: bytes, key: Key) -> int:
    """What the passkey has counted, when it signed the question and verified who used it.

    Raises:
        Untrue: it did not, or its count went back, as that of a copy would.
    """
    try:
        shown = verify_authentication_response(
            credential=answer,
            expected_challenge=question,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.counter,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise Untrue from fault
    return int(shown.new_sign_count)
