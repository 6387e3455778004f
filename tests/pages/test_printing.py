"""Printing from Home with one click, and for patients picked in the list; and whatever a browser may send."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from app.services import jobs
from tests.papers import words_of
from tests.screens import Screen

pytestmark = pytest.mark.one_database
NOT_THERE = "f" * 32


def forms(world: Any, name: str) -> list[str]:
    statement = "SELECT state FROM consent_form WHERE patient_id = :key ORDER BY id"
    return [row[0] for row in world.house.rows(statement, key=world.patients[name][0])]


def nickname(world: Any, name: str) -> str:
    return str(world.house.value("SELECT nickname FROM patient WHERE id = :key", key=world.patients[name][0]))


def keys(world: Any, *names: str) -> list[str]:
    return [world.patients[name][1] if name in world.patients else name for name in names]


def pick(world: Any, who: str, *names: str) -> Screen:
    """Pick patients in the list; gives the page that says what would happen."""
    client = world.client(who)
    assert client.get("/patients/").status_code == 200
    return Screen(client.post("/patients/print", data={"patient": keys(world, *names)}))


def sent_from(screen: Screen, **typed: str) -> dict[str, Any]:
    """What a browser sends of the page: several patients under one name."""
    sent: dict[str, Any] = dict(screen.form("/prints/ask"))
    sent["patient"] = screen.tree.xpath("//input[@name='patient']/@value")
    return sent | typed


def ask(world: Any, who: str, sent: dict[str, Any]) -> str:
    """Ask for forms and let the job print them; gives the address of the run."""
    answer = world.client(who).post("/prints/ask", data=sent)
    assert answer.status_code == 302, Screen(answer).errors
    jobs.run_due(world.house.app.app_context)
    return str(answer.headers["Location"])


# --- one click from Home ----------------------------------------------------------------------------------------------


def button_of(world: Any, client: Any, name: str) -> tuple[str, dict[str, str]]:
    """Where Home's button of a patient posts to, and what."""
    screen = Screen(client.get("/"))
    address = f"/patients/{world.patients[name][1]}/print"
    return address, screen.form(address)


def test_home_prints_the_form_of_a_draft_with_one_click(world: Any) -> None:
    client = world.client("owner")
    answer = client.post(button_of(world, client, "draft")[0], data=button_of(world, client, "draft")[1])
    page = Screen(client.get(answer.headers["Location"]))

    assert forms(world, "draft") == ["printed"]
    assert "The form is printed: its PDF is being saved." in page.notices[0]
    assert "Record what is on the signed paper" in page.main  # the next step stands below
    (leads,) = page.tree.xpath("//meta[@http-equiv='refresh']/@content")
    paper = client.get(leads.partition("url=")[2])
    assert paper.headers["Content-Disposition"].startswith("attachment; filename=")
    assert world.identities["draft"].family_name in words_of(paper.data)
    assert (
        "refresh"
        not in client.get(answer.headers["Location"].partition("?")[0]).get_data(as_text=True).split("<body")[0]
    )


def test_a_second_click_makes_no_second_form(world: Any) -> None:
    client = world.client("owner")
    address, sent = button_of(world, client, "draft")
    leads = {client.post(address, data=sent).headers["Location"] for _click in range(3)}
    assert (len(leads), forms(world, "draft")) == (1, ["printed"])


def test_home_prints_a_prepared_form_and_an_assistant_may_do_it_too(world: Any) -> None:
    client = world.client("assistant")
    address, sent = button_of(world, client, "prepared")
    assert client.post(address, data=sent).status_code == 302
    assert forms(world, "prepared") == ["printed"]


def test_who_may_not_prepare_a_form_cannot_print_one(world: Any) -> None:
    for who in ("colleague", "revoked assistant", "assistant of chosen", "neighbour"):
        client = world.client(who)
        answer = client.post(f"/patients/{world.patients['draft'][1]}/print", data={"once": "x"})
        nowhere = client.post(f"/patients/{NOT_THERE}/print", data={"once": "x"})
        assert (who, answer.status_code) == (who, nowhere.status_code)
        assert answer.status_code in (403, 404)
    assert forms(world, "draft") == []


def test_a_signed_form_says_what_to_do_instead(world: Any) -> None:
    answer = world.client("owner").post(f"/patients/{world.patients['signed'][1]}/print", data={})
    assert answer.status_code == 422
    assert "A form is signed already. Archive its scan first." in Screen(answer).main


# --- several patients ---------------------------------------------------------------------------------------------------


