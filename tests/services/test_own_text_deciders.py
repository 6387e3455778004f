"""Who decides about a hospital's own text: nobody whose words are in it."""

from __future__ import annotations

import pytest

from app.errors import NotAllowed
from app.models import OwnText, Person, db
from app.services import days, own_texts
from app.words import MandateKind, OwnTextState
from tests import factories as make
from tests.services.test_own_texts import check, home, opened
from tests.world import OPINION, World


def test_everybody_whose_words_are_in_a_text_is_barred_from_deciding_about_it(world: World) -> None:
    with world.house.system():
        for who in ("bystander", "colleague"):
            person = db.session.get(Person, world.people[who])
            make.mandate(person, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home(world))
    with opened(world, "bystander", "draft") as (actor, own):
        own_texts.write(actor, own, content={})
    with opened(world, "representative", "draft") as (actor, own):  # the last to write, and who proposes
        own_texts.write(actor, own, content={})
        own_texts.propose(actor, own, **OPINION)
    check(world, "draft")
    for who in ("bystander", "representative"):
        with opened(world, who, "draft") as (actor, own):
            with pytest.raises(NotAllowed):
                own_texts.send_back(actor, own, reason="x")
            db.session.rollback()
            with pytest.raises(NotAllowed):
                own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
            db.session.rollback()
            assert [one.person_id for one in own.writers] == [world.people["representative"], world.people["bystander"]]
    with world.house.acting(world.people["coordinator"]):
        assert db.session.get(OwnText, world.own_texts["draft"][0]) is None  # the colleague can decide
    with opened(world, "colleague", "draft") as (actor, own):
        own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
        assert own.state is OwnTextState.ACCEPTED


def test_where_every_representative_has_written_a_coordinator_decides(world: World) -> None:
    with world.house.system():
        person = db.session.get(Person, world.people["bystander"])
        make.mandate(person, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home(world))
    with opened(world, "bystander", "draft") as (actor, own):
        own_texts.write(actor, own, content={})
    with opened(world, "representative", "draft") as (actor, own):
        own_texts.write(actor, own, content={})
        own_texts.propose(actor, own, **OPINION)
    check(world, "draft")
    with opened(world, "coordinator", "draft") as (actor, own):
        own_texts.send_back(actor, own, reason="Shorter")


def test_whose_words_a_dropped_draft_has_does_not_decide_about_the_text_that_takes_them_over(world: World) -> None:
    with world.house.system():
        person = db.session.get(Person, world.people["bystander"])
        make.mandate(person, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home(world))
    with opened(world, "representative", "dropped") as (_actor, own):
        assert own.state is OwnTextState.DROPPED
    with opened(world, "bystander", "dropped") as (actor, own):
        taken = own_texts.start(actor, own.hospital, language="en", variant=own.variant, base_language="en", like=own)
        world.own_texts["taken over"] = taken.id, taken.public_id
        own_texts.propose(actor, taken, **OPINION)
        assert [one.person_id for one in taken.writers] == [world.people["bystander"], world.people["representative"]]
    check(world, "taken over")
    with opened(world, "representative", "taken over") as (actor, own), pytest.raises(NotAllowed):
        own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
    with opened(world, "coordinator", "taken over") as (actor, own):
        own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))


def test_the_words_of_a_text_that_two_people_decided_about_are_nobodys(world: World) -> None:
    with opened(world, "two hats", "retired") as (actor, own):
        taken = own_texts.start(
            actor, own.hospital, language=own.language, variant=own.variant, base_language="en", like=own
        )
        assert [one.person_id for one in taken.writers] == [world.people["two hats"]]
