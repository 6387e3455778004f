"""A screen nobody uses is locked in place, and nothing typed is lost; passkeys open and unlock, in a real browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app.models import Login, db, now
from tests import factories as make
from tests.browser.conftest import DESK, PHONE, Hand, Site
from tests.browser.test_pages import faults_of_axe
from tests.trust.sign_ins import HASH, PASSWORD

pytestmark = pytest.mark.browser
TYPED = {"E-mail": "typed@people.example", "Given name": "Typed", "Family name": "Before"}


@pytest.fixture
def operator(site: Site) -> Any:
    """An operator who signs in with a password."""
    with site.house.system():
        made = make.person("Olga", password=HASH)
        make.admin(made)
        for version in db.session.scalars(db.select(make.PolicyVersion)):
            make.policy_acceptance(made, version)
        return SimpleNamespace(id=made.id, email=made.email)


def enter(hand: Hand, operator: Any) -> None:
    hand.go("/login/")
    hand.fill("User name or e-mail", operator.email)
    hand.fill("Password", PASSWORD)
    hand.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(hand.page.locator("body.inside")).to_be_visible()


def idle(site: Site, operator: Any, minutes: float) -> None:
    """Nobody has used the operator's screens for so long."""
    with site.house.everything() as session:
        session.connection(execution_options={"writes": True})
        seen = now() - dt.timedelta(minutes=minutes)
        session.execute(update(Login).where(Login.person_id == operator.id).values(seen_at=seen))
        session.commit()


def look(hand: Hand) -> None:
    """The page looks at its clock, as it does every few seconds."""
    hand.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def type_something(hand: Hand) -> None:
    hand.go("/people/add")
    for label, value in TYPED.items():
        hand.fill(label, value)


def still_typed(hand: Hand) -> bool:
    return all(hand.page.get_by_label(label, exact=True).input_value() == value for label, value in TYPED.items())


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_idle_screen_warns_locks_in_place_and_goes_on_with_what_was_typed(
    screens: Callable[..., Hand], site: Site, operator: Any, size: dict[str, int]
) -> None:
    hand = screens(size)
    enter(hand, operator)
    type_something(hand)
    page, dialog = hand.page, hand.page.get_by_role("dialog", name="This screen is locked")

    idle(site, operator, 14.5)
    look(hand)
    expect(page.get_by_role("status").filter(has_text="This screen locks in a minute.")).to_be_visible()
    assert faults_of_axe(page) == []

    idle(site, operator, 16)
    look(hand)
    expect(dialog).to_be_visible()
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Given name")).not_to_be_visible()
    assert faults_of_axe(page) == []

    for _time in range(2):
        page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    assert site.house.value("SELECT count(*) FROM login WHERE locked_at IS NOT NULL") == 1

    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("This is not your password.").first).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    assert still_typed(hand)
    page.locator("select[name=country]").evaluate("select => { select.tomselect.setValue(select.options[1].value); }")
    page.get_by_role("button", name="Add a person").click()
    expect(page.get_by_text("Make a one-time link").first).to_be_visible()


def test_a_screen_hides_itself_also_when_the_platform_cannot_be_asked(
    screens: Callable[..., Hand], site: Site, operator: Any
) -> None:
    hand = screens(DESK)
    page, dialog = hand.page, hand.page.get_by_role("dialog", name="This screen is locked")
    enter(hand, operator)
    page.clock.install()
    type_something(hand)
    page.route("**/prove/**", lambda route: route.abort())
    page.clock.fast_forward(16 * 60 * 1000)
    expect(dialog).to_be_visible()
    expect(page.get_by_label("Given name")).not_to_be_visible()
    idle(site, operator, 16)
    page.unroute("**/prove/**")
    page.clock.run_for(6000)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    assert still_typed(hand)
    hand.broken[:] = [one for one in hand.broken if "ERR_FAILED" not in one]  # the console names what was not answered


@pytest.mark.parametrize("screen", ["locked", "open"])
def test_a_screen_does_not_open_to_somebody_else_who_has_signed_in_here(
    screens: Callable[..., Hand], site: Site, operator: Any, screen: str
) -> None:
    with site.house.system():
        other = make.person("Otto", password=HASH)
        for version in db.session.scalars(db.select(make.PolicyVersion)):
            make.policy_acceptance(other, version)
        somebody_else = SimpleNamespace(id=other.id, email=other.email)
    hand = screens(DESK)
    enter(hand, operator)
    type_something(hand)
    hand.page.keyboard.press("x")  # something is typed, so the browser would ask before it leaves the page
    if screen == "locked":
        idle(site, operator, 16)
        look(hand)
        expect(hand.page.get_by_role("dialog", name="This screen is locked")).to_be_visible()
    second = Hand(hand.page.context.new_page(), site)
    second.page.context.clear_cookies()  # the first has signed out
    enter(second, somebody_else)
    look(hand)
    expect(hand.page.locator(f"body[data-person='{person_of(second)}']")).to_be_visible()
    assert "typed@people.example" not in hand.page.content()


