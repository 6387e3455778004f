"""Leaving a hospital: what hangs is counted, nobody new is enrolled, the records are handed over; a held place ends with them."""

from __future__ import annotations

from typing import Any

import pytest

from app import actors
from app.errors import Incomplete
from app.models import Centre, Handover, Hospital, Mandate, Membership, Patient, Person, db, now, today
from app.premises import premises
from app.rights import may_anywhere
from app.services import (
    departures,
    endings,
    handovers,
    hanging,
    housekeeping,
    jobs,
    leavings,
    networks,
    patients,
    people,
    policies,
)
from app.words import RequestKind, RequestState
from tests import factories as make
from tests.services.clinics import DAY, Clinic, email_of, patients_seen, typed


def told(house: Any) -> list[tuple[int, str]]:
    return [tuple(row) for row in house.rows("SELECT person_id, kind FROM mail ORDER BY id")]


def end(house: Any, clinic: Clinic, who: int, **given: Any) -> None:
    with house.acting(who) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Moves", **given)


def enrols(house: Any, clinic: Clinic) -> bool:
    with house.acting(clinic.clinician) as actor:
        return patients.treats_at(actor, db.session.get(Hospital, clinic.hospital))


def test_what_hangs_is_said_in_numbers(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative):
        said = [str(one) for one in hanging.on_people(endings.of_memberships([clinic.membership]))]
    assert [sentence.split()[0] for sentence in said] == ["2", "1", "Nobody"]  # records, a grant; who takes over
    with house.acting(clinic.admin):
        theirs = db.session.query(Membership).filter_by(person_id=clinic.outsider).one()
        assert hanging.on_people(endings.of_memberships([theirs.id])) == []


def test_the_proposed_last_day_is_the_winddown_and_never_later_than_the_end(house: Any, clinic: Clinic) -> None:
    with house.system():
        membership = db.session.get(Membership, clinic.membership)
        assert leavings.last_day(membership) == today() + premises().settings["WIND_DOWN_DAYS"] * DAY
        membership.to_on = today() + 5 * DAY
        assert leavings.last_day(membership) == today() + 5 * DAY


def test_whoever_winds_down_treats_on_enrols_nobody_and_the_representative_sees_the_nicknames(
    house: Any, clinic: Clinic
) -> None:
    assert enrols(house, clinic)
    end(house, clinic, clinic.clinician, last_day=today() + 30 * DAY)  # by oneself
    assert not enrols(house, clinic)
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}
    assert patients_seen(house, clinic.assistant) == {clinic.first, clinic.second}
    assert patients_seen(house, clinic.representative) == {clinic.first, clinic.second}
    assert told(house) == [(clinic.representative, "records.to-hand-over"), (clinic.clinician, "place.ended")]
    with house.acting(clinic.clinician) as actor:
        assert handovers.leaving(actor) == {clinic.hospital: today() + 30 * DAY}
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.amend_membership(actor, membership, from_on=membership.from_on, to_on=None)  # stays after all
    assert enrols(house, clinic)
    assert patients_seen(house, clinic.representative) == set()


def test_at_once_by_the_operator_nothing_is_seen_any_more(house: Any, clinic: Clinic) -> None:
    end(house, clinic, clinic.admin)
    assert patients_seen(house, clinic.clinician) == set()
    assert patients_seen(house, clinic.assistant) == set()
    with house.acting(clinic.clinician) as actor:
        assert not may_anywhere(actor, "patient.open")


def test_a_place_held_for_its_records_ends_with_the_last_of_them(house: Any, clinic: Clinic) -> None:
    with house.system():
        colleague = make.person("colleague")
        make.member(colleague, db.session.get(Centre, clinic.centre))
        make.policy_acceptance(db.session.get(Person, clinic.clinician), make.policy_version())
        colleague_id = colleague.id
    with house.acting(clinic.clinician) as actor:
        policies.withdraw(actor, db.session.get(Person, clinic.clinician))
    release(house)
    assert house.value("SELECT ended_at FROM membership WHERE id = :id", id=clinic.membership) is None
    with house.acting(clinic.representative) as actor:
        records = list(db.session.scalars(handovers.to_offer(actor, clinic.clinician, clinic.hospital)).unique())
        assert handovers.propose_each(actor, records, db.session.get(Person, colleague_id)).done == 2
    with house.acting(colleague_id) as actor:
        waiting = [(one, one.version) for one in db.session.query(Handover)]
        assert handovers.answer_each(actor, waiting, accepted=True).done == 2
    release(house)
    assert house.value("SELECT ended_at FROM membership WHERE id = :id", id=clinic.membership) is not None
    assert patients_seen(house, colleague_id) == {clinic.first, clinic.second}


def release(house: Any) -> None:
    with house.system("leaving") as actor:
        jobs.KINDS["places.release"].work(actor, {})


def test_fsck_names_a_record_that_nobody_treats_takes_over_or_can_offer(house: Any, clinic: Clinic) -> None:
    end(house, clinic, clinic.representative)
    assert orphans(house) == set()  # the representative has them on Home
    with house.acting(clinic.coordinator) as actor:
        mandate = db.session.query(Mandate).filter_by(person_id=clinic.representative).one()
        people.end_mandate(actor, mandate, reason="Left too")
    assert orphans(house) == {clinic.first, clinic.second}


