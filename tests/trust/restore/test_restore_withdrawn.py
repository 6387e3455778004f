"""T-RESTORE: what was withdrawn stays withdrawn."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.models import ConsentDecision, ConsentForm, Patient, Registry, db, today
from app.services import consents, letters, takebacks, withdrawals
from app.words import Answer, Channel, PatientState, Purpose, Variant
from tests.conftest import Tally
from tests.trust.restore.backups import good, in_order, log, refused, rows
from tests.world import ARCHIVED, World, bring_form, identity

pytestmark = pytest.mark.t_restore


def decision_of(world: World, name: str, purpose: Purpose = Purpose.CARE) -> ConsentDecision:
    """A decision of a form of the world."""
    form = db.session.get(ConsentForm, world.forms[name][0])
    return next(one for one in form.decisions if one.purpose is purpose)


def withdraw(world: World, name: str, purpose: Purpose = Purpose.CARE) -> str:
    """Withdraw by letter, at the desk; the decision's public id."""
    with world.house.acting(world.people["owner"]) as actor:
        decision = decision_of(world, name, purpose)
        consents.withdraw(actor, decision, withdrawn_on=today(), channel=Channel.LETTER, reason="Said why")
        return decision.public_id


def renewed(world: World, name: str, care: Answer) -> None:
    """The patient signs a new form, after the backup."""
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients[name][0])
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        world.forms[f"{name} anew"] = (form.id, form.public_id)
        bring_form(actor, form, ARCHIVED if care is Answer.GIVEN else ARCHIVED - 1, care)


def restrict(world: World, name: str) -> None:
    """The data-protection contact obeys a letter."""
    with world.house.acting(world.people["protection"]) as actor:
        who = world.identities[name]
        hospital = db.session.get(Patient, world.patients["restricted"][0]).hospital
        letters.trace(
            actor,
            hospital,
            reason="A letter",
            received_on=today(),
            family_name=who.family_name,
            birth_date=who.birth_date,
        )
        withdrawals.restrict_by_protection(actor, db.session.get(Patient, world.patients[name][0]))


def state(house: Any, world: World, name: str) -> tuple[str, bool]:
    """The record's state, and whether it is shared with nobody by letter."""
    statement = "SELECT state, restricted_on FROM patient WHERE public_id = :id"
    (row,) = house.rows(statement, id=world.patients[name][1])
    return row[0], row[1] is not None


def answer(house: Any, public_id: str) -> tuple[Any, ...]:
    """What a decision says."""
    statement = "SELECT answer, withdrawn_on, channel FROM consent_decision WHERE public_id = :id"
    (row,) = house.rows(statement, id=public_id)
    return row[0], str(row[1]), row[2]


@pytest.mark.parametrize("ledger", ["elsewhere", "in var"])
def test_what_was_withdrawn_after_the_backup_is_withdrawn_again(
    world: World, empty: Any, tmp_path: Path, ledger: str, tally: Tally
) -> None:
    """Care, education, one registry, and a restriction by letter: the shared records of the backup are closed again."""
    house, folder, there = world.house, tmp_path / "backup", empty()
    with house.acting(world.people["owner"]):
        given = [decision_of(world, "enrolled", Purpose.EDUCATION), decision_of(world, "renewal", Purpose.REGISTRY)]
        tally.check(all(one.answer is Answer.GIVEN for one in given), "nothing was given")
    good(house, "backup", folder)
    care = withdraw(world, "attested")
    education, registry = withdraw(world, "enrolled", Purpose.EDUCATION), withdraw(world, "renewal", Purpose.REGISTRY)
    restrict(world, "enrolled")
    elsewhere = tmp_path / "elsewhere.log"
    shutil.copyfile(house.var / "withdrawn.log", there.var / "withdrawn.log" if ledger == "in var" else elsewhere)

    said = good(there, "restore", folder, *(["--withdrawals", elsewhere] if ledger == "elsewhere" else []))

    tally.check("4 withdrawals and restrictions made since were recorded again." in said, said)
    for key in (care, education, registry):
        tally.check(answer(there, key) == ("withdrawn", str(today()), "letter"), f"{answer(there, key)}")
    for name in ("attested", "enrolled", "renewed"):
        tally.check(state(there, world, name) == state(house, world, name), f"{name}: {state(there, world, name)}")
    statement = "SELECT erase_on FROM patient WHERE public_id = :id"
    due = [str(one.value(statement, id=world.patients["attested"][1])) for one in (house, there)]
    tally.check(due[0] == due[1], f"the thirty days are others: {due}")
    noted = [entry[1] for entry in log(there) if entry[1] in {"decision.withdraw", "patient.restrict-by-protection"}]
    before = [entry[1] for entry in log(house) if entry[1] in {"decision.withdraw", "patient.restrict-by-protection"}]
    tally.check(noted == before, f"noted: {noted}")
    tally.check(in_order(there) == [], f"fsck: {in_order(there)}")


