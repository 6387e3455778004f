"""Archive copies: what was uploaded, made into a PDF/A-3b that can still be read in fifty years, with its data inside.

Lives here: the pages of a copy (photographs as they were joined, any PDF drawn at 200 dots per inch, a cover before a
digitally signed PDF, which any conversion would destroy) and what is put into it. Parsers run in a warm child process
with limits (``children``; what it does is ``archive_pages``). Does not live here: the seal (``seals``), the data
(``consent_resources``), who asks for a copy and where it is kept (``services/copies``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from app.outside.children import Child, ChildFault
from app.outside.paper import PaperFault, Renderer
from app.outside.paper.texts import font_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COVER_STYLE: Final = """
@font-face { font-family: "Noto Sans"; src: url("font:REGULAR"); font-weight: 400 }
@font-face { font-family: "Noto Sans"; src: url("font:BOLD"); font-weight: 700 }
@page { size: A4; margin: 25mm }
html { font: 400 11pt/1.5 "Noto Sans"; color: #16212b; hyphens: none }
h1 { font-size: 18pt; line-height: 1.2; margin: 0 0 8mm 0 }
p { margin: 0 0 4mm 0; overflow-wrap: anywhere }
"""

SCREEN_DPI: Final = 110
"""Handwriting can be read, and a page is no larger than a telephone's photograph."""

_child: Final = Child(
    ["app.outside.archive_pages", "PIL.JpegImagePlugin", "PIL.PngImagePlugin"],
    memory_bytes=1536 << 20,
    seconds=60,
    jobs_before_replacement=40,
)
_renderer: Final = Renderer()


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that belongs to the copy. ``relationship`` is PDF's: ``Data`` (the same as data), ``Source`` (made from it)."""

    name: str
    description: str
    media_type: str
    relationship: str
    content: bytes


class CopyFault(Exception):
    """The copy could not be made.

    ``code`` is ``unreadable`` (a page cannot be drawn within the limits), ``not_archivable`` (it would be no PDF/A-3)
    or ``no_cover`` (the cover cannot be set). ``detail`` is for the operator and quotes nothing.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep both; only the code becomes the message."""
        super().__init__(code)
        self.code = code
        self.detail = detail


def draw_pages(original: bytes, tell: Callable[[int, int], object] = lambda _done, _pages: None) -> bytes:
    """Every page of any PDF as a picture at 200 dots per inch (fewer where pages are larger than A1), as one PDF.

    Args:
        original: as it was uploaded; ``scans.inspect`` has taken it.
        tell: called after each page with the pages done and all pages.

    Raises:
        CopyFault: ``unreadable``.
        ChildFault: ``busy``.
    """
    pages, dpi = _in_child("unreadable", _measure, original)
    pictures = []
    for number in range(pages):
        pictures.append(_in_child("unreadable", _draw, original, number, dpi))
        tell(number + 1, pages)
    bound: bytes = _in_child("unreadable", _bind, pictures, dpi)
    return bound


def look(document: bytes) -> list[tuple[str, bytes]]:
    """Each page as a picture to read on a screen, with its media type.

    Raises:
        CopyFault: ``unreadable``.
        ChildFault: ``busy``.
    """
    pages, dpi = _in_child("unreadable", _measure, document)
    pictures = [_in_child("unreadable", _draw, document, number, min(dpi, SCREEN_DPI)) for number in range(pages)]
    return [("image/png" if one.startswith(b"\x89PNG") else "image/jpeg", one) for one in pictures]


def set_cover(title: str, sentences: Sequence[str], *, language: str, made: dt.datetime) -> bytes:
    """The page before an attached PDF: a heading and plain sentences. The words are the caller's.

    Raises:
        CopyFault: ``no_cover``.
    """
    pins = font_pins()
    style = COVER_STYLE.replace("REGULAR", pins["regular"]["sha256"]).replace("BOLD", pins["bold"]["sha256"])
    words = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    head = f'<html lang="{escape(language)}"><head><title>{escape(title)}</title></head>'
    page = f"{head}<body><h1>{escape(title)}</h1>{words}</body></html>"
    try:
        return _renderer.render(page, style, title=title, language=language, created=made).pdf
    except PaperFault as fault:
        raise CopyFault("no_cover", fault.code) from None


def finish(pages: bytes, *, title: str, language: str, made: dt.datetime, files: Sequence[Attached]) -> bytes:
    """Pages of ours as PDF/A-3b with files inside; it is checked before it is given.

    Args:
        pages: from ``scans.combine``, ``draw_pages`` or ``set_cover``.
        title: metadata; never a patient's name.
        language: of the form, BCP 47.
        made: aware moment.
        files: what belongs to it.

    Raises:
        CopyFault: ``not_archivable``.
        ChildFault: ``busy``.
    """
    moment = made.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = [(one.name, one.description, one.media_type, one.relationship, one.content) for one in files]
    finished: bytes = _in_child("not_archivable", _finish, pages, title, language, moment, plain)
    return finished


def _in_child(code: str, function: Any, *args: object) -> Any:
    try:
        return _child.call(function, *args)
    except ChildFault as fault:
        if fault.code == "busy":
            raise
        raise CopyFault(code, f"child: {fault.code} {fault.kind}".rstrip()) from None


def _measure(original: bytes) -> tuple[int, float]:
    from app.outside import archive_pages  # noqa: PLC0415  imports the parsers, which only the child may

    return archive_pages.measure(original)


def _draw(original: bytes, number: int, dpi: float) -> bytes:
    from app.outside import archive_pages  # noqa: PLC0415  the same

    return archive_pages.draw(original, number, dpi)


def _bind(pictures: list[bytes], dpi: float) -> bytes:
    from app.outside import archive_pages  # noqa: PLC0415  the same

    return archive_pages.bind(pictures, dpi)


def _finish(pages: bytes, title: str, language: str, made: str, files: list[Any]) -> bytes:
    from app.outside import archive_pages  # noqa: PLC0415  the same

    return archive_pages.finish(pages, title, language, made, files)
