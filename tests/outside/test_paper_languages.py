"""The words of the forms as language: which one it is, its spelling, its marks, its length beside the English."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import enchant
import py3langid
import pytest

from app.outside.paper import VARIANTS
from app.outside.paper.texts import TEMPLATES, TOKEN, language_table

SOURCES = sorted(path for path in (TEMPLATES / "texts").rglob("*.html") if path.stem != "en")
MASTERS = {"texts": TEMPLATES / "texts/en.html", "ua": TEMPLATES / "texts/ua/en.html"}
KNOWN_WORDS = Path(__file__).with_name("words")
"""A file of words for each language: the field's terms, names and compounds its dictionary lacks; ``all`` for every one."""
LONGEST = {"ga": 1.8, "mt": 1.8, "fi": 1.8}
DICTIONARIES = {
    "bg": "bg_BG",
    "cs": "cs_CZ",
    "da": "da_DK",
    "de": "de_DE",
    "el": "el_GR",
    "en": "en_GB",
    "es": "es_ES",
    "et": "et_EE",
    "fi": "fi",
    "fr": "fr_FR",
    "ga": "ga_IE",
    "hr": "hr_HR",
    "hu": "hu_HU",
    "it": "it_IT",
    "lt": "lt_LT",
    "lv": "lv_LV",
    "nb": "nb_NO",
    "nl": "nl_NL",
    "pl": "pl_PL",
    "pt": "pt_PT",
    "ro": "ro_RO",
    "sk": "sk_SK",
    "sl": "sl_SI",
    "sv": "sv_SE",
    "uk": "uk_UA",
}
"""Debian's dictionary of each language (tools/install.sh). Maltese has none."""
SIBLINGS = {"nb": {"nb", "no", "nn", "da"}, "da": {"da", "nb", "no"}, "hr": {"hr", "bs", "sr"}, "sk": {"sk", "cs"}}
"""What a short paragraph of a language may be taken for by the identifier."""
ENGLISH = {"the", "your", "which", "with", "consent", "shared", "patient’s", "withdraw"}
"""Words no other language of the table has."""
MARKS = '"“”„‟«»‹›‘‚'
WORD = re.compile(r"[^\W\d_]+(?:[’'\-‑][^\W\d_]+)*")

source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
any_source = pytest.mark.parametrize(
    "path", [*SOURCES, *MASTERS.values()], ids=lambda path: f"{path.parent.name}-{path.stem}"
)


def read(path: Path) -> ET.Element:
    return ET.fromstring(path.read_text("utf-8"))


def said(element: ET.Element, variant: str) -> str:
    """What the element says on a form of the variant, without the fields."""
    parts = [element.text or ""]
    for child in element:
        if child.get("data-variant") in {None, variant} and child.get("data-role") != "processor":
            parts += [said(child, variant), " "]
        parts.append(child.tail or "")
    return TOKEN.sub(" ", "".join(parts))


def counted(element: ET.Element, variant: str) -> int:
    return len(WORD.findall(said(element, variant)))


def points(path: Path) -> dict[str, ET.Element]:
    return {str(part.get("data-point")): part for part in read(path).findall("body/section[@data-point]")}


@source
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_text_is_about_as_long_as_the_english(path: Path, variant: str) -> None:
    master = MASTERS[path.parent.name]
    ratio = counted(read(path), variant) / counted(read(master), variant)
    assert 0.6 <= ratio <= LONGEST.get(path.stem, 1.6)


@source
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_point_is_much_shorter_or_longer_than_in_english(path: Path, variant: str) -> None:
    theirs = points(MASTERS[path.parent.name])
    ratios = {name: counted(part, variant) / counted(theirs[name], variant) for name, part in points(path).items()}
    assert {name: round(ratio, 2) for name, ratio in ratios.items() if not 0.45 <= ratio <= 2.2} == {}


@source
def test_every_paragraph_is_in_its_language(path: Path) -> None:
    expected = SIBLINGS.get(path.stem, {path.stem})
    texts = [" ".join(TOKEN.sub(" ", "".join(p.itertext())).split()) for p in read(path).iter() if p.tag in {"p", "li"}]
    found = [(py3langid.classify(text)[0], text) for text in texts if len(text) > 80]
    assert [(language, text) for language, text in found if language not in expected] == []
    assert len(found) > 20


@source
def test_no_english_is_left(path: Path) -> None:
    words = {word.lower() for word in WORD.findall(TOKEN.sub(" ", "".join(read(path).itertext())))}
    assert words & ENGLISH == set()


@any_source
def test_quotation_marks_are_those_of_the_language(path: Path) -> None:
    own = language_table()[path.stem]["quotes"]
    assert {mark for mark in "".join(read(path).itertext()) if mark in MARKS} <= set(own)


@any_source
def test_every_word_is_spelt_as_the_dictionary_or_the_list_of_known_words_has_it(path: Path) -> None:
    if path.stem == "mt":
        pytest.skip("Debian has no Maltese dictionary")
    dictionary = enchant.Dict(DICTIONARIES[path.stem])
    known = listed("all") | listed(path.stem)
    words = set(WORD.findall(TOKEN.sub(" ", "".join(read(path).itertext()))))
    assert sorted(word for word in words if not spelt(dictionary, known, word)) == []


def listed(name: str) -> set[str]:
    file = KNOWN_WORDS / f"{name}.txt"
    return set(file.read_text("utf-8").split()) if file.exists() else set()


def spelt(dictionary: enchant.Dict, known: set[str], word: str) -> bool:
    """Whether the word is known, or each part of it where hyphens or apostrophes join several."""
    straight = word.replace("’", "'").replace("‑", "-")
    if len(word) == 1 or word in known or dictionary.check(straight) or dictionary.check(straight.lower()):
        return True
    parts = [part for part in re.split(r"[-']", straight) if part]
    return len(parts) > 1 and all(len(part) == 1 or part in known or dictionary.check(part) for part in parts)


def test_no_known_word_is_idle() -> None:
    """A word that no text uses any more leaves the list."""
    used: dict[str, set[str]] = {}
    for path in [*SOURCES, *MASTERS.values()]:
        words = WORD.findall(TOKEN.sub(" ", "".join(read(path).itertext())))
        for name in ("all", path.stem):
            used.setdefault(name, set()).update(words)
    idle = {file.stem: listed(file.stem) - used[file.stem] for file in KNOWN_WORDS.glob("*.txt")}
    assert {language: sorted(words) for language, words in idle.items() if words} == {}


def test_the_glossary_has_a_term_in_every_language_for_each_of_its_forty() -> None:
    with (TEMPLATES.parents[1] / "docs/texts/glossary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert sorted(rows[0]) == sorted({"meaning", *language_table()})
    assert [(row["en"], code) for row in rows for code, term in row.items() if not term.strip()] == []


def test_every_language_has_a_note_for_those_who_read_it_next() -> None:
    notes = {path.stem for path in (TEMPLATES.parents[1] / "docs/texts").glob("??.md")}
    assert language_table().keys() - notes == {"en"}  # the others' notes say what the English leaves open
