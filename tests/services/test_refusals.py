"""A refusal may keep its scan: with a draft it goes when the draft ends, of an enrolled patient it stays as proof."""

from __future__ import annotations

import pytest

from app.errors import WrongStep
from app.models import ConsentForm, Patient, db
from app.premises import premises
from app.services import archives, consents, patients, proofs, withdrawals
from app.services.archives import Upload
from app.words import Answer, FormState, PatientState, Variant
from tests.papers import document
from tests.screens import Screen, post
from tests.world import SIGNED, World, bring_form


def scan() -> list[Upload]:
    return [Upload(document(), "scan.pdf")]


def test_the_scan_of_a_refusal_is_kept_until_its_draft_ends(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get(ConsentForm, world.forms["refused"][0])
        (sent,) = scan()
        archives.add_scan(actor, form, [sent], source="desk")
        (kept,) = proofs.readable(form)
        file = kept.storage_key
        assert archives.read(kept) == sent.content
        patients.delete(actor, db.session.get(Patient, world.patients["refused"][0]))
        assert file not in set(premises().store.keys())
    with world.house.everything() as session:
        assert [one.key for one in session.get(ConsentForm, world.forms["refused"][0]).documents] == [None]


def test_one_scan_and_only_of_a_refusal(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        files = set(premises().store.keys())
        with pytest.raises(WrongStep):
            archives.add_scan(actor, db.session.get(ConsentForm, world.forms["enrolled"][0]), scan(), source="desk")
        assert set(premises().store.keys()) == files
        form = db.session.get(ConsentForm, world.forms["refused"][0])
        archives.add_scan(actor, form, scan(), source="desk")
        with pytest.raises(WrongStep):
            archives.add_scan(actor, form, scan(), source="desk")
        assert len(set(premises().store.keys()) - files) == 1


def test_a_no_after_a_yes_keeps_its_scan_as_proof_when_the_record_is_erased(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["enrolled"][0])
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, form, SIGNED, care=Answer.REFUSED)
        assert (form.state, patient.state) == (FormState.ARCHIVED, PatientState.RESTRICTED)
        archives.add_scan(actor, form, scan(), source="desk")
        key = form.id
        withdrawals.erase(actor, patient)
    with world.house.everything() as session:
        form = session.get(ConsentForm, key)
        assert ([one.key is not None for one in form.documents], form.ended_at is not None) == ([True], True)


def test_the_page_of_a_refusal_offers_to_keep_its_scan(world: World) -> None:
    owner, address = world.client("owner"), f"/consents/{world.forms['refused'][1]}"
    assert f"{address}/keep-scan" in Screen(owner.get(address)).links()
    shown = Screen(owner.get(f"{address}/keep-scan"))
    assert "It is erased together with the draft." in shown.main
    assert post(owner, f"{address}/keep-scan", shown.form()).status_code == 422
    saved = post(owner, f"{address}/keep-scan", shown.form(), (document(), "scan.pdf"))
    assert (saved.status_code, saved.location) == (302, address)
    again = Screen(owner.get(address))
    assert f"{address}/keep-scan" not in again.links()
    assert [one for one in again.links() if "/document/" in one] != []
