"""A hospital's own consent text as data: what it may say, what it must say, and the paper it becomes.

Its *content* is a dict of plain lines by key: ``opening.heading``, ``opening.body``, the same for each of the points, and
``added`` for what the hospital adds. In a language without a standard text also ``title``, ``national.heading`` and the
form's own words (``word.care``, ...). What stands on the signature page and in the footers is otherwise the skeleton's.
Lines are light markup (``markup``), never HTML, never a template. Nothing here knows a hospital or a table.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree import ElementTree as ET

from babel.core import get_global
from babel.localedata import locale_identifiers

from app.outside.paper import markup, texts
from app.outside.paper.fields import FIELDS, PAGE_FIELDS, POINTS, REGISTRY_FIELDS
from app.outside.paper.texts import ComposedText, composed, languages, own_names, read_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Content = dict[str, str]

PROCEDURE: Final = "eu"
"""The Ukrainian form is changed by nobody: this room has no other procedure to offer."""
ADDED: Final = "added"
PARTS: Final = ("opening", *POINTS, ADDED)
"""In the order of the paper; ``added`` may be empty."""
OFFERED: Final = tuple(name for name in FIELDS if name.partition(".")[0] in {"operator", "hospital", "authority"})
"""The fields a point may hold: what does not differ from patient to patient."""
MOST_BYTES: Final = 200_000
MOST_BLOCKS: Final = 300
LONGEST: Final = {"heading": 200, "title": 200, "body": 20_000, "word": 1_000}
"""Characters of one entry, by its kind."""
SHORTEST_ANSWER: Final = 20
SCRIPTS: Final = {"Latn", "Grek", "Cyrl"}
"""Those the house's font has; single letters it lacks are found when the paper is set."""
TAG: Final = re.compile(r"<[a-zA-Z/!?]|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]{2,8});")
TEMPLATE: Final = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|\$\{|<%")
LETTERS_TO_TELL: Final = 25
"""Two languages may share a short word; a longer line that is the same in both was not translated."""


class Fault(NamedTuple):
    """What stands against a text: where (a key of its content, or nothing), what (``CODES``), and which."""

    key: str
    code: str
    detail: str = ""


CODES: Final = {
    "missing": "an entry that has to be there is empty",
    "too_short": "the answer is too short to be one",
    "too_long": "an entry, or the whole, is longer than allowed",
    "unknown_field": "a place for a field that does not exist, or not here",
    "lost_field": "the standard text has a place for this field, and the text has none",
    "markup": "it looks like HTML",
    "template": "it looks like a template's placeholder",
    "untranslated": "the words are still those it started from",
    "unknown_key": "an entry that no text has",
}


# --- languages --------------------------------------------------------------------------------------------------------


def can_be_set(language: str) -> bool:
    """Whether a form can be printed in a language: one Babel has words for, whose letters the house's font has."""
    if not re.fullmatch(r"[a-z]{2,3}", language) or language not in locale_identifiers():
        return False
    likely = str(get_global("likely_subtags").get(language, ""))
    return any(part in SCRIPTS for part in likely.split("_"))


def further_languages() -> list[str]:
    """Codes of the languages a hospital may add, beyond those with a standard text."""
    return sorted({code for code in own_names() if can_be_set(code)} - set(languages(PROCEDURE)))


def has_standard(language: str) -> bool:
    """Whether the language has a standard text, whose signature page is then the form's."""
    return language in languages(PROCEDURE)


# --- what a text starts from ----------------------------------------------------------------------------------------


def standard(language: str, variant: str, role: str, *, words: bool = False) -> Content:
    """The standard text as content; with ``words`` also the form's own words, for a language that has none.

    Args:
        language: of a standard text.
        variant: who signs.
        role: the operator's legal role; the paragraph about the other one is left out.
        words: whether the text is to be in a language without a standard text.

    Raises:
        PaperFault: ``text_missing``.
    """
    source = read_source(PROCEDURE, language, variant)
    content: Content = {}
    for part in texts.only(source, "body"):
        name = "opening" if part.get("data-part") == "opening" else part.get("data-point")
        if name is None:
            continue
        mine = [child for child in part if _belongs(child, variant, role)]
        heading = next(child for child in mine if child.tag in {"h1", "h2"})
        content[f"{name}.heading"] = markup.line_of(heading)
        blocks = [_without_strangers(child, variant) for child in mine if child is not heading]
        content[f"{name}.body"] = markup.cleaned(markup.body_of(blocks))
    content |= {f"{ADDED}.heading": "", f"{ADDED}.body": ""}
    return content | (_own_words(source, variant) if words else {})


def _belongs(element: ET.Element, variant: str, role: str) -> bool:
    return element.get("data-variant") in {None, variant} and element.get("data-role") in {None, role}


def _without_strangers(block: ET.Element, variant: str) -> ET.Element:
    """A block without the items of the other variant."""
    kept = deepcopy(block)
    kept[:] = [child for child in kept if child.get("data-variant") in {None, variant}]
    return kept


def _own_words(source: ET.Element, variant: str) -> Content:
    found = {"title": markup.line_of(texts.only(source, "head/title"))}
    found["national.heading"] = markup.line_of(texts.only(source, "body/section[@data-part='national']/h2"))
    for word in texts.only(source, "body/section[@data-part='words']"):
        if word.get("data-variant") in {None, variant}:
            found[f"word.{word.get('data-word')}"] = markup.line_of(word)
    return found


def kind_of(key: str) -> str:
    """What an entry is: heading, body, word or title."""
    return key if key == "title" else "word" if key.startswith("word.") else key.partition(".")[2]


# --- what stands against it -------------------------------------------------------------------------------------------


def faults(content: Mapping[str, str], base: Mapping[str, str], *, foreign: bool) -> list[Fault]:
    """Everything that keeps a text from being proposed, in the order of the paper.

    Args:
        content: the text.
        base: what it started from: it has the same keys, and says which fields may not be lost.
        foreign: whether the text is in another language than its base.
    """
    found = [Fault("", "too_long")] if weight(content) > MOST_BYTES or _blocks(content) > MOST_BLOCKS else []
    found += [Fault(key, "unknown_key") for key in content if key not in base]
    for key in base:
        found += _faults_of(key, content.get(key, ""), base[key], foreign=foreign)
    if bool(content.get(f"{ADDED}.heading")) != bool(content.get(f"{ADDED}.body")):
        empty = "body" if content.get(f"{ADDED}.heading") else "heading"
        found.append(Fault(f"{ADDED}.{empty}", "missing"))
    return [*found, *_lost(content, base)]


def weight(content: Mapping[str, str]) -> int:
    """Bytes of a text."""
    return sum(len(value.encode()) for value in content.values())


def _blocks(content: Mapping[str, str]) -> int:
    return sum(value.count("\n") + 1 for value in content.values())


def _faults_of(key: str, text: str, base: str, *, foreign: bool) -> Iterator[Fault]:
    kind = kind_of(key)
    if not text:
        if not key.startswith(ADDED):
            yield Fault(key, "missing")
        return
    if len(text) > LONGEST[kind]:
        yield Fault(key, "too_long")
    if kind == "body" and len(text) < SHORTEST_ANSWER:
        yield Fault(key, "too_short")
    if TAG.search(text):
        yield Fault(key, "markup")
    if TEMPLATE.search(text):
        yield Fault(key, "template")
    allowed = _allowed(kind, base)
    yield from (Fault(key, "unknown_field", name) for name in markup.fields_in(text) if name not in allowed)
    if "[[" in markup.FIELD.sub("", text) or "]]" in markup.FIELD.sub("", text):
        yield Fault(key, "unknown_field", "[[")
    if foreign and len(base) >= LETTERS_TO_TELL and text == base:
        yield Fault(key, "untranslated")


def _allowed(kind: str, base: str) -> set[str]:
    """The fields an entry may hold: a word of the form those of its model, an answer those that are offered."""
    if kind == "word":
        return set(markup.fields_in(base)) & {*FIELDS, *REGISTRY_FIELDS, *PAGE_FIELDS}
    return set(OFFERED) if kind == "body" else set()


def _lost(content: Mapping[str, str], base: Mapping[str, str]) -> Iterator[Fault]:
    """Contacts and names that the standard text fills in must be filled in here too: they change without it."""
    there = {name for key, text in content.items() if kind_of(key) == "body" for name in markup.fields_in(text)}
    told: set[str] = set()
    for key, text in base.items():
        held = there | told if kind_of(key) == "body" else set(markup.fields_in(content.get(key, "")))
        for name in markup.fields_in(text):
            if name not in held:
                told.add(name)
                yield Fault(key, "lost_field", name)


# --- the paper --------------------------------------------------------------------------------------------------------


def compose_own(
    content: Mapping[str, str], language: str, variant: str, *, base: str, version: str, mark: str
) -> ComposedText:
    """The composed text of a content. Works on any content, so that a draft can be looked at.

    Args:
        content: the text; an entry that is missing is empty.
        language: of the text.
        variant: who signs.
        base: the language whose words the signature page has, where ``content`` brings none.
        version: what the footer says.
        mark: whose text it is, in the file alone, so that two hospitals' equal texts stay two.

    Raises:
        PaperFault: ``text_missing``, ``text_broken``.
    """
    source = deepcopy(read_source(PROCEDURE, language if has_standard(language) else base, variant))
    body = texts.only(source, "body")
    for part in list(body):
        name = "opening" if part.get("data-part") == "opening" else part.get("data-point")
        if name is not None:
            part[:] = _written(content, name, "h1" if name == "opening" else "h2")
        elif part.get("data-part") == "national" and content.get(f"{ADDED}.body"):
            added = ET.Element("section", {"data-part": ADDED})
            added[:] = _written(content, ADDED, "h2")
            body.insert(list(body).index(part), added)
    if not has_standard(language):
        _put_words(source, content)
    source.set("data-version", version)
    return composed(source, PROCEDURE, language, variant, more_style=texts.own_style(), mark=mark)


def _written(content: Mapping[str, str], name: str, tag: str) -> list[ET.Element]:
    heading = ET.Element(tag)
    markup.write_line(heading, content.get(f"{name}.heading", ""))
    return [heading, *markup.elements(content.get(f"{name}.body", ""))]


def _put_words(source: ET.Element, content: Mapping[str, str]) -> None:
    places = {"title": texts.only(source, "head/title")}
    places["national.heading"] = texts.only(source, "body/section[@data-part='national']/h2")
    words = texts.only(source, "body/section[@data-part='words']")
    places |= {f"word.{word.get('data-word')}": word for word in words}
    for key, place in places.items():
        if key in content:
            place.text, place[:] = None, []
            markup.write_line(place, content[key])
