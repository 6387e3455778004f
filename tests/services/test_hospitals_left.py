"""A hospital that has left its last network: handed over, exported, then read only; patients withdraw as before."""

from __future__ import annotations

from typing import Any

import pytest

from app.act import HAS_LEFT
from app.actors import hospitals_left
from app.errors import NotAllowed
from app.models import Centre, Handover, Hospital, Mandate, Membership, Patient, Person, db, now, today
from app.services import (
    consents,
    departures,
    handovers,
    housekeeping,
    letters,
    networks,
    patients,
    people,
)
from app.words import MandateKind, Purpose
from tests import factories as make
from tests.services.clinics import DAY, Clinic, patients_seen, typed
from tests.services.export_words import asked, decide
from tests.services.test_departures import signed_in
from tests.trust.withdrawals import form_of, withdraw


def leave(house: Any, clinic: Clinic, **given: Any) -> None:
    """The hospital leaves its last network."""
    with house.acting(clinic.coordinator) as actor:
        departures.end_centre(actor, db.session.get(Centre, clinic.centre), reason="Leaves", **given)


def orphans(house: Any) -> list[str]:
    with house.app.app_context():
        return [one.sentence for one in housekeeping.fsck() if one.word == "patient"]


def leave_thessaloniki(world: Any) -> None:
    """Of the hostile world, the hospital whose people are in each state."""
    with world.house.system():
        for centre in db.session.query(Centre).filter_by(hospital_id=world.hospitals["Thessaloniki"]):
            centre.ended_at, centre.end_reason = now(), "Leaves"
        db.session.commit()


# --- how it stands ---------------------------------------------------------------------------------------------------


def test_a_hospital_has_left_with_its_last_centre_and_comes_back_with_a_new_one(house: Any, clinic: Clinic) -> None:
    def left() -> set[int]:
        with house.everything() as session:
            return set(session.scalars(hospitals_left(today())))

    with house.system():
        second = make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER")).id
        make.hospital("Never had one", make.country("DE"))
    leave(house, clinic)
    assert left() == set()
    with house.system():
        db.session.get(Centre, second).to_on = today() - DAY
        db.session.commit()
    assert left() == {clinic.hospital}
    with house.system():
        make.centre(db.session.get(Hospital, clinic.hospital), db.session.query(Centre).first().network)
    assert left() == set()


def test_until_the_last_day_it_winds_down_and_home_says_so(house: Any, clinic: Clinic) -> None:
    leave(house, clinic, last_day=today() + 90 * DAY)
    for who in (clinic.clinician, clinic.representative, clinic.protection, clinic.assistant):
        with house.acting(who) as actor:
            found = [(one.hospital.id, one.day) for one in departures.mine(actor)]
        assert found == [(clinic.hospital, today() + 90 * DAY)]
    with house.acting(clinic.outsider) as actor:
        assert departures.mine(actor) == []


# --- read only -------------------------------------------------------------------------------------------------------


def test_its_clinician_reads_on_and_its_assistant_does_not(house: Any, clinic: Clinic) -> None:
    house.client_for(clinic.clinician)
    leave(house, clinic)
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}
    assert patients_seen(house, clinic.assistant) == set()
    assert patients_seen(house, clinic.outsider) == set()
    assert patients_seen(house, clinic.representative) == set()
    assert clinic.clinician in signed_in(house)
    for who in (clinic.clinician, clinic.representative, clinic.protection):
        with house.acting(who) as actor:
            assert [(one.hospital.id, one.day) for one in departures.mine(actor)] == [(clinic.hospital, None)]


