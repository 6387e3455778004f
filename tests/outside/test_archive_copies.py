"""Archive copies: any original becomes a PDF/A-3b with its data inside, page for page, within the child's limits."""

from __future__ import annotations

import datetime as dt
import io
import random
import time
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import pdfa
from PIL import Image, ImageDraw

from app.outside import archive_copies, scans
from app.outside.archive_copies import Attached, CopyFault
from tests.papers import document, photograph, words_of

MADE = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
DATA = Attached(
    "consent.fhir.json", "HL7 FHIR R4 Consent", "application/fhir+json", "Data", b'{"resourceType": "Consent"}'
)


def finished(pages: bytes, *files: Attached) -> bytes:
    return archive_copies.finish(pages, title="A form", language="el", made=MADE, files=files or (DATA,))


def opened(pdf: bytes) -> Any:
    return pikepdf.open(io.BytesIO(pdf))


def pages_of(pdf: bytes) -> list[Image.Image]:
    found = pypdfium2.PdfDocument(pdf)
    return [found[number].render(scale=1).to_pil().convert("RGB") for number in range(len(found))]


def pictures_of(page: Any) -> list[Any]:
    return list(page.Resources.XObject.values())


def scanned(pages: int, size: tuple[int, int] = (1654, 2339)) -> bytes:
    """What a hospital's scanner sends: noisy colour pages at 200 dpi."""
    noise = Image.frombytes(
        "RGB", (size[0] // 2, size[1] // 2), random.Random(7).randbytes(size[0] // 2 * (size[1] // 2) * 3)
    )
    made = Image.blend(Image.new("RGB", size, "white"), noise.resize(size), 0.15)
    out = io.BytesIO()
    made.save(out, "PDF", save_all=True, append_images=[made] * (pages - 1), resolution=200, quality=85)
    return out.getvalue()


def test_a_copy_is_pdf_a_3b_and_carries_its_data() -> None:
    copy = finished(archive_copies.draw_pages(document(3)))

    assert pdfa.validate_written(io.BytesIO(copy), "3b").findings == []
    with opened(copy) as pdf:
        marks = pdf.open_metadata()
        assert (str(marks["pdfaid:part"]), marks["pdfaid:conformance"], marks["dc:title"]) == ("3", "B", "A form")
        assert (len(pdf.pages), str(pdf.Root.Lang)) == (3, "el")
        (file,) = pdf.Root.AF
        assert (str(file.UF), str(file.AFRelationship)) == ("consent.fhir.json", "/Data")
        inside = pdf.attachments["consent.fhir.json"].get_file()
        assert (inside.read_bytes(), inside.mime_type) == (DATA.content, "application/fhir+json")


def test_photographs_keep_their_own_pixels() -> None:
    joined = scans.combine([photograph(), photograph(kind="PNG")])

    copy = finished(joined)

    assert pdfa.validate_written(io.BytesIO(copy), "3b").findings == []
    with opened(joined) as before, opened(copy) as after:
        pictures = [
            [image.read_raw_bytes() for image in pictures_of(page)] for pdf in (before, after) for page in pdf.pages
        ]
    assert pictures[:2] == pictures[2:]


def test_pages_are_as_large_as_they_were_and_look_the_same() -> None:
    made = pikepdf.open(io.BytesIO(document()))
    made.add_blank_page(page_size=(842, 595)).contents_add(b"0 0 1 rg 100 100 300 200 re f")
    made.add_blank_page(page_size=(595, 842)).contents_add(b"50 700 200 20 re f")
    made.pages[2].Rotate = 90
    out = io.BytesIO()
    made.save(out)

    copy = archive_copies.draw_pages(out.getvalue())

    with opened(copy) as pdf:
        sizes = [[float(side) for side in page.mediabox[2:]] for page in pdf.pages]
    assert sizes == [pytest.approx(size, abs=0.4) for size in ([595, 842], [842, 595], [842, 595])]
    for one, drawn in zip(pages_of(out.getvalue()), pages_of(copy), strict=True):
        other = drawn.resize(one.size)
        places = [(x, y) for x in range(20, one.width, 37) for y in range(20, one.height, 37)]
        far = [
            p for p in places if max(abs(a - b) for a, b in zip(one.getpixel(p), other.getpixel(p), strict=True)) > 40
        ]
        assert len(far) <= len(places) // 50  # an edge may fall on the next pixel


def test_a_blue_pen_stays_blue_and_a_grey_page_stays_small() -> None:
    page = Image.new("RGB", (1654, 2339), (236, 236, 236))
    ImageDraw.Draw(page).line((300, 2000, 700, 1950), fill=(30, 50, 160), width=4)
    signed, plain = io.BytesIO(), io.BytesIO()
    page.save(signed, "PDF", resolution=200)
    page.convert("L").save(plain, "PDF", resolution=200)

    colours = []
    for one in (signed, plain):
        with opened(archive_copies.draw_pages(one.getvalue())) as pdf:
            (picture,) = pictures_of(pdf.pages[0])
            colours.append(str(picture.ColorSpace))

    assert colours == ["/DeviceRGB", "/DeviceGray"]


def test_what_was_filled_in_is_drawn() -> None:
    made = pikepdf.open(io.BytesIO(document()))
    look = made.make_stream(b"0 0 40 40 re f")
    look.BBox, look.Subtype, look.Type = [0, 0, 40, 40], pikepdf.Name.Form, pikepdf.Name.XObject
    box = made.make_indirect(
        pikepdf.Dictionary(
            FT=pikepdf.Name.Btn, T="care", V=pikepdf.Name.Yes, AS=pikepdf.Name.Yes, Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget, Rect=[300, 400, 340, 440], F=4,
            AP=pikepdf.Dictionary(N=pikepdf.Dictionary(Yes=look)),
        )
    )  # fmt: skip
    made.Root.AcroForm = pikepdf.Dictionary(Fields=[box])
    made.pages[0].Annots = made.make_indirect([box])
    out = io.BytesIO()
    made.save(out)

    (page,) = pages_of(archive_copies.draw_pages(out.getvalue()))

    assert page.getpixel((320, 842 - 420)) == (0, 0, 0)


def test_twenty_scanned_pages_stay_within_the_limits_and_are_told_one_by_one() -> None:
    told: list[tuple[int, int]] = []
    original = scanned(20)
    begun = time.monotonic()

    copy = finished(archive_copies.draw_pages(original, lambda done, pages: told.append((done, pages))))

    assert told == [(number, 20) for number in range(1, 21)]
    with opened(copy) as pdf:
        assert len(pdf.pages) == 20
    assert len(copy) < 60_000_000
    print(f"20 pages of {len(original) >> 20} MB: {time.monotonic() - begun:.1f} s, {len(copy) >> 20} MB")


def test_a_poster_is_drawn_smaller_not_refused() -> None:
    made = pikepdf.new()
    for _page in range(2):
        made.add_blank_page(page_size=(14_400, 14_400)).contents_add(b"0 0 7000 7000 re f")
    out = io.BytesIO()
    made.save(out)

    with opened(archive_copies.draw_pages(out.getvalue())) as pdf:
        assert len(pdf.pages) == 2
        for page in pdf.pages:
            (picture,) = pictures_of(page)
            assert int(picture.Width) * int(picture.Height) <= 40_000_000
            assert abs(float(page.mediabox[2]) - 14_400) < 144


def test_what_cannot_be_drawn_is_a_fault_and_the_next_copy_is_made() -> None:
    with pytest.raises(CopyFault) as caught:
        archive_copies.draw_pages(b"%PDF-1.7 nothing")
    assert caught.value.code == "unreadable"
    assert len(pages_of(archive_copies.draw_pages(document()))) == 1


def test_what_would_be_no_pdf_a_is_not_given_out() -> None:
    made = pikepdf.open(io.BytesIO(document()))
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    made.pages[0].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    made.pages[0].contents_add(b"BT /F1 12 Tf (a font of the machine) Tj ET")
    out = io.BytesIO()
    made.save(out)

    with pytest.raises(CopyFault) as caught:
        finished(out.getvalue())
    assert caught.value.code == "not_archivable"


def test_a_cover_stands_before_an_attached_pdf_and_its_words_are_words_only() -> None:
    cover = archive_copies.set_cover(
        "Copy <script>", ["Signed by Ζωή & <img src='http://x.example/a.png'>", "Second"], language="en", made=MADE
    )
    original = document(2)

    copy = finished(cover, DATA, Attached("signed.pdf", "As it was", "application/pdf", "Source", original))

    assert words_of(copy) == "Copy <script> Signed by Ζωή & <img src='http://x.example/a.png'> Second"
    assert pdfa.validate_written(io.BytesIO(copy), "3b").findings == []
    with opened(copy) as pdf:
        assert len(pdf.pages) == 1
        assert {str(file.UF): str(file.AFRelationship) for file in pdf.Root.AF} == {
            "consent.fhir.json": "/Data",
            "signed.pdf": "/Source",
        }
        assert pdf.attachments["signed.pdf"].get_file().read_bytes() == original
