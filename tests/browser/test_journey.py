"""The main job by hand, in Chromium: enrol, print, sign, archive by phone; at a desk and on a phone's screen."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from app.outside import paper
from tests.browser.conftest import DESK, PHONE, Hand
from tests.papers import document, pages_of, photograph

pytestmark = pytest.mark.browser

GREEK, UKRAINIAN = "Papadaki", "Hrytsenko"
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])
TO_PRINTED, TO_ARCHIVED = 12, 8
"""How many interactions the issue allows: enrol -> printed; signed paper -> archived by phone."""


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Two pages of the signed paper, as a phone photographs them."""
    paths = [tmp_path / "IMG_1.jpg", tmp_path / "IMG_2.jpg"]
    for path in paths:
        path.write_bytes(photograph((1200, 1700)))
    return paths


def enrol(hand: Hand, file_number: str = "J-2026/001", family_name: str = "Παπαδοπούλου <b>") -> str:
    """From Home to the new record; gives its path."""
    hand.click("link", "Enrol a patient", hand.page.get_by_role("main"))
    hand.fill("Family name", family_name)
    hand.fill("Given names", "Ελένη")
    hand.fill("Date of birth", "1988-05-06")
    hand.choose("Female")
    hand.fill("File number", file_number)
    hand.click("button", "Enrol")
    expect(hand.page.get_by_text("is a draft now")).to_be_visible()
    return hand.page.url.removeprefix(hand.site.address)


def prepare_and_print(hand: Hand) -> str:
    """From the record to the paper; gives the form's path."""
    hand.click("button", "Prepare the form")
    expect(hand.page.get_by_role("heading", level=1)).to_contain_text("Consent form")
    path = hand.page.url.removeprefix(hand.site.address)
    hand.click("button", "Print the form")  # the paper opens in a tab of its own
    wait_for_print(hand, path)
    return path


def wait_for_print(hand: Hand, form: str) -> None:
    """Until the print is noted and the paper's tab is there."""
    for _ in range(200):
        count = hand.site.value(
            "SELECT print_count FROM consent_form WHERE public_id = :key", key=form.rsplit("/", 1)[1]
        )
        if count and len(hand.page.context.pages) > 1:
            return
        hand.page.wait_for_timeout(50)
    pytest.fail("nothing was printed")


def check_paper(hand: Hand, form: str, *words: str) -> None:
    """The printed PDF is this form's: its code on each page, and these words."""
    code = hand.site.value("SELECT code FROM consent_form WHERE public_id = :key", key=form.rsplit("/", 1)[1])
    answer = hand.page.context.request.get(f"{hand.site.address}{form}/paper")
    pages = pages_of(answer.body())

    assert answer.headers["content-type"].startswith("application/pdf")
    assert len(pages) >= 2
    for page in pages:
        assert paper.grouped_code(code) in page
        assert "DEMO" in page
    for word in words:
        assert word in " ".join(pages)


def record_signature(hand: Hand) -> None:
    """Yes to everything, as on the paper."""
    record = hand.page.get_by_role("button", name="Record the signature")
    record.wait_for()
    for question in hand.page.locator("form[action$='/sign'] fieldset").all():
        hand.choose("Yes", question)
    record.click()
    hand.count += 1
    expect(hand.page.get_by_text("The signature is recorded.")).to_be_visible()


def read_qr(hand: Hand) -> str:
    """What the phone's camera reads off the desk's screen."""
    picture = Image.open(io.BytesIO(hand.page.locator(".qr svg, .qr img").first.screenshot(scale="css")))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


def state(hand: Hand, record: str) -> str:
    return str(hand.site.value("SELECT state FROM patient WHERE public_id = :key", key=record.rsplit("/", 1)[1]))


JOURNEYS = [
    ("sqlite", GREEK, DESK, "Ελληνικά"),
    ("sqlite", GREEK, PHONE, "Ελληνικά"),
    ("sqlite", UKRAINIAN, DESK, "українська"),
    ("sqlite", UKRAINIAN, PHONE, "українська"),
    ("postgresql", GREEK, DESK, "Ελληνικά"),
    ("postgresql", UKRAINIAN, PHONE, "українська"),
]


