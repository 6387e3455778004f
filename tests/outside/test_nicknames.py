"""A nickname can be read out on the telephone, offends nobody in 25 languages and gives nothing away."""

from __future__ import annotations

import itertools
import random
import re
import tomllib
import unicodedata
from importlib import resources

import pytest

from app.outside.nicknames import WORDS, propose

LANGUAGES = {
    "bg",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "es",
    "et",
    "fi",
    "fr",
    "ga",
    "hr",
    "hu",
    "it",
    "lt",
    "lv",
    "mt",
    "nl",
    "pl",
    "pt",
    "ro",
    "sk",
    "sl",
    "sv",
    "uk",
}
LISTS = pytest.mark.parametrize("words", WORDS, ids=["first", "second", "third"])
SOUNDS = [
    ("ph", "f"),
    ("ght", "t"),
    ("gh|h", ""),
    ("ck|q", "k"),
    ("x", "ks"),
    ("c(?=[eiy])|z", "s"),
    ("c|g(?![eiy])", "k"),
    ("dge|g", "j"),
    ("kn", "n"),
    ("wr", "r"),
    ("d", "t"),
    ("b", "p"),
    ("v", "f"),
    ("(?<=[^aeiouyw])e$", ""),
    ("[aeiouyw]+", "a"),
    (r"(.)\1+", r"\1"),
]
"""Spelling to a rough sound: on a bad line voiced and unvoiced consonants, and all vowels, are alike."""


def denied() -> dict[str, list[str]]:
    text = resources.files("app.outside.nicknames").joinpath("denied.toml").read_text("utf-8")
    return {language: stems.split() for language, stems in tomllib.loads(text).items()}


def test_there_are_more_than_four_million_nicknames() -> None:
    assert len(WORDS[0]) * len(WORDS[1]) * len(WORDS[2]) >= 4_000_000
    assert min(len(words) for words in WORDS) >= 170


def test_a_nickname_is_one_word_of_each_list() -> None:
    chance = random.Random(1)

    for _ in range(500):
        first, second, third = propose(chance).split(" ")
        assert first[0].isupper()
        assert (first.lower() in WORDS[0], second.lower() in WORDS[1], third.lower() in WORDS[2]) == (True,) * 3


def test_one_source_of_chance_gives_the_same_names_again_and_the_systems_does_not() -> None:
    assert [propose(random.Random(5)) for _ in range(3)] == [propose(random.Random(5))] * 3
    assert len({propose() for _ in range(200)}) > 190


def test_every_word_of_every_list_is_drawn() -> None:
    chance = random.Random(2)
    drawn: tuple[set[str], ...] = (set(), set(), set())

    for _ in range(20_000):
        for words, word in zip(drawn, propose(chance).lower().split(), strict=True):
            words.add(word)

    assert drawn == tuple(map(set, WORDS))


@LISTS
def test_words_are_short_and_plain(words: tuple[str, ...]) -> None:
    assert [word for word in words if not re.fullmatch("[a-z]{3,12}", word)] == []


def test_no_word_stands_in_two_places() -> None:
    every = list(itertools.chain(*WORDS))

    assert sorted(every) == sorted(set(every))


@LISTS
def test_no_two_words_of_a_list_look_alike(words: tuple[str, ...]) -> None:
    assert [(one, other) for one, other in itertools.combinations(words, 2) if is_one_slip(one, other)] == []


@LISTS
def test_no_two_words_of_a_list_sound_alike(words: tuple[str, ...]) -> None:
    sounds: dict[str, list[str]] = {}
    for word in words:
        sounds.setdefault(sound(word), []).append(word)

    assert [alike for alike in sounds.values() if len(alike) > 1] == []


def test_no_word_holds_an_insult_an_illness_or_an_origin_in_any_language() -> None:
    found = [
        (word, language, stem)
        for language, stems in denied().items()
        for stem in stems
        for word in itertools.chain(*WORDS)
        if is_denied(word, stem)
    ]

    assert found == []


def test_every_language_has_its_list_of_what_is_denied() -> None:
    lists = denied()

    assert sorted(lists) == sorted(LANGUAGES | {"names", "medicine", "places"})
    assert {language: len(set(stems)) for language, stems in lists.items() if len(set(stems)) < 40} == {}
    assert [stem for stems in lists.values() for stem in stems if not re.fullmatch("=?[a-z]{2,}", stem)] == []
    assert [stem for stems in lists.values() for stem in stems if len(stem) < 3] == [], "too short to search for"


def test_the_check_would_find_what_must_not_be_there() -> None:
    """Words that look innocent in English, and where they are not."""
    traps = {"gift": "de", "mist": "de", "puffin": "de", "fart": "en", "slut": "en", "curve": "ro", "pine": "fr"}
    traps |= {"barn": "da", "fern": "de", "loom": "et", "pool": "nl", "maple": "medicine", "butterfly": "medicine"}
    traps |= {"button": "en", "pula": "ro", "bergamot": "el", "robin": "names", "jersey": "places"}

    lists = denied()
    missed = {word for word, where in traps.items() if not any(is_denied(word, stem) for stem in lists[where])}

    assert missed == set()


def fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def is_denied(word: str, stem: str) -> bool:
    return fold(word) == stem[1:] if stem.startswith("=") else stem in fold(word)


def sound(word: str) -> str:
    for spelling, spoken in SOUNDS:
        word = re.sub(spelling, spoken, word)
    return word


def is_one_slip(one: str, other: str) -> bool:
    """Whether one letter changed, added, left out or exchanged with the next makes one word of the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    if len(one) != len(other):
        return any(other[:at] + other[at + 1 :] == one for at in range(len(other)))
    differing = [at for at in range(len(one)) if one[at] != other[at]]
    match differing:
        case [_]:
            return True
        case [first, second] if second == first + 1:
            return one[first] == other[second] and one[second] == other[first]
    return False
