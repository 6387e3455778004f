"""Light markup: how a person writes a consent text, and the elements it becomes.

A body is lines of plain text: a paragraph, ``### `` a heading inside the answer, ``- `` or ``1. `` an item of a list,
``**…**`` emphasis, ``[[hospital.name]]`` the place of a field, an empty line between paragraphs. There is nothing else,
so there is nothing to clean: an angle bracket is an angle bracket, and the elements are made here, never read.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STRONG: Final = re.compile(r"\*\*(.+?)\*\*")
ITEM: Final = re.compile(r"(?:(?P<dash>-)|(?P<number>\d{1,2})\.) +(?P<words>.*)")
HEADING: Final = "### "
FIELD: Final = re.compile(r"\[\[([^\[\]]*)\]\]")
JOINERS: Final = "\u200c\u200d\u00ad"
"""Format characters that belong to words: joiners and the soft hyphen."""


def cleaned(text: str) -> str:
    """The text without what no paper can show: control, private and direction-turning characters go."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").split("\n")
    kept = ("".join(sign for sign in line if _shows(sign)).rstrip() for line in lines)
    return unicodedata.normalize("NFC", re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip())


def _shows(sign: str) -> bool:
    return sign in JOINERS or unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def fields_in(text: str) -> list[str]:
    """The names of the fields a text has places for, whether they exist or not."""
    return FIELD.findall(text)


# --- written to be read as elements ---------------------------------------------------------------------------------


def elements(body: str) -> list[ET.Element]:
    """The paragraphs, headings and lists of a body, in order."""
    made: list[ET.Element] = []
    for kind, lines in _blocks(body):
        if kind in {"ul", "ol"}:
            block = ET.Element(kind)
            for line in lines:
                write_line(ET.SubElement(block, "li"), line)
        else:
            block = ET.Element(kind)
            for number, line in enumerate(lines):
                if number:
                    ET.SubElement(block, "br")
                write_line(block, line)
        made.append(block)
    return made


def _blocks(body: str) -> Iterator[tuple[str, list[str]]]:
    """(tag, lines) of each block: lines of one kind belong together until an empty one."""
    kind, lines = "", list[str]()
    for raw in [*body.split("\n"), ""]:
        line = raw.strip()
        now, words = _kind_of(line)
        if now != kind or now == "h3":
            if lines:
                yield kind, lines
            kind, lines = now, []
        if line:
            lines.append(words)
    if lines:
        yield kind, lines


def _kind_of(line: str) -> tuple[str, str]:
    if not line:
        return "", ""
    if line.startswith(HEADING):
        return "h3", line.removeprefix(HEADING).strip()
    if found := ITEM.fullmatch(line):
        return "ul" if found["dash"] else "ol", found["words"]
    return "p", line


def write_line(target: ET.Element, line: str) -> None:
    """Append one line to an element: words, and what is emphasised."""
    pieces = STRONG.split(line)
    _append(target, pieces[0])
    for strong, after in zip(pieces[1::2], pieces[2::2], strict=True):
        ET.SubElement(target, "strong").text = strong
        _append(target, after)


def _append(target: ET.Element, text: str) -> None:
    if len(target):
        target[-1].tail = (target[-1].tail or "") + text
    else:
        target.text = (target.text or "") + text


# --- elements written again as lines --------------------------------------------------------------------------------


def body_of(blocks: Iterable[ET.Element]) -> str:
    """The light markup of paragraphs, lists and headings."""
    return "\n\n".join(_written(block) for block in blocks)


def _written(block: ET.Element) -> str:
    if block.tag == "ul":
        return "\n".join(f"- {line_of(item)}" for item in block)
    if block.tag == "ol":
        return "\n".join(f"{number}. {line_of(item)}" for number, item in enumerate(block, start=1))
    return (HEADING if block.tag == "h3" else "") + line_of(block)


def line_of(element: ET.Element) -> str:
    """The words of one element; a line break stays one."""
    parts = [_plain(element.text)]
    for child in element:
        inner = "\n" if child.tag == "br" else f"**{line_of(child)}**"
        parts += [inner, _plain(child.tail)]
    return "".join(parts).strip()


def _plain(text: str | None) -> str:
    return re.sub(r"[ \n\t]+", " ", text or "")
