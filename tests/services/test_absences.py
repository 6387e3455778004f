"""Absences: said, answered, ended; whoever stands in is told of what they may do themselves, and gains nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app import actors
from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Absence, Mail, Membership, Person, db, now, today
from app.services import absences, reminders
from tests.factories import DAY


def away(world: Any, who: str, substitute: str | None = None, **given: Any) -> int:
    days = {"from_on": today(), "to_on": today() + 3 * DAY} | given
    with world.house.acting(world.people[who]) as actor:
        other = db.session.get(Person, world.people[substitute]) if substitute else None
        made = absences.say(actor, db.session.get(Person, actor.user_id), substitute=other, **days)
        return int(made.id)


def mails(world: Any, who: str) -> list[str]:
    with world.house.everything() as session:
        found = session.query(Mail).filter_by(person_id=world.people[who]).order_by(Mail.id)
        return [one.kind for one in found if one.kind.startswith("absence.")]


def test_a_colleague_is_asked_and_accepts_and_both_are_written_to(world: Any) -> None:
    key = away(world, "colleague", "owner")
    with world.house.acting(world.people["owner"]) as actor:
        absences.accept(actor, db.session.get(Absence, key))
    assert (mails(world, "owner"), mails(world, "colleague")) == (["absence.asked"], ["absence.answered"])
    with world.house.acting(world.people["owner"]):
        assert absences.today_of([world.people["colleague"]])[world.people["colleague"]].accepted_at is not None


def test_only_who_is_named_answers_and_only_oneself_changes_and_ends(world: Any) -> None:
    key = away(world, "colleague", "owner")
    for who, does in (
        ("assistant", absences.accept),
        ("colleague", absences.accept),
        ("owner", absences.end),
        ("representative", absences.end),
    ):
        with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
            does(actor, db.session.get(Absence, key))


def test_who_stands_in_gains_no_right_and_no_role(world: Any) -> None:
    with world.house.everything() as session:
        before = actors.load(session, world.people["assistant of chosen"])
    key = away(world, "owner", "assistant of chosen", from_on=today() + 30 * DAY, to_on=today() + 40 * DAY)
    with world.house.acting(world.people["assistant of chosen"]) as actor:
        absences.accept(actor, db.session.get(Absence, key))
    with world.house.everything() as session:
        assert actors.load(session, world.people["assistant of chosen"]) == before


def test_who_stands_in_is_told_of_their_own_work_alone(world: Any) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        assert absences.standing_in(session, {world.people["owner"]}, today()) == {world.people["colleague"]}
        assert absences.standing_in(session, {world.people["owner"]}, today() + 6 * DAY) == set()
        counted = reminders.counts(session, actors.load(session, world.people["colleague"]))
        row = session.query(Absence).filter_by(person_id=world.people["owner"]).one()
        row.accepted_at, row.declined_at = None, now()
        session.commit()
        assert absences.standing_in(session, {world.people["owner"]}, today()) == set()
        assert reminders.counts(session, actors.load(session, world.people["colleague"])) == counted


@pytest.mark.parametrize("substitute", ["colleague", "outsider", "neighbour", "bystander", "leaver"])
def test_nobody_from_elsewhere_and_nobody_oneself_stands_in(world: Any, substitute: str) -> None:
    with world.house.everything() as session:
        someone = session.get_one(Person, world.people[substitute])
        session.expunge_all()
    with world.house.acting(world.people["colleague"]) as actor, pytest.raises(Incomplete) as refused:
        absences.say(actor, db.session.get(Person, actor.user_id), from_on=today(), to_on=today(), substitute=someone)
    assert list(refused.value.fields) == ["substitute"]


def test_days_that_cannot_be_right_are_refused_by_their_field(world: Any) -> None:
    away(world, "colleague")
    for days, field in (
        ({"from_on": today() - 3 * DAY, "to_on": today() - DAY}, "to_on"),
        ({"from_on": today() + 9 * DAY, "to_on": today() + 8 * DAY}, "to_on"),
        ({"from_on": today() + 9 * DAY, "to_on": today() + 400 * DAY}, "to_on"),
        ({"from_on": today() + DAY, "to_on": today() + 9 * DAY}, "from_on"),
    ):
        with pytest.raises(Incomplete) as refused:
            away(world, "colleague", **days)
        assert list(refused.value.fields) == [field]


def test_who_answered_is_asked_anew_when_the_days_change_and_it_ends_once(world: Any) -> None:
    key = away(world, "colleague", "owner")
    with world.house.acting(world.people["owner"]) as actor:
        absences.accept(actor, db.session.get(Absence, key))
        owner = db.session.get(Person, actor.user_id)
    with world.house.acting(world.people["colleague"]) as actor:
        absence = db.session.get(Absence, key)
        same = {"from_on": today(), "substitute": owner}
        absences.change(actor, absence, to_on=today() + 3 * DAY, note="By train", **same)
        assert absence.accepted_at is not None
        absences.change(actor, absence, to_on=today() + 4 * DAY, **same)
        assert absence.accepted_at is None
        absences.end(actor, absence)
        with pytest.raises(WrongStep):
            absences.end(actor, absence)
    assert mails(world, "owner") == ["absence.asked", "absence.asked"]


def test_the_page_of_a_person_says_who_stands_in(world: Any) -> None:
    public = world.house.value("SELECT public_id FROM ab_user WHERE id = :i", i=world.people["owner"])
    page = world.client("colleague").get(f"/people/{public}").text
    assert "Away until" in page
    assert "stands in." in page
    assert "You stand in" in world.client("colleague").get("/my-absences/").text
    assert world.client("colleague").get("/my-absences/add").status_code == 200


def test_whoever_works_with_them_no_more_reads_nothing_of_it_and_answers_nothing(world: Any) -> None:
    key = away(world, "colleague", "owner")
    with world.house.acting(world.people["owner"]):
        assert db.session.get(Absence, key) is not None
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        for place in session.query(Membership).filter_by(person_id=world.people["owner"]):
            place.ended_at = now()
        session.commit()
    with world.house.everything() as session:
        absence = session.get_one(Absence, key)
        session.expunge_all()
    with world.house.acting(world.people["owner"]) as actor:
        assert absences.asked_of(actor) == []
        with pytest.raises(NotAllowed):
            absences.accept(actor, absence)
