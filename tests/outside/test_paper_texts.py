"""The words of the forms: each text says each point, in order, with exactly the fields and words there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from app.outside.paper import FIELDS, POINTS, VARIANTS, PaperFault, compose, languages
from app.outside.paper.fields import EU_ONLY_POINTS, EU_WORDS, REGISTRY_FIELDS, REPRESENTATIVE_WORDS, WORDS
from app.outside.paper.texts import TEMPLATES, TOKEN, language_table

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = sorted((TEMPLATES / "texts").rglob("*.html"))
EU_24 = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv"
ALLOWED_TAGS = {"html", "head", "meta", "title", "body", "header", "section", "h1", "h2", "p", "ul", "li"} | {
    "strong",
    "br",
}
OFFICIAL = {
    "bg": "официал",
    "cs": "oficiál úřední",
    "da": "officiel",
    "de": "amtlich offiziell",
    "el": "επίσημ",
    "en": "official",
    "es": "oficial",
    "et": "ametlik",
    "fi": "viralli",
    "fr": "officiel",
    "ga": "oifigiúil",
    "hr": "službena službenog službeno",
    "hu": "hivatalos",
    "it": "ufficial",
    "lt": "oficial",
    "lv": "oficiāl",
    "mt": "uffiċjalment uffiċjali,",
    "nb": "offisiell",
    "nl": "officieel officiële",
    "pl": "oficjaln urzędow",
    "pt": "oficial oficiais",
    "ro": "oficial",
    "sk": "úradn oficiáln",
    "sl": "uradn",
    "sv": "officiell",
    "uk": "офіцій",
}
"""How a text would call itself official: no authority has issued ours."""
MASTERS = {"eu": TEMPLATES / "texts/en.html", "ua": TEMPLATES / "texts/ua/en.html"}

source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
variant = pytest.mark.parametrize("variant", VARIANTS)


def procedure_of(path: Path) -> str:
    return "ua" if path.parent.name == "ua" else "eu"


def read(path: Path) -> ET.Element:
    return ET.fromstring(path.read_text("utf-8"))


def tokens(element: ET.Element) -> list[str]:
    return sorted(set(TOKEN.findall(ET.tostring(element, encoding="unicode"))))


def test_every_official_language_and_the_two_extra_ones_are_known() -> None:
    assert sorted(language_table()) == sorted([*EU_24.split(), "nb", "uk"])


def test_exactly_the_languages_with_a_text_are_offered() -> None:
    assert languages("eu") == sorted(path.stem for path in (TEMPLATES / "texts").glob("*.html"))
    assert languages("ua") == sorted({path.stem for path in (TEMPLATES / "texts/ua").glob("*.html")} - {"en"})


@source
@variant
def test_a_text_says_each_point_once_in_order_under_a_heading(path: Path, variant: str) -> None:
    text = compose(procedure_of(path), path.stem, variant)
    sections = [part for part in ET.fromstring(text.html).iter("section") if "data-point" in part.attrib]
    expected = [point for point in POINTS if procedure_of(path) == "eu" or point not in EU_ONLY_POINTS]
    assert [section.get("data-point") for section in sections] == expected
    assert [len(section.findall("h2")) for section in sections] == [1] * len(expected)
    silent = [
        section.get("data-point")
        for section in sections
        if not any("".join(part.itertext()).strip() for part in section if part.tag != "h2")
    ]
    assert silent == []


@source
@variant
def test_a_text_has_exactly_the_words_of_the_signature_page(path: Path, variant: str) -> None:
    words = [
        word.get("data-word")
        for word in read(path).findall("body/section[@data-part='words']/p")
        if word.get("data-variant") in {None, variant}
    ]
    expected = [
        *WORDS,
        *(EU_WORDS * (procedure_of(path) == "eu")),
        *(REPRESENTATIVE_WORDS * (variant == "representative")),
    ]
    assert sorted(map(str, words)) == sorted(expected)


@source
def test_a_text_uses_in_each_section_the_fields_of_its_master(path: Path) -> None:
    def fields(root: ET.Element) -> dict[str, list[str]]:
        parts = [*root.findall("body/section[@data-point]"), *root.findall("body/section/p[@data-word]")]
        found: dict[str, list[str]] = {}
        for part in parts:
            name = str(part.get("data-point") or part.get("data-word"))
            found[name] = sorted({*found.get(name, []), *tokens(part)})
        return found

    assert fields(read(path)) == fields(read(MASTERS[procedure_of(path)]))


@source
@variant
def test_the_fields_of_a_composed_text_are_exactly_the_list(path: Path, variant: str) -> None:
    text = compose(procedure_of(path), path.stem, variant)
    places = {place.get("data-field") for place in ET.fromstring(text.html).iter("bdi")}
    expected = {*FIELDS, *(REGISTRY_FIELDS if procedure_of(path) == "eu" else ())}
    assert sorted(map(str, places)) == sorted(expected)
    assert "[[" not in text.html


@source
def test_a_text_is_plain_marked_up_words(path: Path) -> None:
    root = read(path)
    assert {element.tag for element in root.iter()} - ALLOWED_TAGS == set()
    assert {element.get("class") for element in root.iter()} == {None, "contact"}
    assert (root.get("lang"), root.get("data-procedure")) == (path.stem, procedure_of(path))
    assert re.fullmatch(r"\d+", root.get("data-version", ""))
    roles = [part.get("data-role") for part in root.findall("body/section[@data-point='controllers']/p[@data-role]")]
    assert roles == ["joint_controller", "processor"]


@source
def test_no_text_calls_itself_official(path: Path) -> None:
    words = " ".join("".join(read(path).itertext()).lower().split())
    assert [one for one in OFFICIAL[path.stem].split() if one in words] == []


@variant
def test_nothing_is_ticked_and_each_question_has_its_yes_and_no(variant: str) -> None:
    root = ET.fromstring(compose("eu", "en", variant).html)
    signing = root.find(".//section[@id='signing']")
    assert signing is not None
    questions = {
        question.get("data-purpose"): [box.get("id") for box in question.iter("span") if box.get("class") == "box"]
        for question in signing.iter("div")
        if question.get("data-purpose")
    }
    assert questions == {
        "care": ["care-yes", "care-no"],
        "education": ["education-yes", "education-no"],
        "registry": ["registry-{number}-yes", "registry-{number}-no"],
    }
    assert [box for box in root.iter("span") if box.get("class") == "box" and (box.text or len(box))] == []
    assert list(root.iter("input")) == []


@variant
def test_the_ukrainian_form_asks_for_care_alone(variant: str) -> None:
    root = ET.fromstring(compose("ua", "en", variant).html)
    boxes = [box.get("id") for box in root.iter("span") if box.get("class") == "box"]
    assert boxes == ["care-yes", "care-no", "slip-care"]


def test_composing_twice_gives_the_same_text_and_each_variant_another() -> None:
    first, again = compose("eu", "en", "adult"), compose("eu", "en", "adult")
    assert first == again
    assert first.sha256 != compose("eu", "en", "representative").sha256
    assert sorted(first.fonts) == ["arabic", "bold", "hebrew", "regular"]
    assert set(re.findall(r"font:(\w+)", first.css)) == set(first.fonts.values())


@pytest.mark.parametrize(
    ("procedure", "language", "variant"),
    [
        ("eu", "xx", "adult"),
        ("eu", "../../languages", "adult"),
        ("ua", "fr", "adult"),
        ("us", "en", "adult"),
        ("eu", "en", "child"),
    ],
)
def test_a_text_that_does_not_exist_is_said_to_be_missing(procedure: str, language: str, variant: str) -> None:
    with pytest.raises(PaperFault) as refusal:
        compose(procedure, language, variant)
    assert refusal.value.code == "text_missing"
