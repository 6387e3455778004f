"""Pages of consent forms: preview, print, signature, withdrawal; Home after them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import config
from app.models import today
from app.outside import paper
from config import Settings
from tests.factories import DAY
from tests.pages.consent_words import NOT_THERE, column, form, nickname, patient_state, send, state, upload
from tests.papers import document, pages_of, words_of
from tests.screens import Screen


def crossed(shown: Screen, answer: str = "given") -> dict[str, str]:
    """Every question of the signature's form answered alike."""
    names = shown.tree.xpath(
        "//form[contains(@action, '/sign')]//input[@type='radio'][starts-with(@name, 'answer_')]/@name"
    )
    return dict.fromkeys(names, answer)


def print_form(client: Any, address: str, **how: Any) -> Any:
    """Press the button on the form's page."""
    return client.post(f"{address}/print", data=Screen(client.get(address)).form("/print"), **how)


@contextmanager
def settings(app: Any, **changes: Any) -> Iterator[None]:
    """Other settings of the installation for a while."""
    usual, known = app.extensions["premises"], app.config["SETTINGS"]
    other = Settings({**usual.settings.values, **changes})
    app.extensions["premises"], app.config["SETTINGS"] = dataclasses.replace(usual, settings=other), other
    try:
        yield
    finally:
        app.extensions["premises"], app.config["SETTINGS"] = usual, known


# --- prepare and print ----------------------------------------------------------------------------------------------


def test_the_languages_offered_are_those_with_a_text_by_their_own_names(world: Any) -> None:
    shown = Screen(world.client("owner").get(f"/patients/{world.patients['draft'][1]}"))
    assert shown.texts("//select[@name='language']/option") == ["Ελληνικά · Greek", "English"]

    ukrainian = Screen(world.client("ukrainian").get(f"/patients/{world.patients['ukrainian draft'][1]}"))
    assert ukrainian.texts("//select[@name='language']/option") == ["українська · Ukrainian"]


