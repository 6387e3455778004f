"""A running house for browsers: the demo's people on a loopback port, in a thread of the test; one Chromium per worker."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from app.services import demo
from tests.houses import House, furnish
from tests.providers import free_port

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Silent(WSGIRequestHandler):
    """Says nothing of each request."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  the name is Werkzeug's
        """Nothing."""


@dataclass
class Site:
    """A house behind a real address."""

    house: House
    address: str

    def value(self, statement: str, **given: Any) -> Any:
        """The one value plain SQL finds."""
        return self.house.value(statement, **given)


@pytest.fixture(scope="session")
def sites(shared: Path, worker: str, printer: Any) -> Iterator[Callable[[str], Site]]:
    """The running house on a database, started when it is first asked for."""
    made: dict[str, Site] = {}
    with ExitStack() as running:

        def on(dialect: str) -> Site:
            if dialect not in made:
                address = f"http://127.0.0.1:{free_port()}"
                house = furnish(dialect, shared, f"browser-{worker}", printer, CPMS_MODE="demo", **at(address))
                made[dialect] = running.enter_context(open_to_browsers(house, address))
            return made[dialect]

        yield on


def at(address: str) -> dict[str, str]:
    """The settings of a house behind a loopback address."""
    return {"PUBLIC_URL": address, "BIND": address.removeprefix("http://"), "TRUSTED_HOSTS": "127.0.0.1,localhost"}


def _closed(app: Any) -> Any:
    """The application, each answer closed: Werkzeug leaves one open whose reader is gone before its request is read."""

    def answer(environ: Any, start_response: Any) -> Any:
        with closing(app(environ, start_response)) as parts:
            yield from parts

    return answer


@contextmanager
def open_to_browsers(house: House, address: str) -> Iterator[Site]:
    """Inside, the house answers at its address; afterwards it is given up."""
    port = int(address.rpartition(":")[2])
    server = make_server("127.0.0.1", port, _closed(house.app), threaded=True, request_handler=Silent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(house, address)
    server.shutdown()
    server.server_close()
    thread.join(10)
    house.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a file; its event loop must not run on under other tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def site(sites: Callable[[str], Site], dialect: str) -> Site:
    """A running demo, as it was seeded (originals attested, not scanned: that is quick)."""
    found = sites(dialect)
    found.house.snapshot("demo", _sow)
    return found


def _sow(house: House) -> Any:
    with house.app.app_context():
        return demo.seed(scans=False)


@dataclass
class Hand:
    """A person at a screen. Counts what the hand does: each click, each field filled, each choice, each file."""

    page: Page
    site: Site
    count: int = 0
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Watch for scripts that fail and for what the browser could not load."""
        self.page.on("pageerror", lambda error: self.broken.append(f"script: {error}"))
        self.page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:  # a refusal is an answer, not a fault
            self.broken.append(f"console: {message.text}")

    def go(self, path: str) -> None:
        """Open an address; by hand nobody does that within a journey."""
        self.page.goto(self.site.address + path)

    def click(self, role: Any, name: str | re.Pattern[str], within: Locator | None = None) -> None:
        """Click the thing of this role and name."""
        (within or self.page).get_by_role(role, name=name).first.click()
        self.count += 1

    def fill(self, label: str, value: str) -> None:
        """Type into the field of this label, once the page's scripts are there."""
        field = self.page.get_by_label(label, exact=True)
        field.wait_for()
        self.page.wait_for_load_state("domcontentloaded")
        field.fill(value)
        self.count += 1

    def choose(self, choice: str, within: Locator | None = None) -> None:
        """Choose one of several."""
        (within or self.page).get_by_label(choice, exact=True).check()
        self.count += 1

    def attach(self, *paths: Path) -> None:
        """Choose files, or take photographs."""
        self.page.locator("input[type=file]").set_input_files([str(path) for path in paths])
        self.count += 1

    def enter(self, person: str, language: str = "English") -> None:
        """Sign in as one of the demo's people, and read the screens in a language. Not counted: it is done once a day."""
        self.go("/login/")
        self.page.get_by_role("button", name=re.compile(person)).click()
        expect(self.page.locator("body.inside")).to_be_visible()
        self.speak(language)
        self.count = 0

    def speak(self, language: str) -> None:
        """Choose the language of the screens by its own name."""
        menu = self.page.locator("header details.drop").first
        menu.locator("summary").click()
        menu.get_by_role("button", name=language, exact=True).click()
        expect(menu.locator("summary")).to_contain_text(language)

    def headed(self, text: str) -> None:
        """The page with this h1 is there."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)


@pytest.fixture
def screens(chromium: Browser, site: Site) -> Iterator[Callable[..., Hand]]:
    """Opens a screen of a size, each with cookies of its own; at the end no script may have failed."""
    opened: list[tuple[BrowserContext, Hand]] = []

    def open_one(size: dict[str, int] = DESK, **how: Any) -> Hand:
        context = chromium.new_context(viewport=size, locale="en-GB", reduced_motion="reduce", **how)
        context.set_default_timeout(20_000)
        hand = Hand(context.new_page(), site)
        opened.append((context, hand))
        return hand

    yield open_one
    broken = [fault for _context, hand in opened for fault in hand.broken]
    for context, _hand in opened:
        context.close()
    assert broken == []
