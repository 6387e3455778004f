"""The directory: who is found by what, who finds, and that no address is ever said."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from lxml import html

from app.models import Absence, Expertise, Profile, db, now, today
from app.services import directory
from app.words import MandateKind
from tests import factories as make

PAST = today() - dt.timedelta(days=1)


@pytest.fixture
def people(house: Any) -> dict[str, Any]:
    """Two networks in two countries, and people who are and are not to be found."""
    with house.system():
        greece, germany = make.country("GR"), make.country("DE")
        one, two = make.network("ERN ONE"), make.network("ERN TWO")
        area = make.area(one, "Rare things")
        home, far = make.hospital("Home", greece), make.hospital("Far", germany)
        centre, second, distant = make.centre(home, one), make.centre(home, two), make.centre(far, two)
        known = {
            "reader": make.person("Reader", "Adler"),
            "lukasz": make.person("Łukasz", "Müller-Šimić", job_title="Metabolic physician"),
            "muench": make.person("Anna", "Münch"),
            "coordinator": make.person("Cora", "Coord"),
            "assistant": make.person("Ada", "Assist"),
            "guest": make.person("Gus", "Guest"),
            "gone": make.person("Gone", "Müller"),
            "locked": make.person("Locked", "Müller", disabled_at=now()),
            "nobody": make.person("Noplace", "Müller"),
            "admin": make.admin(make.person("Operator", "Müller")),
            "hub": make.person("Hub", "Müller"),
        }
        for name, place in (("reader", centre), ("lukasz", centre), ("lukasz", second), ("muench", distant)):
            make.member(known[name], place)
        make.member(known["gone"], centre, to_on=PAST)
        make.member(known["locked"], centre)
        make.mandate(known["coordinator"], MandateKind.ERN_COORDINATOR, network=two)
        make.mandate(known["assistant"], MandateKind.ASSISTANT, hospital=home)
        make.mandate(known["guest"], MandateKind.GUEST, host_id=known["reader"].id, to_on=today())
        make.mandate(known["hub"], MandateKind.UA_HUB)
        who = known["lukasz"].id
        things = ({"area_id": area.id}, {"network_id": one.id}, {"language": "el"}, {"orpha_code": 355})
        db.session.add_all(Expertise(person_id=who, **thing) for thing in things)
        db.session.add(Profile(person_id=who, professional_title="Prof.", about="Gaucher disease in adults"))
        db.session.commit()
        found = {name: (row.id, row.public_id) for name, row in known.items()}
        return found | {"area": area.public_id, "network": one.code, "hospital": far.public_id}


def names(page: Any) -> list[str]:
    assert page.status_code == 200
    return [str(one.text_content()) for one in html.fromstring(page.data).xpath("//ul[@class='rows found']//a")]


EVERYBODY = ["Reader Adler", "Ada Assist", "Cora Coord", "Łukasz Müller-Šimić", "Anna Münch"]


def test_everybody_with_a_place_in_force_is_found_and_nobody_else(house: Any, people: dict[str, Any]) -> None:
    for reader in ("reader", "coordinator", "assistant"):
        assert names(house.client_for(people[reader][0]).get("/directory/")) == EVERYBODY


@pytest.mark.parametrize("who", ["guest", "gone", "nobody", "admin", "hub"])
def test_only_clinicians_assistants_and_coordinators_look(house: Any, people: dict[str, Any], who: str) -> None:
    client = house.client_for(people[who][0])
    assert client.get("/directory/").status_code == 403
    assert client.get(f"/directory/{people['lukasz'][1]}").status_code == 403
    assert "/directory/" not in client.get("/").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=mul", ["Łukasz Müller-Šimić"]),
        ("q=MÜL", ["Łukasz Müller-Šimić"]),
        ("q=simic+lu", ["Łukasz Müller-Šimić"]),
        ("q=uller", []),
        ("q=mu", ["Łukasz Müller-Šimić", "Anna Münch"]),
        ("q=people.example", []),
        ("q=%25", EVERYBODY),
        ("network=NETWORK", ["Reader Adler", "Łukasz Müller-Šimić"]),
        ("hospital=HOSPITAL", ["Anna Münch"]),
        ("country=GR", ["Reader Adler", "Ada Assist", "Łukasz Müller-Šimić"]),
        ("country=GR&network=NETWORK&q=a", ["Reader Adler"]),
        ("area=AREA", ["Łukasz Müller-Šimić"]),
        ("orpha=355", ["Łukasz Müller-Šimić"]),
        ("orpha=ORPHA:355", ["Łukasz Müller-Šimić"]),
        ("orpha=356", []),
        ("language=el", ["Łukasz Müller-Šimić"]),
        ("language=el&country=DE", []),
        ("network=junk", []),
        ("orpha=x", []),
        ("orpha=99999999999999", []),
    ],
)
@pytest.mark.parametrize("few", [1000, 0])
def test_people_are_found_by_what_is_asked(
    house: Any, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch, query: str, found: list[str], few: int
) -> None:
    monkeypatch.setattr(directory, "FEW", few)
    for word in ("network", "hospital", "area"):
        query = query.replace(word.upper(), people[word])
    assert names(house.client_for(people["reader"][0]).get(f"/directory/?{query}")) == found


def test_pages_follow_each_other_both_ways(house: Any, people: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "PAGE_ROWS", 2)
    client, address, walked, back = house.client_for(people["reader"][0]), "/directory/?q=a", [], []
    for _page in range(3):
        page = client.get(address)
        walked.append(names(page))
        following = html.fromstring(page.data).xpath("//a[@rel='next']/@href")
        earlier = html.fromstring(page.data).xpath("//a[@rel='prev']/@href")
        back.append(names(client.get(earlier[0])) if earlier else [])
        if not following:
            break
        address = following[0]
    assert walked == [["Reader Adler", "Ada Assist"], ["Anna Münch"]]
    assert back == [[], walked[0]]


def test_a_persons_page_tells_what_they_know_and_no_address(house: Any, people: dict[str, Any]) -> None:
    page = house.client_for(people["reader"][0]).get(f"/directory/{people['lukasz'][1]}")
    said = [word in page.text for word in ("Prof.", "Metabolic physician", "Rare things", "ORPHA:355", "Greek", "Home")]
    assert (page.status_code, said) == (200, [True] * 6)


@pytest.mark.parametrize("who", ["guest", "gone", "locked", "nobody", "admin", "hub"])
def test_who_is_not_found_has_no_page_either(house: Any, people: dict[str, Any], who: str) -> None:
    assert house.client_for(people["reader"][0]).get(f"/directory/{people[who][1]}").status_code == 404


@pytest.mark.t_minimise
def test_the_directory_says_no_address_to_anybody(house: Any, people: dict[str, Any]) -> None:
    addresses = [row[0] for row in house.rows("SELECT email FROM ab_user")]
    for reader in ("reader", "coordinator", "assistant"):
        client = house.client_for(people[reader][0])
        pages = ["/directory/", "/directory/?q=a", *(f"/directory/{people[who][1]}" for who in ("lukasz", "muench"))]
        texts = [client.get(page).get_data(as_text=True) for page in pages]
        own = house.value("SELECT email FROM ab_user WHERE id = :id", id=people[reader][0])
        assert {one for one in addresses if one != own for text in texts if one in text} == set()


def test_a_name_that_changes_is_found_by_the_new_one(house: Any, people: dict[str, Any]) -> None:
    with house.system():
        row = db.session.get_one(make.Person, people["muench"][0])
        row.last_name = "Żółć"
        db.session.commit()
    client = house.client_for(people["reader"][0])
    assert (names(client.get("/directory/?q=zolc")), names(client.get("/directory/?q=munch"))) == (["Anna Żółć"], [])


def test_who_is_away_says_until_when_and_no_more(house: Any, people: dict[str, Any]) -> None:
    with house.system():
        for who, to_on in (("muench", today() + dt.timedelta(days=5)), ("lukasz", PAST)):
            days = {"from_on": today() - dt.timedelta(days=9), "to_on": to_on}
            db.session.add(Absence(person_id=people[who][0], note="Parental leave", **days))
        db.session.commit()
    client = house.client_for(people["coordinator"][0])
    pages = [client.get(path).text for path in ("/directory/", f"/directory/{people['muench'][1]}")]
    assert [(page.count("Away until"), "Parental leave" in page) for page in pages] == [(1, False), (1, False)]
    assert "Away until" not in client.get(f"/directory/{people['lukasz'][1]}").text


@pytest.mark.parametrize("who", ["guest", "locked", "nobody", "admin", "hub"])
def test_where_a_page_begins_tells_nobodys_name_who_is_not_in_it(house: Any, people: dict[str, Any], who: str) -> None:
    client = house.client_for(people["reader"][0])
    assert names(client.get(f"/directory/?after={people[who][1]}")) == EVERYBODY
