"""T-WITHDRAW: because of a patient's letter the data-protection contact may name the law that keeps a record."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import NotAllowed
from app.models import Hospital, Letter, LetterRecord, Patient, Person, db, today
from app.services import letters, withdrawals
from app.words import LegalGround, LetterOutcome, MandateKind, PatientState, Role
from tests import factories as make
from tests.screens import Screen

pytestmark = pytest.mark.t_withdraw
LAW = "Hospital records act, section 12, ten years"


def written(world: Any, actor: Any, name: str = "withdrawn") -> Letter:
    """A letter about a record."""
    who = world.identities[name]
    home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
    return letters.trace(
        actor,
        home,
        reason="Letter 12",
        received_on=today(),
        family_name=who.family_name,
        birth_date=who.birth_date,
    )


def test_the_contact_names_the_law_and_the_letter_says_so(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        letter = written(world, actor)
        patient = letter.records[0].patient
        withdrawals.keep(actor, patient, ground=LegalGround.LEGAL_DUTY, law=LAW)
        assert (patient.state, patient.erase_on, patient.kept_law) == (PatientState.RESTRICTED, None, LAW)
        assert db.session.get(LetterRecord, letter.records[0].id).outcome is LetterOutcome.KEPT


def test_a_contact_who_assists_elsewhere_keeps_it_in_their_own_name(world: Any) -> None:
    with world.house.system():
        far = db.session.get_one(Hospital, world.hospitals["Leipzig"])
        make.mandate(db.session.get_one(Person, world.people["protection"]), MandateKind.ASSISTANT, hospital=far)
    with world.house.acting(world.people["protection"]) as actor:
        assert actor.is_(Role.ASSISTANT)
        patient = written(world, actor).records[0].patient
        withdrawals.keep(actor, patient, ground=LegalGround.LEGAL_DUTY, law=LAW)
    noted = "SELECT actor_id, on_behalf_of_id FROM audit_entry WHERE act = 'patient.keep' ORDER BY seq DESC LIMIT 1"
    assert tuple(world.house.rows(noted)[0]) == (world.people["protection"], None)


def test_without_a_letter_the_contact_keeps_nothing(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor, pytest.raises(NotAllowed):
        patient = db.session.get(Patient, world.patients["withdrawn"][0])
        withdrawals.keep(actor, patient, ground=LegalGround.LEGAL_DUTY, law=LAW)


def test_on_screen_one_comes_from_the_letter_and_goes_back_to_it(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        address = f"/letters/{written(world, actor).public_id}"
    contact = world.client("protection")
    (keep,) = [one for one in Screen(contact.get(address)).links() if "/keep?letter=" in one]
    shown = Screen(contact.get(keep))
    saved = contact.post(keep, data=shown.form() | {"ground": "legal_duty", "law": LAW})
    assert (saved.status_code, saved.location) == (302, address)
    assert LAW in Screen(contact.get(address)).main
    told = Screen(world.client("owner").get("/")).main
    assert "Record kept by law" in told
