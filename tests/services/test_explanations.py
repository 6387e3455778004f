"""Who explained a consent: the clinician by archiving it, or by a word of their own; never an assistant or a successor."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app.errors import NotAllowed, WrongStep
from app.models import ConsentForm, Person, db
from app.services import archives, consents, explanations, papers, worklist
from app.words import Answer
from tests.services.consent_words import crossed, form_of, in_force, questions, sign, write
from tests.services.explanation_words import archived, handed_over, say, word
from tests.services.test_externals import confirm as compare
from tests.services.test_externals import filed
from tests.world import World


def test_the_clinician_who_archives_a_form_has_explained_it(world: World) -> None:
    archived(world, "owner")
    assert word(world) == ("owner", True)


def test_what_an_assistant_archives_counts_and_waits_for_the_clinicians_word(world: World) -> None:
    archived(world, "assistant")
    assert word(world) == ("owner", False)
    with world.house.acting(world.people["owner"]) as actor:
        assert in_force(form_of(world, "signed").patient)
        assert form_of(world, "signed") in worklist.unexplained(actor)
    say(world, "owner")
    assert word(world) == ("owner", True)
    with world.house.acting(world.people["owner"]) as actor:
        assert form_of(world, "signed") not in worklist.unexplained(actor)
    entry = (
        "SELECT actor_id, on_behalf_of_id FROM audit_entry WHERE act = 'consent.confirm-explained' AND outcome = 'done'"
    )
    assert [tuple(row) for row in world.house.rows(entry)] == [(world.people["owner"], None)]


def test_an_assistant_who_attests_where_the_paper_is_leaves_the_word_to_the_clinician(world: World) -> None:
    with world.house.acting(world.people["assistant"]) as actor:
        archives.attest(actor, form_of(world, "signed"), place="Archive, folder 12")
    assert word(world) == ("owner", False)


@pytest.mark.parametrize("who", ["assistant", "colleague", "protection", "representative", "admin"])
def test_nobody_else_gives_the_clinicians_word(world: World, who: str) -> None:
    archived(world, "assistant")
    with world.house.system():
        key = form_of(world, "signed").id
    with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
        explanations.confirm(actor, ConsentForm(id=key))
    assert word(world) == ("owner", False)


def test_after_a_handover_neither_the_successor_nor_who_left_the_record_gives_it(world: World) -> None:
    archived(world, "assistant")
    handed_over(world)
    for who in ("colleague", "owner"):
        with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
            explanations.confirm(actor, ConsentForm(id=world.forms["signed"][0]))
        with world.house.acting(world.people[who]) as actor:
            assert world.forms["signed"][0] not in {form.id for form in worklist.unexplained(actor)}
    assert word(world) == ("owner", False)


def test_a_successor_who_archives_a_form_the_other_explained_has_not_explained_it(world: World) -> None:
    handed_over(world)
    archived(world, "colleague")
    assert word(world) == ("owner", False)


def test_a_form_printed_again_after_a_handover_names_the_successor(world: World) -> None:
    handed_over(world, "printed")
    with world.house.acting(world.people["colleague"]) as actor:
        consents.note_print(actor, form_of(world, "printed"))
        assert (
            papers.opened(form_of(world, "printed"), "sealed_paper")["values"]["clinician.name"] == "colleague Tester"
        )
    assert word(world, "printed") == ("colleague", False)


def test_the_word_is_given_once_and_only_of_what_is_archived(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(WrongStep):
        explanations.confirm(actor, form_of(world, "signed"))
    archived(world, "owner")
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(WrongStep):
        explanations.confirm(actor, form_of(world, "signed"))


def test_a_refusal_an_assistant_records_waits_as_well(world: World) -> None:
    with world.house.acting(world.people["assistant"]) as actor:
        form = form_of(world, "printed")
        no = crossed(form, *[Answer.REFUSED] * len(questions(form)))
        sign(actor, form, *no.values())
    assert word(world, "printed") == ("owner", False)


@pytest.mark.parametrize(
    ("filer", "checker", "given"),
    [("assistant", "protection", False), ("assistant", "owner", True), ("owner", "protection", True)],
)
def test_a_paper_from_elsewhere_carries_the_word_of_the_clinician_who_filed_or_compared_it(
    world: World, filer: str, checker: str, given: bool
) -> None:
    key = filed(world, filer)
    compare(world, checker, key)
    with world.house.system():
        form = db.session.get_one(ConsentForm, key)
        assert (form.explained_by_id, form.explained_at is not None) == (world.people["owner"], given)


def test_no_row_says_explained_by_nobody(world: World) -> None:
    archived(world, "owner")
    table = ConsentForm.__table__
    with pytest.raises(IntegrityError):
        write(world, update(table).where(table.c.id == world.forms["signed"][0]).values(explained_by_id=None))


def test_an_account_that_is_closed_keeps_its_word(world: World) -> None:
    archived(world, "owner")
    write(world, update(Person.__table__).where(Person.__table__.c.id == world.people["owner"]).values(active=False))
    assert word(world) == ("owner", True)
