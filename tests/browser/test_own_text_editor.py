"""Writing a hospital's own text in a real browser: toolbar, chips, keyboard, saved by itself, two people at once, no script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import PHONE, Hand
from tests.browser.test_pages import look

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"])]
SAVED = re.compile("^Saved$")

SETTLES = 300
"""Milliseconds until the editor has heard where the cursor is: the browser says it a moment later."""


def at_the_desk(screens: Callable[..., Hand], size: dict[str, int] | None = None) -> Hand:
    """The representative, where the demo's draft is written."""
    hand = screens(size) if size else screens()
    hand.enter("Lamprou")
    hand.go("/own-texts/")
    hand.click("link", re.compile("français"))
    hand.click("link", "Write the text")
    expect(hand.page.locator(".ProseMirror")).to_have_count(21)
    return hand


def point(hand: Hand, name: str) -> Locator:
    """The editor of a point's answer."""
    return hand.page.locator(f"[data-entry={name}-body] .ProseMirror")


def stored(hand: Hand, name: str) -> str:
    """What the form holds for it."""
    return hand.page.locator(f"[name={name}-body]").input_value()


def test_a_point_is_written_by_keyboard_and_toolbar_and_saved_by_itself(screens: Callable[..., Hand]) -> None:
    hand = at_the_desk(screens)
    assert look(hand, "an own text being written", set(), again=True) == []
    keys, before = hand.page.keyboard, stored(hand, "networks")
    point(hand, "networks").click()
    hand.page.wait_for_timeout(SETTLES)
    keys.press("Control+End")
    hand.page.wait_for_timeout(SETTLES)
    keys.press("Enter")
    keys.type("Bonjour ")
    keys.press("Control+b")
    keys.type("fort")
    keys.press("Control+b")
    keys.type(" et ")
    hand.click("button", "Insert a field")
    hand.click("button", "Hospital: name")
    keys.press("Enter")
    hand.click("button", "List")
    keys.type("un")
    keys.press("Enter")
    keys.type("<script>alert(1)</script>")
    expect(hand.page.locator("#status")).to_have_text(SAVED)
    expect(hand.page.locator("#networks-body-error")).to_contain_text("This looks like HTML")
    assert (
        stored(hand, "networks")
        == f"{before}\n\nBonjour **fort** et [[hospital.name]]\n\n- un\n- <script>alert(1)</script>"
    )
    hand.page.reload()
    assert stored(hand, "networks").endswith("- <script>alert(1)</script>")
    expect(point(hand, "networks").locator(".chip")).to_have_count(1)
    hand.page.evaluate("scrollTo(0, 0)")  # else a reload stays where the toolbar lies over a link
    assert look(hand, "an own text with a fault", set(), again=True) == []


def test_what_the_editor_reads_it_writes_the_same(screens: Callable[..., Hand]) -> None:
    hand = at_the_desk(screens)
    changed = hand.page.evaluate(
        "[...document.querySelectorAll('[data-rich]')].filter((a) => a.defaultValue.trim() !== a.value.trim()).length"
    )
    assert (hand.page.locator(".ProseMirror").count(), changed) == (21, 0)


def test_the_second_of_two_writers_is_told_and_sees_both(screens: Callable[..., Hand]) -> None:
    first, second = at_the_desk(screens), at_the_desk(screens, PHONE)
    first.page.locator("[name=rights-heading]").fill("Quels sont nos droits ?")
    expect(first.page.locator("#status")).to_have_text(SAVED)
    second.page.locator("[name=rights-heading]").fill("Quels sont vos droits ?")
    expect(second.page.locator("#status")).to_contain_text("Somebody else changed this meanwhile")
    second.click("button", "Save and look at it")
    expect(second.page.locator(".meanwhile")).to_contain_text("Quels sont nos droits ?")
    second.click("button", "Save and look at it")
    expect(second.page.locator("dl.changes")).to_contain_text("vos")
    assert look(second, "the difference to the standard text", set(), again=True) == []


def test_without_a_script_the_lines_are_written_as_they_are(screens: Callable[..., Hand]) -> None:
    hand = screens(PHONE, java_script_enabled=False)
    hand.go("/login/")
    hand.page.get_by_role("button", name=re.compile("Lamprou")).click()
    hand.go("/own-texts/")
    hand.page.get_by_role("link", name=re.compile("français")).click()
    hand.page.locator("aside a[href$='/edit']").click()
    hand.page.locator("[name=automated-body]").fill("Non. **Des personnes** décident.\n\n- toujours")
    hand.page.locator("form.points button[type=submit]").click()
    expect(hand.page.locator("dl.changes")).to_contain_text("toujours")
