"""Every page of every role, at a desk and on a phone: axe, the keyboard, headings, no raw value, nothing from elsewhere.

A role's pages are those its own links lead to. Pages built alike (the same elements with the same classes) are looked at
once, whoever opens them; ``--long`` looks at each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app.models import Person
from tests.browser.conftest import DESK, PHONE, Hand, Site

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"])]

PEOPLE = {
    "clinician of a Greek hospital": "Papadaki",
    "clinician of a Ukrainian hospital": "Hrytsenko",
    "assistant": "Stathaki",
    "guest": "Roussel-Mercier",
    "ERN coordinator": "Verhoeven",
    "hospital representative": "Lamprou",
    "data-protection contact": "Drakou",
    "UA Hub": "Savchenko",
    "Admin": "Maes",
    "newcomer": "Lindqvist",
}
PAPERS = {
    "ConsentPage.preview",
    "OwnTextPage.preview",
    "ConsentPage.paper",
    "ConsentPage.document",
    "WithdrawalPage.receipt",
    "BlankPage.paper",
    "BlankPage.run",
    "static",
}
"""Addresses that give a file."""
LIKE_EACH_OTHER, PATIENTS_AND_FORMS = 2, 6
"""How many records of one kind are opened to find pages that are built differently; patients and forms have many states."""

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
RUN_AXE = """() => axe.run(document, {iframes: false, rules: {"target-size": {enabled: true}}}).then(result =>
    result.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.target.join(" ")).join(" | ")))"""
BUILT = """() => {
    const kinds = new Set();
    const walk = (element, path) => {
        const here = path + ">" + element.tagName + "." + [...element.classList].sort().join(".")
            + (element.type ? "[" + element.type + "]" : "") + (element.getAttribute("role") || "");
        kinds.add(here);
        if (element.tagName !== "svg") for (const child of element.children) walk(child, here);
    };
    walk(document.body, "");
    return [...kinds].sort().join("\\n");
}"""
STOPS = """() => {
    document.querySelectorAll("iframe").forEach(frame => frame.remove());
    const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const groups = new Set();
    let number = 0;
    const stops = [];
    for (const element of document.querySelectorAll(wanted)) {
        if (element.disabled || element.tabIndex < 0 || !element.checkVisibility({visibilityProperty: true})) continue;
        if (element.type === "radio") {
            const group = (element.form ? [...document.forms].indexOf(element.form) : "") + element.name;
            if (groups.has(group)) continue;
            groups.add(group);
            element.dataset.stop = "radio " + group;
        } else element.dataset.stop = String(number++);
        stops.push([element.dataset.stop, element.outerHTML.slice(0, 120)]);
    }
    return stops;
}"""
WATCH = """() => {
    const drawn = style =>
        (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
    const ringed = element => ["", "::before", "::after"].some(part => drawn(getComputedStyle(element, part || null)));
    window.focused = [];
    document.addEventListener("focusin", () => {
        const at = document.activeElement;
        let stop = at.dataset.stop || "";
        if (at.type === "radio") stop = "radio " + (at.form ? [...document.forms].indexOf(at.form) : "") + at.name;
        const around = [at, at.parentElement, at.closest("label, li, tr, td")].filter(Boolean);
        window.focused.push([stop, around.some(ringed), at.outerHTML.slice(0, 120)]);
    });
    document.activeElement?.blur();
    window.scrollTo(0, 0);
    return document.querySelectorAll("input[type=date], input[type=time]").length;
}"""
DATE_STOPS = 4
"""Day, month, year, calendar."""


@pytest.fixture(scope="module")
def looked_at() -> set[str]:
    """How the pages are built that were looked at already."""
    return set()


def crawl(hand: Hand, start: str = "/") -> Iterator[str]:
    """Open every page the links lead to from ``start``; gives each path while it is on the screen."""
    adapter = hand.site.house.app.url_map.bind("127.0.0.1")
    waiting, known, opened = [start], {start}, Counter[str]()
    while waiting:
        path = waiting.pop(0)
        try:
            endpoint, _values = adapter.match(urlsplit(path).path, method="GET")
        except (HTTPException, RequestRedirect):
            pytest.fail(f"a link leads nowhere: {path}")
        most = PATIENTS_AND_FORMS if endpoint in ("PatientPage.show", "ConsentPage.show") else LIKE_EACH_OTHER
        if endpoint in PAPERS or opened[endpoint] >= most:
            continue
        opened[endpoint] += 1
        answer = hand.page.goto(hand.site.address + path)
        assert answer is not None
        assert (path, answer.status) == (path, 200)
        for link in hand.page.eval_on_selector_all(
            "a[href]:not([download])", "all => all.map(a => a.getAttribute('href'))"
        ):
            there = urlsplit(link)
            target = there.path + (f"?{there.query}" if there.query else "")
            if target and not there.netloc and target not in known:
                known.add(target)
                waiting.append(target)
        yield path


def faults_of_words(page: Page) -> list[str]:
    """What is wrong with title, headings and the words in sight."""
    faults = []
    if page.locator("h1").count() != 1 or not page.locator("h1").inner_text().strip():
        faults.append(f"{page.locator('h1').count()} h1")
    if not re.fullmatch(r"\S.* · CPMS", page.title()):
        faults.append(f"title {page.title()!r}")
    words = page.locator("body").inner_text()
    raw = re.findall(
        r".{0,30}(?:\bNone\b(?! of these)|\[\]|\bundefined\b|\bNaN\b|object at 0x|%\(\w+\)|<Lazy).{0,30}", words
    )
    return faults + [f"raw value: {text}" for text in raw]


def faults_of_keyboard(page: Page) -> list[str]:
    """What Tab does not reach, and what has the focus without showing it.

    Who goes round may begin anywhere, and a key is lost while the PDF viewer of the page before is put away: what the
    first time round missed has a second.
    """
    stops = dict(page.evaluate(STOPS))
    dates = page.evaluate(WATCH)
    for _round in range(2):
        for _ in range(len(stops) + dates * DATE_STOPS + 2):
            page.keyboard.press("Tab")
        focused = page.evaluate("() => window.focused")
        reached = {stop for stop, _ringed, _html in focused}
        if reached.issuperset(stops):
            break
    seen = {stop for stop, ringed, _html in focused if ringed}
    unseen = {stop: html for stop, _ringed, html in focused if stop not in seen}
    missed = [f"Tab does not reach {html}" for stop, html in stops.items() if stop not in reached]
    return missed + [f"focus not seen on {html}" for html in unseen.values()]


def faults_of_axe(page: Page) -> list[str]:
    """What axe finds."""
    if page.evaluate("() => !window.axe"):
        page.evaluate(AXE)
    return [f"axe {fault}" for fault in page.evaluate(RUN_AXE)]


def look(hand: Hand, path: str, looked_at: set[str], *, again: bool) -> list[str]:
    """Look at the page on the screen, wide and narrow; what was looked at already only briefly."""
    page = hand.page
    faults = faults_of_words(page)
    built = page.evaluate(BUILT)
    if built in looked_at and not again:
        return [f"{path}: {fault}" for fault in faults]
    looked_at.add(built)
    faults += faults_of_axe(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    faults += [f"scrolls sideways: {wide} px"] if wide > PHONE["width"] else []
    faults += [f"on a phone: {fault}" for fault in faults_of_axe(page)]
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    faults += faults_of_keyboard(page)
    return [f"{path}: {fault}" for fault in faults]


def walk(hand: Hand, looked_at: set[str], *, again: bool, start: str = "/") -> list[str]:
    """Every page from ``start``: their faults, and what they asked of other hosts."""
    asked: set[str] = set()
    hand.page.on("request", lambda request: asked.add(request.url))
    faults = [fault for path in crawl(hand, start) for fault in look(hand, path, looked_at, again=again)]
    own = (
        hand.site.address,
        "data:",
        "blob:",
        "chrome-extension:",
        "chrome://resources/",
    )  # the last two: its PDF viewer
    return faults + [f"asked from elsewhere: {url}" for url in asked if not url.startswith(own)]


@pytest.mark.parametrize("role", PEOPLE)
def test_each_page_of_a_role_can_be_read_and_used_by_everybody(
    screens: Callable[..., Hand], looked_at: set[str], request: pytest.FixtureRequest, role: str
) -> None:
    hand = screens()
    hand.enter(PEOPLE[role])

    assert walk(hand, looked_at, again=request.config.getoption("long")) == []


def test_each_page_of_a_visitor_can_be_read_and_used_by_everybody(
    screens: Callable[..., Hand], looked_at: set[str]
) -> None:
    hand = screens()

    assert walk(hand, looked_at, again=True, start="/login/") == []


def test_the_pages_no_link_leads_to_are_as_good(screens: Callable[..., Hand], looked_at: set[str]) -> None:
    hand = screens()
    hand.enter(PEOPLE["clinician of a Greek hospital"])
    faults: list[str] = []
    for path in ("/nowhere", "/patients/nobody", "/patients/?q=zzzzz", "/patients/?state=closed", "/phone/gone"):
        hand.go(path)
        faults += look(hand, path, looked_at, again=True)

    assert faults == []


def test_pages_with_errors_are_as_good(screens: Callable[..., Hand], looked_at: set[str]) -> None:
    hand = screens()
    hand.enter(PEOPLE["clinician of a Greek hospital"])
    faults: list[str] = []
    for path, button in (("/patients/enrol", "Enrol"), ("/patients/find", "Find"), ("/password/", "Change")):
        hand.go(path)
        hand.page.get_by_role("main").get_by_role("button", name=re.compile(button)).last.click()
        expect(hand.page.get_by_role("alert")).to_be_focused()
        faults += look(hand, f"{path} refused", looked_at, again=True)

    assert faults == []


@pytest.mark.parametrize("language", ["Deutsch", "Ελληνικά", "Български", "Українська"])
def test_longer_words_fit_on_a_phone_too(screens: Callable[..., Hand], language: str) -> None:
    hand = screens(PHONE)
    hand.enter(PEOPLE["clinician of a Greek hospital"], language)
    wide: dict[str, Any] = {}
    for path in ("/", "/patients/", "/patients/enrol", "/patients/find", "/consents/", "/password/"):
        hand.go(path)
        width = hand.page.evaluate("() => document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wide[path] = width

    assert wide == {}


def test_the_demos_login_page_offers_every_role(site: Site, screens: Callable[..., Hand]) -> None:
    hand = screens()
    hand.go("/login/")
    names = hand.page.locator("main form button").all_inner_texts()
    with site.house.everything() as session:
        shown = session.query(Person).filter(Person.demo_role.is_not(None)).count()

    for family in PEOPLE.values():
        assert any(family in name for name in names)
    assert sum(any(family in name for family in PEOPLE.values()) for name in names) <= shown


def test_these_looks_see_what_is_wrong(screens: Callable[..., Hand]) -> None:
    hand = screens()
    hand.page.set_content(
        """<html><head><title>x</title></head><body><h1>None</h1><h1>Two</h1><p style="color:#ccc;background:#fff">pale</p>
        <input id="bare"><button style="outline:none;box-shadow:none">unseen</button>
        <a href="#x" id="late">skipped</a><script>late.addEventListener("focus", () => bare.focus())</script></body></html>"""
    )
    words, keys, axe = faults_of_words(hand.page), faults_of_keyboard(hand.page), faults_of_axe(hand.page)

    assert words[:2] == ["2 h1", "title 'x'"]
    assert words[2].startswith("raw value:")
    assert any(key.startswith("focus not seen on <button") for key in keys)
    found = {fault.split(":")[0].removeprefix("axe ") for fault in axe}
    assert found >= {"color-contrast", "label", "html-has-lang"}
