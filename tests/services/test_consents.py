"""Consent, the main job: languages, print, signature, archive, withdrawal, the Ukrainian form, the phone's link."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pikepdf
import pytest
import time_machine
from sqlalchemy import insert, select
from sqlalchemy.exc import DatabaseError, IntegrityError

import config
from app import sight
from app.errors import Incomplete, NotAllowed, NotFound, Refusal, WrongStep
from app.models import (
    ArchivedDocument,
    AuditEntry,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Login,
    Patient,
    Person,
    PhoneLink,
    Registry,
    db,
    now,
    today,
)
from app.outside import paper, scans
from app.scopes import care_in_force
from app.services import archives, consents, papers, patients, phones, texts
from app.words import (
    Answer,
    Channel,
    FormState,
    PatientState,
    Procedure,
    Relation,
    Sex,
    Variant,
)
from config import Settings
from tests import factories as make
from tests.factories import DAY
from tests.papers import by_field, document, locked_document, pages_of, photograph, sentence, words_of

ADULT, REPRESENTATIVE = Variant.ADULT, Variant.REPRESENTATIVE


def record(world: Any, name: str) -> Any:
    return db.session.get(Patient, world.patients[name][0])


def form_of(world: Any, name: str) -> Any:
    return db.session.get(ConsentForm, world.forms[name][0])


def questions(form: Any) -> list[str]:
    return [d.named_registry.name if d.named_registry else d.purpose.value for d in form.decisions]


def crossed(form: Any, *answers: Answer) -> dict[str, Answer]:
    """The answers in the order of the questions; what is not said was left empty."""
    return {d.public_id: a for d, a in zip(form.decisions, answers, strict=False)}


def sign(actor: Any, form: Any, *answers: Answer, on: dt.date | None = None) -> None:
    consents.sign(
        actor,
        form,
        signed_on=on or today(),
        relation=Relation.SELF,
        signer=None,
        answers=crossed(form, *(answers or (Answer.GIVEN,))),
    )


def scan(actor: Any, form: Any, content: bytes | None = None, name: str = "scan.pdf") -> None:
    archives.file_scan(actor, form, [archives.Upload(content or document(), name)], source="desk")


def in_force(patient: Any) -> bool:
    return (
        db.session.scalar(select(Patient.id).where(Patient.id == patient.id, Patient.id.in_(care_in_force())))
        is not None
    )


@contextmanager
def settings(app: Any, **changes: Any) -> Iterator[None]:
    """Other settings of the installation for a while."""
    usual = app.extensions["premises"]
    other = dataclasses.replace(usual, settings=Settings({**usual.settings.values, **changes}))
    app.extensions["premises"] = other
    try:
        yield
    finally:
        app.extensions["premises"] = usual


def write(world: Any, statement: Any) -> None:
    """Past every act, as somebody with the database's password would."""
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True}).execute(statement)
        session.commit()


def files(world: Any) -> set[str]:
    return {path.name for path in (world.house.var / "files").iterdir()}


# --- texts and languages ------------------------------------------------------------------------------------------------


