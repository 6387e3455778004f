"""What happened to a membership, as those read it who see the membership."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from lxml import html
from sqlalchemy import select

from app import actors
from app.models import Grant, Hospital, Mandate, Membership, MembershipRequest, Person, db, now, today
from app.services import admissions, departures, people
from app.words import GrantScope, MandateKind
from tests import factories as make
from tests.services.clinics import DAY, typed
from tests.services.request_words import Clinic, opened, sent


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


def timeline(page: Any) -> list[str]:
    """The sentences of a timeline with who and why, the newest first."""
    part = page.text.partition('<ol class="timeline">')[2].partition("</ol>")[0]
    items = re.findall(r"<p>(.*?)</p>", part)
    whos = re.findall(r"<p class=\"(?:muted|said)\">.*?<bdi>(.*?)</bdi>", part)
    return items + whos


def accepted(house: Any, clinic: Clinic) -> int:
    """The membership that a newcomer's request made."""
    asked = sent(house, clinic)
    with house.acting(clinic.representative) as actor:
        admissions.confirm(actor, db.session.get_one(MembershipRequest, asked))
    with house.acting(clinic.coordinator) as actor:
        admissions.accept(actor, db.session.get_one(MembershipRequest, asked))
    with house.system():
        return db.session.scalars(select(Membership.id).where(Membership.person_id == clinic.newcomer)).one()


def address(house: Any, membership: int) -> str:
    return f"/memberships/{house.value('SELECT public_id FROM membership WHERE id = :id', id=membership)}"


def test_a_membership_tells_how_it_was_asked_for_decided_changed_and_ended(house: Any, clinic: Clinic) -> None:
    membership = accepted(house, clinic)
    with house.acting(clinic.representative) as actor:
        row = db.session.get_one(Membership, membership)
        people.amend_membership(actor, row, from_on=row.from_on, to_on=None)
        people.end_membership(actor, row, reason="Moved to Patras")
    page = house.client_for(clinic.coordinator).get(address(house, membership))
    assert timeline(page) == [
        "Ended",
        "The dates were changed",
        "Accepted by the ERN",
        "Confirmed by the hospital",
        "Sent to the hospital",
        "representative Tester",
        "Moved to Patras",
        "representative Tester",
    ]


def test_an_end_to_come_is_announced_and_not_told_as_past(house: Any, clinic: Clinic) -> None:
    membership = accepted(house, clinic)
    last = today() + 30 * DAY
    with house.acting(clinic.representative) as actor:
        row = db.session.get_one(Membership, membership)
        people.end_membership(actor, row, reason="Moves to Patras", last_day=last)
    client = house.client_for(clinic.newcomer)
    page = client.get(address(house, membership))
    assert timeline(page)[:2] == ["The last day", "The end was announced"]
    assert timeline(page)[-1] == "Moves to Patras"
    with time_machine.travel(now() + 31 * DAY, tick=True):
        page = house.client_for(clinic.representative).get(address(house, membership))
    assert timeline(page)[:2] == ["Ran out", "The end was announced"]


def test_what_ends_with_its_centre_ends_in_its_own_history_too_and_says_why(house: Any, clinic: Clinic) -> None:
    membership = accepted(house, clinic)
    page = address(house, membership)
    for last, told in ((today() + 30 * DAY, "The last day"), (None, "Ended with the centre or the hospital")):
        with house.acting(clinic.coordinator) as actor:
            centre = db.session.get_one(Membership, membership).centre
            departures.end_centre(actor, centre, reason="Closes", last_day=last)
        assert timeline(house.client_for(clinic.newcomer).get(page))[:2] == [told, "Accepted by the ERN"]
        assert timeline(house.client_for(clinic.newcomer).get(page))[-1] == "Closes"


