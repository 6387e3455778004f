"""A stack of scans: sorted by form, proposed, confirmed by a person, filed; what is a colleague's goes there unread."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select, update

from app.errors import Incomplete, NotFound, WrongStep
from app.models import ArchivedDocument, ConsentForm, Stack, StackPage, db, today
from app.premises import premises
from app.services import (
    consents,
    file_findings,
    housekeeping,
    jobs,
    papers,
    questions,
    signers,
    stack_drops,
    stack_filings,
    stack_readings,
    stacks,
)
from app.services.archives import Upload
from app.words import Answer, FormState, Relation, ScanState, StackState, Variant
from tests.papers import document, locked_document
from tests.scans import ADULT, EMPTY, bound, jpeg, scanned, written
from tests.world import PRINTED, World, bring_form

pytestmark = pytest.mark.one_database


def work(world: World) -> None:
    jobs.run_due(world.house.app.app_context)


def drop(world: World, who: str, *files: tuple[bytes, str]) -> str:
    """Drop files and let the job read them; gives the stack's public id."""
    with world.house.acting(world.people[who]) as actor:
        key = stack_drops.drop(actor, [Upload(content, name) for content, name in files]).public_id
    work(world)
    return key


def pages_of(world: World, form: str, writing: Any = ADULT) -> list[Any]:
    """The signed pages of a form of the world."""
    with world.house.system():
        return written(papers.set_paper(db.session.get(ConsentForm, world.forms[form][0])), writing)


def another(world: World, who: str, patient: str) -> str:
    """One more printed form of a patient, under a name of its own."""
    from app.models import Patient

    with world.house.acting(world.people[who]) as actor:
        made = consents.prepare(
            actor, db.session.get(Patient, world.patients[patient][0]), language="en", variant=Variant.ADULT
        )
        bring_form(actor, made, PRINTED)
        world.forms[f"{patient} again"] = (made.id, made.public_id)
    return f"{patient} again"


def only(key: str) -> tuple[Stack, stacks.Sorted]:
    stack = db.session.scalars(select(Stack).where(Stack.public_id == key)).one()
    return stack, stacks.sort(stack)


def said(group: stacks.Group, answer: Answer = Answer.GIVEN) -> signers.Said:
    return signers.Said(today(), Relation.SELF, None, {d.public_id: answer for d in group.form.decisions})


def test_two_patients_mixed_and_upside_down_are_two_forms_with_what_their_boxes_say(world: World) -> None:
    first, second = pages_of(world, "printed"), pages_of(world, another(world, "owner", "draft"))
    mixed = [page for pair in zip(first, second, strict=True) for page in pair][::-1]

    key = drop(world, "owner", (scanned(mixed, "upside down"), "scan.pdf"))

    with world.house.acting(world.people["owner"]):
        stack, found = only(key)
        assert (stack.state, found.loose, found.waiting) == (StackState.READY, [], [])
        assert {group.form.public_id for group in found.ready} == {
            world.forms["printed"][1],
            world.forms["draft again"][1],
        }
        for group in found.ready:
            assert [page.number for page in group.pages] == list(range(1, len(first) + 1))
            answers = {d.purpose.value: stacks.proposals(group)[d.public_id].answer for d in group.form.decisions}
            assert (answers["care"], answers["education"]) == (Answer.GIVEN, Answer.REFUSED)
            assert stacks.unsigned(group) == []


def test_a_confirmed_form_is_signed_and_archived_with_its_own_pages_and_the_rest_waits(world: World) -> None:
    pages, others = pages_of(world, "printed"), pages_of(world, another(world, "owner", "draft"))
    key = drop(world, "owner", (scanned([*others[:1], *pages, *others[1:2]]), "scan.pdf"))

    with world.house.acting(world.people["owner"]) as actor:
        stack, found = only(key)
        (group,) = found.ready
        stack_filings.file(actor, stack, group, said(group), seen=group.form.version, mark=group.mark)

        form = db.session.get(ConsentForm, world.forms["printed"][0])
        assert (form.state, [d.pages for d in form.documents if d.kind == "original"]) == (
            FormState.ARCHIVED,
            [len(pages)],
        )
        stack, found = only(key)
        assert (found.ready, [page.number for page in found.waiting[0].pages]) == ([], [1, 2])
        assert found.waiting[0].missing == list(range(3, len(others)))  # the slip stays with the patient
    assert kept_files(world) == named_files(world)