def test_the_languages_offered_are_exactly_those_with_a_text_the_countrys_first(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        assert texts.offered_languages(record(world, "draft"), None) == ["el", "en"]
    with world.house.system():
        make.consent_text("eu", "bg")
        make.consent_text("eu", "de")
    with world.house.acting(world.people["owner"]):
        assert texts.offered_languages(record(world, "draft"), None) == ["el", "bg", "de", "en"]
    with world.house.acting(world.people["ukrainian"]):
        assert texts.offered_languages(record(world, "ukrainian draft"), None) == ["uk"]


def test_the_language_used_last_is_remembered_and_comes_first(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)
        last = db.session.get(Person, actor.user_id).consent_language

        assert last == "en"
        assert texts.offered_languages(record(world, "prepared"), last) == ["en", "el"]
        assert texts.offered_languages(record(world, "prepared"), "mt") == ["el", "en"]  # has no text


def test_a_form_without_a_text_is_not_prepared(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for language, variant in (("uk", ADULT), ("el", REPRESENTATIVE), ("xx", ADULT), ("", ADULT)):
            with pytest.raises(Incomplete) as refusal:
                consents.prepare(actor, record(world, "draft"), language=language, variant=variant)
            assert by_field(refusal.value) == {"language": "There is no form in this language. Choose another one."}


def test_a_form_keeps_the_text_it_was_prepared_with_for_ever(world: Any) -> None:
    first = paper.compose("eu", "en", "adult")
    html = first.html.replace("consent", "CONSENT-OF-THE-NEXT-VERSION")
    newer = dataclasses.replace(first, version="2.0-test", html=html, sha256=hashlib.sha256(html.encode()).hexdigest())
    with world.house.system() as actor:
        texts.publish(actor, None, text=newer)
    with world.house.acting(world.people["owner"]) as actor:
        old, new = (
            form_of(world, "printed"),
            consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT),
        )
        consents.note_print(actor, new)

        assert (old.text.text_version, new.text.text_version) == (first.version, "2.0-test")
        assert "CONSENT-OF-THE-NEXT-VERSION" not in words_of(papers.set_paper(old).pdf)
        assert "CONSENT-OF-THE-NEXT-VERSION" in words_of(papers.set_paper(new).pdf)


def test_a_published_text_cannot_be_changed_or_deleted(world: Any) -> None:
    table = ConsentText.__table__
    for statement in (table.update().values(html="<p>other</p>"), table.delete()):
        with pytest.raises(DatabaseError):
            write(world, statement)


def test_only_the_system_publishes_texts(world: Any) -> None:
    with world.house.acting(world.people["admin"]) as actor, pytest.raises(NotAllowed):
        texts.publish(actor, None, text=paper.compose("eu", "de", "adult"))


# --- prepare --------------------------------------------------------------------------------------------------------------


def test_a_form_asks_each_purpose_and_each_registry_of_the_clinicians_networks_by_name(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)

        assert questions(form) == ["care", "education", "Registry of nobody", "Registry of the network"]
        assert {decision.answer for decision in form.decisions} == {Answer.NOT_ASKED}
        consents.note_print(actor, form)
        words = words_of(papers.set_paper(form).pdf)
        for named in ("Registry of nobody", "Registry of the network"):
            assert named in words
            assert f"Controller of {named}" in words
        assert "Registry of others" not in words


def test_the_registries_of_a_form_are_pinned(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        key = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT).id
    with world.house.system():
        for registry in db.session.scalars(select(Registry)):
            registry.ended_at = now()
        where = db.session.get(ConsentForm, key).hospital.country
        make.registry("A registry that came later", where)
        db.session.commit()
    with world.house.acting(world.people["owner"]) as actor:
        assert questions(db.session.get(ConsentForm, key)) == [
            "care",
            "education",
            "Registry of nobody",
            "Registry of the network",
        ]
        later = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)
        assert questions(later) == ["care", "education", "A registry that came later"]


def test_an_erased_patient_gets_no_form(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(WrongStep):
        consents.prepare(actor, record(world, "erased"), language="en", variant=ADULT)


@pytest.mark.parametrize("name", config.OPERATOR)
def test_outside_demo_mode_nothing_is_prepared_or_printed_while_a_setting_of_the_operator_is_empty(
    world: Any, name: str
) -> None:
    with settings(world.house.app, **{name: ""}), world.house.acting(world.people["owner"]) as actor:
        for act in (
            lambda: consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT),
            lambda: consents.note_print(actor, form_of(world, "prepared")),
        ):
            with pytest.raises(Incomplete) as refusal:
                act()
            assert sentence(refusal.value) == (
                f"No form can be printed yet: the operator has not filled in {name}. Tell the operator of this platform."
            )
        assert (form_of(world, "prepared").state, form_of(world, "prepared").print_count) == (FormState.PREPARED, 0)


# --- print ------------------------------------------------------------------------------------------------------------------


def test_each_print_is_noted_and_the_first_ones_moment_stays(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "prepared")
        consents.note_print(actor, form)
        first = form.printed_at
        consents.note_print(actor, form)

        assert (form.state, form.print_count, form.printed_at) == (FormState.PRINTED, 2, first)
        entries = select(AuditEntry).where(AuditEntry.thing_id == form.public_id, AuditEntry.act == "consent.print")
        assert [entry.actor_id for entry in db.session.scalars(entries)] == [actor.user_id] * 2


