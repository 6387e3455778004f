"""T-CONFLICT: of two who edit one record the second is told, sees both versions, and may then decide."""

from __future__ import annotations

import pytest
from lxml import html

from tests.conftest import Tally
from tests.trust.forms import form_of
from tests.trust.routes import Desk, Route, changes, routes, stored
from tests.world import World

pytestmark = pytest.mark.t_conflict


def edits(world: World) -> list[Route]:
    """Every page with a form that carries the version seen."""
    return [
        route
        for route in routes(world.house.app)
        if route.verb == "POST" and route.endpoint.endswith((".edit", ".correct", ".amend"))
    ]


def text_fields(page: bytes) -> list[str]:
    """The lines of text of the form that have room for a sentence."""
    main = html.document_fromstring(page).xpath("//main")[0]
    fields = main.xpath(".//form[.//*[@name='seen']]//input[@type='text' or not(@type)]")
    fields += main.xpath(".//form[.//*[@name='seen']]//textarea")
    return [str(one.get("name")) for one in fields if int(one.get("maxlength") or 999) >= 100]


def test_the_second_of_two_editors_is_told_and_nothing_is_lost(world: World, tally: Tally) -> None:
    desk, house = Desk(world), world.house
    done = 0
    for route in edits(world):
        who = next((one for one in desk.clients if desk.first(one, route) is not None), None)
        if who is None:
            continue
        record = desk.first(who, route)
        address = route.address(*record.keys)
        page = desk.clients[who].get(address)
        if page.status_code != 200 or not text_fields(page.data):
            continue
        form, done = form_of(page.data), done + 1
        for field in text_fields(page.data):  # the first that takes any sentence
            first = desk.clients[who].post(address, data=form | {field: "First version"})
            if first.status_code == 302:
                break
        with house.everything() as session:
            after_first = stored(session)
        second = desk.clients[who].post(address, data=form | {field: "Second version"})
        with house.everything() as session:
            after_second = stored(session)
        tally.check(first.status_code == 302, f"{who}: {route}: the first answers {first.status_code}")
        tally.check(second.status_code == 409, f"{who}: {route}: the second answers {second.status_code}")
        both = "First version" in second.text and "Second version" in second.text
        tally.check(both, f"{who}: {route}: the second does not see both versions")
        tally.check(not [*changes(after_first, after_second)], f"{who}: {route}: the second changed something")
        again = form_of(second.data) if second.status_code == 409 else {}
        third = desk.clients[who].post(address, data=again | {field: "Second version"})
        tally.check(third.status_code == 302, f"{who}: {route}: after comparing, {third.status_code}")
        house.reset("world")
    tally.check(done >= 1, "no form was tried")


def test_a_form_without_the_version_it_saw_is_refused(world: World, tally: Tally) -> None:
    desk = Desk(world)
    for route in edits(world):
        who = next((one for one in desk.clients if desk.first(one, route) is not None), None)
        if who is None:
            continue
        address = route.address(*desk.first(who, route).keys)
        page = desk.clients[who].get(address)
        if page.status_code != 200 or not text_fields(page.data):
            continue
        form, blind = form_of(page.data), dict.fromkeys(text_fields(page.data), "Blind")
        for seen in ("", "0", "-1", "99999999", "x"):
            with world.house.everything() as session:
                before = stored(session)
            answer = desk.clients[who].post(address, data=form | blind | {"seen": seen})
            with world.house.everything() as session:
                touched = [*changes(before, stored(session))]
            tally.check(not touched, f"{who}: {route} with seen={seen!r} ({answer.status_code}) changes {touched}")
            if touched:
                world.house.reset("world")
