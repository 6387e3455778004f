"""Filling a form in: values stay plain text, codes and dates are written as people and scanners read them."""

from __future__ import annotations

import datetime as dt
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.outside.paper import (
    BLANK_CODE,
    PaperFault,
    Registry,
    compose,
    country_name,
    fill,
    grouped_code,
    long_date,
    parse_qr,
    plain_code,
    qr_payload,
)
from app.outside.paper.codes import CROCKFORD

CODE = "7K3M9QZXW2A4B8CD"
TEXT = compose("eu", "en", "adult")
HOSTILE = [
    "<b>Bold</b><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }} {% include '/etc/passwd' %} ${7*7} #{7*7}",
    "[[hospital.name]]",
    "=HYPERLINK(1)+cmd|' /C calc'!A0",
    "&amp;&#60;&lt;",
    "</style><style>*{display:none}",
]

codes = st.text(CROCKFORD, min_size=16, max_size=16)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_that_looks_like_code_stays_the_same_words(value: str) -> None:
    plain = fill(TEXT.html, {"patient.family_name": "Smith", "hospital.name": "H"})
    page = fill(TEXT.html, {"patient.family_name": value, "hospital.name": "H"})
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert page == plain.replace("Smith", escaped)


@given(st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1))
def test_any_value_adds_no_element(value: str) -> None:
    plain = fill(TEXT.html, {"patient.family_name": "Smith"})
    page = fill(TEXT.html, {"patient.family_name": value})
    assert page.count("<") == plain.count("<")


def test_control_characters_become_spaces_and_lines_are_kept() -> None:
    page = fill(TEXT.html, {"hospital.address": "Street 1\r\n1000 City\x00\x1b\ud800"})
    assert '<bdi data-field="hospital.address">Street 1<br>1000 City   </bdi>' in page


def test_what_turns_a_line_around_or_ends_it_elsewhere_becomes_a_space() -> None:
    page = fill(TEXT.html, {"hospital.name": "A\u2028B\u2029C\u202eD\u2066E"}, [Registry("F\u2028G", "H\u202e", "I")])
    assert '<bdi data-field="hospital.name">A B C D E</bdi>' in page
    assert '<bdi data-field="registry.name">F G</bdi>' in page


def test_a_field_without_a_value_is_a_line_to_write_on() -> None:
    page = fill(TEXT.html, {"patient.family_name": ""})
    assert page.count('<bdi data-field="patient.family_name" class="blank"></bdi>') == 2


def test_an_unknown_field_or_role_is_refused() -> None:
    for values, role in (({"patient.nickname": "x"}, "processor"), ({}, "owner")):
        with pytest.raises(PaperFault) as refusal:
            fill(TEXT.html, values, role=role)
        assert refusal.value.code == "unknown_field"


def test_each_registry_has_a_sentence_and_two_boxes_of_its_own() -> None:
    page = fill(TEXT.html, {}, [Registry("First", "University A", "France"), Registry("Second", "B & C", "Italy")])
    boxes = re.findall(r'id="(registry-[^"]+)"', page)
    assert boxes == ["registry-1-yes", "registry-1-no", "registry-2-yes", "registry-2-no"]
    assert re.findall(r'data-field="registry.name">([^<]+)<', page) == ["First", "Second"]
    assert "B &amp; C" in page
    assert "names no registry" not in page


def test_without_a_registry_the_form_says_so() -> None:
    page = fill(TEXT.html, {})
    assert "names no registry" in page
    assert 'id="registry-' not in page


def test_the_operators_role_chooses_one_paragraph() -> None:
    joint, processor = (fill(TEXT.html, {}, role=role) for role in ("joint_controller", "processor"))
    assert (joint.count("(processor)"), processor.count("(processor)")) == (0, 1)
    assert (joint.count('data-role="joint'), processor.count('data-role="joint')) == (1, 0)


def test_the_demo_mark_and_the_countrys_paragraph_stand_only_where_they_belong() -> None:
    bare = fill(TEXT.html, {"country.paragraph": ""})
    full = fill(TEXT.html, {"country.paragraph": "From the age of 15 the patient signs too."}, demo=True)
    assert ("DEMO" in bare, "DEMO" in full) == (False, True)
    assert ("What else applies" in bare, "What else applies" in full) == (False, True)


def test_dates_are_written_out_in_the_language() -> None:
    day = dt.date(1984, 3, 9)
    assert [long_date(day, language) for language in ("en", "de", "el", "bg", "uk", "mt")] == [
        "9 March 1984",
        "9. März 1984",
        "9 Μαρτίου 1984",
        "9 март 1984\u00a0г.",
        "9 березня 1984\u00a0р.",
        "9 ta’ Marzu 1984",
    ]


@given(codes, st.integers(1, 999))
def test_a_payload_has_32_characters_and_reads_back(code: str, page: int) -> None:
    payload = qr_payload(code, page)
    assert len(payload) == 32
    assert re.fullmatch(r"[0-9A-Z:]+", payload)
    assert parse_qr(payload) == (code, page)


@given(codes, st.integers(1, 999), st.integers(0, 31), st.sampled_from(CROCKFORD + ":"))
def test_a_payload_with_one_wrong_character_is_not_ours(code: str, page: int, at: int, sign: str) -> None:
    payload = qr_payload(code, page)
    broken = payload[:at] + sign + payload[at + 1 :]
    assert (parse_qr(broken) is None) == (broken != payload)


@pytest.mark.parametrize("text", ["", "https://example.org", "CPMS1:", "\u0665" * 32, "CPMS1:" + "0" * 26])
def test_foreign_codes_are_not_ours(text: str) -> None:
    assert parse_qr(text) is None


def test_a_form_code_is_grouped_for_people_and_read_back_as_they_type_it() -> None:
    assert grouped_code(CODE) == "7K3M-9QZX-W2A4-B8CD"
    assert plain_code("7k3m 9qzx-w2a4-b8cd") == CODE
    assert plain_code("oOiIlL0000000000") == "0011110000000000"
    for wrong in ("", "7K3M", CODE + "0", "U" * 16, "../../../../../../"):
        with pytest.raises(ValueError, match="not a form code"):
            plain_code(wrong)


def test_the_codes_of_a_form_are_on_its_pages_and_a_blank_form_has_the_blank_code() -> None:
    filled = ET.fromstring(fill(TEXT.html, {"form.code": CODE}).split("</title>")[1].split("</head>")[0])
    assert f"qr:{qr_payload(CODE, 1)}" in str(filled.text)
    assert f"qr:{qr_payload(BLANK_CODE, 1)}" in fill(TEXT.html, {})


def test_a_country_has_its_name_in_the_language_of_the_form() -> None:
    known = {language: country_name("DE", language) for language in ("de", "el", "fr", "nb", "uk")}
    assert known == {"de": "Deutschland", "el": "Γερμανία", "fr": "Allemagne", "nb": "Tyskland", "uk": "Німеччина"}
    assert country_name("XX", "de") == "XX"
