"""Handing records over on the pages: whose they are stays what was on the screen, whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import html
from sqlalchemy import select

from app.models import Centre, Handover, Hospital, Membership, Patient, Person, db, now
from app.services import handovers
from app.words import GrantScope
from tests import factories as make
from tests.services.clinics import Clinic, opened


@dataclass
class Ward:
    """A clinic that two clinicians have left, with a colleague who can take their records over."""

    clinic: Clinic
    addresses: dict[str, str]
    colleague: str


@pytest.fixture
def ward(house: Any) -> Ward:
    clinic = opened(house)
    with house.system():
        centre, hospital = db.session.get(Centre, clinic.centre), db.session.get(Hospital, clinic.hospital)
        colleague, second = make.person("colleague"), make.person("second")
        make.member(colleague, centre)
        make.member(second, centre, ended_at=now())
        make.patient(second, hospital)
        db.session.get(Membership, clinic.membership).ended_at = now()
        db.session.commit()
        first = db.session.get(Person, clinic.clinician).public_id
        address = f"/handovers/propose?hospital={hospital.public_id}&clinician="
        return Ward(clinic, {"first": address + first, "second": address + second.public_id}, colleague.public_id)


def offered(house: Any) -> set[int]:
    return {row[0] for row in house.rows("SELECT patient_id FROM handover")}


def test_records_that_were_offered_meanwhile_are_not_exchanged_for_another_clinicians(house: Any, ward: Ward) -> None:
    client, clinic = house.client_for(ward.clinic.representative), ward.clinic
    form = html.fromstring(client.get(ward.addresses["first"]).data)
    once = form.xpath("//input[@name='once']/@value")[0]
    with house.acting(clinic.representative) as actor:  # in a second tab
        records = list(db.session.scalars(handovers.to_offer(actor, clinic.clinician, clinic.hospital)).unique())
        taker = db.session.scalars(select(Person).where(Person.public_id == ward.colleague)).one()
        assert handovers.propose_each(actor, records, taker).done == 2
    sent = {"colleague": ward.colleague, "scope": GrantScope.ALL.value, "once": once}
    page = client.post(ward.addresses["first"], data=sent)
    assert offered(house) == {clinic.first, clinic.second}
    assert "second Tester" in page.text  # whose records are still to be offered is asked


def test_a_form_opened_for_the_only_one_whose_records_there_are_says_whose(house: Any, ward: Ward) -> None:
    client = house.client_for(ward.clinic.representative)
    assert html.fromstring(client.get("/handovers/propose").data).xpath("//main//form") == []  # of whom?
    with house.system():
        for patient in db.session.query(Patient).filter_by(clinician_id=ward.clinic.clinician):
            patient.clinician_id = taker_id(ward)
        db.session.commit()
    (form,) = html.fromstring(client.get("/handovers/propose").data).xpath("//main//form")
    assert named(form.get("action")) == named(ward.addresses["second"])
    sent = {"colleague": ward.colleague, "scope": GrantScope.ALL.value, "once": form.xpath(".//*[@name='once']/@value")}
    client.post(form.get("action"), data=sent)
    with house.everything() as session:
        assert [one.giver for one in session.scalars(select(Handover))] == ["second Tester"]


def taker_id(ward: Ward) -> int:
    found = select(Person.id).where(Person.public_id == ward.colleague)
    return int(db.session.scalars(found).one())


def named(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)
