"""Forms filled in by nobody: crosses stand in their boxes, writing on its lines, and codes survive the machine."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator

import pytest
import zxingcpp
from PIL import Image, ImageChops

from app.outside import paper, scribbles
from app.outside.scribbles import Hand, Writing

CODE = "0123456789ABCDEF"
ADULT = Writing("adult", ("care-yes", "education-no"), [Hand("Ada Test", "Cork, 1.2.2026")], Hand("Eve Doctor"))


@pytest.fixture(scope="module")
def printed() -> Iterator[paper.Rendered]:
    text = paper.compose("eu", "en", "adult")
    html = paper.fill(text.html, {"form.code": CODE}, [paper.Registry("Register", "Trust", "IE")], demo=True)
    renderer = paper.Renderer()
    created = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    yield renderer.render(html, text.css, title=text.title, language="en", created=created)
    renderer.close()


def ink(page: Image.Image, place: paper.Place) -> float:
    """Share of dark dots in the inner half of a box."""
    dots = scribbles.DOTS / 25.4
    left, top = place.left + place.width / 4, place.top + place.height / 4
    box = (left * dots, top * dots, (left + place.width / 2) * dots, (top + place.height / 2) * dots)
    counts = page.crop(tuple(round(edge) for edge in box)).histogram()
    return sum(counts[:128]) / sum(counts)


def test_only_the_boxes_that_were_asked_for_hold_a_cross(printed: paper.Rendered) -> None:
    pages = scribbles.fill_in(printed, ADULT)

    boxes = [name for name in printed.places if name.endswith(("-yes", "-no"))]
    crossed = [name for name in boxes if ink(pages[printed.places[name].page - 1], printed.places[name]) > 0.1]
    assert crossed == ["care-yes", "education-no"]
    assert len(boxes) == 6


def test_the_pages_without_a_line_to_write_on_are_as_they_were_printed(printed: paper.Rendered) -> None:
    signed = scribbles.fill_in(printed, ADULT)
    again = scribbles.fill_in(printed, Writing("adult", (), [Hand("Ada Test")], Hand("Eve Doctor")))

    assert [ImageChops.difference(a, b).getbbox() is None for a, b in zip(signed, again, strict=True)] == [
        *[True] * (printed.returning - 1),
        False,
        True,  # the slip stays with the patient
    ]


@pytest.mark.parametrize("machine", [scribbles.scan, scribbles.photograph])
def test_the_codes_of_every_page_can_be_read_from_what_the_machine_gives(machine, printed: paper.Rendered) -> None:
    pictures = [Image.open(io.BytesIO(data)) for data in machine(scribbles.fill_in(printed, ADULT), "seed")]

    found = {paper.parse_qr(code.text) for picture in pictures for code in zxingcpp.read_barcodes(picture)}

    assert found == {(CODE, page) for page in range(1, printed.pages + 1)}


def test_a_form_with_other_lines_than_its_variant_is_refused(printed: paper.Rendered) -> None:
    writing = Writing("representative", (), [Hand("Ada Test")], Hand("Eve Doctor"))

    with pytest.raises(scribbles.StrangePaper) as refused:
        scribbles.fill_in(printed, writing)

    assert refused.value.code == "other_lines"
