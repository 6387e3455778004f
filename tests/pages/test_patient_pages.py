"""Pages of patients: the list, the record, correcting, deleting; and whatever a browser may send them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from app.models import Login, Person, today
from tests.factories import DAY
from tests.pages.patient_words import LONG, NEW, NOT_THERE, fill, how_many, key_of, nickname
from tests.screens import Screen


def record(world: Any, name: str) -> str:
    return f"/patients/{world.patients[name][1]}"


# --- list and search ------------------------------------------------------------------------------------------------


def listed(client: Any, query: str = "") -> set[str]:
    return set(Screen(client.get(f"/patients/{query}")).texts("//td[1]//a"))


def test_the_list_shows_ones_own_patients_and_nobody_elses(world: Any) -> None:
    strangers = {"colleague's", "leaver's", "locked's", "neighbour's", "closed house's", "ukrainian", "ukrainian draft"}
    strangers |= {"colleague's to check", "leaver's to check", "neighbour's to check"}
    own = {nickname(world, name) for name in set(world.patients) - strangers}
    others = {nickname(world, name) for name in world.patients} - own
    assert len(own) == 21
    assert len(others) == 10

    assert listed(world.client("owner")) == own
    assert listed(world.client("assistant")) == own
    assert listed(world.client("assistant of chosen")) == {nickname(world, "enrolled")}
    assert listed(world.client("colleague")) == {nickname(world, n) for n in ("colleague's", "colleague's to check")}
    assert listed(world.client("ukrainian")) == {nickname(world, n) for n in ("ukrainian", "ukrainian draft")}


def test_one_searches_by_nickname_and_state_and_never_by_identity(world: Any) -> None:
    client, name = world.client("owner"), nickname(world, "enrolled")

    assert listed(client, f"?q={name[2:-2]}") == {name}
    assert listed(client, "?state=erased") == {nickname(world, "erased")}
    assert listed(client, "?state=restricted") == {nickname(world, n) for n in ("withdrawn", "annulled", "restricted")}
    for part in ("Quexington", "FN-7704-4431", "1935", "Zbyszka"):
        assert listed(client, f"?q={part}") == set()


def test_what_no_link_of_ours_asks_is_no_error(world: Any) -> None:
    client, everybody = world.client("owner"), listed(world.client("owner"))
    for query in (
        *("?state=nonsense", "?state=", "?psize=-1", "?page=abc", "?page_PatientPage=99999", "?_oc_PatientPage=sealed"),
        *(
            "?_flt_0_hospital=1",
            "?after=nonsense",
            f"?after={NOT_THERE}",
            "?before=%FF%FE",
            "?q=&q=",
            "?x=" + "y" * 4000,
        ),
        *("?after=999999999999999999999999", "?_od_PatientPage=desc&_oc_PatientPage=__class__"),
    ):
        answer = client.get(f"/patients/{query}")
        assert (query, answer.status_code) == (query, 200)
        assert set(Screen(answer).texts("//td[1]//a")) == everybody
    for query in ("?q=%25", "?q=_", "?q=%27%22%3C", "?q=" + "%F0%9F%98%80" * 300, "?q=%FF"):
        answer = client.get(f"/patients/{query}")
        assert (query[:20], answer.status_code, Screen(answer).texts("//td[1]//a")) == (query[:20], 200, [])


def test_an_identity_is_found_exactly_by_post_and_the_search_is_noted(world: Any) -> None:
    client, known = world.client("owner"), world.identities["enrolled"]
    found = fill(client, "/patients/find", file_number=known.file_number)

    shown = Screen(found)
    assert "1 record" in shown.main
    assert [link for link in shown.links() if world.patients["enrolled"][1] in link]
    by_name = {"family_name": known.family_name.upper(), "birth_date": known.birth_date.isoformat()}
    assert nickname(world, "enrolled") in Screen(fill(client, "/patients/find", **by_name)).main
    statement = "SELECT count(*) FROM audit_entry WHERE act = 'patient.find' AND actor_id = :who AND outcome = 'read'"
    assert world.house.value(statement, who=world.people["owner"]) == 2


def test_a_search_that_finds_nobody_or_says_too_little_tells_so(world: Any) -> None:
    client = world.client("owner")
    for name in ("colleague's", "neighbour's", "erased"):
        known = world.identities[name]
        shown = Screen(fill(client, "/patients/find", file_number=known.file_number))
        assert "No record of yours fits" in shown.main
    alone = fill(client, "/patients/find", family_name="Quexington04vlad")
    assert (
        alone.status_code,
        "Type a file number, a CPMS reference, or a family name and the birth date." in Screen(alone).main,
    ) == (
        422,
        True,
    )


# --- the record -----------------------------------------------------------------------------------------------------


def test_each_records_page_says_where_it_stands_and_shows_no_raw_value(world: Any) -> None:
    client = world.client("owner")
    for name in world.patients:
        if world.identities[name].birth_date.year >= 1944:
            continue
        shown = Screen(client.get(record(world, name)))
        assert (name, shown.status, shown.heading) == (name, 200, nickname(world, name))
        assert not re.search(r"\bNone\b|\[\]|PatientState|FormState|<[A-Z]\w+ object", shown.text), name
        named = world.identities[name].family_name in shown.main
        assert (name, named) == (name, name != "erased")


def test_the_record_of_a_draft_says_when_it_ends(world: Any) -> None:
    day = today() + 30 * DAY
    shown = Screen(world.client("owner").get(record(world, "printed")))

    assert any(f"{day.day} {day:%B %Y}" in notice for notice in shown.notices)


def test_each_opening_of_a_record_is_noted_and_the_log_names_the_reader(world: Any) -> None:
    world.client("assistant").get(record(world, "enrolled"))
    client = world.client("owner")
    shown = Screen(client.get(record(world, "enrolled") + "/log"))

    entries = [row for row in shown.texts("//tbody/tr") if not row.startswith("owner Tester Open")]  # this very opening
    assert re.match(r"assistant Tester on behalf of owner Tester Open(ed)? .*record", entries[0])


# --- correct --------------------------------------------------------------------------------------------------------


def test_a_misspelt_name_is_corrected(world: Any) -> None:
    client = world.client("owner")
    answer = fill(client, record(world, "draft") + "/correct", family_name="Rightspelt")

    assert key_of(answer) == world.patients["draft"][1]
    assert "Rightspelt" in Screen(client.get(record(world, "draft"))).main


def test_of_two_who_correct_a_name_the_second_reads_both_versions(world: Any) -> None:
    address = record(world, "draft") + "/correct"
    one, other = world.client("owner"), world.client("assistant")
    seen = Screen(other.get(address)).form()
    assert fill(one, address, family_name="Firstcame").status_code == 302

    answer = other.post(address, data=seen | {"family_name": "Secondcame"})
    shown = Screen(answer)
    assert answer.status_code == 409
    assert shown.value("family_name") == "Secondcame"
    assert "Firstcame" in shown.main
    assert "Firstcame" in Screen(one.get(record(world, "draft"))).main
    again = other.post(address, data=shown.form())  # having read both
    assert again.status_code == 302
    assert "Secondcame" in Screen(one.get(record(world, "draft"))).main


def test_a_correction_that_cannot_be_right_keeps_what_was_typed(world: Any) -> None:
    address = record(world, "draft") + "/correct"
    answer = fill(world.client("owner"), address, family_name=LONG, birth_date="1980-13-01")

    shown = Screen(answer)
    assert (answer.status_code, set(shown.errors)) == (422, {"family_name", "birth_date"})
    assert (shown.value("family_name"), shown.value("birth_date")) == (LONG, "1980-13-01")


# --- delete ---------------------------------------------------------------------------------------------------------


def test_a_deleted_draft_shows_a_gravestone(world: Any) -> None:
    client = world.client("owner")
    answer = client.post(
        record(world, "draft") + "/delete", data=Screen(client.get(record(world, "draft"))).form("/delete")
    )

    assert answer.status_code == 302
    shown = Screen(client.get(record(world, "draft")))
    assert "Who this was is erased and cannot be brought back." in " ".join(shown.notices)
    for planted in (world.identities["draft"].family_name, world.identities["draft"].file_number):
        assert planted not in shown.raw


@pytest.mark.parametrize("name", ["enrolled", "withdrawn", "erased"])
def test_only_a_draft_is_deleted(world: Any, name: str) -> None:
    client = world.client("owner")
    state = "SELECT state FROM patient WHERE id = :key"
    before = world.house.value(state, key=world.patients[name][0])
    seen = world.house.value("SELECT version FROM patient WHERE id = :key", key=world.patients[name][0])
    answer = client.post(record(world, name) + "/delete", data={"seen": seen})

    assert (answer.status_code, world.house.value(state, key=world.patients[name][0])) == (409, before)


# --- what a browser may send ----------------------------------------------------------------------------------------
STRANGE = [
    NOT_THERE,
    "1",
    "-1",
    "0",
    "9" * 400,
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "%FF%FE",
    "%0d%0aX-Injected:%201",
    "null",
    "é" * 50,
    "' OR 1=1 --",
    "%252e%252e",
    "\U0001f600",
]


def test_a_record_that_is_not_ones_own_is_as_absent_as_one_that_does_not_exist(world: Any) -> None:
    client = world.client("owner")
    keys = [world.patients[name][1] for name in ("colleague's", "neighbour's", "ukrainian", "leaver's")]
    absent = client.get(f"/patients/{NOT_THERE}")
    steady = re.compile(r'nonce-?="?[\w-]+|"[\w.-]{60,}"|[0-9a-f]{32}')
    for key in keys:
        for page in ("", "/correct", "/log"):
            answer = client.get(f"/patients/{key}{page}")
            assert (key, page, answer.status_code) == (key, page, 404)
        for act in ("/correct", "/delete", "/prepare"):
            assert client.post(f"/patients/{key}{act}", data=NEW).status_code == 404
        one = steady.sub("", client.get(f"/patients/{key}").get_data(as_text=True))
        assert one == steady.sub("", absent.get_data(as_text=True))


def test_strange_ids_are_never_found_and_never_break_anything(world: Any) -> None:
    client = world.client("owner")
    for key in STRANGE:
        for page in ("", "/log?before=" + key):
            answer = client.get(f"/patients/{key}{page}")
            assert (key, page, answer.status_code) in [(key, page, code) for code in (400, 404)]
        assert client.post(f"/patients/{key}/delete", data=NEW).status_code in (400, 404)
    own = record(world, "enrolled")
    for before in ("x", "-5", "9" * 14, "9" * 200, "%FF", "1e5"):
        assert client.get(f"{own}/log?before={before}").status_code == 200


def test_bytes_that_are_no_text_are_refused_by_the_form(world: Any) -> None:
    client, before = world.client("owner"), how_many(world)
    token = client._token().encode()
    for body in (
        b"family_name=%FF%FE&given_names=%C3%28&birth_date=%80&sex=female&file_number=%00",
        b"family_name=\xff\xfe\x00&given_names=\xc3\x28&birth_date=1980-02-03&sex=\xff&file_number=1",
        b"&&&===%%%",
        b"family_name" + b"&family_name=x" * 450,
    ):
        answer = client.open(
            "/patients/enrol",
            method="POST",
            data=b"csrf_token=" + token + b"&" + body,
            content_type="application/x-www-form-urlencoded",
        )
        assert (body[:30], answer.status_code) in [(body[:30], code) for code in (400, 413, 422)]
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "application/json", "text/plain", ""):
        answer = client.open("/patients/enrol", method="POST", data=b"{" * 50, content_type=kind)
        assert (kind, answer.status_code) == (kind, 400)
    assert how_many(world) == before


def test_a_form_too_large_is_refused_in_words(world: Any) -> None:
    client = world.client("owner")
    answer = client.post("/patients/enrol", data=NEW | {"family_name": "x" * 2_000_000})

    assert answer.status_code in (413, 422)
    assert Screen(answer).heading


def test_a_route_answers_only_to_its_own_methods(world: Any) -> None:
    client, own = world.client("owner"), record(world, "draft")
    assert client.get(f"{own}/delete").status_code == 405
    assert client.get(f"{own}/prepare").status_code in (302, 405)  # back to the record, after signing in again
    for address in ("/patients/", own, "/patients/enrol", f"{own}/correct"):
        for method in ("PUT", "DELETE", "PATCH"):
            answer = client.open(address, method=method, headers={"X-CSRFToken": client._token()})
            assert (address, method, answer.status_code) == (address, method, 405)
    for address in ("/patients/", own, f"{own}/log"):
        assert client.open(address, method="HEAD").status_code == 200
        assert client.post(address).status_code == 405
    assert client.open("/patients/", method="NONSENSE").status_code == 405
    assert world.house.value("SELECT state FROM patient WHERE id = :key", key=world.patients["draft"][0]) == "draft"
    forms = "SELECT count(*) FROM consent_form WHERE patient_id = :key"
    assert world.house.value(forms, key=world.patients["draft"][0]) == 0


def test_a_post_without_the_pages_token_changes_nothing(world: Any) -> None:
    client, before = world.client("owner"), how_many(world)
    for token in (None, "", "forged"):
        assert client.post("/patients/enrol", data=NEW | {"csrf_token": token}).status_code == 400
        assert client.post(record(world, "draft") + "/delete", data={"csrf_token": token}).status_code == 400
    assert how_many(world) == before
    assert world.house.value("SELECT state FROM patient WHERE id = :key", key=world.patients["draft"][0]) == "draft"


def end_logins(world: Any) -> None:
    with world.house.everything() as session:
        table = Login.__table__
        statement = table.update().values(ended_at=dt.datetime.now(dt.UTC))
        session.connection(execution_options={"writes": True}).execute(statement)
        session.commit()


def test_what_was_typed_survives_a_login_that_ended_in_mid_form(world: Any) -> None:
    client, before = world.client("owner"), how_many(world)
    sent = Screen(client.get("/patients/enrol")).form() | NEW | {"given_names": "<i>Zdenka</i>"}
    end_logins(world)

    answer = client.post("/patients/enrol", data=sent, headers={"Referer": "https://cpms.test/patients/enrol"})
    shown = Screen(answer)
    assert answer.status_code == 400
    for typed in ("Novakova", "<i>Zdenka</i>", "1980-02-03", "N-1 / 2026", "Brno"):
        assert typed in shown.main
    assert sent["csrf_token"] not in shown.main
    assert sent["once"] not in shown.main
    assert "/patients/enrol" in " ".join(shown.links())
    assert how_many(world) == before
    assert client.get("/patients/enrol").status_code == 302  # to sign in


def test_a_password_is_never_shown_again(world: Any) -> None:
    client = world.client("owner")
    sent = Screen(client.get("/password/")).form()
    end_logins(world)
    typed = {"old": "my old secret 123", "password": "my new secret 456", "again": "my new secret 456"}

    for address in ("/password/", "/login/"):
        answer = client.post(address, data=sent | typed | {"name": "owner"})
        assert answer.status_code == 400
        for secret in typed.values():
            assert secret not in answer.get_data(as_text=True)


def test_who_is_disabled_in_mid_form_enrols_nobody(world: Any) -> None:
    client, before = world.client("owner"), how_many(world)
    sent = Screen(client.get("/patients/enrol")).form() | NEW
    with world.house.everything() as session:
        table = Person.__table__
        session.connection(execution_options={"writes": True}).execute(
            table.update().where(table.c.id == world.people["owner"]).values(disabled_at=dt.datetime.now(dt.UTC))
        )
        session.commit()

    assert client.post("/patients/enrol", data=sent).status_code == 400
    assert how_many(world) == before


@pytest.mark.parametrize(
    "who", ["anonymous", "guest", "coordinator", "representative", "hub", "admin", "bystander", "locked"]
)
def test_who_treats_nobody_opens_no_page_of_patients(world: Any, who: str) -> None:
    client = world.client(who)
    expected = 302 if who in ("anonymous", "locked") else 403
    for page in ("/patients/", "/patients/enrol", "/patients/find", record(world, "enrolled")):
        answer = client.get(page)
        assert (page, answer.status_code) == (page, expected)
        assert nickname(world, "enrolled") not in answer.get_data(as_text=True)
