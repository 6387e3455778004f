"""Only a whole, quiet PDF, JPEG or PNG is archived; nothing that is uploaded costs us a process."""

from __future__ import annotations

import io
import json
import random
import struct
import time
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pikepdf
import pytest
from PIL import Image, ImageDraw

from app.outside.scans import MAX_BYTES, MAX_PIXELS, Scan, ScanRefused, combine, inspect

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


JAVASCRIPT = {"/S": pikepdf.Name.JavaScript, "/JS": pikepdf.String("app.alert(1)")}
LAUNCH = {"/S": pikepdf.Name.Launch, "/F": pikepdf.String("cmd.exe")}
FETCH = {"/S": pikepdf.Name.URI, "/URI": pikepdf.String("http://x")}
GO = {"/S": pikepdf.Name.GoTo, "/D": pikepdf.String("next")}


def catalogue(key: str, value: dict[str, Any]) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        made.Root[key] = pikepdf.Dictionary(value)

    return change


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


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a script at opening", catalogue("/OpenAction", JAVASCRIPT)),
        (
            "a script by name",
            catalogue("/Names", {"/JavaScript": {"/Names": [pikepdf.String("a"), JAVASCRIPT]}}),
        ),
        ("a script on leaving the page", catalogue("/AA", {"/WC": JAVASCRIPT})),
        ("a program behind a link", annotation({"/Subtype": pikepdf.Name.Link, "/A": LAUNCH})),
        ("a second action behind a link", annotation({"/A": {"/S": pikepdf.Name.URI, "/Next": [LAUNCH]}})),
        ("a film", annotation({"/Subtype": pikepdf.Name.RichMedia})),
        ("a form that acts", catalogue("/AcroForm", {"/Fields": [], "/XFA": pikepdf.String("<xdp/>")})),
        (
            "a form that is sent",
            annotation({"/A": {"/S": pikepdf.Name.SubmitForm, "/F": pikepdf.String("http://x")}}),
        ),
        ("a program inside", attach("form.exe", b"MZ\x90")),
        ("a program inside that lies", attach("form.json", b"MZ\x90")),
        ("an archive inside", attach("form.zip", b"PK\x03\x04")),
        ("a PDF inside", attach("form.pdf", pdf())),
        ("an address fetched at opening", catalogue("/OpenAction", FETCH)),
        ("an address fetched on leaving", catalogue("/AA", {"/WC": FETCH})),
        ("an address fetched when a page is shown", shown({"/O": FETCH})),
        (
            "an address fetched after going to a page",
            catalogue("/OpenAction", {"/S": pikepdf.Name.GoTo, "/Next": [FETCH]}),
        ),
        ("an address fetched third", catalogue("/OpenAction", GO | {"/Next": GO | {"/Next": FETCH}})),
        ("another file opened at opening", catalogue("/OpenAction", FETCH | {"/S": pikepdf.Name.GoToR})),
        ("a form sent on leaving", catalogue("/AA", {"/WC": FETCH | {"/S": pikepdf.Name.SubmitForm}})),
        ("a program started at opening", catalogue("/OpenAction", LAUNCH)),
        ("a script no page leads to", lambda made: made.make_indirect(pikepdf.Dictionary(JAVASCRIPT))),
    ],
)
def test_a_pdf_that_acts_is_refused(what: str, change: Callable[[pikepdf.Pdf], object]) -> None:
    kept_apart = pdf(change, preserve_pdfa=False) if "no page" not in what else unreferenced(change)

    assert (what, refusal(kept_apart, "a.pdf")) == (what, "active")


def test_a_pdf_with_an_ordinary_link_is_taken() -> None:
    link = annotation({"/Subtype": pikepdf.Name.Link, "/A": FETCH})

    assert inspect(pdf(link), "a.pdf").kind == "pdf"


@pytest.mark.parametrize("how", ["a place", "an action", "an action in a circle"])
def test_a_pdf_that_opens_at_a_page_with_a_link_is_taken(how: str) -> None:
    def change(made: pikepdf.Pdf) -> None:
        annotation({"/Subtype": pikepdf.Name.Link, "/A": FETCH})(made)
        place = pikepdf.Array([made.pages[0].obj, pikepdf.Name.Fit])
        action = made.make_indirect(pikepdf.Dictionary({"/S": pikepdf.Name.GoTo, "/D": place}))
        if "circle" in how:
            action.Next = action
        made.Root.OpenAction = place if how == "a place" else action

    assert inspect(pdf(change), "a.pdf").kind == "pdf"


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


def verdict(content: bytes, filename: str) -> Scan | str:
    try:
        return inspect(content, filename)
    except ScanRefused as refused:
        return refused.code


def unreferenced(change: Callable[[pikepdf.Pdf], object]) -> bytes:
    """A PDF whose extra object is reached by nothing but the trailer's own key."""

    def hide(made: pikepdf.Pdf) -> None:
        made.trailer["/Hidden"] = change(made)

    return pdf(hide)


def shown_size(page: pikepdf.Page) -> tuple[int, int]:
    width, height = round(float(page.mediabox[2])), round(float(page.mediabox[3]))
    return (height, width) if page.obj.get("/Rotate", 0) in {90, 270} else (width, height)


def only_image(opened: pikepdf.Pdf, page: int = 0) -> pikepdf.Stream:
    (image,) = opened.pages[page].resources.XObject.as_dict().values()
    assert isinstance(image, pikepdf.Stream)
    return image


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


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


def test_a_pdf_whose_pages_cannot_be_drawn_is_refused() -> None:
    assert inspect(nested(2), "scan.pdf").pages == 1
    with pytest.raises(ScanRefused) as refused:
        inspect(nested(9), "scan.pdf")
    assert refused.value.code == "damaged"
