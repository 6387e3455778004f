"""The locks: data keys wrapped by a master key, sealing of small values, blind indexes.

Lives here: cryptography and nothing else. Does not live here: where the master key comes from
(``config.py``), which row keeps a wrapped key (``app/tables``), whole files (``storage``, which asks here
for its keys).

An *envelope*: each patient, and each proof of consent, has a data key of 32 random bytes. The row keeps it
only *wrapped* (encrypted by the master key). Destroying the wrapped key destroys everything sealed with it,
in every copy and backup that does not hold the wrapped key itself.

Bytes on disk, all authenticated by AES-256-GCM with random 96-bit nonces:
    wrapped key  "W1" | length, key id | length, purpose | nonce 12 | encrypted data key 32 + 16
    sealed value "S1" | nonce 12 | ciphertext + 16
A wrapped key opens for the purpose it was made for alone; a sealed value opens in its place (table, column, row) alone.
No key is used for two things: each use has its own key, derived with HKDF-SHA256 (RFC 5869).

This is the first released form of these bytes: there is no older data, so nothing is migrated. Whoever changes it counts
the marks up ("W2", "S2") and reads the old ones too.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
WRAPPED: Final = b"W1"
SEALED: Final = b"S1"
LABEL_BYTES: Final = 255


class VaultFault(Exception):
    """Something in the locks does not fit; never says which bytes.

    ``code`` is ``damaged`` (changed, cut, wrong key, made for another purpose or sealed in another place),
    ``unknown_key`` (wrapped by a master key that is not here), ``bad_master_key`` (not 32 bytes, bad or
    unknown key id) or ``nothing_to_index`` (a name or number of which nothing is left).
    """

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


class Place(NamedTuple):
    """Where a sealed value belongs: table, column, and the public id of the row."""

    table: str
    column: str
    row: str

    @property
    def aad(self) -> bytes:
        """As associated data: each part with its length, so that no two places look alike."""
        return b"".join(len(part).to_bytes(2, "big") + part for part in (name.encode() for name in self))


class _Wrapped(NamedTuple):
    """A wrapped key, taken apart but not yet believed."""

    key_id: str
    purpose: bytes
    header: bytes
    nonce: bytes
    ciphertext: bytes


class Vault:
    """Holds the master keys and uses them; gives none away."""

    def __init__(self, master_keys: Mapping[str, bytes], current: str) -> None:
        """Take the master keys.

        Args:
            master_keys: 32 bytes each, by a short ASCII key id; old ones stay here until all is rewrapped.
            current: id of the one that wraps new keys and makes blind indexes. After a change of the current
                key rewrap every wrapped key and compute every blind index anew.

        Raises:
            VaultFault: ``bad_master_key``.
        """
        for key_id, key in master_keys.items():
            if len(key) != KEY_BYTES or not key_id.isascii() or not 0 < len(key_id) <= LABEL_BYTES:
                raise VaultFault("bad_master_key")
        if current not in master_keys:
            raise VaultFault("bad_master_key")
        self.current: Final = current
        self._wrappers = {key_id: AESGCM(_derive(key, b"wrap")) for key_id, key in master_keys.items()}
        self._index_root = _derive(master_keys[current], b"blind index")

    def __reduce__(self) -> NoReturn:
        """Never travels: not to a child process, not into a cache."""
        raise TypeError("a vault is not pickled")

    def new_key(self, purpose: bytes) -> bytes:
        """Wrap a new random data key; ``purpose`` (at most 255 bytes, not secret) says whose key it is."""
        return self._wrap(os.urandom(KEY_BYTES), purpose)

    def check(self, wrapped: bytes, purpose: bytes) -> None:
        """Nothing, when the wrapped key is whole and was made for this purpose.

        Raises:
            VaultFault: ``damaged`` or ``unknown_key``.
        """
        self._unwrap(wrapped, purpose)

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same data key wrapped by the current master key; what it has sealed opens as before."""
        purpose = _take_apart(wrapped).purpose
        data_key = self._unwrap(wrapped, purpose)
        anew = self._wrap(data_key, purpose)
        if self._unwrap(anew, purpose) != data_key:  # the old one is about to be overwritten
            raise VaultFault("damaged")
        return anew

    @staticmethod
    def wrapped_by(wrapped: bytes) -> str:
        """Id of the master key that wrapped this one; it need not be here.

        Raises:
            VaultFault: ``damaged``, as far as that shows without the key.
        """
        return _take_apart(wrapped).key_id

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the current master key wrapped this one; a rewrap changes nothing then."""
        return _take_apart(wrapped).key_id == self.current

    def seal(self, wrapped: bytes, purpose: bytes, plaintext: bytes, place: Place) -> bytes:
        """Encrypt a small value with a key made for ``purpose``; it opens in its place alone."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = AESGCM(_derive(self._unwrap(wrapped, purpose), b"seal"))
        return SEALED + nonce + cipher.encrypt(nonce, plaintext, SEALED + place.aad)

    def open(self, wrapped: bytes, purpose: bytes, sealed: bytes, place: Place) -> bytes:
        """The value as it was sealed.

        Raises:
            VaultFault: ``damaged`` or ``unknown_key``; nothing of the value is given then.
        """
        cipher = AESGCM(_derive(self._unwrap(wrapped, purpose), b"seal"))
        start = len(SEALED) + NONCE_BYTES
        if sealed[: len(SEALED)] != SEALED or len(sealed) < start + TAG_BYTES:
            raise VaultFault("damaged")
        return _decrypt(cipher, sealed[len(SEALED) : start], sealed[start:], SEALED + place.aad)

    def file_cipher(self, wrapped: bytes, purpose: bytes, salt: bytes) -> AESGCM:
        """The cipher of one file, for ``storage``: its key is for this salt only, so nonces may count."""
        return AESGCM(_derive(self._unwrap(wrapped, purpose), b"file", salt))

    def blind_identity(self, scope: bytes, family_name: str, birth_date: dt.date) -> bytes:
        """32 bytes, equal for equal persons of one hospital (``scope``, its public id) and useless elsewhere.

        Case, accents, spaces, hyphens and apostrophes of the name do not matter.

        Raises:
            VaultFault: ``nothing_to_index`` when the name has no letter or the scope is empty.
        """
        return self._blind(scope, "identity", _plain_name(family_name), birth_date.isoformat())

    def blind_file_number(self, scope: bytes, number: str) -> bytes:
        """32 bytes, equal for equal file numbers of one hospital; case, spaces, kind of dash do not matter.

        Raises:
            VaultFault: ``nothing_to_index``.
        """
        return self._blind(scope, "file number", _plain_number(number))

    def blind_reference(self, scope: bytes, reference: str) -> bytes:
        """32 bytes, equal for equal references of another system within one hospital; compared as file numbers are.

        Raises:
            VaultFault: ``nothing_to_index``.
        """
        return self._blind(scope, "reference", _plain_number(reference))

    # There is no blind index over a name alone, on purpose: with few surnames it would give the name away.
    def _blind(self, scope: bytes, kind: str, *parts: str) -> bytes:
        if not scope or not all(parts):
            raise VaultFault("nothing_to_index")
        message = b"".join(len(part).to_bytes(4, "big") + part for part in map(str.encode, (kind, *parts)))
        return hmac.digest(_derive(self._index_root, scope), message, "sha256")

    def _wrap(self, data_key: bytes, purpose: bytes) -> bytes:
        header = WRAPPED + _label(self.current.encode()) + _label(purpose)
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + self._wrappers[self.current].encrypt(nonce, data_key, header)

    def _unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        parts = _take_apart(wrapped)
        if parts.purpose != purpose:
            raise VaultFault("damaged")
        if parts.key_id not in self._wrappers:
            raise VaultFault("unknown_key")
        return _decrypt(self._wrappers[parts.key_id], parts.nonce, parts.ciphertext, parts.header)