def test_the_printed_form_says_who_where_for_whom_and_in_which_version(world: Any) -> None:
    known = world.identities["printed"]
    with world.house.acting(world.people["owner"]):
        form = form_of(world, "printed")
        made = papers.set_paper(form)
        pages = pages_of(made.pdf)

        assert len(pages) == made.pages >= 2
        words = " ".join(pages)
        for filled in (
            *(known.family_name, known.given_names, "January", str(known.birth_date.year), known.file_number),
            *("Thessaloniki", "1 Thessaloniki Street", "Testtown", "D. P. Officer"),
            *("Tests' operator", "1 Test Street, 1000 Testtown", "dpo@operator.example", "TEST-1"),
            *("Authority of GR", "Owner Tester", form.text.text_version),
        ):
            assert (
                filled.replace("January", paper.long_date(known.birth_date, "en").split()[1]).lower() in words.lower()
            )
        for page in pages:
            assert paper.grouped_code(form.code) in page
        assert "DEMO" not in words
        with pikepdf.open(io.BytesIO(made.pdf)) as opened:
            about = str(opened.open_metadata()) + str(opened.docinfo)
        assert known.family_name not in about


def test_in_demo_mode_every_page_carries_the_mark(world: Any) -> None:
    with settings(world.house.app, CPMS_MODE="demo"), world.house.acting(world.people["owner"]):
        pages = pages_of(papers.set_paper(form_of(world, "printed")).pdf)

        assert len(pages) >= 2
        assert [page.count("DEMO") >= 1 for page in pages] == [True] * len(pages)


def test_a_preview_shows_the_text_and_nothing_of_the_patient(world: Any) -> None:
    known = world.identities["prepared"]
    with world.house.acting(world.people["owner"]):
        form = form_of(world, "prepared")
        words = words_of(papers.set_paper(form, preview=True).pdf)

        assert "Thessaloniki" in words
        for hidden in (
            known.family_name,
            known.given_names,
            known.file_number,
            paper.grouped_code(form.code),
            form.code,
        ):
            assert hidden not in words


NAMES = {
    "Κωνσταντίνα Παπαδοπούλου-Ζαχαριάδη": "Κωνσταντίνα",
    "Ґонґадзе Їжакевич": "Ґонґадзе",
    "<b>Bold</b><script>alert(1)</script>": "<b>Bold</b><script>alert(1)</script>",
    '=HYPERLINK("http://x.example")': '=HYPERLINK("http://x.example")',
    "{{ 7*7 }} [[operator.name]] {% raw %}": "{{ 7*7 }} [[operator.name]] {% raw %}",
    "A&amp;B </bdi><img src=x> Z": "A&amp;B </bdi><img src=x> Z",
}


def test_names_like_code_stand_on_paper_letter_by_letter(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "prepared")
        for typed, read in NAMES.items():
            one = dataclasses.replace(world.identities["prepared"], family_name=typed, given_names="Given")
            patients.correct(actor, record(world, "prepared"), identity=one, sex=Sex.MALE)
            consents.note_print(actor, form)
            made = papers.set_paper(form)
            assert (typed, list(made.missing)) == (typed, [])
            assert "".join(read.split()) in "".join(words_of(made.pdf).split())


def test_a_correction_changes_no_paper_that_is_printed_already(world: Any) -> None:
    was = world.identities["printed"].family_name
    with world.house.acting(world.people["owner"]) as actor:
        right = dataclasses.replace(world.identities["printed"], family_name="Rightspelt")
        patients.correct(actor, record(world, "printed"), identity=right, sex=Sex.MALE)
        kept = words_of(papers.set_paper(form_of(world, "printed")).pdf)
        consents.note_print(actor, form_of(world, "printed"))
        anew = words_of(papers.set_paper(form_of(world, "printed")).pdf)

    assert (was in kept, "Rightspelt" in kept) == (True, False)
    assert (was in anew, "Rightspelt" in anew) == (False, True)


def test_what_was_printed_is_kept_sealed(world: Any) -> None:
    known = world.identities["printed"]
    for row in world.house.rows("SELECT * FROM consent_form"):
        stored = b"|".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
        assert known.family_name.encode() not in stored
        assert known.file_number.encode() not in stored


