"""Through EU Login in a real browser: there, back with one factor, there again, in, out; with the keyboard where it matters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESK, PHONE, Hand, Site, at, open_to_browsers
from tests.browser.test_pages import AXE, RUN_AXE
from tests.houses import furnish
from tests.providers import free_port, person, provider

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"])]
PEOPLE = {
    "nora": person("nora", "nora@elsewhere.example"),
    "una": person("una", "una@elsewhere.example", verified=False),
}


def axe(page: Page) -> list[str]:
    """What axe finds."""
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN_AXE)
    return found


@pytest.fixture(scope="module")
def gate(shared: Any, worker: str, printer: Any) -> Iterator[Site]:
    address = f"http://127.0.0.1:{free_port()}"
    with provider(shared, address, PEOPLE) as there:
        house = furnish("sqlite", shared, f"gate-{worker}", printer, **at(address), **there.settings)
        with open_to_browsers(house, address) as site:
            yield site


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_somebody_new_comes_in_with_two_factors_and_leaves(
    gate: Site, chromium: Browser, dialect: str, size: dict[str, int]
) -> None:
    gate.house.reset()
    context = chromium.new_context(viewport=size, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(20_000)
    hand = Hand(context.new_page(), gate)
    page = hand.page
    hand.go("/my-logins/")
    assert axe(page) == []
    page.get_by_role("link", name="Sign in with EU Login").press("Enter")
    nora = page.get_by_role("listitem").filter(has_text="Nora")
    nora.get_by_role("button", name="Password alone").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One step more")
    assert axe(page) == []
    page.get_by_role("link", name="Sign in with two factors").press("Enter")
    expect(page.get_by_text("asks for two factors")).to_be_visible()
    nora.get_by_role("button", name="Two factors").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My logins and second factor")
    assert page.url == f"{gate.address}/my-logins/"
    hand.go("/")
    expect(page.get_by_role("heading", name="You have no place here")).to_be_visible()
    assert axe(page) == []
    page.locator("header details.drop").nth(1).locator("summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("EU Login may still be open")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("link", name="Sign out of EU Login").click()
    page.get_by_role("button", name=re.compile("Yes")).click()
    hand.go("/login/eu/")
    expect(page.get_by_role("heading", name="EU Login (demo)")).to_be_visible()  # it has forgotten her too
    assert hand.broken == []
    context.close()


def test_an_address_that_is_not_verified_is_said_on_home(gate: Site, chromium: Browser, dialect: str) -> None:
    gate.house.reset()
    context = chromium.new_context(viewport=PHONE, locale="en-GB")
    hand = Hand(context.new_page(), gate)
    hand.go("/login/eu/")
    una = hand.page.get_by_role("listitem").filter(has_text="Una")
    una.get_by_role("button", name="Two factors").click()
    expect(hand.page.get_by_text("Mail from here cannot reach you")).to_be_visible()
    hand.page.locator("header details.drop").nth(1).locator("summary").click()
    hand.page.get_by_role("link", name="Your places and rights").click()
    expect(hand.page.get_by_role("heading", level=1)).to_have_text("Una Elsewhere")
    assert "no-mail.invalid" not in hand.page.content()
    assert axe(hand.page) == []
    context.close()
