"""Names of countries in the reader's language; they come from Babel."""

from __future__ import annotations

from babel import Locale
from flask_babel import get_locale


def country(code: str) -> str:
    """A country by the name the reader's language gives it."""
    locale = get_locale() or Locale.parse("en")
    return str(locale.territories.get(code, code))
