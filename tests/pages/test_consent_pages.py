"""Pages of consent forms: preview, print, signature, archive, the other ends; lists for those who see no patient."""

from __future__ import annotations

import dataclasses
import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import config
from app.models import ConsentForm, now, today
from app.outside import paper
from config import Settings
from tests import factories as make
from tests.factories import DAY
from tests.papers import document, locked_document, pages_of, photograph, words_of
from tests.screens import Screen, post

NOT_THERE = "f" * 32


def form(world: Any, name: str) -> str:
    return f"/consents/{world.forms[name][1]}"


def state(world: Any, name: str) -> str:
    return str(world.house.value("SELECT state FROM consent_form WHERE id = :key", key=world.forms[name][0]))


def patient_state(world: Any, name: str) -> str:
    return str(world.house.value("SELECT state FROM patient WHERE id = :key", key=world.patients[name][0]))


def column(world: Any, name: str, what: str) -> Any:
    return world.house.value(f"SELECT {what} FROM consent_form WHERE id = :key", key=world.forms[name][0])


def nickname(world: Any, name: str) -> str:
    return str(world.house.value("SELECT nickname FROM patient WHERE id = :key", key=world.patients[name][0]))


def crossed(shown: Screen, answer: str = "given") -> dict[str, str]:
    """Every question of the signature's form answered alike."""
    names = shown.tree.xpath(
        "//form[contains(@action, '/sign')]//input[@type='radio'][starts-with(@name, 'answer_')]/@name"
    )
    return dict.fromkeys(names, answer)


def send(client: Any, world: Any, name: str, act: str, **typed: Any) -> Any:
    """Open the form's page, fill one of its forms in and send it."""
    shown = Screen(client.get(form(world, name)))
    return client.post(f"{form(world, name)}/{act}", data=shown.form(f"/{act}") | typed)


def print_form(client: Any, address: str, **how: Any) -> Any:
    """Press the button on the form's page."""
    return client.post(f"{address}/print", data=Screen(client.get(address)).form("/print"), **how)


def upload(client: Any, world: Any, *files: tuple[bytes, str], name: str = "signed") -> Any:
    shown = Screen(client.get(form(world, name)))
    return post(client, f"{form(world, name)}/archive", shown.form("/archive"), *files)


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


# --- prepare and print ----------------------------------------------------------------------------------------------------


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
    assert "DEMO" not in words_of(client.get(form(world, "prepared") + "/paper").data)


def test_a_form_that_was_not_printed_has_no_printed_form_to_show(world: Any) -> None:
    assert world.client("owner").get(form(world, "prepared") + "/paper").status_code == 404


# --- the signature ------------------------------------------------------------------------------------------------------------


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


# --- archive ------------------------------------------------------------------------------------------------------------------


def test_a_pdf_from_the_desk_is_archived_and_enrols(world: Any) -> None:
    client = world.client("owner")
    answer = upload(client, world, (document(2), "Scan von heute.PDF"))

    assert answer.status_code == 302
    assert (state(world, "signed"), patient_state(world, "signed")) == ("archived", "enrolled")
    shown = Screen(client.get(answer.headers["Location"]))
    assert f"Archived. {nickname(world, 'signed')} is enrolled." in shown.notices


def test_photographs_from_the_desk_are_archived(world: Any) -> None:
    client = world.client("owner")
    answer = upload(client, world, (photograph(), "1.jpg"), (photograph(kind="PNG"), "2.png"))

    assert answer.status_code == 302
    shown = Screen(client.get(form(world, "signed")))
    links = shown.texts("//section[@aria-labelledby='kept']//li//a")
    assert links == ["Copy to read", "Original, as it was uploaded", "Original, as it was uploaded"]


UNFIT = {
    "nothing chosen": ((b"", ""), "No file chosen."),
    "zero bytes": ((b"", "a.pdf"), "The file is empty."),
    "not a PDF": ((b"<html>", "a.pdf"), "The file is not a PDF, JPEG or PNG."),
    "encrypted": ((locked_document(), "a.pdf"), "The PDF is protected by a password."),
    "21 pages": ((document(21), "a.pdf"), "The scan has more than 20 pages."),
    "damaged": ((document(3)[:600], "a.pdf"), "The file is damaged"),
    "a script": ((document(script="app.alert(1)"), "a.pdf"), "The PDF contains a program or a script."),
    "an office file": ((b"PK\x03\x04" + b"x" * 500, "a.docx"), "The file is not a PDF, JPEG or PNG."),
    "a strange name": ((b"x", "../../\u202e<b>'\".pdf\r\nX: y"), "The file is not a PDF, JPEG or PNG."),
}


