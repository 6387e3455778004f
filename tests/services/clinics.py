"""A clinic with somebody in each place, for the tests of who appoints whom and what ends with what."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.models import Patient, db
from app.services.accounts import Typed
from app.words import MandateKind
from tests import factories as make

DAY = dt.timedelta(days=1)
REPRESENTATIVE, PROTECTION = MandateKind.HOSPITAL_REPRESENTATIVE, MandateKind.DATA_PROTECTION_CONTACT


@dataclass
class Clinic:
    """Ids of a hospital, its people and their records, and of a second hospital of the same network."""

    hospital: int
    centre: int
    other_hospital: int
    other_centre: int
    network: int
    admin: int
    coordinator: int
    representative: int
    protection: int
    clinician: int
    assistant: int
    outsider: int
    first: int
    second: int
    grant: int
    membership: int
    assistant_mandate: int


def opened(house: Any) -> Clinic:
    """An empty house gets the clinic: everybody’s place is valid, the assistant is granted all records."""
    with house.system():
        country, ukraine = make.country("GR"), make.country("UA")
        network, hospital, other = make.network(), make.hospital("Home", country), make.hospital("Far", ukraine)
        centre, other_centre = make.centre(hospital, network), make.centre(other, network)
        people_ = {name: make.person(name) for name in ("clinician", "assistant", "outsider", "representative")}
        people_ |= {name: make.person(name) for name in ("coordinator", "protection")}
        membership = make.member(people_["clinician"], centre)
        make.member(people_["outsider"], other_centre)
        mandate = make.mandate(people_["assistant"], MandateKind.ASSISTANT, hospital=hospital)
        make.mandate(people_["representative"], REPRESENTATIVE, hospital=hospital)
        make.mandate(people_["protection"], PROTECTION, hospital=hospital)
        make.mandate(people_["coordinator"], MandateKind.ERN_COORDINATOR, network=network)
        return Clinic(
            hospital=hospital.id,
            centre=centre.id,
            other_hospital=other.id,
            other_centre=other_centre.id,
            network=network.id,
            admin=make.admin(make.person("admin")).id,
            first=make.patient(people_["clinician"], hospital).id,
            second=make.patient(people_["clinician"], hospital).id,
            grant=make.grant(people_["clinician"], people_["assistant"], hospital).id,
            membership=membership.id,
            assistant_mandate=mandate.id,
            **{name: one.id for name, one in people_.items()},
        )


def typed(email: str = "new.person@people.example") -> Typed:
    return Typed(email=email, first_name="Typed", last_name="Name", job_title="Consultant")


def email_of(house: Any, person_id: int) -> str:
    return str(house.value("SELECT email FROM ab_user WHERE id = :id", id=person_id))


def patients_seen(house: Any, person_id: int) -> set[int]:
    """What an open login sees on its next request: each request asks for the roles anew."""
    with house.acting(person_id):
        return set(db.session.scalars(select(Patient.id)))


def count(house: Any, table: str) -> int:
    return int(house.value(f"SELECT count(*) FROM {table}"))
