"""Home's numbers for coordinators and representatives, and memberships ended together."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import time_machine
from lxml import html
from sqlalchemy import select

from app.models import Centre, Hospital, Network, Person, db, now, today
from app.services import departures
from app.words import MandateKind
from tests import factories as make

SOON = today() + dt.timedelta(days=9)


@pytest.fixture
def network(house: Any) -> dict[str, Any]:
    """A network of two hospitals, one without authorisation, and a foreign hospital."""
    with house.system():
        country, ours, theirs = make.country("GR"), make.network("ERN ONE"), make.network("ERN TWO")
        home = make.hospital("Home", country)
        bare = make.hospital("Bare", country, authorised=False)
        far = make.hospital("Far", country, authorised=False)
        centre, second = make.centre(home, ours), make.centre(bare, ours)
        foreign = make.centre(far, theirs)
        names = ("coordinator", "representative", "host", "leaver", "ended", "Secretname", "guest")
        people = {name: make.person(name) for name in names}
        make.mandate(people["coordinator"], MandateKind.ERN_COORDINATOR, network=ours)
        make.mandate(people["representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        make.mandate(people["guest"], MandateKind.GUEST, host_id=people["host"].id, to_on=SOON)
        members = {
            "host": make.member(people["host"], centre),
            "leaver": make.member(people["leaver"], second, to_on=SOON),
            "ended": make.member(people["ended"], centre, to_on=today() - dt.timedelta(days=1)),
            "Secretname": make.member(people["Secretname"], foreign),
        }
        keys = {name: f"{row.public_id}.{row.version}" for name, row in members.items()}
        return {"ids": {name: one.id for name, one in people.items()}, "keys": keys}


def figures(page: Any) -> dict[str, tuple[str, str]]:
    """What Home's numbers count, each with the number and its list."""
    links = html.fromstring(page.data).xpath("//nav[@class='figures-of']//a")
    return {one.xpath("string(span)"): (one.xpath("string(b)"), one.get("href")) for one in links}


def rows_of(page: Any) -> int:
    return len(html.fromstring(page.data).xpath("//table[contains(@class, 'list')]/tbody/tr"))


@pytest.mark.parametrize(
    ("who", "numbers"),
    [
        (
            "coordinator",
            {
                "Requests for you": "0",
                "Memberships": "2",
                "Memberships ending within 30 days": "1",
                "Guests": "1",
                "Guests leaving within 30 days": "1",
                "Dispatchers": "0",
                "Centres": "2",
                "Hospitals": "2",
                "Hospitals without authorisation": "1",
            },
        ),
        (
            "representative",
            {
                "Requests for you": "0",
                "Memberships": "1",
                "Guests": "1",
                "Guests leaving within 30 days": "1",
                "Centres": "1",
                "Hospitals": "1",
            },
        ),
        ("host", {}),
    ],
)
def test_each_number_on_home_is_as_long_as_its_list(
    house: Any, network: dict[str, Any], who: str, numbers: dict[str, str]
) -> None:
    client = house.client_for(network["ids"][who])
    found = figures(client.get("/"))
    assert {what: number for what, (number, _url) in found.items()} == numbers
    assert {what: str(rows_of(client.get(url))) for what, (_number, url) in found.items()} == numbers


def test_what_has_ended_with_its_place_is_counted_no_more(house: Any, network: dict[str, Any]) -> None:
    with house.acting(network["ids"]["coordinator"]) as actor:
        centre = db.session.scalars(select(Centre).where(Centre.name == "Centre of Home")).one()
        departures.end_centre(actor, centre, reason="Closes")
    client = house.client_for(network["ids"]["coordinator"])
    found = figures(client.get("/"))
    assert {what: found[what][0] for what in ("Memberships", "Guests", "Centres")} == {
        "Memberships": "1",
        "Guests": "0",
        "Centres": "1",
    }
    assert {what: str(rows_of(client.get(url))) for what, (_number, url) in found.items()} == {
        what: number for what, (number, _url) in found.items()
    }