@pytest.mark.parametrize(
    ("dialect", "who", "size", "language"),
    JOURNEYS,
    ids=[f"{d}-{w}-{s['width']}" for d, w, s, _l in JOURNEYS],
)
def test_a_patient_is_enrolled_by_a_signed_form_photographed_with_a_phone(
    screens: Callable[..., Hand], photographs: list[Path], who: str, size: dict[str, int], language: str
) -> None:
    hand = screens(size)
    hand.enter(who)

    # enrol -> printed
    record = enrol(hand)
    proposed = hand.page.locator("select[name=language] option:checked").text_content() or ""
    assert proposed.split(" · ")[0] == language
    form = prepare_and_print(hand)
    assert hand.count <= TO_PRINTED, f"{hand.count} interactions from enrol to printed"
    check_paper(hand, form, "Ελένη", "<b>")
    assert state(hand, record) == "draft"

    # signed paper -> archived by phone, from Home
    hand.go("/")
    nickname = hand.site.value("SELECT nickname FROM patient WHERE public_id = :key", key=record.rsplit("/", 1)[1])
    hand.count = 0
    hand.click("link", re.compile(nickname), hand.page.get_by_role("main"))
    record_signature(hand)
    hand.click("button", "Photograph it with a phone")
    phone = screens(PHONE, is_mobile=True, has_touch=True)
    phone.page.goto(read_qr(hand))
    assert nickname not in phone.page.content()
    assert "Παπαδοπούλου" not in phone.page.content()
    phone.attach(*photographs)
    phone.click("button", "Send")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Archived")
    together = hand.count + phone.count
    assert together <= TO_ARCHIVED, f"{together} interactions from the signed paper to the archive"

    # the desk goes on by itself
    expect(hand.page.get_by_text("The scan is archived.").first).to_be_visible()
    hand.click("link", "Look at the scan")
    expect(hand.page.get_by_role("link", name="Copy to read")).to_be_visible()
    assert state(hand, record) == "enrolled"
    hand.go(record)
    expect(hand.page.get_by_role("main").get_by_text("Enrolled", exact=True).first).to_be_visible()


@SQLITE
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"])
def test_a_scan_is_uploaded_from_the_desk_and_an_original_is_attested(
    screens: Callable[..., Hand], tmp_path: Path, size: dict[str, int]
) -> None:
    hand = screens(size)
    hand.enter(GREEK)
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(document(2))
    for number, way in enumerate(("upload", "attest")):
        hand.go("/")
        record = enrol(hand, f"DESK-{number}", f"Desk {way}")
        form = prepare_and_print(hand)
        hand.go(form)
        record_signature(hand)
        if way == "upload":
            hand.attach(scan)
            hand.click("button", "Archive the scan")
        else:
            hand.page.get_by_text("The paper stays elsewhere: attest where").click()
            hand.fill("Where the signed original is kept", "Paper archive, room 12")
            hand.click("button", "I attest it is kept there")
        expect(hand.page.get_by_text(re.compile("Archived. .* is enrolled."))).to_be_visible()
        assert state(hand, record) == "enrolled"


@SQLITE
def test_the_desk_stops_asking_once_the_scan_is_there(screens: Callable[..., Hand], photographs: list[Path]) -> None:
    hand = screens()
    hand.enter(GREEK)
    enrol(hand)
    hand.go(prepare_and_print(hand))
    record_signature(hand)
    hand.click("button", "Photograph it with a phone")
    asked: list[str] = []
    hand.page.on("request", lambda request: asked.append(request.url))
    hand.page.wait_for_event("request")  # it waits by asking
    phone = screens(PHONE, is_mobile=True, has_touch=True)
    phone.page.goto(read_qr(hand))
    phone.attach(photographs[0])
    phone.click("button", "Send")
    onward = hand.page.get_by_role("link", name="Look at the scan")
    expect(onward).to_be_visible()
    onward.focus()
    asked.clear()
    hand.page.wait_for_timeout(4500)

    assert asked == []
    expect(onward).to_be_focused()


@SQLITE
def test_a_bad_scan_is_told_beside_its_field_and_takes_the_focus(screens: Callable[..., Hand], tmp_path: Path) -> None:
    hand = screens(PHONE)
    hand.enter(GREEK)
    enrol(hand)
    hand.go(prepare_and_print(hand))
    record_signature(hand)
    bad = tmp_path / "scan.pdf"
    bad.write_bytes(b"not a PDF")
    hand.attach(bad)
    hand.click("button", "Archive the scan")

    expect(hand.page.get_by_role("alert")).to_be_focused()
    expect(hand.page.get_by_role("alert")).to_contain_text("The file is not a PDF, TIFF, JPEG or PNG.")
    hand.page.keyboard.press("Tab")
    hand.page.keyboard.press("Enter")  # the summary leads to the field
    expect(hand.page.locator("input[type=file]")).to_be_focused()


@SQLITE
def test_what_was_typed_is_back_after_the_login_ended_in_mid_form(screens: Callable[..., Hand]) -> None:
    hand = screens()
    hand.enter(GREEK)
    hand.click("link", "Enrol a patient", hand.page.get_by_role("main"))
    hand.fill("Family name", "Μακρή")
    hand.fill("Given names", "Άννα")
    hand.page.context.clear_cookies()
    hand.click("button", "Enrol")

    expect(hand.page.get_by_role("main")).to_contain_text("Μακρή")
    hand.page.get_by_role("link", name="Open the form again").click()
    hand.page.get_by_role("button", name=re.compile(GREEK)).click()
    field = hand.page.locator("input[name=family_name]")
    expect(field).to_have_value("Μακρή")
    expect(hand.page.locator("input[name=given_names]")).to_have_value("Άννα")


