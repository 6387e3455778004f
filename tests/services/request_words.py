"""Who asks, confirms and decides in the tests of requests for a place, and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.errors import NotAllowed
from app.models import Centre, Hospital, MembershipRequest, Person, db
from app.services import request_drafts, requests
from app.words import MandateKind, RequestKind
from tests import factories as make

WORK = {"job_title": "Consultant", "registration_number": "REG 7", "registered_with": "Chamber", "languages": "en,el"}


@dataclass
class Clinic:
    """Ids of a represented hospital with two centres, of one nobody represents, and of people."""

    hospital: int
    centre: int
    second: int
    lonely: int
    lonely_centre: int
    newcomer: int
    other: int
    clinician: int
    representative: int
    coordinator: int
    second_coordinator: int
    emails: dict[str, str]


def opened(house: Any) -> Clinic:
    """An empty house gets the clinic."""
    with house.system():
        country, network, second = make.country("GR"), make.network("ERN ONE"), make.network("ERN TWO")
        home, lonely = make.hospital("Home", country), make.hospital("Lonely", country)
        home.email = lonely.email = "withdrawals@people.example"
        centre, other_centre = make.centre(home, network), make.centre(home, second)
        lonely_centre = make.centre(lonely, network)
        names = ("newcomer", "other", "clinician", "representative", "coordinator", "second_coordinator")
        people = {name: make.person(name) for name in names}
        make.member(people["clinician"], centre)
        make.mandate(people["representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        make.mandate(people["coordinator"], MandateKind.ERN_COORDINATOR, network=network)
        make.mandate(people["second_coordinator"], MandateKind.ERN_COORDINATOR, network=second)
        db.session.commit()
        return Clinic(
            hospital=home.id,
            centre=centre.id,
            second=other_centre.id,
            lonely=lonely.id,
            lonely_centre=lonely_centre.id,
            emails={name: one.email for name, one in people.items()},
            **{name: one.id for name, one in people.items()},
        )


def begun(house: Any, who: int, kind: RequestKind, hospital: int | None = None, **answers: Any) -> int:
    """A draft with answers."""
    with house.acting(who) as actor:
        draft = request_drafts.begin(actor, db.session.get_one(Person, who), kind=kind)
        centres = answers.pop("centres", None)
        if hospital is not None:
            request_drafts.write(actor, draft, hospital=db.session.get_one(Hospital, hospital))
        if centres is not None:
            request_drafts.write(actor, draft, centres=[db.session.get_one(Centre, key) for key in centres])
        request_drafts.write(actor, draft, **answers)
        return draft.id


def sent(
    house: Any, clinic: Clinic, who: int | None = None, *, hospital: int | None = None, centres: Any = None
) -> int:
    """A clinician's request, sent."""
    where = hospital or clinic.hospital
    key = begun(house, who or clinic.newcomer, RequestKind.CLINICIAN, where, centres=centres or [clinic.centre], **WORK)
    with house.acting(who or clinic.newcomer) as actor:
        requests.submit(actor, db.session.get_one(MembershipRequest, key))
    return key


def did(house: Any, who: int, act: Any, key: int, table: Any = MembershipRequest, **given: Any) -> None:
    """Let a person act on a row; a row they do not see is refused as the page would refuse it."""
    with house.acting(who) as actor:
        record = db.session.scalars(select(table).where(table.id == key)).unique().one_or_none()
        if record is None:
            raise NotAllowed
        act(actor, record, **given)


def state(house: Any, key: int) -> str:
    return str(house.value("SELECT state FROM membership_request WHERE id = :key", key=key))


def roles(house: Any, who: int) -> set[str]:
    with house.acting(who) as actor:
        return {role.value for role in actor.roles} - {"Any signed-in"}


def assistant(house: Any, clinic: Clinic, *emails: str) -> int:
    key = begun(
        house, clinic.newcomer, RequestKind.ASSISTANT, clinic.hospital, emails=list(emails), job_title="Secretary"
    )
    did(house, clinic.newcomer, requests.submit, key)
    return key


def asked(house: Any, email: str) -> int:
    return int(house.value("SELECT id FROM request_confirmation WHERE email = :email", email=email.lower()))
