"""Only a whole, quiet PDF, JPEG or PNG is archived; nothing that is uploaded costs us a process."""

from __future__ import annotations

import io
import json
import random
import zipfile
import zlib
from typing import TYPE_CHECKING

import pikepdf
import pytest
from PIL import Image

from app.outside.scans import MAX_BYTES, Scan, ScanRefused, combine, inspect
from tests.outside.scan_files import attach, huge_image, jpeg_bomb, nested, pdf, picture, png_bomb, refusal, verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "filename", "scan"),
    [
        (pdf(), "scan.pdf", Scan("pdf", 1, "application/pdf")),
        (pdf(pages=20), "SCAN.PDF", Scan("pdf", 20, "application/pdf")),
        (
            pdf(object_stream_mode=pikepdf.ObjectStreamMode.generate),
            "a.pdf",
            Scan("pdf", 1, "application/pdf"),
        ),
        (pdf(linearize=True), "a.pdf", Scan("pdf", 1, "application/pdf")),
        (picture(), "IMG_0001.JPG", Scan("jpeg", 1, "image/jpeg")),
        (picture(progressive=True), "a.jpeg", Scan("jpeg", 1, "image/jpeg")),
        (picture(mode="L"), "image", Scan("jpeg", 1, "image/jpeg")),
        (
            picture("MPO", append_images=[Image.new("RGB", (30, 40))], save_all=True),
            "a.jpg",
            Scan("jpeg", 1, "image/jpeg"),
        ),
        (picture("PNG"), "a.png", Scan("png", 1, "image/png")),
        (picture("PNG", mode="1"), "a.png", Scan("png", 1, "image/png")),
    ],
)
def test_real_scans_are_taken(content: bytes, filename: str, scan: Scan) -> None:
    assert inspect(content, filename) == scan


