"""T-REVOKE: scans without a form are seen while one works in the hospital they were dropped in, and no longer."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import select, update

from app.models import Centre, Grant, Hospital, Membership, Stack, today
from app.words import ScanState
from tests.factories import DAY
from tests.papers import document
from tests.scans import scanned
from tests.screens import Screen
from tests.services.test_stacks import drop, pages_of
from tests.world import World


def loose_page(world: World, who: str) -> str:
    """The address of a page without a form, in a stack of the world."""
    with world.house.everything() as session:
        stack = session.scalars(select(Stack).where(Stack.person_id == world.people[who])).one()
        (page,) = (one for one in stack.pages if one.form_id is None and one.blank_id is None)
        return f"/stacks/{stack.public_id}/pages/{page.public_id}"


def change(world: World, statement: Any) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(statement)
        session.commit()


def test_a_scan_without_a_form_closes_with_the_grant(world: World) -> None:
    page, client = loose_page(world, "assistant"), world.client("assistant")
    before = client.get(page).status_code

    change(world, update(Grant).where(Grant.assistant_id == world.people["assistant"]).values(to_on=today() - DAY))

    after = [client.get(address).status_code for address in (page, page.split("/pages/")[0])]
    assert (before, after) == (200, [404, 404])


def test_a_scan_without_a_form_stays_in_the_hospital_somebody_leaves(world: World) -> None:
    page, client = loose_page(world, "owner"), world.client("owner")
    before = client.get(page).status_code
    with world.house.everything() as session:
        far = select(Centre.id).where(Centre.hospital_id == world.hospitals["Leipzig"]).limit(1)
        centre = session.scalar(far)

    change(world, update(Membership).where(Membership.person_id == world.people["owner"]).values(centre_id=centre))

    assert (before, client.get(page).status_code) == (200, 404)


@pytest.mark.one_database
def test_pages_of_another_hospitals_form_stay_with_who_dropped_them(world: World) -> None:
    foreign, colleagues = pages_of(world, "neighbour's"), pages_of(world, "colleague's")
    with world.house.everything() as session:
        before = set(session.scalars(select(Stack.id)))

    drop(world, "owner", (scanned([*foreign[:1], *colleagues[:1]]), "scan.pdf"))

    with world.house.everything() as session:
        made = session.scalars(select(Stack).where(Stack.id.not_in(before)).order_by(Stack.id)).all()
        assert [(one.person_id, one.passed_by_id) for one in made] == [
            (world.people["owner"], None),
            (world.people["colleague"], world.people["owner"]),
        ]
        assert [[(p.state, p.form_id) for p in one.pages] for one in made] == [
            [(ScanState.WAITING, None)],
            [(ScanState.WAITING, world.forms["colleague's"][0])],
        ]
        name = session.scalar(select(Hospital.name).where(Hospital.id == made[0].hospital_id))
    assert name == world.house.value("SELECT name FROM hospital WHERE id = :key", key=world.hospitals["Thessaloniki"])
    assert world.client("colleague").get("/stacks/").status_code == 200


def test_who_works_in_no_hospital_drops_nothing(world: World) -> None:
    client = world.client("revoked assistant")
    shown = Screen(client.get("/stacks/add"))
    assert (shown.notices, shown.tree.xpath("//input[@type='file']")) == (
        ["No clinician has granted you records, so you have no forms to file."],
        [],
    )
    sent = client.post(
        "/stacks/add", data={"files": (io.BytesIO(document()), "scan.pdf"), "csrf_token": client._token()}
    )
    assert (sent.status_code, world.house.value("SELECT count(*) FROM stack WHERE state = 'reading'")) == (422, 0)