def test_preparing_leads_to_the_preview_and_one_button_prints(world: Any) -> None:
    client = world.client("owner")
    record = f"/patients/{world.patients['draft'][1]}"
    answer = client.post(f"{record}/prepare", data=Screen(client.get(record)).form("/prepare") | {"language": "el"})

    shown = Screen(client.get(answer.headers["Location"]))
    assert shown.texts("//main//button[contains(@class, 'primary')]") == ["Print the form"]
    preview = client.get(answer.headers["Location"] + "/preview")
    assert (preview.status_code, preview.mimetype, preview.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert "Θεσσαλονίκη" in words_of(preview.data) or "Thessaloniki" in words_of(preview.data)


def test_a_language_that_is_not_offered_is_refused(world: Any) -> None:
    client = world.client("owner")
    record = f"/patients/{world.patients['draft'][1]}"
    for wrong in ({"language": "uk"}, {"language": ""}, {"language": "../en"}, {"variant": "child"}, {"variant": ""}):
        answer = client.post(f"{record}/prepare", data=Screen(client.get(record)).form("/prepare") | wrong)
        assert (wrong, answer.status_code) == (wrong, 422)
        assert Screen(answer).errors


def test_printing_is_one_click_gives_the_filled_pdf_and_is_noted(world: Any) -> None:
    client, known = world.client("owner"), world.identities["prepared"]
    code = column(world, "prepared", "code")
    answer = print_form(client, form(world, "prepared"), follow_redirects=True)

    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="consent-{code}-en.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    pages = pages_of(answer.data)
    assert [paper.grouped_code(code) in page for page in pages] == [True] * len(pages)
    assert known.family_name.lower() in " ".join(pages).lower()
    assert (state(world, "prepared"), column(world, "prepared", "print_count")) == ("printed", 1)
    print_form(client, form(world, "prepared"))
    assert column(world, "prepared", "print_count") == 2
    noted = "SELECT count(*) FROM audit_entry WHERE act = 'consent.print' AND thing_id = :key"
    assert world.house.value(noted, key=world.forms["prepared"][1]) == 2


def test_the_preview_carries_neither_patient_nor_code(world: Any) -> None:
    known = world.identities["prepared"]
    words = words_of(world.client("owner").get(form(world, "prepared") + "/preview").data)

    for hidden in (known.family_name, known.file_number, paper.grouped_code(column(world, "prepared", "code"))):
        assert hidden.lower() not in words.lower()


def test_each_showing_of_the_printed_form_is_noted(world: Any) -> None:
    noted = "SELECT count(*) FROM audit_entry WHERE act = 'consent.open' AND outcome = 'read' AND thing_id = :key"
    before = world.house.value(noted, key=world.forms["printed"][1])
    assert world.client("owner").get(form(world, "printed") + "/paper").status_code == 200

    assert world.house.value(noted, key=world.forms["printed"][1]) == before + 1


@pytest.mark.parametrize("name", ["OPERATOR_NAME", config.OPERATOR[-1]])
def test_outside_demo_mode_nothing_prints_while_a_setting_of_the_operator_is_empty(world: Any, name: str) -> None:
    client = world.client("owner")
    record = f"/patients/{world.patients['draft'][1]}"
    choice = Screen(client.get(record)).form("/prepare")
    sentence = f"the operator has not filled in {name}"
    with settings(world.house.app, **{name: ""}):
        refused = print_form(client, form(world, "prepared"))
        assert (refused.status_code, sentence in Screen(refused).main) == (422, True)
        refused = client.post(f"{record}/prepare", data=choice)
        assert (refused.status_code, sentence in Screen(refused).main) == (422, True)
        again = print_form(client, form(world, "printed"))
        assert (again.status_code, again.mimetype) == (422, "text/html")
    assert (state(world, "prepared"), column(world, "printed", "print_count")) == ("prepared", 1)


def test_in_demo_mode_every_page_on_paper_and_on_screen_says_so(world: Any) -> None:
    client = world.client("owner")
    with settings(world.house.app, CPMS_MODE="demo"):
        pages = pages_of(print_form(client, form(world, "prepared"), follow_redirects=True).data)
        assert [page.count("DEMO") >= 1 for page in pages] == [True] * len(pages)
        assert Screen(client.get("/")).texts("//p[@class='demo']") == ["Demo: everything here is invented"]
    assert (
        pages_of(client.get(form(world, "prepared") + "/paper").data) == pages
    )  # it says what it said when it was printed
    assert "DEMO" not in words_of(client.get(form(world, "printed") + "/paper").data)
    assert Screen(client.get("/")).texts("//p[@class='demo']") == []


def test_a_form_that_was_not_printed_has_no_printed_form_to_show(world: Any) -> None:
    assert world.client("owner").get(form(world, "prepared") + "/paper").status_code == 404


# --- the signature --------------------------------------------------------------------------------------------------


def test_nothing_is_ticked_before_the_person_ticks(world: Any) -> None:
    shown = Screen(world.client("owner").get(form(world, "printed")))
    radios = "//form[contains(@action, '/sign')]//input[@type='radio']"

    assert len(shown.tree.xpath(radios)) == 2 + 3 * 3  # care yes/no; the others may be left empty
    assert shown.tree.xpath(f"{radios}[@checked]") == []
    assert shown.texts("//form[contains(@action, '/sign')]//legend") == [
        "Consent for care",
        "Consent for education",
        "Registry of nobody",
        "Registry of the network",
    ]


def test_a_signature_is_recorded_as_it_stands_on_the_paper(world: Any) -> None:
    client = world.client("owner")
    names = list(crossed(Screen(client.get(form(world, "printed")))))
    answers = dict(zip(names, ("given", "refused", "given", "not_asked"), strict=True))
    answer = send(client, world, "printed", "sign", signed_on=today().isoformat(), **answers)

    assert answer.status_code == 302
    shown = Screen(client.get(form(world, "printed")))
    assert "The signature is recorded. Archive the scan next." in shown.notices
    rows = shown.texts("//section[@aria-labelledby='recorded']/ul/li")
    assert rows == [
        "Consent for care Given",
        "Consent for education Refused",
        "Registry of nobody Given",
        "Registry of the network Not asked",
    ]


def test_a_signature_that_cannot_be_right_is_told_beside_its_field_and_ticks_stay(world: Any) -> None:
    client = world.client("owner")
    full = crossed(Screen(client.get(form(world, "printed"))))
    care = next(iter(full))
    for typed, field in (
        ({"signed_on": (today() + 2 * DAY).isoformat()}, "signed_on"),
        ({"signed_on": (today() - 2 * DAY).isoformat()}, "signed_on"),
        ({"signed_on": "31.12.2020"}, "signed_on"),
        ({"signed_on": ""}, "signed_on"),
        ({care: None}, care),
        ({care: "withdrawn"}, care),
        ({care: "not_asked"}, care),
    ):
        answer = send(client, world, "printed", "sign", **full | typed)
        shown = Screen(answer)
        assert (typed, answer.status_code, list(shown.errors)) == (typed, 422, [field])
        others = set(full) - {field}
        kept = shown.tree.xpath("//form[contains(@action, '/sign')]//input[@type='radio'][@checked]/@name")
        assert set(kept) >= others
    assert state(world, "printed") == "printed"


def test_a_representatives_signature_names_who_signed_and_in_which_place(world: Any) -> None:
    client = world.client("owner")
    record = f"/patients/{world.patients['draft'][1]}"
    choice = Screen(client.get(record)).form("/prepare") | {"language": "en", "variant": "representative"}
    address = client.post(f"{record}/prepare", data=choice).headers["Location"]
    print_form(client, address)
    shown = Screen(client.get(address))
    answers = crossed(shown)

    empty = client.post(f"{address}/sign", data=shown.form("/sign") | answers)
    assert (empty.status_code, set(Screen(empty).errors)) == (422, {"relation", "names"})
    typed = {"relation": "guardian", "names": "Anna & Petros <Signatory>", "proof": "identity cards"}
    assert client.post(f"{address}/sign", data=shown.form("/sign") | answers | typed).status_code == 302
    facts = Screen(client.get(address)).main
    assert "Anna & Petros <Signatory>" in facts
    assert "identity cards" in facts


def test_care_refused_says_what_becomes_of_the_draft(world: Any) -> None:
    client = world.client("owner")
    answers = crossed(Screen(client.get(form(world, "printed"))), "refused")
    answer = send(client, world, "printed", "sign", **answers)

    assert answer.status_code == 302
    assert (state(world, "printed"), patient_state(world, "printed")) == ("archived", "draft")
    shown = Screen(client.get(f"/patients/{world.patients['printed'][1]}"))
    day = today() + 30 * DAY
    assert any(f"{day.day} {day:%B %Y}" in notice for notice in shown.notices)
    assert "Nothing was scanned: care was refused." in Screen(client.get(form(world, "printed"))).main


def test_signing_before_printing_is_told_in_words(world: Any) -> None:
    client = world.client("owner")
    answer = client.post(form(world, "prepared") + "/sign", data={"signed_on": today().isoformat()})

    assert answer.status_code in (409, 422)
    assert state(world, "prepared") == "prepared"


@pytest.mark.parametrize(
    ("name", "act"), [("printed", "sign"), ("signed", "archive"), ("signed", "attest"), ("enrolled", "annul")]
)
def test_a_refused_form_that_shows_who_the_patient_is_is_noted(world: Any, name: str, act: str) -> None:
    client, noted = world.client("owner"), "SELECT count(*) FROM audit_entry WHERE outcome = 'read' AND actor_id = :who"
    sent = Screen(client.get(form(world, name))).form(f"/{act}")
    before = world.house.value(noted, who=world.people["owner"])
    answer = client.post(f"{form(world, name)}/{act}", data=sent)

    assert (answer.status_code, world.identities[name].family_name in answer.text) == (422, True)
    assert world.house.value(noted, who=world.people["owner"]) == before + 1


def test_a_page_that_is_out_of_date_does_not_sign_over_what_was_recorded_since(world: Any) -> None:
    client = world.client("owner")
    stale = Screen(client.get(form(world, "printed")))
    assert send(client, world, "printed", "sign", **crossed(stale, "given")).status_code == 302

    late = client.post(form(world, "printed") + "/sign", data=stale.form("/sign") | crossed(stale, "refused"))
    assert late.status_code == 409
    assert state(world, "printed") == "signed"


# --- withdrawal -----------------------------------------------------------------------------------------------------


def withdrawal(client: Any, world: Any, place: int, name: str = "enrolled") -> str:
    decision = world.house.rows(
        "SELECT public_id FROM consent_decision WHERE form_id = :f ORDER BY id", f=world.forms[name][0]
    )[place][0]
    return f"{form(world, name)}/withdraw/{decision}"


def test_education_withdrawn_leaves_care_alone(world: Any) -> None:
    client = world.client("owner")
    address = withdrawal(client, world, 1)
    asked = Screen(client.get(address))
    assert "Only this purpose ends. Care consent is not touched." in asked.notices

    answer = client.post(address, data=asked.form() | {"channel": "phone", "reason": "Did not say"})
    assert answer.status_code == 302
    assert (state(world, "enrolled"), patient_state(world, "enrolled")) == ("archived", "enrolled")
    shown = Screen(client.get(f"/patients/{world.patients['enrolled'][1]}"))
    standing = shown.texts("//section[@aria-labelledby='standing']//li/span")
    assert standing == ["Given", "Withdrawn", "Given", "Given"]


def test_care_withdrawn_closes_the_record_at_once(world: Any) -> None:
    client = world.client("owner")
    address = withdrawal(client, world, 0)
    asked = Screen(client.get(address))
    assert "Sharing of this record stops at once" in asked.notices[0]

    assert client.post(address, data=asked.form() | {"channel": "letter"}).status_code == 302
    assert (state(world, "enrolled"), patient_state(world, "enrolled")) == ("withdrawn", "restricted")
    shown = Screen(client.get(f"/patients/{world.patients['enrolled'][1]}"))
    assert "Care consent is withdrawn: decide Nothing of this record is shared any more." in shown.main


def test_a_withdrawal_that_cannot_be_right_is_told_and_what_was_typed_stays(world: Any) -> None:
    client = world.client("owner")
    address = withdrawal(client, world, 0)
    known = Screen(client.get(address)).form() | {"channel": "letter", "reason": "two\nlines <b>"}
    for typed, fields in (
        ({"withdrawn_on": (today() + 2 * DAY).isoformat()}, ["withdrawn_on"]),
        ({"withdrawn_on": (today() - DAY).isoformat()}, ["withdrawn_on"]),
        ({"withdrawn_on": ""}, ["withdrawn_on"]),
        ({"channel": "pigeon"}, ["channel"]),
        ({"channel": ""}, ["channel"]),
        ({"reason": "x" * 301}, ["reason"]),
    ):
        answer = client.post(address, data=known | typed)
        shown = Screen(answer)
        assert (typed, answer.status_code, list(shown.errors)) == (typed, 422, fields)
        assert shown.value("reason").replace("\r", "") == (known | typed)["reason"]
    assert client.post(address, data=known | {"reason": "a\0b"}).status_code in (400, 302)
    for name, place in (("withdrawn", 0), ("refused", 0), ("annulled", 0), ("signed", 0)):
        again = client.post(withdrawal(client, world, place, name), data=known)
        assert (name, again.status_code) == (name, 409)


def test_a_decision_of_another_form_is_not_found_under_this_one(world: Any) -> None:
    client = world.client("owner")
    own, other = withdrawal(client, world, 0), withdrawal(client, world, 0, "renewal")
    mixed = f"{form(world, 'enrolled')}/withdraw/{other.rsplit('/', 1)[1]}"

    assert client.get(own).status_code == 200
    assert client.get(mixed).status_code == 404
    assert client.post(mixed, data={"channel": "letter", "withdrawn_on": today().isoformat()}).status_code == 404


def test_a_document_of_another_form_is_not_found_under_this_one(world: Any) -> None:
    client = world.client("owner")
    (link,) = [a for a in Screen(client.get(form(world, "enrolled"))).links() if "/document/" in a]

    assert client.get(link).status_code == 200
    assert client.get(f"{form(world, 'renewal')}/document/{link.rsplit('/', 1)[1]}").status_code == 404


# --- the Ukrainian form ---------------------------------------------------------------------------------------------


def test_the_ukrainian_form_is_asked_for_care_alone(world: Any) -> None:
    client = world.client("ukrainian")
    shown = Screen(client.get(form(world, "ukrainian draft")))
    assert shown.texts("//form[contains(@action, '/sign')]//legend") == ["Consent for care"]

    other = {"answer_education": "given", f"answer_{NOT_THERE}": "given"}
    assert send(client, world, "ukrainian draft", "sign", **crossed(shown), **other).status_code == 302
    purposes = "SELECT purpose FROM consent_decision WHERE form_id = :f"
    assert world.house.value(purposes, f=world.forms["ukrainian draft"][0]) == "care"
    answer = upload(client, world, (document(), "a.pdf"), name="ukrainian draft")
    assert (answer.status_code, patient_state(world, "ukrainian draft")) == (302, "enrolled")


# --- home -----------------------------------------------------------------------------------------------------------


def test_home_shows_a_clinician_the_open_work_nearest_to_its_end_first(world: Any) -> None:
    shown = Screen(world.client("owner").get("/"))
    work = {
        "Signed, the scan is missing": ("signed", "represented"),
        "Printed and not yet back": ("printed", "bound"),
        "Prepared, not printed": ("prepared",),
        "Drafts without a form": ("draft", "cancelled"),
    }
    groups = {}
    for section in shown.tree.xpath("//main//section[h2]"):
        title = re.sub(r"\s*\d+$", "", " ".join(section.xpath("h2")[0].text_content().split()))
        groups[title] = {" ".join(link.text_content().split()) for link in section.xpath(".//li//a")}

    assert [title for title in groups if title in work] == list(work)
    assert {title: groups[title] for title in work} == {
        title: {nickname(world, name) for name in names} for title, names in work.items()
    }
    for name in ("enrolled", "erased", "colleague's", "neighbour's"):
        assert nickname(world, name) not in shown.main


def test_home_of_a_guest_says_when_there_will_be_something(world: Any) -> None:
    assert "Discussions appear here once somebody invites you." in Screen(world.client("guest").get("/")).main
