"""Absences: a person says from when to when they are away and names a colleague, who accepts or declines.

Standing in opens nothing: whoever does is told of work that waits where they may do it themselves (``reminders``), and
others read who it is. An absence ends with its last day, by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, or_, select, union
from sqlalchemy.orm import Session, joinedload

from app import actors
from app.act import act
from app.actors import Actor
from app.errors import Incomplete
from app.models import Absence, Person, db, now, today
from app.services import messages, spells
from app.words import _

LONGEST = dt.timedelta(days=366)


def _wrong(name: str, sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={name: sentence})


@act("absence.say", creates=Absence)
def say(
    _actor: Actor,
    person: Person,
    *,
    from_on: dt.date,
    to_on: dt.date,
    note: str | None = None,
    substitute: Person | None = None,
) -> Absence:
    """Say that one is away, and ask a colleague to stand in.

    Raises:
        Incomplete: the days cannot be right or meet another absence, or the colleague is none.
    """
    made = Absence(person_id=person.id)
    _fill(made, from_on, to_on, note)
    _ask(made, substitute)
    return made


@act("absence.change")
def change(
    _actor: Actor,
    absence: Absence,
    *,
    from_on: dt.date,
    to_on: dt.date,
    note: str | None = None,
    substitute: Person | None = None,
) -> None:
    """Change the days, the note or who is asked to stand in; who has answered stays, unless the days or the person change.

    Raises:
        Incomplete: what ``say`` says.
        WrongStep: it is over.
    """
    spells.refuse_over(absence, _("This absence is over. Add a new one."))
    days = (absence.from_on, absence.to_on)
    _fill(absence, from_on, to_on, note)
    asked = None if substitute is None else substitute.id
    if asked != absence.substitute_id or days != (from_on, to_on):
        _ask(absence, substitute)


@act("absence.end")
def end(_actor: Actor, absence: Absence) -> None:
    """Be back at once.

    Raises:
        WrongStep: it is over already.
    """
    spells.refuse_over(absence)
    absence.ended_at = now()


@act("absence.accept")
def accept(_actor: Actor, absence: Absence) -> None:
    """Stand in for a colleague."""
    _answer(absence, accepted_at=now(), declined_at=None)


@act("absence.decline")
def decline(_actor: Actor, absence: Absence) -> None:
    """Not stand in, or no more."""
    _answer(absence, accepted_at=None, declined_at=now())


def _answer(absence: Absence, **answer: dt.datetime | None) -> None:
    spells.refuse_over(absence, _("This absence is over."))
    for name, moment in answer.items():
        setattr(absence, name, moment)
    messages.post(absence.person_id, "absence.answered", {"from_on": absence.from_on, "to_on": absence.to_on})


def _fill(absence: Absence, from_on: dt.date, to_on: dt.date, note: str | None) -> None:
    spells.check(from_on, to_on)
    if to_on < today():
        raise _wrong("to_on", _("This day is past. Choose a later one."))
    if to_on - from_on > LONGEST:
        raise _wrong("to_on", _("An absence lasts a year at most."))
    others = select(Absence.id).where(
        Absence.person_id == absence.person_id,
        Absence.ended_at.is_(None),
        Absence.from_on <= to_on,
        Absence.to_on >= from_on,
        Absence.id != (absence.id or 0),
    )
    if db.session.scalar(others.limit(1)) is not None:
        raise _wrong("from_on", _("You are away on some of these days already. Change that absence instead."))
    absence.from_on, absence.to_on, absence.note = from_on, to_on, note


def _ask(absence: Absence, substitute: Person | None) -> None:
    """Ask a colleague; whoever was asked before is asked no more."""
    absence.accepted_at = absence.declined_at = None
    absence.substitute_id = None if substitute is None else substitute.id
    if substitute is None:
        return
    if substitute.id not in {one.id for one in colleagues(absence.person_id)}:
        raise _wrong("substitute", _("Choose somebody of your hospital or network."))
    facts = {"from_on": absence.from_on, "to_on": absence.to_on}
    messages.post(substitute.id, "absence.asked", facts)


# --- who could stand in, and who does --------------------------------------------------------------------------------


def colleagues(person_id: int) -> list[Person]:
    """People one sees who work in a hospital where one works today, or coordinate a network one coordinates."""
    m, d = (statement(today()).subquery() for statement in (actors.memberships_in_force, actors.mandates_in_force))
    houses = union(
        select(m.c.person_id, m.c.hospital_id),
        select(d.c.person_id, d.c.hospital_id).where(d.c.hospital_id.is_not(None)),
    )
    networks = select(d.c.person_id, d.c.network_id).where(d.c.network_id.is_not(None))
    found = select(Person).where(
        or_(Person.id.in_(_beside(person_id, houses)), Person.id.in_(_beside(person_id, networks))),
        Person.id != person_id,
        Person.disabled_at.is_(None),
    )
    return list(db.session.scalars(found.order_by(Person.last_name, Person.first_name, Person.id)).unique())


def _beside(person_id: int, places: Any) -> Select[Any]:
    """Who is in one of the places a person is in."""
    mine, theirs = places.subquery(), places.subquery()
    of_place, of_theirs = list(mine.c), list(theirs.c)
    return select(of_theirs[0]).join(mine, of_place[1] == of_theirs[1]).where(of_place[0] == person_id)


def of_person(person_id: int) -> list[Absence]:
    """A person's absences that are not over, the next one first."""
    found = select(Absence).where(Absence.person_id == person_id, spells.not_over(Absence)).order_by(Absence.from_on)
    return list(db.session.scalars(found.options(joinedload(Absence.substitute))).unique())


def asked_of(actor: Actor) -> list[Absence]:
    """The absences a person is named in as the substitute, that are not over and not declined."""
    mine = (Absence.substitute_id == actor.user_id, Absence.declined_at.is_(None), spells.not_over(Absence))
    found = select(Absence).where(*mine).order_by(Absence.from_on).options(joinedload(Absence.person))
    return list(db.session.scalars(found).unique())


def today_of(person_ids: Iterable[int | None]) -> dict[int, Absence]:
    """The absences of today, as far as the reader may see them, by person."""
    ids = {one for one in person_ids if one is not None}
    if not ids:
        return {}
    found = select(Absence).where(Absence.person_id.in_(ids), actors.in_force(Absence.__table__, today()))
    rows = db.session.scalars(found.options(joinedload(Absence.substitute))).unique()
    return {row.person_id: row for row in rows}


def standing_in(session: Session, person_ids: set[int], on: dt.date) -> set[int]:
    """Who stands in for these people on a day. For a wide session: what they are told follows from their own rights."""
    found = select(Absence.substitute_id).where(
        Absence.person_id.in_(person_ids), Absence.accepted_at.is_not(None), actors.in_force(Absence.__table__, on)
    )
    return {one for one in session.scalars(found) if one is not None}
