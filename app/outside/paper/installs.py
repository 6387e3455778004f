"""An authoritative Ukrainian form as a file: read strictly, or refused with everything that is wrong with it.

The file has the shape of ``consent_templates/texts/ua/uk.html`` (docs/texts/README.md): nothing in it is a template, a
style, a picture or a link. It is installed once; what ``composed`` makes of it is then published and never changes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from app.outside.paper.fields import (
    EU_ONLY_POINTS,
    FIELDS,
    PAGE_FIELDS,
    POINTS,
    REPRESENTATIVE_WORDS,
    ROLES,
    VARIANTS,
    WORDS,
)
from app.outside.paper.own_texts import MOST_BYTES, TEMPLATE
from app.outside.paper.texts import TOKEN, ComposedText, composed, read_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROCEDURE: Final = "ua"
LANGUAGE: Final = "uk"
TAGS: Final = frozenset(
    ["html", "head", "meta", "title", "body", "header", "section", "h1", "h2", "p", "ul", "li", "strong", "br"]
)
VALUES: Final = {
    "lang": re.compile("uk"),
    "charset": re.compile("utf-8"),
    "class": re.compile("contact"),
    "data-procedure": re.compile("ua"),
    "data-version": re.compile(r"[\w][\w. -]{0,39}"),
    "data-purposes": re.compile(r"[1-9][0-9]?"),
    "name": re.compile("purposes-changed|renewal-due"),
    "content": re.compile(r"[^<>]{1,300}"),
    "data-variant": re.compile("|".join(VARIANTS)),
    "data-role": re.compile("|".join(ROLES)),
    "data-part": re.compile("opening|words|national"),
    "data-point": re.compile("|".join(POINTS)),
    "data-word": re.compile(r"[a-z_]+"),
}
"""Every attribute an element may have, and what may stand in it."""
MOST_DEPTH: Final = 40
OTHER_TOKENS: Final = re.compile(r"\[\[(?![a-z_.]+\]\])")


class Unfit(Exception):
    """Args: what is wrong with the file, a sentence each."""


def read_form(content: bytes) -> ET.Element:
    """The elements of a file, once it holds nothing but words of the known shape.

    Raises:
        Unfit: with every fault found.
    """
    if len(content) > MOST_BYTES:
        raise Unfit(f"It is larger than {MOST_BYTES} bytes.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Unfit("It is not UTF-8.") from None
    if re.search(r"<!(?!--|DOCTYPE html>)|<\?", text):  # no entities, no processing instructions
        raise Unfit("It declares something: only <!DOCTYPE html> may stand before the elements.")
    try:
        root = ET.fromstring(text)  # noqa: S314  without declarations there is nothing to expand
    except ET.ParseError as fault:
        raise Unfit(f"It is not well-formed: {fault}.") from None
    faults = [*_strange(root)]
    if (root.tag, root.get("lang"), root.get("data-procedure")) != ("html", LANGUAGE, PROCEDURE):
        faults.append('Its first element is not <html lang="uk" data-procedure="ua">.')
    if not root.get("data-version"):
        faults.append("It has no data-version: the printed forms name it.")
    if faults:
        raise Unfit(*faults)
    return root


def _strange(element: ET.Element, depth: int = 1) -> Iterator[str]:
    if depth > MOST_DEPTH:
        yield f"Elements are nested more than {MOST_DEPTH} deep."
        return
    if element.tag not in TAGS:
        yield f"<{element.tag}> is no element of a form."
    for name, value in element.attrib.items():
        if name not in VALUES or not VALUES[name].fullmatch(value):
            yield f'{name}="{value[:60]}" on <{element.tag}> is not known.'
    for words in (element.text or "", element.tail or ""):
        if TEMPLATE.search(words) or OTHER_TOKENS.search(words):
            yield f"“{words.strip()[:60]}” looks like a placeholder of something else."
        yield from (f"[[{name}]] is no field." for name in TOKEN.findall(words) if name not in {*FIELDS, *PAGE_FIELDS})
    for child in element:
        yield from _strange(child, depth + 1)


def composed_form(root: ET.Element, variant: str, sha256: str) -> ComposedText:
    """The text of one variant, complete in points, words and fields.

    Raises:
        Unfit: with every point, word and field that is missing or too much.
        PaperFault: ``text_broken``.
    """
    missing = [*_missing(root, variant)]
    if missing:
        raise Unfit(*missing)
    return composed(root, PROCEDURE, LANGUAGE, variant, mark=f"installed {sha256}")


def _missing(root: ET.Element, variant: str) -> Iterator[str]:
    mine = [part for part in root.findall("body/*") if part.get("data-variant") in {None, variant}]
    points = [str(part.get("data-point")) for part in mine if part.get("data-point")]
    wanted = [point for point in POINTS if point not in EU_ONLY_POINTS]
    if points != wanted:
        lost = [point for point in wanted if point not in points]
        yield f"{variant}: the points are not those of the form, in its order; missing: {', '.join(lost) or 'none'}."
    for part in mine:
        if part.get("data-part") != "words":
            yield from _silent(part, variant)
    words = root.findall("body/section[@data-part='words']/*")
    known = [str(word.get("data-word")) for word in words if word.get("data-variant") in {None, variant}]
    needed = [*WORDS, *(REPRESENTATIVE_WORDS if variant == "representative" else ())]
    if sorted(known) != sorted(needed):
        wrong = sorted(set(known) ^ set(needed)) or ["one is there twice"]
        yield f"{variant}: the form’s words are not complete: {', '.join(wrong)}."
    yield from (f"[[{name}]] is missing." for name in _lost_fields(root))


def _silent(part: ET.Element, variant: str) -> Iterator[str]:
    """A point without its question or its answer."""
    mine = [child for child in part if child.get("data-variant") in {None, variant}]
    heads = [child for child in mine if child.tag in {"h1", "h2"}]
    said = [child for child in mine if child not in heads and "".join(child.itertext()).strip()]
    name = part.get("data-point") or part.get("data-part")
    if len(heads) != 1 or not "".join(heads[0].itertext()).strip() or not said:
        yield f"{variant}: {name} needs one heading and an answer."


def _lost_fields(root: ET.Element) -> Sequence[str]:
    """The fields the shipped form fills in and the file has no place for."""
    there = {name for words in root.itertext() for name in TOKEN.findall(words)}
    shipped = {
        name for words in read_source(PROCEDURE, LANGUAGE, VARIANTS[0]).itertext() for name in TOKEN.findall(words)
    }
    return sorted(shipped - there)
