"""Forms for several patients at once: asked for, printed by a job, fetched for a day by who asked, and by nobody else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pikepdf
import pytest
import time_machine
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed
from app.models import ConsentForm, Grant, Patient, Person, PrintRun, db, now
from app.premises import premises
from app.services import consents, housekeeping, jobs, people, print_runs, prints
from app.services.prints import Wish
from app.words import Bundle, FormState, RunState, Variant
from tests import factories as make
from tests.factories import DAY
from tests.papers import pages_of, sentence, words_of

ADULT = Variant.ADULT


def wish(world: Any, name: str, language: str = "en", *, large: bool = False) -> Wish:
    return Wish(world.patients[name][1], language, ADULT, large)


def ask(world: Any, who: str, wishes: Sequence[Wish], bundle: Bundle = Bundle.ONE_PDF, once: str | None = None) -> str:
    """Ask for forms; gives the run's public id."""
    with world.house.acting(world.people[who]) as actor:
        person = db.session.get(Person, actor.user_id)
        return str(print_runs.ask(actor, person, wishes=wishes, bundle=bundle, once=once).public_id)


def work(world: Any) -> None:
    jobs.run_due(world.house.app.app_context)


def run_of(key: str) -> PrintRun:
    return db.session.scalars(select(PrintRun).where(PrintRun.public_id == key)).one()


def told(world: Any, who: str, key: str) -> dict[str, str]:
    """What became of each patient one still sees: a form's state, or why there is none."""
    names = {value[0]: name for name, value in world.patients.items()}
    with world.house.acting(world.people[who]):
        items = run_of(key).items
        return {names[one.patient_id]: one.form.state.value if one.form else str(one.remark) for one in items}


def read(world: Any, who: str, key: str) -> bytes:
    with world.house.acting(world.people[who]) as actor:
        return print_runs.read(actor, run_of(key))


def forms(world: Any, name: str) -> list[str]:
    """The states of a patient's forms, the oldest first."""
    statement = "SELECT state FROM consent_form WHERE patient_id = :key ORDER BY id"
    return [row[0] for row in world.house.rows(statement, key=world.patients[name][0])]


def refused(error: type[Exception], act: Any) -> str:
    with pytest.raises(error) as refusal:
        act()
    return sentence(refusal.value)


def test_each_form_begins_on_a_sheet_of_its_own_in_the_order_of_the_patients(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "printed"), wish(world, "draft", "el"), wish(world, "prepared")])
    work(world)

    assert told(world, "owner", key) == {"printed": "printed", "draft": "printed", "prepared": "printed"}
    content = read(world, "owner", key)
    with world.house.acting(world.people["owner"]):
        codes = [item.form.code for item in run_of(key).items]
        assert [item.form.language for item in run_of(key).items] == ["en", "el", "en"]
    begins = {}
    for number, words in enumerate(_every_page(content), start=1):
        for code in codes:
            if "-".join(code[at : at + 4] for at in range(0, 16, 4)) in words:
                begins.setdefault(code, number)
    assert list(begins) == codes
    assert [number % 2 for number in begins.values()] == [1, 1, 1]
    family = world.identities["draft"].family_name
    assert family in words_of(content)


def _every_page(pdf: bytes) -> list[str]:
    """The words of each page, those of an empty one too."""
    from pypdfium2 import PdfDocument

    with PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


def test_a_zip_holds_each_form_whole_under_its_code_and_names_nobody(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "draft", large=True), wish(world, "printed")], Bundle.ZIP)
    work(world)

    with zipfile.ZipFile(io.BytesIO(read(world, "owner", key))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with world.house.acting(world.people["owner"]):
        items = run_of(key).items
        assert sorted(files) == sorted(f"consent-{item.form.code}.pdf" for item in items)
        assert [item.form.large_print for item in items] == [True, False]
    for content in files.values():
        with pikepdf.open(io.BytesIO(content)) as pdf, pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfuaid:part"], bool(pdf.Root.MarkInfo.Marked)) == (
                "3",
                "1",
                True,
            )


def test_a_form_that_waits_is_printed_again_and_no_second_one_prepared(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "prepared", "el"), wish(world, "printed", "el"), wish(world, "enrolled")])
    work(world)

    assert (forms(world, "prepared"), forms(world, "printed")) == (["printed"], ["printed"])
    assert forms(world, "enrolled") == ["archived", "printed"]  # a consent in force is renewed by a new form
    with world.house.acting(world.people["owner"]):
        assert [(item.form.language, item.form.print_count) for item in run_of(key).items] == [
            ("en", 1),
            ("en", 2),
            ("en", 1),
        ]


