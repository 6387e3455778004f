"""Scans of our own forms that nobody made: written on, then put on a glass in all the ways wards do."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence

import img2pdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from app.outside import scribbles
from app.outside.paper import Rendered
from app.outside.scribbles import Hand, Writing

ADULT = Writing("adult", ("care-yes", "education-no"), [Hand("Ada Test", "Cork, 1.2.2026")], Hand("Eve Doctor", "2.2."))
EMPTY = Writing("adult", ("care-yes", "care-no"), [Hand("")], Hand(""))
"""Both boxes crossed, nothing signed."""


def written(printed: Rendered, writing: Writing = ADULT) -> list[Image.Image]:
    """The pages of a form with ink on them, at 150 dpi."""
    return scribbles.fill_in(printed, writing)


def _skewed(page: Image.Image, seed: int) -> Image.Image:
    angle = random.Random(seed).uniform(-4, 4)
    return page.rotate(angle, Image.Resampling.BILINEAR, fillcolor=236)


def _noisy(page: Image.Image, _seed: int) -> Image.Image:
    blurred = page.filter(ImageFilter.GaussianBlur(0.7))
    return ImageChops.add(blurred, Image.effect_noise(page.size, 28), offset=-128)


def _grey(page: Image.Image, _seed: int) -> Image.Image:
    return page.point([150 + v * 60 // 255 if v > 120 else 80 + v * 40 // 255 for v in range(256)])


def _folded(page: Image.Image, _seed: int) -> Image.Image:
    """A corner is folded over the upper code."""
    folded, (width, _height), ear = page.copy(), page.size, 300
    draw = ImageDraw.Draw(folded)
    draw.polygon([(width, 0), (width - ear, 0), (width, ear)], fill=170)
    draw.line([(width - ear, 0), (width, ear)], fill=90, width=3)
    return folded


WAYS: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "straight": lambda page, _seed: page,
    "upside down": lambda page, _seed: page.transpose(Image.Transpose.ROTATE_180),
    "turned left": lambda page, _seed: page.transpose(Image.Transpose.ROTATE_90),
    "turned right": lambda page, _seed: page.transpose(Image.Transpose.ROTATE_270),
    "skewed": _skewed,
    "noisy": _noisy,
    "grey": _grey,
    "folded": _folded,
    "skewed, noisy and upside down": lambda page, seed: _noisy(_skewed(page, seed), seed).rotate(180),
}
"""How a page comes back from the glass."""


def jpeg(page: Image.Image, quality: int = 50) -> bytes:
    """A page as a machine sends it."""
    out = io.BytesIO()
    page.save(out, "JPEG", quality=quality, dpi=(scribbles.DOTS, scribbles.DOTS))
    return out.getvalue()


def scanned(pages: Sequence[Image.Image], way: str = "straight", seed: int = 1) -> bytes:
    """One PDF of pages that came back in a way."""
    return bound([jpeg(WAYS[way](page, seed + n)) for n, page in enumerate(pages)])


def bound(pictures: Sequence[bytes]) -> bytes:
    """Pictures as one PDF."""
    document: bytes = img2pdf.convert(list(pictures))
    return document
