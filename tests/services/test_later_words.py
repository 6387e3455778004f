"""What a patient said later stays said: older papers, corrected birth dates, letters and restrictions against the archive."""

from __future__ import annotations

import dataclasses
import datetime as dt
from contextlib import nullcontext

import pytest
import time_machine

from app.errors import Incomplete
from app.models import Hospital, Patient, db, now, today
from app.outside.vault import Vault
from app.services import consents, housekeeping, identities, letters, patients, renewals, signers, withdrawals
from app.words import Answer, FormState, PatientState, Purpose, Relation, Sex, Variant
from tests.factories import DAY
from tests.trust.withdrawals import form_of, record, shared, withdraw
from tests.world import ARCHIVED, World, bring_form, file_bytes, identity


def answers(form: object) -> dict[str, Answer]:
    """What a form says, by purpose and registry."""
    return {
        d.named_registry.name if d.named_registry else d.purpose.value: d.answer
        for d in form.decisions  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("what", [Purpose.EDUCATION, Purpose.REGISTRY])
@pytest.mark.parametrize("recorded", ["before the withdrawal", "after it"])
def test_a_paper_signed_before_a_withdrawal_brings_no_purpose_back(world: World, what: Purpose, recorded: str) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, first = record(world, "enrolled"), form_of(world, "enrolled")
        second = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, second)
        yes = {d.public_id: Answer.GIVEN for d in second.decisions}
        day, old = today(), next(d for d in first.decisions if d.purpose is what and d.answer is Answer.GIVEN)
        name = old.named_registry.name if old.named_registry else old.purpose.value
        before = answers(second)

        def note() -> None:
            consents.sign(actor, second, signed_on=day, relation=Relation.SELF, signer=None, answers=yes)

        if recorded == "before the withdrawal":
            note()
        with time_machine.travel(now() + 5 * DAY):
            withdraw(actor, old, withdrawn_on=today())
        with time_machine.travel(now() + 6 * DAY):
            if recorded == "after it":
                note()
            file_bytes(actor, second)

            assert answers(second) == dict.fromkeys(before, Answer.GIVEN) | {name: Answer.WITHDRAWN}
            assert (second.state, shared(patient)) == (FormState.ARCHIVED, True)
            carried = next(d for d in second.decisions if d.answer is Answer.WITHDRAWN)
            assert (carried.withdrawn_on, carried.channel) == (old.withdrawn_on, old.channel)
            assert carried.id not in renewals.in_force(patient, today())


def test_a_paper_signed_after_a_withdrawal_gives_the_purpose_again(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, first = record(world, "enrolled"), form_of(world, "enrolled")
        withdraw(actor, next(d for d in first.decisions if d.purpose is Purpose.EDUCATION))
        second = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, second, ARCHIVED)

        assert set(answers(second).values()) == {Answer.GIVEN}


def child(actor: object, world: World, born: dt.date) -> tuple[Patient, object]:
    """A child whose parent has said yes to everything."""
    home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
    made = patients.enrol(
        actor,
        home,
        identity=dataclasses.replace(identity(71), birth_date=born),
        sex=Sex.FEMALE,  # type: ignore[arg-type]
    )
    form = consents.prepare(actor, made, language="en", variant=Variant.REPRESENTATIVE)  # type: ignore[arg-type]
    consents.note_print(actor, form)  # type: ignore[arg-type]
    consents.sign(
        actor,  # type: ignore[arg-type]
        form,
        signed_on=today(),
        relation=Relation.PARENT,
        signer=signers.Signer("Mother"),
        answers={d.public_id: Answer.GIVEN for d in form.decisions},
    )
    file_bytes(actor, form)
    return made, form


