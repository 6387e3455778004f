"""A hospital's own text as data: light markup and its elements, the standard as a start, languages, differences."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from app.outside import paper
from app.outside.paper import markup, texts
from app.outside.paper import own_texts as sheets
from app.outside.paper.differences import Change, Piece, differences
from tools.own_names import own_names

EVERY = [(language, variant) for language in paper.languages("eu") for variant in paper.VARIANTS]


def words(html: str) -> str:
    """What a composed text says, in order, with the names of its fields."""
    root = ET.fromstring(html)
    for place in root.iter("bdi"):
        place.text = f"[{place.get('data-field')}]"
    for part in root.iter():
        for child in [one for one in part if one.get("data-role") == "processor"]:
            part.remove(child)
    return re.sub(r"\s+", "", "".join(root.itertext()))


@pytest.mark.parametrize(("language", "variant"), EVERY)
def test_an_own_text_nobody_changed_says_what_the_standard_says(language: str, variant: str) -> None:
    content = sheets.standard(language, variant, "joint_controller")
    own = sheets.compose_own(content, language, variant, base=language, version="H1", mark="a hospital")
    standard = paper.compose("eu", language, variant)
    assert words(own.html) == words(standard.html)
    assert own.title == standard.title
    assert own.sha256 != standard.sha256
    assert sheets.faults(content, content, foreign=False) == []


@pytest.mark.parametrize(("language", "variant"), EVERY)
def test_lines_become_elements_and_the_same_lines_again(language: str, variant: str) -> None:
    for key, text in sheets.standard(language, variant, "processor", words=True).items():
        if sheets.kind_of(key) == "body":
            assert markup.body_of(markup.elements(text)) == text


def test_each_kind_of_line_becomes_its_element() -> None:
    body = "One **two** [[hospital.name]]\nthree\n### Four\n- five\n- **six**\n1. seven\n2. eight\n\n**nine"
    made = "".join(ET.tostring(block, encoding="unicode") for block in markup.elements(body))
    assert made == (
        "<p>One <strong>two</strong> [[hospital.name]]<br />three</p><h3>Four</h3><ul><li>five</li>"
        "<li><strong>six</strong></li></ul><ol><li>seven</li><li>eight</li></ol><p>**nine</p>"
    )


def test_markup_is_words_and_nothing_more() -> None:
    (block,) = markup.elements("<script>alert(1)</script> & <b style='x'>y</b> {{ 7*7 }}")
    assert ET.tostring(block, encoding="unicode") == (
        "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b style='x'&gt;y&lt;/b&gt; {{ 7*7 }}</p>"
    )


def depth(element: ET.Element) -> int:
    """How many elements stand inside each other."""
    return 1 + max((depth(child) for child in element), default=0)


def test_nesting_cannot_be_written() -> None:
    body = "**" * 500 + "x" + "**" * 500 + "\n" + "- " * 500 + "y\n" + "### " * 500 + "z\n" + "1. **a** " * 500
    assert max(depth(block) for block in markup.elements(body)) <= 3


@pytest.mark.parametrize("language", ["ar", "he", "zh", "ja", "hi", "ka", "xx", "", "en_GB", "EN", "../etc", "q" * 9])
def test_a_language_that_cannot_be_set_is_none(language: str) -> None:
    assert not sheets.can_be_set(language)


def test_languages_of_three_scripts_can_be_added() -> None:
    assert {"tr", "sq", "mk", "sr", "ca", "is", "vi"} <= set(sheets.further_languages())
    assert set(sheets.further_languages()) & set(paper.languages("eu")) == set()
    assert all(paper.language_name(code) for code in sheets.further_languages())


def test_languages_call_themselves_as_babel_says_and_no_list_makes_it_read_them_all() -> None:
    script = (
        "from babel import localedata; from app.outside import paper; from app.outside.paper import own_texts\n"
        "print(len(own_texts.further_languages()), paper.language_name('is'), paper.language_name('tlh'))\n"
        "print(*localedata._cache)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    further = len(sheets.further_languages())
    assert told.split() == [
        str(further),
        "íslenska",
        "Klingon",
        "root",
        "en",
    ]  # English, for what has no name of its own
    assert texts.own_names() == own_names()


def test_an_added_point_stands_before_the_law_of_the_country_and_none_where_nothing_is_added() -> None:
    content = sheets.standard("en", "adult", "processor")
    without = sheets.compose_own(content, "en", "adult", base="en", version="H1", mark="x").html
    content |= {"added.heading": "What else?", "added.body": "Something of our own, said at length."}
    with_it = sheets.compose_own(content, "en", "adult", base="en", version="H1", mark="x").html
    parts = [one.get("data-point") or one.get("data-part") for one in ET.fromstring(with_it).iter("section")]
    assert parts[-4:-2] == ["added", "national"] or parts[parts.index("added") + 1] == "national"
    assert "added" not in [one.get("data-part") for one in ET.fromstring(without).iter("section")]


def test_the_signature_page_is_the_skeletons_whatever_is_written() -> None:
    content = dict.fromkeys(sheets.standard("en", "adult", "processor"), "Other words, of which there are enough.")
    own = ET.fromstring(sheets.compose_own(content, "en", "adult", base="en", version="H1", mark="x").html)
    standard = ET.fromstring(paper.compose("eu", "en", "adult").html)
    for part in ("signing", "slip"):
        mine, theirs = (root.find(f".//section[@id='{part}']") for root in (own, standard))
        assert ET.tostring(mine) == ET.tostring(theirs)


def test_a_difference_is_told_word_by_word_and_entry_by_entry() -> None:
    old = {"a": "You may ask us.", "b": "Same.", "c": ""}
    new = {"a": "You can ask us twice.", "b": "Same.", "c": "New"}
    assert differences(old, new) == [
        Change(
            "a",
            [
                Piece("same", "You "),
                Piece("removed", "may"),
                Piece("added", "can"),
                Piece("same", " ask "),
                Piece("removed", "us."),
                Piece("added", "us twice."),
            ],
        ),
        Change("c", [Piece("added", "New")]),
    ]
