"""Blank forms: printed without a patient, bound to one when they come back signed, and what cannot be bound."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from app.errors import Incomplete, NotAllowed, NotFound, WrongStep
from app.models import ConsentForm, Person, db, now, today
from app.services import archives, blanks, consents, jobs, papers, patients
from app.words import Answer, BlankState, FormState, PatientState, Relation, Variant
from tests import factories as make
from tests.desks import blank_of, patient_of, printed
from tests.papers import by_field, pages_of, sentence, words_of
from tests.world import World

DAY = dt.timedelta(days=1)
pytestmark = pytest.mark.one_database


def bind(world: World, who: str, key: str, name: str, *, end_others: bool | None = None) -> str:
    """Bind a blank form to a patient; gives the form's code."""
    with world.house.acting(world.people[who]) as actor:
        made = blanks.bind(actor, patient_of(world, name), blank=blank_of(key), end_others=end_others)
        return made.code


# --- printed ------------------------------------------------------------------------------------------------------------


def test_a_blank_form_says_whose_it_is_and_nothing_of_a_patient(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.acting(world.people["owner"]):
        blank = blank_of(key)
        made = papers.set_blank(blank)
        pages = pages_of(made.pdf)
        clinician = str(blank.clinician)
        grouped = "-".join(blank.code[at : at + 4] for at in range(0, 16, 4))
    assert made.missing == ()
    assert all(grouped in page for page in pages)
    assert clinician in words_of(made.pdf)
    assert "Registry of the network" in words_of(made.pdf)
    assert "Registry of others" not in words_of(made.pdf)
    for part in filter(None, vars(world.identities["draft"]).values()):
        assert str(part) not in words_of(made.pdf)


def test_each_of_a_run_has_a_code_of_its_own_and_a_second_click_prints_no_more(world: World) -> None:
    keys = printed(world, "owner", count=4, once="a key of a form")
    assert printed(world, "owner", count=4, once="a key of a form") == keys
    assert len(keys) == 4
    with world.house.acting(world.people["owner"]):
        assert len({blank_of(key).code for key in keys}) == 4
        assert {blank_of(key).state for key in keys} == {BlankState.PRINTED}


@pytest.mark.parametrize("count", [0, 51])
def test_none_and_too_many_are_refused_by_the_field(world: World, count: int) -> None:
    with pytest.raises(Incomplete) as refusal:
        printed(world, "owner", count=count)
    assert by_field(refusal.value) == {"count": "Print between 1 and 50 blank forms at a time."}


def test_nothing_is_printed_where_nobody_may_enrol(world: World) -> None:
    with pytest.raises(NotAllowed) as refusal:
        printed(world, "unauthorised", "Unauthorised house")
    assert sentence(refusal.value).startswith("Unauthorised house has no authorisation in force")


def test_an_assistant_prints_and_binds_on_behalf_of_the_clinician(world: World) -> None:
    (key,) = printed(world, "assistant", clinician="owner")
    with world.house.acting(world.people["owner"]):
        blank = blank_of(key)
        assert (blank.clinician_id, blank.printed_by_id) == (world.people["owner"], world.people["assistant"])
    before = world.house.value("SELECT max(seq) FROM audit_entry WHERE act <> 'blank.print'")
    bind(world, "assistant", key, "draft")
    found = world.house.rows(
        "SELECT act, on_behalf_of_id FROM audit_entry"
        " WHERE act IN ('blank.print', 'blank.bind', 'consent.adopt', 'blank.use') AND seq > :before ORDER BY seq",
        before=before,
    )
    owner = world.people["owner"]
    assert [tuple(row) for row in found] == [
        ("blank.print", owner),
        ("blank.bind", owner),
        ("consent.adopt", owner),
        ("blank.use", owner),
    ]


def test_an_assistant_says_for_whom(world: World) -> None:
    with pytest.raises(Incomplete) as refusal:
        printed(world, "assistant")
    assert by_field(refusal.value) == {"clinician": "Choose the clinician who treats the patient."}


def test_an_assistant_prints_for_nobody_who_granted_nothing(world: World) -> None:
    with pytest.raises(NotAllowed):
        printed(world, "assistant", clinician="colleague")


# --- bound --------------------------------------------------------------------------------------------------------------


def test_a_bound_blank_form_is_the_patients_printed_form_with_the_paper_that_was_signed(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.acting(world.people["owner"]):
        code, before, moment = blank_of(key).code, papers.set_blank(blank_of(key)).pdf, blank_of(key).printed_at
    bind(world, "owner", key, "draft")
    with world.house.acting(world.people["owner"]) as actor:
        blank = blank_of(key)
        form = blank.form
        assert blank.state is BlankState.BOUND
        assert form is not None
        assert (form.code, form.state, form.printed_at, form.print_count) == (code, FormState.PRINTED, moment, 1)
        assert form.patient_id == world.patients["draft"][0]
        assert [d.named_registry.name for d in form.decisions if d.named_registry] == [
            "Registry of nobody",
            "Registry of the network",
        ]
        assert papers.set_paper(form).pdf == before
        consents.note_print(actor, form)
        assert papers.set_paper(form).pdf == before, "printed again it says more than the paper that was signed"
        assert form.patient.draft_ends_on == today() + 30 * DAY


def test_a_bound_form_is_signed_and_archived_like_any_other(world: World) -> None:
    (key,) = printed(world, "owner")
    bind(world, "owner", key, "draft")
    with world.house.acting(world.people["owner"]) as actor:
        form = blank_of(key).form
        answers = {d.public_id: Answer.GIVEN for d in form.decisions}
        consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)
        archives.attest(actor, form, place="Folder of the ward")
        assert (form.state, form.patient.state) == (FormState.ARCHIVED, PatientState.ENROLLED)


def test_a_signature_older_than_the_print_is_refused(world: World) -> None:
    (key,) = printed(world, "owner")
    bind(world, "owner", key, "draft")
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(Incomplete) as refusal:
        form = blank_of(key).form
        answers = {d.public_id: Answer.GIVEN for d in form.decisions}
        consents.sign(actor, form, signed_on=today() - 5 * DAY, relation=Relation.SELF, signer=None, answers=answers)
    assert set(by_field(refusal.value)) == {"signed_on"}


def test_it_must_be_said_what_becomes_of_another_open_form(world: World) -> None:
    first, second = printed(world, "owner", count=2)
    with pytest.raises(Incomplete) as refusal:
        bind(world, "owner", first, "printed")
    assert by_field(refusal.value) == {"end_others": "This patient has another open form. Say what becomes of it."}
    bind(world, "owner", first, "printed", end_others=False)
    bind(world, "owner", second, "printed", end_others=True)
    states = "SELECT state, end_reason FROM consent_form WHERE patient_id = :id ORDER BY id"
    found = world.house.rows(states, id=world.patients["printed"][0])
    ended = ("cancelled", "A blank form was signed instead.")
    assert [tuple(row) for row in found] == [ended, ended, ("printed", None)]


def test_when_it_cannot_be_bound_the_other_form_stays_open(world: World) -> None:
    (key,) = printed(world, "owner")
    bind(world, "owner", key, "draft")
    with pytest.raises(WrongStep):
        bind(world, "owner", key, "printed", end_others=True)
    state = "SELECT state FROM consent_form WHERE id = :id"
    assert world.house.value(state, id=world.forms["printed"][0]) == "printed"


def test_a_blank_form_is_bound_once(world: World) -> None:
    (key,) = printed(world, "owner")
    bind(world, "owner", key, "draft")
    with pytest.raises(WrongStep) as refusal:
        bind(world, "owner", key, "prepared", end_others=False)
    assert sentence(refusal.value) == "This blank form is bound to a patient already. One form is one patient’s."


def test_a_blank_form_is_no_other_clinicians_patients(world: World) -> None:
    (key,) = printed(world, "colleague")
    with world.house.system():  # the assistant now serves both
        blank, assistant = blank_of(key), db.session.get_one(Person, world.people["assistant"])
        make.grant(blank.clinician, assistant, blank.hospital)
    for blank, patient in ((key, "draft"), (printed(world, "owner")[0], "colleague's")):
        with pytest.raises(Incomplete) as refusal:
            bind(world, "assistant", blank, patient, end_others=False)
        assert "and the patient is somebody else’s" in sentence(refusal.value)


def test_who_may_sign_is_looked_at_when_it_is_bound(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.system():
        patient_of(world, "draft").birth_year = today().year - 9
        db.session.commit()
    with pytest.raises(Incomplete) as refusal:
        bind(world, "owner", key, "draft")
    assert set(by_field(refusal.value)) == {"variant"}


def test_nothing_is_bound_to_who_is_erased(world: World) -> None:
    (key,) = printed(world, "owner")
    with pytest.raises(WrongStep):
        bind(world, "owner", key, "erased")


def test_the_ukrainian_blank_form_asks_for_care_alone(world: World) -> None:
    (key,) = printed(world, "ukrainian", "Kyiv")
    bind(world, "ukrainian", key, "ukrainian draft", end_others=True)
    with world.house.acting(world.people["ukrainian"]):
        assert [d.purpose.value for d in blank_of(key).form.decisions] == ["care"]


# --- found --------------------------------------------------------------------------------------------------------------


def test_a_patient_is_found_by_file_number_or_a_part_of_the_nickname_among_the_clinicians_own(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.acting(world.people["owner"]) as actor:
        blank, draft = blank_of(key), patient_of(world, "draft")
        assert blanks.fitting(actor, blank, world.identities["draft"].file_number) == [draft]
        assert blanks.fitting(actor, blank, draft.nickname[3:].upper()) == [draft]
        assert blanks.fitting(actor, blank, world.identities["colleague's"].file_number) == []
        assert blanks.fitting(actor, blank, "%") == []
        assert blanks.fitting(actor, blank, patient_of(world, "erased").nickname) == []


def test_a_code_is_found_as_people_type_it(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.acting(world.people["owner"]) as actor:
        code = blank_of(key).code
        typed = "-".join(code[at : at + 4] for at in range(0, 16, 4)).lower().replace("0", "o")
        assert blanks.by_code(actor, typed).public_id == key
        for wrong in ("", "12", "0" * 16, code[:-1] + ("1" if code[-1] != "1" else "2")):
            with pytest.raises(Incomplete) as refusal:
                blanks.by_code(actor, wrong)
            assert set(by_field(refusal.value)) == {"code"}


# --- never bound --------------------------------------------------------------------------------------------------------


def test_a_cancelled_blank_form_cannot_be_bound(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.acting(world.people["owner"]) as actor:
        blanks.cancel(actor, blank_of(key), reason="Coffee on it")
    with pytest.raises(WrongStep) as refusal:
        bind(world, "owner", key, "draft")
    assert sentence(refusal.value).startswith("This blank form was cancelled.")


def test_blank_forms_that_never_came_back_lapse(world: World) -> None:
    (old,) = printed(world, "owner")
    with time_machine.travel(now() + 180 * DAY):
        jobs.run_due(world.house.app.app_context)
    assert world.house.value("SELECT state FROM blank_form WHERE public_id = :key", key=old) == "printed"
    with time_machine.travel(now() + 182 * DAY):
        jobs.run_due(world.house.app.app_context)
    assert world.house.value("SELECT state FROM blank_form WHERE public_id = :key", key=old) == "lapsed"
    with pytest.raises(WrongStep):
        bind(world, "owner", old, "draft")


def test_once_the_patient_is_erased_nothing_of_the_form_is_personal(world: World) -> None:
    (key,) = printed(world, "owner")
    bind(world, "owner", key, "draft")
    with world.house.acting(world.people["owner"]) as actor:
        patients.delete(actor, patient_of(world, "draft"))
    (row,) = world.house.rows("SELECT * FROM blank_form WHERE public_id = :key", key=key)
    (form,) = world.house.rows("SELECT * FROM consent_form WHERE code = :code", code=row.code)
    assert (form.state, form.sealed_paper, form.sealed_signer) == ("cancelled", None, None)
    for part in filter(None, vars(world.identities["draft"]).values()):
        assert str(part) not in str(row)


def test_a_representatives_blank_form_is_signed_by_a_representative(world: World) -> None:
    (key,) = printed(world, "owner", variant=Variant.REPRESENTATIVE)
    bind(world, "owner", key, "draft")
    with world.house.acting(world.people["owner"]) as actor:
        form: ConsentForm = blank_of(key).form
        answers: dict[str, Any] = {d.public_id: Answer.GIVEN for d in form.decisions}
        with pytest.raises(Incomplete):
            consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)


def test_a_blank_form_nobody_may_open_is_not_there(world: World) -> None:
    (key,) = printed(world, "owner")
    with world.house.acting(world.people["owner"]):
        blank = blank_of(key)
    with world.house.acting(world.people["colleague"]) as actor, pytest.raises(NotFound):
        blanks.bind(actor, patient_of(world, "colleague's"), blank=blank, end_others=False)
