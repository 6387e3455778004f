"""The yearly list of a hospital's people: begun by itself, gone through by whoever represents the hospital, then closed.

On it stands who joined at least a year before its last day: whoever came later was confirmed by coming. Who represents the
hospital is not on it; the network appoints them. Nothing ends by itself: who is not confirmed stays on the list, which is
overdue. How a place ends is ``people``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from app import rights, sight
from app.act import act
from app.actors import Actor, able_mandates, hospitals_left, mandates_in_force
from app.errors import WrongStep
from app.models import Centre, Hospital, Mandate, Membership, Person, Roll, db, today
from app.services import messages, spells
from app.services.jobs import Every, each, job
from app.words import MandateKind, _

YEAR = dt.timedelta(days=365)
OPEN_DAYS = 30
"""A list begins so many days before it is due; whoever goes through it is told then."""
REMIND_DAYS = 7
LATE_DAYS = 60
"""How long after that day it is still told that a list is overdue, should the job have stood still."""
SHOWN = 25
STAFF = (MandateKind.DATA_PROTECTION_CONTACT, MandateKind.ASSISTANT)
"""Mandates a hospital gives itself."""


class Standing(NamedTuple):
    """How many people are on a list, and how many of them are open still."""

    people: int
    open: int


Place = Membership | Mandate


class Row(NamedTuple):
    """Somebody on a list, with their places there."""

    person: Person
    places: list[Place]


# --- who is on it ----------------------------------------------------------------------------------------------------


def _placed() -> Select[Any]:
    """(hospital id, person id, first day, confirmed on) of every place that a hospital vouches for."""
    there = (spells.not_over(Membership), spells.not_over(Centre), spells.not_over(Hospital))
    members = (
        select(Centre.hospital_id, Membership.person_id, Membership.from_on, Membership.confirmed_on)
        .join(Centre, Centre.id == Membership.centre_id)
        .join(Hospital, Hospital.id == Centre.hospital_id)
        .where(*there)
    )
    staff = (
        select(Mandate.hospital_id, Mandate.person_id, Mandate.from_on, Mandate.confirmed_on)
        .join(Hospital, Hospital.id == Mandate.hospital_id)
        .where(spells.not_over(Mandate), Mandate.kind.in_(STAFF), Hospital.id.not_in(hospitals_left(today())))
    )
    place = union_all(members, staff).subquery()
    return select(place)


def _on_lists(*where: ColumnElement[bool]) -> Select[Any]:
    """(roll id, person id, places still open) of everybody on these lists; open are only lists that are not done."""
    place = _placed().subquery()
    here = mandates_in_force(today()).subquery()
    represents = select(here.c.person_id).where(
        here.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE, here.c.hospital_id == Roll.hospital_id
    )
    unsaid = or_(place.c.confirmed_on.is_(None), place.c.confirmed_on < Roll.begun_on)
    return (
        select(
            Roll.id.label("roll_id"),
            place.c.person_id,
            func.sum(case((unsaid, 1), else_=0)).label("open"),
        )
        .join(place, and_(place.c.hospital_id == Roll.hospital_id, place.c.from_on <= Roll.joined_by))
        .where(Roll.done_on.is_(None), place.c.person_id.not_in(represents.correlate(Roll)), *where)
        .group_by(Roll.id, place.c.person_id)
    )


def standings(session: Session, keys: Collection[int]) -> dict[int, Standing]:
    """How far these lists are, by their ids, in one statement; those nobody is on, or that are done, are left out."""
    on = _on_lists(Roll.id.in_(keys)).subquery()
    counted = select(on.c.roll_id, func.count(), func.sum(case((on.c.open > 0, 1), else_=0))).group_by(on.c.roll_id)
    return {key: Standing(people, open_) for key, people, open_ in session.execute(counted)}


def seen(keys: Collection[int]) -> dict[int, Standing]:
    """The same for who sees these lists: people of other networks count too, and are not named."""
    with sight.wide("rolls") as session:
        return standings(session, keys)


def _open_people(roll: Roll) -> Select[Any]:
    on = _on_lists(Roll.id == roll.id).subquery()
    return select(on.c.person_id).where(on.c.open > 0)


def page_of(roll: Roll, after: str | None = None) -> tuple[list[Row], str | None]:
    """Those still open on a list, by name, a page of them after somebody's public id; and where the next page begins."""
    found = select(Person).where(Person.id.in_(_open_people(roll)))
    edge = db.session.scalars(select(Person).where(Person.public_id == after)).first() if after else None
    if edge is not None:
        last, first = Person.last_name, Person.first_name
        same = and_(
            last == edge.last_name, or_(first > edge.first_name, and_(first == edge.first_name, Person.id > edge.id))
        )
        found = found.where(or_(last > edge.last_name, same))
    order = (Person.last_name, Person.first_name, Person.id)
    people = list(db.session.scalars(found.order_by(*order).limit(SHOWN + 1)).unique())
    rows = rows_of(roll, people[:SHOWN])
    return rows, people[SHOWN - 1].public_id if len(people) > SHOWN else None


