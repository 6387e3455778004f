"""An export and the proof of erased records: the hospital's own, apart, asked of no clinician."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.export_words import asked, decide, fetched, manifest, opened, passphrase, run
from tests.services.test_proofs import erased

pytestmark = pytest.mark.one_database


def test_the_proof_of_an_erased_record_is_apart_and_released_by_no_clinician(world: Any) -> None:
    form = erased(world)
    code = world.house.value("SELECT code FROM consent_form WHERE id = :id", id=form)
    treated = world.house.value(
        "SELECT count(*) FROM consent_form f JOIN patient p ON p.id = f.patient_id"
        " WHERE p.clinician_id = :id AND f.state IN ('archived', 'superseded', 'withdrawn', 'annulled')"
        " AND p.restricted_on IS NULL AND p.state <> 'erased' AND f.hospital_id = :home",
        id=world.people["owner"],
        home=world.hospitals["Thessaloniki"],
    )
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
