"""A stack of scans: one file of many forms taken apart into pages, each page's code found, its boxes and lines looked at.

Lives here: what the job worker asks, one page at a time; all of it runs in a warm child with limits (what that does is
``stack_pages`` and ``stack_marks``). Does not live here: whose form a code belongs to, and what is done with a page
(``services/stacks``); the archive's own check of what is filed in the end (``scans``).

Nothing is decided here: a box is *yes* or *no* of its own, or unsure, and its picture goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from app.outside import scans
from app.outside.children import Child
from app.outside.scans import ScanRefused

MOST_PAGES: Final = 200
"""Of one file, and of one stack."""
MOST_FILES: Final = 200
MOST_BYTES: Final = 60 * 1000 * 1000
"""Of all files together: what one request may bring."""
AT_ONCE: Final = 10
"""Pages that are taken out of a file in one go, so that a long file never stands in memory twice."""

TIFF_STARTS: Final = (b"II*\0", b"MM\0*")

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height: millimetres from the top left corner of the printed page."""

_child: Final = Child(
    ["app.outside.stack_pages", "app.outside.stack_marks", "PIL.TiffImagePlugin", "PIL.JpegImagePlugin", "zxingcpp"],
    memory_bytes=768 << 20,
    seconds=30,
    jobs_before_replacement=100,
)

_viewer: Final = Child(
    ["app.outside.stack_marks"], memory_bytes=768 << 20, seconds=10, jobs_before_replacement=100, patience_seconds=5
)
"""Draws for somebody who waits in front of the screen: not behind the two hundred pages of a job."""


class Seen(NamedTuple):
    """What a page says of itself: our code and page number if it carries them.

    ``turned`` is how far the page must be turned clockwise to stand upright (0, 90, 180, 270), ``foreign`` whether it
    carries a code of another system instead, ``small`` a little picture of the upright page (JPEG).
    """

    code: str | None
    number: int | None
    turned: int
    foreign: bool
    small: bytes


class Box(NamedTuple):
    """One box of a form: ``yes`` (crossed), ``no`` (empty) or ``unsure``, and its picture (JPEG) with what is around it."""

    crossed: str
    picture: bytes


class Marks(NamedTuple):
    """What stands on the boxes and lines of a page, by name.

    ``inked`` says of each line whether something is written on it; ``pictures`` are those of the lines (JPEG).
    """

    boxes: dict[str, Box]
    inked: dict[str, bool]
    pictures: dict[str, bytes]


def is_tiff(content: bytes) -> bool:
    """Whether a file begins as a TIFF does."""
    return content.startswith(TIFF_STARTS)


def take_apart(content: bytes, filename: str, room: int = MOST_PAGES) -> Iterator[bytes]:
    """Each page of a file as a PDF of its own, without anything that belongs to another page.

    Args:
        content: a PDF, a TIFF of one or many pages, a JPEG or a PNG.
        filename: only its ending is read.
        room: how many pages the stack may still have.

    Raises:
        ScanRefused: at the first page; the codes are those of ``scans``, with ``too_many_pages`` over ``room`` and
            ``signed`` for a digitally signed PDF.
        ChildFault: ``busy``; the file is not to blame.
    """
    match scans.verdict(_child, MOST_BYTES, _examine, content, PurePath(filename).suffix.lower(), room):
        case ("scan", str(kind), int(pages)):
            for first in range(0, pages, AT_ONCE):
                yield from scans.asked(_child, _pages, content, kind, first, min(AT_ONCE, pages - first))
        case _:
            raise ScanRefused("damaged", "no verdict")


def look(page: bytes) -> Seen:
    """Find the code of a page and which way up it is.

    Args:
        page: one of ``take_apart``.

    Raises:
        ScanRefused: ``damaged``: the page cannot be drawn within the limits.
        ChildFault: ``busy``.
    """
    return Seen(*scans.asked(_child, _look, page))


def read_marks(page: bytes, boxes: Mapping[str, Rectangle], lines: Mapping[str, Rectangle]) -> Marks | None:
    """Read the boxes and writing lines of a page whose form is known; ``None`` where no code says how the page lies.

    Args:
        page: one of ``take_apart``.
        boxes: where its boxes were printed, by name.
        lines: where one writes, by name: below the label, above the rule.

    Raises:
        ScanRefused: ``damaged``.
        ChildFault: ``busy``.
    """
    found = scans.asked(_child, _read, page, dict(boxes), dict(lines))
    if found is None:
        return None
    crossed, inked, pictures = found
    return Marks({name: Box(*box) for name, box in crossed.items()}, inked, pictures)


def draw(page: bytes, turned: int, width: int) -> bytes:
    """The page upright, as a JPEG so many dots wide.

    Raises:
        ScanRefused: ``damaged``.
        ChildFault: ``busy``.
    """
    picture: bytes = scans.asked(_viewer, _draw, page, turned, width)
    return picture


def bind(pages: Sequence[bytes]) -> bytes:
    """One PDF of several pages, each as it is.

    Raises:
        ScanRefused: ``damaged``.
        ChildFault: ``busy``.
    """
    document: bytes = scans.asked(_child, _bind, list(pages))
    return document


# --- in the child: it alone imports the parsers -----------------------------------------------------------------------


def _examine(content: bytes, ending: str, room: int) -> Any:
    from app.outside import stack_pages  # noqa: PLC0415  imports the parsers, which only the child may

    return stack_pages.examine(content, ending, room)


def _pages(content: bytes, kind: str, first: int, count: int) -> Any:
    from app.outside import stack_pages  # noqa: PLC0415  the same

    return stack_pages.pages(content, kind, first, count)


def _bind(pages: list[bytes]) -> Any:
    from app.outside import stack_pages  # noqa: PLC0415  the same

    return stack_pages.bind(pages)


def _look(page: bytes) -> Any:
    from app.outside import stack_marks  # noqa: PLC0415  the same

    return stack_marks.look(page)


def _read(page: bytes, boxes: dict[str, Rectangle], lines: dict[str, Rectangle]) -> Any:
    from app.outside import stack_marks  # noqa: PLC0415  the same

    return stack_marks.read(page, boxes, lines)


def _draw(page: bytes, turned: int, width: int) -> Any:
    from app.outside import stack_marks  # noqa: PLC0415  the same

    return stack_marks.draw(page, turned, width)
