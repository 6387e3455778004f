"""Consent: what may be noted of a signature."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.errors import Incomplete, WrongStep
from app.models import (
    db,
    today,
)
from app.services import archives, consents, identities, patients, signers
from app.words import (
    Answer,
    FormState,
    PatientState,
    Relation,
    Sex,
)
from tests.factories import DAY
from tests.papers import by_field, sentence
from tests.services.consent_words import ADULT, REPRESENTATIVE, crossed, form_of, in_force, record, scan, sign


def test_a_signature_notes_date_signer_and_each_answer(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "printed")
        sign(actor, form, Answer.GIVEN, Answer.REFUSED, Answer.GIVEN, on=today())

        assert (form.state, form.signed_on, form.relation) == (FormState.SIGNED, today(), Relation.SELF)
        assert [d.answer for d in form.decisions] == [Answer.GIVEN, Answer.REFUSED, Answer.GIVEN, Answer.NOT_ASKED]
        assert signers.signer_of(form) is None
        assert form.patient.state is PatientState.DRAFT  # until the paper is archived


SIGNATURES: list[tuple[dict[str, Any], str, str]] = [
    ({"signed_on": dt.timedelta(2)}, "signed_on", "This date lies in the future."),
    (
        {"signed_on": dt.timedelta(-2)},
        "signed_on",
        "The form was printed later than this. Check the date beside the signature.",
    ),
    (
        {"relation": Relation.LEGAL_REPRESENTATIVE},
        "relation",
        "This form is signed by the patient. For a representative prepare the other form.",
    ),
    ({"answers": {}}, "answer_", "Choose yes or no, as on the paper."),
    ({"care": Answer.NOT_ASKED}, "answer_", "Choose yes or no, as on the paper."),
    ({"care": Answer.WITHDRAWN}, "answer_", "Choose yes or no, as on the paper."),
]


def test_a_signature_that_cannot_be_right_is_refused_by_its_field(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        care = form_of(world, "printed").decisions[0].public_id
        for wrong, field, said in SIGNATURES:
            given = {
                "signed_on": today() + wrong.get("signed_on", dt.timedelta()),
                "relation": wrong.get("relation", Relation.SELF),
                "signer": None,
                "answers": wrong.get("answers", {care: wrong.get("care", Answer.GIVEN)}),
            }
            with pytest.raises(Incomplete) as refusal:
                consents.sign(actor, form_of(world, "printed"), **given)
            assert by_field(refusal.value) == {field + care if field == "answer_" else field: said}
        assert form_of(world, "printed").state is FormState.PRINTED


def test_an_optional_purpose_cannot_be_recorded_as_withdrawn(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(Incomplete):
        sign(actor, form_of(world, "printed"), Answer.GIVEN, Answer.WITHDRAWN)


def test_answers_for_questions_the_form_does_not_ask_change_nothing(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        strange = form_of(world, "enrolled").decisions[1].public_id
        form = form_of(world, "printed")
        answers = crossed(form, Answer.GIVEN) | {strange: Answer.REFUSED, "x" * 32: Answer.GIVEN}
        consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)

        assert form_of(world, "enrolled").decisions[1].answer is Answer.GIVEN
        assert [d.answer for d in form.decisions] == [Answer.GIVEN] + [Answer.NOT_ASKED] * 3


ORDER = [
    ("prepared", "sign", "This form has not been printed yet. Print it first."),
    ("prepared", "archive", "This form has not been printed yet. Print it and record the signature first."),
    ("printed", "archive", "The signature is not recorded yet. Record it, then archive the scan."),
    ("printed", "attest", "The signature is not recorded yet. Record it first."),
    ("enrolled", "archive", "This form is archived already. Annul it if the scan is wrong."),
    ("enrolled", "sign", "This form is archived and cannot be changed. Annul it if something is wrong."),
    ("enrolled", "print", "This form is archived. Prepare a new form to print one."),
]


def test_each_act_out_of_turn_says_what_comes_first(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        acts = {
            "sign": lambda form: sign(actor, form),
            "archive": lambda form: scan(actor, form),
            "attest": lambda form: archives.attest(actor, form, place="Room 1"),
            "print": lambda form: consents.note_print(actor, form),
        }
        for name, act, said in ORDER:
            with pytest.raises(WrongStep) as refusal:
                acts[act](form_of(world, name))
            assert (name, act, sentence(refusal.value)) == (name, act, said)
        for name in ("cancelled", "annulled", "withdrawn", "renewed"):
            for act in acts.values():
                with pytest.raises(WrongStep):
                    act(form_of(world, name))


def test_a_representatives_name_and_proof_are_sealed(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        form = form_of(world, "represented")
        assert signers.signer_of(form) == signers.Signer("Signatoria Quexingtonmother", "identity card 4431-77")
        assert form.relation is Relation.LEGAL_REPRESENTATIVE
    (row,) = world.house.rows("SELECT * FROM consent_form WHERE id = :key", key=world.forms["represented"][0])
    stored = b"|".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
    assert b"Quexingtonmother" not in stored
    assert b"4431-77" not in stored


def test_a_representatives_form_needs_the_relation_and_a_name(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = consents.prepare(actor, record(world, "draft"), language="en", variant=REPRESENTATIVE)
        consents.note_print(actor, form)
        given: dict[str, Any] = {"signed_on": today(), "answers": crossed(form, Answer.GIVEN)}
        for relation, signer, field in (
            (Relation.SELF, signers.Signer("A Mother"), "relation"),
            (Relation.LEGAL_REPRESENTATIVE, None, "names"),
            (Relation.LEGAL_REPRESENTATIVE, signers.Signer(""), "names"),
        ):
            with pytest.raises(Incomplete) as refusal:
                consents.sign(actor, form, **given, relation=relation, signer=signer)
            assert list(by_field(refusal.value)) == [field]
        consents.sign(actor, form, **given, relation=Relation.GUARDIAN, signer=signers.Signer("A Guardian"))
        assert signers.signer_of(form) == signers.Signer("A Guardian")


def child_of(actor: Any, world: Any, years: int) -> Any:
    """A draft whose patient is so old today, to the month."""
    born = dt.date(today().year - years, today().month, 1)
    identity = identities.Identity(f"Childof{years}years", "Zoe", born, f"C-{years}")
    return patients.enrol(actor, record(world, "draft").hospital, identity=identity, sex=Sex.FEMALE)


def test_below_the_countrys_age_a_representative_signs_and_above_it_no_parent(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        child, adult = child_of(actor, world, 12), child_of(actor, world, 19)
        with pytest.raises(Incomplete) as refusal:
            consents.prepare(actor, child, language="en", variant=ADULT)
        assert by_field(refusal.value) == {
            "variant": "In this country a patient signs alone from the age of 18. A representative signs."
        }
        mother = signers.Signer("A Mother", "identity card")
        for patient, relation in ((child, Relation.PARENT), (adult, Relation.GUARDIAN)):
            form = consents.prepare(actor, patient, language="en", variant=REPRESENTATIVE)
            consents.note_print(actor, form)
            given = {"signed_on": today(), "signer": mother, "answers": crossed(form, Answer.GIVEN)}
            if patient is adult:
                with pytest.raises(Incomplete) as refusal:
                    consents.sign(actor, form, **given, relation=Relation.PARENT)
                assert list(by_field(refusal.value)) == ["relation"]
            consents.sign(actor, form, **given, relation=relation)
            assert (form.state, form.relation) == (FormState.SIGNED, relation)


def test_a_slip_of_the_pen_is_corrected_until_the_scan_makes_it_final(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        sign(actor, form, Answer.GIVEN, Answer.REFUSED)
        assert form.decisions[1].answer is Answer.REFUSED
        scan(actor, form)
        with pytest.raises(WrongStep):
            sign(actor, form)


def test_care_refused_archives_the_form_and_the_draft_ends_after_thirty_days(world: Any) -> None:
    with world.house.system():
        record(world, "printed").draft_ends_on = today() + DAY
        db.session.commit()
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "printed")
        sign(actor, form, Answer.REFUSED, Answer.GIVEN)

        assert (form.state, form.documents) == (FormState.ARCHIVED, [])
        assert form.archived_at is not None
        assert (form.patient.state, form.patient.draft_ends_on) == (PatientState.DRAFT, today() + 30 * DAY)
        assert not in_force(form.patient)


def test_a_new_form_that_refuses_care_restricts_an_enrolled_record(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        new = consents.prepare(actor, record(world, "enrolled"), language="el", variant=ADULT)
        consents.note_print(actor, new)
        assert record(world, "enrolled").state is PatientState.ENROLLED
        sign(actor, new, Answer.REFUSED)

        assert record(world, "enrolled").state is PatientState.RESTRICTED
        assert form_of(world, "enrolled").state is FormState.SUPERSEDED
        assert not in_force(record(world, "enrolled"))