def test_a_consent_that_came_after_the_backup_and_was_withdrawn_ends_the_one_it_had_replaced(
    world: World, empty: Any, tmp_path: Path
) -> None:
    house, folder = world.house, tmp_path / "backup"
    good(house, "backup", folder)
    renewed(world, "enrolled", Answer.GIVEN)
    withdraw(world, "enrolled anew")
    renewed(world, "attested", Answer.REFUSED)

    there = empty()
    said = good(there, "restore", folder, "--withdrawals", house.var / "withdrawn.log")

    assert "withdrawals and restrictions made since were recorded again." in said
    given = "SELECT count(*) FROM consent_decision WHERE answer = 'given' AND form_id = :id"
    assert there.value(given, id=world.forms["attested"][0]) == 0
    assert [state(there, world, name)[0] for name in ("enrolled", "attested")] == ["restricted", "restricted"]


def test_what_was_given_again_before_the_backup_stays_given(world: World, empty: Any, tmp_path: Path) -> None:
    house = world.house
    withdraw(world, "enrolled")
    renewed(world, "enrolled", Answer.GIVEN)
    good(house, "backup", tmp_path / "backup")

    there = empty()
    said = good(there, "restore", tmp_path / "backup", "--withdrawals", house.var / "withdrawn.log")

    assert "were recorded again" not in said
    assert state(there, world, "enrolled") == (PatientState.ENROLLED.value, False)
    assert rows(there) == rows(house)


def test_a_restriction_that_was_lifted_is_not_put_on_again(world: World, empty: Any, tmp_path: Path) -> None:
    house = world.house
    good(house, "backup", tmp_path / "backup")
    restrict(world, "enrolled")
    with house.acting(world.people["protection"]) as actor:
        withdrawals.lift_restriction(actor, db.session.get(Patient, world.patients["enrolled"][0]))

    there = empty()
    good(there, "restore", tmp_path / "backup", "--withdrawals", house.var / "withdrawn.log")

    assert state(there, world, "enrolled") == (PatientState.ENROLLED.value, False)


def test_the_backup_brings_its_own_ledger_and_a_missing_one_is_said_and_can_come_later(
    world: World, empty: Any, tmp_path: Path
) -> None:
    house, there = world.house, empty()
    good(house, "backup", tmp_path / "backup")
    care = withdraw(world, "enrolled")

    said = good(there, "restore", tmp_path / "backup")
    came_back = answer(there, care)[0]
    later = good(there, "withdraw-again", house.var / "withdrawn.log")
    again = good(there, "withdraw-again", house.var / "withdrawn.log")

    assert "No ledger of withdrawals was found: what was withdrawn after " in said
    assert came_back == "given"
    assert later.endswith("1 withdrawals and restrictions were done again.\n")
    assert again == "0 withdrawals and restrictions were done again.\n"
    assert answer(there, care) == ("withdrawn", str(today()), "letter")


def test_the_ledger_names_nobody_and_holds_no_reason(world: World) -> None:
    withdraw(world, "enrolled")
    withdraw(world, "renewal", Purpose.REGISTRY)
    restrict(world, "renewed")
    said = (world.house.var / "withdrawn.log").read_text()
    who = world.identities["enrolled"]
    with world.house.everything() as session:
        nicknames = session.scalars(select(Patient.nickname)).all()
        registries = session.scalars(select(Registry.name)).all()
        codes = session.scalars(select(ConsentForm.code)).all()
    known = [who.family_name, who.file_number, "Said why", "A letter", *nicknames, *registries, *codes]
    assert [word for word in known if word in said] == []
    assert len(said.splitlines()) == 6
    assert said.count(" withdrawing ") == said.count(" withdrawn ") == 3


def test_a_withdrawal_that_was_refused_is_not_in_the_ledger(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        decision = decision_of(world, "enrolled")
        with pytest.raises(Exception, match="before the signature"):
            consents.withdraw(actor, decision, withdrawn_on=identity(0).birth_date, channel=Channel.LETTER, reason=None)
    assert not takebacks_known(world)


def takebacks_known(world: World) -> list[Any]:
    with world.house.app.app_context():
        return list(takebacks.known())


def test_a_ledger_that_cannot_be_read_is_refused(world: World, empty: Any, tmp_path: Path) -> None:
    good(world.house, "backup", tmp_path / "backup")
    there = empty()
    said = refused(there, "restore", tmp_path / "backup", "--withdrawals", tmp_path / "nowhere.log")
    assert said == f"Error: The ledger {tmp_path / 'nowhere.log'} cannot be read or kept: No such file or directory.\n"
