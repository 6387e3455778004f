"""``python -m tools.own_names``: how every language Babel knows calls itself, into app/consent_templates/own_names.toml.

Babel reads a language's whole data, half a megabyte of it, to say that one name, and keeps it. Lists that offer all
languages read this file instead. Run it after an update of Babel; a test says when.
"""

from __future__ import annotations

import json
import re

from babel import Locale
from babel.localedata import locale_identifiers

from app.outside.paper.texts import OWN_NAMES


def own_names() -> dict[str, str]:
    """Code of two or three letters to the language's own name, where it has one, in the order of the codes."""
    codes = sorted(code for code in locale_identifiers() if re.fullmatch(r"[a-z]{2,3}", code))
    found = {code: Locale(code).get_language_name(code) for code in codes}
    return {code: name for code, name in found.items() if name}


if __name__ == "__main__":
    lines = (f"{code} = {json.dumps(name, ensure_ascii=False)}\n" for code, name in own_names().items())
    OWN_NAMES.write_text(f"# Written by `python -m tools.own_names`.\n{''.join(lines)}", "utf-8")
