"""Proof of consent: it outlives the record, is out of everybody's reach but one, and ends with its term."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from sqlalchemy import select

from app import actors, sight
from app.errors import NotFound, WrongStep
from app.models import ConsentForm, DocumentKey, Hospital, Patient, db, now
from app.outside.vault import VaultFault
from app.premises import premises
from app.services import archives, housekeeping, patients, proofs, withdrawals
from app.words import FormState
from tests.factories import DAY
from tests.world import World

TERM = dt.timedelta(days=10 * 366)


def erased(world: World, name: str = "withdrawn") -> int:
    """Erase a record whose care consent was withdrawn; its form's id."""
    with world.house.acting(world.people["owner"]) as actor:
        withdrawals.erase(actor, db.session.get(Patient, world.patients[name][0]))
    return world.forms[name][0]


def documents(world: World, who: str, form: int) -> int:
    """How many stored files of a form somebody sees."""
    with world.house.acting(world.people[who]):
        found = db.session.get(ConsentForm, form)
        return 0 if found is None else len(proofs.readable(found))


def sweep(world: World) -> None:
    """What the daily job does."""
    with world.house.app.app_context():
        actor = actors.system("expiry")
        sight.bind(db.session(), actor)
        housekeeping.end_proofs(actor, {})


def test_erasing_a_record_leaves_the_proof_and_takes_it_from_who_treated_the_patient(world: World) -> None:
    before = {who: documents(world, who, world.forms["withdrawn"][0]) for who in ("owner", "assistant", "protection")}
    form = erased(world)
    after = {who: documents(world, who, form) for who in ("owner", "assistant", "protection", "other protection")}
    assert before == {"owner": 1, "assistant": 1, "protection": 0}
    assert after == {"owner": 0, "assistant": 0, "protection": 1, "other protection": 0}


def test_the_data_protection_contact_finds_it_by_code_and_nobody_else(world: World) -> None:
    form = erased(world)
    code = world.house.value("SELECT code FROM consent_form WHERE id = :key", key=form)
    for who, finds in (("protection", True), ("owner", False), ("representative", False), ("other protection", False)):
        with world.house.acting(world.people[who]) as actor:
            found = proofs.by_code(actor, code)
            assert (found is not None) == finds, who
            if found is not None:
                assert archives.read(found.documents[0]).startswith(b"%PDF")


def test_the_code_of_a_record_that_is_not_erased_finds_nothing(world: World) -> None:
    code = world.house.value("SELECT code FROM consent_form WHERE id = :key", key=world.forms["enrolled"][0])
    with world.house.acting(world.people["protection"]) as actor:
        assert proofs.by_code(actor, code) is None


def test_a_draft_leaves_no_proof(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patients.delete(actor, db.session.get(Patient, world.patients["refused"][0]))
    with world.house.everything() as session:
        form = session.get(ConsentForm, world.forms["refused"][0])
        assert [one.key for one in form.documents] == []
        assert form.ended_at is not None


def test_after_its_term_the_proof_is_destroyed_by_itself_with_an_entry(world: World) -> None:
    form = erased(world)
    with world.house.everything() as session:
        stored = session.get(ConsentForm, form)
        files, sealed_by = [one.storage_key for one in stored.documents], stored.wrapped_key
    sweep(world)
    assert documents(world, "protection", form) == 1
    with time_machine.travel(now() + TERM, tick=True):
        with world.house.everything() as session:
            assert form in proofs.due(session, (now()).date())
        sweep(world)
    with world.house.everything() as session:
        stored = session.get(ConsentForm, form)
        assert [one.key for one in stored.documents] == [None]
        assert stored.wrapped_key != sealed_by
    with world.house.app.app_context():
        assert not set(files) & set(premises().store.keys())
    acts = world.house.rows(
        "SELECT act FROM audit_entry WHERE thing_id = (SELECT public_id FROM consent_form WHERE id = :k)", k=form
    )
    assert ("consent.end-proof",) in [tuple(row) for row in acts]


def test_the_term_of_a_consent_in_force_never_begins(world: World) -> None:
    with time_machine.travel(now() + 3 * TERM, tick=True), world.house.everything() as session:
        due = set(proofs.due(session, now().date()))
    assert world.forms["enrolled"][0] not in due
    assert world.forms["renewal"][0] not in due
    assert {world.forms["withdrawn"][0], world.forms["renewed"][0], world.forms["annulled"][0]} <= due


def test_a_proof_is_not_destroyed_before_its_last_day(world: World) -> None:
    form = erased(world)
    with world.house.app.app_context():
        actor = actors.system("expiry")
        sight.bind(db.session(), actor)
        with pytest.raises(WrongStep):
            proofs.end(actor, db.session.get(ConsentForm, form))


@pytest.mark.parametrize(
    ("ended", "years", "last"),
    [(dt.date(2026, 3, 1), 10, dt.date(2036, 3, 1)), (dt.date(2024, 2, 29), 1, dt.date(2025, 2, 28))],
)
def test_the_term_is_counted_in_years(ended: dt.date, years: int, last: dt.date) -> None:
    assert proofs.years_on(ended, years) == last


def test_its_numbers_are_told_to_who_answers_for_the_hospital(world: World) -> None:
    erased(world)
    for who, hospitals in (("protection", ["Thessaloniki"]), ("representative", ["Thessaloniki"]), ("coordinator", [])):
        with world.house.acting(world.people[who]) as actor:
            kept = proofs.kept(actor)
        assert [one.hospital.name for one in kept] == hospitals
    with world.house.acting(world.people["protection"]) as actor:
        (one,) = proofs.kept(actor)
        assert (one.of_erased, one.soon, one.in_a_year) == (1, 0, 0)
    with time_machine.travel(now() + TERM - 60 * DAY, tick=True), world.house.everything() as session:
        told = proofs.numbers(session, session.get(Hospital, world.hospitals["Thessaloniki"]), now().date())
        assert (told.soon > 0, told.in_a_year >= told.soon) == (True, True)


def test_fsck_finds_a_file_whose_key_is_destroyed_and_a_proof_kept_too_long(world: World) -> None:
    form = erased(world)
    with world.house.system():
        key = db.session.scalars(select(DocumentKey).where(DocumentKey.document.has(form_id=form))).one()
        storage_key = key.document.storage_key
        db.session.delete(key)
        db.session.commit()
    with world.house.app.app_context():
        found = {(one.word, one.key): one for one in housekeeping.fsck()}
        found["remains", storage_key].repair()
        assert storage_key not in set(premises().store.keys())
    with time_machine.travel(now() + TERM, tick=True), world.house.system("expiry"):
        late = [one for one in housekeeping.fsck() if one.word == "proof"]
        assert late
        for one in late:
            one.repair()
        assert [one for one in housekeeping.fsck() if one.word == "proof"] == []


def test_what_is_destroyed_opens_no_more(world: World) -> None:
    form = erased(world)
    with world.house.system():
        stored = db.session.get(ConsentForm, form)
        stored.ended_at = now() - TERM
        db.session.commit()
    sweep(world)
    with world.house.acting(world.people["protection"]):
        stored = db.session.get(ConsentForm, form)
        assert stored.state is FormState.WITHDRAWN
        with pytest.raises((NotFound, VaultFault)):
            archives.read(stored.documents[0])