def test_a_file_on_disk_is_taken_as_well(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(pdf(pages=2))

    assert inspect(tmp_path / "upload", "signed.pdf") == Scan("pdf", 2, "application/pdf")


def test_a_pdf_made_from_our_own_photographs_is_taken() -> None:
    assert inspect(combine([picture(), picture("PNG")]), "a.pdf") == Scan("pdf", 2, "application/pdf")


def test_a_form_that_carries_its_facts_as_json_is_taken() -> None:
    assert inspect(pdf(attach("consent.json", json.dumps({"form": "x"}).encode())), "a.pdf").kind == "pdf"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    assert refusal(b"", "a.pdf") == "empty"
    assert refusal(tmp_path / "empty", "a.pdf") == "empty"


def test_a_file_of_more_than_fifty_megabytes_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(MAX_BYTES + 1)

    assert refusal(tmp_path / "large", "a.pdf") == "too_large"
    assert refusal(bytes(MAX_BYTES + 1), "a.pdf") == "too_large"


@pytest.mark.parametrize(
    ("what", "content", "filename"),
    [
        ("text", b"Consent: yes", "a.pdf"),
        ("a web page", b"<html><script>alert(1)</script>", "a.pdf"),
        ("a program", b"MZ\x90\0" + bytes(300), "a.pdf"),
        ("a GIF", picture("GIF", mode="P"), "a.png"),
        ("a TIFF", picture("TIFF"), "a.jpg"),
        ("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "a.svg"),
        ("a JPEG called PDF", picture(), "a.pdf"),
        ("a PDF called JPEG", pdf(), "a.jpg"),
        ("a PNG called JPEG", picture("PNG"), "a.jpg"),
        ("a PDF called as a program", pdf(), "a.pdf.exe"),
        ("a PDF after other bytes", b"GIF89a" + pdf(), "a.pdf"),
        ("a JPEG with a PDF in its comment", picture(comment=pdf()), "a.jpg"),
        ("random bytes", random.Random(1).randbytes(5000), "a.png"),
    ],
)
def test_what_is_not_a_scan_or_lies_about_itself_is_refused(what: str, content: bytes, filename: str) -> None:
    assert (what, refusal(content, filename)) == (what, "not_a_scan")


@pytest.mark.parametrize(("whole", "filename"), [(pdf(), "a.pdf"), (picture(), "a.jpg"), (picture("PNG"), "a.png")])
def test_a_scan_that_is_a_zip_as_well_is_refused(whole: bytes, filename: str) -> None:
    archive = io.BytesIO(whole)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("program.class", b"x" * 100)

    assert refusal(archive.getvalue(), filename) == "not_a_scan"


@pytest.mark.parametrize("password", ["u", ""])
def test_an_encrypted_pdf_is_refused_even_if_it_opens_without_a_password(password: str) -> None:
    assert refusal(pdf(encryption=pikepdf.Encryption(owner="o", user=password)), "a.pdf") == "encrypted"


@pytest.mark.parametrize(
    ("what", "content", "filename"),
    [
        ("a PDF cut in the middle", pdf()[:-200], "a.pdf"),
        ("a PDF without its last line", pdf(pages=3)[:-20], "a.pdf"),
        ("only a PDF's first line", b"%PDF-1.7\n", "a.pdf"),
        ("a PDF of noise", b"%PDF-1.7\n" + random.Random(2).randbytes(9000), "a.pdf"),
        (
            "a PDF with a spoilt stream",
            pdf(compress_streams=False).replace(b"100 100 re f", b"100 100 r"),
            "a.pdf",
        ),
        ("a JPEG cut in the middle", picture(size=(900, 900))[:-3000], "a.jpg"),
        ("a JPEG's first bytes", picture()[:30], "a.jpg"),
        ("a PNG cut in the middle", picture("PNG")[:-300], "a.png"),
        ("a PNG with a changed byte", picture("PNG").replace(b"IDAT", b"IDAT\x01", 1), "a.png"),
    ],
)
def test_a_damaged_file_is_refused(what: str, content: bytes, filename: str) -> None:
    assert (what, refusal(content, filename)) == (what, "damaged")


def test_the_number_of_pages_has_its_limits() -> None:
    assert refusal(pdf(pages=21), "a.pdf") == "too_many_pages"
    assert refusal(pdf(pages=0), "a.pdf") == "no_pages"


def test_a_page_tree_that_bites_its_tail_is_refused() -> None:
    def loop(made: pikepdf.Pdf) -> None:
        made.Root.Pages.Kids.append(made.Root.Pages)

    assert refusal(pdf(loop), "a.pdf") == "damaged"


def test_bombs_of_pixels_are_refused_before_they_go_off() -> None:
    assert refusal(png_bomb(60_000, 60_000), "a.png") == "too_many_pixels"
    assert refusal(jpeg_bomb(), "a.jpg") == "too_many_pixels"
    assert refusal(pdf(huge_image), "a.pdf") == "too_many_pixels"
    assert refusal(pdf(lambda made: made.pages[0].__setattr__("mediabox", [0, 0, 14400, 14400])), "a.pdf") == (
        "too_many_pixels"
    )


def test_a_bomb_of_bytes_gets_an_answer() -> None:
    bomb = zlib.compress(zlib.compress(bytes(1 << 30), 9), 9)

    def plant(made: pikepdf.Pdf) -> None:
        filters = pikepdf.Array([pikepdf.Name.FlateDecode] * 2)
        made.pages[0].Contents = made.make_stream(b"")
        made.pages[0].Contents.write(bomb, filter=filters, decode_parms=None)

    assert isinstance(verdict(pdf(plant, compress_streams=False), "a.pdf"), str | Scan)
    assert inspect(pdf(), "a.pdf") == Scan("pdf", 1, "application/pdf")


def test_damage_anywhere_never_costs_a_process_and_never_raises_anything_else() -> None:
    random_ = random.Random(7)
    answers = set()
    for whole, filename in ((pdf(pages=2), "a.pdf"), (picture(), "a.jpg"), (picture("PNG"), "a.png")):
        for _ in range(60):
            spoilt = bytearray(whole)
            for _ in range(random_.randint(1, 8)):
                spoilt[random_.randrange(8, len(spoilt))] = random_.randrange(256)
            answer = verdict(bytes(spoilt), filename)
            answers.add(answer if isinstance(answer, str) else "taken")

    assert answers <= {"taken", "damaged", "too_many_pixels", "no_pages", "not_a_scan"}
    assert {"taken", "damaged"} <= answers


def test_a_pdf_whose_pages_cannot_be_drawn_is_refused() -> None:
    assert inspect(nested(2), "scan.pdf").pages == 1
    with pytest.raises(ScanRefused) as refused:
        inspect(nested(9), "scan.pdf")
    assert refused.value.code == "damaged"
