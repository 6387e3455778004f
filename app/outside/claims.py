"""Which consent form a file says it is: the codes printed on its pages, or named inside an archive copy.

Lives here: the question, asked of any file a person holds; a warm child with limits reads it (``children``; what it does
is ``claim_readings``). Nothing is kept. A claim proves nothing: whether the file is the archived one is decided by its
hash (``services/verifications``). Does not live here: what may be archived (``scans``), stacks of scans (``stacks``).
"""

from __future__ import annotations

from typing import Final

from app.outside import scans
from app.outside.children import Child
from app.outside.scans import ScanRefused

MOST_BYTES: Final = 60 * 1000 * 1000

_child: Final = Child(
    ["app.outside.claim_readings", *(f"PIL.{name}ImagePlugin" for name in ("Tiff", "Jpeg", "Mpo", "Png"))],
    memory_bytes=768 << 20,
    seconds=30,
    jobs_before_replacement=40,
)


def read(content: bytes) -> list[str]:
    """The form codes a file carries, each once, the first found first; none when it carries none.

    Args:
        content: a PDF, a JPEG, a PNG or a TIFF; of many pages the first eight are looked at.

    Raises:
        ScanRefused: ``empty``, ``too_large``, ``not_a_scan``, ``encrypted``, ``too_many_pixels``, ``damaged`` (it cannot
            be read within the limits).
        ChildFault: ``busy``; the file is not to blame.
    """
    match scans.verdict(_child, MOST_BYTES, _read, content):
        case ("codes", list(codes)):
            return [str(code) for code in codes]
    raise ScanRefused("damaged", "no verdict")


def on_pages(content: bytes) -> list[list[tuple[str, int]]]:
    """For each page of a PDF the form codes printed on it, each with the number of the form's page; mostly one or none.

    Args:
        content: one that passed ``scans.inspect``: it has twenty pages at most, and each can be drawn.

    Raises:
        ScanRefused: ``damaged``: the pages cannot be looked through within the limits.
        ChildFault: ``busy``; the file is not to blame.
    """
    return [[(str(code), int(number)) for code, number in page] for page in scans.asked(_child, _on_pages, content)]


def _read(content: bytes) -> tuple[str, list[str]] | tuple[str, str, str]:
    from app.outside import claim_readings  # noqa: PLC0415  imports the parsers, which only the child may

    return claim_readings.read(content)


def _on_pages(content: bytes) -> list[list[tuple[str, int]]]:
    from app.outside import claim_readings  # noqa: PLC0415  the same

    return claim_readings.on_pages(content)
