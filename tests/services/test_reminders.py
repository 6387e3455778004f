"""Reminders: one mail a day and a person at most, with numbers of what that person may see."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from app.models import (
    Centre,
    ConsentText,
    Export,
    ExportRelease,
    Hospital,
    Letter,
    LetterRecord,
    Mail,
    Patient,
    Person,
    db,
    now,
    today,
)
from app.services import jobs, messages, reminders
from app.words import ExportState, FormState, LetterOutcome, MandateKind, RequestKind, RequestState
from tests import factories as make
from tests.factories import DAY


@pytest.fixture
def desk(house: Any) -> dict[str, int]:
    with house.system():
        country, network = make.country("GR"), make.network()
        hospital = make.hospital("Home", country)
        centre = make.centre(hospital, network)
        people = {name: make.person(name) for name in ("clinician", "assistant", "contact", "colleague", "leaver")}
        for name in ("clinician", "colleague"):
            make.member(people[name], centre)
        make.member(people["leaver"], centre, ended_at=now())
        make.mandate(people["assistant"], MandateKind.ASSISTANT, hospital=hospital)
        make.mandate(people["contact"], MandateKind.DATA_PROTECTION_CONTACT, hospital=hospital)
        make.grant(people["clinician"], people["assistant"], hospital)
        found = {name: person.id for name, person in people.items()}
        found["hospital"], found["text"] = hospital.id, make.consent_text().id
        db.session.commit()
    return found


def renewal(house: Any, desk: dict[str, int], whose: str, due_on: dt.date) -> None:
    with house.system():
        person, hospital = db.session.get(Person, desk[whose]), db.session.get(Hospital, desk["hospital"])
        patient = make.patient(person, hospital)
        form = make.form(patient, db.session.get(ConsentText, desk["text"]), state=FormState.ARCHIVED)
        form.renewal_due_on = due_on
        db.session.commit()


def told(house: Any) -> dict[int, dict[str, int]]:
    """The digests of each person, without the zeros."""
    rows = house.rows("SELECT person_id, facts FROM mail WHERE kind = 'digest' ORDER BY id")
    assert len({row.person_id for row in rows}) == len(rows)
    facts = {row.person_id: json.loads(row.facts) if isinstance(row.facts, str) else row.facts for row in rows}
    return {person: {name: n for name, n in found.items() if n} for person, found in facts.items()}


def remind(house: Any) -> None:
    with house.app.app_context():
        reminders.remind(None, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "reminded"), [(91, False), (90, True), (89, False), (30, True), (29, False), (0, False)]
)
def test_a_form_is_told_of_ninety_and_thirty_days_before(
    house: Any, desk: dict[str, int], days: int, reminded: bool
) -> None:
    renewal(house, desk, "clinician", today() + days * DAY)
    remind(house)
    wanted = {desk["clinician"]: {"renewals": 1}, desk["assistant"]: {"renewals": 1}} if reminded else {}
    assert told(house) == wanted


def test_a_digest_counts_everything_that_waits_once_a_day(house: Any, desk: dict[str, int]) -> None:
    renewal(house, desk, "clinician", today() + 30 * DAY)
    renewal(house, desk, "clinician", today() + 60 * DAY)  # alone it would not be told of today
    renewal(house, desk, "colleague", today() + 60 * DAY)
    with house.system():
        person, hospital = db.session.get(Person, desk["clinician"]), db.session.get(Hospital, desk["hospital"])
        make.patient(person, hospital, draft_ends_on=today() + 3 * DAY)
    remind(house)
    remind(house)
    both = {"renewals": 2, "drafts": 1}
    assert told(house) == {desk["clinician"]: both, desk["assistant"]: both}


@pytest.mark.parametrize(("days", "reminded"), [(0, False), (1, True), (2, False), (7, True), (21, True), (22, False)])
def test_only_the_clinician_is_told_of_forms_that_wait_for_their_word(
    house: Any, desk: dict[str, int], days: int, reminded: bool
) -> None:
    with house.system():
        person, hospital = db.session.get(Person, desk["clinician"]), db.session.get(Hospital, desk["hospital"])
        archived = {"state": FormState.ARCHIVED, "archived_at": now() - days * DAY, "explained_by_id": person.id}
        for given in ({}, {"explained_at": now()}, {"explained_by_id": desk["colleague"]}):
            text = db.session.get(ConsentText, desk["text"])
            make.form(make.patient(person, hospital), text, **archived | given)
        db.session.commit()
    remind(house)
    assert told(house) == ({desk["clinician"]: {"unexplained": 1}} if reminded else {})


def test_who_has_left_is_not_told(house: Any, desk: dict[str, int]) -> None:
    renewal(house, desk, "leaver", today() + 30 * DAY)
    remind(house)
    assert told(house) == {}


def test_a_letter_that_is_not_answered_is_the_contacts(house: Any, desk: dict[str, int]) -> None:
    with house.system():
        hospital = db.session.get(Hospital, desk["hospital"])
        patient = make.patient(db.session.get(Person, desk["clinician"]), hospital)
        letters = [
            Letter(
                hospital_id=hospital.id,
                person_id=desk["contact"],
                reason="x",
                received_on=today() - 7 * DAY,
                made_at=now(),
                open_until=today() + 20 * DAY,
                found=1,
            )
            for _ in range(2)
        ]
        for letter, outcome in zip(letters, (None, LetterOutcome.WITHDRAWN), strict=True):
            record = LetterRecord(patient_id=patient.id, hospital_id=hospital.id, outcome=outcome)
            record.answered_at = now() if outcome else None
            letter.records.append(record)
        db.session.add_all(letters)
        db.session.commit()
    remind(house)
    assert told(house) == {desk["contact"]: {"letters": 1}}


def test_an_export_waits_for_who_has_to_release(house: Any, desk: dict[str, int]) -> None:
    with house.system():
        export = Export(
            hospital_id=desk["hospital"],
            person_id=desk["contact"],
            state=ExportState.RELEASING,
            reason="x",
            asked_at=now() - 1 * DAY,
        )
        export.releases.append(ExportRelease(hospital_id=desk["hospital"], person_id=desk["clinician"], forms=3))
        db.session.add(export)
        db.session.commit()
    remind(house)
    assert told(house) == {desk["clinician"]: {"releases": 1}, desk["assistant"]: {"releases": 1}}


def test_days_without_a_worker_are_caught_up_on(house: Any, desk: dict[str, int]) -> None:
    start = dt.datetime.now(dt.UTC).replace(hour=3)
    with time_machine.travel(start, tick=True):
        jobs.run_due(house.app.app_context)
        renewal(house, desk, "clinician", today() + 93 * DAY)
    with time_machine.travel(start + 4 * DAY, tick=True):  # it fell due yesterday, and nobody was there
        jobs.run_due(house.app.app_context)
    assert set(told(house)) == {desk["clinician"], desk["assistant"]}


def test_the_words_are_numbers_and_one_link(house: Any, desk: dict[str, int]) -> None:
    renewal(house, desk, "clinician", today() + 30 * DAY)
    remind(house)
    with house.system():
        mail = db.session.query(Mail).filter_by(person_id=desk["clinician"]).one()
        words = messages.words_of(mail, mail.person)
        nickname = db.session.scalars(select(Patient.nickname)).first()
    assert words.paragraphs == ["1 consent form has to be signed anew within 90 days."]
    assert words.url == "https://cpms.test/"
    assert nickname not in str(words)


def test_an_old_request_is_told_to_who_decides_on_it_and_wakes_nobody_elses_digest(
    house: Any, desk: dict[str, int]
) -> None:
    """The other network's coordinator has something waiting too, but nothing that fell due today."""
    with house.system():
        hospital = db.session.get(Hospital, desk["hospital"])
        here = db.session.scalars(select(Centre)).one()
        deciding, other = make.person("deciding"), db.session.get(Person, desk["colleague"])
        make.mandate(deciding, MandateKind.ERN_COORDINATOR, network_id=here.network_id)
        make.mandate(other, MandateKind.ERN_COORDINATOR, network=make.network("ERN OTHER"))
        make.patient(other, hospital, draft_ends_on=today() + 5 * DAY)
        asked = {"centre": here, "hospital": hospital, "submitted_at": now() - DAY}
        make.request(make.person("newcomer"), RequestKind.CLINICIAN, RequestState.AT_NETWORK, **asked)
        deciding_id = deciding.id
        db.session.commit()
    remind(house)
    assert told(house) == {deciding_id: {"requests": 1}}