def test_a_corrected_birth_date_that_makes_the_signer_unfit_pauses_the_form_at_once(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        born = dt.date(today().year - 5, 3, 3)
        patient, form = child(actor, world, born)
        due = form.renewal_due_on
        who = identities.identity_of(patient)

        patients.correct(
            actor, patient, identity=dataclasses.replace(who, birth_date=dt.date(1990, 3, 3)), sex=Sex.FEMALE
        )

        care = next(d for d in form.decisions if d.purpose is Purpose.CARE)
        assert (due, form.renewal_due_on) == (dt.date(born.year + 18, 4, 1), form.signed_on)
        assert renewals.in_force(patient, today()) == {care.id}
        assert renewals.misfits(form)

        patients.correct(actor, patient, identity=who, sex=Sex.FEMALE)
        assert (form.renewal_due_on, renewals.misfits(form)) == (due, False)


def test_a_child_of_four_has_signed_nothing_alone(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = record(world, "enrolled"), form_of(world, "enrolled")
        young = dataclasses.replace(identities.identity_of(patient), birth_date=dt.date(today().year - 4, 1, 1))

        patients.correct(actor, patient, identity=young, sex=Sex.FEMALE)

        assert (form.renewal_due_on, renewals.misfits(form)) == (form.signed_on, True)
        assert [d.purpose for d in form.decisions if d.id in renewals.in_force(patient, today())] == [Purpose.CARE]


def test_a_letter_finds_records_whose_index_is_of_an_older_master_key(world: World) -> None:
    who, extensions = world.identities["enrolled"], world.house.app.extensions
    old = extensions["premises"]
    two = {**old.settings["MASTER_KEY"], "2": bytes(range(32, 64))}
    settings = dataclasses.replace(old.settings, values={**old.settings.values, "MASTER_KEY": two})
    extensions["premises"] = dataclasses.replace(old, vault=Vault(two, "2"), settings=settings)
    try:
        with world.house.acting(world.people["protection"]) as actor:
            letter = letters.trace(
                actor,
                db.session.get_one(Hospital, world.hospitals["Thessaloniki"]),
                reason="withdraws",
                received_on=today(),
                family_name=who.family_name,
                birth_date=who.birth_date,
                file_number=who.file_number,
            )
            assert letter.found == 1
    finally:
        extensions["premises"] = old


def test_who_consented_again_is_not_erased_though_the_restriction_still_stands(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "restricted")
        withdraw(actor, form_of(world, "restricted").decisions[0])
        assert patient.erase_on is not None
        again = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, again, ARCHIVED)
        assert (patient.state, patient.erase_on) == (PatientState.RESTRICTED, None)
    with time_machine.travel(now() + 40 * DAY), world.house.system("expiry") as actor:
        housekeeping.erase_records(actor, {})
    with world.house.everything() as session:
        assert session.get_one(Patient, world.patients["restricted"][0]).state is PatientState.RESTRICTED


def test_a_restriction_on_a_draft_holds_when_its_form_is_archived(world: World) -> None:
    who = world.identities["signed"]
    with world.house.acting(world.people["protection"]) as actor:
        home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
        letters.trace(
            actor,
            home,
            reason="objects",
            received_on=today(),
            family_name=who.family_name,
            birth_date=who.birth_date,
        )
        withdrawals.restrict_by_protection(actor, record(world, "signed"))
    with world.house.acting(world.people["owner"]) as actor:
        file_bytes(actor, form_of(world, "signed"))
        patient = record(world, "signed")
        assert (patient.state, patient.draft_ends_on, shared(patient)) == (PatientState.DRAFT, None, False)
    with world.house.acting(world.people["protection"]) as actor:
        withdrawals.lift_restriction(actor, record(world, "signed"))
    with world.house.acting(world.people["owner"]):
        assert (record(world, "signed").state, shared(record(world, "signed"))) == (PatientState.ENROLLED, True)


@pytest.mark.parametrize("then", ["it waits for its scan", "it is cancelled"])
def test_a_no_on_a_signed_form_ends_the_older_yes_before_any_scan(world: World, then: str) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, first = record(world, "enrolled"), form_of(world, "enrolled")
        second = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, second)
        said = {d.public_id: Answer.GIVEN if d.purpose is Purpose.CARE else Answer.REFUSED for d in second.decisions}

        consents.sign(actor, second, signed_on=today(), relation=Relation.SELF, signer=None, answers=said)
        if then == "it is cancelled":
            consents.cancel(actor, second, reason="The paper was lost")

        counting = [d.purpose for d in first.decisions if d.id in renewals.in_force(patient, today())]
        assert (counting, first.state, shared(patient)) == ([Purpose.CARE], FormState.ARCHIVED, True)