def kept_files(world: World) -> set[str]:
    with world.house.app.app_context():
        return set(premises().store.keys())


def named_files(world: World) -> set[str]:
    with world.house.everything() as session:
        return {*session.scalars(select(ArchivedDocument.storage_key)), *file_findings.named_files(session)}


def test_both_boxes_crossed_is_asked_and_empty_lines_are_pointed_out(world: World) -> None:
    key = drop(world, "owner", (scanned(pages_of(world, "printed", EMPTY)), "scan.pdf"))

    with world.house.acting(world.people["owner"]):
        (group,) = only(key)[1].ready
        answers = [proposal.answer for proposal in stacks.proposals(group).values()]
        assert answers == [None] * len(answers)
        assert stacks.unsigned(group) == ["signer", "date", "clinician"]
        assert len(stacks.proposals(group)[group.form.decisions[0].public_id].pictures) == 1


def test_a_page_that_is_there_twice_is_said_and_kept(world: World) -> None:
    pages = pages_of(world, "printed")
    key = drop(world, "owner", (scanned([*pages, pages[1]]), "scan.pdf"))

    with world.house.acting(world.people["owner"]):
        (group,) = only(key)[1].ready
        assert (group.twice, len(group.pages)) == ([2], len(pages) + 1)


def test_a_colleagues_pages_go_to_the_colleague_unread_and_the_uploader_learns_their_number_alone(world: World) -> None:
    again = another(world, "colleague", "colleague's")
    pages = pages_of(world, again)
    with world.house.acting(world.people["owner"]) as actor:
        key = stack_drops.drop(actor, [Upload(scanned([*pages, *pages_of(world, "printed")]), "scan.pdf")]).public_id
    fresh = world.house.app.app_context
    claims = list(iter(lambda: jobs._claim_next(fresh), None))
    (claim,) = [one for one in claims if one.kind == stack_readings.READING]
    jobs._run(claim, fresh)  # the uploader's job alone

    with world.house.acting(world.people["owner"]):
        stack, found = only(key)
        assert (stack.passed_on, len(found.ready), found.waiting, found.loose) == (len(pages), 1, [], [])
        assert {page.stack_id for page in db.session.scalars(select(StackPage))} >= {stack.id}
        assert db.session.scalars(select(StackPage).where(StackPage.form_id == world.forms[again][0])).all() == []
    with world.house.everything() as session:
        theirs = session.scalars(select(Stack).where(Stack.passed_by_id.is_not(None))).one()
        assert (theirs.person_id, theirs.state) == (world.people["colleague"], StackState.READING)
    work(world)
    with world.house.acting(world.people["colleague"]):
        (group,) = only(theirs.public_id)[1].ready
        assert stacks.proposals(group)[group.form.decisions[0].public_id].answer is Answer.GIVEN


def test_pages_without_a_code_of_ours_are_placed_by_hand(world: World) -> None:
    pages = pages_of(world, "printed")
    blank = pages[1].copy()
    blank.paste(255, (900, 0, blank.width, 300))
    blank.paste(255, (0, 1500, 400, blank.height))
    key = drop(world, "owner", (scanned([pages[0], blank, *pages[2:]]), "scan.pdf"))

    with world.house.acting(world.people["owner"]) as actor:
        found = only(key)[1]
        (scan,) = found.loose
        assert found.waiting[0].missing == [2]
        form = found.waiting[0].form
        with pytest.raises(Incomplete):
            stack_filings.place(actor, scan, form, number=9, seen=scan.version)
        stack_filings.place(actor, scan, form, number=2, seen=scan.version)
        (group,) = only(key)[1].ready
        assert [page.by_hand for page in group.pages] == [False, True, *[False] * (len(pages) - 2)]
        with pytest.raises(WrongStep):
            stack_filings.place(actor, group.pages[0], form, number=2, seen=group.pages[0].version)