def test_of_an_announced_end_and_a_sooner_one_of_the_place_above_the_true_one_says_why(
    house: Any, clinic: Clinic
) -> None:
    mandate = house.value("SELECT public_id FROM mandate WHERE person_id = :i", i=clinic.coordinator)
    with house.system():
        row = db.session.scalars(select(Mandate).where(Mandate.public_id == mandate)).one()
        people.end_mandate(actors.system("command"), row, reason="Retires", last_day=today() + 30 * DAY)
        departures.end_network(actors.system("command"), row.network, reason="Merged")
    page = html.fromstring(house.client_for(clinic.coordinator).get(f"/mandates/{mandate}").data)
    notes = {
        item.xpath("string(.//p)"): item.xpath("string(.//p[@class='said'])") for item in page.xpath("//ol/li[.//p]")
    }
    assert notes == {"Ended": "Merged", "The end was announced": ""}


def test_who_did_it_is_named_to_those_alone_who_see_that_person(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.coordinator) as actor:
        seen = db.session.scalars(select(Person.id)).all()
        assert clinic.second_coordinator not in seen
        assert actor.user_id == clinic.coordinator
    membership = accepted(house, clinic)
    with house.acting(clinic.coordinator) as actor:
        people.end_membership(actor, db.session.get_one(Membership, membership), reason="Left")
    own = house.client_for(clinic.newcomer).get(address(house, membership))
    assert timeline(own)[:2] == ["Ended", "Accepted by the ERN"]
    assert "coordinator Tester" not in own.text


def test_a_place_without_a_request_tells_who_gave_it_and_until_when(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        hospital = db.session.get_one(Hospital, clinic.hospital)
        mandate = people.appoint_assistant(actor, hospital, typed=typed(), from_on=today(), to_on=today())
        key, who = mandate.public_id, mandate.person_id
    page = house.client_for(clinic.representative).get(f"/mandates/{key}")
    assert timeline(page) == ["The last day", "Appointed", "representative Tester"]
    with house.acting(clinic.clinician) as actor:
        hospital = db.session.get_one(Hospital, clinic.hospital)
        person = db.session.get_one(Person, who)
        people.give(actor, hospital, assistant=person, scope=GrantScope.ALL, from_on=today())
    given = house.value("SELECT public_id FROM assistant_grant")
    client = house.client_for(clinic.clinician)
    assert timeline(client.get(f"/my-assistants/{given}")) == ["Given", "clinician Tester"]
    with house.acting(clinic.clinician) as actor:
        people.end_grant(actor, db.session.scalars(select(Grant)).one(), reason="No need")
    assert timeline(client.get(f"/my-assistants/{given}"))[:2] == ["Ended", "Given"]
    assert "No need" in client.get(f"/my-assistants/{given}").text
    assert "No need" in house.client_for(who).get(f"/whom-i-assist/{given}").text
    assert "No need" in house.client_for(clinic.representative).get(f"/my-assistants/{given}").text


def test_why_a_place_ended_is_read_by_oneself_and_by_who_could_have_ended_it(house: Any, clinic: Clinic) -> None:
    membership = accepted(house, clinic)
    with house.system():  # who has another place is a colleague still
        make.mandate(db.session.get(Person, clinic.newcomer), MandateKind.ASSISTANT, hospital_id=clinic.hospital)
    with house.acting(clinic.representative) as actor:
        row = db.session.get_one(Membership, membership)
        row.employment_by, row.employment_how = "Personnel department", "By a letter"
        people.end_membership(actor, row, reason="Struck off")
    person = house.value("SELECT public_id FROM ab_user WHERE id = :i", i=clinic.newcomer)
    said = {"Struck off", "Personnel department", "By a letter"}
    reads = {clinic.newcomer, clinic.representative, clinic.coordinator}
    for who in (*reads, clinic.clinician):
        client = house.client_for(who)
        place, record = client.get(address(house, membership)), client.get(f"/people/{person}")
        assert (place.status_code, record.status_code) == (200, 200)
        assert {one for one in said if one in place.text} == (said if who in reads else set())
        assert ("Struck off" in record.text) is (who in reads)