KEPT = "() => JSON.stringify(sessionStorage)"


def type_and_be_signed_out(hand: Hand) -> None:
    """A name is typed and sent after the login has ended; the login page is on the screen."""
    hand.enter(GREEK)
    hand.click("link", "Enrol a patient", hand.page.get_by_role("main"))
    hand.fill("Family name", "Μακρή")
    hand.page.context.clear_cookies()
    hand.click("button", "Enrol")
    hand.page.get_by_role("link", name="Open the form again").click()
    expect(hand.page.locator("body")).to_have_attribute("data-kind", "login")
    assert "Μακρή" in hand.page.evaluate(KEPT)


@SQLITE
def test_what_was_typed_is_gone_after_an_hour_on_the_login_page_although_nothing_is_loaded(
    screens: Callable[..., Hand],
) -> None:
    hand = screens()
    hand.page.clock.install()
    type_and_be_signed_out(hand)
    hand.page.clock.run_for(55 * 60 * 1000)
    assert "Μακρή" in hand.page.evaluate(KEPT)
    hand.page.clock.run_for(6 * 60 * 1000)
    assert "Μακρή" not in hand.page.evaluate(KEPT)


@SQLITE
def test_what_was_typed_is_gone_when_somebody_signs_out_in_another_tab(screens: Callable[..., Hand]) -> None:
    hand = screens()
    type_and_be_signed_out(hand)
    other = Hand(hand.page.context.new_page(), hand.site)
    other.enter(GREEK)
    other.page.locator("header details.drop summary").last.click()
    other.page.get_by_role("button", name="Sign out").click()
    expect(other.page.locator("body")).to_have_attribute("data-kind", "login")
    hand.page.wait_for_function("() => !JSON.stringify(sessionStorage).includes('Μακρή')")


@SQLITE
def test_the_language_menu_changes_the_language_of_the_page(screens: Callable[..., Hand]) -> None:
    hand = screens()
    hand.go("/login/")
    html = hand.page.locator("html")
    expect(html).to_have_attribute("lang", "en")
    title = hand.page.get_by_role("heading", level=1)
    english = title.inner_text()
    for name, code in (("Deutsch", "de"), ("Ελληνικά", "el"), ("Български", "bg"), ("Українська", "uk")):
        hand.speak(name)
        expect(html).to_have_attribute("lang", code)
        expect(title).not_to_have_text(english)
    hand.enter(GREEK, "Deutsch")
    for path in ("/", "/patients/", "/patients/enrol"):
        hand.go(path)
        expect(html).to_have_attribute("lang", "de")


def tab_to(hand: Hand, name: str | re.Pattern[str]) -> None:
    """Press Tab until the thing of this name has the focus."""
    for _ in range(80):
        hand.page.keyboard.press("Tab")
        if re.search(name, _focused(hand)):
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


def _focused(hand: Hand) -> str:
    return str(
        hand.page.evaluate(
            """() => {
                const at = document.activeElement;
                const label = at.labels && at.labels.length ? at.labels[0].textContent : "";
                return (label || at.getAttribute("aria-label") || at.textContent || "").trim().replace(/\\s+/g, " ");
            }"""
        )
    )


@SQLITE
def test_the_keyboard_alone_enrols_and_prints(screens: Callable[..., Hand]) -> None:
    hand = screens()
    hand.enter(GREEK)
    keys: Any = hand.page.keyboard

    tab_to(hand, r"^Enrol a patient$")
    keys.press("Enter")
    expect(hand.page.get_by_label("Family name")).to_be_focused()
    keys.type("Tastatur")
    tab_to(hand, "^Given names")
    keys.type("Nur")
    tab_to(hand, "^Date of birth")
    keys.type("05051988")  # day and month in either order
    tab_to(hand, "^Female|^Male|^Indeterminate|^Unknown")
    keys.press("Space")
    tab_to(hand, "^File number")
    keys.type("KEY-1")
    tab_to(hand, "^Enrol a patient$")
    keys.press("Enter")
    expect(hand.page.get_by_text("is a draft now")).to_be_visible()
    tab_to(hand, "^Prepare the form$")
    keys.press("Enter")
    expect(hand.page.get_by_role("heading", level=1)).to_contain_text("Consent form")
    tab_to(hand, "^Print the form$")
    form = hand.page.url.removeprefix(hand.site.address)
    keys.press("Enter")
    wait_for_print(hand, form)
    check_paper(hand, form, "Tastatur", "Nur")
    born = hand.site.value("SELECT birth_month FROM patient ORDER BY id DESC LIMIT 1")
    assert born == 5