def test_a_membership_that_ended_with_its_centre_can_still_be_ended(house: Any, network: dict[str, Any]) -> None:
    """A hospital that has left its last network goes on to be read: whoever must not, is ended one by one."""
    with house.acting(network["ids"]["coordinator"]) as actor:
        centre = db.session.scalars(select(Centre).where(Centre.name == "Centre of Home")).one()
        departures.end_centre(actor, centre, reason="Closes")
    who = network["ids"]["representative"]
    key = network["keys"]["host"].partition(".")[0]
    page = house.client_for(who).get(f"/memberships/{key}")
    assert f'href="/memberships/{key}/end"' in page.text
    picked = ticked(house, who, "/memberships/")
    assert [sent.partition(".")[0] for sent in picked.values()] == [key]
    sent = {"sure": "y", "reason": "Struck off", "picked": list(picked.values())}
    assert "Ended: 1" in house.client_for(who).post("/memberships/end", data=sent).text
    assert ticked(house, who, "/memberships/") == {}
    assert f'href="/memberships/{key}/end"' not in house.client_for(who).get(f"/memberships/{key}").text


def test_what_is_in_force_is_asked_of_the_day_one_asks_on(house: Any, network: dict[str, Any]) -> None:
    def names(when: str) -> list[str]:
        page = house.client_for(network["ids"]["coordinator"]).get(f"/memberships/?when={when}")
        return sorted(name for name in ("host", "leaver", "ended") if f"{name} Tester" in page.text)

    assert (names("now"), names("soon"), names("over")) == (["host", "leaver"], ["leaver"], ["ended"])
    with time_machine.travel(now() + 20 * make.DAY, tick=True):
        assert (names("now"), names("soon"), names("over")) == (["host"], [], ["ended", "leaver"])


def test_a_preview_ends_nothing_and_names_what_would_end(house: Any, network: dict[str, Any]) -> None:
    client = house.client_for(network["ids"]["coordinator"])
    page = client.post("/memberships/end", data={"picked": [network["keys"]["host"], network["keys"]["Secretname"]]})
    assert ("host Tester" in page.text, "Secretname" in page.text, page.status_code) == (True, False, 200)
    assert "guest: another host has to admit them anew" in page.text  # what hangs on whom
    assert house.value("SELECT count(*) FROM membership WHERE ended_at IS NOT NULL") == 0


def test_the_ticked_are_ended_with_the_reason_and_whoever_cannot_be_is_named(
    house: Any, network: dict[str, Any]
) -> None:
    client = house.client_for(network["ids"]["coordinator"])
    stale = network["keys"]["leaver"].partition(".")[0] + ".7"
    sent = {
        "sure": "y",
        "reason": "The unit is closed",
        "picked": [network["keys"]["host"], network["keys"]["ended"], stale, network["keys"]["Secretname"]],
    }
    page = client.post("/memberships/end", data=sent)
    assert "Ended: 1" in page.text
    named = re.findall(r"<bdi>([^<]+)</bdi></a><p class=\"muted\">([^<]+)</p>", page.text)
    assert named == [
        ("ended Tester", "This has ended already."),
        ("leaver Tester", "Somebody else changed this meanwhile. Compare both versions and save again."),
    ]
    ended = "SELECT person_id, end_reason FROM membership WHERE ended_at IS NOT NULL"
    assert [tuple(row) for row in house.rows(ended)] == [(network["ids"]["host"], "The unit is closed")]


@pytest.mark.parametrize(
    ("sent", "field"), [({"reason": ""}, "reason"), ({"reason": "Left", "last_day": "2001-01-01"}, "last_day")]
)
def test_what_is_wrong_for_all_is_said_before_anything_ends(
    house: Any, network: dict[str, Any], sent: dict[str, str], field: str
) -> None:
    client = house.client_for(network["ids"]["coordinator"])
    page = client.post("/memberships/end", data={"sure": "y", "picked": network["keys"]["host"]} | sent)
    assert re.findall(r'<p class="error" id="([\w-]+)-error">', page.text) == [field]
    assert page.status_code == 422
    assert house.value("SELECT count(*) FROM membership WHERE ended_at IS NOT NULL") == 0


def test_only_what_one_may_end_and_is_not_over_can_be_ticked(house: Any, network: dict[str, Any]) -> None:
    def ticks(who: str) -> int:
        page = house.client_for(network["ids"][who]).get("/memberships/")
        return len(html.fromstring(page.data).xpath("//input[@name='picked']"))

    assert (ticks("coordinator"), ticks("representative"), ticks("host")) == (2, 1, 0)


def ticked(house: Any, who: int, path: str) -> dict[str, str]:
    """What can be ticked in a list: the name, and what the tick sends."""
    page = html.fromstring(house.client_for(who).get(path).data)
    boxes = page.xpath("//input[@name='picked']")
    return {box.xpath("string(following-sibling::span)").removeprefix("Pick "): box.get("value") for box in boxes}


