"""Blank forms: every line to be written by hand. Needs no database, no secret and no demo data."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.outside.paper.fields import PROCEDURES, VARIANTS
from app.outside.paper.fills import fill
from app.outside.paper.renderers import Rendered, Renderer
from app.outside.paper.texts import compose, language_name, languages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PRINTED: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""The date inside a blank file: fixed, so that the same text gives the same file."""
AT_ONCE: Final = 2
"""Processes that set all forms: as many as the smallest server has cores."""


def render_blank(
    procedure: str,
    language: str,
    variant: str,
    output: Path | None = None,
    *,
    values: Mapping[str, str] | None = None,
    demo: bool = False,
    large: bool = False,
    renderer: Renderer | None = None,
) -> Rendered:
    """Set one form without a patient and, with ``output``, write it there.

    ``values`` may hold what is known all the same (operator, hospital, authority, form code).

    Raises:
        PaperFault: see ``CODES``.
        OSError: the file cannot be written.
    """
    text = compose(procedure, language, variant)
    known = {"form.version": text.version, "form.language": language_name(language), **(values or {})}
    html = fill(text.html, known, demo=demo, large=large)
    if renderer is None:
        with closing(Renderer()) as own:
            rendered = own.render(html, text.css, title=text.title, language=language, created=PRINTED)
    else:
        rendered = renderer.render(html, text.css, title=text.title, language=language, created=PRINTED)
    if output is not None:
        output.write_bytes(rendered.pdf)
    return rendered


def render_all_blanks(folder: Path, *, demo: bool = False, large: bool = False) -> Iterator[Path]:
    """Write every form there is into ``folder`` as ``<procedure>-<language>-<variant>.pdf``; yield each path."""
    folder.mkdir(parents=True, exist_ok=True)
    forms = [(procedure, one, kind) for procedure in PROCEDURES for one in languages(procedure) for kind in VARIANTS]

    def write(form: tuple[str, str, str]) -> Path:
        path = folder / f"{'-'.join(form)}.pdf"
        render_blank(*form, path, demo=demo, large=large, renderer=renderer)
        return path

    with closing(Renderer(children=AT_ONCE)) as renderer, ThreadPoolExecutor(AT_ONCE) as threads:
        yield from threads.map(write, forms)
