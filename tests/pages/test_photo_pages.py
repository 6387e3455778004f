"""One's photo: shown, seen by whom, replaced, removed, gone with the account; the upload is kept nowhere."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from lxml import html
from PIL import Image

from app.models import Person, db
from app.services import accounts, jobs, policies
from tests.outside.test_photos import SECRET, SVG, bomb, colours, exif, saved
from tests.world import World

SEEING = {"owner", "colleague", "neighbour", "outsider", "assistant", "coordinator", "representative", "protection"}
BLIND = {"guest", "hub", "admin", "leaver"}


def version(world: World, who: str) -> int:
    return int(world.house.value("SELECT version FROM ab_user WHERE id = :i", i=world.people[who]))


def send(world: World, who: str, content: bytes, name: str = "me.jpg") -> Any:
    data = {"seen": version(world, who), "photo": (io.BytesIO(content), name)}
    return world.client(who).post("/settings/photo", data=data, content_type="multipart/form-data")


def key_of(world: World, who: str) -> str | None:
    found = world.house.value("SELECT max(public_id) FROM photo WHERE person_id = :i", i=world.people[who])
    return found if found is None else str(found)


def files(world: World) -> set[str]:
    return {one.name for one in (world.house.var / "files").iterdir()}


def files_named(world: World) -> set[str]:
    with world.house.everything() as session:
        return {row[0] for row in session.execute(db.text("SELECT storage_key FROM photo"))}


def test_a_photo_is_shown_without_anything_else_of_the_file(world: World) -> None:
    before, shown_before = files(world), key_of(world, "owner")
    content = saved(colours(), "JPEG", exif=exif(), comment=SECRET)
    answer = send(world, "owner", content)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/#part-photo")

    key = key_of(world, "owner")
    assert key not in {None, shown_before}
    assert len(files(world) - before) == len(before - files(world)) == 1  # one for the one there was
    for path, edge in ((f"/photos/{key}", 512), (f"/photos/{key}/small", 96)):
        picture = world.client("neighbour").get(path)
        assert picture.headers["Content-Type"] == "image/jpeg"
        assert picture.headers["Cache-Control"] == "private, max-age=86400"
        assert picture.headers["X-Content-Type-Options"] == "nosniff"
        assert SECRET not in picture.data
        assert Image.open(io.BytesIO(picture.data)).size == (edge, edge)
    assert world.client("owner").get(f"/photos/{shown_before}").status_code == 404
    for stored in (world.house.var / "files").iterdir():
        assert content[:200] not in stored.read_bytes()


def test_it_stands_in_the_own_menu_the_settings_and_the_directory(world: World) -> None:
    key = key_of(world, "neighbour")
    small, large = f"/photos/{key}/small", f"/photos/{key}"
    own = html.fromstring(world.client("neighbour").get("/settings/").text)
    assert own.xpath("//header//summary/img/@src") == [small]
    assert own.xpath("//section[@id='part-photo']//img/@src") == [large]
    listed = html.fromstring(world.client("owner").get("/directory/").text).xpath(f"//li/img[@src='{small}']")
    assert [(one.get("loading"), one.get("width"), one.get("height"), one.get("alt")) for one in listed] == [
        ("lazy", "40", "40", "")
    ]
    person = world.house.value("SELECT public_id FROM ab_user WHERE id = :i", i=world.people["neighbour"])
    page = html.fromstring(world.client("owner").get(f"/directory/{person}").text)
    assert page.xpath("//main//img/@src") == [large]
    assert page.xpath("//header//summary/img/@src") == [f"/photos/{key_of(world, 'owner')}/small"]


def test_without_one_the_initials_stand_there(world: World) -> None:
    assert key_of(world, "two hats") is None
    page = html.fromstring(world.client("two hats").get("/directory/").text)
    assert len(page.xpath("//header//summary/span[@class='initials'][@aria-hidden='true']")) == 1
    faces = page.xpath("//ul[@class='rows found']/li/*[1]")
    assert {one.tag for one in faces} == {"img", "span"}
    assert len(faces) == len(page.xpath("//ul[@class='rows found']/li"))


@pytest.mark.parametrize("size", ["", "/small"])
def test_who_does_not_find_the_person_does_not_find_the_photo(world: World, size: str) -> None:
    key, guests = key_of(world, "neighbour"), key_of(world, "guest")
    for who in SEEING:
        assert world.client(who).get(f"/photos/{key}{size}").status_code == 200, who
        assert world.client(who).get(f"/photos/{guests}{size}").status_code == 404, who
    for who in BLIND:
        answer = world.client(who).get(f"/photos/{key}{size}")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store"), who
    assert world.client("guest").get(f"/photos/{guests}{size}").status_code == 200
    visitor = world.client("anonymous").get(f"/photos/{key}{size}")
    assert (visitor.status_code, visitor.headers["Cache-Control"]) == (302, "no-store")
    assert world.client("owner").get(f"/photos/{world.people['neighbour']}{size}").status_code == 404


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose a picture."),
        (SVG, "not a JPEG, PNG or WebP"),
        (b"\xff\xd8\xff\xe0" + SVG, "is damaged"),
        (bomb(), "120 million dots"),
        (saved(colours(), "JPEG")[:9000], "is damaged"),
        (saved(colours(50, 50), "PNG"), "too small"),
    ],
)
def test_what_is_no_picture_is_refused_by_the_field_and_nothing_is_stored(
    world: World, content: bytes, said: str
) -> None:
    before, key = files(world), key_of(world, "owner")
    answer = send(world, "owner", content)
    assert answer.status_code == 422
    assert said in html.fromstring(answer.text).get_element_by_id("photo-error").text_content()
    assert (files(world), key_of(world, "owner")) == (before, key)


def test_it_is_removed_in_one_click_with_its_file(world: World) -> None:
    key, before, named = key_of(world, "owner"), files(world), files_named(world)
    page = html.fromstring(world.client("owner").get("/settings/").text)
    (form,) = page.xpath("//form[@action='/settings/photo/remove']")
    assert form.xpath(".//input[@name='seen']") == []
    answer = world.client("owner").post("/settings/photo/remove")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/#part-photo")
    assert key_of(world, "owner") is None
    assert before - files(world) == named - files_named(world) != set()
    assert world.client("owner").get(f"/photos/{key}").status_code == 404
    assert world.client("owner").post("/settings/photo/remove").status_code == 302  # a second click


@pytest.mark.parametrize("end", ["withdrawn", "locked"])
def test_it_ends_with_the_account(world: World, end: str) -> None:
    before, others = files(world), key_of(world, "owner")
    who = "neighbour"
    with world.house.acting(world.people["admin" if end == "locked" else who]) as actor:
        person = db.session.get(Person, world.people[who])
        (accounts.disable if end == "locked" else policies.withdraw)(actor, person)
    jobs.run_due(world.house.app.app_context)
    assert key_of(world, who) is None
    assert len(before - files(world)) == 1
    assert key_of(world, "owner") == others


def test_it_is_in_the_file_of_what_is_stored_about_oneself(world: World) -> None:
    send(world, "owner", saved(colours(), "JPEG"))
    found = world.client("owner").get("/my-data/download").get_json()
    assert [set(one) for one in found["photo"]] == [{"added_at", "size"}]
    picture = world.client("owner").get(f"/photos/{key_of(world, 'owner')}").data
    assert base64.b64decode(found["photo_as_jpeg"]) == picture
    assert world.client("two hats").get("/my-data/download").get_json()["photo_as_jpeg"] is None
