"""“I explained”: Home, the form and the record ask the clinician; one tap gives the word for one form or for several."""

from __future__ import annotations

import pytest

from app.pages import doers
from tests.screens import Screen
from tests.services.explanation_words import archived, handed_over, word
from tests.world import World

LIST = "/explanations/"


def form(world: World, name: str = "signed") -> str:
    return f"/consents/{world.forms[name][1]}"


def record(world: World, name: str = "signed") -> str:
    return f"/patients/{world.patients[name][1]}"


@pytest.fixture
def waiting(world: World) -> World:
    """The assistant has archived a form."""
    archived(world, "assistant")
    return world


def waits(world: World) -> int:
    """How many forms wait for the owner, by the rows."""
    return int(
        world.house.value(
            "SELECT count(*) FROM consent_form f JOIN patient p ON p.id = f.patient_id WHERE f.state = 'archived'"
            " AND f.explained_at IS NULL AND f.explained_by_id = :k AND p.clinician_id = :k AND p.state <> 'erased'",
            k=world.people["owner"],
        )
    )


def test_home_the_form_and_the_record_ask_the_clinician_and_one_tap_gives_the_word(waiting: World) -> None:
    owner, many = waiting.client("owner"), waits(waiting)
    home = Screen(owner.get("/"))
    said = (
        "form waits for your word that you explained it" if many == 1 else "forms wait for your word that you explained"
    )
    assert f"{many} {said}" in home.main
    assert form(waiting) in home.links()
    shown = Screen(owner.get(form(waiting)))
    assert "Your word is missing" in shown.main
    assert "waits for the word that it was explained" in Screen(owner.get(record(waiting))).main

    done = owner.post(f"{LIST}{waiting.forms['signed'][1]}/confirm", data=shown.form("/confirm"))
    assert (done.status_code, done.location) == (302, form(waiting))
    assert word(waiting) == ("owner", True)
    again = Screen(owner.get(form(waiting)))
    assert ("Your word is missing" in again.main, "Explained by owner Tester" in again.main) == (False, True)
    told = Screen(owner.get(record(waiting))).main
    assert "Explained, as the clinician confirms" in told
    assert "waits for the word" not in told
    assert waits(waiting) == many - 1


def test_the_assistant_reads_that_it_waits_and_is_offered_nothing(waiting: World) -> None:
    assistant = waiting.client("assistant")
    shown = Screen(assistant.get(form(waiting)))
    assert any("waits for the word of owner Tester" in notice for notice in shown.notices)
    assert (
        "I explained it"
        not in shown.main + Screen(assistant.get("/")).main + Screen(assistant.get(record(waiting))).main
    )
    sent = {"seen": shown.form("/annul")["seen"]}
    assert assistant.get(LIST).status_code == 403
    assert assistant.post(f"{LIST}{waiting.forms['signed'][1]}/confirm", data=sent).status_code == 403
    assert word(waiting) == ("owner", False)


def test_after_a_handover_the_form_says_that_nobody_confirmed(waiting: World) -> None:
    handed_over(waiting)
    colleague = waiting.client("colleague")
    shown = Screen(colleague.get(form(waiting)))
    assert any("the paper names owner Tester, who no longer treats the patient" in one for one in shown.notices)
    assert "I explained it" not in shown.main + Screen(colleague.get(record(waiting))).main
    sent = {"seen": shown.form("/annul")["seen"]}
    assert colleague.post(f"{LIST}{waiting.forms['signed'][1]}/confirm", data=sent).status_code == 403
    assert waiting.client("owner").post(f"{LIST}{waiting.forms['signed'][1]}/confirm", data=sent).status_code == 404


def test_several_are_ticked_on_a_list_and_none_is_ticked_beforehand(waiting: World) -> None:
    owner = waiting.client("owner")
    shown = Screen(owner.get(LIST))
    boxes = shown.tree.xpath("//main//input[@type='checkbox']")
    values = [box.get("value") for box in boxes]
    assert (len(values), [box for box in boxes if box.get("checked") is not None]) == (waits(waiting), [])
    nothing = owner.post(f"{LIST}confirm", data=shown.form("/confirm"))
    assert (nothing.status_code, nothing.location) == (302, LIST)
    assert waits(waiting) == len(values)
    old = f"{waiting.forms['signed'][1]}.1"  # the version before it was archived
    owner.post(f"{LIST}confirm", data=shown.form("/confirm") | {"form": old})
    assert word(waiting) == ("owner", False)
    mine = next(value for value in values if value.startswith(waiting.forms["signed"][1]))
    owner.post(f"{LIST}confirm", data={**shown.form("/confirm"), "form": [mine, "0" * 32 + ".1"]})
    assert word(waiting) == ("owner", True)
    assert "1 form is confirmed." in " ".join(Screen(owner.get(LIST)).notices)


def test_each_step_of_a_form_says_who_did_it_and_for_whom(waiting: World) -> None:
    both, owner = "assistant Tester on behalf of owner Tester", waiting.client("owner")
    shown = Screen(owner.get(form(waiting)))
    assert f"Archived by {both}" in shown.main
    steps = Screen(owner.get(record(waiting))).texts("//ol[@class='timeline']/li")
    (step,) = [step for step in steps if step.startswith("Archived ")]
    assert step.endswith(both)
    assert both in Screen(owner.get(f"{record(waiting)}/log")).main


def test_a_paper_the_assistant_filed_is_shown_as_filed_for_the_clinician(world: World) -> None:
    both = "assistant Tester on behalf of owner Tester"
    check = form(world, "assistant's to check") + "/check"
    for who in ("owner", "protection"):
        client = world.client(who)
        assert f"Filed by {both}" in Screen(client.get("/")).main
        assert f"{both} typed what this paper says" in Screen(client.get(check)).main


def test_a_name_without_a_clinician_stands_alone() -> None:
    assert doers.written("Ada") == "Ada"
