"""The withdrawal slip is cut off: nothing that matters stands on its back, however the form is printed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from app.outside.paper import VARIANTS, Place, Registry, Rendered, Renderer, compose, fill, languages

CREATED = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
FORMS = [(p, language, v) for p in ("eu", "ua") for language in languages(p) for v in VARIANTS]
SOME = {"en", "el", "nl"}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(seconds=60)
    yield renderer
    renderer.close()


def on_the_back(paper: Rendered) -> list[str]:
    """What stands on the sheet of the slip and is none of the slip's. Sheets are pages 1 and 2, 3 and 4, ..."""
    sheet = (paper.places["slip"].page + 1) // 2
    return [
        name
        for name, place in paper.places.items()
        if (place.page + 1) // 2 == sheet and name not in {"slip", "head", "foot"} and not name.startswith("slip-")
    ]


def check(paper: Rendered) -> None:
    """On both sides: the slip is the whole of its sheet. On one side: every page is a sheet."""
    slip: Place = paper.places["slip"]
    assert on_the_back(paper) == []
    assert (slip.page, slip.page % 2) == (paper.pages, 1)  # a right-hand page, and the last: its back is never printed
    assert paper.returning == paper.places["copy"].page < slip.page


@pytest.mark.parametrize(("procedure", "language", "variant"), FORMS, ids="-".join)
def test_the_back_of_the_slip_is_empty_in_every_form(
    renderer: Renderer, procedure: str, language: str, variant: str
) -> None:
    text = compose(procedure, language, variant)
    html = fill(text.html, {}, demo=True)
    check(renderer.render(html, text.css, title=text.title, language=language, created=CREATED))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("count", [1, 4, 8])
def test_it_is_empty_with_any_number_of_registries_and_in_large_print(
    renderer: Renderer, count: int, *, large: bool
) -> None:
    named = [
        Registry(f"Registry of rare disease {one}", f"University Hospital {one}", "Germany") for one in range(count)
    ]
    for language in sorted(SOME):
        for variant in VARIANTS:
            text = compose("eu", language, variant)
            html = fill(text.html, {}, named, demo=True, large=large)
            check(renderer.render(html, text.css, title=text.title, language=language, created=CREATED))
