"""Consent: the other ends, the Ukrainian form, and who may not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from app.errors import Incomplete, NotAllowed, NotFound, WrongStep
from app.models import (
    AuditEntry,
    ConsentDecision,
    ConsentForm,
    db,
    today,
)
from app.services import archives, consents, papers, phones
from app.words import (
    Answer,
    Channel,
    FormState,
    PatientState,
    Procedure,
    Relation,
)
from tests.factories import DAY
from tests.papers import by_field, sentence, words_of
from tests.services.consent_words import ADULT, crossed, files, form_of, in_force, questions, record, scan, sign, write

# --- the other ends -------------------------------------------------------------------------------------------------


def test_a_form_under_way_is_cancelled_with_a_reason_and_another_can_be_prepared(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for name in ("prepared", "printed", "signed"):
            form = form_of(world, name)
            consents.cancel(actor, form, reason="The patient went home")
            assert (form.state, form.end_reason) == (FormState.CANCELLED, "The patient went home")
            assert form.patient.state is PatientState.DRAFT
            assert consents.prepare(actor, form.patient, language="el", variant=ADULT).state is FormState.PREPARED
        with pytest.raises(WrongStep):
            consents.cancel(actor, form_of(world, "enrolled"), reason="no")


def test_an_end_without_a_reason_is_refused_by_the_database(world: Any) -> None:
    table = ConsentForm.__table__
    for state, name in (("cancelled", "prepared"), ("annulled", "enrolled")):
        with pytest.raises(IntegrityError):
            write(world, table.update().where(table.c.id == world.forms[name][0]).values(state=state, end_reason=None))


def test_a_wrong_scan_is_annulled_its_copy_locked_and_care_no_longer_in_force(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "enrolled")
        consents.annul(actor, form, reason="Another patient's paper")

        assert (form.state, form.end_reason) == (FormState.ANNULLED, "Another patient's paper")
        assert form.patient.state is PatientState.RESTRICTED
        assert not in_force(form.patient)
        (kept,) = form.documents
        with pytest.raises(NotFound) as refusal:
            archives.read(kept)
        assert sentence(refusal.value) == "This scan was annulled. Its copy is locked."
    assert kept.storage_key in files(world)  # evidence is kept


def test_after_an_annulled_scan_a_new_form_enrols_again(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        assert record(world, "annulled").state is PatientState.RESTRICTED
        new = consents.prepare(actor, record(world, "annulled"), language="en", variant=ADULT)
        consents.note_print(actor, new)
        sign(actor, new)
        scan(actor, new)

        assert record(world, "annulled").state is PatientState.ENROLLED
        assert form_of(world, "annulled").state is FormState.ANNULLED


def test_one_purpose_is_withdrawn_and_the_others_stay(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "enrolled")
        care, education, registry, other = form.decisions
        for decision, channel, reason in ((education, Channel.PHONE, None), (registry, Channel.SLIP, "No more")):
            consents.withdraw(actor, decision, withdrawn_on=today(), channel=channel, reason=reason)
            assert (decision.answer, decision.withdrawn_on) == (Answer.WITHDRAWN, today())
            assert (decision.channel, decision.withdrawal_reason) == (channel, reason)

        assert (care.answer, other.answer) == (Answer.GIVEN, Answer.GIVEN)
        assert (form.state, form.patient.state) == (FormState.ARCHIVED, PatientState.ENROLLED)
        assert in_force(form.patient)


def test_care_withdrawn_closes_the_record_in_the_same_act(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "enrolled")
        under_way = consents.prepare(actor, form.patient, language="el", variant=ADULT)
        consents.withdraw(actor, form.decisions[0], withdrawn_on=today(), channel=Channel.EMAIL, reason=None)

        assert (form.state, form.patient.state) == (FormState.WITHDRAWN, PatientState.RESTRICTED)
        assert not in_force(form.patient)
        assert under_way.state is FormState.CANCELLED
        noted = select(AuditEntry.act).where(AuditEntry.patient_id == form.patient_id).order_by(AuditEntry.seq.desc())
        assert set(db.session.scalars(noted.limit(4))) == {
            "decision.withdraw",
            "consent.end",
            "patient.restrict",
            "consent.lapse",
        }


def test_after_care_the_other_purposes_can_still_be_withdrawn(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        education = form_of(world, "withdrawn").decisions[1]
        consents.withdraw(actor, education, withdrawn_on=today(), channel=Channel.IN_PERSON, reason=None)

        assert education.answer is Answer.WITHDRAWN


def test_a_withdrawal_that_cannot_be_right_is_refused(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for day in (today() + 2 * DAY, today() - DAY):
            with pytest.raises(Incomplete) as refusal:
                consents.withdraw(
                    actor,
                    form_of(world, "enrolled").decisions[0],
                    withdrawn_on=day,
                    channel=Channel.LETTER,
                    reason=None,
                )
            assert by_field(refusal.value) == {
                "withdrawn_on": "This day is before the signature or in the future. Check the date."
            }
        for form, place in (("withdrawn", 0), ("signed", 0), ("refused", 0), ("annulled", 0)):
            with pytest.raises(WrongStep):
                consents.withdraw(
                    actor,
                    form_of(world, form).decisions[place],
                    withdrawn_on=today(),
                    channel=Channel.LETTER,
                    reason=None,
                )


def test_a_withdrawal_without_its_channel_is_refused_by_the_database(world: Any) -> None:
    table = ConsentDecision.__table__
    with pytest.raises(IntegrityError):
        write(world, table.update().where(table.c.form_id == world.forms["enrolled"][0]).values(answer="withdrawn"))


# --- the Ukrainian form ---------------------------------------------------------------------------------------------


def test_the_ukrainian_form_asks_for_care_and_for_nothing_else(world: Any) -> None:
    with world.house.acting(world.people["ukrainian"]) as actor:
        form = consents.prepare(actor, record(world, "ukrainian"), language="uk", variant=ADULT)

        assert (questions(form), form.procedure) == (["care"], Procedure.UA)
        consents.note_print(actor, form)
        assert "Registry" not in words_of(papers.set_paper(form).pdf)
        with pytest.raises(Incomplete):
            consents.prepare(actor, record(world, "ukrainian"), language="en", variant=ADULT)  # the EU's text


def test_an_answer_about_another_purpose_does_not_get_into_a_ukrainian_form(world: Any) -> None:
    with world.house.acting(world.people["ukrainian"]) as actor:
        form = form_of(world, "ukrainian draft")
        answers = crossed(form, Answer.GIVEN) | {"education": Answer.GIVEN, "registry": Answer.GIVEN}
        consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)

        assert questions(form) == ["care"]


@pytest.mark.parametrize("procedure", ["ua", "eu"])
def test_the_database_refuses_another_purpose_in_a_ukrainian_form(world: Any, procedure: str) -> None:
    registry = world.house.rows("SELECT id FROM registry")[0][0]
    for purpose, registry_id in (("education", None), ("registry", registry)):
        row = {
            "public_id": "u" * 32,
            "version": 1,
            "form_id": world.forms["ukrainian"][0],
            "procedure": procedure,
            "purpose": purpose,
            "registry_id": registry_id,
            "answer": "given",
        }
        with pytest.raises(IntegrityError):
            write(world, insert(ConsentDecision.__table__).values(row))


def test_a_ukrainian_form_cannot_take_an_eu_text_nor_become_one(world: Any) -> None:
    table = ConsentForm.__table__
    (eu_text,) = world.house.rows("SELECT id FROM consent_text WHERE procedure = 'eu' AND language = 'el'")
    one = table.c.id == world.forms["ukrainian"][0]
    for change in ({"text_id": eu_text[0]}, {"procedure": "eu"}):
        with pytest.raises(IntegrityError):
            write(world, table.update().where(one).values(change))


def test_a_ukrainian_patient_is_enrolled_by_the_ukrainian_form(world: Any) -> None:
    with world.house.acting(world.people["ukrainian"]) as actor:
        form = form_of(world, "ukrainian draft")
        sign(actor, form)
        scan(actor, form)

        assert form.patient.state is PatientState.ENROLLED


# --- an assistant, and those who may not ----------------------------------------------------------------------------


def test_an_assistant_brings_the_form_all_the_way_on_the_clinicians_behalf(world: Any) -> None:
    with world.house.acting(world.people["assistant"]) as actor:
        form = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)
        consents.note_print(actor, form)
        sign(actor, form)
        scan(actor, form)

        assert form.patient.state is PatientState.ENROLLED
        noted = list(db.session.scalars(select(AuditEntry).where(AuditEntry.thing_id == form.public_id)))
        assert {entry.act for entry in noted} == {"consent.prepare", "consent.print", "consent.sign", "consent.archive"}
        assert {(entry.actor_id, entry.on_behalf_of_id) for entry in noted} == {
            (world.people["assistant"], world.people["owner"])
        }


def test_everybody_else_sees_no_form_with_its_patient(world: Any) -> None:
    sees = {}
    for who in world.people:
        with world.house.acting(world.people[who]):
            form = form_of(world, "enrolled")
            sees[who] = None if form is None else (form.patient is not None, len(form.documents), len(form.decisions))

    assert {who: what for who, what in sees.items() if what} == {
        "owner": (True, 1, 4),
        "assistant": (True, 1, 4),
        "assistant of chosen": (True, 1, 4),
        "representative": (False, 0, 0),
        "protection": (False, 0, 0),
    }


def test_a_representative_does_nothing_with_a_form(world: Any) -> None:
    with world.house.acting(world.people["representative"]) as actor:
        form = form_of(world, "signed")
        for act in (
            lambda: consents.note_print(actor, form),
            lambda: archives.attest(actor, form, place="x"),
            lambda: consents.cancel(actor, form, reason="x"),
            lambda: phones.offer_phone(actor, form, login_id=1),
        ):
            with pytest.raises(NotAllowed):
                act()
