"""Photos of people: what becomes of a picture, that nothing else of the file is left, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from app.outside.photos import EDGE, MAX_BYTES, SMALL_EDGE, draw
from app.outside.scans import ScanRefused

SECRET = b"48.2081 N 16.3738 E"
GPS, ORIENTATION, MAKER = 0x8825, 0x0112, 0x010F


def exif(turned: int = 1) -> Image.Exif:
    """What a phone writes: which way up, which phone, where."""
    found = Image.Exif()
    found[ORIENTATION] = turned
    found[MAKER] = SECRET.decode()
    found.get_ifd(GPS).update({1: "N", 2: (48.0, 12.0, 29.0), 29: "2026:11:22", 27: SECRET})
    return found


def colours(width: int = 900, height: int = 600, mode: str = "RGB") -> Image.Image:
    """Red above, blue below, green to both sides of the middle square."""
    picture = Image.new("RGB", (width, height), "green")
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    picture.paste("red", (left, top, left + side, top + side // 2))
    picture.paste("blue", (left, top + side // 2, left + side, top + side))
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str, **how: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **how)
    return written.getvalue()


def shown(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "JPEG"
    return picture


def near(picture: Image.Image, x: float, y: float) -> str:
    """The plain colour nearest to the dot at these shares of the sides."""
    dot = picture.getpixel((int(x * (picture.width - 1)), int(y * (picture.height - 1))))
    assert isinstance(dot, tuple)
    plain = {
        "red": (255, 0, 0),
        "blue": (0, 0, 255),
        "green": (0, 128, 0),
        "white": (255, 255, 255),
        "black": (0, 0, 0),
    }
    return min(plain, key=lambda name: sum((a - b) ** 2 for a, b in zip(plain[name], dot, strict=True)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_middle_is_cut_out_as_a_square_in_two_sizes(kind: str) -> None:
    drawn = draw(saved(colours(), kind))
    for content, edge in ((drawn.large, EDGE), (drawn.small, SMALL_EDGE)):
        picture = shown(content)
        assert picture.size == (edge, edge)
        assert [near(picture, x, y) for x in (0.03, 0.97) for y in (0.1, 0.9)] == ["red", "blue", "red", "blue"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("turned", "corners"), [(3, "blue red"), (6, "blue blue"), (8, "red red")])
def test_it_stands_as_the_camera_was_held(kind: str, turned: int, corners: str) -> None:
    picture = shown(draw(saved(colours(), kind, exif=exif(turned))).large)
    assert [near(picture, 0.1, 0.1), near(picture, 0.1, 0.9)] == corners.split()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_the_dots_is_left(kind: str) -> None:
    how: dict[str, Any] = {"exif": exif(), "icc_profile": b"profile " + SECRET, "xmp": b"<x:xmpmeta>" + SECRET}
    if kind == "JPEG":
        how["comment"] = SECRET
    if kind == "PNG":
        how["pnginfo"] = PngImagePlugin.PngInfo()
        how["pnginfo"].add_text("Comment", SECRET.decode())
        del how["xmp"]
    content = saved(colours(), kind, **how) + b"<script>" + SECRET
    assert SECRET in content
    drawn = draw(content)
    for made in drawn:
        picture = shown(made)
        assert dict(picture.getexif()) == {}
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
        assert [trace for trace in (SECRET, b"Exif", b"http", b"ICC_PROFILE", b"script") if trace in made] == []


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("I;16", "PNG"), ("RGBA", "WEBP")],
)
def test_every_kind_of_dots_becomes_a_photo(mode: str, kind: str) -> None:
    made = Image.new("I;16", (300, 400), 0x8000) if mode == "I;16" else colours(300, 400, mode)
    assert shown(draw(saved(made, kind)).large).size == (300, 300)


def test_what_is_transparent_becomes_white() -> None:
    picture = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    assert near(shown(draw(saved(picture, "PNG")).large), 0.5, 0.5) == "white"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_a_picture_that_moves_the_first_counts(kind: str) -> None:
    first, second = Image.new("RGB", (200, 200), "red"), Image.new("RGB", (200, 200), "blue")
    content = saved(first, kind, save_all=True, append_images=[second], duration=100)
    assert near(shown(draw(content).large), 0.5, 0.5) == "red"


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 3.6 thousand million dots."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff" + bytes(MAX_BYTES), "too_large"),
        (SVG, "not_a_scan"),
        (b"<html><script>alert(1)</script>", "not_a_scan"),
        (b"GIF89a" + SVG, "not_a_scan"),
        (b"RIFF\0\0\0\0WAVEfmt ", "not_a_scan"),
        (b"\xff\xd8\xff\xe0" + SVG, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + SVG, "damaged"),
        (b"RIFF\0\0\0\0WEBP" + SVG, "damaged"),
        (bomb(), "too_many_pixels"),
        (saved(colours(95, 4000), "JPEG"), "too_small"),
        (saved(colours(), "JPEG").replace(b"\xff\xd8", b"\xff\xd8\xff\xfe\x00\x08%PDF-1", 1), "not_a_scan"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(ScanRefused) as refused:
        draw(content)
    assert refused.value.code == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_is_cut_is_refused(kind: str) -> None:
    whole = saved(Image.effect_noise((400, 400), 80).convert("RGB"), kind)
    with pytest.raises(ScanRefused) as refused:
        draw(whole[: len(whole) * 2 // 3])
    assert refused.value.code == "damaged"


def test_a_page_hidden_in_a_picture_is_not_in_the_photo() -> None:
    page = b"<html><script>alert(document.cookie)</script></html>"
    drawn = draw(saved(colours(), "JPEG", comment=page) + page)
    assert all(b"script" not in made and b"html" not in made for made in drawn)
