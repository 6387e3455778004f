"""A text that changes what is done with the data: which forms are due for renewal, from when, why, and what ends it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from sqlalchemy import delete

from app.errors import Incomplete
from app.models import ConsentForm, ConsentText, Job, OwnText, Patient, TextChange, db, now, today
from app.outside import paper
from app.outside.paper import PaperFault
from app.outside.paper.texts import composed, read_source
from app.scopes import decisions_in_force
from app.services import (
    consents,
    days,
    housekeeping,
    identities,
    jobs,
    own_texts,
    patients,
    renewals,
    text_changes,
    texts,
    worklist,
)
from app.words import Purpose, Renews, Sex, Variant
from tests.factories import DAY
from tests.services.consent_words import form_of, record
from tests.trust.test_withdraw import child
from tests.world import ARCHIVED, OPINION, World, bring_form

pytestmark = pytest.mark.one_database
BECAUSE = "Data also go to the Ministry of Health."
ENGLISH = {"enrolled", "attested", "colleague's", "leaver's", "locked's", "restricted"}
"""Forms of Thessaloniki that count, on the English text an adult signs."""


def propose(world: World, renews: Renews = Renews.SIGNERS) -> None:
    """The proposed English text of Thessaloniki, proposed anew with a change."""
    with world.house.acting(world.people["representative"]) as actor:
        own = db.session.get(OwnText, world.own_texts["proposed"][0])
        own_texts.take_back(actor, own)
        own_texts.propose(actor, own, **OPINION | {"renews": renews, "renews_because": BECAUSE})
    with world.house.system() as actor:
        own_texts.check_as_paper(actor, {"text": world.own_texts["proposed"][1]})


def accept(world: World, day: dt.date | None = None, renews: Renews = Renews.SIGNERS) -> None:
    propose(world, renews)
    with world.house.acting(world.people["coordinator"]) as actor:
        own = db.session.get(OwnText, world.own_texts["proposed"][0])
        own_texts.accept(actor, own, counts_from=day or days.day_at(own.hospital))


def run_jobs(world: World) -> None:
    jobs.run_due(world.house.app.app_context)


def due(world: World) -> dict[str, dt.date]:
    """The forms that are due because of a text, by their names in the world."""
    names = {key: name for name, (key, _public) in world.forms.items()}
    found = world.house.rows("SELECT id, renewal_due_on FROM consent_form WHERE text_change_id IS NOT NULL")
    return {names[key]: dt.date.fromisoformat(str(day)) for key, day in found}


def in_force(world: World, name: str, on: dt.date) -> set[Purpose]:
    with world.house.system():
        counting = set(db.session.scalars(decisions_in_force(on)))
        return {decision.purpose for decision in form_of(world, name).decisions if decision.id in counting}


# --- a hospital's own text ----------------------------------------------------------------------------------------------


def test_who_signed_an_earlier_text_of_that_language_is_due_on_the_day_the_new_one_counts(world: World) -> None:
    day = today() + DAY * 20
    accept(world, day)
    run_jobs(world)
    assert due(world) == dict.fromkeys(ENGLISH, day)
    assert in_force(world, "enrolled", day - DAY) == set(Purpose)
    assert in_force(world, "enrolled", day) == {Purpose.CARE}
    assert in_force(world, "neighbour's", day) == set(Purpose)  # of another hospital, on the same standard text
    entries = "SELECT count(*) FROM audit_entry WHERE act = 'consent.set-renewal' AND outcome = 'done'"
    assert world.house.value(entries) == len(ENGLISH)
    assert world.house.value("SELECT count(*) FROM audit_entry WHERE act = 'text_change.declare'") == 1


def test_a_change_for_everybody_reaches_every_language_and_nobody_whose_consent_is_over(world: World) -> None:
    accept(world, renews=Renews.EVERYBODY)
    run_jobs(world)
    assert set(due(world)) == ENGLISH | {"renewal"}  # Greek
    states = "SELECT DISTINCT state FROM consent_form WHERE text_change_id IS NOT NULL"
    assert [row[0] for row in world.house.rows(states)] == ["archived"]


def test_a_version_whose_words_alone_differ_makes_nothing_due(world: World) -> None:
    accept(world, renews=Renews.NOBODY)
    run_jobs(world)
    assert (due(world), world.house.value("SELECT count(*) FROM text_change")) == ({}, 0)


def test_a_change_is_not_proposed_without_saying_what_it_is(world: World) -> None:
    with world.house.acting(world.people["representative"]) as actor:
        own = db.session.get(OwnText, world.own_texts["proposed"][0])
        own_texts.take_back(actor, own)
        with pytest.raises(Incomplete) as refusal:
            own_texts.propose(actor, own, **OPINION | {"renews": Renews.SIGNERS})
        assert set(refusal.value.fields) == {"renews_because"}


def test_a_form_that_is_due_earlier_keeps_its_day_and_its_reason_until_its_birth_date_is_corrected(
    world: World,
) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = child(world, actor, dt.date(1950, 5, 31), today() + DAY * 4)
        key, patient_id, mandate = form.id, patient.id, form.renewal_due_on
    accept(world, today() + DAY * 20, Renews.EVERYBODY)
    run_jobs(world)
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get_one(ConsentForm, key)
        assert (form.renewal_due_on, renewals.because_of_text(form)) == (mandate, False)
        assert renewals.ends_with_mandate(form)
        who = identities.Identity("Childsname", "Given", dt.date(1951, 1, 2), "CH-2")
        patients.correct(actor, db.session.get_one(Patient, patient_id), identity=who, sex=Sex.FEMALE)
        assert form.renewal_due_on == mandate


def test_a_paper_printed_before_the_day_and_signed_after_it_is_on_the_old_text(world: World, time_machine: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        late = consents.prepare(actor, record(world, "enrolled"), language="en", variant=Variant.ADULT)
        consents.note_print(actor, late)
        key = late.id
    accept(world, today() + DAY * 2)
    run_jobs(world)
    time_machine.move_to(now() + DAY * 3, tick=True)
    with world.house.acting(world.people["owner"]) as actor:
        late = db.session.get_one(ConsentForm, key)
        bring_form(actor, late, ARCHIVED)
        assert renewals.because_of_text(late)
        assert late.renewal_due_on == today() - DAY


def test_a_signature_on_the_new_text_ends_it(world: World, time_machine: Any) -> None:
    accept(world)
    run_jobs(world)
    time_machine.move_to(now() + DAY, tick=True)
    assert in_force(world, "enrolled", today()) == {Purpose.CARE}
    with world.house.acting(world.people["owner"]) as actor:
        assert form_of(world, "enrolled").id in [form.id for form in worklist.renewals(actor)]
        new = consents.prepare(actor, record(world, "enrolled"), language="en", variant=Variant.ADULT)
        bring_form(actor, new, ARCHIVED)
        assert (new.text.text_version, new.renewal_due_on, new.text_change) == ("H1", None, None)
        assert form_of(world, "enrolled").id not in [form.id for form in worklist.renewals(actor)]
        assert len(renewals.in_force(record(world, "enrolled"), today())) == len(new.decisions)


def test_a_job_that_was_killed_goes_on_where_it_stood_and_a_second_run_does_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(world)
    change = world.house.value("SELECT public_id FROM text_change")
    done: list[int] = []
    whole = text_changes.set_renewal

    def killed(actor: Any, form: ConsentForm) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(form.id)
        whole(actor, form)

    monkeypatch.setattr(text_changes, "set_renewal", killed)
    with world.house.system() as actor, pytest.raises(KeyboardInterrupt):
        text_changes.spread(actor, {"change": change})
    monkeypatch.undo()
    assert len(due(world)) == 2
    entries = "SELECT count(*) FROM audit_entry WHERE act = 'consent.set-renewal'"
    for _again in range(2):
        with world.house.system() as actor:
            text_changes.spread(actor, {"change": change})
        assert (set(due(world)), world.house.value(entries)) == (ENGLISH, len(ENGLISH))


def test_fsck_finds_a_change_whose_job_never_ran_and_sends_it_again(world: World, time_machine: Any) -> None:
    accept(world)
    with world.house.everything() as session:  # a database put back from before its job was asked for
        session.connection(execution_options={"writes": True})
        session.execute(delete(Job.__table__).where(Job.__table__.c.kind == text_changes.SPREADING))
        session.commit()
    time_machine.move_to(now() + DAY * 2, tick=True)
    with world.house.app.app_context():
        found = [finding for finding in housekeeping.fsck() if finding.word == "text change"]
        assert len(found) == 1
        assert found[0].repair is not None
        found[0].repair()
    run_jobs(world)
    assert set(due(world)) == ENGLISH
    with world.house.app.app_context():
        assert [finding for finding in housekeeping.fsck() if finding.word == "text change"] == []


def test_a_text_retired_before_its_day_makes_nothing_due_after_all(world: World) -> None:
    accept(world, today() + DAY * 20)
    run_jobs(world)
    with world.house.acting(world.people["representative"]) as actor:
        own_texts.retire(actor, db.session.get(OwnText, world.own_texts["proposed"][0]), reason="Not needed")
    run_jobs(world)
    assert due(world) == {}
    days = "SELECT count(*) FROM consent_form WHERE renewal_due_on IS NOT NULL"
    assert world.house.value(days) == 0


def test_a_text_retired_after_its_day_changes_nothing_of_what_is_due(world: World) -> None:
    accept(world)
    run_jobs(world)
    with world.house.acting(world.people["representative"]) as actor:
        own = db.session.get(OwnText, world.own_texts["proposed"][0])
        own_texts.retire(actor, own, reason="Not needed", renews=Renews.NOBODY)
    run_jobs(world)
    assert set(due(world)) == ENGLISH


def test_whoever_decides_reads_how_many_forms_it_makes_due_and_which_points_speak_against_a_no(world: World) -> None:
    propose(world)
    with world.house.acting(world.people["coordinator"]):
        assert text_changes.how_many(db.session.get(OwnText, world.own_texts["proposed"][0])) == len(ENGLISH)
    with world.house.acting(world.people["representative"]) as actor:
        own = db.session.get(OwnText, world.own_texts["draft"][0])
        assert text_changes.touched(own) == []
        own_texts.write(actor, own, content={"recipients.body": f"{own.base['recipients.body']}\n\nΚαι άλλοι."})
        assert text_changes.touched(own) == ["recipients"]


# --- a standard text ----------------------------------------------------------------------------------------------------


def declared(number: int = 2, what: str = BECAUSE, **more: str) -> paper.ComposedText:
    """The English standard text for adults, a version later, with what its source declares."""
    source = read_source("eu", "en", "adult")
    source.set("data-version", str(number))
    source.set("data-purposes", str(number))
    head = source.find("head")
    assert head is not None
    for name, content in {"purposes-changed": what, **more}.items():
        head.append(head.makeelement("meta", {"name": name.replace("_", "-"), "content": content}))
    next(source.iter("h2")).text = f"Version {number}"
    return composed(source, "eu", "en", "adult")


def publish(world: World, text: paper.ComposedText) -> None:
    with world.house.system() as actor:
        texts.publish(actor, None, text=text)
    run_jobs(world)


def test_a_standard_text_that_declares_other_purposes_reaches_every_hospital_that_prints_it(world: World) -> None:
    publish(world, declared())
    assert set(due(world)) == ENGLISH | {"neighbour's", "closed house's"}
    assert set(due(world).values()) == {today()}
    with world.house.acting(world.people["owner"]):
        assert form_of(world, "enrolled").text_change.what == BECAUSE


def test_a_standard_text_may_give_time_and_one_with_the_same_purposes_makes_nothing_due(world: World) -> None:
    day = today() + DAY * 60
    publish(world, declared(renewal_due=str(day)))
    assert set(due(world).values()) == {day}
    again = dataclasses.replace(declared(renewal_due=str(day)), css="/* another look */", sha256="0" * 64)
    publish(world, again)
    assert world.house.value("SELECT count(*) FROM text_change") == 1


def test_forms_on_a_hospitals_own_text_are_not_those_of_the_standard(world: World, time_machine: Any) -> None:
    accept(world, renews=Renews.NOBODY)
    time_machine.move_to(now() + DAY, tick=True)
    with world.house.acting(world.people["owner"]) as actor:
        new = consents.prepare(actor, record(world, "enrolled"), language="en", variant=Variant.ADULT)
        bring_form(actor, new, ARCHIVED)
        key = new.id
    publish(world, declared())
    assert world.house.value("SELECT text_change_id FROM consent_form WHERE id = :id", id=key) is None
    assert "colleague's" in due(world)


def test_the_first_text_of_a_language_changes_nothing(world: World) -> None:
    first = dataclasses.replace(declared(), language="eo", sha256="1" * 64)
    publish(world, first)
    assert world.house.value("SELECT count(*) FROM text_change") == 0
    with world.house.system():
        assert db.session.query(ConsentText).filter_by(language="eo").one().purposes == 2
        assert db.session.query(TextChange).count() == 0


@pytest.mark.parametrize(
    ("number", "what", "more"),
    [
        (2, "", {}),
        (1, BECAUSE, {}),
        (2, BECAUSE, {"renewal_due": "next year"}),
        (2, "much " * 80, {}),
    ],
)
def test_a_declaration_that_is_half_is_a_broken_text(number: int, what: str, more: dict[str, str]) -> None:
    with pytest.raises(PaperFault):
        declared(number, what, **more)
