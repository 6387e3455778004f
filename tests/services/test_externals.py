"""Papers from elsewhere: filed by hand, they count after a second person has compared them, and never before."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import ConsentForm, Patient, Registry, db, today
from app.premises import premises
from app.scopes import care_in_force
from app.services import consents, externals, patients
from app.services.archives import Upload
from app.services.externals import Paper
from app.words import Answer, FormState, PatientState, Relation
from tests.factories import DAY
from tests.papers import document
from tests.world import World

YES = {"care": Answer.GIVEN, "education": Answer.REFUSED}


def paper(**given: Any) -> Paper:
    """A paper of the hospital's own, signed by the patient yesterday."""
    said: dict[str, Any] = {
        "reference": "General consent, form 4711",
        "language": "ka",
        "signed_on": today() - DAY,
        "relation": Relation.SELF,
        "answers": YES,
    }
    return Paper(**said | given)


def scan() -> list[Upload]:
    """The scan of a paper."""
    return [Upload(document(), "scan.pdf")]


def filed(world: World, who: str = "assistant", name: str = "draft", **given: Any) -> int:
    """File a paper for a patient; the form's id."""
    uploads = [] if "place" in given else scan()
    with world.house.acting(world.people[who]) as actor:
        patient = db.session.get(Patient, world.patients[name][0])
        return int(externals.file_paper(actor, patient, paper(**given), uploads).id)


def keys(form: ConsentForm) -> set[str]:
    """Every answer of a form, as its checker ticks it."""
    return {externals.key_of(one) for one in form.decisions}


def confirm(world: World, who: str, key: int) -> None:
    """Let somebody confirm every answer."""
    with world.house.acting(world.people[who]) as actor:
        form = db.session.get(ConsentForm, key)
        externals.confirm(actor, form, confirmed=keys(form))


def state_of(world: World, key: int) -> tuple[str, str, bool]:
    """The form's state, the record's, and whether care consent is in force."""
    with world.house.everything() as session:
        form = session.get(ConsentForm, key)
        counts = session.scalar(
            select(Patient.id).where(Patient.id == form.patient_id, Patient.id.in_(care_in_force()))
        )
        return form.state, form.patient.state, counts is not None


def test_a_paper_counts_only_after_a_second_person_has_checked_it(world: World) -> None:
    key = filed(world)
    assert state_of(world, key) == (FormState.TO_CHECK, PatientState.DRAFT, False)
    confirm(world, "owner", key)
    assert state_of(world, key) == (FormState.ARCHIVED, PatientState.ENROLLED, True)


@pytest.mark.parametrize(("first", "second"), [("owner", "assistant"), ("assistant", "owner"), ("owner", "protection")])
def test_who_may_be_the_second_person(world: World, first: str, second: str) -> None:
    key = filed(world, first)
    confirm(world, second, key)
    assert state_of(world, key) == (FormState.ARCHIVED, PatientState.ENROLLED, True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("owner", "owner"),
        ("assistant", "assistant"),
        ("owner", "colleague"),
        ("owner", "representative"),
        ("owner", "other protection"),
        ("owner", "revoked assistant"),
        ("owner", "admin"),
    ],
)
def test_nobody_else_and_never_who_filed_it(world: World, first: str, second: str) -> None:
    key = filed(world, first)
    with world.house.everything() as session:
        ticked = keys(session.get(ConsentForm, key))
    with world.house.acting(world.people[second]) as actor, pytest.raises(NotAllowed):
        externals.confirm(actor, db.session.get(ConsentForm, key), confirmed=ticked)
    assert state_of(world, key)[0] == FormState.TO_CHECK


def test_the_database_itself_refuses_the_filer_as_checker_and_a_paper_nobody_checked(world: World) -> None:
    key = filed(world)
    for changes in ({"checked_by_id": world.people["assistant"], "checked_on": today()}, {"state": FormState.ARCHIVED}):
        with world.house.system():
            form = db.session.get(ConsentForm, key)
            for name, value in changes.items():
                setattr(form, name, value)
            with pytest.raises(IntegrityError):
                db.session.flush()
            db.session.rollback()


def test_each_answer_has_to_be_confirmed(world: World) -> None:
    key = filed(world)
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get(ConsentForm, key)
        with pytest.raises(Incomplete) as refused:
            externals.confirm(actor, form, confirmed={"care"})
    assert set(refused.value.fields) == {"right_education"}


def test_sent_back_it_is_corrected_and_filed_again_and_checked_by_somebody_else(world: World) -> None:
    key = filed(world)
    with world.house.acting(world.people["owner"]) as actor:
        externals.send_back(actor, db.session.get(ConsentForm, key), reason="Education says yes")
    assert state_of(world, key) == (FormState.SENT_BACK, PatientState.DRAFT, False)
    with world.house.acting(world.people["assistant"]) as actor:
        right = paper(answers={"care": Answer.GIVEN, "education": Answer.GIVEN})
        externals.correct_paper(actor, db.session.get(ConsentForm, key), right, [])
    confirm(world, "owner", key)
    with world.house.everything() as session:
        form = session.get(ConsentForm, key)
        said = {one.purpose.value: one.answer for one in form.decisions}
        assert said == {"care": Answer.GIVEN, "education": Answer.GIVEN}
        assert [one.kind for one in form.documents if one.key is not None] == ["original"]


