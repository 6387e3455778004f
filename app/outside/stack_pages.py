"""What the warm child does to take a stack apart: any file becomes PDFs of one page each, and pages become one PDF again.

Runs in the child only (``stacks`` is how others see it). Pages of a stack belong to different patients, so a page takes
nothing along that it does not show: scanners write the pictures of all pages into one list.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import pikepdf
from PIL import Image, ImageSequence

from app.outside import scan_readings
from app.outside.scans import MAX_PIXELS, SIGNED, ScanRefused
from app.outside.stacks import TIFF_STARTS

TIFF_ENDINGS: Final = frozenset({"", ".tif", ".tiff"})
OF_A_PAGE: Final = frozenset(
    {"/Type", "/MediaBox", "/CropBox", "/Rotate", "/UserUnit", "/Resources", "/Contents", "/Annots"}
)
OF_A_NOTE: Final = frozenset({"/Type", "/Subtype", "/Rect", "/AP", "/AS", "/F", "/MK", "/FT", "/InkList", "/C", "/BS"})
"""What an annotation needs to be drawn; the rest may lead to other pages and to what was typed there."""

PDF_START: Final = b"%PDF-"

Verdict = tuple[str, str, int | str]


def examine(content: bytes, ending: str, room: int) -> Verdict:
    """Kind and pages of a file, or the code and detail of a refusal."""
    if content.startswith(PDF_START) and SIGNED in content:
        return ("refused", "signed", "taking it apart would destroy the signature")
    if not content.startswith(TIFF_STARTS):
        return scan_readings.examine(content, ending, room)
    try:
        return ("scan", "tiff", _frames(content, ending, room))
    except ScanRefused as refused:
        return ("refused", refused.code, refused.detail)


def _frames(content: bytes, ending: str, room: int) -> int:
    """Count the pages of a TIFF; they are decoded one by one, when they are taken out."""
    if ending not in TIFF_ENDINGS or scan_readings.is_something_else(content):
        raise ScanRefused("not_a_scan", "extension, or a second type as well")
    Image.MAX_IMAGE_PIXELS = None  # our own limit below; in the child only
    count = 0
    try:
        with Image.open(io.BytesIO(content), formats=("TIFF",)) as picture:
            while True:
                try:
                    picture.seek(count)
                except EOFError:
                    return count
                if picture.width * picture.height > MAX_PIXELS:
                    raise ScanRefused("too_many_pixels", f"{picture.width} x {picture.height}")
                count += 1
                if count > room:
                    raise ScanRefused("too_many_pages", f"more than {room}")
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, struct.error) as fault:
        raise ScanRefused("damaged", type(fault).__name__) from None


def pages(content: bytes, kind: str, first: int, count: int) -> list[bytes]:
    """So many pages of a file that was examined, from ``first`` (0) on."""
    if kind == "pdf":
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False) as pdf:
            return [_alone(pdf.pages[number]) for number in range(first, first + count)]
    if kind == "tiff":
        with Image.open(io.BytesIO(content), formats=("TIFF",)) as picture:
            return [scan_readings.join([_frame(picture, number)]) for number in range(first, first + count)]
    return [scan_readings.join([content])]


def _frame(picture: Image.Image, number: int) -> bytes:
    frame = ImageSequence.Iterator(picture)[number]
    written = io.BytesIO()
    plain = frame if frame.mode in {"1", "L", "RGB"} else scan_readings.plain(frame)
    plain.save(written, "PNG", compress_level=1, dpi=frame.info.get("dpi"))
    return written.getvalue()


def _alone(page: pikepdf.Page) -> bytes:
    """A page without what it does not show."""
    with pikepdf.new() as made:
        made.pages.append(page)
        alone = made.pages[0]
        for key in set(alone.obj.keys()) - OF_A_PAGE:
            del alone.obj[key]
        for note in alone.obj.get("/Annots", []):
            for key in set(note.keys()) - OF_A_NOTE:
                del note[key]
        _drop_unshown(alone)
        made.remove_unreferenced_resources()
        return _saved(made)


def _drop_unshown(page: pikepdf.Page) -> None:
    """Drop the pictures the page never names: qpdf keeps them all when the page names a single thing it cannot find."""
    resources = page.obj.get("/Resources", {})
    named = {
        str(operand)
        for step in pikepdf.parse_content_stream(page)
        for operand in step.operands
        if isinstance(operand, pikepdf.Name)
    }
    for kind in ("/XObject", "/Pattern", "/ExtGState", "/Properties"):
        for name in set(resources.get(kind, {}).keys()) - named:
            del resources[kind][name]


def bind(alone: list[bytes]) -> bytes:
    """One PDF of several."""
    opened = [pikepdf.open(io.BytesIO(one)) for one in alone]
    with pikepdf.new() as made:
        for pdf in opened:
            made.pages.extend(pdf.pages)
        document = _saved(made)
    for pdf in opened:
        pdf.close()
    return document


def _saved(pdf: pikepdf.Pdf) -> bytes:
    written = io.BytesIO()
    pdf.save(written, deterministic_id=True)
    return written.getvalue()
