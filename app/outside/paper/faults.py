"""What can go wrong with paper, as a stable code. The user's sentence is made elsewhere, from the code."""

from __future__ import annotations

from typing import Final

CODES: Final = {
    "fonts_missing": "a pinned font is not in app/fonts, or is not the pinned file: run `make setup`",
    "text_missing": "there is no text for this procedure, language and variant",
    "text_broken": "the source of a text is not well-formed, or lacks a point, word or field",
    "unknown_field": "a value was given for a field that does not exist",
    "warned": "the renderer warned: a style, picture or element it could not set",
    "refused_address": "the paper asked for something from outside",
    "foreign_font": "a font that is not ours would be embedded",
    "too_long": "setting the paper took too long",
    "too_big": "the paper needs too much memory, has too many pages or too many characters",
    "crashed": "the renderer's process ended without an answer",
    "busy": "too many papers are waiting",
}


class PaperFault(Exception):
    """The paper could not be made.

    ``code`` is one of ``CODES``. ``detail`` may quote the paper's content: never log it, never show it.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep both; only the code becomes the message."""
        super().__init__(code)
        self.code = code
        self.detail = detail
