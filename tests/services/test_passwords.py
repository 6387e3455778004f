"""Which passwords are taken: long ones of any signs, none that is common or about oneself."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Incomplete
from app.services import passwords
from tests.trust.sign_ins import OTHER, PASSWORD, account, inside, sign_in

COMMON = "Many people use this password or one like it. Use a short sentence nobody else would think of."
OWN = "Your name or your address is the first thing somebody tries. Use a sentence about something else."
ANNA = ("Anna", "Papadopoulou", "a.papadopoulou@ahepa.example", "anna-by-name")


def said(password: str, again: str | None = None) -> dict[str, str]:
    """The sentences by the fields, of a password that is not taken."""
    try:
        passwords.check(password, password if again is None else again, ANNA)
    except Incomplete as refusal:
        return {name: str(sentence) for name, sentence in refusal.fields.items()}
    return {}


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd1234",
        "passwordpassword",
        "qwertyuiop[]",
        "123456789012",
        "aaaaaaaaaaaa",
        "a" * 256,
        "Welcome2024!!",
        "iloveyou2024",
        "abcdefghijklmnop",
        "01.01.198001.01.1980",
    ],
)
def test_a_password_many_people_use_is_refused_in_words_by_the_field(password: str) -> None:
    assert said(password) == {"password": COMMON}


@pytest.mark.parametrize(
    "password",
    [
        "Papadopoulou",
        "papadopoulou2026!",
        "annapapadopoulou",
        "a.papadopoulou@ahepa.example",
        "ANNA-by-name-1",
        "cpms-papadopoulou-7",
    ],
)
def test_ones_own_name_or_address_is_refused_in_words_by_the_field(password: str) -> None:
    assert said(password) == {"password": OWN}


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        OTHER,
        "Anna paints seven grey herons",
        "q8]fW2-mZx!7",
        "Δώδεκα πράσινα ποδήλατα",
        "зелена чапля над ставом",
        "    twelve wet   boots  ",
        "the moon is late tonight " * 10,
    ],
)
def test_a_sentence_in_any_script_and_of_any_length_up_to_the_limit_is_taken(password: str) -> None:
    assert said(password) == {}


def test_length_is_counted_in_characters_and_the_field_says_what_is_asked() -> None:
    assert said("ten herons") == {"password": "Use at least 12 characters. A short sentence is easy to remember."}
    assert said("q8]fW2-mZx!7" * 22) == {"password": "Use at most 256 characters."}
    assert said(OTHER, OTHER + "x") == {"again": "The two passwords differ. Type the same one twice."}


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_all_characters_of_a_long_password_count(house: Any, dialect: str) -> None:
    long = "the moon is late tonight " * 10
    anna = account(house)
    client = house.client_for(anna.id)
    assert client.post("/password/", data={"old": PASSWORD, "password": long, "again": long}).status_code == 302
    assert not inside(sign_in(house, anna.email, long[:-1] + "x")[0])
    assert not inside(sign_in(house, anna.email, long[:72])[0])
    assert inside(sign_in(house, anna.email, long)[0])


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_form_says_why_a_password_is_not_taken(house: Any, dialect: str) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    answer = client.post("/password/", data={"old": PASSWORD, "password": "password1234", "again": "password1234"})
    assert (answer.status_code, COMMON in answer.text) == (422, True)
    assert inside(sign_in(house, anna.email)[0])