def test_each_bad_file_is_refused_in_plain_words_beside_the_field(world: Any) -> None:
    client = world.client("owner")
    for what, (file, said) in UNFIT.items():
        answer = upload(client, world, file)
        shown = Screen(answer)
        assert (what, answer.status_code, list(shown.errors)) == (what, 422, ["files"])
        assert shown.errors["files"].startswith(said), what
    assert state(world, "signed") == "signed"
    assert (
        world.house.value("SELECT count(*) FROM archived_document WHERE form_id = :f", f=world.forms["signed"][0]) == 0
    )


@pytest.mark.parametrize(("megabytes", "status"), [(51, 422), (70, 413)])
def test_a_scan_of_more_than_fifty_megabytes_is_refused_in_plain_words(world: Any, megabytes: int, status: int) -> None:
    answer = upload(world.client("owner"), world, (document() + bytes(megabytes * 1_000_000), "a.pdf"))

    assert answer.status_code == status
    assert "larger than 50 MB" in Screen(answer).main
    assert state(world, "signed") == "signed"


def test_a_scan_sent_twice_is_archived_once(world: Any) -> None:
    client = world.client("owner")
    sent = Screen(client.get(form(world, "signed"))).form("/archive")
    before = stored_files(world)
    answers = [post(client, form(world, "signed") + "/archive", sent, (document(), "a.pdf")) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 409]
    assert (
        world.house.value("SELECT count(*) FROM archived_document WHERE form_id = :f", f=world.forms["signed"][0]) == 1
    )
    assert stored_files(world) == before + 1


def stored_files(world: Any) -> int:
    return len(list((world.house.var / "files").iterdir()))


def test_one_attests_where_the_original_is_kept(world: Any) -> None:
    client = world.client("owner")
    empty = send(client, world, "signed", "attest")
    assert (empty.status_code, list(Screen(empty).errors)) == (422, ["place"])

    answer = send(client, world, "signed", "attest", place="DPO's safe, binder <2026>")
    assert answer.status_code == 302
    assert (state(world, "signed"), patient_state(world, "signed")) == ("archived", "enrolled")
    shown = Screen(client.get(form(world, "signed")))
    assert "Kept at: DPO's safe, binder <2026>" in shown.main
    assert "Attested by owner Tester" in shown.main


def test_a_download_is_the_original_and_is_noted_with_its_reader(world: Any) -> None:
    client, content = world.client("owner"), document(2)
    upload(client, world, (content, "a.pdf"))
    (link,) = [a for a in Screen(client.get(form(world, "signed"))).links() if "/document/" in a]
    answer = client.get(link)

    assert (answer.status_code, answer.data, answer.mimetype) == (200, content, "application/pdf")
    name = answer.headers["Content-Disposition"]
    assert name == f'attachment; filename="consent-{column(world, "signed", "code")}-1.pdf"'
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    noted = world.house.rows("SELECT actor_id, outcome FROM audit_entry WHERE act = 'document.open'")
    assert [tuple(row) for row in noted] == [(world.people["owner"], "read")]


def test_an_annulled_scan_is_locked(world: Any) -> None:
    client = world.client("owner")
    (link,) = [a for a in Screen(client.get(form(world, "enrolled"))).links() if "/document/" in a]
    answer = send(client, world, "enrolled", "annul", reason="Another patient's paper")

    assert answer.status_code == 302
    assert (state(world, "enrolled"), patient_state(world, "enrolled")) == ("annulled", "restricted")
    locked = client.get(link)
    assert (locked.status_code, "Its copy is locked." in Screen(locked).main) == (404, True)
    shown = Screen(client.get(form(world, "enrolled")))
    assert "Annulled: Another patient's paper" in " ".join(shown.notices)
    assert [a for a in shown.links() if "/document/" in a] == []


@pytest.mark.parametrize(("act", "name"), [("cancel", "printed"), ("annul", "enrolled")])
def test_an_end_needs_a_reason_in_its_limits(world: Any, act: str, name: str) -> None:
    client, before = world.client("owner"), state(world, name)
    for reason, said in (("", "Fill this in."), ("x" * 301, "Use at most 300 characters."), ("  \t ", "Fill this in.")):
        answer = send(client, world, name, act, reason=reason)
        assert (answer.status_code, Screen(answer).errors) == (422, {"reason": said})
    assert state(world, name) == before
    assert send(client, world, name, act, reason="A reason").status_code == 302


