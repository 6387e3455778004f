"""T-WITHDRAW: the data-protection contact records what a patient writes, and learns nothing else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from babel.dates import format_date
from sqlalchemy import select

from app.errors import NotAllowed
from app.models import ConsentForm, Hospital, Letter, LetterRecord, Patient, Registry, db, now, today
from app.services import consents, letters, withdrawals
from app.services.letters import TooManySearches
from app.words import (
    LetterOutcome,
    PatientState,
    Purpose,
    Variant,
)
from tests.factories import DAY
from tests.screens import Screen
from tests.trust.test_minimise import every_mark, found_in, text_of
from tests.trust.withdrawals import THIRTY, last_entry, record, shared, withdraw
from tests.world import ARCHIVED, bring_form, identity

pytestmark = pytest.mark.t_withdraw


def search(world: Any, actor: Any, name: str, **given: Any) -> Letter:
    who = world.identities.get(name) or identity(80)
    home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
    known = {
        "reason": "Letter 12",
        "received_on": today(),
        "family_name": who.family_name,
        "birth_date": who.birth_date,
    }
    return letters.trace(actor, home, **known | given)


def test_the_contact_finds_exactly_who_is_named_and_in_the_own_hospital_alone(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        one = world.identities["enrolled"]
        found = [
            search(world, actor, "enrolled").found,
            search(world, actor, "enrolled", file_number=one.file_number).found,
            search(world, actor, "enrolled", file_number="another").found,
            search(world, actor, "enrolled", birth_date=one.birth_date + DAY).found,
            search(world, actor, "neighbour's").found,
            search(world, actor, "erased").found,
        ]
        assert found == [1, 1, 0, 0, 0, 0]
        near = db.session.get_one(Hospital, world.hospitals["Leipzig"])
        with pytest.raises(NotAllowed):
            letters.trace(
                actor, near, reason="r", received_on=today(), family_name="Quex", birth_date=dt.date(1950, 1, 1)
            )


@pytest.mark.parametrize("who", ["owner", "representative", "coordinator", "other protection", "admin"])
def test_nobody_else_looks_for_patients_so(world: Any, who: str) -> None:
    with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
        search(world, actor, "enrolled")
    assert world.client(who).get(f"/letters/{world.letters['renewed'][1]}").status_code in (403, 404)


def test_who_types_names_at_random_is_stopped_and_it_is_noted(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        for number in range(letters.MOST_MISSES - 1):  # one miss is the world's own
            search(world, actor, "nobody", family_name=f"Guess{number}")
        with pytest.raises(TooManySearches):
            search(world, actor, "enrolled")
    refused = "SELECT count(*) FROM audit_entry WHERE act = 'patient.trace' AND outcome = 'refused'"
    assert world.house.value(refused) == 1


def test_no_more_searches_a_day_than_letters_come(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        for _time in range(letters.MOST_A_DAY - 3):
            search(world, actor, "enrolled")
        with pytest.raises(TooManySearches):
            search(world, actor, "enrolled")


def test_the_answer_is_that_a_record_exists_its_clinician_and_its_consents_and_nothing_more(world: Any) -> None:
    client = world.client("protection")
    page = client.get(f"/letters/{world.letters['renewed'][1]}")
    with world.house.acting(world.people["owner"]):
        patient = record(world, "renewed")
        hidden = [patient.nickname, str(patient.birth_year), patient.public_id]
    assert page.status_code == 200
    assert found_in(text_of(page), [*every_mark(world), *hidden]) == []
    shown = Screen(page)
    assert "Treating clinician: owner Tester" in shown.main
    assert shown.texts("//section[@aria-labelledby='consents-1']/ul/li/span")[0] == "Given"


def test_the_contact_opens_the_consent_documents_of_the_letter_and_each_opening_is_noted(world: Any) -> None:
    client = world.client("protection")
    shown = Screen(client.get(f"/letters/{world.letters['renewed'][1]}"))
    addresses = shown.tree.xpath("//main//a[contains(@href, '/document/')]/@href")
    before = last_entry(world)
    answers = [client.get(address).status_code for address in addresses]
    read = "SELECT count(*) FROM audit_entry WHERE seq > :seq AND act = 'document.open' AND patient_id = :id"
    assert answers == [200, 200]
    assert world.house.value(read, seq=before, id=world.patients["renewed"][0]) == 2
    other = world.house.value(
        "SELECT public_id FROM archived_document WHERE form_id = :id", id=world.forms["enrolled"][0]
    )
    assert client.get(f"/consents/{world.forms['enrolled'][1]}/document/{other}").status_code == 404


def test_the_contact_obeys_a_letter_although_the_clinician_has_left(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        letter = search(world, actor, "leaver's")
        (key,) = [one.public_id for one in letter.records]
    client, letter_key = world.client("protection"), letter.public_id
    shown = Screen(client.get(f"/letters/{letter_key}"))
    first = shown.tree.xpath("//main//a[contains(., 'Record a withdrawal')]/@href")[0]
    asked = Screen(client.get(first))
    answer = client.post(first, data=asked.form() | {"channel": "letter"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/letters/{letter_key}")
    with world.house.everything() as session:
        patient = session.get(Patient, world.patients["leaver's"][0])
        outcome = session.scalar(select(LetterRecord.outcome).where(LetterRecord.public_id == key))
    assert (patient.state, patient.erase_on) == (PatientState.RESTRICTED, today() + THIRTY)
    assert outcome is LetterOutcome.WITHDRAWN


def test_a_restriction_is_put_at_once_beats_a_new_consent_and_stands_until_it_is_lifted(world: Any) -> None:
    client, address = world.client("protection"), f"/letters/{world.letters['renewed'][1]}"
    done = client.post(f"{address}/restrict", data=Screen(client.get(address)).form("/restrict"))
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "renewed")
        first = (patient.state, shared(patient), patient.erase_on)
        again = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, again, ARCHIVED)
        second = (patient.state, shared(patient))
    lifted = client.post(f"{address}/lift", data=Screen(client.get(address)).form("/lift"))
    with world.house.acting(world.people["owner"]):
        patient = record(world, "renewed")
        third = (patient.state, shared(patient))
    assert (done.status_code, lifted.status_code) == (302, 302)
    assert first == (PatientState.RESTRICTED, False, None)
    assert second == (PatientState.RESTRICTED, False)
    assert third == (PatientState.ENROLLED, True)


def test_a_letter_opens_its_records_for_thirty_days(world: Any) -> None:
    with time_machine.travel(now() + 31 * DAY), world.house.acting(world.people["protection"]) as actor:
        letter = db.session.get_one(Letter, world.letters["renewed"][0])
        assert [one.patient for one in letter.records] == [None]
        with pytest.raises(NotAllowed):
            withdrawals.restrict_by_protection(actor, Patient(id=world.patients["renewed"][0]))


def test_the_clinician_reads_on_home_what_the_contact_did_and_the_representative_without_whose_record(
    world: Any,
) -> None:
    with world.house.acting(world.people["owner"]):
        nickname = record(world, "restricted").nickname
    group = "//section[h2[contains(., 'Done by the data-protection contact')]]//li"
    clinicians = Screen(world.client("owner").get("/")).texts(group)
    representatives = Screen(world.client("representative").get("/")).texts(group)
    colleagues = Screen(world.client("colleague").get("/")).texts(group)
    told = f"Record restricted on {format_date(today(), 'long', 'en_GB')}"
    assert clinicians == [f"{nickname} {told}"]
    assert representatives == [f"Thessaloniki{told}"]
    assert colleagues == []


def test_what_was_typed_into_the_search_is_nowhere(world: Any) -> None:
    client, who = world.client("protection"), world.identities["attested"]
    asked = Screen(client.get("/letters/search")).form()
    typed = {"reason": "Letter 40", "received_on": str(today()), "family_name": who.family_name}
    answer = client.post("/letters/search", data=asked | typed | {"birth_date": str(who.birth_date)})
    page = client.get(answer.headers["Location"])
    assert (answer.status_code, found_in(text_of(answer) + text_of(page), every_mark(world))) == (302, [])
    for table in ("letter", "letter_record", "once_key", "audit_entry"):
        for row in world.house.rows(f"SELECT * FROM {table}"):
            assert found_in("\n".join(str(value) for value in row), every_mark(world)) == []


def test_a_yes_on_a_replaced_form_is_no_yes_on_the_letters_page(world: Any) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        registry = session.scalars(select(Registry).where(Registry.name == "Registry of the network")).one()
        registry.ended_at = now()
        session.commit()
    with world.house.acting(world.people["owner"]) as actor:
        again = consents.prepare(actor, record(world, "enrolled"), language="en", variant=Variant.ADULT)
        bring_form(actor, again, ARCHIVED)
        assert "Registry of the network" not in {d.named_registry.name for d in again.decisions if d.named_registry}
    with world.house.acting(world.people["protection"]) as actor:
        key = search(world, actor, "enrolled").public_id

    for who, where in (("protection", f"/letters/{key}"), ("owner", f"/patients/{world.patients['enrolled'][1]}")):
        page = Screen(world.client(who).get(where))
        row = "//ul[@class='rows']/li[contains(., 'Registry of the network')]"
        assert page.texts(f"{row}//span[contains(@class, 'tag')]") == ["Replaced"]


def test_a_letter_is_not_called_obeyed_when_only_a_part_is_withdrawn(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        search(world, actor, "enrolled")
        patient = record(world, "enrolled")
        (form,) = db.session.scalars(select(ConsentForm).where(ConsentForm.patient_id == patient.id)).unique()
        found = []
        for purpose in (Purpose.REGISTRY, Purpose.EDUCATION, Purpose.CARE):
            decision = next(one for one in form.decisions if one.purpose is purpose)
            withdraw(actor, decision)
            found.append(
                db.session.scalars(select(LetterRecord.outcome).where(LetterRecord.patient_id == patient.id)).one()
            )
    assert found == [LetterOutcome.PARTLY, LetterOutcome.PARTLY, LetterOutcome.WITHDRAWN]