def _label(text: bytes) -> bytes:
    if len(text) > LABEL_BYTES:
        raise ValueError("a purpose has at most 255 bytes")
    return bytes([len(text)]) + text


def _take_apart(wrapped: bytes) -> _Wrapped:
    """Split by the lengths inside; a wrong length ends as ``damaged`` here or at the tag."""
    try:
        purpose_at = 3 + wrapped[2]
        nonce_at = purpose_at + 1 + wrapped[purpose_at]
        key_id = wrapped[3:purpose_at].decode("ascii")
    except (IndexError, UnicodeDecodeError):
        raise VaultFault("damaged") from None
    ciphertext_at = nonce_at + NONCE_BYTES
    if wrapped[:2] != WRAPPED or len(wrapped) != ciphertext_at + KEY_BYTES + TAG_BYTES:
        raise VaultFault("damaged")
    return _Wrapped(
        key_id=key_id,
        purpose=wrapped[purpose_at + 1 : nonce_at],
        header=wrapped[:nonce_at],
        nonce=wrapped[nonce_at:ciphertext_at],
        ciphertext=wrapped[ciphertext_at:],
    )


def _decrypt(cipher: AESGCM, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise VaultFault("damaged") from None


def _derive(key: bytes, use: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, b"cpms 1 " + use).derive(key)


def _plain_name(name: str) -> str:
    """Letters and digits without case and accents; hyphens count as spaces, other signs as nothing."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    spaced = "".join(" " if unicodedata.category(sign) == "Pd" else sign for sign in folded)
    return " ".join("".join(sign for sign in spaced if sign.isalnum() or sign.isspace()).split())


def _plain_number(number: str) -> str:
    folded = unicodedata.normalize("NFKC", number).casefold()
    dashed = ("-" if unicodedata.category(sign) == "Pd" else sign for sign in folded)
    plain = "".join(sign for sign in dashed if not sign.isspace() and unicodedata.category(sign) != "Cf")
    return plain if any(sign.isalnum() for sign in plain) else ""
