"""The page "Check a form" and the search box: what people without the right read, and the way on for those who have it."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image

from app.models import Patient, db
from app.outside.paper import grouped_code, qr_payload
from tests.trust.test_minimise import found_in, marks

pytestmark = pytest.mark.one_database


def code(world: Any, name: str) -> str:
    found = world.house.value("SELECT code FROM consent_form WHERE id = :id", id=world.forms[name][0])
    return str(found)


def words(answer: Any) -> str:
    """The main part of a page as it is read."""
    main = re.search(r"<main.*?</main>", answer.text, re.DOTALL)
    assert main
    return " ".join(re.sub(r"<[^>]+>", " ", main[0]).split())


def test_a_stranger_learns_of_the_form_and_not_of_the_patient(world: Any) -> None:
    answer = world.client("bystander").post("/verify/", data={"code": code(world, "enrolled")})
    nickname = world.house.value("SELECT nickname FROM patient WHERE id = :id", id=world.patients["enrolled"][0])
    assert answer.status_code == 200
    assert f"Consent form {grouped_code(code(world, 'enrolled'))}" in words(answer)
    assert nickname not in answer.text
    assert world.patients["enrolled"][1] not in answer.text
    assert world.forms["enrolled"][1] not in answer.text
    assert found_in(answer.text, marks(world.identities["enrolled"])) == []


def test_who_treats_the_patient_gets_the_way_to_the_record(world: Any) -> None:
    answer = world.client("owner").post("/verify/", data={"code": code(world, "enrolled")})
    assert f"/patients/{world.patients['enrolled'][1]}" in answer.text
    assert f"/consents/{world.forms['enrolled'][1]}" in answer.text


def test_the_printed_form_sent_as_a_file_is_intact(world: Any) -> None:
    paper = world.client("owner").get(f"/consents/{world.forms['printed'][1]}/paper").data
    answer = world.client("guest").post("/verify/", data={"file": (io.BytesIO(paper), "what.pdf")})
    assert "The file is intact: it is the form as it was printed here" in words(answer)
    assert found_in(answer.text, marks(world.identities["printed"])) == []


def test_an_unknown_code_and_an_unknown_file_read_the_same(world: Any) -> None:
    one = world.client("bystander").post("/verify/", data={"code": "0123-4567-89AB-CDEF"})
    out = io.BytesIO()
    Image.new("L", (300, 300), 255).save(out, "PNG")
    two = world.client("bystander").post("/verify/", data={"file": (io.BytesIO(out.getvalue()), "a.png")})
    assert (one.status_code, words(one)) == (two.status_code, words(two))
    assert "Not known here" in words(one)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Choose a file, or type the form’s code."),
        ({"code": "patient"}, "This is no form code."),
        ({"file": (io.BytesIO(b"x"), "a.pdf")}, "This is neither a PDF nor a picture"),
    ],
)
def test_a_wrong_try_is_answered_with_what_to_do(world: Any, sent: dict[str, Any], said: str) -> None:
    answer = world.client("bystander").post("/verify/", data=sent)
    assert answer.status_code == 422
    assert said in words(answer)


def test_the_search_box_leads_from_code_and_qr_to_the_form(world: Any) -> None:
    owner, plain = world.client("owner"), code(world, "enrolled")
    for typed in (plain, grouped_code(plain).lower(), qr_payload(plain, 1)):
        answer = owner.get("/search/", query_string={"q": typed})
        assert (answer.status_code, answer.location) == (302, f"/consents/{world.forms['enrolled'][1]}")


def test_the_search_box_leads_from_a_nickname_to_the_patients(world: Any) -> None:
    nickname = world.house.value("SELECT nickname FROM patient WHERE id = :id", id=world.patients["enrolled"][0])
    answer = world.client("owner").get("/search/", query_string={"q": nickname}, follow_redirects=True)
    assert world.patients["enrolled"][1] in answer.text


def test_a_nickname_of_as_many_letters_as_a_code_leads_to_the_patient(world: Any) -> None:
    with world.house.system():
        db.session.get(Patient, world.patients["enrolled"][0]).nickname = "Amber Cedar Meadow"
        db.session.commit()
    for typed in ("Amber Cedar Meadow", "amber cedar meadow"):
        answer = world.client("owner").get("/search/", query_string={"q": typed}, follow_redirects=True)
        assert world.patients["enrolled"][1] in answer.text
    foreign = world.client("outsider").get("/search/", query_string={"q": "Amber Cedar Meadow"})
    assert foreign.location.startswith("/consents/")


def test_a_foreign_code_and_one_of_nothing_lead_to_the_same_place(world: Any) -> None:
    outsider = world.client("outsider")
    for typed in (code(world, "enrolled"), "0123456789ABCDEF"):
        answer = outsider.get("/search/", query_string={"q": typed})
        assert (answer.status_code, answer.location) == (302, f"/consents/?q={grouped_code(typed)}")


def test_only_people_with_patients_have_the_search_box(world: Any) -> None:
    assert 'action="/search/"' in world.client("owner").get("/").text
    assert 'action="/search/"' not in world.client("representative").get("/").text
    assert world.client("representative").get("/search/?q=x").status_code == 403
