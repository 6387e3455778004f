"""What a page of a stack takes along, and what becomes of a picture nobody expects."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest
from PIL import Image

from app.outside import stacks


def two_pages(content: bytes, more: Any) -> bytes:
    """Two pages that share one list of pictures, as scanners write it; the first shows ``A``, the second ``B``."""
    with pikepdf.new() as pdf:
        names = pikepdf.Dictionary({f"/{name}": pdf.make_indirect(picture(pdf, name.encode())) for name in ("A", "B")})
        shared = pdf.make_indirect(pikepdf.Dictionary(XObject=names))
        for key, value in more(names["/B"]).items():
            shared[key] = value
        for drawn in (content, b"/B Do"):
            page = pdf.add_blank_page(page_size=(595, 842))
            page.obj["/Resources"], page.obj["/Contents"] = shared, pdf.make_stream(drawn)
        out = io.BytesIO()
        pdf.save(out, compress_streams=False)
    return out.getvalue()


def picture(pdf: pikepdf.Pdf, name: bytes) -> pikepdf.Stream:
    return pdf.make_stream(
        (name * 13)[:13] * 50,
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=5,
        Height=130,
        BitsPerComponent=8,
        ColorSpace=pikepdf.Name.DeviceGray,
    )


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (b"/A Do", lambda _other: {}),
        (b"/A Do /Zz Do", lambda _other: {}),
        (b"/A Do", lambda other: {"/ExtGState": pikepdf.Dictionary(G=pikepdf.Dictionary(SMask=other))}),
        (b"/A Do", lambda other: {"/Pattern": pikepdf.Dictionary(P=other)}),
    ],
    ids=["plain", "names what is not there", "a soft mask", "a pattern"],
)
def test_a_page_takes_no_picture_of_another_page_along(content: bytes, more: Any) -> None:
    first, _second = stacks.take_apart(two_pages(content, more), "scan.pdf")

    with pikepdf.open(io.BytesIO(first)) as pdf:
        kept = [
            one.read_bytes() for one in pdf.objects if isinstance(one, pikepdf.Stream) and len(one.read_bytes()) == 650
        ]
    assert kept == [b"A" * 650]


@pytest.mark.parametrize(("grey", "drawn"), [(0, 0), (40_000, 156), (65_535, 255)])
def test_a_tiff_of_sixteen_bits_is_not_white(grey: int, drawn: int) -> None:
    out = io.BytesIO()
    Image.new("I;16", (600, 800), grey).save(out, "TIFF")

    (page,) = stacks.take_apart(out.getvalue(), "scan.tif")

    shown = Image.open(io.BytesIO(stacks.draw(page, 0, 600))).convert("L")
    assert abs(shown.getpixel((300, 400)) - drawn) <= 2


def test_a_photograph_with_the_word_of_a_signature_in_a_comment_is_a_photograph() -> None:
    written = io.BytesIO()
    Image.new("L", (300, 400), 255).save(written, "JPEG", comment=b"/ByteRange")
    assert b"/ByteRange" in written.getvalue()
    assert len(list(stacks.take_apart(written.getvalue(), "scan.jpg"))) == 1
