"""Fixtures several files of this folder share: renderers, and a form with everything filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.outside.paper import (
    Rendered,
    Renderer,
)
from tests.outside.printed import VALUES, set_filled

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(seconds=20)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def strict() -> Iterator[Renderer]:
    """A renderer that loses patience soon: for pages made to run for ever."""
    renderer = Renderer(seconds=4, memory_bytes=256 << 20)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def filled(renderer: Renderer) -> Rendered:
    return set_filled(renderer, VALUES)
