"""The receipt of a withdrawal: skeleton and words put together for one purpose, ready to be set.

The words are app/consent_templates/receipts.toml, the skeleton receipt.html. A receipt names nobody: the form's code
says whose it is, so it can be printed again after the record is erased. Values are data: they become text, never markup.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from app.outside.paper.faults import PaperFault
from app.outside.paper.fills import clean
from app.outside.paper.texts import TEMPLATES, TOKEN, append_plain, language_table

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_OTHER_LANGUAGES: Final = "en"
"""What a form in a language without a receipt gets."""
KEPT: Final = frozenset({"id", "class", "charset"})


@cache
def receipt_words() -> dict[str, dict[str, str]]:
    """The words of each language."""
    return tomllib.loads((TEMPLATES / "receipts.toml").read_text("utf-8"))


def receipt_language(language: str) -> str:
    """The language of the receipt for a form in a language."""
    return language if language in receipt_words() else IN_OTHER_LANGUAGES


def compose_receipt(language: str, purpose: str, values: Mapping[str, str], *, demo: bool = False) -> str:
    """The page of one receipt.

    Args:
        language: one of ``receipt_words``.
        purpose: ``care``, ``education`` or ``registry``.
        values: by the names of the skeleton's fields; ``channel`` is one of the channels' words.
        demo: put the DEMO mark on the page.

    Raises:
        PaperFault: ``unknown_field`` for a field without a value.
    """
    words = receipt_words()[language]
    shown = {**values, "channel": words[values["channel"]], "demo": _demo(language)}
    source = ET.fromstring((TEMPLATES / "receipt.html").read_text("utf-8"))  # noqa: S314  our own file
    root = ET.Element("html", {"lang": language})
    if language_table()[language]["hyphenate"]:
        root.set("class", "hyphenate")
    _Page(words, shown, {purpose}, demo=demo).build(source, root)
    return "<!DOCTYPE html>" + ET.tostring(root, encoding="unicode", method="html")


@cache
def _demo(language: str) -> str:
    """The DEMO mark as the language's own consent form says it."""
    source = ET.fromstring((TEMPLATES / "texts" / f"{language}.html").read_text("utf-8"))  # noqa: S314  our own file
    mark = source.find(".//*[@data-word='demo']")
    return "DEMO" if mark is None else "".join(mark.itertext())


class _Page:
    """The words and values of one receipt, and how they are put into the skeleton."""

    def __init__(self, words: Mapping[str, str], values: Mapping[str, str], purposes: set[str], *, demo: bool) -> None:
        self._words, self._values, self._purposes, self._demo = words, values, purposes, demo

    def build(self, source: ET.Element, target: ET.Element) -> None:
        """Append the content of ``source`` to ``target``."""
        self._append(target, source.text)
        for child in source:
            if child.tag == "word":
                append_plain(target, self._words[str(child.get("name"))])
            elif self._belongs(child):
                kept = {name: value for name, value in child.attrib.items() if name in KEPT}
                self.build(child, ET.SubElement(target, child.tag, kept))
            self._append(target, child.tail)

    def _belongs(self, child: ET.Element) -> bool:
        purpose = child.get("data-purpose")
        return (purpose is None or purpose in self._purposes) and (child.get("data-when") is None or self._demo)

    def _append(self, target: ET.Element, text: str | None) -> None:
        pieces = TOKEN.split(text or "")
        append_plain(target, re.sub(r"\s+", " ", pieces[0]))
        for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
            if name not in self._values:
                raise PaperFault("unknown_field", name)
            ET.SubElement(target, "bdi").text = clean(self._values[name])
            append_plain(target, after)
