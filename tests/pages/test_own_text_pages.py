"""A hospital's own texts on the screen: started, written with and without a script, proposed, decided, retired."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from app.models import Hospital, db, today
from app.services import days, jobs
from tests.screens import Screen
from tests.world import World

pytestmark = pytest.mark.one_database


def address(world: World, name: str, rest: str = "") -> str:
    return f"/own-texts/{world.own_texts[name][1]}{rest}"


def screen(world: World, who: str, path: str) -> Screen:
    return Screen(world.client(who).get(path))


def state(world: World, name: str) -> str:
    return str(world.house.value("SELECT state FROM own_text WHERE id = :id", id=world.own_texts[name][0]))


def proposed(world: World) -> None:
    """The job has set the proposed text as paper."""
    jobs.run_due(world.house.app.app_context)


OPINION = {
    "opinion": "positive",
    "opinion_by": "Dr Opinion",
    "opinion_on": str(today()),
    "reference": "DPO 9",
    "renews": "renew_nobody",
}


def test_a_representative_starts_a_text_and_lands_where_it_is_written(world: World) -> None:
    client = world.client("representative")
    form = Screen(client.get("/own-texts/add")).form()
    answer = client.post("/own-texts/add", data=form | {"language": "de", "base_language": "en", "variant": "adult"})
    assert answer.status_code == 302
    page = Screen(client.get(answer.location))
    assert page.heading == "Write the text"
    assert page.form()["networks-heading"] == "Was sind Europäische Referenznetzwerke?"
    assert "word-care" not in page.form()


def test_a_language_without_a_standard_text_asks_for_the_forms_own_words(world: World) -> None:
    page = screen(world, "two hats", address(world, "draft afar", "/edit"))
    assert page.form()["word-yes"] == "Yes"
    assert (
        page.form()["word-footer"]
        == "Form [[form.code]] · version [[form.version]] · [[form.language]] · page [[page]] of [[pages]]"
    )
    assert "The form’s own words" in page.text


def test_what_is_typed_without_a_script_is_saved_with_the_button(world: World) -> None:
    client = world.client("representative")
    form = Screen(client.get(address(world, "draft", "/edit"))).form()
    answer = client.post(
        address(world, "draft", "/edit"), data=form | {"no_duty-body": "Όχι, **ποτέ**.\r\n\r\n- α\r\n- β"}
    )
    assert answer.status_code == 302
    assert Screen(client.get(answer.location)).notices == ["Saved."]
    assert Screen(client.get(address(world, "draft", "/edit"))).form()["no_duty-body"] == "Όχι, **ποτέ**.\n\n- α\n- β"


def test_a_script_saves_as_one_types_and_hears_what_is_wrong_and_what_version_it_is(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft", "/edit")
    form = Screen(client.get(path)).form()
    as_data = {"Accept": "application/json"}
    first = client.post(path, data=form | {"no_duty-body": "{{ 7*7 }}"}, headers=as_data)
    assert first.status_code == 200
    assert first.json["seen"] == int(form["seen"]) + 1
    assert set(first.json["faults"]) == {"no_duty-body"}
    assert len(first.json["faults"]["no_duty-body"]) == 2  # too short to be an answer, and braces
    second = client.post(path, data=form | {"no_duty-body": "Written over"}, headers=as_data)
    assert second.status_code == 409
    assert "Somebody else changed this meanwhile" in second.json["told"]
    long = client.post(path, data=form | {"seen": first.json["seen"], "no_duty-body": "x" * 20_001}, headers=as_data)
    assert long.status_code == 422
    nobody = world.client("owner").post(path, data=form, headers=as_data)
    assert nobody.status_code == 403


def test_five_megabytes_are_refused_and_change_nothing(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft", "/edit")
    form = Screen(client.get(path)).form()
    answer = client.post(path, data=form | {"no_duty-body": "word " * 1_000_000})
    assert answer.status_code == 422
    assert Screen(client.get(path)).form()["no_duty-body"] == form["no_duty-body"]


def test_an_incomplete_text_is_not_proposed_and_each_fault_leads_to_its_point(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft")
    form = Screen(client.get(f"{path}/edit")).form()
    client.post(f"{path}/edit", data=form | {"automated-body": "", "rights-heading": ""})
    page = Screen(client.get(f"{path}/propose"))
    links = [link.rpartition("/")[2] for link in page.tree.xpath("//main//div[contains(@class, 'notice')]//a/@href")]
    assert links == ["edit#rights-heading", "edit#automated-body"]
    answer = client.post(f"{path}/propose", data=page.form() | OPINION)
    assert (answer.status_code, state(world, "draft")) == (422, "draft")


def test_a_text_is_proposed_set_accepted_and_told_to_the_clinician(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft")
    answer = client.post(f"{path}/propose", data=Screen(client.get(f"{path}/propose")).form() | OPINION)
    assert answer.status_code == 302
    assert "being set as paper" in screen(world, "representative", path).text
    proposed(world)
    assert re.search(r"set as paper: \d pages", screen(world, "representative", path).text)
    assert "/accept" not in screen(world, "representative", path).raw  # nobody decides about their own

    decider = world.client("coordinator")
    home = Screen(decider.get("/"))
    assert any("Ελληνικά" in item for item in home.texts("//section[contains(@class, 'todo')]//li"))
    form = Screen(decider.get(f"{path}/accept")).form()
    past = decider.post(f"{path}/accept", data=form | {"counts_from": str(today() - dt.timedelta(days=3))})
    assert (past.status_code, state(world, "draft")) == (422, "proposed")
    assert decider.post(f"{path}/accept", data=form).status_code == 302
    assert state(world, "draft") == "accepted"
    patient = screen(world, "owner", f"/patients/{world.patients['draft'][1]}")
    assert "Your hospital’s own text is in force for: Ελληνικά, the patient signs, since" in patient.text


def test_a_proposal_sent_back_says_why(world: World) -> None:
    proposed(world)
    decider, path = world.client("coordinator"), address(world, "proposed")
    form = Screen(decider.get(f"{path}/send-back")).form()
    assert (
        decider.post(
            f"{path}/send-back", data=form | {"reason": "Point seven <b>contradicts</b> point two"}
        ).status_code
        == 302
    )
    assert decider.get(path).status_code == 404  # a draft is not the coordinator's
    page = screen(world, "representative", path)
    assert "Point seven <b>contradicts</b> point two" in page.text
    assert "contradicts</b>" not in page.raw


def test_the_difference_to_the_standard_says_in_words_what_came_and_what_is_gone(world: World) -> None:
    client, path = world.client("two hats"), address(world, "draft afar")
    form = Screen(client.get(f"{path}/edit")).form()
    client.post(f"{path}/edit", data=form | {"no_duty-heading": "Do I need to agree?"})
    page = Screen(client.get(path))
    assert page.texts("//ins") == ["added: need end of added"]
    assert page.texts("//del") == ["removed: have end of removed"]


def test_a_changed_standard_is_told_on_home_and_shown_beside_the_text(world: World) -> None:
    statement = (
        "UPDATE own_text SET base = replace(base, 'automated.heading', 'automated.was') WHERE state = 'accepted'"
    )
    with world.house.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    client = world.client("other representative")
    home = Screen(client.get("/"))
    told = home.texts("//section[h2[starts-with(normalize-space(), 'Own consent texts: the standard')]]//li")
    assert len(told) == 1
    page = Screen(client.get(address(world, "accepted")))
    assert "The standard text this one started from has changed since." in page.text
    form = Screen(client.get(f"/own-texts/add?like={world.own_texts['accepted'][1]}")).form()
    made = client.post(f"/own-texts/add?like={world.own_texts['accepted'][1]}", data=form)
    assert made.status_code == 302
    again = world.house.rows("SELECT number, language, state FROM own_text ORDER BY id DESC LIMIT 1")
    assert [tuple(row) for row in again] == [(2, "bg", "draft")]


def test_the_paper_of_a_draft_is_a_pdf_and_one_that_cannot_be_set_says_why(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft")
    answer: Any = client.get(f"{path}/preview")
    assert (answer.mimetype, answer.data[:5]) == ("application/pdf", b"%PDF-")
    form = Screen(client.get(f"{path}/edit")).form()
    long = {f"{part}-body": "Many words about one thing. " * 700 for part in ("networks", "rights", "dpo", "no_duty")}
    assert client.post(f"{path}/edit", data=form | long).status_code == 302
    told = Screen(client.get(f"{path}/preview"))
    assert "more than twelve pages" in told.text


def test_a_data_protection_contact_reads_and_changes_nothing(world: World) -> None:
    page = screen(world, "protection", address(world, "proposed"))
    assert page.tree.xpath("//aside//a | //aside//button") == []
    for rest in ("/edit", "/propose", "/accept", "/send-back", "/retire"):
        assert world.client("protection").get(address(world, "proposed", rest)).status_code == 403


def test_a_text_that_changes_what_is_done_with_the_data_is_asked_for_shown_and_renewed(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft")
    form = Screen(client.get(f"{path}/propose")).form()
    assert "renews" not in form  # nothing is answered beforehand
    missing = client.post(f"{path}/propose", data=form | OPINION | {"renews": "renew_everybody"})
    assert (missing.status_code, "Say in a sentence what has changed" in missing.text) == (422, True)
    because = {"renews": "renew_everybody", "renews_because": "Data also go to the <b>Ministry</b>."}
    assert client.post(f"{path}/propose", data=form | OPINION | because).status_code == 302
    proposed(world)

    decider = world.client("coordinator")
    page = Screen(decider.get(f"{path}/accept"))
    assert "7 forms that count today are due for renewal" in page.text
    assert "Data also go to the <b>Ministry</b>." in page.text
    assert decider.post(f"{path}/accept", data=page.form()).status_code == 302
    assert "Data also go to the <b>Ministry</b>." in screen(world, "representative", path).text
    proposed(world)

    with world.house.system():
        begun = days.day_at(db.session.get_one(Hospital, world.hospitals["Thessaloniki"])) == today()
    # between midnight there and midnight in UTC, by which all days begin, it is still to come
    paused = "Education and registries are paused since" if begun else "Due for renewal on"
    told = f"The text has changed: Data also go to the <b>Ministry</b>. {paused}"
    key, record = world.forms["enrolled"][1], world.patients["enrolled"][1]
    assert told in " ".join(screen(world, "owner", f"/consents/{key}").notices)
    assert told in screen(world, "assistant", f"/patients/{record}").text
    assert "Due for renewal: the text has changed" in screen(world, "owner", f"/patients/{record}").text
    assert told in " ".join(screen(world, "owner", "/").texts("//section[h2[contains(., 'Consent to renew')]]//li"))
    for choice, count in (("due", 4 if begun else 0), ("soon", 0 if begun else 4), ("text", 4)):
        listed = screen(world, "owner", f"/consents/?renewal={choice}").texts("//tbody/tr")
        assert len(listed) == count, choice


def test_home_says_from_when_the_new_text_is_printed_and_offers_no_old_one(world: World) -> None:
    client, path = world.client("representative"), address(world, "draft")
    because = {"renews": "renew_everybody", "renews_because": "Data also go to the Ministry."}
    client.post(f"{path}/propose", data=Screen(client.get(f"{path}/propose")).form() | OPINION | because)
    proposed(world)
    decider = world.client("coordinator")
    day = today() + dt.timedelta(days=20)
    decider.post(f"{path}/accept", data=Screen(decider.get(f"{path}/accept")).form() | {"counts_from": str(day)})
    proposed(world)
    page = screen(world, "owner", "/")
    rows = page.texts("//section[h2[contains(., 'Consent to renew')]]//li")
    assert rows
    assert all("The text changes: Data also go to the Ministry. Print the new form from" in row for row in rows)
    assert not any("Print the form" in row for row in rows)