def test_one_who_cannot_have_a_form_is_named_and_does_not_stop_the_others(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "signed"), wish(world, "erased"), wish(world, "draft")])
    with world.house.acting(world.people["owner"]):
        owner_language = db.session.get(Person, world.people["owner"]).language
    work(world)

    assert owner_language in (None, "en")
    assert told(world, "owner", key) == {
        "signed": "A form is signed already. Archive its scan first.",
        "erased": "No form can be prepared for this record any more.",
        "draft": "printed",
    }
    assert forms(world, "signed") == ["signed"]
    assert len([page for page in pages_of(read(world, "owner", key)) if page]) == 5


def test_a_patient_of_another_clinician_is_left_out_unsaid(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "colleague's"), wish(world, "draft"), wish(world, "neighbour's")])
    work(world)

    assert told(world, "owner", key) == {"draft": "printed"}
    assert (forms(world, "colleague's"), forms(world, "neighbour's")) == (["archived"], ["archived"])
    nobody = refused(Incomplete, lambda: ask(world, "owner", [wish(world, "colleague's")]))
    assert nobody == refused(Incomplete, lambda: ask(world, "owner", [])) == "Choose at least one patient."


def test_more_than_two_hundred_are_refused_with_the_number(world: Any) -> None:
    wishes = [wish(world, "draft")] * 201
    assert refused(Incomplete, lambda: ask(world, "owner", wishes)) == (
        "These are more than 200 patients. Print them in two parts."
    )


def test_an_assistant_prints_for_the_chosen_records_and_each_act_is_on_behalf(world: Any) -> None:
    key = ask(world, "assistant of chosen", [wish(world, "draft"), wish(world, "enrolled")])
    work(world)

    assert told(world, "assistant of chosen", key) == {"enrolled": "printed"}
    assert forms(world, "draft") == []
    noted = world.house.rows(
        "SELECT act, on_behalf_of_id FROM audit_entry WHERE actor_id = :key AND patient_id IS NOT NULL ORDER BY seq",
        key=world.people["assistant of chosen"],
    )
    owner = world.people["owner"]
    assert [tuple(row) for row in noted] == [("consent.prepare", owner), ("consent.print", owner)]


def test_a_grant_that_ends_before_the_job_runs_ends_the_printing_too(world: Any) -> None:
    key = ask(world, "assistant", [wish(world, "draft"), wish(world, "printed")])
    with world.house.acting(world.people["owner"]) as actor:
        mine = select(Grant).where(Grant.assistant_id == world.people["assistant"])
        people.end_grant(actor, db.session.scalars(mine).one(), reason="Over")
    work(world)

    assert (forms(world, "draft"), told(world, "assistant", key)) == ([], {})
    with world.house.everything() as session:
        run = session.scalars(select(PrintRun).where(PrintRun.public_id == key)).one()
        assert (run.storage_key, [item.form_id for item in run.items]) == (None, [None, None])


def test_a_grant_that_ends_after_the_job_closes_the_file(world: Any) -> None:
    key = ask(world, "assistant", [wish(world, "draft"), wish(world, "printed")])
    work(world)
    assert len(read(world, "assistant", key)) > 1000
    with world.house.acting(world.people["owner"]) as actor:
        mine = select(Grant).where(Grant.assistant_id == world.people["assistant"])
        grant = db.session.scalars(mine).one()
        people.end_grant(actor, grant, reason="Over")
    with world.house.system():
        both = [db.session.get(Person, world.people[who]) for who in ("owner", "assistant")]
        draft = db.session.get(Patient, world.patients["draft"][0])
        make.grant(*both, draft.hospital, draft)  # one of the two records alone
        db.session.commit()

    assert told(world, "assistant", key) == {"draft": "printed"}
    closed = "You may no longer open one of these records, so the file is closed. Choose the others again."
    assert refused(NotAllowed, lambda: read(world, "assistant", key)) == closed


def test_a_double_submit_makes_one_run_and_one_form(world: Any) -> None:
    keys = {ask(world, "owner", [wish(world, "draft")], once="the same click") for _click in range(2)}
    work(world)

    assert len(keys) == 1
    assert forms(world, "draft") == ["printed"]
    assert world.house.value("SELECT count(*) FROM job WHERE kind = 'prints.make'") == 1