def test_whoever_had_left_before_it_does_not_come_back_by_it(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left")
    leave(house, clinic)
    assert patients_seen(house, clinic.clinician) == set()


def test_every_change_is_refused_with_a_sentence_that_says_why(house: Any, clinic: Clinic) -> None:
    leave(house, clinic)

    def refused(who: int, table: Any, key: int, perform: Any) -> str:
        with house.acting(who) as actor, pytest.raises(NotAllowed) as refusal:
            perform(actor, db.session.get(table, key))
        return str(refusal.value)

    once = {"typed": typed(), "from_on": today()}
    tried = {
        refused(clinic.clinician, Patient, clinic.first, lambda a, p: consents.prepare(a, p, language="el")),
        refused(clinic.clinician, Patient, clinic.first, patients.delete),
        refused(clinic.clinician, Hospital, clinic.hospital, patients.enrol),
        refused(clinic.representative, Hospital, clinic.hospital, networks.authorise),
        refused(clinic.representative, Hospital, clinic.hospital, lambda a, h: people.appoint_assistant(a, h, **once)),
        refused(clinic.representative, Centre, clinic.centre, lambda a, c: people.add_member(a, c, **once)),
    }
    assert tried == {str(HAS_LEFT)}
    assert refused(clinic.outsider, Hospital, clinic.hospital, patients.enrol) != str(HAS_LEFT)


@pytest.mark.parametrize("who", ["owner", "protection"])
def test_a_patient_withdraws_as_before_from_the_clinician_or_by_letter(world: Any, who: str) -> None:
    leave_thessaloniki(world)
    with world.house.acting(world.people[who]) as actor:
        if who == "protection":
            home, one = db.session.get_one(Hospital, world.hospitals["Thessaloniki"]), world.identities["enrolled"]
            words = {"family_name": one.family_name, "birth_date": one.birth_date, "reason": "Letter 12"}
            assert letters.trace(actor, home, received_on=today(), **words).found == 1
        form = form_of(world, "enrolled")
        care = next(one for one in form.decisions if one.purpose is Purpose.CARE)
        withdraw(actor, care)
    patient = world.patients["enrolled"][0]
    assert world.house.value("SELECT state FROM patient WHERE id = :id", id=patient) == "restricted"


def test_the_archive_is_exported_afterwards_released_by_each_clinician(world: Any) -> None:
    leave_thessaloniki(world)
    key = asked(world)
    for who, whose in (("owner", ""), ("colleague", ""), ("protection", "leaver"), ("protection", "locked")):
        decide(world, who, whose)
    assert world.house.value("SELECT state FROM export WHERE id = :id", id=key) == "making"


def test_somebody_keeps_the_archive_also_when_the_hospital_itself_is_over(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.admin) as actor:
        departures.end_hospital(actor, db.session.get(Hospital, clinic.hospital), reason="Closed")
    assert patients_seen(house, clinic.clinician) == set()
    begins = {"typed": typed("protection.two@people.example"), "from_on": today()}
    with house.acting(clinic.representative) as actor:
        made = people.appoint_protection(actor, db.session.get(Hospital, clinic.hospital), **begins)
        assert made.kind is MandateKind.DATA_PROTECTION_CONTACT
    with house.acting(clinic.admin) as actor:  # no network’s coordinator can
        begins["typed"] = typed("representative.two@people.example")
        people.appoint_representative(actor, db.session.get(Hospital, clinic.hospital), **begins)
    with house.acting(clinic.admin) as actor, pytest.raises(NotAllowed):
        people.appoint_representative(actor, db.session.get(Hospital, clinic.other_hospital), **begins)
    asked = {clinic.representative: "/mandates/data-protection-contact", clinic.admin: "/mandates/representative"}
    for who, address in asked.items():
        assert "There is no place where you may do this now." not in house.client_for(who).get(address).text


# --- nothing is orphaned ---------------------------------------------------------------------------------------------


def test_a_hospital_leaves_with_everything_handed_over(house: Any, clinic: Clinic) -> None:
    with house.system():
        second = make.person("second")
        make.member(second, db.session.get(Centre, clinic.centre))
        second_id = second.id
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left")
        records = list(db.session.scalars(handovers.to_offer(actor, clinic.clinician, clinic.hospital)).unique())
        assert handovers.propose_each(actor, records, db.session.get(Person, second_id)).done == 2
    with house.acting(second_id) as actor:
        waiting = [(one, one.version) for one in db.session.query(Handover)]
        assert handovers.answer_each(actor, waiting, accepted=True).done == 2
    leave(house, clinic)
    assert patients_seen(house, second_id) == {clinic.first, clinic.second}
    assert patients_seen(house, clinic.clinician) == set()
    assert orphans(house) == []


def test_fsck_names_records_for_which_nobody_could_record_a_withdrawal(house: Any, clinic: Clinic) -> None:
    leave(house, clinic)
    assert orphans(house) == []
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left too")
    assert orphans(house) == []  # the data-protection contact does
    with house.acting(clinic.representative) as actor:
        contact = db.session.query(Mandate).filter_by(person_id=clinic.protection).one()
        people.end_mandate(actor, contact, reason="Left too")
    assert orphans(house) == ["its hospital has left, and nobody could record a withdrawal"] * 2