# --- withdrawal ------------------------------------------------------------------------------------------------------------


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


# --- the Ukrainian form ------------------------------------------------------------------------------------------------------


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


# --- lists ----------------------------------------------------------------------------------------------------------------------


def codes(client: Any, query: str = "") -> set[str]:
    return set(Screen(client.get(f"/consents/{query}")).texts("//td[1]"))


def grouped(world: Any, *names: str) -> set[str]:
    return {paper.grouped_code(column(world, name, "code")) for name in names}


def test_forms_are_listed_by_state_language_and_not_yet_back(world: Any) -> None:
    client = world.client("owner")
    others = ("colleague's", "leaver's", "locked's", "neighbour's", "closed house's", "ukrainian", "ukrainian draft")
    own = set(world.forms) - set(others)

    assert codes(client) == grouped(world, *own)
    assert codes(client, "?state=signed") == grouped(world, "signed", "represented")
    assert codes(client, "?language=el") == grouped(world, "renewal")
    assert codes(client, "?printed=back") == grouped(world, *(n for n in own if state(world, n) == "printed"))
    code = column(world, "printed", "code")
    assert codes(client, f"?q={code[2:9]}") == grouped(world, "printed")
    assert codes(client, f"?q={paper.grouped_code(code)}") == grouped(world, "printed")
    assert codes(client, "?q=Quexington") == set()


def test_forms_are_listed_by_hospital(world: Any) -> None:
    with world.house.system():
        from app.models import Centre, Hospital, Person, db

        owner = db.session.get(Person, world.people["owner"])
        near = db.session.scalars(db.select(Centre).where(Centre.hospital_id == world.hospitals["Leipzig"])).first()
        make.member(owner, near)
        hospital = db.session.get(Hospital, world.hospitals["Leipzig"])
        make.form(make.patient(owner, hospital), db.session.scalars(db.select(ConsentForm)).first().text)
        chosen = hospital.public_id
    client = world.client("owner")
    shown = Screen(client.get("/consents/"))
    (name,) = shown.tree.xpath(f"//*[@value='{chosen}']/ancestor-or-self::*[@name][1]/@name")

    assert len(codes(client, f"?{name}={chosen}")) == 1


def test_forms_are_listed_by_date(world: Any) -> None:
    client, table = world.client("owner"), ConsentForm.__table__
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        for name, days in (("printed", 10), ("signed", 40)):
            statement = table.update().where(table.c.id == world.forms[name][0]).values(printed_at=now() - days * DAY)
            session.execute(statement)
        session.commit()

    assert codes(client, "?printed=older") == grouped(world, "signed")
    month = codes(client, "?printed=month")
    assert grouped(world, "printed") <= month
    assert month - codes(client, "?printed=week") == grouped(world, "printed")
    assert not month & grouped(world, "signed", "prepared")


@pytest.mark.parametrize("who", ["representative", "protection"])
def test_a_coordinator_sees_code_language_state_and_dates_and_nothing_of_a_patient(world: Any, who: str) -> None:
    client = world.client(who)
    answer = client.get("/consents/")
    shown = Screen(answer)
    heads = shown.texts("//thead//th")

    assert heads == ["Form code", "State", "Language", "Printed", "Signed", "Renewal due"]
    home = set(world.forms) - {"neighbour's", "closed house's", "ukrainian", "ukrainian draft"}
    assert set(shown.texts("//td[1]")) == grouped(world, *home)
    for name in world.patients:
        assert nickname(world, name) not in answer.get_data(as_text=True)
        assert world.identities[name].family_name not in answer.get_data(as_text=True)
    assert shown.tree.xpath("//td//a") == []  # nothing to open
    for page in ("", "/preview", "/paper", "/state", f"/document/{NOT_THERE}"):
        for name in ("printed", "enrolled"):
            assert client.get(form(world, name) + page).status_code in (403, 404)
    for act in ("print", "sign", "archive", "attest", "phone", "cancel", "annul"):
        assert client.post(f"{form(world, 'signed')}/{act}", data={"reason": "x", "place": "x"}).status_code == 403
    assert state(world, "signed") == "signed"


