"""Scans to file, as people see it: dropped, compared box by box, confirmed with one click; phone and desk alike."""

from __future__ import annotations

from typing import Any

import pytest

from app.models import ConsentForm, db
from app.services import jobs, papers
from tests.scans import ADULT, EMPTY, scanned, written
from tests.screens import Screen, post
from tests.world import World

pytestmark = pytest.mark.one_database


def signed(world: World, form: str = "printed", writing: Any = ADULT, **how: Any) -> bytes:
    with world.house.system():
        pages = written(papers.set_paper(db.session.get(ConsentForm, world.forms[form][0])), writing)
    return scanned(pages, **how)


def drop(world: World, who: str, *files: tuple[bytes, str]) -> tuple[Any, str]:
    """Drop files in the browser and let the job read them; gives the browser and the stack's address."""
    client = world.client(who)
    answer = post(client, "/stacks/add", Screen(client.get("/stacks/add")).form(), *files)
    assert answer.status_code == 302
    jobs.run_due(world.house.app.app_context)
    return client, answer.location


def state(world: World, form: str = "printed") -> str:
    return str(world.house.value("SELECT state FROM consent_form WHERE id = :id", id=world.forms[form][0]))


def test_a_stack_is_dropped_compared_and_filed_with_one_click(world: World) -> None:
    client, address = drop(world, "owner", (signed(world, way="upside down"), "Ada Test.pdf"))
    screen = Screen(client.get(address))
    form = screen.form("/file")
    prefix = f"{world.forms['printed'][1]}-"
    answers = {name: value for name, value in form.items() if "answer_" in name}
    assert sorted(answers.values()) == ["given", "refused"]  # the third question's boxes are empty: a person chooses
    assert prefix + "confirmed" not in form

    questions = {field.get("name") for field in screen.tree.xpath("//main//input[@type='radio']")}
    pictures = screen.tree.xpath("//p[@class='boxes']//img[starts-with(@src, 'data:image/jpeg')]")
    assert len(pictures) == 2 * len(questions)
    sent = form | dict.fromkeys(questions - answers.keys(), "not_asked")
    today = str(world.house.value("SELECT CURRENT_DATE"))
    answer = client.post(f"{address}/file", data=sent | {prefix + "signed_on": today, prefix + "confirmed": "y"})

    assert answer.status_code == 302
    assert state(world) == "archived"
    assert "Filed: 1 of 1 confirmed forms." in Screen(client.get(address)).notices
    assert (
        world.house.value("SELECT source FROM archived_document WHERE form_id = :id", id=world.forms["printed"][0])
        == "stack"
    )


def test_nothing_is_filed_that_nobody_confirmed(world: World) -> None:
    client, address = drop(world, "owner", (signed(world), "scan.pdf"))

    answer = client.post(f"{address}/file", data=Screen(client.get(address)).form("/file"))

    assert answer.status_code == 422
    assert Screen(answer).notices[0].endswith("No form is confirmed. Compare a form with its paper and tick its box.")
    assert state(world) == "printed"


def test_a_confirmed_form_with_an_answer_missing_stays_with_what_was_typed(world: World) -> None:
    client, address = drop(world, "owner", (signed(world, writing=EMPTY), "scan.pdf"))
    screen = Screen(client.get(address))
    prefix = f"{world.forms['printed'][1]}-"
    assert not [name for name in screen.form("/file") if "answer_" in name]
    assert "The signature of the patient or representative seems to be missing." in screen.notices

    answer = client.post(
        f"{address}/file", data=screen.form("/file") | {prefix + "confirmed": "y", prefix + "signed_on": "2026-01-02"}
    )

    shown = Screen(answer)
    assert (answer.status_code, shown.value(prefix + "signed_on"), state(world)) == (422, "2026-01-02", "printed")
    assert "Choose what is crossed on the paper." in shown.errors.values()


