"""The desk's list of idle accounts: who stands there, what becomes of each, and who sees whom."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from lxml import html

from app.models import Hospital, Person, db, now, today
from app.words import MandateKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic, opened

HEADS = ["Name", "E-mail", "Not signed in since", "What becomes of it"]


@pytest.fixture
def clinic(house: Any) -> Clinic:
    """A clinic where one clinician is used, and others have not signed in for long."""
    clinic = opened(house)
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        days = {clinic.clinician: 269, clinic.assistant: 270, clinic.outsider: 340, clinic.protection: 400}
        for who, ago in days.items():
            session.get(Person, who).seen_on = today() - ago * DAY
        session.commit()
    return clinic


def table(page: Any) -> list[list[str]]:
    rows = html.fromstring(page.data).xpath("//table[contains(@class, 'list')]/tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("./td")] for row in rows]


def names(page: Any) -> list[str]:
    return [row[0].split()[0] for row in table(page)]


def test_who_has_not_signed_in_for_nine_months_stands_there_the_longest_first(house: Any, clinic: Clinic) -> None:
    page = house.client_for(clinic.coordinator).get("/idle-accounts/")
    assert names(page) == ["protection", "outsider", "assistant"]
    outcomes = [row[3] for row in table(page)]
    assert outcomes[0] == "Not locked by itself. The hospital has no other data-protection contact."
    assert [outcome.endswith("unless they sign in") for outcome in outcomes] == [False, True, True]


def test_each_sees_those_of_their_own_mandate_and_nobody_else_the_page(house: Any, clinic: Clinic) -> None:
    seen = {who: names(house.client_for(who).get("/idle-accounts/")) for who in (clinic.representative, clinic.admin)}
    assert seen == {
        clinic.representative: ["protection", "assistant"],
        clinic.admin: ["protection", "outsider", "assistant"],
    }
    for who in (clinic.clinician, clinic.assistant, clinic.outsider):
        client = house.client_for(who)
        assert [client.get(f"/idle-accounts/{end}").status_code for end in ("", "table.csv")] == [403, 403]


def test_who_has_no_place_there_any_more_is_not_listed(house: Any, clinic: Clinic) -> None:
    with house.system():
        home = db.session.get(Hospital, clinic.hospital)
        left, comes = (make.person(name, seen_on=today() - 700 * DAY) for name in ("left", "comes"))
        make.mandate(left, MandateKind.ASSISTANT, hospital=home, from_on=today() - 900 * DAY, to_on=today() - 600 * DAY)
        make.mandate(comes, MandateKind.ASSISTANT, hospital=home, from_on=today() + DAY)
    for who in (clinic.representative, clinic.protection, clinic.coordinator):
        assert not {"left", "comes"} & set(names(house.client_for(who).get("/idle-accounts/")))
    assert {"left", "comes"} < set(names(house.client_for(clinic.admin).get("/idle-accounts/")))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", ["protection", "outsider", "assistant"]),
        ("state=near", ["protection", "outsider"]),
        ("state=kept", ["protection"]),
        ("state=locked", ["gone"]),
        ("q=outsi", ["outsider"]),
        ("q=clinician", []),
        ("sort=name&state=near", ["outsider", "protection"]),
    ],
)
def test_the_list_is_searched_narrowed_and_sorted(house: Any, clinic: Clinic, query: str, found: list[str]) -> None:
    with house.system():
        gone = make.person("gone", seen_on=today() - 400 * DAY, disabled_at=now())
        make.person("by hand", seen_on=today() - 300 * DAY, disabled_at=now())
        db.session.get(Person, clinic.outsider).last_name = "Aaberg"
        assert gone.id
    page = house.client_for(clinic.admin).get(f"/idle-accounts/?{query}")
    assert names(page) == found


def test_home_counts_those_that_are_open_and_a_row_leads_to_the_person(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.coordinator)
    home = html.fromstring(client.get("/").data)
    (figure,) = home.xpath("//nav[@class='figures-of']//a[contains(., 'Accounts not used for nine months')]")
    assert (figure.xpath("string(b)"), len(table(client.get(figure.get("href"))))) == ("3", 3)
    key = house.value("SELECT public_id FROM ab_user WHERE id = :i", i=clinic.assistant)
    answer = client.get(f"/idle-accounts/{key}")
    assert (answer.status_code, answer.location) == (302, f"/people/{key}")


def test_the_file_holds_the_days_as_a_spreadsheet_sorts_them(house: Any, clinic: Clinic) -> None:
    answer = house.client_for(clinic.representative).get("/idle-accounts/table.csv")
    heads, *rows = csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert heads == HEADS
    expected = [today() - days * DAY for days in (400, 270)]
    assert [(row[0].split()[0], row[2]) for row in rows] == [
        ("protection", expected[0].isoformat()),
        ("assistant", expected[1].isoformat()),
    ]