def test_a_network_coordinator_a_hub_and_an_admin_see_no_form(world: Any) -> None:
    for who in ("coordinator", "hub", "admin", "guest", "bystander"):
        client = world.client(who)
        answer = client.get("/consents/")
        assert (who, answer.status_code in (200, 403)) == (who, True)
        assert Screen(answer).texts("//td[1]") == []
        assert client.get(form(world, "enrolled")).status_code in (403, 404)


# --- what a browser may send ---------------------------------------------------------------------------------------------------


STRANGE = [NOT_THERE, "1", "-1", "9" * 400, "..%2f..%2fetc", "%00", "%FF", "null", "%0d%0aX:1", "' OR 1=1 --"]


def test_foreign_and_strange_ids_are_not_found(world: Any) -> None:
    client = world.client("owner")
    foreign = [world.forms[name][1] for name in ("colleague's", "neighbour's", "ukrainian", "locked's")]
    pages = ("", "/preview", "/paper", "/state", f"/document/{NOT_THERE}", f"/withdraw/{NOT_THERE}")
    acts = ("print", "sign", "archive", "attest", "phone", "cancel", "annul")
    for key in (*foreign, *STRANGE):
        for page in pages if key is foreign[0] else pages[:1]:
            answer = client.get(f"/consents/{key}{page}")
            assert (key, page, answer.status_code) in [(key, page, code) for code in (400, 404)]
        for act in acts if key is foreign[0] else acts[:1]:
            assert client.post(f"/consents/{key}/{act}", data={"reason": "x"}).status_code in (400, 404)
    own = form(world, "enrolled")
    for key in STRANGE:
        assert client.get(f"{own}/document/{key}").status_code in (400, 404)
        assert client.get(f"{own}/withdraw/{key}").status_code in (400, 404)


def test_what_no_link_of_ours_asks_is_no_error(world: Any) -> None:
    client = world.client("owner")
    for query in (
        "?state=x&language=%FF&printed=1",
        "?q=%25%27&after=" + NOT_THERE,
        "?before=-1",
        "?language=" + "e" * 999,
    ):
        assert client.get(f"/consents/{query}").status_code == 200


def test_a_route_answers_only_to_its_own_methods_and_a_get_changes_nothing(world: Any) -> None:
    client, before = world.client("owner"), world.house.rows("SELECT id, state, version FROM consent_form ORDER BY id")
    for name in ("prepared", "printed", "signed", "enrolled"):
        for act in ("print", "sign", "archive", "attest", "phone", "cancel", "annul"):
            assert client.get(f"{form(world, name)}/{act}").status_code in (302, 405)
        for page in ("", "/preview", "/paper", "/state"):
            assert client.post(form(world, name) + page).status_code == 405
            answer = client.open(form(world, name) + page, method="DELETE", headers={"X-CSRFToken": client._token()})
            assert answer.status_code == 405
    assert world.house.rows("SELECT id, state, version FROM consent_form ORDER BY id") == before


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_multipart_that_lies_about_itself_breaks_nothing(world: Any) -> None:
    client = world.client("owner")
    address, head = form(world, "signed") + "/archive", {"X-CSRFToken": client._token()}
    part = b"--x\r\nContent-Disposition: form-data; name=files; "
    for body in (
        b"",
        b"--x\r\n",
        part + b'filename="a.pdf"\r\n\r\n%PDF',  # ends in the middle
        part + b"filename*=UTF-8''%FF%00.pdf\r\n\r\nx\r\n--x--",
        b"files=text",
        b"--x\r\n\r\n" * 600 + b"--x--",
    ):
        kind = (
            "multipart/form-data; boundary=x" if b"x" in body[:4] or not body else "application/x-www-form-urlencoded"
        )
        answer = client.open(address, method="POST", data=body, content_type=kind, headers=head)
        assert (body[:60], answer.status_code) in [(body[:60], code) for code in (400, 409, 413, 422)]
    gc.collect()  # the half file Werkzeug left is closed here, where it is expected
    assert state(world, "signed") == "signed"


# --- home ------------------------------------------------------------------------------------------------------------------


def test_home_shows_a_clinician_the_open_work_nearest_to_its_end_first(world: Any) -> None:
    shown = Screen(world.client("owner").get("/"))
    work = {
        "Signed, the scan is missing": ("signed", "represented"),
        "Printed and not yet back": ("printed",),
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