def test_a_stale_page_files_nothing(world: World) -> None:
    client, address = drop(world, "owner", (signed(world), "scan.pdf"))
    screen = Screen(client.get(address))
    prefix = f"{world.forms['printed'][1]}-"
    questions = {field.get("name"): "given" for field in screen.tree.xpath("//main//input[@type='radio']")}
    today = str(world.house.value("SELECT CURRENT_DATE"))
    sent = (
        screen.form("/file")
        | questions
        | {prefix + "confirmed": "y", prefix + "signed_on": today, prefix + "seen": "1"}
    )

    answer = client.post(f"{address}/file", data=sent)

    assert (answer.status_code, state(world)) == (422, "printed")
    assert "Somebody else changed this meanwhile" in Screen(answer).notices[0]


@pytest.mark.parametrize("left_out", ["seen", "pages"])
def test_a_form_is_filed_only_by_who_says_what_was_on_the_screen(world: World, left_out: str) -> None:
    client, address = drop(world, "owner", (signed(world), "scan.pdf"))
    screen = Screen(client.get(address))
    prefix = f"{world.forms['printed'][1]}-"
    questions = {field.get("name"): "given" for field in screen.tree.xpath("//main//input[@type='radio']")}
    today = str(world.house.value("SELECT CURRENT_DATE"))
    sent = screen.form("/file") | questions | {prefix + "confirmed": "y", prefix + "signed_on": today}
    del sent[prefix + left_out]

    answer = client.post(f"{address}/file", data=sent)

    assert (answer.status_code, state(world)) == (422, "printed")
    again = Screen(answer).form("/file")
    assert (again[prefix + "pages"] != "", prefix + "confirmed" in again) == (True, left_out == "seen")


def test_the_uploader_learns_of_a_colleagues_pages_their_number_alone(world: World) -> None:
    client, address = drop(world, "owner", (signed(world, "colleague's", EMPTY), "scan.pdf"))

    screen = Screen(client.get(address))

    whose = "SELECT passed_on FROM stack WHERE person_id = :id ORDER BY id DESC LIMIT 1"
    count = world.house.value(whose, id=world.people["owner"])
    assert f"{count} pages went to colleagues." in screen.notices
    nickname, code = world.house.rows(
        "SELECT nickname, code FROM patient p JOIN consent_form f ON f.patient_id = p.id WHERE f.id = :id",
        id=world.forms["colleague's"][0],
    )[0]
    assert (nickname in screen.raw, code in screen.raw, code[:4] + "-" in screen.raw) == (False, False, False)
    home = Screen(world.client("colleague").get("/"))
    assert "From a colleague’s stack" in home.text


def test_a_page_is_shown_as_a_picture_and_the_log_knows(world: World) -> None:
    client, address = drop(world, "owner", (signed(world), "scan.pdf"))
    picture = next(link for link in Screen(client.get(address)).links() if "/pages/" in link)

    answer = client.get(picture)

    assert (answer.status_code, answer.mimetype, answer.data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert (
        world.house.value("SELECT count(*) FROM audit_entry WHERE act = 'stack_page.open' AND patient_id IS NOT NULL")
        == 1
    )
    assert world.client("colleague").get(picture).status_code == 404


def test_a_page_without_a_code_is_placed_and_one_of_no_use_discarded(world: World) -> None:
    client = world.client("owner")
    address = (
        f"/stacks/{world.house.value('SELECT public_id FROM stack WHERE person_id = :id', id=world.people['owner'])}"
    )
    screen = Screen(client.get(address))
    place = next(link for link in screen.links() if link.endswith("/assign"))
    form = Screen(client.get(place)).form()

    placed = client.post(place, data=form | {"form": world.forms["printed"][1], "number": "2"})
    again = Screen(client.get(address))
    discarded = client.post(place.replace("/assign", "/discard"), data={"seen": "2"})

    assert (placed.status_code, discarded.status_code) == (302, 302)
    assert "Placed by hand" in again.text
    assert "Pages to place by hand" in screen.text
    assert "Pages to place by hand" not in again.text


def test_the_assistant_whose_grant_ended_sees_no_page_of_the_stack(world: World) -> None:
    key = world.house.value("SELECT public_id FROM stack WHERE person_id = :id", id=world.people["revoked assistant"])

    answer = world.client("revoked assistant").get(f"/stacks/{key}")

    assert answer.status_code in {200, 403, 404}
    assert "/pages/" not in answer.text