def test_letters_no_font_of_ours_has_are_named_and_the_form_prints_all_the_same(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        one = dataclasses.replace(world.identities["prepared"], family_name="李小龍", given_names="Bruce")
        patients.correct(actor, record(world, "prepared"), identity=one, sex=Sex.MALE)
        consents.note_print(actor, form_of(world, "prepared"))
        made = papers.set_paper(form_of(world, "prepared"))

        assert set(made.missing) == set("李小龍")
        assert "Bruce" in words_of(made.pdf)


# --- the signature --------------------------------------------------------------------------------------------------------------


def test_a_signature_notes_date_signer_and_each_answer(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "printed")
        sign(actor, form, Answer.GIVEN, Answer.REFUSED, Answer.GIVEN, on=today())

        assert (form.state, form.signed_on, form.relation) == (FormState.SIGNED, today(), Relation.SELF)
        assert [d.answer for d in form.decisions] == [Answer.GIVEN, Answer.REFUSED, Answer.GIVEN, Answer.NOT_ASKED]
        assert consents.signer_of(form) is None
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
        assert consents.signer_of(form) == consents.Signer("Signatoria Quexingtonmother", "identity card 4431-77")
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
            (Relation.SELF, consents.Signer("A Mother"), "relation"),
            (Relation.LEGAL_REPRESENTATIVE, None, "names"),
            (Relation.LEGAL_REPRESENTATIVE, consents.Signer(""), "names"),
        ):
            with pytest.raises(Incomplete) as refusal:
                consents.sign(actor, form, **given, relation=relation, signer=signer)
            assert list(by_field(refusal.value)) == [field]
        consents.sign(actor, form, **given, relation=Relation.GUARDIAN, signer=consents.Signer("A Guardian"))
        assert consents.signer_of(form) == consents.Signer("A Guardian")


def child_of(actor: Any, world: Any, years: int) -> Any:
    """A draft whose patient is so old today, to the month."""
    born = dt.date(today().year - years, today().month, 1)
    identity = patients.Identity(f"Childof{years}years", "Zoe", born, f"C-{years}")
    return patients.enrol(actor, record(world, "draft").hospital, identity=identity, sex=Sex.FEMALE)


