"""Seals: what this installation signs (PAdES), and what the digital signatures in other people's PDFs say.

Lives here: one ``Seal`` with its key and certificate, the demo's self-made pair, and ``check``. Strangers' files are
read in a warm child process with limits (``children``; what it does is ``seal_readings``); our key is never in a child.
Does not live here: the settings of key and certificate (``config.py``), the user's sentences (``services/archives``).

A self-made certificate proves integrity inside the installation and nothing more. Nothing here says *qualified*: whether
an issuer is on a trusted list is not checked.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outside.children import Child, ChildFault
from app.outside.scans import SIGNED

if TYPE_CHECKING:
    from pathlib import Path

DEMO_NAME: Final = "CPMS demo seal, self-made, proves nothing outside this demo"
DEMO_FILE: Final = "demo-seal.pem"
DEMO_DAYS: Final = 3650

_child: Final = Child(["app.outside.seal_readings"], memory_bytes=768 << 20, seconds=30, jobs_before_replacement=40)


class SealFault(Exception):
    """The seal could not be made.

    ``code`` is ``unfit`` (key and certificate cannot be read or do not fit), ``over`` (the certificate is not in force),
    ``no_time`` (the time-stamp service gave none) or ``refused`` (the file cannot be sealed).
    """

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


class SignatureRefused(Exception):
    """A PDF that carries a digital signature may not be taken.

    ``code`` is ``changed`` (something was changed or added after a signature), ``broken`` (a signature does not fit what
    it signs) or ``unreadable`` (it is of a kind that cannot be checked here, or no longer safe).
    """

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Signature:
    """One digital signature that holds: what it covers is unchanged.

    ``signed_at`` is an aware moment in ISO 8601, empty when none is given; ``stamped`` says whether a time-stamp service
    vouches for it or only the signer's own clock. ``self_made``: the certificate vouches for itself.
    """

    signer: str
    issuer: str
    self_made: bool
    signed_at: str
    stamped: bool
    fingerprint: str
    """SHA-256 of the certificate, hex."""
    beside: Sequence[int] = ()
    """Pages of the file that are not of the form it is kept for, where somebody looked; with the first signature."""


def check(content: bytes) -> tuple[Signature, ...]:
    """The digital signatures of a PDF, oldest first; none for one that is not signed.

    Every signature holds and together they cover the whole file: after the last one nothing was added but what keeps it
    checkable (ETSI EN 319 142-1: certificates, revocation, document time-stamps), between two nothing but the next.

    Raises:
        SignatureRefused: see there.
        ChildFault: ``busy``; the file is not to blame.
    """
    if SIGNED not in content:
        return ()
    try:
        verdict = _child.call(_read, content)
    except ChildFault as fault:
        if fault.code == "busy":
            raise
        raise SignatureRefused("unreadable") from None
    match verdict:
        case ("signed", list(found)):
            return tuple(Signature(*facts) for facts in found)
        case ("refused", str(code)):
            raise SignatureRefused(code)
    raise SignatureRefused("unreadable")


def _read(content: bytes) -> tuple[str, Any]:
    from app.outside import seal_readings  # noqa: PLC0415  imports the parsers, which only the child may

    return seal_readings.read(content)


class Seal:
    """The installation's key and certificate, ready to sign."""

    def __init__(self, key: bytes, certificate: bytes, time_stamps: str = "") -> None:
        """Take them.

        Args:
            key: private key in PEM, without a password: P-256, P-384 or RSA.
            certificate: in PEM; the issuers' may follow.
            time_stamps: address of an RFC 3161 service; empty: the seal says the time by this machine's clock.

        Raises:
            SealFault: ``unfit``.
        """
        chain = fitting(key, certificate)
        self._key, self._certificate, self._time_stamps = key, certificate, time_stamps
        self.subject: Final = name_of(chain[0].subject)
        self.fingerprint: Final = chain[0].fingerprint(hashes.SHA256()).hex()
        self.self_made: Final = self_made(chain[0])
        self.from_at: Final = chain[0].not_valid_before_utc
        self.to_at: Final = chain[0].not_valid_after_utc

    def in_force(self, moment: dt.datetime) -> bool:
        """Whether the certificate is in force."""
        return self.from_at <= moment <= self.to_at

    def put_on(self, pdf: bytes, *, reason: str) -> bytes:
        """The PDF sealed: PAdES B-B, with a time-stamp service B-T. What was there stays byte for byte.

        Args:
            pdf: one of ours; it stays PDF/A.
            reason: stands in the seal, for readers of the file.

        Raises:
            SealFault: ``over``, ``no_time``, ``refused``.
        """
        if not self.in_force(dt.datetime.now(dt.UTC)):
            raise SealFault("over")
        from app.outside import sealing  # noqa: PLC0415  imports pyHanko, which only who seals needs

        return sealing.seal(pdf, self._key, self._certificate, self._time_stamps, reason)


def fitting(key: bytes, certificate: bytes) -> list[x509.Certificate]:
    """The certificates of a seal, its own first, when key and certificate can be read and belong together.

    Raises:
        SealFault: ``unfit``.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate)
        public = serialization.load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError) as fault:
        raise SealFault("unfit") from fault
    if public != chain[0].public_key():
        raise SealFault("unfit")
    return chain


def self_made(certificate: x509.Certificate) -> bool:
    """Whether a certificate vouches for itself."""
    with contextlib.suppress(ValueError, TypeError, InvalidSignature):
        certificate.verify_directly_issued_by(certificate)
        return True
    return False


def name_of(name: x509.Name) -> str:
    """Whom a certificate names: common name, else organisation, else all of it."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for part in name.get_attributes_for_oid(kind):
            return str(part.value)
    return name.rfc4514_string()


def demo_pair(folder: Path) -> tuple[bytes, bytes]:
    """Key and certificate of the demo, made once in ``folder``, for our eyes only."""
    path = folder / DEMO_FILE
    if not path.exists():
        partial = folder / f".{secrets.token_hex(8)}.part"
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(_self_made_pair(DEMO_NAME))
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.link(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    pair = path.read_bytes()
    start = pair.index(b"-----BEGIN CERTIFICATE")
    return pair[:start], pair[start:]


def _self_made_pair(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    owner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = dt.datetime.now(dt.UTC).replace(microsecond=0)
    uses = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
    ) | {"encipher_only": False, "decipher_only": False}
    certificate = (
        x509.CertificateBuilder()
        .subject_name(owner)
        .issuer_name(owner)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=DEMO_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, content_commitment=True, **uses), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + certificate.public_bytes(pem)
