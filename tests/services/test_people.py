"""People by e-mail: a new address makes an account, a known one is linked, and what is refused makes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete
from app.models import Centre, Membership, Person, db, today
from app.services import people
from app.services.accounts import Typed
from tests.services.clinics import DAY, Clinic, count, email_of, typed


def test_a_new_address_makes_an_account_that_cannot_sign_in_yet(house: Any, clinic: Clinic) -> None:
    with house.acting(clinic.representative) as actor:
        made = people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today())
        name, title, password = str(made.person), made.person.job_title, made.person.password

    assert (name, title, password) == ("Typed Name", "Consultant", None)
    entries = house.rows("SELECT act, outcome FROM audit_entry ORDER BY seq")
    assert [tuple(row) for row in entries] == [("membership.add", "done"), ("person.make", "done")]


def test_a_known_address_in_any_case_is_linked_and_keeps_its_own_names(house: Any, clinic: Clinic) -> None:
    email = email_of(house, clinic.outsider).upper()
    before = count(house, "ab_user")

    with house.acting(clinic.representative) as actor:
        assert db.session.scalars(select(Person).where(Person.id == clinic.outsider)).first() is None
        made = people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(email), from_on=today())
        assert (made.person_id, str(made.person)) == (clinic.outsider, "outsider Tester")

    assert count(house, "ab_user") == before


def test_what_is_refused_makes_no_account(house: Any, clinic: Clinic) -> None:
    before = count(house, "ab_user")
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(
            actor, db.session.get(Centre, clinic.centre), typed=typed(), from_on=today(), to_on=today() - DAY
        )
    assert (list(refused.value.fields), count(house, "ab_user")) == (["to_on"], before)


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", "a b@people.example", "a@people.example\nBcc: x@y.example", "@"]
)
def test_what_is_no_address_is_refused_by_its_field(house: Any, clinic: Clinic, email: str) -> None:
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(email), from_on=today())
    assert list(refused.value.fields) == ["email"]


@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_a_name_has_a_letter(house: Any, clinic: Clinic, field: str) -> None:
    nameless = Typed(**vars(typed()) | {field: "12 !"})
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=nameless, from_on=today())
    assert list(refused.value.fields) == [field]


def test_nobody_is_a_member_of_one_centre_twice(house: Any, clinic: Clinic) -> None:
    email = email_of(house, clinic.clinician)
    with house.acting(clinic.representative) as actor, pytest.raises(Incomplete) as refused:
        people.add_member(actor, db.session.get(Centre, clinic.centre), typed=typed(email), from_on=today())
    assert list(refused.value.fields) == ["email"]


def test_a_membership_neither_begins_over_nor_ends_without_a_word(house: Any, clinic: Clinic) -> None:
    days = {"from_on": today() - 9 * DAY, "to_on": today() - DAY}
    with house.acting(clinic.representative) as actor:
        for perform, thing, given in (
            (people.add_member, db.session.get(Centre, clinic.centre), {"typed": typed()}),
            (people.amend_membership, db.session.get(Membership, clinic.membership), {}),
        ):
            with pytest.raises(Incomplete) as refused:
                perform(actor, thing, **days, **given)
            assert list(refused.value.fields) == ["to_on"]