def test_recording_a_signature_again_does_not_put_the_erasure_off_again(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "enrolled")
        withdraw(actor, form_of(world, "enrolled").decisions[0])
        due = patient.erase_on
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, form)
        yes = {d.public_id: Answer.GIVEN for d in form.decisions}
        with time_machine.travel(now() + 20 * DAY):
            signed = today()
            for _again in range(3):
                consents.sign(actor, form, signed_on=signed, relation=Relation.SELF, signer=None, answers=yes)
        with time_machine.travel(now() + 40 * DAY):
            consents.sign(actor, form, signed_on=signed, relation=Relation.SELF, signer=None, answers=yes)
            assert patient.erase_on == signed + 30 * DAY
        with time_machine.travel(now() + 21 * DAY):
            consents.cancel(actor, form, reason="Signed by mistake")
            assert patient.erase_on == due


@pytest.mark.parametrize("years", [121, 7973])
def test_a_mandate_that_ends_beyond_all_lives_is_refused_in_words(world: World, years: int) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
        made = patients.enrol(actor, home, identity=identity(72), sex=Sex.MALE)
        form = consents.prepare(actor, made, language="en", variant=Variant.REPRESENTATIVE)
        consents.note_print(actor, form)
        with pytest.raises(Incomplete, match="Nobody’s mandate lasts so long"):
            consents.sign(
                actor,
                form,
                signed_on=today(),
                relation=Relation.GUARDIAN,
                signer=signers.Signer("Guardian"),
                answers={d.public_id: Answer.GIVEN for d in form.decisions},
                mandate_ends_on=dt.date(today().year + years, 12, 31),
            )


@pytest.mark.parametrize(
    ("months", "may"), [(17 * 12 + 11, True), (18 * 12, True), (18 * 12 + 1, False), (18 * 12 + 11, False)]
)
def test_from_the_month_after_majority_no_parent_signs(world: World, months: int, may: bool) -> None:
    on = today()
    born = dt.date(on.year - months // 12 - (on.month <= months % 12), (on.month - months % 12 - 1) % 12 + 1, 1)
    with world.house.acting(world.people["owner"]) as actor:
        if may:
            _patient, form = child(actor, world, born)
            assert form.renewal_due_on is not None
        else:
            with pytest.raises(Incomplete, match="A parent cannot sign for an adult"):
                child(actor, world, born)


@pytest.mark.parametrize(("days", "may"), [(1, False), (0, True), (-1, True)])
def test_in_the_month_of_the_birthday_the_day_counts(world: World, days: int, may: bool) -> None:
    on = today()
    birthday = on + dt.timedelta(days=days)
    born = dt.date(birthday.year - 18, birthday.month, 1) + dt.timedelta(days=birthday.day - 1)
    with world.house.acting(world.people["owner"]) as actor:
        who = dataclasses.replace(identity(61), birth_date=born)
        patient = patients.enrol(actor, record(world, "draft").hospital, identity=who, sex=Sex.FEMALE)
        with nullcontext() if may else pytest.raises(Incomplete, match="signs alone from the age of 18"):
            form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
            consents.note_print(actor, form)
            given = {d.public_id: Answer.GIVEN for d in form.decisions}
            consents.sign(actor, form, signed_on=on, relation=Relation.SELF, signer=None, answers=given)