def test_a_job_that_was_killed_and_begins_again_makes_no_second_form(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "draft"), wish(world, "enrolled")])
    with world.house.acting(world.people["owner"]) as actor:  # as far as the first worker came: prepared, not printed
        item = run_of(key).items[0]
        consents.prepare(actor, item.patient, language="en", variant=ADULT, large_print=False, once=item.public_id)
        prints.print_form(actor, run_of(key).items[1].patient, wish=wish(world, "enrolled"), once="x")
    work(world)
    work(world)

    assert (forms(world, "draft"), forms(world, "enrolled")) == (["printed"], ["archived", "printed"])
    assert told(world, "owner", key) == {"draft": "printed", "enrolled": "printed"}
    with world.house.acting(world.people["owner"]):
        assert [item.form.print_count for item in run_of(key).items] == [1, 1]


def test_everything_is_noted_and_each_form_in_a_fetched_file_too(world: Any) -> None:
    since = world.house.value("SELECT max(seq) FROM audit_entry")
    key = ask(world, "owner", [wish(world, "draft"), wish(world, "printed")])
    work(world)
    read(world, "owner", key)

    noted = world.house.rows(
        "SELECT act, outcome FROM audit_entry WHERE seq > :seq AND actor_id = :key AND act NOT LIKE 'job.%' ORDER BY seq",
        seq=since,
        key=world.people["owner"],
    )
    assert [tuple(row) for row in noted] == [
        ("print_run.ask", "done"),
        ("consent.prepare", "done"),
        ("consent.print", "done"),
        ("consent.print", "done"),
        ("print_run.finish", "done"),
        ("consent.open", "read"),
        ("consent.open", "read"),
    ]


def test_after_a_day_the_file_and_its_key_are_gone_and_nothing_is_left_over(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "draft")])
    work(world)
    with world.house.acting(world.people["owner"]):
        stored = run_of(key).storage_key
    assert stored is not None
    with time_machine.travel(now() + DAY + DAY / 24):
        late = refused(Incomplete, lambda: read(world, "owner", key))
        with world.house.system("job") as actor:
            print_runs.sweep(actor, {})
        with world.house.everything() as session:
            run = session.scalars(select(PrintRun).where(PrintRun.public_id == key)).one()
            assert (run.state, run.storage_key, run.wrapped_key) == (RunState.OVER, None, None)

    assert late == "The file is gone: it is kept for a day. Choose the patients again."
    assert not (world.house.var / "files" / stored).exists()
    assert forms(world, "draft") == ["printed"]  # the form itself stays


def test_fsck_knows_the_files_and_misses_one_that_is_gone(world: Any) -> None:
    key = ask(world, "owner", [wish(world, "draft")])
    work(world)
    with world.house.system("fsck"), time_machine.travel(now() + DAY / 12):
        before = [one.word for one in housekeeping.fsck() if one.word in ("orphan", "print")]
        with world.house.everything() as session:
            stored = session.scalars(select(PrintRun.storage_key).where(PrintRun.public_id == key)).one()
        premises().store.delete(str(stored))
        after = [(one.word, one.key) for one in housekeeping.fsck() if one.word in ("orphan", "print")]
    assert (before, after) == ([], [("print", key)])


def test_a_draft_has_its_form_in_the_language_used_last_else_in_the_countrys_first(world: Any) -> None:
    with world.house.acting(world.people["colleague"]) as actor:
        patient = db.session.get(Patient, world.patients["colleague's"][0])
        (plan,) = prints.plans(actor, [patient])
        db.session.get(Person, actor.user_id).consent_language = None
        (first,) = prints.plans(actor, [patient])
        country = patient.hospital.country.languages.split(",")[0]
    assert (plan.languages[0], first.languages[0], country) == ("en", "el", "el")


def test_an_adult_for_whom_a_legal_representative_signed_is_proposed_one_again(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get(ConsentForm, world.forms["represented"][0])
        consents.cancel(actor, form, reason="Signed by the wrong person")
        known = [db.session.get(Patient, world.patients[name][0]) for name in ("represented", "draft")]
        archived = db.session.get(ConsentForm, world.forms["enrolled"][0])
        assert archived.state is FormState.ARCHIVED
        variants = [prints.likely_variant(known[0], [form]), prints.likely_variant(known[1], [archived])]
    assert variants == [Variant.REPRESENTATIVE, Variant.ADULT]
