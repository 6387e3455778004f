"""Large print, from the checkbox of whoever prepares the form to the signed pages that come back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.models import ConsentForm, Patient, Stack, db, today
from app.services import consents, jobs, papers, signers, stack_drops, stack_filings, stacks
from app.services.archives import Upload
from app.words import Answer, FormState, Relation, StackState, Variant
from tests.scans import scanned, written
from tests.screens import Screen
from tests.world import PRINTED, bring_form

pytestmark = pytest.mark.one_database


def prepare(world: Any, **typed: str) -> tuple[ConsentForm, Screen]:
    """Prepare a form for the draft as a browser does; gives it, and the page that follows."""
    client, patient = world.client("owner"), world.patients["draft"][1]
    sent = Screen(client.get(f"/patients/{patient}")).form("/prepare") | {"language": "en", "variant": "adult"} | typed
    answer = client.post(f"/patients/{patient}/prepare", data=sent)
    key = answer.headers["Location"].rstrip("/").rsplit("/", 1)[-1]
    with world.house.everything() as session:
        form = session.scalars(select(ConsentForm).where(ConsentForm.public_id == key)).one()
    return form, Screen(client.get(f"/consents/{key}"))


def test_it_is_chosen_when_a_form_is_prepared_and_remembered_with_it(world: Any) -> None:
    usual, page = prepare(world)
    large, large_page = prepare(world, large_print="y")

    assert (usual.large_print, large.large_print) == (False, True)
    assert ("Large print" in page.main, "Large print" in large_page.main) == (False, True)
    with world.house.acting(world.people["owner"]):
        previews = [papers.set_paper(db.session.get(ConsentForm, one.id), preview=True) for one in (usual, large)]
        assert previews[0].pages < previews[1].pages


def test_a_signed_form_in_large_print_comes_back_with_a_stack_without_its_slip(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["draft"][0])
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT, large_print=True)
        bring_form(actor, form, PRINTED)
        printed, key = papers.set_paper(form), form.id
        pages = written(printed)[: printed.returning]
        stack_drops.drop(actor, [Upload(scanned(pages), "scan.pdf")])
    jobs.run_due(world.house.app.app_context)
    with world.house.acting(world.people["owner"]) as actor:
        mine = select(Stack).where(Stack.state == StackState.READY).order_by(Stack.id.desc())
        stack = db.session.scalars(mine).first()
        (group,) = stacks.sort(stack).ready
        answers = {d.purpose.value: stacks.proposals(group)[d.public_id].answer for d in group.form.decisions}
        assert (group.form.id, group.missing, stacks.unsigned(group)) == (key, [], [])
        assert (answers["care"], answers["education"]) == (Answer.GIVEN, Answer.REFUSED)
        said = {d.public_id: Answer.GIVEN for d in group.form.decisions}
        stack_filings.file(
            actor,
            stack,
            group,
            signers.Said(today(), Relation.SELF, None, said),
            seen=group.form.version,
            mark=group.mark,
        )
        assert db.session.get(ConsentForm, key).state is FormState.ARCHIVED
