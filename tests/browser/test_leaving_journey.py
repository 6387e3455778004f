"""A hospital leaves its last network in a real browser: a clinician goes, records are handed over, the archive is exported, read only."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from app.act import HAS_LEFT
from app.models import Centre, Export, Hospital, Membership, Network, Patient, Person, db, now
from app.services import exports, housekeeping
from app.words import PatientState
from tests.browser.conftest import Hand, Site
from tests.browser.test_journey import SQLITE

HOSPITAL = "Πανεπιστημιακό Νοσοκομείο Θερμαϊκού"
COORDINATOR, REPRESENTATIVE = "Lotte Verhoeven", "Georgios Lamprou"
WAITS = "handover_proposed"
LEAVER, STAYER = "Eleni Papadaki", "Nikolaos Vergos"


def key_of(site: Site, table: str, where: str) -> str:
    return str(site.value(f"SELECT public_id FROM {table} WHERE {where}"))


def treated(site: Site, name: str) -> int:
    family = name.rsplit(maxsplit=1)[-1]
    return int(
        site.value(
            "SELECT count(*) FROM patient p JOIN ab_user u ON u.id = p.clinician_id"
            " WHERE u.last_name = :name AND p.state <> 'erased'",
            name=family,
        )
    )


def only_one_network_left(site: Site) -> None:
    """The hospital's other centres have left their networks before; the export the demo has under way is stopped."""
    with site.house.system("job") as actor:
        home = select(Hospital.id).where(Hospital.name == HOSPITAL)
        others = select(Centre).join(Network).where(Centre.hospital_id.in_(home), Network.code != "metabern")
        for centre in db.session.scalars(others).unique():
            centre.ended_at, centre.end_reason = centre.ended_at or now(), "Left before"
        db.session.commit()
        for export in db.session.scalars(select(Export).where(Export.state.in_(exports.UNDER_WAY))).unique().all():
            exports.end(actor, export, reason="A complete one follows", seen=None)


def centre_key(site: Site) -> str:
    with site.house.system():
        found = select(Centre).join(Hospital).join(Network)
        here = found.where(Hospital.name == HOSPITAL, Network.code == "metabern", Centre.ended_at.is_(None))
        return db.session.scalars(here).unique().one().public_id


def membership_key(site: Site) -> str:
    with site.house.system():
        found = select(Membership).join(Person, Person.id == Membership.person_id).join(Centre).join(Network)
        here = found.where(Person.last_name == LEAVER.rsplit(maxsplit=1)[-1], Network.code == "metabern")
        return db.session.scalars(here).unique().one().public_id


def group(hand: Hand, title: str) -> Locator:
    """One kind of work on Home."""
    return hand.page.locator("section").filter(has=hand.page.get_by_role("heading", name=title))


def told(page: Page) -> str:
    return page.get_by_role("main").inner_text()


@SQLITE
def test_a_hospital_leaves_with_everything_handed_over(screens: Callable[..., Hand], site: Site) -> None:
    records = treated(site, LEAVER)
    representative = screens()
    representative.enter(REPRESENTATIVE)
    _a_clinician_goes(representative, membership_key(site), records)
    colleague = screens()
    colleague.enter(STAYER)
    before, offered = treated(site, STAYER), int(site.value("SELECT count(*) FROM handover WHERE state = :s", s=WAITS))
    _takes_over(colleague)
    assert (treated(site, LEAVER), treated(site, STAYER)) == (0, before + offered)
    assert offered >= records  # a third colleague’s offer waited too
    only_one_network_left(site)
    coordinator = screens()
    coordinator.enter(COORDINATOR)
    _the_last_centre_ends(coordinator, centre_key(site))
    _is_exported(representative)
    _is_released(colleague)
    _is_read_only(colleague, site)
    with site.house.app.app_context():
        assert [one for one in housekeeping.fsck() if one.word == "patient"] == []


def _a_clinician_goes(hand: Hand, membership: str, records: int) -> None:
    """The representative sees what hangs on the clinician, ends the place on the proposed day and offers the records."""
    hand.go(f"/memberships/{membership}/end")
    assert f"{records} records: colleagues have to take them over" in told(hand.page)
    assert "colleague of the same hospital can take over records" in told(hand.page)
    hand.fill("Reason", "Moves to another hospital")
    hand.click("button", "End the membership")
    hand.go("/")
    row = hand.page.get_by_role("listitem").filter(has_text=LEAVER)
    hand.click("link", re.compile("Hand over|" + LEAVER), within=row)
    hand.choose(STAYER)
    hand.choose("All records")
    hand.click("button", "Offer the records")
    expect(hand.page.get_by_role("status").first).to_contain_text(f"{records} records are offered")


def _takes_over(hand: Hand) -> None:
    hand.go("/handovers/?waits=me")
    hand.click("button", "Pick all on this page")
    hand.click("button", "Take over the picked records")
    expect(hand.page.get_by_role("status").first).to_contain_text("yours now")


def _the_last_centre_ends(hand: Hand, centre: str) -> None:
    """The coordinator reads what ends with the centre; it ends at once."""
    hand.go(f"/centres/{centre}/end")
    for sentence in ("1 centre leaves its network.", "1 hospital leaves its last network", "membership"):
        assert sentence in told(hand.page)
    hand.fill("Reason", "The hospital gives up the field")
    hand.page.get_by_label(re.compile("^Last day")).fill("")
    hand.click("button", "End the centre")
    expect(hand.page.get_by_role("status").first).to_contain_text("Ended.")


def _is_exported(hand: Hand) -> None:
    hand.go("/")
    assert str(HAS_LEFT) in told(hand.page)
    hand.click("link", re.compile(HOSPITAL), within=group(hand, "Your hospital has left"))
    hand.fill("What the export is for", "The hospital leaves its last network")
    hand.click("button", re.compile("^Ask"))
    expect(hand.page.get_by_role("status").first).to_contain_text("asked to release")


def _is_released(hand: Hand) -> None:
    hand.go("/")
    hand.click("link", re.compile(HOSPITAL), within=group(hand, "Consent archive: forms to release"))
    hand.click("button", re.compile("^Release "))
    expect(hand.page.get_by_role("status").first).to_be_visible()


def _is_read_only(hand: Hand, site: Site) -> None:
    """A record opens and offers no change; who tries one all the same reads why not."""
    with site.house.system():
        mine = select(Patient).join(Person, Person.id == Patient.clinician_id)
        enrolled = mine.where(Person.last_name == STAYER.rsplit(maxsplit=1)[-1], Patient.state == PatientState.ENROLLED)
        key = db.session.scalars(enrolled.order_by(Patient.id)).unique().first().public_id
    hand.go(f"/patients/{key}")
    assert str(HAS_LEFT) in told(hand.page)
    expect(hand.page.get_by_role("link", name="Prepare a consent form")).to_have_count(0)
    hand.go("/patients/enrol")
    assert str(HAS_LEFT) in told(hand.page)
