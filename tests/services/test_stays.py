"""Stays: what was granted ends for good when the clinician or the assistant leaves, and does not wake when they return."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, WrongStep
from app.models import Centre, Grant, Hospital, Mandate, Membership, Person, db, today
from app.services import imports, people, stays
from app.words import EndReason, GrantScope, MandateKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic, email_of, patients_seen, typed


def granted(house: Any, clinic: Clinic) -> set[int]:
    return patients_seen(house, clinic.assistant)


def appoint_again(house: Any, clinic: Clinic, **days: Any) -> None:
    with house.acting(clinic.representative) as actor:
        hospital, who = db.session.get(Hospital, clinic.hospital), typed(email_of(house, clinic.assistant))
        people.appoint_assistant(actor, hospital, typed=who, **{"from_on": today()} | days)


def add_again(house: Any, clinic: Clinic, centre: int | None = None, **days: Any) -> None:
    with house.acting(clinic.representative) as actor:
        at, who = db.session.get(Centre, centre or clinic.centre), typed(email_of(house, clinic.clinician))
        people.add_member(actor, at, typed=who, **{"from_on": today()} | days)


def another_centre(house: Any, clinic: Clinic) -> int:
    with house.system():
        return int(make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN SECOND")).id)


def change(house: Any, table: Any, key: int, **columns: Any) -> None:
    with house.system():
        for name, value in columns.items():
            setattr(db.session.get(table, key), name, value)
        db.session.commit()


def end_membership(house: Any, clinic: Clinic, key: int | None = None) -> None:
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, key or clinic.membership), reason="Left")


@pytest.mark.parametrize("how", ["ended", "ran out"])
@pytest.mark.parametrize("since", [0, -400])
def test_a_new_mandate_wakes_no_old_grant(house: Any, clinic: Clinic, how: str, since: int) -> None:
    assert granted(house, clinic) == {clinic.first, clinic.second}
    if how == "ended":
        with house.acting(clinic.representative) as actor:
            people.end_mandate(actor, db.session.get(Mandate, clinic.assistant_mandate), reason="Misuse")
    else:
        change(house, Mandate, clinic.assistant_mandate, to_on=today() - DAY)
    appoint_again(house, clinic, from_on=today() + since * DAY)
    assert granted(house, clinic) == set()
    assert house.client_for(clinic.assistant).get("/patients/").status_code == 200  # an assistant, of nobody

    with house.acting(clinic.clinician) as actor:
        hospital, assistant = db.session.get(Hospital, clinic.hospital), db.session.get(Person, clinic.assistant)
        people.give(actor, hospital, assistant=assistant, scope=GrantScope.ALL, from_on=today())
    assert granted(house, clinic) == {clinic.first, clinic.second}


@pytest.mark.parametrize("how", ["ended", "ran out"])
@pytest.mark.parametrize("back", ["added", "imported"])
def test_a_clinician_who_comes_back_wakes_no_grant_of_an_earlier_stay(
    house: Any, clinic: Clinic, how: str, back: str
) -> None:
    if how == "ended":
        end_membership(house, clinic)
    else:
        change(house, Membership, clinic.membership, to_on=today() - DAY)
    if back == "added":
        add_again(house, clinic, from_on=today() - 400 * DAY)
    else:
        another_centre(house, clinic)
        row = ",".join((email_of(house, clinic.clinician), "A", "B", "Home", "ERN SECOND"))
        with house.app.app_context():
            imports.take(f"email,first_name,last_name,hospital,network\n{row}\n".encode())
    assert patients_seen(house, clinic.clinician) == {clinic.first, clinic.second}
    assert granted(house, clinic) == set()


def test_a_membership_that_ran_out_is_not_prolonged(house: Any, clinic: Clinic) -> None:
    change(house, Membership, clinic.membership, to_on=today() - DAY)
    with house.acting(clinic.representative) as actor, pytest.raises(WrongStep):
        membership = db.session.get(Membership, clinic.membership)
        people.amend_membership(actor, membership, from_on=membership.from_on, to_on=None)
    assert granted(house, clinic) == set()


def test_a_grant_lasts_while_the_clinician_is_a_member_of_any_centre_there(house: Any, clinic: Clinic) -> None:
    second = another_centre(house, clinic)
    add_again(house, clinic, second)
    end_membership(house, clinic)
    assert granted(house, clinic) == {clinic.first, clinic.second}
    with house.everything() as session:
        last = session.scalars(select(Membership.id).where(Membership.centre_id == second)).one()
    end_membership(house, clinic, last)
    add_again(house, clinic)
    assert granted(house, clinic) == set()


def test_a_membership_that_begins_later_is_another_stay(house: Any, clinic: Clinic) -> None:
    second = another_centre(house, clinic)
    add_again(house, clinic, second, from_on=today() + DAY)
    end_membership(house, clinic)
    with house.everything() as session:
        last = session.scalars(select(Membership.id).where(Membership.centre_id == second)).one()
    change(house, Membership, last, from_on=today())
    assert granted(house, clinic) == set()


def test_the_row_says_that_a_grant_is_over_once_somebody_has_left(house: Any, clinic: Clinic) -> None:
    lapse(house)
    with house.system():
        assert db.session.get(Grant, clinic.grant).ended_at is None
    end_membership(house, clinic)
    assert house.value("SELECT count(*) FROM job WHERE kind = 'grants.lapse'") == 1
    lapse(house)
    with house.everything() as session:
        grant = session.get(Grant, clinic.grant)
        assert (grant.ended_at is None, grant.end_reason) == (False, EndReason.PARTY_LEFT)
    lapse(house)  # nothing is left to do
    assert house.value("SELECT count(*) FROM audit_entry WHERE act = 'grant.lapse'") == 1


def lapse(house: Any) -> None:
    with house.system("expiry") as actor:
        db.session.commit()
        stays.lapse_all(actor, {})


def test_only_who_is_an_assistant_today_is_granted_anything(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        people.end_mandate(actor, db.session.get(Mandate, clinic.assistant_mandate), reason="Left")
    with house.everything() as session:
        assistant = session.get(Person, clinic.assistant)
    with house.acting(clinic.clinician) as actor, pytest.raises(Incomplete):
        hospital = db.session.get(Hospital, clinic.hospital)
        people.give(actor, hospital, assistant=assistant, scope=GrantScope.ALL, from_on=today())
    assert MandateKind.ASSISTANT not in {
        row[0] for row in house.rows("SELECT kind FROM mandate WHERE ended_at IS NULL")
    }
