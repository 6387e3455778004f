"""The words of a consent form: which languages there are, and one text composed from skeleton and source.

A *text* is one procedure, one language, one variant. What ``compose`` returns is what gets published and kept
for ever; the files in app/consent_templates are only its source. Filling in a patient is not here (``fills``).
Everything is trees of elements and plain text: no template engine ever sees these words.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from babel import Locale

from app.outside.paper.faults import PaperFault
from app.outside.paper.fields import PAGE_FIELDS, PROCEDURES, VARIANTS

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "consent_templates"
OWN_NAMES: Final = TEMPLATES / "own_names.toml"
LONGEST_CHANGE: Final = 300
TOKEN: Final = re.compile(r"\[\[([a-z_.]+)\]\]")


@dataclass(frozen=True)
class ComposedText:
    """A text as it is published: ``html`` has named places for fields, ``css`` names its fonts by SHA-256."""

    procedure: str
    language: str
    variant: str
    version: str
    title: str
    html: str
    css: str
    fonts: Mapping[str, str]
    """Name of a font (regular, bold, ...) to its SHA-256."""
    sha256: str
    """Over html, css and fonts: two texts with the same value print the same words in the same shape."""
    purposes: int = 1
    """Raised by each version that changes what is done with the data: who signed an earlier one signs anew."""
    changed: str = ""
    """What that version changed, in the text's language."""
    due_on: dt.date | None = None
    """From which day those forms are due for renewal, where the text gives time; else from its publication."""


def languages(procedure: str) -> list[str]:
    """Codes of the languages this procedure's form can be printed in, sorted: those whose text exists.

    The English copy of the Ukrainian form is there to be read, so it is not among them.
    """
    known = language_table()
    codes = {path.stem for path in _folder(procedure).glob("*.html")} & known.keys()
    return sorted(codes - {"en"} if procedure == "ua" else codes)


@cache
def language_table() -> dict[str, dict[str, str | bool]]:
    """languages.toml: code to name, quotes, hyphenate, direction."""
    return tomllib.loads((TEMPLATES / "languages.toml").read_text("utf-8"))


@cache
def language_name(language: str) -> str:
    """How the language calls itself ("Deutsch"): also one we print nothing in, since signed paper may come in any."""
    known = language_table().get(language)
    if known is not None:
        return str(known["name"])
    return own_names().get(language) or str(Locale("en").languages.get(language, language))


@cache
def own_names() -> dict[str, str]:
    """own_names.toml: code to the name a language has for itself, of all languages that have one."""
    return tomllib.loads(OWN_NAMES.read_text("utf-8"))


def compose(procedure: str, language: str, variant: str) -> ComposedText:
    """Build one text from the skeleton, the language's words and the style.

    Raises:
        PaperFault: ``text_missing``; ``text_broken`` when the source is not as docs/texts/README.md says.
    """
    return composed(read_source(procedure, language, variant), procedure, language, variant)


def composed(
    source: ET.Element, procedure: str, language: str, variant: str, *, more_style: str = "", mark: str = ""
) -> ComposedText:
    """Build one text from a source's words and points.

    Args:
        source: shaped as docs/texts/README.md says.
        procedure: whose form it is.
        language: of the words.
        variant: who signs.
        more_style: what the source needs beyond the house's style.
        mark: whose text it is, where it is not the standard's; it makes the text's hash its own.

    Raises:
        PaperFault: ``text_broken``.
    """
    parts = _Parts(source, procedure, variant)
    root = ET.Element("html", {"lang": language, "data-procedure": procedure, "data-variant": variant})
    if mark:
        root.set("data-mark", mark)
    if language_table().get(language, {}).get("hyphenate"):
        root.set("class", "hyphenate")
    parts.build(_parse(TEMPLATES / "form.html"), root)
    title = "".join(only(source, "head/title").itertext())
    only(root, "head/title").text = title
    html = ET.tostring(root, encoding="unicode")
    fonts, css = _pins(), style() + more_style
    purposes, changed, due_on = _declared(source)
    return ComposedText(
        procedure=procedure,
        language=language,
        variant=variant,
        version=source.get("data-version", ""),
        title=title,
        html=html,
        css=css,
        fonts=fonts,
        sha256=_digest(html, css, fonts),
        purposes=purposes,
        changed=changed,
        due_on=due_on,
    )


def _declared(source: ET.Element) -> tuple[int, str, dt.date | None]:
    """What the source says about its purposes: their number, what the last change was, from when forms are due.

    Raises:
        PaperFault: ``text_broken`` when a change is declared without its words, or a day is none.
    """
    told = {str(meta.get("name")): str(meta.get("content", "")).strip() for meta in source.findall("head/meta[@name]")}
    number, changed, day = source.get("data-purposes", "1"), told.get("purposes-changed", ""), told.get("renewal-due")
    try:
        purposes, due_on = int(number), dt.date.fromisoformat(day) if day else None
    except ValueError:
        raise PaperFault("text_broken", f"purposes {number}, renewal due {day}") from None
    if (purposes > 1) != bool(changed) or purposes < 1 or len(changed) > LONGEST_CHANGE:
        raise PaperFault("text_broken", f"purposes {purposes}: what changed is not said, or not in a sentence")
    return purposes, changed, due_on


