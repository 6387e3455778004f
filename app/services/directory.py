"""The directory: people of all networks, found by name, place and what they know about. It knows no e-mail address.

Who is in it and who may look is ``directory.find``. Rows are read wide, but as these columns alone: no account is loaded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, intersect, null, select, tuple_, union_all
from sqlalchemy.orm import Session

from app import rights, sight
from app.actors import Actor, in_force, known_as, mandates_in_force, memberships_in_force
from app.errors import NotFound, WrongStep
from app.models import (
    Absence,
    Country,
    Expertise,
    Hospital,
    NameWord,
    Network,
    Person,
    Photo,
    Profile,
    ThematicArea,
    today,
)
from app.outside.name_letters import words
from app.scopes import IN_DIRECTORY
from app.words import MandateKind, _

Criterion = tuple[Select[Any], ...]
"""Ways to fit one thing that is wanted, each a SELECT of people's ids."""
PAGE_ROWS = 25
FEW = 1000
"""People who are quicker found and sorted than met one by one in the order of names."""
MOST_WORDS = 5
LAST_SIGN = "\U0010ffff"


class Wanted(NamedTuple):
    """What is looked for; empty is anything. Hospital and area by their public ids, the others by code."""

    name: str = ""
    network: str = ""
    hospital: str = ""
    country: str = ""
    area: str = ""
    orpha: int | None = None
    language: str = ""


class Place(NamedTuple):
    """A hospital where somebody works, or a network they coordinate, with their mandate there; clinicians need none."""

    hospital: str | None
    country: str | None
    networks: tuple[str, ...]
    kind: MandateKind | None


class Entry(NamedTuple):
    """One person as others find them."""

    key: str
    name: str
    job_title: str | None
    places: tuple[Place, ...]
    languages: tuple[str, ...]
    away: dt.date | None = None
    """The last day of an absence."""
    photo: str | None = None
    """The public id of the photo."""


class Shelf(NamedTuple):
    """A page of the directory: who, where the next and the previous page begin, their number if they are few."""

    entries: tuple[Entry, ...]
    after: str | None
    before: str | None
    number: int | None


def search(actor: Actor, wanted: Wanted, *, after: str = "", before: str = "") -> Shelf:
    """The people who fit, by family name, a page of them."""
    key, backwards = (Person.last_name, Person.id), bool(before and not after)
    with sight.wide("directory") as session:
        fitting, count = _fitting(session, actor, wanted)
        statement = _people(actor)
        right = rights.right_here(actor, "directory.find")  # where a page begins would tell anybody's name
        turned = select(*key).where(Person.public_id == (after or before)[:40], right)
        edge = session.execute(turned).first() if after or before else None
        if edge is not None:
            statement = statement.where(tuple_(*key) < tuple(edge) if backwards else tuple_(*key) > tuple(edge))
        order = [column.desc() if backwards else column.asc() for column in key]
        found = session.execute(statement.where(*fitting).order_by(*order).limit(PAGE_ROWS + 1)).all()
        more, rows = len(found) > PAGE_ROWS, list(found[:PAGE_ROWS])
        if backwards:
            rows.reverse()
        entries = _entries(session, actor, rows)
    further = rows[-1].public_id if rows and (more or backwards) else None
    earlier = rows[0].public_id if rows and edge is not None and (more or not backwards) else None
    return Shelf(entries, further, earlier, count)


def _fitting(session: Session, actor: Actor, wanted: Wanted) -> tuple[list[ColumnElement[bool]], int | None]:
    """The clauses to find by: of a few people, first who fits; of many, each as the list comes to them."""
    right, found = rights.right_here(actor, "directory.find"), criteria(actor, wanted)
    if not found:
        return [right], None
    few = session.scalars(_fit_all(found).limit(FEW + 1)).all()
    if len(few) > FEW:
        return [*(_holds(ways) for ways in found), right], None
    listed = session.scalars(select(Person.id).where(Person.id.in_(few), right)).all()
    return [Person.id.in_(listed)], len(listed)


def _fit_all(found: Sequence[Criterion]) -> Select[Any] | CompoundSelect[Any]:
    """Ids of the people who fit each of these. Of several, as sets: joined, the database would look one up in the other."""
    if len(found) == 1:
        return select(Person.id).where(Person.id.in_(union_all(*found[0])))
    return intersect(*(ways[0] if len(ways) == 1 else union_all(*ways).subquery().select() for ways in found))


