"""Names of countries and languages in the reader's language; they come from Babel."""

from __future__ import annotations

import unicodedata

from babel import Locale
from flask_babel import get_locale

from app.words import SPOKEN


def country(code: str) -> str:
    """A country by the name the reader's language gives it."""
    return str(_locale().territories.get(code, code))


def languages(codes: str) -> str:
    """Languages, given as codes with commas between them, by the names the reader's language gives them."""
    return ", ".join(_language(code) for code in codes.replace(" ", "").split(","))


def spoken() -> list[tuple[str, str]]:
    """The languages people work in: code and name, in the order of the names."""
    return sorted(((code, _language(code)) for code in SPOKEN), key=lambda pair: by_letters(pair[1]))


def both(code: str, own: str) -> str:
    """A language by its own name and, for who cannot read or type that, by the reader's name for it."""
    told = _language(code)
    return own if own.casefold() == told.casefold() else f"{own} · {told}"


def by_letters(name: str) -> str:
    """What to sort a name by: its letters without accents, so that Österreich stands beside Oman."""
    return "".join(sign for sign in unicodedata.normalize("NFD", name) if not unicodedata.combining(sign)).casefold()


def _language(code: str) -> str:
    return str(_locale().languages.get(code, code))


def _locale() -> Locale:
    return get_locale() or Locale.parse("en")