def test_a_page_is_not_placed_in_a_form_of_somebody_else(world: World) -> None:
    again = another(world, "colleague", "colleague's")
    with world.house.acting(world.people["owner"]) as actor:
        scan = next(page for page in db.session.scalars(select(StackPage)) if page.code is None)
        with world.house.everything() as session:
            foreign = session.get(ConsentForm, world.forms[again][0])
        with pytest.raises((NotFound, Incomplete)):
            stack_filings.assign(actor, scan, form=foreign, number=1, of_pages=4, seen=scan.version)


def test_old_and_unknown_forms_are_named_and_nothing_of_them_is_filed(world: World) -> None:
    archived = pages_of(world, "enrolled")
    key = drop(world, "owner", (scanned(archived), "scan.pdf"))

    with world.house.acting(world.people["owner"]):
        found = only(key)[1]
        assert (found.ready, [group.form.state for group in found.waiting]) == ([], [FormState.ARCHIVED])


def test_what_cannot_be_read_is_said_by_file_and_the_others_are_read(world: World) -> None:
    pages = pages_of(world, "printed")
    key = drop(
        world,
        "owner",
        (locked_document(), "a.pdf"),
        (b"%PDF-1.7 nonsense", "b.pdf"),
        (bound([jpeg(page) for page in pages]), "c.pdf"),
        (document(script="app.alert(1)"), "d.pdf"),
        (b"GIF89a", "e.gif"),
    )

    with world.house.acting(world.people["owner"]):
        stack, found = only(key)
        assert stack.faults == [[1, "encrypted"], [2, "damaged"], [4, "active"], [5, "not_a_scan"]]
        assert len(found.ready) == 1
        assert stack.files == []


def test_photographs_are_a_stack_as_well(world: World) -> None:
    pages = pages_of(world, "printed")
    key = drop(world, "owner", *[(jpeg(page), f"{n}.jpg") for n, page in enumerate(pages)])

    with world.house.acting(world.people["owner"]):
        assert len(only(key)[1].ready) == 1


def test_a_refusal_of_care_is_recorded_and_its_pages_leave_the_stack(world: World) -> None:
    key = drop(world, "owner", (scanned(pages_of(world, "printed")), "scan.pdf"))

    with world.house.acting(world.people["owner"]) as actor:
        stack, found = only(key)
        (group,) = found.ready
        stack_filings.file(actor, stack, group, said(group, Answer.REFUSED), seen=group.form.version, mark=group.mark)
        stack = only(key)[0]
        assert (stack.state, questions.care_answer(group.form)) == (StackState.CLOSED, Answer.REFUSED)


def test_a_discarded_page_is_gone_with_its_file_and_the_last_one_closes_the_stack(world: World) -> None:
    key = drop(world, "owner", (scanned(pages_of(world, "printed")[:1]), "scan.pdf"))

    with world.house.acting(world.people["owner"]) as actor:
        (scan,) = only(key)[1].waiting[0].pages
        stack_filings.throw_away(actor, scan, seen=scan.version)
        assert only(key)[0].state is StackState.CLOSED
    assert kept_files(world) == named_files(world)


def test_a_stack_nobody_filed_is_deleted_after_fourteen_days_with_its_files(world: World) -> None:
    key = drop(world, "owner", (scanned(pages_of(world, "printed")), "scan.pdf"))
    _age(world, 13)
    with world.house.system("job") as actor:
        stack_filings.sweep(actor, {})
    with world.house.acting(world.people["owner"]):
        assert only(key)[0].state is StackState.READY
    _age(world, 15)

    with world.house.system("job") as actor:
        stack_filings.sweep(actor, {})

    with world.house.everything() as session:
        stack = session.scalars(select(Stack).where(Stack.public_id == key)).one()
        assert stack.state is StackState.CLOSED
        assert {(p.state, p.storage_key, p.wrapped_key, p.sealed_reading) for p in stack.pages} == {
            (ScanState.DISCARDED, None, None, None)
        }
    assert kept_files(world) == named_files(world)


def _age(world: World, days: int) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(update(Stack).values(added_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=days)))
        session.commit()


def test_fsck_knows_the_files_of_stacks(world: World) -> None:
    drop(world, "owner", (scanned(pages_of(world, "printed")), "scan.pdf"))
    _age(world, 1)
    with world.house.system("fsck"):
        found = [finding for finding in housekeeping.fsck() if finding.word == "orphan"]
    assert found == []
