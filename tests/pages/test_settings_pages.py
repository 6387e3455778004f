"""Settings: each part is saved by itself; what is refused stays typed; others see what one says of oneself."""

from __future__ import annotations

import datetime as dt
from typing import Any

from lxml import html

from app.models import Login, Network, Person, ThematicArea, db
from app.services import profiles
from tests.world import World


def version(world: World, who: str) -> int:
    found = world.house.value("SELECT version FROM ab_user WHERE id = :i", i=world.people[who])
    return int(found)


def send(world: World, who: str, part: str, **given: Any) -> Any:
    return world.client(who).post(f"/settings/{part}", data={"seen": version(world, who), **given})


def test_the_profile_is_saved_by_itself(world: World) -> None:
    answer = send(
        world, "colleague", "profile", job_title="Geneticist", professional_title="Prof.", about="<b>Bones</b>"
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/#part-profile")
    page = html.fromstring(world.client("colleague").get("/settings/").text)
    typed = {name: page.get_element_by_id(name) for name in ("job_title", "professional_title", "about")}
    assert typed["job_title"].get("value") == "Geneticist"
    assert typed["about"].text.strip() == "<b>Bones</b>"
    with world.house.acting(world.people["colleague"]) as actor:
        assert profiles.known_to(actor.user_id).disorders == {355: None}  # the other parts are as they were


def test_what_one_knows_about_is_saved_and_shown_to_colleagues(world: World) -> None:
    with world.house.acting(world.people["owner"]):
        network, area = db.session.query(Network).first(), db.session.query(ThematicArea).first()
        keys, name = {"networks": network.public_id, "areas": area.public_id}, area.name
    answer = send(world, "owner", "expertise", **keys, disorders="558 Marfan", languages=["el", "fr"])
    assert answer.status_code == 302
    public = world.house.value("SELECT public_id FROM ab_user WHERE id = :i", i=world.people["owner"])
    page = world.client("colleague").get(f"/people/{public}").text
    for shown in (name, "558", "Marfan", "French", "About the owner"):
        assert shown in page
    assert world.client("neighbour").get(f"/people/{public}").status_code == 404


def test_signs_that_nobody_sees_are_not_kept_in_the_name_of_a_disorder(world: World) -> None:
    typed = "558 Mar\u202efan\u200b\x07\r\n355 Gaucher"
    assert send(world, "owner", "expertise", disorders=typed, languages=["el"]).status_code == 302
    with world.house.acting(world.people["owner"]) as actor:
        assert profiles.known_to(actor.user_id).disorders == {558: "Marfan", 355: "Gaucher"}


def test_what_cannot_be_right_is_refused_by_its_field_and_stays_typed(world: World) -> None:
    before = version(world, "owner")
    answer = send(world, "owner", "expertise", disorders="Marfan", languages=["el"])
    assert answer.status_code == 422
    page = html.fromstring(answer.text)
    assert "is no ORPHAcode" in page.get_element_by_id("disorders-error").text_content()
    assert page.get_element_by_id("disorders").text.strip() == "Marfan"
    assert send(world, "owner", "expertise", networks="f" * 32).status_code == 422
    assert send(world, "owner", "languages", language="xx").status_code == 422
    assert send(world, "owner", "languages", language="en", time_zone="Mars/Base").status_code == 422
    assert send(world, "owner", "profile", job_title="x" * 151).status_code == 422
    assert version(world, "owner") == before


def test_an_old_page_saves_over_nothing(world: World) -> None:
    old = version(world, "owner")
    assert send(world, "owner", "profile", about="First").status_code == 302
    answer = world.client("owner").post("/settings/profile", data={"seen": old, "about": "Second"})
    assert answer.status_code == 409
    assert "Second" in answer.text
    assert world.house.value("SELECT about FROM profile WHERE person_id = :i", i=world.people["owner"]) == "First"


def test_languages_and_time_zone_are_kept_and_times_follow(world: World) -> None:
    client = world.client("owner")
    saved = client.post(
        "/settings/languages", data={"language": "en", "mail_language": "el", "time_zone": "Europe/Athens"}
    )
    assert saved.status_code == 302
    with world.house.system():
        for login in db.session.query(Login).filter_by(person_id=world.people["owner"]):
            login.started_at = dt.datetime(2026, 1, 5, 10, tzinfo=dt.UTC)
        db.session.commit()
    assert "5 Jan 2026, 12:00:00" in client.get("/my-logins/").text
    row = world.house.rows("SELECT * FROM ab_user WHERE id = :i", i=world.people["owner"])[0]
    assert (row.language, row.mail_language, row.time_zone) == ("en", "el", "Europe/Athens")
    client.post("/settings/languages", data={"language": "en", "mail_language": "", "time_zone": ""})
    row = world.house.rows("SELECT * FROM ab_user WHERE id = :i", i=world.people["owner"])[0]
    assert (row.mail_language, row.time_zone) == (None, None)


def test_a_zone_this_machine_does_not_know_is_utc(world: World) -> None:
    with world.house.system():
        db.session.get_one(Person, world.people["owner"]).time_zone = "Mars/Base"
        db.session.commit()
    assert world.client("owner").get("/my-logins/").status_code == 200


def test_one_ends_ones_account_having_seen_what_hangs_on_it(world: World) -> None:
    client = world.client("owner")
    page = client.get("/settings/end").text
    assert "records hang on your account at Thessaloniki" in page
    answer = client.post("/settings/end")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/")
    assert client.get("/").status_code == 302
    ended = world.house.value("SELECT disabled_at FROM ab_user WHERE id = :i", i=world.people["owner"])
    assert ended is not None
