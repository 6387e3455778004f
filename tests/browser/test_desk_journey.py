"""A coordinator's first morning in a real browser: thirty requests are decided with few touches, by keyboard as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.models import Centre, MembershipRequest, Network, db
from app.words import RequestKind, RequestState
from tests import factories as make
from tests.browser.conftest import DESK, PHONE, Hand, Site
from tests.browser.test_journey import SQLITE, tab_to

COORDINATOR = "Lotte Verhoeven"
REQUESTS, ODD = 30, 3
MOST_TOUCHES = 36
"""Under three minutes for somebody new: five seconds for each touch, reading included, make 180."""


def thirty(site: Site) -> None:
    """Thirty requests and no others at her network, confirmed by the hospital; some come from an address elsewhere, so each needs a look."""
    with site.house.system():
        for one in db.session.query(MembershipRequest):
            one.state = RequestState.WITHDRAWN
        centre = db.session.query(Centre).join(Network).filter(Network.code == "metabern").order_by(Centre.id).first()
        domain = centre.hospital.email.partition("@")[2]
        for number in range(REQUESTS):
            email = f"applicant{number}@{'elsewhere.example' if number % 10 == 4 else domain}"
            make.request(
                make.person(f"Applicant {number}", email=email, username=email),
                RequestKind.CLINICIAN,
                RequestState.AT_NETWORK,
                hospital=centre.hospital,
                centre=centre,
                confirmed_by="Representative",
                confirmed_on=make.today(),
            )


def waiting(site: Site) -> int:
    """How many of them nobody has decided."""
    told = "SELECT count(*) FROM membership_request WHERE applicant LIKE 'Applicant %' AND state = 'at_network'"
    return int(site.value(told))


@SQLITE
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_thirty_requests_are_decided_with_few_touches(
    screens: Callable[..., Hand], site: Site, size: dict[str, int]
) -> None:
    thirty(site)
    hand = screens(size)
    hand.enter(COORDINATOR)
    hand.click("link", re.compile("Requests for you$"))
    while waiting(site) > ODD:
        before = waiting(site)
        hand.click("button", "Pick all on this page")
        hand.click("button", "Accept the picked requests")
        expect(hand.page.get_by_role("main").get_by_role("status")).to_contain_text("accepted")
        assert waiting(site) < before
        hand.click("link", "Back to the requests")
    hand.click("link", re.compile("Applicant (4|14|24)"))
    while waiting(site):
        before = waiting(site)
        with hand.page.expect_navigation():
            hand.click("button", "Accept")
        expect(hand.page.get_by_role("main").get_by_role("status")).to_contain_text("Accepted.")
        assert waiting(site) == before - 1
    assert hand.count <= MOST_TOUCHES


@SQLITE
def test_the_keyboard_alone_accepts_what_is_in_order_and_refuses_one(screens: Callable[..., Hand], site: Site) -> None:
    thirty(site)
    hand = screens()
    hand.enter(COORDINATOR)
    keys: Any = hand.page.keyboard
    hand.go("/requests/?waits=me")
    tab_to(hand, "^Pick all on this page$")
    keys.press("Enter")
    keys.press("Shift+Tab")
    expect(hand.page.get_by_role("button", name="Accept the picked requests")).to_be_focused()
    keys.press("Enter")
    expect(hand.page.get_by_role("heading", level=1)).to_have_text("Accepted together")
    before = waiting(site)
    assert before < REQUESTS
    hand.go("/requests/?waits=me&q=Applicant+14")
    tab_to(hand, "^Applicant 14")
    keys.press("Enter")
    expect(hand.page.get_by_role("heading", level=1)).to_contain_text("Applicant 14")
    tab_to(hand, "^Refuse the request$")
    keys.press("Enter")
    expect(hand.page.get_by_label("Reason")).to_be_visible()
    tab_to(hand, "^Reason")
    keys.type("Nobody of this name works there.")
    tab_to(hand, "^Refuse")
    keys.press("Enter")
    expect(hand.page.get_by_role("main").get_by_role("status")).to_contain_text("Refused.")
    assert waiting(site) == before - 1
