"""The welcome: Home leads there once, nothing else does; filled in or skipped it is over; a tour of four cards for each."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from lxml import html
from sqlalchemy import text

from app.pages.tours import ANYBODY, TOURS
from app.services import profiles
from app.views import SITE
from tests.pages.test_settings_pages import version
from tests.world import World

KINDS = {
    "owner": ["Enrol a patient", "Print the consent form", "Find who knows a disease", "Let somebody help you"],
    "assistant": ["See whom you act for", "Enrol a patient", "Bring the signed forms back", "Find who knows a disease"],
    "guest": ["Take part where you are invited", "Say who you are", "Choose your mails", "See who sees what"],
    "coordinator": [
        "Decide who comes in",
        "Keep the members right",
        "Keep hospitals authorised",
        "Find who knows a disease",
    ],
    "protection": [
        "Answer a patient’s letter",
        "Keep the members right",
        "Keep hospitals authorised",
        "Find who knows a disease",
    ],
    "hub": ["Begin at Home", "Say who you are", "Choose your mails", "See who sees what"],
    "admin": ["Keep the accounts", "Publish the privacy policy", "See that mails go out", "See who sees what"],
}


def unwelcomed(world: World, who: str) -> Any:
    """A login of somebody nobody has welcomed."""
    with world.house.everything() as session:
        session.execute(text("UPDATE ab_user SET welcomed_at = NULL WHERE id = :i"), {"i": world.people[who]})
        session.commit()
    return world.client(who)


def welcomed(world: World, who: str) -> bool:
    return world.house.value("SELECT welcomed_at FROM ab_user WHERE id = :i", i=world.people[who]) is not None


def led(client: Any) -> str | None:
    """Where Home leads."""
    return client.get("/").headers.get("Location")


def test_home_leads_there_once_a_login_and_nothing_else_does(world: World) -> None:
    client = unwelcomed(world, "owner")
    for deep in ("/patients/", "/settings/", "/directory/", "/help/"):
        assert client.get(deep).status_code == 200
    assert led(client) == "/welcome/"
    assert client.get("/welcome/").status_code == 200
    assert led(client) is None
    assert led(world.house.client_for(world.people["owner"])) == "/welcome/"
    assert led(world.client("colleague")) is None
    assert welcomed(world, "owner") is False  # to look at it says nothing


def test_who_has_no_place_yet_is_not_asked_what_the_wizard_asks(world: World) -> None:
    assert led(unwelcomed(world, "bystander")) is None


def test_what_one_says_is_kept_with_one_click_and_the_tour_follows(world: World) -> None:
    client = unwelcomed(world, "owner")
    page = html.fromstring(client.get("/welcome/").text)
    assert page.get_element_by_id("about").text.strip() == "About the owner"  # what is known already stands there
    said = {"job_title": "Geneticist", "about": "Bones", "disorders": "558 Marfan", "languages": ["el"]}
    answer = client.post("/welcome/", data={"seen": version(world, "owner"), **said})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/welcome/tour")
    assert welcomed(world, "owner") is True
    with world.house.acting(world.people["owner"]) as actor:
        known = profiles.known_to(actor.user_id)
        assert (known.disorders, known.languages, profiles.of(actor.user_id).about) == (
            {558: "Marfan"},
            ("el",),
            "Bones",
        )
    assert led(client) is None
    assert led(world.house.client_for(world.people["owner"])) is None


def test_it_is_skipped_in_one_click_and_nothing_changes(world: World) -> None:
    client = unwelcomed(world, "owner")
    (form,) = html.fromstring(client.get("/welcome/").text).xpath("//form[@action='/welcome/skip']")
    assert len(form.xpath(".//button")) == 1
    answer = client.post("/welcome/skip")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/welcome/tour")
    assert welcomed(world, "owner") is True
    assert led(world.house.client_for(world.people["owner"])) is None
    with world.house.acting(world.people["owner"]) as actor:
        assert profiles.known_to(actor.user_id).disorders == {355: None}


def test_what_cannot_be_right_is_refused_by_its_field_and_nothing_is_kept(world: World) -> None:
    client = unwelcomed(world, "owner")
    said = {"job_title": "Geneticist", "disorders": "Marfan"}
    answer = client.post("/welcome/", data={"seen": version(world, "owner"), **said})
    assert answer.status_code == 422
    page = html.fromstring(answer.text)
    assert "is no ORPHAcode" in page.get_element_by_id("disorders-error").text_content()
    assert page.get_element_by_id("job_title").get("value") == "Geneticist"
    assert welcomed(world, "owner") is False
    assert world.house.value("SELECT about FROM profile WHERE person_id = :i", i=world.people["owner"]) == (
        "About the owner"
    )
    assert client.post("/welcome/", data={"seen": version(world, "owner") - 1}).status_code == 409


@pytest.mark.parametrize("who", KINDS)
def test_each_kind_of_user_has_a_tour_of_four_cards_that_open(world: World, who: str) -> None:
    client = world.client(who)
    page = html.fromstring(client.get("/welcome/tour").text)
    assert [title.text_content() for title in page.xpath("//ol[@class='cards']/li/h2")] == KINDS[who]
    for card in page.xpath("//ol[@class='cards']/li"):
        (address,) = card.xpath(".//a/@href")
        assert client.get(address).status_code == 200, address


def test_help_leads_to_the_tour_again(world: World) -> None:
    assert "/welcome/tour" in html.fromstring(world.client("guest").get("/help/").text).xpath("//main//a/@href")


def test_each_card_asks_the_right_of_the_page_it_opens(house: Any) -> None:
    pages = {entry.page.__name__: entry.page for entry in SITE}
    app: Flask = house.app
    for card in {*ANYBODY, *(card for tour in TOURS.values() for card in tour)}:
        page, _dot, method = card.page.partition(".")
        assert pages[page].acts[method] == card.act, card.page
        assert card.page in app.view_functions