def picked(roll: Roll, keys: Sequence[str]) -> list[Row]:
    """Those of these people (public ids) who are still open on the list, by name."""
    found = select(Person).where(Person.public_id.in_(keys), Person.id.in_(_open_people(roll)))
    people = db.session.scalars(found.order_by(Person.last_name, Person.first_name, Person.id)).unique()
    return rows_of(roll, list(people))


def rows_of(roll: Roll, people: Sequence[Person]) -> list[Row]:
    """Everything a hospital vouches for of these people, in two statements."""
    ids = [person.id for person in people]
    load = (
        joinedload(Membership.centre).joinedload(Centre.network),
        joinedload(Membership.centre).joinedload(Centre.hospital),
    )
    members = (
        select(Membership)
        .join(Centre, Centre.id == Membership.centre_id)
        .where(Membership.person_id.in_(ids), spells.not_over(Membership), spells.not_over(Centre))
        .where(Centre.hospital_id == roll.hospital_id)
        .order_by(Membership.from_on, Membership.id)
        .options(*load)
    )
    staff = (
        select(Mandate)
        .where(Mandate.person_id.in_(ids), spells.not_over(Mandate), Mandate.kind.in_(STAFF))
        .where(Mandate.hospital_id == roll.hospital_id)
        .order_by(Mandate.from_on, Mandate.id)
    )
    places: dict[int, list[Place]] = {key: [] for key in ids}
    for table in (members, staff):
        for place in db.session.scalars(table).unique():
            places[place.person_id].append(place)
    return [Row(person, places[person.id]) for person in people if places[person.id]]


# --- gone through ----------------------------------------------------------------------------------------------------


@act("membership.reconfirm")
def reconfirm_membership(_actor: Actor, membership: Membership) -> None:
    """Note that a member still works in the hospital."""
    membership.confirmed_on = today()


@act("mandate.reconfirm")
def reconfirm_mandate(_actor: Actor, mandate: Mandate) -> None:
    """Note that an assistant or a data-protection contact still works in the hospital."""
    mandate.confirmed_on = today()


@act("roll.confirm", blind=True)
def confirm(actor: Actor, roll: Roll, *, people: Sequence[str]) -> int:
    """Say of people (public ids) that they still work in the hospital: all their places there are confirmed.

    Whoever is not open on the list by now is passed over: somebody else was quicker, or they have left.

    Returns:
        How many were confirmed.

    Raises:
        WrongStep: the list is done.
    """
    if roll.done_on is not None:
        raise WrongStep(_("This list is done. The next one begins in about a year."))
    rows = picked(roll, people)
    for place in (place for row in rows for place in row.places):
        perform: Any = reconfirm_membership if isinstance(place, Membership) else reconfirm_mandate
        perform(actor, place)
    return len(rows)


# --- begun and closed ------------------------------------------------------------------------------------------------


@act("roll.begin", creates=Roll)
def begin(_actor: Actor, hospital: Hospital) -> Roll:
    """Begin a hospital's list. It is due a year after the last one was done, or the first place was given, and not too soon.

    Raises:
        WrongStep: it is too early, or a list is open.
    """
    with sight.wide("rolls") as session:
        due_on = _due(session, hospital.id).get(hospital.id)
    if due_on is None:
        raise WrongStep(_("No list of this hospital is due."))
    return Roll(hospital_id=hospital.id, begun_on=today(), due_on=due_on, joined_by=due_on - YEAR)


@act("roll.close")
def close(_actor: Actor, roll: Roll) -> None:
    """Close a list on which nobody is open any more.

    Raises:
        WrongStep: it is done, or somebody is open on it.
    """
    with sight.wide("rolls") as session:
        standing = standings(session, [roll.id]).get(roll.id)
    if roll.done_on is not None or (standing is not None and standing.open):
        raise WrongStep(_("This list cannot be closed yet."))
    roll.done_on = today()


