"""Photos of people: any picture becomes a small square of its own, with nothing else in it that was in the file.

Lives here: the question and its limits; a warm child answers it (``children``; what it does is ``photo_readings``). Does not
live here: scans, which are kept as they came (``scans``); whose photo it is (``services/photos``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from app.outside import scans
from app.outside.children import Child
from app.outside.scans import ScanRefused

MAX_BYTES: Final = 20 * 1000 * 1000
EDGE: Final = 512
"""Dots along each side, and no more than the picture has."""
SMALL_EDGE: Final = 96
"""The same for lists; a picture has as many at least."""

_child: Final = Child(
    ["app.outside.photo_readings", *(f"PIL.{name}ImagePlugin" for name in ("Jpeg", "Mpo", "Png", "WebP"))],
    memory_bytes=1536 << 20,
    seconds=20,
    jobs_before_replacement=50,
    patience_seconds=30,
)


class Drawn(NamedTuple):
    """The photo, and the small one for lists: square JPEGs, upright, without anything but their dots."""

    large: bytes
    small: bytes


def draw(content: bytes) -> Drawn:
    """Cut the middle of a picture out as a square, turned as the camera noted, and draw it anew.

    Args:
        content: a JPEG, a PNG or a WebP; of one that moves the first picture counts.

    Raises:
        ScanRefused: ``empty``, ``too_large`` (over 20 MB), ``not_a_scan`` (none of the three, or a second type as well),
            ``too_many_pixels``, ``too_small``, ``damaged`` (cut, broken, or beyond the child's limits).
        ChildFault: ``busy``; the file is not to blame.
    """
    match scans.verdict(_child, MAX_BYTES, _draw, content):
        case ("photo", bytes(large), bytes(small)):
            return Drawn(large, small)
    raise ScanRefused("damaged", "no verdict")


def _draw(content: bytes) -> tuple[str, bytes, bytes] | tuple[str, str, str]:
    from app.outside import photo_readings  # noqa: PLC0415  imports the parsers, which only the child may

    return photo_readings.draw(content)
