"""Lists downloaded as CSV: the rows of the page, all of them, in no cell a formula, and noted with their number."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest

from app.models import today
from app.outside.zips import CSV_BEGIN
from app.pages import downloads
from app.words import MandateKind
from tests import factories as make

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1"]


@pytest.fixture
def list_of_members(house: Any) -> dict[str, Any]:
    """A hospital of three pages of members, and a foreign one."""
    with house.system():
        country, network = make.country("GR"), make.network()
        home, far = make.hospital("Home", country), make.hospital("Far", country)
        centre, foreign = make.centre(home, network), make.centre(far, network)
        representative, guest = make.person("representative"), make.person("guest")
        make.mandate(representative, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        for number in range(60):
            host = make.person(f"member{number:02}")
            make.member(host, centre)
        make.mandate(guest, MandateKind.GUEST, host_id=host.id, to_on=today() + dt.timedelta(days=9))
        make.member(make.person("Secretname"), foreign)
        return {"representative": representative.id, "guest": guest.id}


def table(answer: Any) -> list[list[str]]:
    """The rows of a file, its heads first."""
    assert answer.data.startswith(CSV_BEGIN)
    return list(csv.reader(io.StringIO(answer.data[len(CSV_BEGIN) :].decode())))


def test_all_pages_of_a_list_are_in_the_file_and_none_of_what_one_may_not_see(
    house: Any, list_of_members: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "AT_ONCE", 7)
    answer = house.client_for(list_of_members["representative"]).get("/memberships/table.csv")
    heads, *rows = table(answer)
    assert heads == ["Person", "Centre", "Hospital", "Network", "In force", "First day", "Last day"]
    assert (len(rows), "Secretname" in answer.text) == (60, False)
    assert {row[2] for row in rows} == {"Home"}
    named = f'attachment; filename="memberships-{today().isoformat()}.csv"'
    assert (answer.headers["Content-Disposition"], answer.mimetype) == (named, "text/csv")


def test_the_file_has_the_search_and_the_order_of_the_page(house: Any, list_of_members: dict[str, Any]) -> None:
    client = house.client_for(list_of_members["representative"])
    found = table(client.get("/memberships/table.csv?q=member1&when=now"))[1:]
    assert [row[0].split()[0] for row in found] == [f"member{number}" for number in range(19, 9, -1)]
    assert "/memberships/table.csv?q=member1&amp;when=now" in client.get("/memberships/?q=member1&when=now").text


def test_who_may_not_open_the_list_gets_no_file(house: Any, list_of_members: dict[str, Any]) -> None:
    guest = house.client_for(list_of_members["guest"])
    assert [guest.get(f"/{name}/table.csv").status_code for name in ("people", "requests")] == [403, 403]
    assert house.visitor().get("/memberships/table.csv").status_code == 302


def test_a_download_is_noted_with_its_rows_before_it_is_sent(house: Any, list_of_members: dict[str, Any]) -> None:
    client = house.client_for(list_of_members["representative"])
    client.get("/memberships/table.csv?q=member1")
    kept = "SELECT act, outcome, actor_id, details FROM audit_entry WHERE details LIKE '%rows%'"
    who = list_of_members["representative"]
    assert [tuple(row) for row in house.rows(kept)] == [("membership.see", "read", who, "10 rows,memberships")]


@pytest.mark.parametrize("typed", FORMULAS)
def test_no_cell_begins_a_formula(house: Any, list_of_members: dict[str, Any], typed: str) -> None:
    with house.system():
        make.hospital(typed, make.country("FR"))
    cells = [row[0] for row in table(house.client_for(list_of_members["guest"]).get("/hospitals/table.csv"))]
    assert (f"'{typed}" in cells, typed in cells) == (True, False)


def test_no_part_of_a_cell_begins_a_formula_where_a_program_takes_it_apart(
    house: Any, list_of_members: dict[str, Any]
) -> None:
    names = ["Dr;=HYPERLINK(1)", "Ward; +1", "Ward;-", "Nord\t@SUM(A1)", "St. Anna; Nord", "Nord-Süd = 2"]
    with house.system():
        country = make.country("FR")
        for name in names:
            make.hospital(name, country)
    cells = {row[0] for row in table(house.client_for(list_of_members["guest"]).get("/hospitals/table.csv"))}
    quiet = ["Dr;'=HYPERLINK(1)", "Ward; '+1", "Ward;'-", "Nord\t'@SUM(A1)", "St. Anna; Nord", "Nord-Süd = 2"]
    assert set(quiet) <= cells


def test_patients_and_consent_forms_have_no_such_file(house: Any) -> None:
    declared = {rule.rule for rule in house.app.url_map.iter_rules() if rule.rule.endswith("/table.csv")}
    lists = ("centres", "expert-groups", "hospitals", "idle-accounts", "mandates", "memberships", "people", "requests")
    assert declared == {f"/{name}/table.csv" for name in lists}
