"""A hospital's export: asked for by its representative, released by each clinician."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import Export, ExportRelease, Hospital, Membership, Person, db, now
from app.services import accounts, exports
from app.words import ReleaseState
from tests.papers import sentence
from tests.services.export_words import (
    WHY,
    archived_at_home,
    asked,
    decide,
    everybody_releases,
    force,
    state,
)

# --- asked for, released ----------------------------------------------------------------------------------------------


def test_each_clinician_with_archived_forms_is_asked_with_a_count(world: Any) -> None:
    key = asked(world)
    rows = world.house.rows("SELECT person_id, forms FROM export_release WHERE export_id = :id", id=key)
    assert sorted(map(tuple, rows)) == sorted(archived_at_home(world).items())
    assert {person for person, _forms in rows} == {
        world.people[who] for who in ("owner", "colleague", "leaver", "locked")
    }


def test_a_second_export_waits_for_the_first(world: Any) -> None:
    asked(world)
    with pytest.raises(Incomplete) as refused:
        asked(world)
    assert sentence(refused.value).startswith("An export of this hospital is under way.")


def test_without_a_data_protection_contact_nobody_could_read_the_passphrase(world: Any) -> None:
    with world.house.acting(world.people["two hats"]) as actor, pytest.raises(Incomplete) as refused:
        exports.ask(actor, db.session.get(Hospital, world.hospitals["Plovdiv"]), reason=WHY)
    assert sentence(refused.value).startswith("The hospital has no data-protection contact")


def test_a_contact_whose_account_is_closed_reads_no_passphrase_either(world: Any) -> None:
    with world.house.system() as actor:
        accounts.disable(actor, db.session.get(Person, world.people["protection"]))
    with pytest.raises(Incomplete) as refused:
        asked(world)
    assert sentence(refused.value).startswith("The hospital has no data-protection contact")


@pytest.mark.parametrize("who", ["owner", "protection", "other representative", "past representative", "admin"])
def test_only_the_representative_asks(world: Any, who: str) -> None:
    with pytest.raises(NotAllowed):
        asked(world, who)


@pytest.mark.parametrize("who", ["assistant", "representative", "protection", "neighbour"])
def test_nobody_releases_for_a_clinician_who_is_there(world: Any, who: str) -> None:
    asked(world)
    with pytest.raises(NotAllowed):
        force(world, who, "owner")


def test_an_assistant_prepares_and_the_clinician_releases(world: Any) -> None:
    asked(world)
    with world.house.acting(world.people["assistant"]) as actor:
        mine = select(ExportRelease).where(ExportRelease.person_id == world.people["owner"])
        exports.prepare(actor, db.session.scalars(mine).unique().one())
    decide(world, "owner")
    (row,) = world.house.rows(
        "SELECT state, prepared_by_id, decided_by_id FROM export_release WHERE person_id = :id",
        id=world.people["owner"],
    )
    assert tuple(row) == ("released", world.people["assistant"], world.people["owner"])


def test_the_last_decision_begins_the_making(world: Any) -> None:
    key = everybody_releases(world, but="colleague")
    assert state(world, key) == "releasing"
    decide(world, "colleague", no="Not before the audit")
    assert state(world, key) == "making"


def test_all_refusals_make_nothing(world: Any) -> None:
    key = asked(world)
    for who in ("owner", "colleague"):
        decide(world, who, no="No")
    for who in ("leaver", "locked"):
        decide(world, "protection", who, no="No")
    assert state(world, key) == "releasing"
    with world.house.acting(world.people["representative"]) as actor, pytest.raises(Incomplete):
        exports.go_on(actor, db.session.get(Export, key))


def test_who_has_left_meanwhile_releases_nothing_and_the_contact_does(world: Any) -> None:
    asked(world)
    with world.house.system():
        statement = select(Membership).where(Membership.person_id == world.people["owner"])
        db.session.scalars(statement).unique().one().ended_at = now()
        db.session.commit()
    with pytest.raises(NotAllowed):
        force(world, "owner", "owner")
    decide(world, "protection", "owner")
    row = world.house.value("SELECT state FROM export_release WHERE person_id = :id", id=world.people["owner"])
    assert row == "released"


def test_a_release_can_be_taken_back_until_the_file_is_made(world: Any) -> None:
    asked(world)
    decide(world, "owner")
    decide(world, "owner", no="On second thoughts")
    with world.house.acting(world.people["owner"]):
        assert db.session.scalars(select(ExportRelease)).unique().one().state is ReleaseState.REFUSED


def test_nothing_is_decided_after_the_making_began(world: Any) -> None:
    everybody_releases(world)
    with pytest.raises(WrongStep) as refused:
        decide(world, "owner", no="Too late")
    assert sentence(refused.value) == "This export is no longer waiting for a release."


def test_two_who_decide_last_at_one_moment_begin_one_making(world: Any) -> None:
    everybody_releases(world)
    assert world.house.value("SELECT count(*) FROM job WHERE kind = 'exports.make'") == 1


# --- fetched, and over ------------------------------------------------------------------------------------------------


def test_a_locked_clinicians_forms_are_released_by_the_contact_alone(world: Any) -> None:
    asked(world)
    assert world.house.value(
        "SELECT count(*) FROM ab_user WHERE id = :id AND disabled_at IS NOT NULL", id=world.people["locked"]
    )
    with pytest.raises(NotAllowed):
        force(world, "colleague", "locked")
    decide(world, "protection", "locked")
    with world.house.everything() as session:
        assert session.get(Person, world.people["locked"]) is not None