def _due(session: Session, alone: int | None = None) -> dict[int, dt.date]:
    """The hospitals whose list begins today or should have, or one hospital alone, with the day it is due."""
    place = _placed().subquery()
    first = select(place.c.hospital_id, func.min(place.c.from_on)).group_by(place.c.hospital_id)
    last: dict[int, dt.date | None] = {}
    lists = select(Roll.hospital_id, func.max(Roll.done_on), func.count() - func.count(Roll.done_on))
    if alone is not None:
        first, lists = first.where(place.c.hospital_id == alone), lists.where(Roll.hospital_id == alone)
    for hospital_id, done_on, under_way in session.execute(lists.group_by(Roll.hospital_id)):
        last[hospital_id] = None if under_way else done_on
    left = select(Hospital.id).where(Hospital.id.in_(hospitals_left(today())))
    gone, due = set(session.scalars(left)), {}
    for hospital_id, first_on in session.execute(first):
        since = last.get(hospital_id, first_on)
        if since is None or hospital_id in gone:
            continue
        if since + YEAR - dt.timedelta(days=OPEN_DAYS) <= today():
            due[hospital_id] = max(since + YEAR, today() + dt.timedelta(days=OPEN_DAYS))
    return due


@job("rolls.look-after", reason="rolls", every=Every.DAY)
def look_after(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Begin the yearly lists of hospitals' people, close those that are done, and remind who goes through the others."""
    with sight.wide("rolls") as session:
        due = sorted(_due(session))
    each(actor, begin, Hospital, due)
    with sight.wide("rolls") as session:
        done = _done(session)
    each(actor, close, Roll, done)
    _remind()


def _done(session: Session) -> list[int]:
    """The ids of open lists on which nobody is open."""
    keys = list(session.scalars(select(Roll.id).where(Roll.done_on.is_(None)).order_by(Roll.id)))
    standing = standings(session, keys)
    return [key for key in keys if key not in standing or not standing[key].open]


def _remind() -> None:
    """Tell who represents a hospital thirty and seven days before its list is due, and once after; each time once."""
    with sight.wide("rolls") as session:
        waiting = select(Roll).where(Roll.done_on.is_(None)).options(joinedload(Roll.hospital)).order_by(Roll.id)
        rolls = list(session.scalars(waiting).unique())
        standing = standings(session, [roll.id for roll in rolls])
        mandate = able_mandates(today()).subquery()
        kind = mandate.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE
        pairs = session.execute(
            select(mandate.c.hospital_id, mandate.c.person_id)
            .where(kind, mandate.c.hospital_id.in_([roll.hospital_id for roll in rolls]))
            .distinct()
            .order_by(mandate.c.hospital_id, mandate.c.person_id)
        ).all()
    for roll in rolls:
        left = (roll.due_on - today()).days
        if roll.id not in standing or not standing[roll.id].open or left < -LATE_DAYS:
            continue
        kind_of_mail = "roll.overdue" if left < 0 else "roll.due"
        before = "after" if left < 0 else REMIND_DAYS if left <= REMIND_DAYS else OPEN_DAYS
        facts = {"place": roll.hospital.name, "day": roll.due_on, "people": standing[roll.id].open}
        for hospital_id, person_id in pairs:
            if hospital_id == roll.hospital_id:
                messages.post_once(person_id, kind_of_mail, facts, slot=f"roll {roll.id} {person_id} {before}")


# --- whose work it is ------------------------------------------------------------------------------------------------


def mine(actor: Actor) -> list[Roll]:
    """The open lists one goes through, the next due first."""
    found = select(Roll).where(Roll.done_on.is_(None), rights.right(actor, "roll.confirm"))
    return _with_hospital(found)


def overdue(actor: Actor) -> list[Roll]:
    """The overdue lists one sees and does not go through, the longest first."""
    found = select(Roll).where(is_overdue(), ~rights.right(actor, "roll.confirm"))
    return _with_hospital(found)


def _with_hospital(found: Select[Any]) -> list[Roll]:
    shown = found.order_by(Roll.due_on, Roll.id).limit(SHOWN).options(joinedload(Roll.hospital))
    return list(db.session.scalars(shown).unique())


def is_overdue() -> ColumnElement[bool]:
    """Open lists whose last day is over."""
    return and_(Roll.done_on.is_(None), Roll.due_on < today())
