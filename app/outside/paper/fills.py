"""A composed text filled in for one patient and one hospital.

Values are data: they become text nodes of a tree, never markup, style, template or address. The result is the
page the renderer sets; it is not kept, because the printed file is.
"""

from __future__ import annotations

import unicodedata
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from babel import Locale
from babel.dates import format_date

from app.outside.paper.codes import BLANK_CODE, grouped_code, qr_payload
from app.outside.paper.faults import PaperFault
from app.outside.paper.fields import FIELDS, ROLES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
PAGES: Final = 24
"""No form has more pages, in large print either; a text that has is refused."""


@dataclass(frozen=True)
class Registry:
    """A registry as named on the form: each has its own yes and no."""

    name: str
    controller: str
    country: str


@dataclass(frozen=True)
class _Facts:
    """What decides which parts of the skeleton stand on this form, and with what in their places."""

    values: Mapping[str, str]
    truths: frozenset[str]
    role: str
    registries: Sequence[Registry]

    def keeps(self, element: ET.Element) -> bool:
        when, role = element.get("data-when"), element.get("data-role")
        return (when is None or when in self.truths) and role in {None, self.role}


def fill(
    html: str,
    values: Mapping[str, str],
    registries: Sequence[Registry] = (),
    *,
    role: str = "joint_controller",
    demo: bool = False,
    large: bool = False,
    by_hand: bool = False,
) -> str:
    """The page of one form: ``html`` of a composed text with ``values`` in its places.

    A field without a value (or with an empty one) is a line to write on. ``form.code`` makes the codes (QR) of the
    pages; without it they carry ``BLANK_CODE``. The section of ``country.paragraph`` goes when that is empty. Line
    breaks in a value are kept.

    Args:
        html: of a ``ComposedText``.
        values: by the names in ``FIELDS``.
        registries: in the order of their boxes: ``registry-1-yes``, ``registry-1-no``, ``registry-2-yes``, ...
        role: the operator's legal role, one of ``ROLES``.
        demo: put the DEMO mark on every page.
        large: the same words in large print (a text published before there was any stays as it is).
        by_hand: the patient is written on the paper by hand, which takes more room than print.

    Raises:
        PaperFault: ``unknown_field`` for a value or role that does not exist; ``text_broken``.
        ValueError: ``form.code`` is not a form code.
    """
    if role not in ROLES:
        raise PaperFault("unknown_field", role)
    if strange := sorted(values.keys() - FIELDS.keys()):
        raise PaperFault("unknown_field", strange[0])
    code = values.get("form.code") or BLANK_CODE
    shown = {name: clean(value) for name, value in values.items()} | {"form.code": grouped_code(code)}
    truths = {"demo": demo, "no-registry": not registries, "country.paragraph": bool(shown.get("country.paragraph"))}
    facts = _Facts(shown, frozenset(name for name, is_so in truths.items() if is_so), role, registries)
    root = _parse(html)
    if large:
        root.set("class", f"{root.get('class', '')} large".strip())
    if by_hand:
        root.set("class", f"{root.get('class', '')} by-hand".strip())
    _fill_children(root, facts)
    ET.SubElement(root[0], "style").text = _code_style(code)
    return "<!DOCTYPE html>" + ET.tostring(root, encoding="unicode", method="html")


def long_date(day: dt.date, language: str) -> str:
    """A date as the language writes it in a sentence (CLDR long form): no day and month to mix up. English: British."""
    written = format_date(day, format="long", locale="en_GB" if language == "en" else language)
    return written.replace("\u202f", "\u00a0")


def country_name(code: str, language: str) -> str:
    """A country (ISO 3166-1 alpha-2) by its name in the language (CLDR)."""
    return str(Locale.parse(language).territories.get(code, code))


def _parse(html: str) -> ET.Element:
    try:
        root = ET.fromstring(html)  # noqa: S314 - composed by us, kept by us; sizes are limited on the way in
    except ET.ParseError as fault:
        raise PaperFault("text_broken", str(fault)) from None
    if not len(root) or root[0].tag != "head":
        raise PaperFault("text_broken", "no head")
    return root


def _fill_children(element: ET.Element, facts: _Facts) -> None:
    children = [filled for child in element for filled in _filled(child, facts)]
    element[:] = children


def _filled(child: ET.Element, facts: _Facts) -> list[ET.Element]:
    """What stands in the place of ``child``: nothing, itself, or one copy for each registry."""
    if not facts.keeps(child):
        return []
    if child.get("data-repeat") == "registry":
        return [_registry_copy(child, number, facts) for number in range(1, len(facts.registries) + 1)]
    if name := child.get("data-field"):
        _set_value(child, facts.values.get(name, ""))
    else:
        _fill_children(child, facts)
    return [child]


def _registry_copy(child: ET.Element, number: int, facts: _Facts) -> ET.Element:
    registry = facts.registries[number - 1]
    mine = {f"registry.{name}": clean(value) for name, value in vars(registry).items()}
    copied = deepcopy(child)
    for element in copied.iter():
        if "id" in element.attrib:
            element.set("id", element.attrib["id"].replace("{number}", str(number)))
    _fill_children(copied, replace(facts, values={**facts.values, **mine}))
    return copied


def _set_value(place: ET.Element, value: str) -> None:
    if not value:
        place.set("class", "blank")
        return
    first, *others = value.split("\n")
    place.text = first
    for line in others:
        ET.SubElement(place, "br").tail = line


def clean(value: str) -> str:
    """Without what no paper can show, each a space: control characters, halves of characters, what turns a line around.

    Also other systems' separators of lines: some texts cannot be set with one inside (WeasyPrint 70).
    """
    lines = value.replace("\r\n", "\n").split("\n")
    return "\n".join("".join(" " if _unseen(sign) else sign for sign in line) for line in lines)


def _unseen(sign: str) -> bool:
    return unicodedata.category(sign) in UNSEEN or sign in TURNING


def _code_style(code: str) -> str:
    rules = []
    for page in range(1, PAGES + 1):
        image = f'background-image: url("qr:{qr_payload(code, page)}")'
        rules.append(f"@page :nth({page}) {{ @top-right {{ {image} }} @bottom-left {{ {image} }} }}")
    return "\n".join(rules)
