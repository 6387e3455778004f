"""T-DOUBLE, T-IDOR of blank forms: bound twice at one moment, foreign and guessed codes, an ended grant; what the database refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.models import Grant, db, now
from app.pages.base import once_key
from app.services import blanks
from tests.conftest import Tally
from tests.desks import blank_of, patient_of, printed
from tests.moments import at_once
from tests.trust.test_double import places, posted
from tests.trust.test_migr import refused
from tests.world import World


def bind(world: World, key: str, name: str) -> None:
    """Bind a blank form of the owner's."""
    with world.house.acting(world.people["owner"]) as actor:
        blanks.bind(actor, patient_of(world, name), blank=blank_of(key), end_others=False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blank_form SET code = 'X' || substr(code, 2)",
        "UPDATE blank_form SET clinician_id = clinician_id + 1",
        "UPDATE blank_form SET state = 'bound'",
        "UPDATE blank_form SET state = 'bound', ended_at = printed_at, form_id = (SELECT min(id) FROM consent_form)",
        "UPDATE blank_form SET state = 'cancelled', ended_at = printed_at",
    ],
)
def test_the_database_refuses_what_makes_no_sense(world: World, statement: str) -> None:
    printed(world, "owner")
    assert refused(world.house, statement)


def test_the_database_refuses_a_code_that_is_a_forms_and_a_second_life(world: World) -> None:
    (key,) = printed(world, "owner")
    bind(world, key, "draft")
    assert refused(world.house, "UPDATE blank_form SET state = 'printed', ended_at = NULL, form_id = NULL")
    columns = "hospital_id, clinician_id, printed_by_id, text_id, procedure, language, variant, large_print, registries, paper, run"
    copied = (
        f"INSERT INTO blank_form (code, {columns}, printed_at, state, public_id, version)"
        f" SELECT '{{code}}', {columns}, printed_at, 'printed', '{{key}}', 1 FROM blank_form LIMIT 1"
    )
    prepared = world.house.value("SELECT code FROM consent_form WHERE id = :id", id=world.forms["prepared"][0])
    assert refused(world.house, copied.format(code=prepared, key="0" * 32))
    assert not refused(world.house, copied.format(code="Z" * 16, key="1" * 32))


# --- through the pages ----------------------------------------------------------------------------------------------------


def sent(world: World, code: str, **more: str) -> dict[str, str]:
    """What the page that binds sends."""
    return {"code": code, "compared": "y", "once": once_key(), **more}


def code_of(world: World, name: str) -> str:
    return str(world.house.value("SELECT code FROM blank_form WHERE id = :id", id=world.blanks[name][0]))


def bound(world: World) -> list[tuple[str, str]]:
    """Blank forms that a test bound: their patient's nickname, and how many forms have the code."""
    statement = (
        "SELECT p.nickname, (SELECT count(*) FROM consent_form f WHERE f.code = b.code) FROM blank_form b"
        " JOIN consent_form f ON f.id = b.form_id JOIN patient p ON p.id = f.patient_id WHERE b.id <> :before"
    )
    return [tuple(row) for row in world.house.rows(statement, before=world.blanks["bound"][0])]


def address(world: World, name: str) -> str:
    return f"/patients/{world.patients[name][1]}/blank"


@pytest.mark.t_double
def test_two_people_bind_one_blank_form_at_one_moment_to_two_patients_and_one_wins(world: World) -> None:
    code, owner, assistant = code_of(world, "out"), world.client("owner"), world.client("assistant")

    def send(pair: tuple[Any, str]) -> int:
        client, name = pair
        return int(client.post(address(world, name), data=sent(world, code, end_others="keep")).status_code)

    assert sorted(at_once(send, ((owner, "draft"), (assistant, "enrolled")))) == [302, 409]
    assert [count for _nickname, count in bound(world)] == [1]


@pytest.mark.t_double
def test_a_double_click_binds_once_and_both_lead_to_the_form(world: World) -> None:
    data = sent(world, code_of(world, "out"))
    answers = posted([world.client("owner") for _ in range(4)], address(world, "draft"), data)
    assert len(places(answers)) == 1
    assert answers[0].status_code == 302
    assert [count for _nickname, count in bound(world)] == [1]


@pytest.mark.t_idor
@pytest.mark.parametrize("name", ["colleague's", "neighbour's", "leaver's", "nobody's"])
def test_the_code_of_another_is_answered_like_one_nobody_has(world: World, name: str, tally: Tally) -> None:
    code = code_of(world, name) if name in world.blanks else "Z" * 16
    answer = world.client("owner").post(address(world, "draft"), data=sent(world, code))
    page = answer.get_data(as_text=True)
    tally.check(answer.status_code == 422, f"{name}: {answer.status_code}")
    tally.check("No blank form of yours has this code." in page, f"{name}: another sentence")
    tally.check(bound(world) == [], f"{name}: it was bound")


@pytest.mark.t_idor
def test_the_list_finds_no_code_of_another(world: World) -> None:
    client = world.client("owner")
    own, other = code_of(world, "out"), code_of(world, "colleague's")
    assert re.search(r'href="/blanks/[0-9a-f]{32}"', client.get(f"/blanks/?q={own}").get_data(as_text=True))
    assert not re.search(r'href="/blanks/[0-9a-f]{32}"', client.get(f"/blanks/?q={other}").get_data(as_text=True))


@pytest.mark.t_idor
def test_a_blank_form_is_bound_to_no_patient_of_a_colleague(world: World) -> None:
    data = sent(world, code_of(world, "out"), end_others="keep")
    assert world.client("owner").post(address(world, "colleague's"), data=data).status_code == 404
    assert bound(world) == []


@pytest.mark.t_idor
def test_an_assistant_whose_grant_has_ended_reaches_nothing(world: World) -> None:
    client, key = world.client("assistant"), world.blanks["assistant's"][1]
    assert client.get(f"/blanks/{key}").status_code == 200
    with world.house.system():
        for grant in db.session.query(Grant).filter_by(assistant_id=world.people["assistant"]):
            grant.ended_at = now()
        db.session.commit()
    assert client.get(f"/blanks/{key}").status_code == 404
    assert client.post(f"/blanks/{key}/cancel", data={"reason": "x"}).status_code == 404
    data = sent(world, code_of(world, "assistant's"))
    assert client.post(address(world, "draft"), data=data).status_code == 404
    assert bound(world) == []


@pytest.mark.t_idor
def test_an_assistant_of_chosen_records_has_no_blank_form(world: World) -> None:
    client = world.client("assistant of chosen")
    assert client.get(f"/blanks/{world.blanks['out'][1]}").status_code == 404
    data = sent(world, code_of(world, "out"), end_others="keep")
    answer = client.post(address(world, "enrolled"), data=data)
    assert "No blank form of yours has this code." in answer.get_data(as_text=True)


@pytest.mark.t_minimise
def test_no_byte_of_a_blank_form_says_who_the_patient_is(world: World, tally: Tally) -> None:
    client = world.client("owner")
    client.post(address(world, "draft"), data=sent(world, code_of(world, "out")))
    who = world.identities["draft"]
    assert bound(world)
    for path in ("", "/choose"):
        page = client.get(f"/blanks/{world.blanks['out'][1]}{path}").get_data(as_text=True)
        for part in (who.family_name, who.given_names, who.file_number):
            tally.check(part not in page, f"{path} says {part}")
