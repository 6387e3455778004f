"""A paper from elsewhere on screen: filed on the patient's page, asked for on Home, compared side by side, sent back."""

from __future__ import annotations

from typing import Any

from app.models import today
from tests.factories import DAY
from tests.papers import document
from tests.screens import Screen, post
from tests.world import World

SAID = {
    "reference": "General consent, form 4711",
    "language": "ka",
    "signed_on": (today() - DAY).isoformat(),
    "relation": "self",
    "answer_care": "given",
    "answer_education": "refused",
}


def record(world: World, name: str = "draft") -> str:
    return f"/patients/{world.patients[name][1]}"


def send(world: World, who: str, *, files: bool = True, **given: str) -> Any:
    """Type the paper as somebody, leaving every registry out."""
    client, address = world.client(who), record(world) + "/other-paper"
    asked = Screen(client.get(address))
    registries = {name for name in asked.tree.xpath("//main//input/@name") if name.startswith("answer_")}
    typed = asked.form() | dict.fromkeys(registries, "not_asked") | SAID | given
    return post(client, address, typed, *([(document(), "scan.pdf")] if files else []))


def filed(world: World) -> str:
    """The address of a paper the assistant has filed."""
    assert send(world, "assistant").status_code == 302
    return "/consents/" + world.house.value("SELECT public_id FROM consent_form ORDER BY id DESC LIMIT 1")


def test_nothing_is_answered_before_a_person_answers(world: World) -> None:
    asked = Screen(world.client("owner").get(record(world) + "/other-paper"))
    assert asked.tree.xpath("//main//input[@checked]") == []
    assert asked.value("language") == ""


def test_home_asks_the_second_person_and_not_who_filed_it(world: World) -> None:
    address = filed(world)
    check = f"{address}/check"
    asked = {who: check in Screen(world.client(who).get("/")).links() for who in ("owner", "protection", "assistant")}
    assert asked == {"owner": True, "protection": True, "assistant": False}
    assert check not in Screen(world.client("colleague").get("/")).links()


def test_paper_and_what_was_typed_stand_side_by_side_and_each_answer_is_ticked(world: World) -> None:
    address, owner = filed(world), world.client("owner")
    shown = Screen(owner.get(address + "/check"))
    assert shown.heading == "Compare the form with its paper"
    assert len(shown.tree.xpath("//main//img[@class='page-of-paper'][starts-with(@src, 'data:image/')]")) == 1
    assert "General consent, form 4711" in shown.main
    boxes = shown.tree.xpath("//main//input[@type='checkbox']/@name")
    assert boxes == ["right_patient", "right_signature", "right_care", "right_education"]

    half = owner.post(address + "/check", data=shown.form("/check") | {"right_care": "y", "right_patient": "y"})
    assert (half.status_code, set(Screen(half).errors)) == (422, {"right_signature", "right_education"})

    done = owner.post(address + "/check", data=shown.form("/check") | dict.fromkeys(boxes, "y"))
    assert (done.status_code, done.location) == (302, record(world))
    assert "Enrolled" in Screen(owner.get(record(world))).main


def test_the_data_protection_contact_checks_without_opening_the_record(world: World) -> None:
    address, contact = filed(world), world.client("protection")
    shown = Screen(contact.get(address + "/check"))
    who = world.identities["draft"]
    assert who.family_name in shown.main
    assert (who.file_number in shown.main, "File number" in shown.main) == (False, False)
    boxes = shown.tree.xpath("//main//input[@type='checkbox']/@name")
    done = contact.post(address + "/check", data=shown.form("/check") | dict.fromkeys(boxes, "y"))
    assert (done.status_code, done.location) == (302, "/")
    assert contact.get(record(world)).status_code == 403
    assert contact.get(address).status_code == 403
    assert world.house.value("SELECT state FROM patient WHERE id = :k", k=world.patients["draft"][0]) == "enrolled"


def test_to_the_data_protection_contact_a_paper_opens_nobody_elses_identity(world: World) -> None:
    address, contact = filed(world), world.client("protection")
    shown = contact.get(address + "/check").get_data(as_text=True)
    others = [one.family_name for name, one in world.identities.items() if name != "draft"]
    assert [name for name in others if name in shown] == []
    other = world.client("other protection")
    assert other.get(address + "/check").status_code == 404


def test_who_filed_it_reads_why_it_came_back_and_finds_what_was_typed(world: World) -> None:
    address, owner, assistant = filed(world), world.client("owner"), world.client("assistant")
    sending = Screen(owner.get(address + "/check")).form("/send-back")
    assert owner.post(address + "/send-back", data=sending | {"reason": ""}).status_code == 422
    assert owner.post(address + "/send-back", data=sending | {"reason": "Education says yes"}).status_code == 302

    assert f"{address}/correct" in Screen(assistant.get("/")).links()
    again = Screen(assistant.get(address + "/correct"))
    assert "Education says yes" in " ".join(again.notices)
    typed = again.form()
    assert {name: typed[name] for name in SAID} == SAID
    saved = post(assistant, address + "/correct", typed | {"answer_education": "given"})
    assert (saved.status_code, saved.location) == (302, record(world))
    assert "Given" in Screen(owner.get(address + "/check")).main


def test_the_timeline_tells_who_filed_and_that_it_waits(world: World) -> None:
    filed(world)
    told = Screen(world.client("owner").get(record(world))).texts("//ol[@class='timeline']//p[1]")
    assert {"Filed by hand: signed on other paper", "Waits for a second person"} <= set(told)
    assert "Prepared" not in told


def test_what_is_missing_stands_by_its_field_and_what_was_typed_stays(world: World) -> None:
    answer = send(world, "owner", files=False, relation="guardian")
    shown = Screen(answer)
    assert (answer.status_code, set(shown.errors)) == (422, {"files"})
    assert shown.value("reference") == SAID["reference"]
    unnamed = Screen(send(world, "owner", relation="guardian"))
    assert set(unnamed.errors) == {"names"}
    unread = Screen(send(world, "owner", reference=""))
    assert set(unread.errors) == {"reference"}


def test_a_paper_from_elsewhere_is_never_printed(world: World) -> None:
    address, owner = filed(world), world.client("owner")
    assert owner.get(address + "/preview").status_code == 404
    assert owner.get(address + "/paper").status_code == 404
    version = world.house.value("SELECT version FROM consent_form ORDER BY id DESC LIMIT 1")
    assert owner.post(address + "/print", data={"seen": str(version)}).status_code == 409
    assert Screen(owner.get(address)).status == 200


def test_a_ukrainian_record_offers_no_other_paper(world: World) -> None:
    client, address = world.client("ukrainian"), record(world, "ukrainian draft")
    assert f"{address}/other-paper" not in Screen(client.get(address)).links()
    shown = Screen(client.get(f"{address}/other-paper"))
    assert "The Ukrainian form is fixed" in " ".join(shown.notices)
