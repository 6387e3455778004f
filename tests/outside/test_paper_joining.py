"""Several forms as one file: each on sheets of its own, with its tags, its code and its language."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import pikepdf
import pytest

from app.outside.paper import Renderer, compose, fill
from tests.papers import pages_of

CREATED = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
LOST = -1
"""A page that was taken away."""


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


def form(renderer: Renderer, code: str, language: str = "en", pages: int | None = None) -> bytes:
    """A form, or so many of its pages."""
    text = compose("eu", language, "adult")
    html = fill(text.html, {"form.code": code}, by_hand=True)
    made = renderer.render(html, text.css, title=text.title, language=language, created=CREATED).pdf
    if pages is None:
        return made
    with pikepdf.open(io.BytesIO(made)) as pdf:
        del pdf.pages[pages:]
        out = io.BytesIO()
        pdf.save(out)
        return out.getvalue()


def parts(pdf: pikepdf.Pdf) -> list[tuple[str, set[int]]]:
    """Of each form in the whole its language, and the pages (from 0) its tags point to."""
    numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages)}
    found = []
    for part in pdf.Root.StructTreeRoot.K.K:
        pages: set[int] = set()
        collect(part, numbers, pages)
        found.append((str(part.Lang), pages))
    return found


def collect(element: Any, numbers: dict[Any, int], pages: set[int]) -> None:
    if "/Pg" in element:
        pages.add(numbers.get(element.Pg.objgen, LOST))
    below = element.get("/K", [])
    for one in below if isinstance(below, pikepdf.Array) else [below]:
        if not isinstance(one, int):
            collect(one, numbers, pages)


def test_each_form_keeps_its_pages_its_tags_and_its_language(renderer: Renderer) -> None:
    forms = [form(renderer, "A" * 16), form(renderer, "B" * 16, "el"), form(renderer, "C" * 16)]
    with pikepdf.open(io.BytesIO(forms[0])) as alone:
        each = len(alone.pages)
    room = each + each % 2
    with pikepdf.open(io.BytesIO(renderer.join(forms))) as pdf:
        runs = [set(range(n * room, n * room + each)) for n in range(3)]
        assert parts(pdf) == list(zip(["en", "el", "en"], runs, strict=True))
        tree = pdf.Root.StructTreeRoot
        assert tree.K.S == "/Document"
        assert [int(n) for n in list(tree.ParentTree.Nums)[::2]] == list(range(3 * each))
        tagged = [page.obj.StructParents for page in pdf.pages if "/StructParents" in page.obj]
        assert [int(number) for number in tagged] == list(range(3 * each))
        metadata = bytes(pdf.Root.Metadata.read_bytes())
    assert b"<pdfaid:part>3" in metadata or b'pdfaid:part="3"' in metadata
    assert b"pdfuaid:part" in metadata


def test_each_form_begins_on_a_right_hand_page(renderer: Renderer) -> None:
    odd = [form(renderer, letter * 16, pages=3) for letter in "ABC"]
    whole = renderer.join(odd)
    with pikepdf.open(io.BytesIO(whole)) as pdf:
        starts = [min(pages - {LOST}) for _language, pages in parts(pdf)]
        assert (starts, len(pdf.pages)) == ([0, 4, 8], 11)
    words = [" ".join(page.split()) for page in pages_of(whole)]
    assert [sum(f"{letter * 4}-" in page for page in words) for letter in "ABC"] == [3, 3, 3]


def test_one_form_alone_is_itself(renderer: Renderer) -> None:
    alone = form(renderer, "A" * 16)
    assert renderer.join([alone]) == alone


def test_the_same_forms_give_the_same_bytes(renderer: Renderer) -> None:
    forms = [form(renderer, "A" * 16), form(renderer, "B" * 16)]
    assert renderer.join(forms) == renderer.join(forms)
