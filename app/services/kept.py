"""What was typed into a form that met a locked screen: sealed, it waits in the page itself, for this login alone."""

from __future__ import annotations

import base64
import json
import zlib

from cryptography.fernet import Fernet, InvalidToken

from app.errors import Incomplete
from app.words import _

HOURS = 10
Fields = list[tuple[str, str]]


def seal(key: bytes, login_id: int, to: str, fields: Fields) -> str:
    """Seal what was typed.

    Args:
        key: 32 bytes, for this use alone.
        login_id: whose it is.
        to: the address it was sent to.
        fields: name and value, in their order.
    """
    plain = json.dumps([login_id, to, fields]).encode()
    return _lock(key).encrypt(zlib.compress(plain)).decode()


def open_sealed(key: bytes, login_id: int, sealed: str) -> tuple[str, Fields]:
    """Where it was sent, and what was typed.

    Raises:
        Incomplete: it is another login's, too old, or changed.
    """
    try:
        owner, to, fields = json.loads(zlib.decompress(_lock(key).decrypt(sealed.encode(), ttl=HOURS * 3600)))
    except (InvalidToken, ValueError, zlib.error) as fault:
        raise Incomplete(_("What was typed before is not there any more.")) from fault
    if owner != login_id:
        raise Incomplete(_("What was typed before is not there any more."))
    return to, [(name, value) for name, value in fields]


def _lock(key: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key))