def person_of(hand: Hand) -> str | None:
    return hand.page.locator("body").get_attribute("data-person")


def test_whoever_moves_in_the_last_minute_is_not_locked_out(
    screens: Callable[..., Hand], site: Site, operator: Any
) -> None:
    hand = screens(DESK)
    enter(hand, operator)
    type_something(hand)
    idle(site, operator, 14.5)
    look(hand)
    warning = hand.page.get_by_text("This screen locks in a minute.")
    expect(warning).to_be_visible()
    hand.page.keyboard.press("Shift")
    expect(warning).not_to_be_visible()
    with site.house.everything() as session:
        assert now() - session.query(Login).filter_by(person_id=operator.id).one().seen_at < dt.timedelta(minutes=1)


def test_without_scripts_a_form_that_meets_the_lock_comes_back_with_what_was_typed(
    screens: Callable[..., Hand], site: Site, operator: Any
) -> None:
    hand = screens(DESK, java_script_enabled=False)
    enter(hand, operator)
    type_something(hand)
    hand.page.get_by_label("Country").select_option(index=1)
    idle(site, operator, 16)
    hand.page.locator("form.fields button[type=submit]").click()
    hand.headed("This screen is locked")
    assert "typed@people.example" not in hand.page.content()
    hand.fill("Password", "not the password")
    hand.click("button", "Go on")
    hand.fill("Password", PASSWORD)
    hand.click("button", "Go on")
    hand.headed("Here is what you typed")
    expect(hand.page.get_by_text("typed@people.example")).to_be_visible()
    hand.click("button", "Send it now")
    hand.headed("Typed Before")


def passkeys_of(hand: Hand) -> Any:
    """A device that makes passkeys and verifies its owner."""
    session = hand.page.context.new_cdp_session(hand.page)
    session.send("WebAuthn.enable")
    kind = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": kind})
    return session, made["authenticatorId"]


def verified(device: Any, yes: bool) -> None:
    session, key = device
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": yes})


def test_a_passkey_is_added_opens_the_account_alone_and_unlocks_the_screen(
    screens: Callable[..., Hand], site: Site, operator: Any
) -> None:
    hand = screens(DESK)
    hand.site = SimpleNamespace(address=site.address.replace("127.0.0.1", "localhost"), house=site.house)
    page, device = hand.page, passkeys_of(hand)
    enter(hand, operator)
    hand.go("/my-logins/")
    assert faults_of_axe(page) == []
    hand.click("link", "Add a passkey")
    hand.fill("What you call it", "My laptop")
    assert faults_of_axe(page) == []
    hand.click("button", "Make the passkey")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    assert faults_of_axe(page) == []
    hand.go("/my-logins/")
    expect(page.get_by_text("My laptop").first).to_be_visible()

    page.locator("header details.drop").last.locator("summary").click()
    hand.click("button", "Sign out")
    hand.click("button", "Sign in with a passkey")
    expect(page.locator("body.inside")).to_be_visible()
    assert site.house.value("SELECT count(*) FROM login WHERE two_factors AND ended_at IS NULL") >= 1

    type_something(hand)
    idle(site, operator, 16)
    look(hand)
    dialog = page.get_by_role("dialog", name="This screen is locked")
    expect(dialog).to_be_visible()
    verified(device, yes=False)
    dialog.get_by_role("button", name="Use a passkey").click()
    expect(dialog.get_by_text("The passkey did not answer.")).to_be_visible()
    verified(device, yes=True)
    dialog.get_by_role("button", name="Use a passkey").click()
    expect(dialog).not_to_be_visible()
    assert still_typed(hand)


def test_behind_the_password_a_passkey_is_asked_and_one_can_add_an_app(
    screens: Callable[..., Hand], site: Site, operator: Any
) -> None:
    with site.house.system():
        factor, _secret = make.app_factor(operator.id)
        db.session.add(factor)
        db.session.commit()
    hand = screens(DESK)
    enter(hand, operator)
    hand.go("/people/")
    hand.headed("Show your second factor")
    assert faults_of_axe(hand.page) == []
    hand.fill("Code", "000000")
    hand.click("button", "Go on")
    expect(hand.page.get_by_text("This code is not right").first).to_be_visible()
