"""What the warm child does with somebody's photo: read it to its end, cut the middle out, draw it anew.

Runs in the child only (``photos`` is how others see it). How a picture is read safely is ``scan_readings``.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageOps

from app.outside.photos import EDGE, SMALL_EDGE
from app.outside.scan_readings import FIRST_BYTES, decoded, is_something_else, plain
from app.outside.scans import ScanRefused

QUALITY: Final = 85
SCALED: Final = frozenset({"L", "RGB", "RGBA", "CMYK"})
"""Kinds of dots that are scaled as they are; of the others new ones are made first."""


def draw(data: bytes) -> tuple[str, bytes, bytes] | tuple[str, str, str]:
    """The photo and the small one, or the code and detail of a refusal."""
    try:
        with decoded(data, _kind_of(data)) as picture:
            square = _square(picture)
    except ScanRefused as refused:
        return ("refused", refused.code, refused.detail)
    small = square.resize((SMALL_EDGE, SMALL_EDGE), Image.Resampling.LANCZOS)
    return ("photo", _jpeg(square), _jpeg(small))


def _kind_of(data: bytes) -> str:
    """The type by first bytes, when it is not a second type as well."""
    webp = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    kind = "webp" if webp else next((one for one in ("jpeg", "png") if data.startswith(FIRST_BYTES[one])), None)
    if kind is None or is_something_else(data):
        raise ScanRefused("not_a_scan")
    return kind


def _square(picture: Image.Image) -> Image.Image:
    """The middle of a picture, upright: scaled before it is turned, so that a large one does not stand in memory twice."""
    side = min(picture.size)
    if side < SMALL_EDGE:
        raise ScanRefused("too_small", f"{picture.width} x {picture.height}")
    left, top, edge = (picture.width - side) // 2, (picture.height - side) // 2, min(EDGE, side)
    shown = picture if picture.mode in SCALED else plain(picture)
    box = (left, top, left + side, top + side)
    scaled = shown.resize((edge, edge), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return plain(ImageOps.exif_transpose(scaled))


def _jpeg(square: Image.Image) -> bytes:
    """The dots alone: what a picture brings along (comments, places, profiles) is nowhere in a new one."""
    written = io.BytesIO()
    Image.frombytes("RGB", square.size, square.tobytes()).save(written, "JPEG", quality=QUALITY, progressive=True)
    return written.getvalue()
