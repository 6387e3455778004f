"""Files as people upload them: pictures and PDFs, whole ones and hostile ones, and what is said of them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pikepdf
import pytest
from PIL import Image, ImageDraw

from app.outside.scans import MAX_PIXELS, Scan, ScanRefused, inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def picture(kind: str = "JPEG", size: tuple[int, int] = (300, 400), mode: str = "RGB", **how: Any) -> bytes:
    """A page with a dark bar at its top."""
    drawn = Image.new(mode, size, "white" if mode != "CMYK" else (0, 0, 0, 0))
    ImageDraw.Draw(drawn).rectangle((0, 0, size[0], size[1] // 4), fill=0 if mode in {"1", "L"} else "black")
    out = io.BytesIO()
    drawn.save(out, kind, **how)
    return out.getvalue()


def pdf(change: Callable[[pikepdf.Pdf], object] | None = None, pages: int = 1, **how: Any) -> bytes:
    made = pikepdf.new()
    for _ in range(pages):
        page = made.add_blank_page(page_size=(595, 842))
        page.contents_add(b"0 0 100 100 re f")
    if change:
        change(made)
    out = io.BytesIO()
    made.save(out, **how)
    return out.getvalue()


def refusal(content: bytes | Path, filename: str) -> str:
    with pytest.raises(ScanRefused) as caught:
        inspect(content, filename)
    return caught.value.code


def shown(value: dict[str, Any]) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        made.pages[0].AA = pikepdf.Dictionary(value)

    return change


def annotation(value: dict[str, Any]) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        note = pikepdf.Dictionary({"/Type": pikepdf.Name.Annot, "/Rect": [0, 0, 9, 9], **value})
        made.pages[0].Annots = pikepdf.Array([made.make_indirect(note)])

    return change


def attach(name: str, content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        made.attachments[name] = content

    return change


def verdict(content: bytes, filename: str) -> Scan | str:
    try:
        return inspect(content, filename)
    except ScanRefused as refused:
        return refused.code


def only_image(opened: pikepdf.Pdf, page: int = 0) -> pikepdf.Stream:
    (image,) = opened.pages[page].resources.XObject.as_dict().values()
    assert isinstance(image, pikepdf.Stream)
    return image


def png_bomb(width: int, height: int) -> bytes:
    """Small on disk: every line is empty and the lines are compressed."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    lines = zlib.compress(bytes((width // 8 + 1) * 2000))
    chunks = (b"IHDR" + header, b"IDAT" + lines, b"IEND")
    framed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def jpeg_bomb() -> bytes:
    """A small JPEG that says it is 65500 x 65500."""
    small = picture(size=(16, 16))
    at = small.index(b"\xff\xc0") + 5
    return small[:at] + struct.pack(">HH", 65500, 65500) + small[at + 4 :]


def huge_image(made: pikepdf.Pdf) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    image = made.make_stream(
        zlib.compress(bytes(1000)),
        {
            "/Type": pikepdf.Name.XObject,
            "/Subtype": pikepdf.Name.Image,
            "/Width": side,
            "/Height": side,
            "/ColorSpace": pikepdf.Name.DeviceGray,
            "/BitsPerComponent": 8,
            "/Filter": pikepdf.Name.FlateDecode,
        },
    )
    made.pages[0].Resources = pikepdf.Dictionary({"/XObject": {"/Im0": image}})


def nested(depth: int) -> bytes:
    """A PDF of one page that draws a form that draws ten, which draw ten each, and so on."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(595, 842))
        inner = pdf.make_stream(
            b"0 0 10 10 re f", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 595, 842]
        )
        for _level in range(depth):
            inner = pdf.make_stream(
                b"/A Do " * 10,
                Type=pikepdf.Name.XObject,
                Subtype=pikepdf.Name.Form,
                BBox=[0, 0, 595, 842],
                Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=inner)),
            )
        page.obj["/Resources"] = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=inner))
        page.obj["/Contents"] = pdf.make_stream(b"/A Do")
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()
