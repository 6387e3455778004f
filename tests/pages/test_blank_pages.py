"""The pages of blank forms: print a run, find the patient, compare, bind, cancel."""

from __future__ import annotations

import io
import re
from typing import Any

import pikepdf
import pytest

from app.pages.base import once_key
from tests.desks import drop, pages_of
from tests.papers import words_of
from tests.world import World

pytestmark = pytest.mark.one_database
PRINT = {"language": "en", "variant": "adult", "count": "3"}


def pages_in(content: bytes) -> int:
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return len(pdf.pages)


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def test_three_blank_forms_are_printed_as_one_file(world: World) -> None:
    client = world.client("owner")
    made = client.post("/blanks/add", data=PRINT | {"once": once_key()})
    assert made.status_code == 302
    page = client.get(made.location)
    assert "3 blank forms are ready. Print them." in text_of(page)
    paper = client.get(f"{made.location}/run")
    codes = set(re.findall(r"Form ((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})", words_of(paper.data)))
    stored = {row[0] for row in world.house.rows("SELECT code FROM blank_form ORDER BY id DESC LIMIT 3")}
    assert {code.replace("-", "") for code in codes} == stored
    assert paper.headers["Content-Disposition"] == 'inline; filename="blank-forms-en.pdf"'
    each, whole = pages_in(client.get(f"{made.location}/paper").data), pages_in(paper.data)
    assert whole == 3 * (each + each % 2) - each % 2, "a form does not begin on a right-hand page"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"count": "51"}, "Print between 1 and 50 blank forms at a time."),
        ({"count": "ten"}, "Not a valid integer value."),
        ({"count": ""}, "Fill this in."),
        ({"language": "xx"}, "Not a valid choice."),
        ({"variant": ""}, "Choose one."),
    ],
)
def test_what_is_wrong_is_said_by_the_field_and_what_was_typed_stays(
    world: World, typed: dict[str, str], sentence: str
) -> None:
    answer = world.client("owner").post("/blanks/add", data=PRINT | {"once": once_key()} | typed)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    count = (PRINT | typed)["count"]
    assert f'value="{count}"' in answer.get_data(as_text=True)


def test_an_assistant_prints_for_the_one_clinician(world: World) -> None:
    client = world.client("assistant")
    page = client.get("/blanks/add").get_data(as_text=True)
    (clinician,) = re.findall(r'name="clinician" value="([0-9a-f]{32})"', page)
    made = client.post("/blanks/add", data=PRINT | {"count": "1", "clinician": clinician, "once": once_key()})
    assert made.status_code == 302
    whose = "SELECT clinician_id FROM blank_form ORDER BY id DESC LIMIT 1"
    assert world.house.value(whose) == world.people["owner"]


def test_the_patient_is_found_compared_and_bound(world: World) -> None:
    client, blank = world.client("owner"), world.blanks["assistant's"][1]  # no scan of it waits in a stack
    who, key = world.identities["draft"], world.patients["draft"][1]
    found = client.post(f"/blanks/{blank}/choose", data={"typed": who.file_number})
    link = f"/patients/{key}/blank?form={blank}"
    assert f'href="{link}"' in found.get_data(as_text=True)
    page = client.get(link)
    assert who.name in text_of(page)
    (code,) = re.findall(r'value="([^"]+)"[^>]* name="code"', page.get_data(as_text=True))

    refused = client.post(link, data={"code": code, "once": once_key()})
    assert refused.status_code == 422
    assert "Compare them with the paper, then tick this box." in text_of(refused)
    done = client.post(link, data={"code": code, "compared": "y", "once": once_key()})
    assert done.status_code == 302
    assert "Record what is on the signed paper" in text_of(client.get(done.location))
    assert client.get(f"/blanks/{blank}/paper").status_code == 404


def test_another_open_form_is_asked_about(world: World) -> None:
    client, key = world.client("owner"), world.patients["printed"][1]
    code = world.house.value("SELECT code FROM blank_form WHERE id = :id", id=world.blanks["out"][0])
    data = {"code": code, "compared": "y", "once": once_key()}
    assert "Open already:" in text_of(client.get(f"/patients/{key}/blank"))
    assert "Choose one." in text_of(client.post(f"/patients/{key}/blank", data=data))
    assert client.post(f"/patients/{key}/blank", data=data | {"end_others": "end"}).status_code == 302
    state = "SELECT state FROM consent_form WHERE id = :id"
    assert world.house.value(state, id=world.forms["printed"][0]) == "cancelled"


def test_a_lost_one_is_cancelled_with_a_reason(world: World) -> None:
    client, key = world.client("owner"), world.blanks["out"][1]
    seen = world.house.value("SELECT version FROM blank_form WHERE public_id = :key", key=key)
    refused = client.post(f"/blanks/{key}/cancel", data={"seen": seen, "reason": ""})
    assert refused.status_code == 422
    assert client.post(f"/blanks/{key}/cancel", data={"seen": seen, "reason": "Lost"}).status_code == 302
    assert "Cancelled: Lost" in text_of(client.get(f"/blanks/{key}"))


def test_a_blank_form_in_a_stack_leads_to_its_patient_and_back_to_the_stack(world: World) -> None:
    client, blank = world.client("owner"), world.blanks["out"][1]
    stack = drop(world, "owner", *pages_of(world, "out"))
    page = client.get(f"/stacks/{stack}")
    assert "Say whose form it is." in text_of(page)
    assert f'href="/blanks/{blank}/choose"' in page.get_data(as_text=True)
    link = f"/patients/{world.patients['draft'][1]}/blank?form={blank}"
    for address in (f"/blanks/{blank}/choose", link):
        shown = client.get(address).get_data(as_text=True)
        assert shown.count('class="line"') == 4, "what is written on the paper is not shown"
    code = world.house.value("SELECT code FROM blank_form WHERE public_id = :key", key=blank)
    done = client.post(link, data={"code": code, "compared": "y", "once": once_key()})
    assert done.location == f"/stacks/{stack}"
    after = client.get(done.location).get_data(as_text=True)
    assert after.count('class="facts wide handwritten"') == 1
    assert "confirmed" in after


def code_of(world: World, name: str) -> str:
    return str(world.house.value("SELECT code FROM blank_form WHERE id = :id", id=world.blanks[name][0]))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("out", "This form was printed blank and is bound to nobody yet."),
        ("cancelled", "This form was annulled by the hospital: it does not count."),
    ],
)
def test_whoever_holds_a_blank_form_learns_that_it_is_one_and_no_more(world: World, name: str, sentence: str) -> None:
    answer = world.client("coordinator").post("/verify/", data={"code": code_of(world, name)})
    assert sentence in text_of(answer)
    assert "Thessaloniki" not in text_of(answer)
    assert f"/blanks/{world.blanks[name][1]}" not in answer.get_data(as_text=True)


def test_the_search_box_leads_to_ones_own_blank_form_and_to_no_other(world: World) -> None:
    client, (_id, key), other = world.client("owner"), world.blanks["out"], "neighbour's"
    assert client.get(f"/search/?q={code_of(world, 'out')}").location == f"/blanks/{key}"
    assert client.get(f"/search/?q={code_of(world, other)}").location.startswith("/consents/")
