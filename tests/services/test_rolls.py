"""The yearly list of a hospital's people: when it begins, who is on it, how it is gone through, who is reminded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from app import actors, sight
from app.errors import NotAllowed, WrongStep
from app.models import Centre, Hospital, Mandate, Membership, Roll, db, now, today
from app.services import jobs, people, rolls
from tests import factories as make
from tests.services.clinics import DAY, REPRESENTATIVE, Clinic, opened
from tests.services.mail_words import sent_and_forgotten


@pytest.fixture
def clinic(house: Any) -> Iterator[Clinic]:
    """A clinic whose people joined 340 days ago, at home; elsewhere fifty."""
    clinic = opened(house)
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.get(Membership, clinic.membership).from_on = today() - 340 * DAY
        for one in session.scalars(select(Mandate)).unique():
            one.from_on = today() - 340 * DAY
        session.commit()
    return clinic


def look_after(house: Any) -> None:
    with house.app.app_context():
        sight.bind(db.session(), actors.system("rolls"))
        jobs.KINDS["rolls.look-after"].work(actors.system("rolls"), {})


def lists(house: Any) -> list[tuple[int, int, int | None]]:
    """Hospital, days until due, days since done."""
    with house.everything() as session:
        found = session.scalars(select(Roll).order_by(Roll.id)).unique()
        return [
            (one.hospital_id, (one.due_on - today()).days, one.done_on and (today() - one.done_on).days)
            for one in found
        ]


def key_of(house: Any, who: int) -> str:
    return str(house.value("SELECT public_id FROM ab_user WHERE id = :i", i=who))


def confirm(house: Any, who: int, *ticked: int) -> int:
    keys = [key_of(house, one) for one in ticked]
    with house.acting(who) as actor:
        return rolls.confirm(actor, db.session.scalars(select(Roll)).one(), people=keys)


def on_list(house: Any, who: int) -> list[str]:
    with house.acting(who):
        rows, _older = rolls.page_of(db.session.scalars(select(Roll)).one())
        return [row.person.first_name for row in rows]


def told(house: Any, who: int) -> list[str]:
    rows = house.rows("SELECT kind FROM mail WHERE person_id = :i ORDER BY id", i=who)
    return [row.kind for row in rows if row.kind.startswith("roll.")]


def colleague(house: Any, clinic: Clinic, name: str, days: int = 340) -> int:
    with house.system():
        centre = db.session.get(Membership, clinic.membership).centre
        who = make.person(name)
        make.member(who, centre, from_on=today() - days * DAY)
        return int(who.id)


def test_a_list_begins_thirty_days_before_the_first_place_is_a_year_old(house: Any, clinic: Clinic) -> None:
    with time_machine.travel(now() - 6 * DAY, tick=True):
        look_after(house)
        assert lists(house) == []
    look_after(house)
    look_after(house)
    assert lists(house) == [(clinic.hospital, 30, None)]  # never less than thirty days


def test_on_it_stands_who_joined_a_year_before_and_is_no_representative(house: Any, clinic: Clinic) -> None:
    colleague(house, clinic, "newcomer", 300)
    colleague(house, clinic, "aged", 335)
    with house.system():
        both = make.person("both")
        make.member(both, db.session.get(Membership, clinic.membership).centre, from_on=today() - 340 * DAY)
        make.mandate(both, REPRESENTATIVE, hospital=db.session.get(Hospital, clinic.hospital))
    look_after(house)
    assert sorted(on_list(house, clinic.representative)) == ["aged", "assistant", "clinician", "protection"]


def test_who_is_confirmed_leaves_the_list_and_it_closes_with_the_last(house: Any, clinic: Clinic) -> None:
    look_after(house)
    assert confirm(house, clinic.representative, clinic.clinician, clinic.protection) == 2
    assert on_list(house, clinic.representative) == ["assistant"]
    look_after(house)
    assert lists(house)[0][2] is None
    assert confirm(house, clinic.representative, clinic.clinician, clinic.assistant) == 1
    look_after(house)
    assert lists(house) == [(clinic.hospital, 30, 0)]
    day = str(house.value("SELECT confirmed_on FROM membership WHERE id = :i", i=clinic.membership))
    assert day == today().isoformat()
    acts = house.rows(
        "SELECT act, actor_id FROM audit_entry WHERE act LIKE '%.reconfirm' AND outcome = 'done' ORDER BY seq"
    )
    assert sorted((row.act, row.actor_id) for row in acts) == [
        ("mandate.reconfirm", clinic.representative),
        ("mandate.reconfirm", clinic.representative),
        ("membership.reconfirm", clinic.representative),
    ]


def test_the_next_list_is_due_a_year_after_the_last_was_done(house: Any, clinic: Clinic) -> None:
    look_after(house)
    confirm(house, clinic.representative, clinic.clinician, clinic.assistant, clinic.protection)
    look_after(house)
    start = now()
    for days, begun in ((334, 1), (335, 2)):
        with time_machine.travel(start + days * DAY, tick=True):
            look_after(house)
            assert sum(one[0] == clinic.hospital for one in lists(house)) == begun
    with time_machine.travel(start + 336 * DAY, tick=True), house.acting(clinic.representative):
        roll = db.session.scalars(select(Roll).where(Roll.done_on.is_(None), Roll.hospital_id == clinic.hospital)).one()
        assert len(rolls.page_of(roll)[0]) == 3  # what was said a year ago counts no more


def test_who_has_left_meanwhile_or_was_confirmed_by_another_is_passed_over(house: Any, clinic: Clinic) -> None:
    look_after(house)
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Left")
    assert confirm(house, clinic.representative, clinic.clinician, clinic.assistant) == 1
    assert confirm(house, clinic.representative, clinic.assistant) == 0
    assert house.value("SELECT confirmed_on FROM membership WHERE id = :i", i=clinic.membership) is None


def test_a_foreign_person_by_hand_is_not_confirmed(house: Any, clinic: Clinic) -> None:
    look_after(house)
    assert confirm(house, clinic.representative, clinic.outsider, clinic.representative) == 0
    assert house.value("SELECT count(*) FROM membership WHERE confirmed_on IS NOT NULL") == 0


@pytest.mark.parametrize("who", ["coordinator", "protection", "clinician", "assistant", "admin"])
def test_nobody_but_a_representative_goes_through_it(house: Any, clinic: Clinic, who: str) -> None:
    look_after(house)
    with house.system():
        roll_id = db.session.scalars(select(Roll.id)).one()
    with house.acting(getattr(clinic, who)) as actor:
        roll = db.session.get(Roll, roll_id)
        assert (roll is not None) is (who in {"coordinator", "admin"})
        with pytest.raises(NotAllowed):
            rolls.confirm(actor, roll, people=[])


def test_a_list_that_is_done_confirms_nobody(house: Any, clinic: Clinic) -> None:
    look_after(house)
    confirm(house, clinic.representative, clinic.clinician, clinic.assistant, clinic.protection)
    look_after(house)
    with pytest.raises(WrongStep):
        confirm(house, clinic.representative, clinic.clinician)


def test_nothing_ends_by_itself_and_each_reminder_comes_once(house: Any, clinic: Clinic) -> None:
    look_after(house)
    start, seen = now(), []
    for days in (0, 1, 22, 23, 24, 30, 31, 32, 130, 300, 600):
        with time_machine.travel(start + days * DAY, tick=True):
            look_after(house)
            sent_and_forgotten(house)
            seen.append(len(told(house, clinic.representative)))
    assert seen == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 0]
    assert told(house, clinic.representative) == []
    assert told(house, clinic.coordinator) == []
    assert house.value("SELECT ended_at FROM membership WHERE id = :i", i=clinic.membership) is None
    with time_machine.travel(start + 31 * DAY, tick=True):
        for who, mine, others in ((clinic.representative, 1, 0), (clinic.coordinator, 0, 1), (clinic.clinician, 0, 0)):
            with house.acting(who) as actor:
                assert (len(rolls.mine(actor)), len(rolls.overdue(actor))) == (mine, others)


def test_a_hospital_that_has_left_has_no_list(house: Any, clinic: Clinic) -> None:
    with house.system():
        db.session.get(Hospital, clinic.hospital).ended_at = now()
        db.session.commit()
    look_after(house)
    assert lists(house) == []


@pytest.mark.parametrize("what", [Hospital, Centre])
def test_the_open_list_of_a_hospital_that_leaves_is_closed(house: Any, clinic: Clinic, what: type[Any]) -> None:
    look_after(house)
    with house.system():  # itself, or with its last centre: its data-protection contact stays in office
        db.session.get(what, clinic.hospital if what is Hospital else clinic.centre).ended_at = now()
        db.session.commit()
    look_after(house)
    assert lists(house) == [(clinic.hospital, 30, 0)]


def test_a_long_list_has_pages_and_as_many_questions_as_a_short_one(house: Any, clinic: Clinic) -> None:
    many = [colleague(house, clinic, f"many {number:02}") for number in range(30)]
    look_after(house)
    with house.acting(clinic.representative):
        roll = db.session.scalars(select(Roll)).one()
        first, older = rolls.page_of(roll)
        second, end = rolls.page_of(roll, older)
        keys = [row.person.id for row in first + second]
        assert (len(first), len(second), end) == (rolls.SHOWN, 33 - rolls.SHOWN, None)
        assert set(keys) == {*many, clinic.clinician, clinic.assistant, clinic.protection}
        assert len(keys) == len(set(keys))
        assert rolls.standings(db.session(), [roll.id]) == {roll.id: rolls.Standing(33, 33)}
