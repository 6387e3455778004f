"""Which forms a text that changes what is done with the data reaches: by the text they have, not by the clock."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import update

from app.errors import Incomplete
from app.models import ConsentForm, OwnText, db, now, today
from app.outside import paper
from app.services import consents, own_texts, text_changes, texts
from app.words import Renews, Variant
from tests.factories import DAY
from tests.services.consent_words import record
from tests.services.test_own_texts import check, opened
from tests.services.test_text_changes import BECAUSE, ENGLISH, accept, declared, due, publish, run_jobs
from tests.world import ARCHIVED, OPINION, World, bring_form

pytestmark = pytest.mark.one_database
AUTHORITATIVE = {"source": "The arrangement, annex 2", "source_sha256": "a" * 64}


def prepared_later(world: World, name: str) -> None:
    """A form that another worker prepared while the new text was being published: on the old one, later than it."""
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        table = ConsentForm.__table__
        session.execute(update(table).where(table.c.id == world.forms[name][0]).values(prepared_at=now() + DAY / 24))
        session.commit()


def signed_anew(world: World, name: str) -> int:
    """The key of a form signed on what is printed today, for the patient of a name."""
    with world.house.acting(world.people["owner"]) as actor:
        form = consents.prepare(actor, record(world, name), language="en", variant=Variant.ADULT)
        bring_form(actor, form, ARCHIVED)
        return int(form.id)


def retire(world: World, **said: Any) -> None:
    with opened(world, "representative", "proposed") as (actor, own):
        own_texts.retire(actor, own, reason="One text for all", **said)
    run_jobs(world)


def change_of(world: World, key: int) -> Any:
    return world.house.value("SELECT text_change_id FROM consent_form WHERE id = :id", id=key)


# --- the text, not the clock ------------------------------------------------------------------------------------------


def test_a_form_on_the_old_standard_is_reached_though_it_was_prepared_while_the_new_one_was_published(
    world: World,
) -> None:
    with world.house.system() as actor:
        texts.publish(actor, None, text=declared())
    prepared_later(world, "enrolled")
    run_jobs(world)
    assert set(due(world)) == ENGLISH | {"neighbour's", "closed house's"}


def test_a_form_on_the_old_text_is_reached_though_it_was_prepared_while_an_own_text_was_accepted(world: World) -> None:
    accept(world)
    prepared_later(world, "enrolled")
    run_jobs(world)
    assert set(due(world)) == ENGLISH


def test_who_signs_the_standard_after_a_retired_text_is_not_on_an_earlier_one(world: World, time_machine: Any) -> None:
    accept(world)
    run_jobs(world)
    time_machine.move_to(now() + DAY, tick=True)
    retire(world, renews=Renews.NOBODY)
    key = signed_anew(world, "enrolled")
    run_jobs(world)
    assert change_of(world, key) is None


def test_a_later_version_that_counts_earlier_is_due_with_the_one_that_waits_and_who_accepts_it_is_told(
    world: World, time_machine: Any
) -> None:
    accept(world, today() + DAY * 60)
    with opened(world, "representative", "proposed") as (actor, own):
        home = own.hospital
        second = own_texts.start(actor, home, language="en", variant=Variant.ADULT, base_language="en")
        world.own_texts["second"] = second.id, second.public_id
        own_texts.propose(actor, second, **OPINION)
    check(world, "second")
    page = world.client("coordinator").get(f"/own-texts/{world.own_texts['second'][1]}/accept").text
    assert "Another accepted text changes what is done with the data from" in page
    with opened(world, "coordinator", "second") as (actor, own):
        assert text_changes.waiting_after(own).due_on == today() + DAY * 60
        own_texts.accept(actor, own, counts_from=today() + DAY * 10)
    time_machine.move_to(now() + DAY * 11, tick=True)
    key = signed_anew(world, "enrolled")
    run_jobs(world)
    assert change_of(world, key) is not None
    due_on = world.house.value("SELECT renewal_due_on FROM consent_form WHERE id = :id", id=key)
    assert str(due_on) == str(today() + DAY * 49)


# --- retired ----------------------------------------------------------------------------------------------------------


def test_a_change_of_the_standard_reaches_who_signed_a_text_that_was_retired(world: World, time_machine: Any) -> None:
    accept(world, renews=Renews.NOBODY)
    key = signed_anew(world, "enrolled")
    time_machine.move_to(now() + DAY, tick=True)
    retire(world, renews=Renews.NOBODY)
    assert change_of(world, key) is None
    time_machine.move_to(now() + DAY, tick=True)
    publish(world, declared())
    assert change_of(world, key) is not None
    with world.house.everything() as session:
        assert text_changes.unspread(session) == []


def test_whoever_retires_a_text_says_whether_those_on_it_sign_the_standard(world: World) -> None:
    accept(world, renews=Renews.NOBODY)
    key = signed_anew(world, "enrolled")
    with opened(world, "representative", "proposed") as (actor, own):
        for said, missing in (
            ({}, "renews"),
            ({"renews": Renews.EVERYBODY, "renews_because": BECAUSE}, "renews"),
            ({"renews": Renews.SIGNERS}, "renews_because"),
        ):
            with pytest.raises(Incomplete) as refusal:
                own_texts.retire(actor, own, reason="One text for all", **said)
            assert set(refusal.value.fields) == {missing}
    retire(world, renews=Renews.SIGNERS, renews_because=BECAUSE)
    assert world.house.rows("SELECT id FROM consent_form WHERE text_change_id IS NOT NULL") == [(key,)]
    again = signed_anew(world, "enrolled")
    run_jobs(world)
    assert change_of(world, again) is None


def test_the_page_of_retiring_asks_and_names_what_the_standard_has_declared_since(world: World) -> None:
    accept(world, renews=Renews.NOBODY)
    publish(world, declared())
    client, path = world.client("representative"), f"/own-texts/{world.own_texts['proposed'][1]}/retire"
    page = client.get(path).text
    assert "Does the standard text do something else with the data?" in page
    assert BECAUSE in page
    with opened(world, "representative", "proposed") as (_actor, own):
        seen = own.version
    assert client.post(path, data={"reason": "No", "seen": seen}).status_code == 422
    with world.house.system():
        assert db.session.get(OwnText, world.own_texts["proposed"][0]).retired_on is None


# --- the Ukrainian form -----------------------------------------------------------------------------------------------


def test_a_shipped_ukrainian_text_that_nobody_prints_makes_nothing_due(world: World) -> None:
    shipped = paper.compose("ua", "uk", "adult")
    installed = dataclasses.replace(shipped, sha256="1" * 64, version="A-1")
    with world.house.system() as actor:
        texts.publish(actor, None, text=installed, **AUTHORITATIVE)
    later = dataclasses.replace(shipped, sha256="2" * 64, version="9", purposes=2, changed=BECAUSE)
    publish(world, later)
    assert (due(world), world.house.value("SELECT count(*) FROM text_change")) == ({}, 0)
