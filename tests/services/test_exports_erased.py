"""An export and the proof of erased records: the hospital's own, apart, asked of no clinician."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from app.models import Export, Hospital, Patient, db, today
from app.services import exports
from app.words import PatientState
from tests.services.export_words import (
    WHY,
    archived_at_home,
    asked,
    decide,
    fetched,
    manifest,
    opened,
    passphrase,
    run,
    state,
)
from tests.services.test_proofs import erased

pytestmark = pytest.mark.one_database


def test_the_proof_of_an_erased_record_is_apart_and_released_by_no_clinician(world: Any) -> None:
    form = erased(world)
    code = world.house.value("SELECT code FROM consent_form WHERE id = :id", id=form)
    treated = archived_at_home(world)[world.people["owner"]]
    key = asked(world)
    asks = "SELECT forms FROM export_release WHERE export_id = :key AND person_id = :id"
    assert world.house.value(asks, key=key, id=world.people["owner"]) == treated

    decide(world, "owner", no="Not mine to give")
    decide(world, "colleague")
    for who in ("leaver", "locked"):
        decide(world, "protection", who)
    run(world)
    files = opened(fetched(world, key), passphrase(world, key))
    told = manifest(files)

    assert code not in {one["code"] for one in told["forms"]}
    (proof,) = [one for one in told["erased_records"] if one["code"] == code]
    assert (proof["record"], proof["person"]) == ("erased", None)
    names = {file["name"] for file in proof["files"]}
    assert names == {name for name in files if name.startswith("erased/")}
    assert len(names) > 1
    assert code[:4] in files["erased.csv"].decode()
    assert code[:4] not in files["forms.csv"].decode()


def only_proof(world: Any) -> None:
    """Of nobody but the erased is anything to export in Thessaloniki: the others are restricted by the contact."""
    erased(world)
    patient = Patient.__table__
    others = patient.c.hospital_id == world.hospitals["Thessaloniki"], patient.c.state != PatientState.ERASED
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(update(patient).where(*others).values(restricted_on=today()))
        session.commit()


def test_where_everybody_refuses_the_file_is_made_of_the_proof_alone(world: Any) -> None:
    form = erased(world)
    code = world.house.value("SELECT code FROM consent_form WHERE id = :id", id=form)
    key = asked(world)
    for who in ("owner", "colleague"):
        decide(world, who, no="No")
    for who in ("leaver", "locked"):
        decide(world, "protection", who, no="No")
    assert state(world, key) == "making"
    run(world)
    told = manifest(opened(fetched(world, key), passphrase(world, key)))
    assert (told["forms"], [one["code"] for one in told["erased_records"]]) == ([], [code])


def test_the_representative_goes_on_with_the_proof_though_nobody_answers(world: Any) -> None:
    erased(world)
    key = asked(world)
    client = world.client("representative")
    page = client.get(f"/exports/{world.house.value('SELECT public_id FROM export WHERE id = :id', id=key)}").text
    assert "1 form of an erased record is in the file" in page
    with world.house.acting(world.people["representative"]) as actor:
        exports.go_on(actor, db.session.get(Export, key))
    assert state(world, key) == "making"


def test_an_archive_of_proof_alone_is_made_at_once(world: Any) -> None:
    only_proof(world)
    with world.house.acting(world.people["representative"]) as actor:
        home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        export = exports.ask_for(actor, home, reason=WHY, once="once")
        key, again = export.id, exports.ask_for(actor, home, reason=WHY, once="once").id
    assert (again, state(world, key)) == (key, "making")
    run(world)
    told = manifest(opened(fetched(world, key), passphrase(world, key)))
    assert (told["forms"], len(told["erased_records"])) == ([], 1)
