"""From when to when a place lasts: ending one ends what hangs on it, in a login that is open."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Centre, Grant, Hospital, Mandate, Membership, db, now, today
from app.services import departures, people
from tests import factories as make
from tests.services.clinics import DAY, Clinic, patients_seen, typed

# --- from when to when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_on", "to_on", "field"),
    [  # days from today, or a date
        (-1, -1, "to_on"),
        (-1, 0, "to_on"),
        (0, -1, "to_on"),
        (1, None, "from_on"),
        (dt.date(1, 1, 1), None, "from_on"),
        (dt.date(1949, 12, 31), None, "from_on"),
        (0, dt.date(9999, 12, 31), "to_on"),
        (dt.date(9999, 1, 1), None, "from_on"),
    ],
)
def test_dates_that_cannot_be_right_are_refused(
    house: Any, clinic: Clinic, from_on: int | dt.date, to_on: int | dt.date | None, field: str
) -> None:
    first, last = (today() + day * DAY if isinstance(day, int) else day for day in (from_on, to_on))
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.amend_membership(actor, db.session.get(Membership, clinic.membership), from_on=first, to_on=last)
    assert list(refused.value.fields) == [field]


def test_an_end_has_a_reason(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="")
    assert list(refused.value.fields) == ["reason"]


def test_what_is_over_is_neither_ended_nor_changed_nor_hung_upon(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        people.end_membership(actor, membership, reason="Left")
        assert (membership.end_reason, membership.ended_at is None) == ("Left", False)
        with pytest.raises(WrongStep):
            people.end_membership(actor, membership, reason="Again")
        with pytest.raises(WrongStep):
            people.amend_membership(actor, membership, from_on=today(), to_on=None)
    with house.system():
        make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER"))  # the hospital stays
        db.session.get(Centre, clinic.centre).ended_at = now()
        db.session.commit()
    with house.acting(clinic.representative) as actor, pytest.raises(WrongStep):
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today())


@pytest.mark.parametrize(("last_day", "fits"), [(0, True), (9, True), (-1, False), (11, False)])
def test_a_last_day_is_neither_past_nor_later_than_before(
    house: Any, clinic: Clinic, last_day: int, fits: bool
) -> None:
    day = today() + last_day * DAY
    with house.system():
        db.session.get(Membership, clinic.membership).to_on = today() + 10 * DAY
        db.session.commit()
    with house.acting(clinic.representative) as actor:
        membership = db.session.get(Membership, clinic.membership)
        if fits:
            people.end_membership(actor, membership, reason="Moves", last_day=day)
            assert (membership.to_on, membership.ended_at) == (day, None)
        else:
            with pytest.raises(Incomplete) as refused:
                people.end_membership(actor, membership, reason="Moves", last_day=day)
            assert list(refused.value.fields) == ["last_day"]


# --- ending one ends what hangs on it, in a login that is open ------------------------------------------------------------


def _end_membership(actor: Any, clinic: Clinic) -> None:
    people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left")


def _end_centre(actor: Any, clinic: Clinic) -> None:
    departures.end_centre(actor, db.session.get(Centre, clinic.centre), reason="Closed")


def _end_hospital(actor: Any, clinic: Clinic) -> None:
    departures.end_hospital(actor, db.session.get(Hospital, clinic.hospital), reason="Closed")


def _end_assistant(actor: Any, clinic: Clinic) -> None:
    people.end_mandate(actor, db.session.get(Mandate, clinic.assistant_mandate), reason="Left")


def _end_grant(actor: Any, clinic: Clinic) -> None:
    people.end_grant(actor, db.session.get(Grant, clinic.grant), reason="Not needed")


def _give_back(actor: Any, clinic: Clinic) -> None:
    people.give_back(actor, db.session.get(Grant, clinic.grant), reason="Too much")


@pytest.mark.parametrize(
    ("who", "end", "clinician_keeps"),
    [
        ("representative", _end_membership, False),
        ("coordinator", _end_membership, False),
        ("coordinator", _end_centre, False),
        ("admin", _end_hospital, False),
        ("representative", _end_assistant, True),
        ("clinician", _end_grant, True),
        ("representative", _end_grant, True),
        ("assistant", _give_back, True),
    ],
)
def test_ending_one_ends_what_hangs_on_it_at_once(
    house: Any, clinic: Clinic, who: str, end: Any, clinician_keeps: bool
) -> None:
    both = {clinic.first, clinic.second}
    if end is _end_centre:  # where it is the last one, the clinician goes on reading: test_hospitals_left
        with house.system():
            make.centre(db.session.get(Hospital, clinic.hospital), make.network("ERN OTHER"))
    clinician, assistant = house.client_for(clinic.clinician), house.client_for(clinic.assistant)
    assert [patients_seen(house, one) for one in (clinic.clinician, clinic.assistant)] == [both, both]
    assert [client.get("/patients/").status_code for client in (clinician, assistant)] == [200, 200]

    with house.acting(getattr(clinic, who)) as actor:
        end(actor, clinic)

    seen = [patients_seen(house, one) for one in (clinic.clinician, clinic.assistant)]
    assert seen == [both if clinician_keeps else set(), set()]
    answers = [client.get("/patients/").status_code for client in (clinician, assistant)]
    still_assistant = end not in (_end_assistant, _end_hospital)
    assert answers == [200 if clinician_keeps else 302, 200 if still_assistant else 302]  # without a place, signed out


def test_a_last_day_passes_without_anybody_acting(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.get(Membership, clinic.membership).to_on = today() - DAY
        db.session.commit()
    assert [patients_seen(house, one) for one in (clinic.clinician, clinic.assistant)] == [set(), set()]


def test_ending_a_representatives_mandate_ends_their_reach(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.coordinator) as actor:
        held = db.session.scalars(select(Mandate).where(Mandate.person_id == clinic.representative)).one()
        people.end_mandate(actor, held, reason="Left")
    with house.acting(clinic.representative) as actor, pytest.raises(NotAllowed):
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today())
