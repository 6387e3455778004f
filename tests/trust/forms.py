"""What a page's own form would send."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import html

from app.models import today


def form_of(page: bytes) -> dict[str, str]:
    """What the page's own form would send as it stands."""
    main = html.document_fromstring(page).xpath("//main")[0]
    (form,) = [one for one in main.xpath(".//form") if one.xpath(".//*[@name='seen']")]
    sent = {name: value for name, value in form.form_values() if value is not None and name != "csrf_token"}
    return {name: "" if value == "on" else value for name, value in sent.items()}  # lxml's word for an empty choice


def filled_forms(page: bytes, address: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each form that carries a version seen goes (those that make a record carry none), and what it sends when full."""
    for form in html.document_fromstring(page).xpath(
        "//main//form[.//*[@name='seen'][@value!='']][not(.//input[@type='file'])]"
    ):
        sent = {name: value or "" for name, value in form.form_values() if name != "csrf_token"}
        sent = {name: "" if value == "on" else value for name, value in sent.items()}  # lxml's word for an empty choice
        for field in form.xpath(".//input[@name] | .//textarea[@name] | .//select[@name] | .//button[@name]"):
            if field.get("type") == "checkbox" and "required" in field.attrib:
                sent[field.get("name")] = field.get("value") or "y"
            if not sent.get(field.get("name"), "").strip() and field.get("type") not in ("hidden", "checkbox"):
                sent[field.get("name")] = _some_answer(field)
        yield form.get("action") or address, sent


def _some_answer(field: html.HtmlElement) -> str:
    if field.tag == "select":
        return next((str(option.get("value")) for option in field.iter("option") if option.get("value")), "")
    if field.get("type") == "radio" or field.tag == "button":
        return str(field.get("value"))
    if field.get("inputmode") == "numeric":  # a page's number, or an age
        return "1" if field.get("name") == "number" else "18"
    if field.get("name") == "orpha_codes":
        return "355"
    return {"date": str(today()), "time": "09:30"}.get(field.get("type"), "Something")
