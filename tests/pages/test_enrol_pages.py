"""The page that enrols a patient."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.models import today
from app.words import MandateKind
from tests import factories as make
from tests.factories import DAY
from tests.pages.patient_words import LONG, NEW, NOT_THERE, fill, how_many, key_of, nickname
from tests.papers import words_of
from tests.screens import Screen


def enrol(client: Any, **typed: Any) -> Any:
    return fill(client, "/patients/enrol", **NEW | typed)


def test_one_short_page_enrols_and_leads_to_the_next_step(world: Any) -> None:
    client = world.client("owner")
    asked = Screen(client.get("/patients/enrol"))
    fields = [name for name in asked.form() if name not in ("csrf_token", "seen", "once")]

    assert asked.heading == "Enrol a patient"
    assert fields == [
        "family_name",
        "given_names",
        "birth_date",
        "file_number",
        "birth_place",
        "cpms_reference",
    ]  # no sex chosen yet
    answer = enrol(client)
    shown = Screen(client.get(f"/patients/{key_of(answer)}"))
    assert "Zdenka Marie Novakova" in shown.main
    assert "is a draft now. Print the consent form next." in shown.notices[0]
    assert shown.texts("//main//button[contains(@class, 'primary')]") == ["Prepare the form"]
    assert shown.value("variant") == "adult"


def test_a_childs_form_proposes_a_representative(world: Any) -> None:
    client = world.client("owner")
    key = key_of(enrol(client, birth_date=(today() - 900 * DAY).isoformat()))

    assert Screen(client.get(f"/patients/{key}")).form("/prepare")["variant"] == "representative"


def test_without_an_authorisation_the_page_says_so_before_and_after(world: Any) -> None:
    client = world.client("unauthorised")
    sentence = (
        "Unauthorised house has no authorisation in force, so it cannot enrol patients now. "
        "Ask your hospital representative to renew it."
    )
    before = how_many(world)

    page = Screen(client.get("/patients/enrol"))
    assert (page.notices, page.tree.xpath("//main//form")) == ([sentence], [])  # nothing that would be refused
    token = page.tree.xpath("//meta[@name='csrf']/@content")[0]
    refused = client.post("/patients/enrol", data=NEW | {"csrf_token": token, "once": "k" * 32})
    assert refused.status_code == 403
    shown = Screen(refused)
    assert sentence in " ".join(shown.notices)
    assert (shown.value("family_name"), shown.value("birth_date")) == ("Novakova", "1980-02-03")
    assert how_many(world) == before


SOON = today() + 20 * DAY
LEAVES = {"leaving_on": today(), "to_on": SOON}
ENDS = f"Nobody is enrolled at Last house any more, because your place there ends on {SOON.day} {SOON:%B %Y}."


@pytest.mark.parametrize(
    ("ending", "given", "said"),
    [
        ("membership", LEAVES, ENDS),
        ("centre", LEAVES, ENDS),
        ("hospital", LEAVES, ENDS),
        ("membership", {"may_enrol": False}, "Your hospital has not confirmed yet that you work there. "),
    ],
)
@pytest.mark.parametrize("who", ["clinician", "assistant"])
def test_where_nobody_can_be_enrolled_the_page_says_why_instead_of_asking(
    house: Any, who: str, ending: str, given: dict[str, Any], said: str
) -> None:
    with house.system():
        at = make.hospital("Last house", make.country("GR"), **given if ending == "hospital" else {})
        centre = make.centre(at, make.network(), **given if ending == "centre" else {})
        clinician, assistant = make.person("clinician"), make.person("assistant")
        make.member(clinician, centre, **given if ending == "membership" else {})
        make.mandate(assistant, MandateKind.ASSISTANT, hospital=at)
        make.grant(clinician, assistant, at)
        key = {"clinician": clinician.id, "assistant": assistant.id}[who]
    answer = house.client_for(key).get("/patients/enrol")
    page = Screen(answer)
    waits = "No clinician lets you enrol patients now. They do it under “My assistants”, by granting you all records."
    assert (answer.status_code, page.tree.xpath("//main//form")) == (200, [])
    assert len(page.notices) == 1
    assert page.notices[0].startswith({"clinician": said, "assistant": waits}[who])


@pytest.mark.parametrize(
    "alike",
    [
        {"file_number": "FN-7713-4431"},
        {"family_name": "QUEXINGTON13VLAD", "birth_date": "1944-02-24"},
    ],
)
def test_a_likely_duplicate_is_told_names_nobody_and_may_be_passed(world: Any, alike: dict[str, str]) -> None:
    known = world.identities["colleague's"]
    assert (known.file_number, known.birth_date) == ("FN-7713-4431", dt.date(1944, 2, 24))
    client = world.client("owner")

    answer = enrol(client, **alike)
    told = Screen(answer)
    assert answer.status_code == 422
    assert "Your hospital may have this person already" in told.errors["despite_duplicate"]
    words = told.text.lower()
    for hidden in (
        known.given_names,
        nickname(world, "colleague's"),
        world.patients["colleague's"][1],
        "colleague tester",
    ):
        assert hidden.lower() not in words
    passed = client.post("/patients/enrol", data=told.form() | {"despite_duplicate": "y"})
    assert key_of(passed)


def test_another_hospitals_patient_is_not_revealed(world: Any) -> None:
    known = world.identities["neighbour's"]
    answer = enrol(
        world.client("owner"),
        family_name=known.family_name,
        given_names=known.given_names,
        birth_date=known.birth_date.isoformat(),
        file_number=known.file_number,
    )

    assert key_of(answer)


WRONG = [
    ({"birth_date": "31.02.1980"}, "birth_date", None),
    ({"birth_date": "1980-02-31"}, "birth_date", None),
    ({"birth_date": "-1"}, "birth_date", None),
    ({"birth_date": "99999-01-01"}, "birth_date", None),
    ({"birth_date": ""}, "birth_date", "Fill this in."),
    ({"birth_date": "0001-01-01"}, "birth_date", "This is more than 125 years ago. Check the year."),
    ({"birth_date": (today() + 2 * DAY).isoformat()}, "birth_date", "This date lies in the future."),
    ({"family_name": LONG}, "family_name", "Use at most 200 characters."),
    ({"given_names": LONG}, "given_names", "Use at most 200 characters."),
    ({"file_number": LONG}, "file_number", "Use at most 60 characters."),
    ({"birth_place": LONG}, "birth_place", "Use at most 200 characters."),
    ({"family_name": ""}, "family_name", "Fill this in."),
    ({"family_name": " \t\x01 "}, "family_name", "Fill this in."),
    ({"family_name": "12345"}, "family_name", "A name has at least one letter."),
    ({"file_number": "---"}, "file_number", "A file number has at least one letter or digit."),
    ({"sex": "other"}, "sex", None),
    ({"sex": ""}, "sex", "Choose one."),
]


def test_what_cannot_be_right_is_told_beside_its_field_and_what_was_typed_stays(world: Any) -> None:
    client, before = world.client("owner"), how_many(world)
    for typed, field, said in WRONG:
        answer = enrol(client, **typed)
        shown = Screen(answer)
        assert (typed.keys(), answer.status_code, list(shown.errors)) == (typed.keys(), 422, [field])
        if said:
            assert shown.errors[field] == said
        others = {name: value for name, value in NEW.items() if name not in ("sex", *typed)}
        assert {name: shown.value(name) for name in others} == others
        if field != "sex" and "\x01" not in typed[field]:
            assert shown.value(field) == typed[field]
    assert how_many(world) == before


NAMES = [
    "<b>Bold</b><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://x.example","a")',
    "+1+1@SUM(A1)",
    "{{ 7*7 }}${7*7}{% raw %}#{7*7}",
    "'; DROP TABLE patient;--",
    "%(nickname)s %s {0}",
    "محمد عبد الله",
    "שלום כהן",
    "李小龍",
    "Zoë\u0301 n\u0303",
]


def test_a_hostile_or_foreign_name_stands_on_every_page_letter_by_letter_and_does_nothing(world: Any) -> None:
    client = world.client("owner")
    for number, name in enumerate(NAMES):
        key = key_of(enrol(client, family_name=name, given_names="Given", file_number=f"H-{number}"))
        pages = [f"/patients/{key}", f"/patients/{key}/correct"]
        form = client.post(f"/patients/{key}/prepare", data=Screen(client.get(pages[0])).form("/prepare"))
        pages.append(form.headers["Location"])
        for address in pages:
            shown = Screen(client.get(address))
            assert " ".join(name.split()) in " ".join(shown.text.split()), address
            assert not shown.tree.xpath(
                "//main//img[@src='x'] | //main//b[text()='Bold'] | //script[contains(., 'alert')]"
            )
        (isolated,) = Screen(client.get(pages[0])).tree.xpath("//dd[contains(., 'Given')]/bdi")
        assert isolated.text_content() == f"Given {name}"


def test_signs_that_turn_the_direction_of_what_follows_are_left_out_of_a_name(world: Any) -> None:
    client = world.client("owner")
    key = key_of(enrol(client, family_name="\u202egnol\u202c \u2066Name\u2069\u200f"))

    (shown,) = Screen(client.get(f"/patients/{key}")).tree.xpath("//dd[contains(., 'Zdenka')]/bdi")
    assert shown.text_content() == "Zdenka Marie gnol Name"


def test_what_looks_like_code_is_printed_letter_by_letter(world: Any) -> None:
    client = world.client("owner")
    for number, name in enumerate(NAMES[:2]):
        key = key_of(enrol(client, family_name=name, given_names="Given", file_number=f"P-{number}"))
        form = client.post(f"/patients/{key}/prepare", data=Screen(client.get(f"/patients/{key}")).form("/prepare"))
        address = form.headers["Location"]
        answer = client.post(f"{address}/print", data=Screen(client.get(address)).form("/print"))
        printed = client.get(answer.headers["Location"])
        assert printed.mimetype == "application/pdf"
        assert "".join(name.split()) in "".join(words_of(printed.data).split())


def test_a_form_sent_twice_makes_one_patient(world: Any) -> None:
    client, before = world.client("owner"), how_many(world)
    sent = Screen(client.get("/patients/enrol")).form() | NEW
    first, again = client.post("/patients/enrol", data=sent), client.post("/patients/enrol", data=sent)

    assert key_of(first) == key_of(again)
    assert how_many(world) == before + 1
    key = key_of(first)
    prepared = Screen(client.get(f"/patients/{key}")).form("/prepare")
    forms = {client.post(f"/patients/{key}/prepare", data=prepared).headers["Location"] for _ in range(2)}
    assert len(forms) == 1


def test_an_assistant_is_asked_for_whom_and_enrols_on_the_clinicians_behalf(world: Any) -> None:
    client = world.client("assistant")
    asked = Screen(client.get("/patients/enrol"))

    assert "Treating clinician" in asked.main
    answer = enrol(client)  # the only clinician is chosen already
    shown = Screen(client.get(f"/patients/{key_of(answer)}"))
    assert "owner Tester" in shown.main
    stranger = enrol(client, file_number="other", birth_date="1970-01-01", clinician=NOT_THERE)
    assert (stranger.status_code, list(Screen(stranger).errors)) == (422, ["clinician"])


@pytest.mark.parametrize("hospital", ["Leipzig", "Kyiv", "Unauthorised house"])
def test_nobody_enrols_into_another_hospital_by_naming_it(world: Any, hospital: str) -> None:
    key = world.house.value("SELECT public_id FROM hospital WHERE name = :name", name=hospital)
    client, before = world.client("owner"), world.house.rows("SELECT hospital_id FROM patient ORDER BY id")
    answer = enrol(client, hospital=key)

    after = world.house.rows("SELECT hospital_id FROM patient ORDER BY id")
    made = [row[0] for row in after[len(before) :]]
    assert (answer.status_code, made) in [(302, [world.hospitals["Thessaloniki"]]), (422, [])]
