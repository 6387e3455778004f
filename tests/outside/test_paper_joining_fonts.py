"""Joined forms carry each font once."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pikepdf

from app.outside.paper import Press, Renderer, compose


def test_fonts_that_are_the_same_are_in_the_joined_file_once(tmp_path: Path) -> None:
    text, renderer = compose("eu", "en", "adult"), Renderer(seconds=60)
    press, created = Press(renderer, tmp_path), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    facts = {"role": "processor", "demo": False, "title": text.title, "language": "en", "created": created}
    forms = [press.print(text.html, text.css, {"form.code": f"{n:016d}"}, [], **facts).pdf for n in range(6)]  # type: ignore[arg-type]
    joined = press.join(forms)
    renderer.close()

    def fonts(content: bytes) -> int:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            return sum("/FontFile2" in one for one in pdf.objects if isinstance(one, pikepdf.Dictionary))

    def programs(content: bytes) -> int:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            found = [
                one.FontFile2.objgen
                for one in pdf.objects
                if isinstance(one, pikepdf.Dictionary) and "/FontFile2" in one
            ]
            return len(set(found))

    assert (fonts(joined), programs(joined)) == (6 * fonts(forms[0]), programs(forms[0]))
    assert len(joined) < 2 * len(forms[0])
