"""What the warm child does to learn which form a file says it is: attached data, codes on the pages, words on the pages.

Runs in the child only (``claims`` is how others see it). It is lenient on purpose: a file that was changed shall still
say which form it was.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, Final

import pypdfium2
from PIL import Image, ImageSequence, UnidentifiedImageError
from pypdfium2 import raw

from app.outside import stack_marks
from app.outside.paper.codes import BLANK_CODE, CROCKFORD, parse_qr, plain_code
from app.outside.scans import MAX_PIXELS, ScanRefused

MOST_PAGES: Final = 8
"""A form has four; a cover or a letter may lie before it."""
MOST_LETTERS: Final = 20_000
MOST_ATTACHMENTS: Final = 10
PICTURES: Final = ("JPEG", "PNG", "TIFF")
ATTACHED: Final = re.compile(rf"consent-([{CROCKFORD}]{{16}})(?:-signed\.pdf|\.fhir\.json)")
"""How ``services/copies`` names what it puts into an archive copy."""
WRITTEN: Final = re.compile(rf"(?<![0-9A-Z-])[{CROCKFORD}]{{4}}(?:-[{CROCKFORD}]{{4}}){{3}}(?![0-9A-Z-])")


def read(content: bytes) -> tuple[str, list[str]] | tuple[str, str, str]:
    """``("codes", the form codes)`` or ``("refused", code, detail)``."""
    try:
        found = _of_pdf(content) if b"%PDF-" in content[:1024] else _of_pictures(content)
        return ("codes", [code for code in dict.fromkeys(found) if code != BLANK_CODE])
    except ScanRefused as refused:
        return ("refused", refused.code, refused.detail)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  whatever a stranger's file makes the parser say, it cannot be read
        return ("refused", "damaged", "")


def on_pages(content: bytes) -> list[list[tuple[str, int]]]:
    """The form codes and their page numbers on each page of a PDF, drawn as people see it: with what was put over it."""
    document = pypdfium2.PdfDocument(content)
    document.init_forms()
    found = (_marks(stack_marks.drawn_page(document, number)) for number in range(len(document)))
    return [[mark for mark in marks if mark[0] != BLANK_CODE] for marks in found]


def _of_pdf(content: bytes) -> list[str]:
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as fault:
        raise ScanRefused("encrypted" if fault.err_code == raw.FPDF_ERR_PASSWORD else "damaged") from None
    document.init_forms()
    names = [document.get_attachment(n).get_name() for n in range(min(document.count_attachments(), MOST_ATTACHMENTS))]
    attached = [match[1] for match in map(ATTACHED.fullmatch, names) if match]
    pages = range(min(len(document), MOST_PAGES))
    printed = [code for number in pages for code in _codes(stack_marks.drawn_page(document, number))]
    return [*attached, *printed] or [code for number in pages for code in _written(document[number])]


def _written(page: Any) -> list[str]:
    """Codes among the words of a page: a receipt has no other."""
    words = page.get_textpage()
    found = WRITTEN.findall(words.get_text_range(0, min(words.count_chars(), MOST_LETTERS)))
    return [plain_code(one) for one in found]


def _of_pictures(content: bytes) -> list[str]:
    return [code for picture in _pictures(content) for code in _codes(picture)]


def _pictures(content: bytes) -> Iterator[Image.Image]:
    Image.MAX_IMAGE_PIXELS = None  # our own limit below; in the child only
    try:
        opened = Image.open(io.BytesIO(content), formats=PICTURES)
    except UnidentifiedImageError:
        raise ScanRefused("not_a_scan") from None
    with opened:
        for number, frame in enumerate(ImageSequence.Iterator(opened)):
            if number >= MOST_PAGES or (number and opened.format == "MPO"):  # the rest are previews of the same
                return
            if frame.width * frame.height > MAX_PIXELS:
                raise ScanRefused("too_many_pixels")
            yield stack_marks.fitting(frame.convert("L"))


def _codes(picture: Image.Image) -> list[str]:
    return [code for code, _number in _marks(picture)]


def _marks(picture: Image.Image) -> list[tuple[str, int]]:
    found = (parse_qr(code.text) for code in stack_marks.find_codes(picture, enough=1))
    return [one for one in found if one]