@cache
def font_pins() -> dict[str, dict[str, str]]:
    """fonts.toml: name of a font to file, source and sha256."""
    return tomllib.loads((TEMPLATES / "fonts.toml").read_text("utf-8"))


def own_style() -> str:
    """What a hospital's own text may have and the standard has not, without comments."""
    return "\n" + _without_comments("own.css")


def _without_comments(file: str) -> str:
    return re.sub(r"/\*.*?\*/\s*", "", (TEMPLATES / file).read_text("utf-8"), flags=re.DOTALL)


def style() -> str:
    """The house's style for paper, without comments; it names its very fonts."""
    css = _without_comments("paper.css")
    fonts = _pins()
    return re.sub(r"font:([a-z]+)", lambda found: f"font:{fonts[found[1]]}", css)


def _pins() -> dict[str, str]:
    return {name: str(pin["sha256"]) for name, pin in font_pins().items()}


def _digest(html: str, css: str, fonts: Mapping[str, str]) -> str:
    whole = json.dumps([html, css, sorted(fonts.items())], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _folder(procedure: str) -> Path:
    return TEMPLATES / "texts" / ("ua" if procedure == "ua" else "")


def read_source(procedure: str, language: str, variant: str) -> ET.Element:
    """The source of a shipped text.

    Raises:
        PaperFault: ``text_missing``; ``text_broken``.
    """
    known = procedure in PROCEDURES and variant in VARIANTS and language in language_table()
    path = _folder(procedure) / f"{language}.html"
    if not known or not path.is_file():
        raise PaperFault("text_missing", f"{procedure} {language} {variant}")
    return _parse(path)


def _parse(path: Path) -> ET.Element:
    try:
        return ET.fromstring(path.read_text("utf-8"))  # noqa: S314 - our own file, reviewed like code
    except (ET.ParseError, UnicodeDecodeError) as fault:
        raise PaperFault("text_broken", f"{path.name}: {fault}") from None


def only(root: ET.Element, path: str) -> ET.Element:
    """The one element of a path.

    Raises:
        PaperFault: ``text_broken``.
    """
    found = root.findall(path)
    if len(found) != 1:
        raise PaperFault("text_broken", f"{path}: {len(found)} instead of 1")
    return found[0]


class _Parts:
    """The parts of one text in one variant, and how they are put into the skeleton."""

    def __init__(self, source: ET.Element, procedure: str, variant: str) -> None:
        self._procedure = procedure
        self._variant = variant
        words = only(source, "body/section[@data-part='words']")
        self._words = {word.get("data-word"): word for word in words if self._belongs(word)}
        self._points = [part for part in only(source, "body") if part is not words]

    def build(self, source: ET.Element, target: ET.Element) -> None:
        """Append the content of ``source`` to ``target``, with words, points and places for fields put in."""
        _append_text(target, source.text)
        for child in source:
            if self._belongs(child):
                self._append(child, target)
            _append_text(target, child.tail)

    def _append(self, child: ET.Element, target: ET.Element) -> None:
        if child.tag == "points":
            for part in self._points:
                self._append(part, target)
        elif child.tag == "word":
            self.build(self._word(str(child.get("name"))), target)
        else:
            kept = {key: value for key, value in child.attrib.items() if key not in {"data-variant", "data-procedure"}}
            if kept.get("data-part") == "national":
                kept["data-when"] = "country.paragraph"
            part = ET.SubElement(target, child.tag, kept)
            self.build(child, part)
            if child.tag == "section" and child in self._points:
                _gather_answer(part)

    def _belongs(self, element: ET.Element) -> bool:
        procedure, variant = element.get("data-procedure"), element.get("data-variant")
        return procedure in {None, self._procedure} and variant in {None, self._variant}

    def _word(self, name: str) -> ET.Element:
        if name not in self._words:
            raise PaperFault("text_broken", f"word {name} is not there")
        return self._words[name]


def _gather_answer(part: ET.Element) -> None:
    """Put what follows a point's heading into one element, so that it can stand beside the heading."""
    answer = ET.Element("div", {"class": "answer"})
    answer.extend([child for child in part if child.tag not in {"h1", "h2"}])
    part[:] = [child for child in part if child.tag in {"h1", "h2"}] + [answer]


def _append_text(target: ET.Element, text: str | None) -> None:
    """Append plain text; each ``[[field]]`` in it becomes an empty, isolated element that names the field."""
    pieces = TOKEN.split(text or "")
    append_plain(target, pieces[0])
    for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in PAGE_FIELDS:
            ET.SubElement(target, "span", {"class": "page-now" if name == "page" else "page-all"})
        else:
            ET.SubElement(target, "bdi", {"data-field": name})
        append_plain(target, after)


def append_plain(target: ET.Element, text: str) -> None:
    """Append plain text behind what an element holds."""
    if len(target):
        target[-1].tail = (target[-1].tail or "") + text
    else:
        target.text = (target.text or "") + text