def test_the_page_says_for_each_patient_what_would_happen_and_leaves_out_who_cannot(world: Any) -> None:
    page = pick(world, "owner", "draft", "prepared", "printed", "signed", "erased", "colleague's", NOT_THERE)

    said = dict(zip(page.texts("//legend"), page.texts("//form[@class='printing']//fieldset/p[1]"), strict=False))
    assert said == {
        nickname(world, "draft"): "A new form is prepared and printed.",
        nickname(world, "prepared"): "The form that is prepared already is printed.",
        nickname(world, "printed"): "The form that is printed already is printed again.",
        nickname(world, "signed"): "Left out: A form is signed already. Archive its scan first.",
        nickname(world, "erased"): "Left out: No form can be prepared for this record any more.",
    }
    assert "3 forms are printed. 2 patients are left out." in page.main
    draft = world.patients["draft"][1]
    assert page.form("/prints/ask")[f"language_{draft}"] == "el"  # used last
    assert page.form("/prints/ask")[f"variant_{draft}"] == "adult"
    assert sorted(sent_from(page)["patient"]) == sorted(keys(world, "draft", "prepared", "printed"))


def test_all_is_chosen_on_one_page_printed_by_a_job_and_fetched(world: Any) -> None:
    draft, enrolled = keys(world, "draft", "enrolled")
    page = pick(world, "owner", "draft", "enrolled", "printed")
    sent = sent_from(page, all_in="el", bundle="zip") | {f"large_{draft}": "y", f"language_{enrolled}": "en"}
    address = ask(world, "owner", sent)

    client = world.client("owner")
    run = Screen(client.get(address))
    assert "3 forms are printed." in run.main
    answer = client.get(f"{address}/file")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert len(archive.namelist()) == 3
    stored = world.house.rows(
        "SELECT language, large_print FROM consent_form WHERE print_count > 0 ORDER BY id DESC LIMIT 2"
    )
    assert sorted((row[0], bool(row[1])) for row in stored) == [("el", False), ("el", True)]
    assert "Forms printed for several patients" in Screen(client.get("/")).main


def test_the_run_of_another_person_is_not_there(world: Any) -> None:
    address = ask(world, "owner", sent_from(pick(world, "owner", "draft")))
    for who in ("assistant", "colleague", "neighbour"):
        client = world.client(who)
        for ending in ("", "/file"):
            answers = [client.get(address + ending), client.get(f"/prints/{NOT_THERE}{ending}")]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert Screen(answers[0]).main == Screen(answers[1]).main


def test_a_second_click_asks_once(world: Any) -> None:
    sent = sent_from(pick(world, "owner", "draft"))
    client = world.client("owner")
    leads = {client.post("/prints/ask", data=sent).headers["Location"] for _click in range(2)}
    jobs.run_due(world.house.app.app_context)
    assert (len(leads), forms(world, "draft")) == (1, ["printed"])


@pytest.mark.parametrize(
    "typed",
    [
        {"patient": []},
        {"patient": [NOT_THERE]},
        {"bundle": "x"},
        {"bundle": ""},
        {"language": "xx"},
        {"variant": "both"},
        {"all_in": "xx"},
    ],
    ids=str,
)
def test_what_a_browser_never_sends_is_refused_and_makes_nothing(world: Any, typed: dict[str, Any]) -> None:
    sent = sent_from(pick(world, "owner", "draft"))
    draft = world.patients["draft"][1]
    named = {f"{name}_{draft}" if name in ("language", "variant") else name: value for name, value in typed.items()}
    answer = world.client("owner").post("/prints/ask", data=sent | named)

    assert answer.status_code == 422
    assert Screen(answer).errors != []
    assert (forms(world, "draft"), world.house.value("SELECT count(*) FROM job WHERE kind = 'prints.make'")) == ([], 0)


def test_nobody_picked_says_what_to_do_and_everybody_takes_what_the_list_finds(world: Any) -> None:
    assert "No patient is chosen. Tick the patients in the list first." in pick(world, "owner").main
    client = world.client("owner")
    found = Screen(client.post("/patients/print?state=draft", data={"everyone": "y"}))
    drafts = world.house.rows(
        "SELECT nickname FROM patient WHERE state = 'draft' AND clinician_id = :key", key=world.people["owner"]
    )
    assert sorted(found.texts("//legend")[: len(drafts)]) == sorted(row[0] for row in drafts)


def test_who_comes_back_to_an_address_that_was_sent_finds_a_page(world: Any) -> None:
    client = world.client("owner")
    for address in ("/patients/print", "/prints/ask", f"/patients/{world.patients['draft'][1]}/print"):
        assert client.get(address).status_code == 302
