"""People of CPMS 1, from a file: accounts without a password, and their memberships.

The whole file is read and compared before a row is written, so it is taken as a whole or not at all; taken again it changes
nothing. Who signs in first with the verified address of such an account becomes that person (``arrivals``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app import audit, sight
from app.errors import Incomplete
from app.models import Centre, Membership, Person, today
from app.services import accounts, spells, stays

COLUMNS = ("email", "first_name", "last_name", "job_title", "hospital", "country", "network", "centre")
NEEDED = ("email", "first_name", "last_name", "hospital", "network")
MOST_LINES = 50_000
LONGEST = {"first_name": 64, "last_name": 64, "job_title": 150}


class Line(NamedTuple):
    """One line of the file, its number counted as a spreadsheet does."""

    number: int
    values: dict[str, str]


class Faulty(Exception):
    """The file cannot be taken. ``faults`` are sentences, each with its line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Taken(NamedTuple):
    """What a file made: new accounts and memberships; what was there already is not counted."""

    people: int
    memberships: int
    known: int


def take(content: bytes) -> Taken:
    """Make the accounts and memberships of a file.

    Args:
        content: CSV in UTF-8, with commas or semicolons; the first line names ``COLUMNS`` (job_title, country and centre
            may be left out or empty).

    Raises:
        Faulty: anything in it cannot be right; then nothing is written.
    """
    lines = _lines(content)
    with sight.wide("command") as session:
        session.connection(execution_options={"writes": True})
        centres = _centres(session)
        places: list[Centre | None] = []
        faults: list[str] = []
        for line in lines:
            found, said = _place(line, centres)
            places.append(found)
            faults += [f"line {line.number}: {one}" for one in (*said, *_words(line))]
        faults += _contradictions(lines)
        faults += _others(session, lines)
        if faults:
            raise Faulty(faults)
        taken = _write(session, [(line, place) for line, place in zip(lines, places, strict=True) if place is not None])
        session.commit()
        return taken


# --- reading ---------------------------------------------------------------------------------------------------------


def _lines(content: bytes) -> list[Line]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Faulty(["the file is not UTF-8: save it again as “CSV UTF-8”"]) from error
    if "\0" in text:
        raise Faulty(["the file is no text: save it as “CSV UTF-8”"])
    head = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        found = list(_read(rows, names))
    except csv.Error as error:
        raise Faulty([f"line {rows.line_num}: {error}"]) from error
    lacking, strange = [name for name in NEEDED if name not in names], [name for name in names if name not in COLUMNS]
    faults = [f"line 1: the column {name} is missing" for name in lacking]
    faults += [f"line 1: there is no column {name!r}" for name in strange]
    if len(set(names)) != len(names):
        faults.append("line 1: a column stands there twice")
    if len(found) > MOST_LINES:
        faults.append(f"more than {MOST_LINES} lines: cut the file in two")
    if faults:
        raise Faulty(faults)
    return found


def _read(rows: Iterator[list[str]], names: list[str]) -> Iterator[Line]:
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise Faulty([f"line {number}: {len(row)} cells, and the first line names {len(names)}"])
        yield Line(number, {name: " ".join(cell.split()) for name, cell in zip(names, row, strict=True)})


def _words(line: Line) -> Iterator[str]:
    """What is wrong with who somebody is."""
    for name in NEEDED:
        if not line.values[name]:
            yield f"{name} is empty"
    for name, longest in LONGEST.items():
        if len(line.values.get(name, "")) > longest:
            yield f"{name} has more than {longest} characters"
    try:
        accounts.check_email(line.values["email"])
    except Incomplete:
        yield f"{line.values['email']!r} is not an e-mail address"


def _contradictions(lines: list[Line]) -> Iterator[str]:
    """One address, two names: which of them it is, nobody here can say."""
    first: dict[str, Line] = {}
    for line in lines:
        known = first.setdefault(line.values["email"].lower(), line)
        if any(known.values[name] != line.values[name] for name in ("first_name", "last_name")):
            yield f"line {line.number}: this address has another name in line {known.number}"


