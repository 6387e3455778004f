"""Crowds of people and records for the benchmarks, written with plain INSERTs in bulk.

``treated`` fills a house with patients of whom one clinician treats 500; ``coordinated`` with memberships that one
coordinator sees. What a row holds matters to nobody; how many there are, and whose, does.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import create_engine, insert, text
from sqlalchemy.orm import Session

from app.models import (
    Authorisation,
    Centre,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Country,
    Hospital,
    Mandate,
    Membership,
    Network,
    Patient,
    Person,
    now,
    today,
)
from tests.houses import House

OWN = 500
"""Patients of the clinician whose list is measured."""
A_CLINICIANS = 250
"""Patients of every other clinician."""
HOSPITALS = 60
"""Hospitals of the network, however many people work there: it grows by people, not by hospitals."""

Rows = Iterator[dict[str, Any]]


class Crowd(NamedTuple):
    """Whose lists are measured, as keys of ``ab_user``."""

    clinician: int
    coordinator: int


def fill(house: House, patients: int, memberships: int) -> Crowd:
    """Write a crowd into an empty house: one form per patient, at least ``memberships`` memberships in one network."""
    clinicians = max(memberships, 1 + (max(patients - OWN, 0) + A_CLINICIANS - 1) // A_CLINICIANS)
    coordinator = clinicians + 1
    with house.everything() as session:
        if house.dialect == "sqlite":
            session.connection(execution_options={"writes": True})
        _places(session)
        write(session, Person, (_person(n) for n in range(1, coordinator + 1)))
        write(session, Membership, (_membership(n) for n in range(1, clinicians + 1)))
        write(session, Mandate, [_mandate(coordinator)])
        write(session, Patient, (_patient(n, patients) for n in range(1, patients + 1)))
        write(session, ConsentText, [_text()])
        write(session, ConsentForm, (_form(n, patients) for n in range(1, patients + 1)))
        write(session, ConsentDecision, (_decision(n) for n in range(1, patients + 1)))
        session.commit()
    analyse(house)
    return Crowd(clinician=1, coordinator=coordinator)


def analyse(house: House) -> None:
    """Let the planner know what is there, as autovacuum does; on PostgreSQL the tables' owner has to ask."""
    owner = create_engine(house.app.config["SETTINGS"]["DATABASE_OWNER_URL"], isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("ANALYZE" if house.dialect == "sqlite" else "VACUUM ANALYZE"))
    owner.dispose()


def write(session: Session, table: type[Any], rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows, some thousands at a time."""
    left = iter(rows)
    while some := list(itertools.islice(left, 5000)):
        session.execute(insert(table.__table__), some)


def key(table: str, number: int) -> dict[str, Any]:
    """What every table has: the key, a public id of 32 signs, the version."""
    return {"id": number, "public_id": f"{table}{number:028d}", "version": 1}


def _places(session: Session) -> None:
    day = today()
    country = {
        "code": "GR", "procedure": "eu", "eea": True, "languages": "el", "authority_name": "Authority",
        "authority_name_en": "Authority", "authority_address": "1 Street", "authority_contact": "authority.example",
        "majority_age": 18, "two_parents": False, "source": "invented", "checked": True,
    }  # fmt: skip
    write(session, Country, [key("land", 1) | country])
    write(session, Network, [key("netw", 1) | {"code": "ern", "name": "ERN", "field": "tests"}])
    hospital = {
        "country_id": 1, "city": "Town", "address": "1 Street", "phone": "0", "email": "desk@hospital.example",
        "dpo_name": "D", "dpo_contact": "d", "from_on": day - dt.timedelta(days=900),
    }  # fmt: skip
    numbers = range(1, HOSPITALS + 1)
    write(session, Hospital, (key("hosp", n) | hospital | {"name": f"Hospital {_scattered(n):06d}"} for n in numbers))
    centre = {"network_id": 1, "kind": "full_member", "from_on": day - dt.timedelta(days=800)}
    write(session, Centre, (key("cent", n) | centre | {"name": f"Centre {n}", "hospital_id": n} for n in numbers))
    authorisation = {
        "decided_by_name": "R", "decided_on": day, "opinion": "positive", "opinion_by": "D", "opinion_on": day,
        "reference": "A-1", "from_on": day, "to_on": day + dt.timedelta(days=365),
    }  # fmt: skip
    write(session, Authorisation, (key("auth", n) | authorisation | {"hospital_id": n} for n in numbers))


def _scattered(number: int) -> int:
    """A number of six digits that says nothing about the order of ``number``."""
    return number * 611_953 % 1_000_003


def _person(number: int) -> dict[str, Any]:
    name = f"p{number}@people.example"
    known = {"first_name": "Test", "last_name": f"Person {_scattered(number):06d}", "active": True}
    return key("pers", number) | known | {"username": name, "email": name, "language": "en", "welcomed_at": now()}


def _hospital_of(clinician: int) -> int:
    return 1 + clinician % HOSPITALS


def _membership(number: int) -> dict[str, Any]:
    known = {"person_id": number, "centre_id": _hospital_of(number), "from_on": today() - dt.timedelta(days=700)}
    return key("memb", number) | known


def _mandate(coordinator: int) -> dict[str, Any]:
    known = {"person_id": coordinator, "kind": "ern_coordinator", "network_id": 1}
    return key("mand", 1) | known | {"from_on": today() - dt.timedelta(days=600)}


def _clinician_of(patient: int, patients: int) -> int:
    """The measured clinician's patients lie scattered among the others."""
    step = max(patients // OWN, 1)
    if patient % step == 0 and patient // step <= OWN:
        return 1
    return 2 + _scattered(patient) % max(1, (patients - OWN) // A_CLINICIANS)


def _patient(number: int, patients: int) -> dict[str, Any]:
    clinician = _clinician_of(number, patients)
    known = {
        "nickname": f"quiet-{_scattered(number)}-{number}", "hospital_id": _hospital_of(clinician), "clinician_id": clinician,
        "procedure": "eu", "state": ("draft", "enrolled")[number % 2], "sex": "female", "birth_year": 1990,
        "birth_month": 1 + number % 12, "enrolled_by_id": clinician, "created_at": now(),
    }  # fmt: skip
    return key("pati", number) | known


def _text() -> dict[str, Any]:
    known = {
        "procedure": "eu", "language": "el", "variant": "adult", "text_version": "1", "title": "T", "html": "<p>",
        "css": "", "fonts": {}, "sha256": "0" * 64, "published_at": now(),
    }  # fmt: skip
    return key("text", 1) | known


def _form(number: int, patients: int) -> dict[str, Any]:
    state = ("prepared", "printed", "archived")[number % 3]
    known = {
        "code": f"{number:016d}", "patient_id": number, "hospital_id": _hospital_of(_clinician_of(number, patients)),
        "text_id": 1, "procedure": "eu", "language": "el", "variant": "adult", "state": state, "prepared_at": now(),
        "printed_at": now(), "print_count": 1, "signed_on": today() if state == "archived" else None, "wrapped_key": b"k",
    }  # fmt: skip
    return key("form", number) | known


def _decision(number: int) -> dict[str, Any]:
    known = {"form_id": number, "procedure": "eu", "purpose": "care", "answer": ("not_asked", "given")[number % 2]}
    return key("deci", number) | known
