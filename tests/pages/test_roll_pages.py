"""The yearly list on the screen: who is ticked stays or is asked about, and what Home says of it."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import html

from app.models import Centre, Membership, Roll, db, today
from tests import factories as make
from tests.services.clinics import DAY, REPRESENTATIVE, Clinic, opened
from tests.services.test_rolls import key_of

MEMBERSHIP = Membership.__table__


@pytest.fixture
def clinic(house: Any) -> Clinic:
    """A clinic whose list is open, and has another ten days."""
    clinic = opened(house)
    with house.system():
        begun = today() - 20 * DAY
        roll = Roll(hospital_id=clinic.hospital, begun_on=begun, due_on=today() + 10 * DAY)
        roll.joined_by = begun - DAY
        db.session.add(roll)
        db.session.commit()
    return clinic


def address(house: Any, end: str = "") -> str:
    return f"/yearly-lists/{house.value('SELECT public_id FROM roll')}{end}"


def rows(page: Any) -> list[list[str]]:
    found = html.fromstring(page.data).xpath("//table[contains(@class, 'list')]/tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("./td")] for row in found]


def test_each_row_says_who_where_since_when_and_how_they_were_last_here(house: Any, clinic: Clinic) -> None:
    page = house.client_for(clinic.representative).get(address(house))
    assert page.status_code == 200
    assert [row[0].removeprefix("Pick ").split()[0] for row in rows(page)] == ["assistant", "clinician", "protection"]
    assert [row[1].split(" · ")[0] for row in rows(page)] == ["Assistant", "Centre of Home", "Data-protection contact"]
    assert {row[3] for row in rows(page)} == {f"{today():%B %Y}"}
    assert not html.fromstring(page.data).xpath("//input[@name='person'][@checked]")


def test_who_is_ticked_as_still_here_is_confirmed_and_home_counts_the_rest(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.representative)
    assert "3 of 3 still to confirm until" in client.get("/").text
    ticked = {"person": [key_of(house, clinic.clinician), key_of(house, clinic.assistant)]}
    page = client.post(address(house, "/confirm"), data=ticked, follow_redirects=True)
    assert "2 people are confirmed." in page.text
    assert len(rows(page)) == 1
    assert "1 of 3 still to confirm until" in client.get("/").text
    again = client.post(address(house, "/confirm"), data=ticked, follow_redirects=True)
    assert "2 were not on the list any more" in again.text
    assert "Nobody is ticked" in client.post(address(house, "/confirm"), follow_redirects=True).text


def test_who_is_no_longer_here_is_asked_about_and_ends_by_the_usual_way(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.representative)
    ticked = {"person": [key_of(house, clinic.clinician), key_of(house, clinic.assistant)]}
    page = client.post(address(house, "/end"), data=ticked)
    assert "2 records" in page.text  # the same numbers as at the end of a membership
    form = html.fromstring(page.data).xpath("//form[@class='fields']")[0]
    assert form.xpath(".//input[@name='last_day']/@value") in ([], [""])
    sent = {name: form.xpath(f".//input[@name='{name}']/@value") for name in ("picked", "person", "sure")}
    asked = client.post(address(house, "/end"), data=sent)
    assert "2 records" in asked.text  # without a reason nothing ends
    assert house.value("SELECT count(*) FROM membership WHERE ended_at IS NOT NULL") == 0
    ended = client.post(address(house, "/end"), data=sent | {"reason": "Left in May"})
    assert ended.status_code == 200
    gone = house.rows("SELECT person_id FROM membership WHERE end_reason = 'Left in May'")
    lost = house.rows("SELECT person_id FROM mandate WHERE end_reason = 'Left in May'")
    assert [[row[0] for row in found] for found in (gone, lost)] == [[clinic.clinician], [clinic.assistant]]
    assert house.value("SELECT count(*) FROM patient WHERE clinician_id = :i", i=clinic.clinician) == 2
    told = house.rows("SELECT kind FROM mail WHERE person_id = :i", i=clinic.representative)
    assert [row[0] for row in told] == ["records.to-hand-over"]
    assert "1 of 1 still to confirm" in client.get(address(house)).text


def test_a_place_that_changed_between_preview_and_end_is_left(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.representative)
    ticked = {"person": [key_of(house, clinic.clinician)]}
    form = html.fromstring(client.post(address(house, "/end"), data=ticked).data).xpath("//form[@class='fields']")[0]
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(MEMBERSHIP.update().where(MEMBERSHIP.c.id == clinic.membership).values(version=7))
        session.commit()
    sent = {name: form.xpath(f".//input[@name='{name}']/@value") for name in ("picked", "person", "sure")}
    page = client.post(address(house, "/end"), data=sent | {"reason": "Left"})
    assert "1 was left as it is" in page.text
    assert house.value("SELECT ended_at FROM membership WHERE id = :i", i=clinic.membership) is None


def test_a_foreign_person_by_hand_ends_nowhere(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.representative)
    sent = {"person": [key_of(house, clinic.outsider)], "sure": "y", "reason": "By hand"}
    assert "Nothing is ticked" in client.post(address(house, "/end"), data=sent).text
    assert house.value("SELECT count(*) FROM membership WHERE ended_at IS NOT NULL") == 0


def test_others_see_that_it_is_overdue_and_never_who_is_on_it(house: Any, clinic: Clinic) -> None:
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.query(Roll).one().due_on = today() - DAY
        session.commit()
    for who in (clinic.coordinator, clinic.admin):
        client = house.client_for(who)
        page = client.get("/yearly-lists/?state=overdue")
        assert rows(page)[0][2].startswith("3 of 3 still to confirm, due since")
        assert client.get(address(house)).status_code == 403
        assert client.post(address(house, "/confirm")).status_code == 403
    assert "Yearly lists of people that are overdue" in house.client_for(clinic.coordinator).get("/").text
    for who in (clinic.clinician, clinic.assistant, clinic.outsider):
        client = house.client_for(who)
        assert client.get("/yearly-lists/").status_code == 403
        assert "overdue" not in client.get("/").text


def test_the_representative_of_another_hospital_does_not_find_it(house: Any, clinic: Clinic) -> None:
    with house.system():
        other = make.person("other")
        far = db.session.get(Centre, clinic.other_centre).hospital
        make.mandate(other, REPRESENTATIVE, hospital=far)
        who = other.id
    client = house.client_for(who)
    assert rows(client.get("/yearly-lists/")) == []
    for end in ("", "/confirm", "/end"):
        ask = client.post if end else client.get
        assert ask(address(house, end)).status_code == 404


def test_the_place_itself_tells_that_it_was_confirmed(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.representative)
    client.post(address(house, "/confirm"), data={"person": [key_of(house, clinic.clinician)]})
    key = house.value("SELECT public_id FROM membership WHERE id = :i", i=clinic.membership)
    assert "The hospital confirmed it in its yearly list" in client.get(f"/memberships/{key}").text