def test_below_the_countrys_age_a_representative_signs_and_above_it_no_parent(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        child, adult = child_of(actor, world, 12), child_of(actor, world, 19)
        with pytest.raises(Incomplete) as refusal:
            consents.prepare(actor, child, language="en", variant=ADULT)
        assert by_field(refusal.value) == {
            "variant": "In this country a patient signs alone from the age of 18. A representative signs."
        }
        mother = consents.Signer("A Mother", "identity card")
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


# --- archive --------------------------------------------------------------------------------------------------------------------


def test_a_scan_is_kept_byte_by_byte_encrypted_at_rest_and_enrols_the_patient(world: Any) -> None:
    content, before = document(pages=2), files(world)
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        scan(actor, form, content)

        assert (form.state, form.patient.state) == (FormState.ARCHIVED, PatientState.ENROLLED)
        assert form.patient.draft_ends_on is None
        assert in_force(form.patient)
        (kept,) = form.documents
        assert (kept.kind, kept.media_type, kept.pages, kept.size) == ("original", "application/pdf", 2, len(content))
        assert (kept.sha256, kept.source) == (hashlib.sha256(content).hexdigest(), "desk")
        assert kept.archived_by_id == actor.user_id
        assert archives.read(kept) == content
        name = kept.storage_key
    (stored,) = files(world) - before
    assert stored == name
    raw = (world.house.var / "files" / stored).read_bytes()
    assert b"%PDF" not in raw
    assert content[:64] not in raw


def test_photographs_are_kept_as_they_are_and_as_one_document_to_read(world: Any) -> None:
    pictures = [photograph(), photograph((500, 700)), photograph(kind="PNG")]
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        uploads = [
            archives.Upload(content, f"IMG_{n}.{ending}")
            for n, (content, ending) in enumerate(zip(pictures, ("jpg", "JPEG", "png"), strict=True))
        ]
        archives.file_scan(actor, form, uploads, source="phone")

        kinds = [(d.position, d.kind, d.media_type, d.pages) for d in form.documents]
        assert kinds == [
            (1, "original", "image/jpeg", 1),
            (2, "original", "image/jpeg", 1),
            (3, "original", "image/png", 1),
            (4, "reading", "application/pdf", 3),
        ]
        assert [archives.read(d) for d in form.documents[:3]] == pictures
        reading = archives.read(form.documents[3])
        assert scans.inspect(reading, "reading.pdf") == scans.Scan("pdf", 3, "application/pdf")


UNFIT: dict[str, tuple[Sequence[tuple[bytes, str]], str]] = {
    "nothing": ([], "Choose the scan, or take a photograph of each page."),
    "zero bytes": ([(b"", "a.pdf")], "The file is empty. Scan the paper again."),
    "a text": (
        [(b"This is my consent.", "a.pdf")],
        "The file is not a PDF, JPEG or PNG. Save the scan in one of these formats and try again.",
    ),
    "a PDF called JPEG": (
        [(document(), "a.jpg")],
        "The file is not a PDF, JPEG or PNG. Save the scan in one of these formats and try again.",
    ),
    "a password": (
        [(locked_document(), "a.pdf")],
        "The PDF is protected by a password. Save it without one and try again.",
    ),
    "21 pages": ([(document(21), "a.pdf")], "The scan has more than 20 pages. Scan this form alone."),
    "21 photographs": ([(photograph(), "a.jpg")] * 21, "The scan has more than 20 pages. Scan this form alone."),
    "more than 50 MB": (
        [(document() + bytes(scans.MAX_BYTES), "a.pdf")],
        "The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey.",
    ),
    "more than 50 MB together": (
        [(photograph() + bytes(scans.MAX_BYTES // 2), "a.jpg")] * 2,
        "The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey.",
    ),
    "half a file": (
        [(document(3)[:500], "a.pdf")],
        "The file is damaged and cannot be read to its end. Scan the paper again.",
    ),
    "a script": (
        [(document(script="app.alert(1)"), "a.pdf")],
        "The PDF contains a program or a script. Print it and scan the paper instead.",
    ),
    "both kinds": ([(document(), "a.pdf"), (photograph(), "b.jpg")], "Send either one PDF, or photographs, not both."),
}


def test_what_cannot_be_archived_is_refused_in_plain_words_and_leaves_nothing(world: Any) -> None:
    before = files(world)
    with world.house.acting(world.people["owner"]) as actor:
        for what, (sent, said) in UNFIT.items():
            with pytest.raises(Incomplete) as refusal:
                uploads = [archives.Upload(content, name) for content, name in sent]
                archives.file_scan(actor, form_of(world, "signed"), uploads, source="desk")
            assert (what, sentence(refusal.value)) == (what, said)
            assert list(by_field(refusal.value)) == ["files"]
        assert (form_of(world, "signed").state, form_of(world, "signed").documents) == (FormState.SIGNED, [])
    assert files(world) == before


def test_an_archived_scan_cannot_be_changed_or_deleted_in_the_database(world: Any) -> None:
    table = ArchivedDocument.__table__
    for statement in (table.update().values(sha256="0" * 64), table.update().values(storage_key="x"), table.delete()):
        with pytest.raises(DatabaseError):
            write(world, statement)


def test_a_scan_whose_file_was_changed_on_the_disk_is_not_shown(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        (kept,) = form_of(world, "enrolled").documents
        path = world.house.var / "files" / kept.storage_key
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.chmod(0o600)
        path.write_bytes(raw)
        with pytest.raises(Exception, match="damaged"):
            archives.read(kept)


def test_one_attests_where_the_signed_original_is_kept(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "signed")
        archives.attest(actor, form, place="Paper archive, room 12")

        assert (form.state, form.patient.state) == (FormState.ARCHIVED, PatientState.ENROLLED)
        assert (form.attested_place, form.attested_by_id) == ("Paper archive, room 12", actor.user_id)
        assert (form.documents, in_force(form.patient)) == ([], True)


def test_a_newer_signed_form_takes_the_place_of_the_earlier_one(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        assert form_of(world, "renewed").state is FormState.SUPERSEDED
        assert form_of(world, "renewal").state is FormState.ARCHIVED
        assert record(world, "renewed").state is PatientState.ENROLLED
        assert in_force(record(world, "renewed"))


def test_a_signature_older_than_what_the_patient_has_said_since_does_not_count(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "enrolled")
        stale = consents.prepare(actor, patient, language="el", variant=ADULT)
        consents.note_print(actor, stale)
        with world.house.app.app_context():
            write(
                world,
                ConsentForm.__table__.update().where(ConsentForm.id == stale.id).values(printed_at=now() - 9 * DAY),
            )
        db.session.refresh(stale)
        with pytest.raises(Incomplete) as refusal:
            sign(actor, stale, on=today() - 5 * DAY)

        assert list(by_field(refusal.value)) == ["signed_on"]
        assert sentence(refusal.value) == (
            "The patient has decided again after this signature, so this form can no longer count. "
            "Check the date, or cancel it."
        )
        assert form_of(world, "enrolled").state is FormState.ARCHIVED


# --- the other ends ---------------------------------------------------------------------------------------------------------------


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


# --- the Ukrainian form -----------------------------------------------------------------------------------------------------------


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


# --- an assistant, and those who may not -------------------------------------------------------------------------------------------


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


# --- from a phone -------------------------------------------------------------------------------------------------------------------


def offered(world: Any, **login: Any) -> tuple[str, int]:
    """A link to the signed form, shown from a login of the owner's."""
    with world.house.acting(world.people["owner"]) as actor:
        desk = Login(
            token_hash=b"d" * 32,
            person_id=actor.user_id,
            browser="desk",
            address="127.0.0.1",
            **{"started_at": now(), "seen_at": now(), "expires_at": now() + DAY} | login,
        )
        db.session.add(desk)
        db.session.commit()
        key = int(desk.id)
        return phones.offer_phone(actor, form_of(world, "signed"), login_id=key), key


def test_a_link_opens_in_the_name_of_who_showed_it(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, actor = phones.link_behind(token, "10.0.0.7")

        assert (link.form_id, actor.user_id) == (world.forms["signed"][0], world.people["owner"])
        assert actor.origin == "phone 10.0.0.7"
    stored = world.house.rows("SELECT token_hash FROM phone_link")
    assert token.encode() not in b"".join(bytes(row[0]) for row in stored)


def test_a_link_works_once(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, _actor = phones.link_behind(token, "")
    with world.house.acting(world.people["owner"]) as actor:
        upload = [archives.Upload(document(), "a.pdf")]
        archives.file_scan(actor, form_of(world, "signed"), upload, source="phone", link=link)
        assert form_of(world, "signed").state is FormState.ARCHIVED
    with world.house.app.app_context(), pytest.raises(NotFound) as refusal:
        phones.link_behind(token, "")
    with world.house.app.app_context():
        assert sentence(refusal.value) == (
            "This link has been used or is older than ten minutes. Show a new QR code on the desk's screen."
        )


def test_a_link_that_was_used_meanwhile_archives_nothing(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, _actor = phones.link_behind(token, "")
    write(world, PhoneLink.__table__.update().values(used_at=now()))
    before = files(world)
    with world.house.acting(world.people["owner"]) as actor:
        with pytest.raises(WrongStep):
            upload = [archives.Upload(document(), "a.pdf")]
            archives.file_scan(actor, form_of(world, "signed"), upload, source="phone", link=link)
        assert form_of(world, "signed").state is FormState.SIGNED
    assert files(world) == before


def test_a_refused_scan_does_not_use_the_link_up(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        link, _actor = phones.link_behind(token, "")
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(Incomplete):
        upload = [archives.Upload(b"no scan", "a.pdf")]
        archives.file_scan(actor, form_of(world, "signed"), upload, source="phone", link=link)
    with world.house.app.app_context():
        assert phones.link_behind(token, "")[0].id == link.id


def test_a_link_lives_ten_minutes(world: Any) -> None:
    start = dt.datetime.now(dt.UTC)
    with time_machine.travel(start, tick=False):
        token, _login = offered(world)
    for minutes, lives in ((9.9, True), (10.1, False)):
        with time_machine.travel(start + dt.timedelta(minutes=minutes), tick=False), world.house.app.app_context():
            if lives:
                assert phones.link_behind(token, "")
            else:
                with pytest.raises(NotFound):
                    phones.link_behind(token, "")


@pytest.mark.parametrize("gone", ["signed out", "login over", "idle", "disabled", "left"])
def test_a_link_dies_with_the_login_and_the_rights_of_who_showed_it(world: Any, gone: str) -> None:
    token, login = offered(world)
    table, people = Login.__table__, Person.__table__
    ends: dict[str, Any] = {
        "signed out": table.update().where(table.c.id == login).values(ended_at=now()),
        "login over": table.update().where(table.c.id == login).values(expires_at=now() - dt.timedelta(minutes=1)),
        "idle": table.update().where(table.c.id == login).values(seen_at=now() - dt.timedelta(hours=2)),
        "disabled": people.update().where(people.c.id == world.people["owner"]).values(disabled_at=now()),
    }
    if gone == "left":
        with world.house.system():
            for spell in db.session.get(Person, world.people["owner"]).memberships:
                spell.ended_at = now()
            db.session.commit()
    else:
        write(world, ends[gone])

    with world.house.app.app_context(), pytest.raises(Refusal):
        link, actor = phones.link_behind(token, "")
        sight.bind(db.session(), actor)
        if db.session.get(ConsentForm, link.form_id) is None:
            raise NotFound  # what the page answers


def test_nobody_guesses_a_link(world: Any) -> None:
    token, _login = offered(world)
    with world.house.app.app_context():
        for guess in ("", "x", token[:-1], token.swapcase(), "a" * 10_000, "\0", "é", world.phone_token):
            with pytest.raises(NotFound):
                phones.link_behind(guess, "")
        assert phones.link_behind(token, "")
