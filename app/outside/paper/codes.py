"""The two-dimensional code on every page of a form, and how a form code is written for people.

Payload, 32 characters, all of the QR alphanumeric set (fits version 2, correction M):

    CPMS1:<form code, 16>:<page, 3 digits>:<check, 5>

The form code is 16 characters of Crockford's base 32, random, made elsewhere; it says nothing about anybody.
The check is the first 25 bits of SHA-256 over everything before it, in the same alphabet: a code of another
system, or one typed wrongly, is not taken for ours. Reading the picture is not here: see ``scans``.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH: Final = 16
BLANK_CODE: Final = "0" * CODE_LENGTH
"""Stands on blank forms that belong to no record."""

_CODE = re.compile(f"[{CROCKFORD}]{{{CODE_LENGTH}}}")
_PAYLOAD = re.compile(rf"(CPMS1:([{CROCKFORD}]{{{CODE_LENGTH}}}):([0-9]{{3}})):([{CROCKFORD}]{{5}})")
_READ_AS = str.maketrans("OIL", "011", "- \u00a0")


def qr_payload(form_code: str, page: int) -> str:
    """The 32 characters on page ``page`` (from 1) of the form ``form_code`` (grouped or not).

    Raises:
        ValueError: not a form code, or a page outside 1..999.
    """
    code = plain_code(form_code)
    if not 1 <= page <= 999:
        raise ValueError(page)
    body = f"CPMS1:{code}:{page:03d}"
    return f"{body}:{_check(body)}"


def parse_qr(text: str) -> tuple[str, int] | None:
    """Form code (not grouped) and page of a payload; None for anything that is not ours."""
    match = _PAYLOAD.fullmatch(text)
    if match is None or _check(match[1]) != match[4] or match[3] == "000":
        return None
    return match[2], int(match[3])


def plain_code(text: str) -> str:
    """The 16 characters of a form code as a person may type it: any case, grouped, O for 0, I and L for 1.

    Raises:
        ValueError: not a form code.
    """
    code = text.upper().translate(_READ_AS)
    if not _CODE.fullmatch(code):
        raise ValueError("not a form code")
    return code


def grouped_code(form_code: str) -> str:
    """``ABCD-EFGH-JKMN-PQRS``, as printed."""
    code = plain_code(form_code)
    return "-".join(code[start : start + 4] for start in range(0, CODE_LENGTH, 4))


def _check(body: str) -> str:
    bits = int.from_bytes(hashlib.sha256(body.encode("ascii")).digest()[:4], "big") >> 7
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(20, -1, -5))
