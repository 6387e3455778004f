"""Proof of consent on screen: numbers for who answers for the hospital, one proof for who has its form's code."""

from __future__ import annotations

from app.models import Patient, db
from app.services import withdrawals
from tests.screens import Screen
from tests.world import World


def erased(world: World) -> tuple[str, str]:
    """Erase a record; the code and the public id of its form."""
    with world.house.acting(world.people["owner"]) as actor:
        withdrawals.erase(actor, db.session.get(Patient, world.patients["withdrawn"][0]))
    key, public_id = world.forms["withdrawn"]
    return world.house.value("SELECT code FROM consent_form WHERE id = :key", key=key), public_id


def look(world: World, who: str, code: str) -> Screen:
    client = world.client(who)
    return Screen(client.post("/proofs/find", data=Screen(client.get("/proofs/find")).form("/find") | {"code": code}))


def test_by_the_forms_code_the_contact_opens_the_proof_of_an_erased_record(world: World) -> None:
    code, form = erased(world)
    contact, shown = world.client("protection"), look(world, "protection", code)
    assert (shown.status, "Consent ended" in shown.main) == (200, True)
    (document,) = [one for one in shown.links() if f"/consents/{form}/document/" in one]
    assert contact.get(document).get_data().startswith(b"%PDF")
    assert world.client("owner").get(document).status_code == 404
    entries = world.house.rows("SELECT act FROM audit_entry WHERE act = 'proof.open' AND outcome = 'read'")
    assert len(entries) == 1
    name = world.identities["withdrawn"].family_name
    assert name not in shown.raw


def test_a_code_that_leads_nowhere_and_one_of_a_living_record_answer_alike(world: World) -> None:
    living = world.house.value("SELECT code FROM consent_form WHERE id = :key", key=world.forms["enrolled"][0])
    answers = [look(world, "protection", code) for code in (living, "0000-0000-0000-0000", "nonsense", "")]
    assert [one.status for one in answers] == [422] * 4
    assert {tuple(one.errors.items()) for one in answers[:3]} == {tuple(answers[0].errors.items())}


def test_the_representative_reads_numbers_and_is_offered_no_search(world: World) -> None:
    erased(world)
    shown = Screen(world.client("representative").get("/proofs/"))
    assert "Of erased records 1" in shown.main
    assert shown.tree.xpath("//main//form") == []
    assert look(world, "protection", "").status == 422
    assert world.client("owner").get("/proofs/").status_code == 403


def test_who_treated_the_patient_reads_that_the_proof_is_kept_apart(world: World) -> None:
    _code, form = erased(world)
    shown = Screen(world.client("owner").get(f"/consents/{form}"))
    assert "The record is erased. The proof of this consent is kept apart" in shown.main
    assert [one for one in shown.links() if "/document/" in one] == []