def _holds(ways: Criterion) -> ColumnElement[bool]:
    """Whether the person at hand fits in one of the ways, looked up for that one."""
    own = [ids.where(ids.selected_columns[0] == Person.id).correlate_except(*ids.get_final_froms()) for ids in ways]
    return union_all(*own).limit(1).scalar_subquery().is_not(None)


def criteria(actor: Actor, wanted: Wanted) -> list[Criterion]:
    """The people who fit each thing that is wanted."""
    found: list[Criterion] = [
        (select(NameWord.person_id).where(NameWord.word >= word, NameWord.word < word + LAST_SIGN),)
        for word in words(wanted.name)[:MOST_WORDS]
    ]
    if wanted.network or wanted.hospital or wanted.country:
        found.append(_placed(actor, wanted))
    expertise = select(Expertise.person_id)
    if wanted.area:
        area = select(ThematicArea.id).where(ThematicArea.public_id == wanted.area).scalar_subquery()
        found.append((expertise.where(Expertise.area_id == area),))
    if wanted.orpha is not None:
        found.append((expertise.where(Expertise.orpha_code == wanted.orpha),))
    if wanted.language:
        found.append((expertise.where(Expertise.language == wanted.language),))
    return found


def _placed(actor: Actor, wanted: Wanted) -> Criterion:
    """Members of centres there; who has a mandate of a hospital or network there."""
    m, k = memberships_in_force(actor.on).subquery(), mandates_in_force(actor.on).subquery()
    member: list[ColumnElement[bool]] = []
    mandate: list[ColumnElement[bool]] = [k.c.kind.in_(IN_DIRECTORY)]
    if wanted.network:
        network = select(Network.id).where(Network.code == wanted.network).scalar_subquery()
        member.append(m.c.network_id == network)
        mandate.append(k.c.network_id == network)
    if wanted.hospital or wanted.country:
        hospitals = select(Hospital.id).join(Hospital.country)
        if wanted.hospital:
            hospitals = hospitals.where(Hospital.public_id == wanted.hospital)
        if wanted.country:
            hospitals = hospitals.where(Country.code == wanted.country)
        member.append(m.c.hospital_id.in_(hospitals))
        mandate.append(k.c.hospital_id.in_(hospitals))
    return select(m.c.person_id).where(*member), select(k.c.person_id).where(*mandate)


# --- what is told of those who were found ----------------------------------------------------------------------------


def _people(actor: Actor) -> Select[Any]:
    """What is told of each person in one row: the languages they work in, comma between, and until when they are away."""
    absent = known_as("listed_absence", Absence)
    spoken = select(func.aggregate_strings(Expertise.language, ",")).where(Expertise.person_id == Person.id)
    until = select(func.max(absent.c.to_on)).where(absent.c.person_id == Person.id, in_force(absent, actor.on))
    return select(
        Person.id,
        Person.public_id,
        Person.first_name,
        Person.last_name,
        Person.job_title,
        spoken.correlate(Person).scalar_subquery().label("spoken"),
        until.correlate(Person).scalar_subquery().label("away"),
        select(Photo.public_id).where(Photo.person_id == Person.id).scalar_subquery().label("photo"),
    )


def _entries(session: Session, actor: Actor, rows: Sequence[Any]) -> tuple[Entry, ...]:
    places = _places(session, actor, [row.id for row in rows])
    return tuple(
        Entry(
            key=row.public_id,
            name=f"{row.first_name} {row.last_name}",
            job_title=row.job_title,
            places=tuple(places.get(row.id, ())),
            languages=tuple(sorted(row.spoken.split(","))) if row.spoken else (),
            away=row.away,
            photo=row.photo,
        )
        for row in rows
    )


