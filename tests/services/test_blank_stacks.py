"""Blank forms that come back in a stack of scans: found by their code, bound to a patient, confirmed and filed."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.errors import WrongStep
from app.models import ConsentForm, Stack, StackPage, db, today
from app.services import blanks, jobs, patients, signers, stack_filings, stacks
from app.words import Answer, BlankState, FormState, Relation, ScanState
from tests.desks import blank_of, drop, pages_of, patient_of
from tests.world import World

pytestmark = pytest.mark.one_database


def sorted_of(key: str) -> stacks.Sorted:
    return stacks.sort(db.session.scalars(select(Stack).where(Stack.public_id == key)).one())


def test_a_blank_form_in_a_stack_is_one_group_with_what_is_written_on_it(world: World) -> None:
    pages = pages_of(world, "out")
    key = drop(world, "owner", *reversed(pages))
    with world.house.acting(world.people["owner"]):
        found = sorted_of(key)
        assert (found.ready, found.waiting, found.loose) == ([], [], [])
        (group,) = found.blanks
        assert group.blank.public_id == world.blanks["out"][1]
        assert [page.number for page in group.pages] == list(range(1, len(pages) + 1))
        assert group.missing == []
        assert set(stacks.handwriting(group)) == {"family_name", "given_names", "birth_date", "file_number"}


def test_once_bound_the_pages_are_the_patients_form_with_its_boxes_proposed_and_are_filed(world: World) -> None:
    pages = pages_of(world, "out")
    key = drop(world, "owner", *pages)
    with world.house.acting(world.people["owner"]) as actor:
        form = blanks.bind(actor, patient_of(world, "draft"), blank=blank_of(world.blanks["out"][1]), end_others=None)
        found = sorted_of(key)
        assert found.blanks == []
        (group,) = found.ready
        assert group.form.id == form.id
        answers = {d.purpose.value: stacks.proposals(group)[d.public_id].answer for d in group.form.decisions}
        assert (answers["care"], answers["education"]) == (Answer.GIVEN, Answer.REFUSED)
        assert set(stacks.lines_of(group)) == {"date", "signer", "clinician"}
        said = signers.Said(today(), Relation.SELF, None, {d.public_id: Answer.GIVEN for d in group.form.decisions})
        stack = db.session.scalars(select(Stack).where(Stack.public_id == key)).one()
        stack_filings.file(actor, stack, group, said, seen=group.form.version, mark=group.mark)
        filed = db.session.get_one(ConsentForm, form.id)
        assert (filed.state, [d.pages for d in filed.documents if d.kind == "original"]) == (
            FormState.ARCHIVED,
            [len(pages)],
        )
        assert {page.state for page in db.session.scalars(select(StackPage).where(StackPage.stack_id == stack.id))} == {
            ScanState.FILED
        }


def test_anothers_blank_form_goes_to_that_clinician_unread(world: World) -> None:
    pages = pages_of(world, "colleague's")
    key = drop(world, "owner", *pages)
    with world.house.acting(world.people["owner"]):
        stack = db.session.scalars(select(Stack).where(Stack.public_id == key)).one()
        assert (stack.passed_on, stacks.pages_of(stack)) == (len(pages), [])
    with world.house.acting(world.people["colleague"]):
        newest = db.session.scalars(select(Stack).order_by(Stack.id.desc())).first()
        (group,) = stacks.sort(newest).blanks
        assert group.blank.public_id == world.blanks["colleague's"][1]


def test_a_blank_form_of_one_who_has_left_is_nobodys(world: World) -> None:
    key = drop(world, "owner", *pages_of(world, "leaver's")[:1])
    with world.house.acting(world.people["owner"]):
        found = sorted_of(key)
        assert (found.blanks, [page.blank_id for page in found.loose]) == ([], [None])


def test_a_cancelled_one_is_named_and_cannot_be_bound(world: World) -> None:
    key = drop(world, "owner", *pages_of(world, "cancelled"))
    with world.house.acting(world.people["owner"]) as actor:
        (group,) = sorted_of(key).blanks
        assert group.blank.state is BlankState.CANCELLED
        with pytest.raises(WrongStep):
            blanks.bind(actor, patient_of(world, "draft"), blank=group.blank, end_others=None)


def test_a_page_that_says_it_is_of_a_blank_form_is_placed_nowhere_else(world: World) -> None:
    key = drop(world, "owner", *pages_of(world, "out"))
    with world.house.acting(world.people["owner"]) as actor:
        (group,) = sorted_of(key).blanks
        form = db.session.get_one(ConsentForm, world.forms["printed"][0])
        with pytest.raises(WrongStep):
            stack_filings.place(actor, group.pages[0], form, number=1, seen=group.pages[0].version)


def test_pages_in_an_assistants_stack_follow_when_the_clinician_binds(world: World) -> None:
    key = drop(world, "assistant", *pages_of(world, "out"))
    with world.house.acting(world.people["owner"]) as actor:
        blanks.bind(actor, patient_of(world, "draft"), blank=blank_of(world.blanks["out"][1]), end_others=None)
    with world.house.acting(world.people["assistant"]):
        found = sorted_of(key)
        assert (len(found.ready), found.blanks) == (1, [])


def test_pages_of_a_bound_blank_form_go_with_the_erased_record(world: World) -> None:
    key = drop(world, "owner", *pages_of(world, "out"))
    with world.house.acting(world.people["owner"]) as actor:
        blanks.bind(actor, patient_of(world, "draft"), blank=blank_of(world.blanks["out"][1]), end_others=None)
        patients.delete(actor, patient_of(world, "draft"))
        stack = db.session.scalars(select(Stack).where(Stack.public_id == key)).one()
        assert stacks.pages_of(stack) == []
    jobs.run_due(world.house.app.app_context)
    left = "SELECT count(*) FROM stack_page WHERE blank_id = :blank AND storage_key IS NOT NULL"
    assert world.house.value(left, blank=world.blanks["out"][0]) == 0
