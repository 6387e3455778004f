"""Receipts of withdrawals: every language says the same things, in its own words, on one page."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pytest

from app.outside import paper
from app.outside.paper.faults import PaperFault
from app.outside.paper.texts import TEMPLATES
from tests.papers import words_of

LANGUAGES = sorted(tomllib.loads((TEMPLATES / "languages.toml").read_text("utf-8")))
SAME = {"Registro", "Slip", "Form", "Forma", "Formular", "Questions"}
VALUES = {
    "form.code": "ABCD-EFGH-JKMN-PQRS",
    "withdrawn_on": "3",
    "channel": "slip",
    "registry.name": "Registry <b>of</b> names",
    "registry.controller": "Controller [[form.code]]",
    "hospital.name": "A hospital of a long name, department of rare diseases",
    "hospital.address": "1 Street, Town",
    "hospital.phone": "+30 000",
    "hospital.email": "desk@hospital.example",
    "hospital.dpo": "D. P. Officer, dpo@hospital.example",
    "authority.name": "Authority",
    "authority.contact": "2 Street",
}


def test_every_language_of_the_forms_has_its_receipt() -> None:
    assert sorted(paper.receipt_words()) == LANGUAGES
    assert paper.receipt_language("xx") == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_every_word_and_none_in_english(language: str) -> None:
    words, english = paper.receipt_words()[language], paper.receipt_words()["en"]
    assert list(words) == list(english)
    assert [name for name, word in words.items() if not word.strip() or word != word.strip()] == []
    if language != "en":
        assert {word for name, word in words.items() if word == english[name]} - SAME == set()
        longer = {name for name, word in words.items() if len(english[name]) > 60}
        share = {name: len(words[name]) / len(english[name]) for name in longer}
        assert {name: size for name, size in share.items() if not 0.6 <= size <= 1.7} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_is_one_page_and_says_only_what_belongs_to_its_purpose(printer: Any, language: str) -> None:
    words = paper.receipt_words()[language]
    own = {
        "care": {"care", "stop", "erase"},
        "education": {"education", "teaching"},
        "registry": {"registry", "exports"},
    }
    for purpose, wanted in own.items():
        page = paper.compose_receipt(language, purpose, VALUES, demo=True)
        made = printer.render(
            page,
            paper.style(),
            title=words["title"],
            language=language,
            created=dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC),
        )
        told = words_of(made.pdf)
        said = {name for one in own.values() for name in one if words[name] in page}
        assert (made.pages, made.missing, said) == (1, (), wanted)
        assert ("Registry <b>of</b> names" in told) is (purpose == "registry")


def test_a_field_that_does_not_exist_is_a_fault() -> None:
    with pytest.raises(PaperFault):
        paper.compose_receipt("en", "care", {"channel": "slip"})
