"""Expert groups and a network's own page: who makes them, who is in them, when they meet, what others read."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import ExpertGroup, ExpertGroupMember, Membership, Network, db, now, today
from app.services import groups
from app.words import MandateKind, Rhythm
from tests import factories as make

SAID: dict[str, Any] = {
    "name": "Lysosomal board",
    "topic": "Gaucher and Fabry disease",
    "area": None,
    "orpha_codes": "355, 324",
    "rhythm": Rhythm.MONTHLY,
    "weekday": 1,
    "nth": 5,
    "hour": dt.time(16, 30),
    "minutes": 60,
    "zone": "Europe/Brussels",
}


@pytest.fixture
def network(house: Any) -> dict[str, Any]:
    """A network with a coordinator, a chair to be and members; and a foreign network with the same."""
    with house.system():
        country, ours, theirs = make.country("GR"), make.network("ERN ONE"), make.network("ERN TWO")
        home = make.hospital("Home", country)
        centre, foreign = make.centre(home, ours), make.centre(home, theirs)
        names = ("coordinator", "stranger", "chair", "member", "outsider", "bystander")
        people = {name: make.person(name) for name in names}
        make.mandate(people["coordinator"], MandateKind.ERN_COORDINATOR, network=ours)
        make.mandate(people["stranger"], MandateKind.ERN_COORDINATOR, network=theirs)
        for name, place in (("chair", centre), ("member", centre), ("outsider", foreign)):
            make.member(people[name], place)
        ids = {name: one.id for name, one in people.items()}
        return {
            "ids": ids,
            "keys": {n: p.public_id for n, p in people.items()},
            "network": ours.id,
            "key": ours.public_id,
        }


@pytest.fixture
def group(house: Any, network: dict[str, Any]) -> tuple[int, str]:
    """A group with a chair and no other member."""
    with house.acting(network["ids"]["coordinator"]) as actor:
        made = groups.add(actor, db.session.get_one(Network, network["network"]), **SAID)
        groups.add_member(actor, made, person=network["keys"]["chair"])
        groups.set_chair(actor, made, person=network["keys"]["chair"])
        return made.id, made.public_id


@pytest.mark.parametrize(
    ("said", "begins", "first"),
    [
        ({}, dt.date(2026, 1, 1), ["2026-03-31T16:30+02:00", "2026-04-28T16:30+02:00"]),
        ({"nth": 1}, dt.date(2026, 1, 1), ["2026-04-07T16:30+02:00", "2026-05-05T16:30+02:00"]),
        (
            {"rhythm": Rhythm.WEEKLY, "nth": None},
            dt.date(2026, 1, 1),
            ["2026-03-24T16:30+01:00", "2026-03-31T16:30+02:00"],
        ),
        (
            {"rhythm": Rhythm.FORTNIGHTLY, "nth": None},
            dt.date(2026, 3, 12),
            ["2026-03-31T16:30+02:00", "2026-04-14T16:30+02:00"],
        ),
        (
            {"rhythm": Rhythm.WEEKLY, "nth": None},
            dt.date(2026, 5, 1),
            ["2026-05-05T16:30+02:00", "2026-05-12T16:30+02:00"],
        ),
        ({"rhythm": None}, dt.date(2026, 1, 1), []),
    ],
)
def test_the_next_meetings_follow_the_rhythm_and_keep_the_hour_over_summer_time(
    said: dict[str, Any], begins: dt.date, first: list[str]
) -> None:
    known = {name: SAID[name] for name in ("rhythm", "weekday", "nth", "hour", "zone")} | said
    row = ExpertGroup(from_on=begins, name="G", **known)
    found = groups.next_slots(row, dt.datetime(2026, 3, 20, tzinfo=dt.UTC), 2)
    assert [moment.isoformat(timespec="minutes") for moment in found] == first


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"weekday": None}, "weekday"),
        ({"hour": None}, "hour"),
        ({"nth": None}, "nth"),
        ({"orpha_codes": "Gaucher"}, "orpha_codes"),
        ({"name": "Lysosomal board"}, "name"),
    ],
)
def test_a_group_that_lacks_something_is_refused_by_the_field(
    house: Any, network: dict[str, Any], group: tuple[int, str], said: dict[str, Any], field: str
) -> None:
    with house.acting(network["ids"]["coordinator"]) as actor, pytest.raises(Incomplete) as refused:
        groups.add(actor, db.session.get_one(Network, network["network"]), **{**SAID, "name": "Another"} | said)
    assert list(refused.value.fields) == [field]


def test_only_members_of_the_networks_centres_are_taken_in_and_once(
    house: Any, network: dict[str, Any], group: tuple[int, str]
) -> None:
    for who in ("outsider", "bystander", "chair"):
        with house.acting(network["ids"]["coordinator"]) as actor, pytest.raises(WrongStep):
            groups.add_member(actor, db.session.get_one(ExpertGroup, group[0]), person=network["keys"][who])
    with house.acting(network["ids"]["stranger"]) as actor, pytest.raises(NotAllowed):
        groups.add_member(actor, db.session.get_one(ExpertGroup, group[0]), person=network["keys"]["member"])


def test_a_chair_keeps_the_group_until_the_place_in_the_network_ends(
    house: Any, network: dict[str, Any], group: tuple[int, str]
) -> None:
    with house.acting(network["ids"]["chair"]) as actor:
        groups.add_member(actor, db.session.get_one(ExpertGroup, group[0]), person=network["keys"]["member"])
        with pytest.raises(NotAllowed):
            groups.end(actor, db.session.get_one(ExpertGroup, group[0]), reason="Mine")
    with house.system():
        mine = select(Membership).where(Membership.person_id == network["ids"]["chair"])
        db.session.scalars(mine).one().ended_at = now()
        db.session.commit()
    with house.acting(network["ids"]["member"]) as actor, pytest.raises(NotAllowed):
        groups.amend(actor, db.session.get_one(ExpertGroup, group[0]), **SAID)
    with house.acting(network["ids"]["chair"]):
        assert db.session.scalars(select(ExpertGroupMember)).all() == []
    page = house.client_for(network["ids"]["member"]).get(f"/expert-groups/{group[1]}")
    assert ("chair Tester" in page.text, "member Tester" in page.text) == (False, True)


def test_a_coordinator_makes_a_group_and_takes_people_in_by_the_pages(house: Any, network: dict[str, Any]) -> None:
    client = house.client_for(network["ids"]["coordinator"])
    sent = {
        "name": "Board",
        "rhythm": "weekly",
        "weekday": "2",
        "hour": "09:00",
        "minutes": "45",
        "zone": "Europe/Athens",
    }
    made = client.post(f"/networks/{network['key']}/add-group", data=sent | {"once": "a key of this form"})
    assert made.status_code == 302
    address = made.location
    found = client.get(f"{address}?q=mem").text
    assert re.findall(r'name="person" value="(\w+)"', found) == [network["keys"]["member"]]
    assert client.post(f"{address}/members", data={"person": network["keys"]["member"]}).status_code == 302
    page = client.get(address).text
    assert ("member Tester" in page, "Every week · Wednesday · 09:00 · Europe/Athens" in page) == (True, True)
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen is not None
    given = {"person": network["keys"]["member"], "seen": seen[1]}
    assert client.post(f"{address}/chair", data=given).status_code == 302
    shown = house.client_for(network["ids"]["outsider"]).get(f"/networks/{network['key']}").text
    assert "Chaired by member Tester" in shown
    bystander = house.client_for(network["ids"]["bystander"]).get(f"/networks/{network['key']}").text
    assert ("Board" in bystander, "member Tester" in bystander) == (True, False)


def test_a_network_says_what_it_is_and_where_its_helpdesk_is(house: Any, network: dict[str, Any]) -> None:
    client, address = house.client_for(network["ids"]["coordinator"]), f"/networks/{network['key']}"
    seen = str(house.value("SELECT version FROM network WHERE id = :id", id=network["network"]))
    said = {"description": "We advise.", "helpdesk": "help@ern.example", "answers_ukrainian": "y", "seen": seen}
    wrong = client.post(f"{address}/describe", data=said | {"helpdesk": "nobody"})
    assert (wrong.status_code, 'id="helpdesk-error"' in wrong.text) == (422, True)
    assert client.post(f"{address}/describe", data=said).status_code == 302
    page = house.client_for(network["ids"]["member"]).get(address).text
    told = (
        "We advise.",
        "mailto:help@ern.example",
        "Ready to answer Ukrainian cases",
        "Greece",
        "Home",
        "Authorisation:",
    )
    assert [word in page for word in told] == [True] * len(told)
    foreign = house.client_for(network["ids"]["stranger"]).post(f"{address}/describe", data=said)
    assert foreign.status_code == 403


def test_what_is_ended_meets_no_more(house: Any, network: dict[str, Any], group: tuple[int, str]) -> None:
    with house.acting(network["ids"]["coordinator"]) as actor:
        row = db.session.get_one(ExpertGroup, group[0])
        groups.end(actor, row, reason="Merged", last_day=today() + dt.timedelta(days=40))
        assert all(moment.date() <= today() + dt.timedelta(days=40) for moment in groups.next_slots(row, now()))
        groups.end(actor, row, reason="Merged at once")
        assert groups.next_slots(row, now()) == []
        with pytest.raises(WrongStep):
            groups.add_member(actor, row, person=network["keys"]["member"])


def test_as_many_codes_as_can_be_typed_are_kept_or_refused_by_the_field(
    house: Any, network: dict[str, Any], group: tuple[int, str]
) -> None:
    typed = ",".join(str(9_000_001 + n) for n in range(25))
    assert len(typed) == 199  # the form takes 200 characters
    with house.acting(network["ids"]["coordinator"]) as actor, pytest.raises(Incomplete) as refused:
        groups.amend(actor, db.session.get_one(ExpertGroup, group[0]), **SAID | {"orpha_codes": typed})
    assert list(refused.value.fields) == ["orpha_codes"]
    with house.acting(network["ids"]["coordinator"]) as actor:
        groups.amend(actor, db.session.get_one(ExpertGroup, group[0]), **SAID | {"orpha_codes": typed[: 8 * 20 - 1]})
    assert house.value("SELECT orpha_codes FROM expert_group").count(", ") == 19


def test_a_chair_leaves_the_group_and_chairs_it_no_more(
    house: Any, network: dict[str, Any], group: tuple[int, str]
) -> None:
    with house.acting(network["ids"]["chair"]) as actor:
        groups.end_member(actor, db.session.scalars(select(ExpertGroupMember)).one())
    assert house.value("SELECT chair_id FROM expert_group") is None
    with house.acting(network["ids"]["chair"]) as actor, pytest.raises(NotAllowed):
        groups.amend(actor, db.session.get_one(ExpertGroup, group[0]), **SAID)


def test_only_who_is_in_the_group_chairs_it(house: Any, network: dict[str, Any], group: tuple[int, str]) -> None:
    with house.acting(network["ids"]["coordinator"]) as actor, pytest.raises(WrongStep):
        groups.set_chair(actor, db.session.get_one(ExpertGroup, group[0]), person=network["keys"]["member"])
    assert house.value("SELECT chair_id FROM expert_group") == network["ids"]["chair"]


def test_a_group_whose_last_day_is_past_is_changed_no_more(
    house: Any, network: dict[str, Any], group: tuple[int, str]
) -> None:
    with house.system():
        db.session.get_one(ExpertGroup, group[0]).from_on = today() - 3 * make.DAY
        db.session.get_one(ExpertGroup, group[0]).to_on = today() - make.DAY
        db.session.commit()
    with house.acting(network["ids"]["coordinator"]) as actor, pytest.raises(WrongStep):
        groups.amend(actor, db.session.get_one(ExpertGroup, group[0]), **SAID)
