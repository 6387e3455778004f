"""What tests scan and what they read back: photographs, PDFs, the words on a printed form, a refusal's sentence."""

from __future__ import annotations

import io
import subprocess
from typing import Any

import pikepdf
from flask_babel import force_locale
from PIL import Image, ImageDraw


def photograph(size: tuple[int, int] = (600, 850), kind: str = "JPEG") -> bytes:
    """A picture of a page with something on it."""
    drawn = Image.new("RGB", size, "white")
    ImageDraw.Draw(drawn).rectangle((40, 40, size[0] - 40, 120), fill="black")
    out = io.BytesIO()
    drawn.save(out, kind)
    return out.getvalue()


def document(pages: int = 1, script: str = "", **how: Any) -> bytes:
    """A PDF; ``how`` goes to pikepdf's save (``encryption=...``)."""
    made = pikepdf.new()
    for _ in range(pages):
        made.add_blank_page(page_size=(595, 842)).contents_add(b"0 0 100 100 re f")
    if script:
        made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=script)
    out = io.BytesIO()
    made.save(out, **how)
    return out.getvalue()


def locked_document() -> bytes:
    """A PDF that asks for a password."""
    return document(encryption=pikepdf.Encryption(owner="owner", user="user"))


def pages_of(pdf: bytes) -> list[str]:
    """The words on each page, as somebody who copies them gets them, with single spaces."""
    run = subprocess.run(["pdftotext", "-q", "-enc", "UTF-8", "-", "-"], input=pdf, capture_output=True, check=True)
    return [" ".join(page.split()) for page in run.stdout.decode().split("\f") if page.strip()]


def words_of(pdf: bytes) -> str:
    """The words of all pages."""
    return " ".join(pages_of(pdf))


def sentence(refusal: Exception) -> str:
    """What an English reader reads of a refusal."""
    with force_locale("en"):
        return str(refusal)


def by_field(refusal: Any) -> dict[str, str]:
    """The sentences a refusal puts beside fields."""
    with force_locale("en"):
        return {name: str(words) for name, words in refusal.fields.items()}
