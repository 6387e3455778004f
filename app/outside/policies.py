"""The texts of the privacy policy that come with this program: editions, each in some languages, as light markup.

An edition is a folder of ``app/policy_texts``, a language a file in it: ``# `` and the title, then the body in the light
markup of consent texts (``outside.paper.markup``). Which edition is in force is the operator's (``services.policies``).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from app.outside.paper import markup

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parent.parent / "policy_texts"
FALLBACK = "en"
FIELDS = ("operator.name", "operator.address", "operator.dpo", "acceptance.years")
"""What a text may name."""


@cache
def editions() -> tuple[int, ...]:
    """The numbers of the editions, the newest last."""
    return tuple(sorted(int(folder.name) for folder in FOLDER.iterdir() if folder.name.isdecimal()))


def texts(edition: int, facts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Title and body of an edition in each of its languages, the fields filled in.

    Args:
        edition: one of ``editions()``.
        facts: a value for each of ``FIELDS``.

    Raises:
        KeyError: a text names another field.
    """
    found: dict[str, dict[str, str]] = {}
    for file in sorted((FOLDER / str(edition)).glob("*.md")):
        title, _newline, body = file.read_text("utf-8").partition("\n")
        filled = markup.FIELD.sub(lambda field: _plain(facts[field[1]]), body)
        found[file.stem] = {"title": title.removeprefix("# ").strip(), "body": markup.cleaned(filled)}
    return found


def _plain(value: str) -> str:
    """A value in which nothing is markup."""
    return value.replace("**", "").replace("\n", ", ")


def as_html(body: str) -> str:
    """The elements of a body; the page's own title is the only heading above them."""
    blocks = markup.elements(body)
    for block in blocks:
        if block.tag == "h3":
            block.tag = "h2"
    return "".join(ET.tostring(block, encoding="unicode", method="html") for block in blocks)
