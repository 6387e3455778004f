"""Photographs become one document: upright, the same each time, and as they look."""

from __future__ import annotations

import io
import time

import pikepdf
import pytest
from PIL import Image

from app.outside.scans import MAX_BYTES, ScanRefused, combine
from tests.outside.scan_files import only_image, picture


def test_photographs_become_one_document_of_upright_a4_pages() -> None:
    lying = picture(size=(800, 600))
    turned = picture(size=(800, 600), exif=orientation(6))

    document = combine([picture(size=(600, 800)), lying, turned, picture("PNG", (600, 800))])

    with pikepdf.open(io.BytesIO(document)) as opened:
        sizes = [shown_size(page) for page in opened.pages]
        assert b"pdfaid:part" in opened.Root.Metadata.read_bytes()
        assert only_image(opened, 1).read_raw_bytes() == lying
    assert sizes == [(595, 842), (842, 595), (595, 842), (595, 842)]


def test_the_same_photographs_give_the_same_document() -> None:
    images = [picture(), picture("PNG")]
    first = combine(images)
    time.sleep(1.1)  # a document that held the second it was made would differ

    assert combine(images) == first


@pytest.mark.parametrize(
    "image",
    [
        picture("PNG", mode="RGBA"),
        picture("PNG", mode="LA"),
        picture("PNG", mode="P", transparency=3),
        picture("PNG"),
        picture() + bytes(9000),
        picture("JPEG", mode="CMYK"),
        picture("MPO", append_images=[Image.new("RGB", (30, 40))], save_all=True),
    ],
)
def test_unusual_pictures_become_one_page_that_looks_the_same(image: bytes) -> None:
    document = combine([image])

    with pikepdf.open(io.BytesIO(document)) as opened:
        assert len(opened.pages) == 1
        embedded = only_image(opened)
        shown = pikepdf.PdfImage(embedded).as_pil_image().convert("L")
        assert "/SMask" not in embedded
    dark, light = shown.getpixel((150, 20)), shown.getpixel((150, 350))
    assert isinstance(dark, int | float)
    assert isinstance(light, int | float)
    assert (dark < 40, light > 215) == (True, True)


def test_a_png_in_sixteen_bits_stays_readable() -> None:
    grey = Image.new("I;16", (300, 400), 0xFFFF)
    grey.paste(Image.new("I;16", (300, 100), 0x0A00), (0, 0))
    out = io.BytesIO()
    grey.save(out, "PNG")

    document = combine([out.getvalue()])

    with pikepdf.open(io.BytesIO(document)) as opened:
        embedded = only_image(opened)
        shown = pikepdf.PdfImage(embedded).as_pil_image().convert("L")
    assert (shown.getpixel((150, 20)), shown.getpixel((150, 350))) == (0x0A, 0xFF)


@pytest.mark.parametrize(
    ("images", "code"),
    [
        ([], "no_pages"),
        ([b"x"] * 21, "too_many_pages"),
        ([bytes(MAX_BYTES), b"x"], "too_large"),
        ([picture(), b"not a picture"], "damaged"),
    ],
)
def test_what_cannot_be_combined_is_refused(images: list[bytes], code: str) -> None:
    with pytest.raises(ScanRefused) as caught:
        combine(images)

    assert caught.value.code == code


def shown_size(page: pikepdf.Page) -> tuple[int, int]:
    width, height = round(float(page.mediabox[2])), round(float(page.mediabox[3]))
    return (height, width) if page.obj.get("/Rotate", 0) in {90, 270} else (width, height)


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif
