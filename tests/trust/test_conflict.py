"""T-CONFLICT: of two who edit one record the second is told, sees both versions, and may then decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import html

from tests.conftest import Tally
from tests.trust.forms import filled_forms, form_of
from tests.trust.routes import Desk, Route, changes, few, records, routes, stored
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


def pages(world: World, desk: Desk) -> Iterator[tuple[Any, str]]:
    """Every page of a record somebody may open, one for each state of the record: the browser and the address."""
    for route in routes(world.house.app):
        if route.verb != "GET" or not route.arguments:
            continue
        with world.house.everything() as session:
            known = records(session, route)
        archived = [record for record in known if record.keys[0] == world.forms["enrolled"][1]]
        for record in [*few(known, every=False), *archived]:
            who = next((one for one in desk.clients if desk.verdict(one, route, record) == "open"), None)
            if who is not None:
                yield desk.clients[who], route.address(*record.keys)


def test_no_page_does_anything_to_a_record_without_saying_which_version_it_showed(world: World, tally: Tally) -> None:
    """Whoever leaves the version out is told to open the page again; and the same form with it is taken."""
    answers: Counter[tuple[str, int]] = Counter()
    for client, address in [*pages(world, Desk(world))]:
        page = client.get(address)
        if page.mimetype != "text/html":
            continue
        for action, sent in filled_forms(page.data, address):
            with world.house.everything() as session:
                before = stored(session)
            answer = client.post(action, data={name: value for name, value in sent.items() if name != "seen"})
            with world.house.everything() as session:
                touched = [*changes(before, stored(session))]
            verb = action.rpartition("/")[2] if "withdraw" not in action else "withdraw"
            answers[verb, answer.status_code] += 1
            tally.check(not touched, f"{action} without the version ({answer.status_code}) changes {touched}")
            tally.check(answer.status_code == 409, f"{action} without the version answers {answer.status_code}")
            told = "Open the page again" in answer.text or "Compare both versions" in answer.text
            tally.check(told, f"{action} without the version does not say what to do")
            if answers[verb, 302] == 0 and client.post(action, data=sent).status_code == 302:
                answers[verb, 302] += 1
                world.house.reset("world")
    for verb in ("print", "sign", "attest", "cancel", "annul", "withdraw", "end", "edit", "correct"):
        tally.check(answers[verb, 302] == 1, f"with the version no {verb} was taken")
