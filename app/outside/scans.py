"""Scans of signed paper: what may be archived, and several photographs made into one document.

Lives here: the check of an uploaded file and the joining of photographs; both meet what strangers wrote, so
both run in a warm child process with limits (``children``; what it does is ``scan_readings``). Does not live
here: the user's sentence for each refusal (``services/archives``), keeping the bytes (``storage``), reading
the QR codes on a page (``paper``).

A file is taken when four witnesses agree on its type: its extension, its first bytes, a list of known marks
(puremagic) and a parser that reads it to the end (qpdf for PDF, Pillow for pictures). A PDF must be whole and
plain: not encrypted, not repaired by guessing, with nothing in it that acts. What we cannot read to the end
today nobody will read in fifteen years.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from app.outside.children import Child, ChildFault

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES: Final = 50 * 1000 * 1000
MAX_PAGES: Final = 20
MAX_PIXELS: Final = 120 * 1000 * 1000
"""Of one picture, and of one page at 200 dpi (the archive copy): large telephones give 108 million."""
SIGNED: Final = b"/ByteRange"
"""Stands in the clear in every digitally signed PDF: it is filled in when the rest is done (ISO 32000, 12.8.1)."""
MEDIA_TYPES: Final = {"pdf": "application/pdf", "jpeg": "image/jpeg", "png": "image/png"}

_child: Final = Child(
    ["app.outside.scan_readings", "pypdfium2", "PIL.JpegImagePlugin", "PIL.MpoImagePlugin", "PIL.PngImagePlugin"],
    memory_bytes=1536 << 20,
    seconds=30,
    jobs_before_replacement=100,
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What an accepted file is: ``pdf``, ``jpeg`` or ``png``; a picture has one page."""

    kind: str
    pages: int
    media_type: str


class ScanRefused(Exception):
    """The file may not be archived; ``code`` says why, ``detail`` says where, in our words, quoting nothing.

    Codes: ``empty``, ``too_large`` (over 50 MB), ``not_a_scan`` (neither PDF, JPEG nor PNG, or not what it
    says), ``encrypted``, ``damaged`` (cut, broken, or beyond the child's limits), ``no_pages``,
    ``too_many_pages`` (over 20), ``too_many_pixels``, ``active`` (scripts, programs, forms that act).
    """

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep both; only the code becomes the message."""
        super().__init__(code)
        self.code = code
        self.detail = detail


def inspect(content: bytes | Path, filename: str) -> Scan:
    """Say what kind of scan this is.

    Args:
        content: the uploaded bytes, or where they are.
        filename: as the browser sent it; only its extension is read; a name without one claims nothing.

    Raises:
        ScanRefused: see there.
        ChildFault: ``busy``, too many files at once; the file is not to blame.
    """
    data = _read(content)
    match verdict(_child, MAX_BYTES, _examine, data, PurePath(filename).suffix.lower()):
        case ("scan", str(kind), int(pages)):
            if kind == "pdf":
                asked(_child, _draw, data)
            return Scan(kind, pages, MEDIA_TYPES[kind])
    raise ScanRefused("damaged", "no verdict")


def combine(images: Sequence[bytes]) -> bytes:
    """One PDF/A-1b, a page of A4 (upright or lying) per JPEG or PNG, turned as the camera noted.

    JPEG data goes in as it is, without what telephones hang behind it. Transparent pictures are put on white,
    printing colours become RGB, 16 bits become 8. Each picture should have passed ``inspect``; the originals
    are the caller's to keep.

    Raises:
        ScanRefused: ``no_pages``, ``too_many_pages``, ``too_large`` (together), ``damaged``.
        ChildFault: ``busy``.
    """
    if not images:
        raise ScanRefused("no_pages")
    if len(images) > MAX_PAGES:
        raise ScanRefused("too_many_pages")
    if sum(map(len, images)) > MAX_BYTES:
        raise ScanRefused("too_large", "together")
    document = asked(_child, _join, list(images))
    if not isinstance(document, bytes):
        raise ScanRefused("damaged", "no document")
    return document


def _read(content: bytes | Path) -> bytes:
    if isinstance(content, bytes):
        return content
    _refuse_size(content.stat().st_size, MAX_BYTES)
    return content.read_bytes()


def _refuse_size(size: int, most: int) -> None:
    if not size:
        raise ScanRefused("empty")
    if size > most:
        raise ScanRefused("too_large")


def verdict(child: Child, most: int, function: Any, content: bytes, *more: object) -> Any:
    """What a child process says of a file of at most ``most`` bytes, when it does not refuse it.

    Raises:
        ScanRefused: ``empty``, ``too_large``, what the child says, or ``damaged`` when it dies of the file.
        ChildFault: ``busy``.
    """
    _refuse_size(len(content), most)
    answer = asked(child, function, content, *more)
    match answer:
        case ("refused", str(code), str(detail)):
            raise ScanRefused(code, detail)
    return answer


def asked(child: Child, function: Any, *args: object) -> Any:
    """What a child process answers that takes a scan apart; a child that dies of it says that the scan is damaged.

    Raises:
        ScanRefused: ``damaged``.
        ChildFault: ``busy``.
    """
    try:
        return child.call(function, *args)
    except ChildFault as fault:
        if fault.code == "busy":
            raise
        raise ScanRefused("damaged", f"child: {fault.code} {fault.kind}".rstrip()) from None


def _examine(data: bytes, extension: str) -> tuple[str, str, int | str]:
    from app.outside import scan_readings  # noqa: PLC0415  imports the parsers, which only the child may

    return scan_readings.examine(data, extension)


def _draw(data: bytes) -> None:
    from app.outside import scan_readings  # noqa: PLC0415  the same

    scan_readings.draw(data)


def _join(images: list[bytes]) -> bytes:
    from app.outside import scan_readings  # noqa: PLC0415  the same

    return scan_readings.join(images)
