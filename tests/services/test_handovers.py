"""Handovers: a record goes to a colleague who accepts; nobody sees more before, the old clinician nothing after."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Conflict, Incomplete, NotAllowed, Refusal, WrongStep
from app.models import (
    Centre,
    Grant,
    GrantedPatient,
    Handover,
    Hospital,
    Membership,
    Patient,
    PatientIdentity,
    Person,
    db,
    now,
)
from app.services import handovers, jobs, patients, people
from app.words import GrantScope, HandoverState, MandateKind, PatientState
from tests import factories as make
from tests.moments import at_once
from tests.services.clinics import Clinic, opened, patients_seen

H = HandoverState


@dataclass
class Ward:
    """A clinic with a second clinician."""

    clinic: Clinic
    colleague: int
    membership: int


@pytest.fixture
def ward(house: Any) -> Ward:
    clinic = opened(house)
    with house.system():
        colleague = make.person("colleague")
        membership = make.member(colleague, db.session.get(Centre, clinic.centre))
        return Ward(clinic, colleague.id, membership.id)


def offer(house: Any, ward: Ward, by: int | None = None, patient: int | None = None) -> int:
    with house.acting(by or ward.clinic.clinician) as actor:
        record = db.session.get(Patient, patient or ward.clinic.first)
        made = handovers.propose(actor, record, colleague=db.session.get(Person, ward.colleague))
        return int(made.id)


def leave(house: Any, membership: int) -> None:
    with house.system():
        db.session.get(Membership, membership).ended_at = now()
        db.session.commit()


def identities_seen(house: Any, person_id: int) -> int:
    with house.acting(person_id):
        return len(db.session.scalars(select(PatientIdentity)).all())


def state_of(house: Any, handover: int) -> str:
    return str(house.value("SELECT state FROM handover WHERE id = :id", id=handover))


# --- the way of a record ---


def test_an_accepted_record_is_the_colleagues_and_no_longer_the_givers(house: Any, ward: Ward) -> None:
    clinic = ward.clinic
    key = offer(house, ward)
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}
    assert patients_seen(house, ward.colleague) == {clinic.first}  # the nickname, to decide by
    assert identities_seen(house, ward.colleague) == 0
    with house.acting(ward.colleague) as actor:
        handovers.accept(actor, db.session.get(Handover, key))
    assert patients_seen(house, ward.colleague) == {clinic.first}
    assert patients_seen(house, clinic.clinician) == {clinic.second}
    assert patients_seen(house, clinic.assistant) == {clinic.second}  # granted by the giver
    noted = house.rows("SELECT act, patient_id FROM audit_entry WHERE act LIKE '%hand%' ORDER BY seq")
    assert [tuple(row) for row in noted] == [
        ("handover.propose", clinic.first),
        ("handover.accept", clinic.first),
        ("patient.hand-over", clinic.first),
    ]


def test_a_declined_or_taken_back_record_stays_and_is_seen_by_nobody_more(house: Any, ward: Ward) -> None:
    clinic = ward.clinic
    declined = offer(house, ward)
    with house.acting(ward.colleague) as actor:
        handovers.decline(actor, db.session.get(Handover, declined))
    assert patients_seen(house, ward.colleague) == set()
    back = offer(house, ward)
    with house.acting(clinic.clinician) as actor:
        handovers.take_back(actor, db.session.get(Handover, back))
    with house.acting(ward.colleague) as actor, pytest.raises(WrongStep):
        handovers.accept(actor, db.session.get(Handover, back))
    assert patients_seen(house, ward.colleague) == set()
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}


def test_a_record_chosen_for_an_assistant_is_not_the_assistants_again_when_it_comes_back(
    house: Any, ward: Ward
) -> None:
    clinic = ward.clinic
    with house.acting(clinic.clinician) as actor:
        chosen = db.session.get(Patient, clinic.first)
        people.choose(actor, db.session.get(Grant, clinic.grant), scope=GrantScope.CHOSEN, chosen=[chosen])
    key = offer(house, ward)
    with house.acting(ward.colleague) as actor:
        handovers.accept(actor, db.session.get(Handover, key))
        mine = db.session.get(Patient, clinic.first)
        back = handovers.propose(actor, mine, colleague=db.session.get(Person, clinic.clinician)).id
    with house.acting(clinic.clinician) as actor:
        handovers.accept(actor, db.session.get(Handover, back))
        assert db.session.scalars(select(GrantedPatient)).all() == []
    assert patients_seen(house, clinic.assistant) == set()
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}


def test_a_colleague_who_assists_elsewhere_takes_over_in_their_own_name(house: Any, ward: Ward) -> None:
    with house.system():
        far = db.session.get(Hospital, ward.clinic.other_hospital)
        make.mandate(db.session.get(Person, ward.colleague), MandateKind.ASSISTANT, hospital=far)
    key = offer(house, ward)
    with house.acting(ward.colleague) as actor:
        handovers.accept(actor, db.session.get(Handover, key))
    noted = house.rows("SELECT act, on_behalf_of_id FROM audit_entry WHERE act LIKE '%hand%' ORDER BY seq")
    assert [tuple(row) for row in noted] == [
        ("handover.propose", None),
        ("handover.accept", None),
        ("patient.hand-over", None),
    ]


# --- who offers, to whom ---


def test_the_representative_hands_over_for_who_has_left_and_sees_nicknames_alone(house: Any, ward: Ward) -> None:
    clinic = ward.clinic
    assert patients_seen(house, clinic.representative) == set()
    with house.acting(clinic.representative) as actor, pytest.raises(Refusal):
        handovers.propose(actor, None, colleague=db.session.get(Person, ward.colleague))
    leave(house, clinic.membership)
    assert patients_seen(house, clinic.representative) == {clinic.first, clinic.second}
    assert identities_seen(house, clinic.representative) == 0
    with house.acting(clinic.representative) as actor:
        (source,) = handovers.sources(actor)
        assert (source.clinician_id, source.records) == (clinic.clinician, 2)
        records = list(db.session.scalars(handovers.to_offer(actor, clinic.clinician, clinic.hospital)).unique())
        tried = handovers.propose_each(actor, records, db.session.get(Person, ward.colleague))
        assert (tried.done, tried.refused) == (2, [])
        assert handovers.sources(actor) == []
    with house.acting(ward.colleague) as actor:
        assert [(place, records) for _giver, place, records in handovers.offers(actor)] == [("Home", 2)]
        waiting = [(one, one.version) for one in db.session.scalars(select(Handover)).unique()]
        assert handovers.answer_each(actor, waiting, accepted=True).done == 2
    assert patients_seen(house, clinic.representative) == set()
    assert patients_seen(house, ward.colleague) == {clinic.first, clinic.second}
    mails = house.rows("SELECT person_id, kind FROM mail ORDER BY id")
    assert [tuple(row) for row in mails] == [
        (ward.colleague, "handover.offered"),
        (clinic.representative, "handover.accepted"),
    ]


@pytest.mark.parametrize("who", ["clinician", "outsider", "assistant", "admin"])
def test_a_record_goes_to_another_clinician_who_may_enrol_there(house: Any, ward: Ward, who: str) -> None:
    with house.system() as system, pytest.raises(Incomplete) as refused:
        other = db.session.get(Person, getattr(ward.clinic, who))
        handovers.propose(system, db.session.get(Patient, ward.clinic.first), colleague=other)
    assert list(refused.value.fields) == ["colleague"]


def test_nobody_offers_records_to_themselves(house: Any, ward: Ward) -> None:
    leave(house, ward.clinic.membership)
    with house.system():
        person, home = db.session.get(Person, ward.colleague), db.session.get(Hospital, ward.clinic.hospital)
        make.mandate(person, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
    with pytest.raises(Incomplete) as refused:
        offer(house, ward, by=ward.colleague)
    assert list(refused.value.fields) == ["colleague"]


# --- what happens meanwhile ---


def test_a_record_is_offered_once_at_a_time(house: Any, ward: Ward) -> None:
    offer(house, ward)
    with pytest.raises(Conflict):
        offer(house, ward)


def test_whoever_left_meanwhile_takes_nothing_over_and_the_offer_ends(house: Any, ward: Ward) -> None:
    key = offer(house, ward)
    leave(house, ward.membership)
    assert patients_seen(house, ward.colleague) == set()
    with house.acting(ward.colleague) as actor, pytest.raises(NotAllowed):
        handovers.accept(actor, db.session.get(Handover, key))
    run_lapse(house)
    assert state_of(house, key) == H.LAPSED.value
    assert patients_seen(house, ward.clinic.clinician) == {ward.clinic.first, ward.clinic.second}


def test_whoever_may_not_enrol_any_more_takes_nothing_over(house: Any, ward: Ward) -> None:
    key = offer(house, ward)
    with house.system():
        db.session.get(Membership, ward.membership).may_enrol = False
        db.session.commit()
    with house.acting(ward.colleague) as actor, pytest.raises(WrongStep):
        handovers.accept(actor, db.session.get(Handover, key))


def test_an_erased_record_is_not_taken_over_and_its_offer_ends(house: Any, ward: Ward) -> None:
    key = offer(house, ward)
    with house.acting(ward.clinic.clinician) as actor:
        patients.delete(actor, db.session.get(Patient, ward.clinic.first))
    with house.acting(ward.colleague) as actor, pytest.raises(WrongStep):
        handovers.accept(actor, db.session.get(Handover, key))
    run_lapse(house)
    assert state_of(house, key) == H.LAPSED.value
    state = house.value("SELECT state FROM patient WHERE id = :id", id=ward.clinic.first)
    assert state == PatientState.ERASED.value


def test_an_offer_that_can_be_accepted_is_left_alone(house: Any, ward: Ward) -> None:
    key = offer(house, ward)
    run_lapse(house)
    assert state_of(house, key) == H.PROPOSED.value


def run_lapse(house: Any) -> None:
    with house.system("expiry") as actor:
        jobs.KINDS["handovers.lapse"].work(actor, {})


def test_of_two_answers_at_one_moment_one_counts(house: Any, ward: Ward) -> None:
    key = offer(house, ward)

    def answer(perform: Any, who: int) -> str:
        with house.acting(who) as actor:
            try:
                perform(actor, db.session.get(Handover, key))
            except Refusal:
                return "refused"
            return "done"

    answers = [(handovers.accept, ward.colleague), (handovers.take_back, ward.clinic.clinician)]
    came = at_once(lambda one: answer(*one), answers)
    assert sorted(came) == ["done", "refused"]
    treats = house.value("SELECT clinician_id FROM patient WHERE id = :id", id=ward.clinic.first)
    assert treats == (ward.colleague if state_of(house, key) == H.ACCEPTED.value else ward.clinic.clinician)


def test_a_second_click_offers_once_and_writes_one_mail(house: Any, ward: Ward) -> None:
    for _click in range(2):
        with house.acting(ward.clinic.clinician) as actor:
            colleague = db.session.get(Person, ward.colleague)
            records = [db.session.get(Patient, ward.clinic.first)]
            assert handovers.propose_each(actor, records, colleague, once="one-form").done == 1
    assert house.value("SELECT count(*) FROM handover") == 1
    assert [tuple(row) for row in house.rows("SELECT person_id, kind FROM mail")] == [
        (ward.colleague, "handover.offered")
    ]


def test_a_record_that_is_chosen_for_an_assistant_while_it_is_handed_over_is_not_theirs(house: Any, ward: Ward) -> None:
    key, clinic = offer(house, ward), ward.clinic

    def choose() -> None:
        with house.acting(clinic.clinician) as actor:
            chosen = [db.session.get(Patient, clinic.first), db.session.get(Patient, clinic.second)]
            with suppress(Refusal):
                people.choose(actor, db.session.get(Grant, clinic.grant), scope=GrantScope.CHOSEN, chosen=chosen)

    def accept() -> None:
        with house.acting(ward.colleague) as actor:
            handovers.accept(actor, db.session.get(Handover, key))

    at_once(lambda one: one(), [choose, accept])
    named = house.rows("SELECT patient_id FROM granted_patient")
    assert [row for row in named if row[0] == clinic.first] == []