def test_centres_are_ended_together_after_a_preview_of_all_that_ends_with_them(
    house: Any, network: dict[str, Any]
) -> None:
    who, client = network["ids"]["coordinator"], house.client_for(network["ids"]["coordinator"])
    picked = ticked(house, who, "/centres/")
    assert set(picked) == {"Centre of Home, Home", "Centre of Bare, Bare"}
    assert ticked(house, network["ids"]["representative"], "/centres/") == {}
    preview = client.post("/centres/end", data={"picked": list(picked.values())})
    for told in ("2 centres leave their networks.", "2 hospitals leave their last network", "Centre of Home, Home"):
        assert told in preview.text
    assert 'name="last_day"' in preview.text
    last = (today() + dt.timedelta(days=20)).isoformat()
    sent = {"sure": "y", "reason": "Merged", "last_day": last, "picked": list(picked.values())}
    assert "The end was announced: 2" in client.post("/centres/end", data=sent).text
    ends = house.rows("SELECT name, end_reason, ended_at FROM centre WHERE end_reason IS NOT NULL ORDER BY name")
    assert [tuple(row) for row in ends] == [("Centre of Bare", "Merged", None), ("Centre of Home", "Merged", None)]
    assert client.get("/centres/end").status_code == 302


def test_a_preview_tells_nothing_of_a_place_one_may_not_end(house: Any, network: dict[str, Any]) -> None:
    with house.system():
        far = db.session.scalars(select(Hospital).where(Hospital.name == "Far")).one()
        make.patient(db.session.get(Person, network["ids"]["Secretname"]), far)
    foreign = house.value("SELECT public_id FROM centre WHERE name = 'Centre of Far'")
    own = ticked(house, network["ids"]["coordinator"], "/centres/")["Centre of Bare, Bare"]
    client = house.client_for(network["ids"]["coordinator"])
    alone = client.post("/centres/end", data={"picked": own}).text
    both = client.post("/centres/end", data={"picked": [own, f"{foreign}.1"]}).text
    told = [html.fromstring(page).xpath("//main")[0].text_content() for page in (alone, both)]
    assert told[0] == told[1]
    assert "1 centre leaves its network." in told[0]
    only = client.post("/centres/end", data={"picked": f"{foreign}.1"}).text
    assert ("Nothing is ticked" in only, "Centre of Far" in only, "What happens" in only) == (True, False, False)


def test_nobody_ends_a_foreign_centre_by_ticking_it(house: Any, network: dict[str, Any]) -> None:
    foreign = house.value("SELECT public_id FROM centre WHERE name = 'Centre of Far'")
    sent = {"sure": "y", "reason": "Away with it", "picked": f"{foreign}.1"}
    for who in ("coordinator", "representative"):
        page = house.client_for(network["ids"][who]).post("/centres/end", data=sent)
        assert ("Ended: " in page.text, "Centre of Far" in page.text, page.status_code) == (False, True, 200)
    assert house.client_for(network["ids"]["host"]).post("/centres/end", data=sent).status_code == 403
    assert house.value("SELECT count(*) FROM centre WHERE end_reason IS NOT NULL") == 0


def test_expert_groups_are_ended_together_and_their_list_is_a_file(house: Any, network: dict[str, Any]) -> None:
    with house.system():
        networks = db.session.scalars(select(Network).order_by(Network.id)).all()
        host = db.session.get(Person, network["ids"]["host"])
        for of in networks:
            make.expert_group(of, host)
    client = house.client_for(network["ids"]["coordinator"])
    picked = ticked(house, network["ids"]["coordinator"], "/expert-groups/")
    assert set(picked) == {"Group of ERN ONE"}
    preview = client.post("/expert-groups/end", data={"picked": list(picked.values())})
    assert "Their members stay members of the network." in preview.text
    sent = {"sure": "y", "reason": "Merged", "picked": list(picked.values())}
    assert "Ended: 1" in client.post("/expert-groups/end", data=sent).text
    again = client.post("/expert-groups/end", data=sent)
    assert "Somebody else changed this meanwhile." in again.text
    table = client.get("/expert-groups/table.csv").data.decode("utf-8-sig").splitlines()
    assert table[0] == "Group,Network,Topic,Meets,In force,First day,Last day"
    assert len(table) == 3
