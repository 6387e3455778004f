"""Three newcomers by hand, from the button of EU Login to their work: a clinician, an assistant, a guest; with their mails."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import text

from app.models import today
from app.services import demo, jobs
from tests.browser.conftest import DESK, PHONE, Hand, Site, at, open_to_browsers
from tests.browser.test_pages import faults_of_axe, faults_of_words
from tests.houses import House, furnish
from tests.providers import free_port, person, provider

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"])]
DOMAIN = "thermaikos-demo.example"
PEOPLE = {
    "clinician": person("daphne", f"daphne@{DOMAIN}"),
    "assistant": person("petros", f"petros@{DOMAIN}"),
    "guest": person("solveig", "solveig@elsewhere.example"),
}
CLINICIAN, REPRESENTATIVE, COORDINATOR = "Papadaki", "Lamprou", "Verhoeven"
HOSPITAL = "Θερμαϊκού"


@pytest.fixture(scope="module")
def gate(shared: Any, worker: str, printer: Any) -> Iterator[Site]:
    """The demo, to which EU Login leads."""
    address = f"http://127.0.0.1:{free_port()}"
    with provider(shared, address, PEOPLE) as there:
        settings = {"CPMS_MODE": "demo", **at(address), **there.settings}
        with open_to_browsers(furnish("sqlite", shared, f"newcomers-{worker}", printer, **settings), address) as site:
            yield site


@pytest.fixture
def hands(gate: Site, chromium: Browser, dialect: str) -> Iterator[Callable[[dict[str, int]], Hand]]:
    """Screens of people who share a demo; no script of theirs may fail."""
    gate.house.snapshot("demo", _sow)
    opened: list[Hand] = []

    def open_one(size: dict[str, int] = DESK) -> Hand:
        context = chromium.new_context(viewport=size, locale="en-GB", reduced_motion="reduce")
        context.set_default_timeout(20_000)
        opened.append(Hand(context.new_page(), gate))
        return opened[-1]

    yield open_one
    for hand in opened:
        hand.page.context.close()
    assert [fault for hand in opened for fault in hand.broken] == []


def _sow(house: House) -> Any:
    with house.app.app_context():
        return demo.seed(scans=False)


def arrive(hand: Hand, name: str) -> None:
    """From the button of EU Login, by the privacy policy, to the wizard."""
    hand.go("/login/")
    hand.click("link", "Sign in with EU Login")
    known = hand.page.get_by_role("listitem").filter(has_text=name)
    known.get_by_role("button", name="Two factors").click()
    hand.click("button", "I have read it and I agree")
    expect(hand.page.get_by_text("You have accepted the privacy policy.")).to_be_visible()
    look(hand)
    hand.go("/")
    hand.click("link", "Ask for access", hand.page.get_by_role("main"))


def begin(hand: Hand, kind: str) -> None:
    """The way of a newcomer."""
    hand.page.get_by_role("radio", name=re.compile(f"^{kind}")).check()
    hand.click("button", "Begin")


def find_hospital(hand: Hand) -> None:
    """Found by a part of its name."""
    hand.fill("Name, city or country", HOSPITAL)
    hand.click("button", "Search", hand.page.get_by_role("main"))
    look(hand)
    hand.page.get_by_role("button", name="Choose", exact=False).first.click()


def go_on(hand: Hand, **answers: str) -> None:
    """Fill in a page of the wizard."""
    for label, answer in answers.items():
        hand.fill(label.replace("_", " ").replace("Work email", "Work e-mail"), answer)
    look(hand)
    hand.click("button", "Save and go on")


def pick(hand: Hand, label: str, choice: str) -> None:
    """Choose one of a long list by typing."""
    box = hand.page.get_by_role("combobox", name=label).and_(hand.page.locator("input"))
    box.click()
    box.press_sequentially(choice)
    hand.page.get_by_role("option", name=choice).first.click()
    box.press("Escape")


def send(hand: Hand) -> str:
    """Check and send; gives the path of the request."""
    look(hand)
    hand.click("button", "Send the request")
    expect(hand.page.get_by_text("Sent. You find here how it stands.")).to_be_visible()
    hand.page.get_by_role("main").get_by_role("listitem").get_by_role("link").first.click()
    expect(hand.page.get_by_role("button", name="Withdraw the request")).to_be_visible()
    look(hand)
    return hand.page.url.removeprefix(hand.site.address).replace("/my-requests/", "/requests/")


def decide(hand: Hand, who: str, request: str, button: str, answer: str) -> None:
    """One of those who decide, on the page of the request."""
    hand.enter(who)
    hand.go(request)
    look(hand)
    hand.click("button", button)
    expect(hand.page.get_by_text(answer).first).to_be_visible()


def look(hand: Hand) -> None:
    """Nothing that axe or a reader would mind."""
    assert faults_of_axe(hand.page) == []
    assert faults_of_words(hand.page) == []


def subjects(hand: Hand) -> list[str]:
    """The mails a person got, the latest first."""
    jobs.run_due(hand.site.house.app.app_context)
    hand.go("/my-mail/")
    look(hand)
    return hand.page.get_by_role("main").get_by_role("link").all_inner_texts()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_clinician_comes_in_and_enrols_the_first_patient(hands: Callable[..., Hand], size: dict[str, int]) -> None:
    daphne, desk = hands(size), hands()
    arrive(daphne, "Daphne")
    begin(daphne, "Clinician")
    find_hospital(daphne)
    daphne.page.get_by_role("checkbox").first.check()
    go_on(daphne)
    go_on(
        daphne,
        Job_title="Paediatrician",
        Professional_registration_number="GR-4711",
        Registered_with="Medical association of Thessaloniki",
    )
    pick(daphne, "Languages you work in", "Greek")
    daphne.page.locator("#orpha_codes").fill("558, 730")
    go_on(daphne)
    request = send(daphne)

    decide(desk, REPRESENTATIVE, request, "Confirm for the hospital", "Confirmed. The ERN decides now.")
    decide(hands(), COORDINATOR, request, "Accept", "Accepted. The person can work at once.")

    first = ["Enrol a patient", "Print the consent form", "Find who knows a disease", "Let somebody help you"]
    be_welcomed(daphne, "Paediatrician", "Bones", first)
    enrol(daphne)
    assert subjects(daphne) == ["Your request is accepted", "Your request is confirmed", "Your request is sent"]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_an_assistant_comes_in_and_acts_for_the_clinician(hands: Callable[..., Hand], size: dict[str, int]) -> None:
    petros = hands(size)
    arrive(petros, "Petros")
    begin(petros, "Assistant")
    find_hospital(petros)
    go_on(petros, Job_title="Secretary", Work_email_of_the_clinician_you_assist=f"eleni.papadaki@{DOMAIN}")
    request = send(petros)

    decide(hands(), CLINICIAN, request, "Confirm, for all my records", "Confirmed.")
    decide(hands(), REPRESENTATIVE, request, "Confirm for the hospital", "Confirmed. The ERN decides now.")
    decide(hands(), COORDINATOR, request, "Accept", "Accepted. The person can work at once.")

    first = ["See whom you act for", "Enrol a patient", "Bring the signed forms back", "Find who knows a disease"]
    be_welcomed(petros, "Secretary", "", first)
    enrol(petros)
    petros.click("link", "Who opened this record")
    expect(petros.page.get_by_text(re.compile("Petros Elsewhere.* behalf")).first).to_be_visible()
    assert subjects(petros) == ["Your request is accepted", "Your request is confirmed", "Your request is sent"]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_guest_is_invited_and_expires(gate: Site, hands: Callable[..., Hand], size: dict[str, int]) -> None:
    solveig = hands(size)
    arrive(solveig, "Solveig")
    begin(solveig, "Guest")
    solveig.fill("Your institution", "Fjord clinic")
    pick(solveig, "Country", "Norway")
    go_on(solveig, Job_title="Neurologist")
    solveig.fill("Work e-mail of who invites you", f"eleni.papadaki@{DOMAIN}")
    go_on(solveig, Why_you_are_invited="A second opinion on gait disorders")
    request = send(solveig)

    decide(hands(), CLINICIAN, request, "Confirm: I am the host", "Confirmed.")
    decide(hands(), COORDINATOR, request, "Accept", "Accepted. The person can work at once.")

    first = ["Take part where you are invited", "Say who you are", "Choose your mails", "See who sees what"]
    be_welcomed(solveig, "Neurologist", "", first)
    expect(solveig.page.get_by_text("Discussions appear here once somebody invites you.")).to_be_visible()
    look(solveig)
    with gate.house.everything() as session:
        gone = {"day": today() - dt.timedelta(days=1)}
        session.execute(text("UPDATE mandate SET from_on = :day, to_on = :day WHERE kind = 'guest'"), gone)
        session.commit()
    solveig.go("/")
    expect(solveig.page.get_by_role("heading", name="You have no place here")).to_be_visible()
    look(solveig)
    assert subjects(solveig) == ["Your request is accepted", "Your request is confirmed", "Your request is sent"]


def be_welcomed(hand: Hand, known: str, answer: str, cards: list[str]) -> None:
    """The first visit to Home with a place: what the request said stands there already; then the four cards."""
    hand.go("/settings/")
    hand.headed("Settings")  # nothing but Home leads to the welcome
    hand.go("/")
    hand.headed("Welcome")
    expect(hand.page.get_by_label("Job title", exact=False)).to_have_value(known)
    look(hand)
    if answer:
        hand.page.get_by_label("Expertise in your own words", exact=False).fill(answer)
        hand.click("button", "Save and go on")
    else:
        hand.click("button", "Skip this")
    hand.headed("Four things to begin with")
    expect(hand.page.get_by_role("main").get_by_role("heading", level=2)).to_have_text(cards)
    look(hand)
    hand.page.get_by_role("link", name="Close the tour").focus()
    hand.page.keyboard.press("Enter")
    hand.headed("Home")


def enrol(hand: Hand) -> None:
    """The first patient."""
    hand.go("/help/")
    hand.click("link", "Four things to begin with")
    hand.click("link", "Enrol the first one")
    hand.fill("Family name", "Ζαφειρίου")
    hand.fill("Given names", "Άννα")
    hand.fill("Date of birth", "2019-02-03")
    hand.choose("Female")
    hand.fill("File number", "Z-1")
    look(hand)
    hand.click("button", "Enrol")
    expect(hand.page.get_by_text("is a draft now")).to_be_visible()