def orphans(house: Any) -> set[int]:
    keys = {key: number for number, key in house.rows("SELECT id, public_id FROM patient")}
    with house.app.app_context():
        found = [one for one in housekeeping.fsck() if one.sentence.startswith("its clinician has no place")]
    return {keys[one.key] for one in found}


@pytest.mark.parametrize("what", ["centre", "hospital"])
def test_a_centre_or_a_hospital_that_ends_on_a_day_winds_down(house: Any, clinic: Clinic, what: str) -> None:
    who, table, perform = {
        "centre": (clinic.coordinator, Centre, departures.end_centre),
        "hospital": (clinic.admin, Hospital, departures.end_hospital),
    }[what]
    with house.acting(who) as actor:
        perform(actor, db.session.get(table, getattr(clinic, what)), reason="Leaves", last_day=today() + 90 * DAY)
    assert not enrols(house, clinic)
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}
    with house.acting(clinic.outsider) as actor:  # of the other hospital
        assert patients.treats_at(actor, db.session.get(Hospital, clinic.other_hospital))


def announced(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.coordinator) as actor:
        departures.end_centre(
            actor, db.session.get(Centre, clinic.centre), reason="Leaves", last_day=today() + 90 * DAY
        )


def test_dates_corrected_after_the_announcement_let_nobody_enrol_again(house: Any, clinic: Clinic) -> None:
    announced(house, clinic)
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.amend_membership(actor, membership, from_on=membership.from_on - DAY, to_on=None)
    assert not enrols(house, clinic)
    assert patients_seen(house, clinic.representative) == {clinic.first, clinic.second}


def test_whoever_joins_what_winds_down_enrols_nobody_and_takes_no_record_over(house: Any, clinic: Clinic) -> None:
    announced(house, clinic)
    with house.acting(clinic.representative) as actor:
        centre = db.session.get(Centre, clinic.centre)
        made = people.add_member(actor, centre, typed=typed(), from_on=today())
        assert not patients.treats_at(actors.load(db.session(), made.person_id), centre.hospital)
        taker = db.session.get(Person, made.person_id)
        with pytest.raises(Incomplete):
            handovers.propose(actor, db.session.get(Patient, clinic.first), colleague=taker)


def test_an_announcement_that_is_taken_back_lets_the_clinicians_enrol_again(house: Any, clinic: Clinic) -> None:
    announced(house, clinic)
    with house.acting(clinic.coordinator) as actor:
        centre = db.session.get(Centre, clinic.centre)
        networks.amend_centre(actor, centre, name=centre.name, kind=centre.kind, from_on=centre.from_on, to_on=None)
        assert centre.end_reason is None
    assert enrols(house, clinic)
    assert patients_seen(house, clinic.representative) == set()


def second_place(house: Any, clinic: Clinic) -> None:
    with house.system():
        person, hospital = db.session.get(Person, clinic.clinician), db.session.get(Hospital, clinic.hospital)
        make.member(person, make.centre(hospital, make.network("ERN OTHER")))


@pytest.mark.parametrize("days", [None, 30])
def test_whoever_stays_in_the_hospital_by_another_centre_hands_nothing_over(
    house: Any, clinic: Clinic, days: int | None
) -> None:
    second_place(house, clinic)
    with house.acting(clinic.representative):
        assert hanging.on_people(endings.of_memberships([clinic.membership])) == []
    end(house, clinic, clinic.representative, last_day=today() + days * DAY if days else None)
    assert told(house) == [(clinic.clinician, "place.ended")]
    assert patients_seen(house, clinic.representative) == set()
    with house.acting(clinic.clinician) as actor:
        assert handovers.leaving(actor) == {}


def test_requests_that_wait_for_nobody_do_not_hang_on_who_they_name(house: Any, clinic: Clinic) -> None:
    email = email_of(house, clinic.clinician)
    with house.system():
        here, far = db.session.get(Hospital, clinic.hospital), db.session.get(Hospital, clinic.other_hospital)
        for state in ("draft", "at_hospital", "refused", "withdrawn"):
            make.request(make.person(state), RequestKind.ASSISTANT, RequestState(state), [email], hospital=here)
        make.request(make.person("far"), RequestKind.ASSISTANT, RequestState.AT_HOSPITAL, [email], hospital=far)
    with house.acting(clinic.representative):
        said = [str(one) for one in hanging.on_people(endings.of_memberships([clinic.membership]))]
    assert said[2].startswith("1 request for access")


def test_who_came_back_and_is_locked_by_an_operator_has_withdrawn_nothing(house: Any, clinic: Clinic) -> None:
    with house.system():
        person, policy = db.session.get(Person, clinic.outsider), make.policy_version()
        make.policy_acceptance(person, policy, accepted_at=now() - DAY, withdrawn_at=now() - DAY)
        make.policy_acceptance(person, policy)
        person.disabled_at = now()
        db.session.commit()
    release(house)
    assert house.value("SELECT ended_at FROM membership WHERE person_id = :id", id=clinic.outsider) is None