def test_a_new_scan_takes_the_place_of_the_old_one_whose_key_and_file_are_destroyed(world: World) -> None:
    key = filed(world)
    with world.house.acting(world.people["assistant"]) as actor:
        form = db.session.get(ConsentForm, key)
        old = form.documents[0].storage_key
        externals.correct_paper(actor, form, paper(), [Upload(document(), "again.pdf")])
        assert [one.key is not None for one in form.documents] == [False, True]
        assert old not in set(premises().store.keys())


def test_only_registries_of_the_list_that_the_paper_names_get_a_row(world: World) -> None:
    with world.house.everything() as session:
        ids = {one.name: one.public_id for one in session.scalars(select(Registry))}
    named, others = ids["Registry of the network"], ids["Registry of others"]
    key = filed(world, answers=YES | {named: Answer.GIVEN, others: Answer.GIVEN, "made up": Answer.GIVEN})
    with world.house.everything() as session:
        said = {externals.key_of(one): one.answer for one in session.get(ConsentForm, key).decisions}
    assert said == YES | {named: Answer.GIVEN}


def test_a_place_stands_for_a_scan_and_one_of_both_is_needed(world: World) -> None:
    key = filed(world, place="Binder 7 of the ward")
    confirm(world, "owner", key)
    assert state_of(world, key) == (FormState.ARCHIVED, PatientState.ENROLLED, True)
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["prepared"][0])
        with pytest.raises(Incomplete):
            externals.file_paper(actor, patient, paper(), [])


def test_the_ukrainian_form_is_never_filed_from_elsewhere(world: World) -> None:
    with pytest.raises(WrongStep):
        filed(world, "ukrainian", "ukrainian draft")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"signed_on": today() + 3 * DAY}, "signed_on"),
        ({"signed_on": today().replace(year=1950)}, "signed_on"),
        ({"language": "xx"}, "language"),
        ({"relation": Relation.PARENT}, "relation"),
        ({"relation": Relation.GUARDIAN}, "names"),
        ({"answers": {"education": Answer.GIVEN}}, "answer_care"),
    ],
)
def test_what_no_paper_can_say_is_refused_by_its_field_and_leaves_no_file(
    world: World, wrong: dict[str, Any], field: str
) -> None:
    with world.house.app.app_context():
        before = set(premises().store.keys())
    with pytest.raises(Incomplete) as refused:
        filed(world, **wrong)
    assert set(refused.value.fields) == {field}
    with world.house.app.app_context():
        assert set(premises().store.keys()) == before


def test_care_refused_on_paper_from_elsewhere_closes_the_sharing_once_checked(world: World) -> None:
    key = filed(world, name="enrolled", answers={"care": Answer.REFUSED}, signed_on=today())
    assert state_of(world, key)[1:] == (PatientState.ENROLLED, True)
    confirm(world, "owner", key)
    assert state_of(world, key) == (FormState.ARCHIVED, PatientState.RESTRICTED, False)


def test_a_paper_older_than_what_the_patient_said_since_does_not_count(world: World) -> None:
    with pytest.raises(Incomplete):
        filed(world, name="enrolled", signed_on=today() - 30 * DAY)


def test_a_cancelled_paper_leaves_no_scan(world: World) -> None:
    key = filed(world)
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get(ConsentForm, key)
        stored = form.documents[0].storage_key
        consents.cancel(actor, form, reason="It was somebody else's")
        assert form.documents[0].key is None
        assert stored not in set(premises().store.keys())


def test_with_the_draft_the_scan_of_an_unchecked_paper_goes(world: World) -> None:
    key = filed(world)
    with world.house.acting(world.people["owner"]) as actor:
        stored = db.session.get(ConsentForm, key).documents[0].storage_key
        patients.delete(actor, db.session.get(Patient, world.patients["draft"][0]))
        assert stored not in set(premises().store.keys())
    assert state_of(world, key) == (FormState.CANCELLED, PatientState.ERASED, False)


def test_a_second_click_files_one_paper_and_leaves_one_file(world: World) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["draft"][0])
        before, sent = set(premises().store.keys()), scan()
        first = externals.file_paper(actor, patient, paper(), sent, once="one key")
        second = externals.file_paper(actor, patient, paper(), sent, once="one key")
        assert second.id == first.id
        assert len(set(premises().store.keys()) - before) == 1


def test_a_tiff_is_kept_as_it_came_with_a_copy_to_read(world: World) -> None:
    content = io.BytesIO()
    Image.new("L", (600, 800), 255).save(content, "TIFF")
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["draft"][0])
        form = externals.file_paper(actor, patient, paper(), [Upload(content.getvalue(), "scan.tif")])
        assert [(one.kind, one.media_type) for one in form.documents] == [
            ("original", "image/tiff"),
            ("reading", "application/pdf"),
        ]


def test_filing_papers_again_and_again_does_not_put_the_erasure_off_for_ever(world: World) -> None:
    form = world.forms["withdrawn"][0]
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        withdrawn = session.get(ConsentForm, form)
        withdrawn.signed_on = today() - 40 * DAY
        for decision in withdrawn.decisions:
            decision.withdrawn_on = decision.withdrawn_on and today() - 20 * DAY
        withdrawn.patient.erase_on = today() + 10 * DAY
        session.commit()

    filed(world, name="withdrawn", signed_on=today() - 15 * DAY)
    filed(world, name="withdrawn", signed_on=today() - 15 * DAY, reference="Another")

    with world.house.everything() as session:
        assert session.get(Patient, world.patients["withdrawn"][0]).erase_on == today() + 15 * DAY
