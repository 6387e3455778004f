"""What the warm child does with scans: parsers read the file to its end, and pictures become one document.

Runs in the child only (``scans`` is how others see it): what is imported here meets what strangers wrote.
"""

from __future__ import annotations

import io
import zlib
from contextlib import contextmanager
from importlib import resources
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import img2pdf
import pikepdf
import puremagic
import pypdfium2
from PIL import Image, ImageOps

from app.outside.scans import MAX_PAGES, MAX_PIXELS, MEDIA_TYPES, ScanRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NESTING: Final = 100
EXTENSIONS: Final = {
    ".pdf": "pdf",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
}
FIRST_BYTES: Final = {"pdf": b"%PDF-", "jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}
PDF_SEARCHED: Final = 1024
"""PDF readers look for ``%PDF-`` in so many first bytes, whatever stands before it."""
ZIP_END: Final = b"PK\x05\x06"
ACTING: Final = frozenset(
    {
        *("/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToR", "/GoToE"),
        *("/Rendition", "/RichMediaExecute", "/Movie", "/Sound"),
    }
)
BY_ITSELF: Final = frozenset({"/OpenAction", "/AA"})
"""Where stands what happens without a click: on opening, on turning a page, on leaving."""
REACHING_OUT: Final = frozenset({"/URI"})
"""Fit for a link that somebody clicks; by itself it would tell an address that the form is being read."""
ACTING_ANNOTATIONS: Final = frozenset({"/RichMedia", "/Movie", "/Screen", "/Sound", "/3D", "/FileAttachment"})
ACTING_KEYS: Final = frozenset({"/JS", "/JavaScript", "/XFA", "/RichMedia"})
QUIET_ATTACHMENTS: Final = frozenset({".json", ".xml", ".txt", ".csv"})
"""A form printed by us carries its facts as JSON; it may come back signed as a file."""
PROGRAM_STARTS: Final = (b"MZ", b"\x7fELF", b"#!", b"PK", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")
A4: Final = (img2pdf.mm_to_pt(210), img2pdf.mm_to_pt(297))
PNG_DEPTH_AT: Final = 24
ORIENTATION: Final = 0x0112
JPEG_SCAN: Final = 0xDA
JPEG_END: Final = 0xD9
JPEG_APP2: Final = 0xE2
JPEG_INSIDE_SCAN: Final = frozenset({0x00, *range(0xD0, 0xD8)})
PLAIN_MODES: Final = frozenset({"1", "L", "P", "RGB"})


GLANCE: Final = 36
"""Dots an inch at which a page is drawn to see that it can be."""


def examine(data: bytes, extension: str, most_pages: int = MAX_PAGES) -> tuple[str, str, int | str]:
    """Kind and pages of a scan, or the code and detail of a refusal."""
    try:
        kind = _type_of(data, extension)
        return ("scan", kind, _pages_of_pdf(data, most_pages) if kind == "pdf" else _check_picture(data, kind))
    except ScanRefused as refused:
        return ("refused", refused.code, refused.detail)


def _type_of(data: bytes, extension: str) -> str:
    """The type by first bytes, when extension and known marks agree and it is not a second type as well."""
    kind = next((kind for kind, mark in FIRST_BYTES.items() if data.startswith(mark)), None)
    if kind is None:
        raise ScanRefused("not_a_scan", "first bytes")
    if extension and EXTENSIONS.get(extension) != kind:
        raise ScanRefused("not_a_scan", "extension")
    if MEDIA_TYPES[kind] not in {match.mime_type for match in puremagic.magic_string(data)}:
        raise ScanRefused("not_a_scan", "known marks")
    if kind != "pdf" and FIRST_BYTES["pdf"] in data[:PDF_SEARCHED]:
        raise ScanRefused("not_a_scan", "a PDF as well")
    if _ends_as_zip(data):
        raise ScanRefused("not_a_scan", "a ZIP as well")
    return kind


def is_something_else(picture: bytes) -> bool:
    """Whether a picture is a PDF or a ZIP as well."""
    return FIRST_BYTES["pdf"] in picture[:PDF_SEARCHED] or _ends_as_zip(picture)


def _ends_as_zip(data: bytes) -> bool:
    """Whether a ZIP's directory ends exactly where the file ends: programs and office files open it then."""
    at = data.rfind(ZIP_END, max(0, len(data) - 22 - 0xFFFF))
    return at >= 0 and at + 22 + int.from_bytes(data[at + 20 : at + 22], "little") == len(data)


def _check_picture(data: bytes, kind: str) -> int:
    """Decode the picture to its last line; the answer is its number of pages."""
    with decoded(data, kind):
        return 1


@contextmanager
def decoded(data: bytes, kind: str) -> Iterator[Image.Image]:
    """A picture of this type and no other, decoded to its last line; of several the first.

    Raises:
        ScanRefused: ``too_many_pixels``, before it is decoded; ``damaged``.
    """
    Image.MAX_IMAGE_PIXELS = None  # our own limit below; in the child only
    try:
        with Image.open(io.BytesIO(data), formats=(kind.upper(),)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ScanRefused("too_many_pixels", f"{picture.width} x {picture.height}")
            picture.load()
            yield picture
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, zlib.error) as fault:
        raise ScanRefused("damaged", type(fault).__name__) from None


def _pages_of_pdf(data: bytes, most_pages: int) -> int:
    try:
        # Without recovery: a guess at what a broken file once said is no evidence.
        with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as pdf:
            if pdf.is_encrypted:
                raise ScanRefused("encrypted", "opens without a password")
            pages = len(pdf.pages)
            if not pages:
                raise ScanRefused("no_pages")
            if pages > most_pages:
                raise ScanRefused("too_many_pages", str(pages))
            _check_pages(pdf)
            _check_objects(pdf)
            if pdf.check_pdf_syntax():
                raise ScanRefused("damaged", "syntax")
            return pages
    except pikepdf.PasswordError:
        raise ScanRefused("encrypted", "asks for a password") from None
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, LookupError, AttributeError) as fault:
        raise ScanRefused("damaged", type(fault).__name__) from None


def draw(data: bytes) -> None:
    """Draw every page small: what nobody can look at proves nothing, and its archive copy could never be made."""
    document = pypdfium2.PdfDocument(data)
    document.init_forms()
    for page in document:
        page.render(scale=GLANCE / 72).close()
        page.close()
    document.close()


def _check_pages(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        left, bottom, right, top = (float(side) for side in page.mediabox)
        inches = abs(right - left) * abs(top - bottom) * float(page.obj.get("/UserUnit", 1)) ** 2 / 72**2
        if not 0 < inches * 200**2 <= MAX_PIXELS:
            raise ScanRefused("too_many_pixels", "size of a page")


def _check_objects(pdf: pikepdf.Pdf) -> None:
    """Look at every dictionary of the file, also at those no page leads to."""
    for thing in pdf.objects:
        for dictionary in _dictionaries(thing, 0):
            _check_acting(dictionary)
            for key in BY_ITSELF & set(dictionary.keys()):
                _check_unasked(dictionary[key])
            _check_attachment(dictionary)
            if dictionary.get("/Subtype") == "/Image":
                width, height = int(dictionary.get("/Width", 0)), int(dictionary.get("/Height", 0))
                if width * height > MAX_PIXELS:
                    raise ScanRefused("too_many_pixels", f"{width} x {height}")


def _dictionaries(thing: Any, depth: int) -> Iterator[Any]:
    """The dictionary or stream itself and all written inside it; what it refers to comes by itself."""
    if depth > MAX_NESTING:
        raise ScanRefused("damaged", "nesting")
    if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
        yield thing
        inside = [value for _, value in thing.items()]
    elif isinstance(thing, pikepdf.Array):
        inside = list(thing)
    else:
        return
    for value in inside:
        if isinstance(value, pikepdf.Object) and not value.is_indirect:
            yield from _dictionaries(value, depth + 1)


def _check_acting(dictionary: Any) -> None:
    keys = set(dictionary.keys())
    action, subtype = dictionary.get("/S"), dictionary.get("/Subtype")
    acts = isinstance(action, pikepdf.Name) and str(action) in ACTING
    shows = isinstance(subtype, pikepdf.Name) and str(subtype) in ACTING_ANNOTATIONS
    if acts or shows or keys & ACTING_KEYS:
        raise ScanRefused("active")


def _check_unasked(first: Any) -> None:
    """Refuse what reaches out without a click: an action that opens something, those of each occasion, what follows them."""
    waiting, seen = [first, *(first.values() if _is_dictionary(first) and "/S" not in first else ())], set()
    while waiting:
        action = waiting.pop()
        if isinstance(action, pikepdf.Array) and action is not first:  # one that is first is a place to go to
            waiting += list(action)
        if not _is_dictionary(action) or (action.is_indirect and action.objgen in seen):
            continue
        seen.add(action.objgen)
        if str(action.get("/S", "")) in REACHING_OUT:
            raise ScanRefused("active", "reaches out by itself")
        waiting.append(action.get("/Next"))


def _is_dictionary(thing: Any) -> bool:
    return isinstance(thing, pikepdf.Dictionary)


def _check_attachment(dictionary: Any) -> None:
    if "/EF" in dictionary:
        names = [str(dictionary[key]) for key in ("/UF", "/F") if key in dictionary]
        if not names or any(PurePath(name).suffix.lower() not in QUIET_ATTACHMENTS for name in names):
            raise ScanRefused("active", "attachment")
    if dictionary.get("/Type") == "/EmbeddedFile" and dictionary.read_bytes().startswith(PROGRAM_STARTS):
        raise ScanRefused("active", "attachment")


def join(images: list[bytes]) -> bytes:
    """One PDF/A-1b with a page for each picture."""
    Image.MAX_IMAGE_PIXELS = None
    layout = img2pdf.get_layout_fun(pagesize=A4, fit=img2pdf.FitMode.into, auto_orient=True)
    colours = resources.files("pikepdf.pdfa") / "data" / "sRGB.icc"
    with resources.as_file(colours) as profile:
        document = img2pdf.convert(
            [_printable(image) for image in images],
            layout_fun=layout,
            rotation=img2pdf.Rotation.ifvalid,
            pdfa=str(profile),
            nodate=True,
        )
    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as pdf:  # its /ID holds the time: the same pictures give the same document
        del pdf.trailer["/ID"]
        pdf.save(written, deterministic_id=True, fix_metadata_version=False)
    return written.getvalue()


def _printable(image: bytes) -> bytes:
    """The picture as it is, or redrawn when a PDF/A-1 has no way to hold it."""
    with Image.open(io.BytesIO(image), formats=("JPEG", "PNG")) as picture:
        if picture.mode in PLAIN_MODES and picture.format != "PNG":
            return _first_jpeg(image)
        sixteen_bits = picture.format == "PNG" and image[PNG_DEPTH_AT] == 16
        turned = picture.getexif().get(ORIENTATION, 1) != 1
        if picture.mode in PLAIN_MODES and not (sixteen_bits or turned or picture.has_transparency_data):
            return image
        return _redraw(ImageOps.exif_transpose(picture))


def _first_jpeg(data: bytes) -> bytes:
    """The JPEG alone: telephones write previews, depth maps and films behind it and a list of them into it.

    Walks the segments of ITU-T T.81 annex B: marker, length, content; after a scan's header its coded data,
    in which 0xFF is followed by 0 or by a restart mark.
    """
    kept, at = [data[:2]], 2
    while data[at + 1] != JPEG_END:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == JPEG_SCAN:
            end = data.index(b"\xff", end)
            while data[end + 1] in JPEG_INSIDE_SCAN:
                end = data.index(b"\xff", end + 2)
        if not (marker == JPEG_APP2 and data[at + 4 : at + 8] == b"MPF\0"):
            kept.append(data[at:end])
        at = end
        while data[at + 1] == 0xFF:
            at += 1
    return b"".join((*kept, data[at : at + 2]))


def _redraw(picture: Image.Image) -> bytes:
    """Eight bits a colour, nothing transparent, upright."""
    drawn = io.BytesIO()
    if picture.mode == "CMYK":
        picture.convert("RGB").save(drawn, "JPEG", quality=95)
    else:
        plain(picture).save(drawn, "PNG")
    return drawn.getvalue()


def plain(picture: Image.Image) -> Image.Image:
    """Eight bits a colour, nothing transparent.

    Raises:
        ValueError: its dots are no colours (mode F).
    """
    if picture.mode == "F":
        message = "fractions are no colours"
        raise ValueError(message)
    if picture.mode.startswith("I"):  # grey in 16 bits: a plain conversion would make everything white
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture.convert("RGBA"))
        return ground.convert("RGB")
    return picture.convert("RGB")