def _others(session: Session, lines: list[Line]) -> Iterator[str]:
    """Addresses here that are not, or not any more, those of whom the file means."""
    for line in lines:
        email = line.values["email"].lower()
        by_email, by_name = func.lower(Person.email) == email, func.lower(Person.username) == email
        found = session.execute(select(Person.id, by_email).where(by_email | by_name).order_by(by_email.desc())).first()
        if found is not None and not found[1]:
            yield f"line {line.number}: somebody else signs in by {email!r} as their user name"
        elif found is not None and not accounts.keeps_its_address(found.id):
            yield f"line {line.number}: whoever has the account of {email!r} comes by another address now: correct it first"


# --- where -----------------------------------------------------------------------------------------------------------


def _centres(session: Session) -> dict[tuple[str, str], list[Centre]]:
    """The centres in force or to begin, by hospital and network as they are called."""
    found = select(Centre).where(spells.not_over(Centre))
    load = (joinedload(Centre.hospital), joinedload(Centre.network))
    centres: dict[tuple[str, str], list[Centre]] = {}
    for centre in session.scalars(found.options(*load).order_by(Centre.id)).unique():
        if not spells.is_over(centre.hospital):
            for network in {centre.network.name, centre.network.code}:
                centres.setdefault((centre.hospital.name.casefold(), network.casefold()), []).append(centre)
    return centres


def _place(line: Line, centres: dict[tuple[str, str], list[Centre]]) -> tuple[Centre | None, list[str]]:
    """The centre of a line, or what keeps it from being found."""
    hospital, network = line.values["hospital"], line.values["network"]
    found = centres.get((hospital.casefold(), network.casefold()), [])
    country, unit = line.values.get("country", ""), line.values.get("centre", "")
    found = [one for one in found if not country or one.hospital.country.code == country.upper()]
    found = [one for one in found if not unit or one.name.casefold() == unit.casefold()]
    if len(found) == 1:
        return found[0], []
    if found:
        return None, [f"{hospital!r} has several centres in {network!r}: name the centre, or the country"]
    return None, [f"no centre that takes part: {hospital!r}, {network!r}, {unit!r}, {country!r}"]


# --- writing ---------------------------------------------------------------------------------------------------------


def _write(session: Session, places: list[tuple[Line, Centre]]) -> Taken:
    people = memberships = known = 0
    entries: list[audit.Entry] = []
    for line, centre in places:
        email = line.values["email"].lower()
        person = session.scalars(select(Person).where(func.lower(Person.email) == email)).one_or_none()
        if person is None:
            names = {name: line.values.get(name) or None for name in LONGEST}
            person = accounts.new_person(email=email, country_code=centre.hospital.country.code, **names)
            session.add(person)
            session.flush()
            entries.append(
                audit.Entry("person.import", "done", None, "command", thing="Person", thing_id=person.public_id)
            )
            people += 1
        if _is_member(session, person, centre):
            known += 1
            continue
        member = Membership(
            person_id=person.id,
            centre_id=centre.id,
            from_on=today(),
            stay=stays.joined(person.id, centre.hospital_id, today(), session),
        )
        session.add(member)
        session.flush()
        entry = audit.Entry("membership.import", "done", None, "command", thing="Membership", thing_id=member.public_id)
        entry.hospital_id = centre.hospital_id
        entries.append(entry)
        memberships += 1
    audit.write(session, entries)
    return Taken(people, memberships, known)


def _is_member(session: Session, person: Person, centre: Centre) -> bool:
    """Whether the person has, or had, a place there: who left since does not come back with an old file."""
    same = select(Membership.id).where(Membership.person_id == person.id, Membership.centre_id == centre.id)
    return session.scalar(same.limit(1)) is not None
