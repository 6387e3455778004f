"""The lines one writes on, found in a printed form itself: its text has no names for them.

What is written there by nobody is ``scribbles``, whether somebody wrote there is ``stacks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final, NamedTuple

import pypdfium2
from pypdfium2 import raw

from app.outside.paper.renderers import Rendered

POINT: Final = 25.4 / 72
HEIGHTS: Final = ((9.5, 12.5, 4.2), (15.0, 18.0, 6.8))
"""Millimetres a writing line of the signature page is high, from and to, and what its label may take of that at the
top: of ``.cell`` in paper.css, and of ``.large .cell``."""
RULE: Final = 1.3
"""Millimetres at the bottom of a line that are left to its rule."""
LINES: Final = {"adult": 8, "representative": 18}
"""How many lines there are to write on."""
DATES: Final = {"adult": 0, "representative": 3}
"""Which of them is place and date of who gives consent; the signature follows."""
PEN: Final = 8.0
"""Millimetres for the pen below the label of a field that is filled in by hand (``.by-hand`` of paper.css)."""
WHO: Final = ("family_name", "given_names", "birth_date", "file_number")

Rectangle = tuple[int, float, float, float, float]
"""Page from 1; left, top, width and height in millimetres."""


class Line(NamedTuple):
    """A line to write on: page from 1, millimetres from the page's top left corner."""

    page: int
    left: float
    top: float
    width: float
    height: float

    @property
    def writing(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of what is written on."""
        label = next(label for _low, high, label in HEIGHTS if self.height < high)
        return self.left + 1, self.top + label, self.width - 2, self.height - label - RULE


def rows(printed: Rendered) -> list[list[Line]]:
    """The writing lines below the decisions, by row, from the top left."""
    with pypdfium2.PdfDocument(printed.pdf) as document:
        found = sorted(_found(document, printed), key=lambda line: (*_height(line), line.left))
    return [list(row) for _place, row in groupby(found, _height)]


def signatures(printed: Rendered, variant: str) -> Mapping[str, Line]:
    """Where a form has to be signed: ``date`` and ``signer`` of who gives consent, ``clinician``.

    The order is that of form.html, in large print too, which has fewer lines in a row. A page whose lines are others
    than its variant's has none.
    """
    found, date = [line for row in rows(printed) for line in row], DATES[variant]
    if len(found) != LINES[variant]:
        return {}
    return {"date": found[date], "signer": found[date + 1], "clinician": found[-4]}


def identity(printed: Rendered) -> Mapping[str, Rectangle]:
    """Where a form says who the patient is, in print or by hand: ``patient-family_name`` and so on."""
    places = {name: printed.places.get(f"signing-{name}") for name in WHO}
    return {
        f"patient-{name}": (place.page, place.left, place.top, place.width, PEN - RULE)
        for name, place in places.items()
        if place is not None
    }


def _found(document: pypdfium2.PdfDocument, printed: Rendered) -> Iterator[Line]:
    """A rectangle each, as WeasyPrint clips the border of a table's cell."""
    decisions = printed.places["decisions"]
    for number in range(decisions.page, printed.returning + 1):
        page = document[number - 1]
        height = page.get_height()
        for path in page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH]):
            left, bottom, right, top = path.get_bounds()
            line = Line(number, *(POINT * edge for edge in (left, height - top, right - left, top - bottom)))
            below = number > decisions.page or line.top > decisions.top + decisions.height
            if below and any(low < line.height < high for low, high, _label in HEIGHTS):
                yield line
        page.close()


def _height(line: Line) -> tuple[int, int]:
    return line.page, round(line.top)