def _places(session: Session, actor: Actor, ids: Sequence[int]) -> dict[int, list[Place]]:
    """Each one's places in force: hospitals with the networks of their centres, then what they are mandated to."""
    m, k = memberships_in_force(actor.on).subquery(), mandates_in_force(actor.on).subquery()
    held = (m.c.person_id, m.c.hospital_id, m.c.network_id, null().label("kind"), null().label("given"))
    given = (k.c.person_id, k.c.hospital_id, k.c.network_id, k.c.kind, k.c.id.label("given"))
    place = union_all(
        select(*held).where(m.c.person_id.in_(ids)),
        select(*given).where(k.c.person_id.in_(ids), k.c.kind.in_(IN_DIRECTORY)),
    ).subquery()
    statement = (
        select(place.c.person_id, Hospital.name, Country.code, Network.name, place.c.kind, place.c.given)
        .select_from(place)
        .outerjoin(Hospital, Hospital.id == place.c.hospital_id)
        .outerjoin(Country, Country.id == Hospital.country_id)
        .outerjoin(Network, Network.id == place.c.network_id)
        .order_by(place.c.given.nulls_first(), Hospital.name, func.lower(Network.name))
    )
    found: dict[int, list[Place]] = {}
    for (person_id, hospital, country, kind, _given), group in groupby(
        session.execute(statement), key=lambda row: (row[0], row[1], row[2], row[4], row[5])
    ):
        networks = tuple(dict.fromkeys(row[3] for row in group if row[3]))
        found.setdefault(person_id, []).append(Place(hospital, country, networks, kind and MandateKind(kind)))
    return found


def named(actor: Actor, ids: Sequence[int], network_id: int) -> dict[int, Entry]:
    """Those of the people ``ids`` who are in the directory and work in a centre of the network, by id."""
    m = memberships_in_force(actor.on).subquery()
    with sight.wide("directory") as session:
        statement = select(Person.id, Person.public_id, Person.first_name, Person.last_name, Person.job_title)
        here = select(m.c.person_id).where(m.c.network_id == network_id, m.c.person_id.in_(ids))
        right = rights.right_here(actor, "directory.find")
        rows = session.execute(statement.where(Person.id.in_(here), right)).all()
    return {row.id: Entry(row.public_id, f"{row.first_name} {row.last_name}", row.job_title, (), ()) for row in rows}


class Told(NamedTuple):
    """A person's page as others see it."""

    entry: Entry
    title: str | None
    about: str | None
    networks: tuple[str, ...]
    areas: tuple[tuple[str, str], ...]  # with the network of each
    disorders: tuple[tuple[int, str | None], ...]


def members_called(actor: Actor, network: Network, name: str) -> list[Entry]:
    """Those whose name begins so and who work in a centre of the network, a page of them; nobody without a name."""
    if not name:
        return []
    found = search(actor, Wanted(name=name, network=network.code)).entries
    return [one for one in found if any(not place.kind and network.name in place.networks for place in one.places)]


def member_of(network: Network, key: str) -> int:
    """The id of somebody with an open account who works in a centre of the network today; ``key`` is a public id.

    Raises:
        WrongStep: nobody who does has it.
    """
    m = memberships_in_force(today()).subquery()
    with sight.wide("directory") as session:
        found = select(Person.id).join(m, m.c.person_id == Person.id)
        found = found.where(Person.public_id == key[:40], m.c.network_id == network.id, Person.disabled_at.is_(None))
        person_id = session.scalar(found.limit(1))
    if person_id is None:
        raise WrongStep(_("This person works in no centre of this network."))
    return int(person_id)


def one(actor: Actor, key: str) -> Told:
    """One person of the directory.

    Raises:
        NotFound: nobody there has this key.
    """
    with sight.wide("directory") as session:
        right = rights.right_here(actor, "directory.find")
        row = session.execute(_people(actor).where(Person.public_id == key[:40], right)).first()
        if row is None:
            raise NotFound
        (entry,) = _entries(session, actor, [row])
        said = session.execute(
            select(Profile.professional_title, Profile.about).where(Profile.person_id == row.id)
        ).first()
        known = (
            select(Network.name, ThematicArea.name, Expertise.orpha_code, Expertise.orpha_name)
            .select_from(Expertise)
            .outerjoin(ThematicArea, ThematicArea.id == Expertise.area_id)
            .outerjoin(Network, Network.id == func.coalesce(Expertise.network_id, ThematicArea.network_id))
        )
        rows = session.execute(known.where(Expertise.person_id == row.id).order_by(Expertise.id)).all()
    return Told(
        entry=entry,
        title=None if said is None else said[0],
        about=None if said is None else said[1],
        networks=tuple(network for network, area, _code, _name in rows if network and area is None),
        areas=tuple((area, network) for network, area, _code, _name in rows if area),
        disorders=tuple((code, name) for _network, _area, code, name in rows if code is not None),
    )
