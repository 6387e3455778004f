"""A stack of scans in a real browser: dropped, compared, confirmed, filed; readable and usable by everybody on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.models import ConsentForm, Patient, Person, db
from app.services import jobs, papers
from app.words import FormState, Variant
from tests.browser.conftest import Hand
from tests.browser.test_pages import look
from tests.scans import EMPTY, scanned, written

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("dialect", ["sqlite"])]
WHO = "Papadaki"


def signed(hand: Hand, folder: Path) -> tuple[Path, str]:
    """A scan of a printed form of the clinician, whose boxes are not clear, with a page nobody can place behind it."""
    with hand.site.house.system():
        form = db.session.scalars(
            select(ConsentForm)
            .join(Patient)
            .join(Person, Person.id == Patient.clinician_id)
            .where(
                Person.last_name == WHO, ConsentForm.state == FormState.PRINTED, ConsentForm.variant == Variant.ADULT
            )
        ).first()
        assert form is not None
        pages = written(papers.set_paper(form), EMPTY)
        loose = pages[0].copy()
        loose.paste(255, (0, 0, *loose.size))
        scan = folder / "scan.pdf"
        scan.write_bytes(scanned([*pages, loose], "upside down"))
        return scan, form.public_id


def test_a_stack_is_filed_by_hand_and_each_of_its_pages_is_as_good(
    screens: Callable[..., Hand], tmp_path: Path
) -> None:
    hand, faults, seen = screens(), [], set()
    scan, key = signed(hand, tmp_path)
    hand.enter(WHO)
    hand.go("/stacks/add")
    faults += look(hand, "/stacks/add", seen, again=True)
    hand.attach(scan)
    hand.click("button", "Add scans")
    expect(hand.page.get_by_text("The pages are being read")).to_be_visible()
    jobs.run_due(hand.site.house.app.app_context)
    expect(hand.page.get_by_role("button", name="File the confirmed forms")).to_be_visible()  # it goes on by itself
    address = hand.page.url.removeprefix(hand.site.address)
    faults += look(hand, address, seen, again=True)

    hand.go(address)
    hand.click("link", "Place the page")
    faults += look(hand, "assign", seen, again=True)
    hand.go(address)
    hand.click("button", "File the confirmed forms")
    expect(hand.page.get_by_role("alert")).to_be_focused()
    faults += look(hand, f"{address} refused", seen, again=True)
    hand.go(address)
    for question in hand.page.locator(".asked").all():
        question.get_by_label("Yes", exact=True).check()
    hand.page.get_by_label("Date beside the signature").fill(str(hand.site.value("SELECT CURRENT_DATE")))
    hand.choose("I have compared this form with its paper. File it.")
    hand.click("button", "File the confirmed forms")
    expect(hand.page.get_by_text("Filed: 1 of 1 confirmed forms.")).to_be_visible()

    assert faults == []
    assert hand.site.value("SELECT state FROM consent_form WHERE public_id = :key", key=key) == "archived"
