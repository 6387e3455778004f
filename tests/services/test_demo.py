"""The demo: the records, papers and log its seed leaves. Its people are ``test_demo_people``, how the stories hang together ``test_reference``."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import select

from app import audit_chain
from app.errors import Conflict, NotAllowed, NotFound
from app.models import ArchivedDocument, AuditEntry, ConsentForm, Patient, PatientIdentity, Person, db, today
from app.outside import paper
from app.outside.reference import demo as stories
from app.outside.reference.shapes import FormStory, PatientStory
from app.services import archives, demo, identities, papers
from app.steps import STEPS
from app.words import FormState, PatientState, Procedure
from tests.houses import House
from tests.services.demo_words import id_of, sow

SCANNED = ("thermaikos-13", "thermaikos-06", "thermaikos-12", "bistritsa-02", "dniprova-01", "neckarschleife-02")
"""A refugee, two parents and a child, an annulled scan, a minor who signs too, a Ukrainian form, photographs."""


@pytest.fixture
def scanned(demo_houses: Callable[[str], House], dialect: str) -> House:
    """A few patients, with the scans of their forms."""
    house = demo_houses(dialect)
    house.snapshot("demo-scanned", lambda empty: sow(empty, only=SCANNED))
    return house


def form_state(form: FormStory, patient: PatientStory) -> FormState:
    if form.cancelled:
        return FormState.CANCELLED
    if form.annulled:
        return FormState.ANNULLED
    if any(gone.purpose == "care" for gone in form.withdrawals):
        return FormState.WITHDRAWN
    if form.care == "refused" or form.archived is not None or form.attested:
        later = patient.forms[patient.forms.index(form) + 1 :]
        return FormState.SUPERSEDED if any(one.in_force for one in later) else FormState.ARCHIVED
    if form.signed is not None:
        return FormState.SIGNED
    return FormState.PRINTED if form.printed else FormState.PREPARED


def patient_state(patient: PatientStory) -> PatientState:
    if patient.deleted is not None:
        return PatientState.ERASED
    if any(form.in_force for form in patient.forms):
        return PatientState.ENROLLED
    ended = {FormState.ANNULLED, FormState.WITHDRAWN}
    return PatientState.RESTRICTED if ended & {form_state(f, patient) for f in patient.forms} else PatientState.DRAFT


def one(family: str) -> Patient:
    """The patient of this family name among those the session sees."""
    for patient in db.session.scalars(select(Patient)):
        identity = identities.identity_of(patient)
        if identity is not None and identity.family_name == family:
            return patient
    raise LookupError(family)


def test_patients_and_forms_are_in_the_states_of_their_stories(whole: House) -> None:
    told = stories().patients

    patients_found = Counter(state for (state,) in whole.rows("SELECT state FROM patient"))
    forms_found = Counter(state for (state,) in whole.rows("SELECT state FROM consent_form"))

    assert patients_found == Counter(patient_state(patient).value for patient in told)
    for found, table in ((patients_found, Patient), (forms_found, ConsentForm)):
        assert set(found) == {after.value for _before, _act, after in STEPS[table]}  # every state one can reach
    told_forms = Counter(form_state(form, patient).value for patient in told for form in patient.forms)
    assert forms_found == told_forms + Counter(to_check=1, sent_back=1)  # papers from elsewhere
    assert whole.value("SELECT count(*) FROM hospital") == 14
    assert whole.value("SELECT count(*) FROM ab_user") == 48


def test_history_lies_in_the_past_where_the_stories_put_it(whole: House) -> None:
    def date(story: PatientStory, at: str) -> Any:
        form = story.forms[0]
        return {"entered": story.entered, "printed": form.printed[0], "signed": form.signed, "kept": form.archived}[at]

    story = next(story for story in stories().patients if story.key == "thermaikos-09")
    with whole.acting(id_of(whole, story.clinician)):
        patient = one(story.family)
        form = db.session.scalars(select(ConsentForm).where(ConsentForm.patient_id == patient.id)).one()
        found = {
            "entered": patient.created_at.date(),
            "printed": form.printed_at.date(),
            "signed": form.signed_on,
            "kept": form.archived_at.date(),
        }
        withdrawn_on = form.decisions[0].withdrawn_on

    assert found == {at: today() + dt.timedelta(days=date(story, at)) for at in found}
    assert withdrawn_on == today() + dt.timedelta(days=-12)


def test_nothing_happened_later_than_now_and_the_log_keeps_the_true_time(whole: House) -> None:
    with whole.everything() as session:
        moment = dt.datetime.now(dt.UTC)
        written = session.scalars(select(AuditEntry.at)).all()
        made = session.scalars(select(Patient.created_at)).all()
        printed = session.scalars(select(ConsentForm.printed_at).where(ConsentForm.printed_at.is_not(None))).all()

    assert max([*made, *printed]) <= moment
    assert min(written) > moment - dt.timedelta(hours=12)
    assert min(made).date() == today() - dt.timedelta(days=410)


def test_the_audit_log_is_whole_and_each_patient_was_enrolled_by_an_act(whole: House) -> None:
    with whole.everything() as session:
        verdict = audit_chain.verify(session)
    done = dict(
        whole.rows("SELECT act, count(*) FROM audit_entry WHERE outcome = 'done' GROUP BY act")  # type: ignore[arg-type]
    )
    forms = [form for patient in stories().patients for form in patient.forms]

    assert (verdict.first_bad, verdict.entries) == (None, whole.value("SELECT count(*) FROM audit_entry"))
    assert whole.value("SELECT count(*) FROM audit_entry WHERE outcome = 'refused'") == 0
    assert done["patient.enrol"] == 61
    assert done["consent.prepare"] == len(forms)
    assert done["consent.print"] == sum(len(form.printed) for form in forms)
    assert done["consent.sign"] == len([form for form in forms if form.signed is not None])
    assert (done["consent.cancel"], done["consent.annul"]) == (2, 2)
    assert done["decision.withdraw"] == sum(len(form.withdrawals) for form in forms)


def test_no_entry_of_the_log_holds_anything_about_who_a_patient_is(whole: House) -> None:
    words = set()
    for story in stories().patients:
        words |= {story.family, story.given, story.file_number, story.birth_place} - {""}
        words |= {signer.name for form in story.forms for signer in form.signers}

    log = "\n".join(str(tuple(row)) for row in whole.rows("SELECT * FROM audit_entry"))

    assert [word for word in words if word in log] == []
    assert "patient.enrol" in log


def test_the_refugee_is_a_greek_patient_with_a_ukrainian_name_on_a_greek_form(scanned: House) -> None:
    with scanned.acting(id_of(scanned, "eleni-papadaki")):
        patient = one("Мельник")
        form = db.session.scalars(select(ConsentForm).where(ConsentForm.patient_id == patient.id)).one()
        printed = papers.set_paper(form)
        identity = identities.identity_of(patient)
        found = (
            patient.procedure,
            patient.state,
            form.language,
            form.state,
            identity.given_names,
            identity.birth_place,
        )

    assert found == (
        Procedure.EU,
        PatientState.ENROLLED,
        "el",
        FormState.ARCHIVED,
        "Вікторія",
        "Харків",
    )
    assert printed.missing == ()


def test_every_archived_scan_reads_back_and_is_the_paper_of_that_very_form(scanned: House) -> None:
    kinds, wrong = Counter(), []
    for key in {next(p.clinician for p in stories().patients if p.key == wanted) for wanted in SCANNED}:
        with scanned.acting(id_of(scanned, key)):
            for document in db.session.scalars(select(ArchivedDocument)):
                if document.form.state is FormState.ANNULLED:
                    continue
                content = archives.read(document)
                kinds[document.kind, document.media_type, document.source] += 1
                if hashlib.sha256(content).hexdigest() != document.sha256 or len(content) != document.size:
                    wrong.append(document.storage_key)
                if document.media_type == "application/pdf":
                    codes = {paper.parse_qr(payload) for payload in payloads(content)}
                    pages = {(document.form.code, page) for page in range(1, document.pages + 1)}
                    wrong += [] if codes == pages else [(document.form.code, codes)]

    assert wrong == []
    assert kinds == {
        ("original", "application/pdf", "desk"): 4,
        ("original", "image/jpeg", "phone"): 4,
        ("reading", "application/pdf", "phone"): 1,
    }


def payloads(content: bytes) -> list[str]:
    with pypdfium2.PdfDocument(content) as document:
        pictures = [page.render(scale=150 / 72, grayscale=True).to_pil() for page in document]
    return [found.text for picture in pictures for found in zxingcpp.read_barcodes(picture)]


def test_the_copy_of_the_annulled_form_is_locked_and_care_is_no_longer_in_force(scanned: House) -> None:
    with scanned.acting(id_of(scanned, "eleni-papadaki")):
        patient = one("Κωνσταντινίδου")
        form = db.session.scalars(select(ConsentForm).where(ConsentForm.patient_id == patient.id)).one()
        (document,) = form.documents

        with pytest.raises(NotFound):
            archives.read(document)
        found = (form.state, form.end_reason, patient.state)

    assert found == (FormState.ANNULLED, "The scan shows another patient's form.", PatientState.RESTRICTED)


def test_the_audit_log_of_the_scans_is_whole_and_nothing_was_refused(scanned: House) -> None:
    with scanned.everything() as session:
        verdict = audit_chain.verify(session)

    assert (verdict.first_bad, verdict.entries) == (None, scanned.value("SELECT count(*) FROM audit_entry"))
    assert scanned.value("SELECT count(*) FROM audit_entry WHERE outcome = 'refused'") == 0
    assert scanned.value("SELECT count(*) FROM audit_entry WHERE act = 'consent.archive'") == len(SCANNED)


def test_the_seed_refuses_when_there_are_people(scanned: House) -> None:
    with scanned.app.app_context(), pytest.raises(Conflict):
        demo.seed(scans=False)

    assert scanned.value("SELECT count(*) FROM ab_user") == 48


def test_the_seed_refuses_outside_demo_mode_and_leaves_nothing(house: House) -> None:
    with house.app.app_context(), pytest.raises(NotAllowed):
        demo.seed(scans=False)

    assert [house.value(f"SELECT count(*) FROM {table}") for table in ("ab_user", "hospital", "audit_entry")] == [0] * 3


@pytest.mark.long
def test_the_whole_demo_has_a_scan_of_every_form_that_was_archived(
    demo_houses: Callable[[str], House], dialect: str
) -> None:
    house = demo_houses(dialect)
    house.reset()
    told: list[tuple[int, int]] = []

    made = sow(house, tell=lambda done, turns: told.append((done, turns)))

    archived = [
        form for p in stories().patients for form in p.forms if form.archived is not None and form.care == "given"
    ]
    assert house.value("SELECT count(DISTINCT form_id) FROM archived_document") == len(archived)
    assert told == [(done, made.turns) for done in range(1, made.turns + 1)]
    with house.everything() as session:
        assert audit_chain.verify(session).first_bad is None
        assert session.query(Person).count() == 48
        assert session.query(PatientIdentity).count() == 60
