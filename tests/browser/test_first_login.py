"""The first login, in a browser: nothing but the privacy policy until it is accepted; then Home, and one's mails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from app.services import jobs
from tests.browser.conftest import DESK, PHONE, Hand, Site
from tests.browser.test_pages import faults_of_axe, faults_of_words

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_newcomer_reads_the_policy_in_two_languages_accepts_it_and_is_home(
    screens: Callable[..., Hand], size: dict[str, int]
) -> None:
    hand = screens(size)
    hand.enter("Lindqvist")
    hand.headed("Privacy policy for people who use CPMS")
    hand.go("/my-logins/")
    hand.headed("Privacy policy for people who use CPMS")
    assert faults_of_axe(hand.page) == []
    assert faults_of_words(hand.page) == []
    expect(hand.page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(0)

    hand.click("link", "Deutsch")
    hand.headed("Datenschutzerklärung für Menschen, die CPMS nutzen")
    hand.page.get_by_role("button", name="I have read it and I agree").focus()
    hand.page.keyboard.press("Enter")

    expect(hand.page.get_by_text("You have accepted the privacy policy.")).to_be_visible()
    assert hand.page.url.endswith("/my-logins/")
    hand.go("/my-policy/")
    expect(hand.page.get_by_text("read in: German")).to_be_visible()
    assert faults_of_axe(hand.page) == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_operator_reads_a_mail_as_it_was_sent(
    screens: Callable[..., Hand], site: Site, size: dict[str, int]
) -> None:
    jobs.run_due(site.house.app.app_context)
    hand = screens(size)
    hand.enter("Maes")
    hand.go("/mails/")
    assert faults_of_axe(hand.page) == []
    hand.click("link", "Your request is sent")
    hand.headed("Your request is sent")
    letter = hand.page.frame_locator("iframe.letter")
    expect(letter.get_by_role("link", name="See how it stands")).to_be_visible()
    assert faults_of_axe(hand.page) == []
    assert not hand.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
