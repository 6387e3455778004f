"""The demo: what its seed leaves in a database. How the stories hang together is ``test_reference``."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
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
from app.services import archives, demo, departures, handovers, identities, papers, patients, rolls
from app.steps import STEPS
from app.words import FormState, PatientState, Procedure
from tests.houses import House, furnish

SCANNED = ("thermaikos-13", "thermaikos-06", "thermaikos-12", "bistritsa-02", "dniprova-01", "neckarschleife-02")
"""A refugee, two parents and a child, an annulled scan, a minor who signs too, a Ukrainian form, photographs."""


@pytest.fixture(scope="module")
def demo_houses(shared: Path, worker: str, printer: Any) -> Iterator[Callable[[str], House]]:
    made: dict[str, House] = {}

    def on(dialect: str) -> House:
        if dialect not in made:
            changes = {"CPMS_MODE": "demo", "PUBLIC_URL": "https://127.0.0.1"}
            made[dialect] = furnish(dialect, shared, f"{worker}-demo", printer, **changes)
        return made[dialect]

    yield on
    for house in made.values():
        house.close()


def sow(house: House, **given: Any) -> demo.Seeded:
    with house.app.app_context():
        return demo.seed(**given)


@pytest.fixture
def whole(demo_houses: Callable[[str], House]) -> House:
    """All of it, the originals attested instead of scanned; on SQLite alone, because it takes a while."""
    house = demo_houses("sqlite")
    house.snapshot("demo", lambda empty: sow(empty, scans=False))
    return house


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


def id_of(house: House, key: str) -> int:
    return int(house.value("SELECT id FROM ab_user WHERE email = :email", email=stories().person(key).email))


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


def test_a_greek_clinician_sees_the_own_patients_and_no_colleagues_patients(whole: House) -> None:
    told = [story for story in stories().patients if story.clinician == "eleni-papadaki"]

    with whole.acting(id_of(whole, "eleni-papadaki")) as actor:
        seen = db.session.scalars(select(Patient)).all()
        names = [identity.name for identity in map(identities.identity_of, seen) if identity is not None]

    assert len(seen) == len(told)
    assert sorted(names) == sorted(f"{story.given} {story.family}" for story in told if story.deleted is None)
    assert actor.roles == {"Any signed-in", "Clinician"}
    assert whole.value("SELECT count(*) FROM patient") == 61


def test_an_assistant_sees_what_was_granted_and_nothing_after_the_grant_is_over(whole: House) -> None:
    seen = {}
    for key in ("maria-stathaki", "ivelina-draganova", "jonas-weidner", "athanasios-rigas"):
        with whole.acting(id_of(whole, key)):
            known = map(identities.identity_of, db.session.scalars(select(Patient)))
            seen[key] = sorted(identity.family_name for identity in known if identity is not None)

    def families(*wanted: str) -> list[str]:
        told = [p for p in stories().patients if p.clinician in wanted or p.key in wanted]
        return sorted(p.family for p in told if p.deleted is None)

    assert seen == {
        "maria-stathaki": families("eleni-papadaki"),
        "ivelina-draganova": families("radostina-velkova", "bistritsa-06"),
        "jonas-weidner": families("neckarschleife-01", "neckarschleife-02"),
        "athanasios-rigas": [],
    }


def test_assistants_did_some_of_the_work_on_behalf_of_their_clinicians(whole: House) -> None:
    pairs = whole.rows(
        "SELECT DISTINCT a.email, b.email FROM audit_entry"
        " JOIN ab_user a ON a.id = actor_id JOIN ab_user b ON b.id = on_behalf_of_id"
    )

    email = {person.key: person.email for person in stories().people}
    assert {tuple(pair) for pair in pairs} == {
        (email["maria-stathaki"], email["eleni-papadaki"]),
        (email["ivelina-draganova"], email["radostina-velkova"]),
        (email["athanasios-rigas"], email["nikolaos-vergos"]),
    }


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


def test_the_login_page_offers_every_role_with_its_place(whole: House) -> None:
    offered = whole.rows("SELECT last_name, demo_role, password FROM ab_user WHERE demo_role IS NOT NULL ORDER BY id")

    assert [tuple(row) for row in offered] == [
        ("Papadaki", "Clinician, Thessaloniki, Greece", None),
        ("Hrytsenko", "Clinician, Kyiv, Ukraine", None),
        ("Stathaki", "Assistant, Thessaloniki, Greece", None),
        ("Roussel-Mercier", "Guest, France", None),
        ("Verhoeven", "ERN coordinator, MetabERN", None),
        ("Lamprou", "Hospital representative, Thessaloniki, Greece", None),
        ("Drakou", "Data-protection contact, Thessaloniki, Greece", None),
        ("Savchenko", "UA Hub, Ukrainian hub", None),
        ("Maes", "Admin, Platform operator", None),
        ("Vergos", "Clinician, Thessaloniki, Greece", None),
        ("Lindqvist", "Newcomer, no place yet", None),
        ("Pölzl", "Clinician, Graz, Austria, hospital has left", None),
        ("Charalambidis", "Clinician, Larnaca, Cyprus, hospital winds down", None),
    ]


def test_every_person_has_the_roles_of_the_story_today(whole: House) -> None:
    expected = {
        "eleni-papadaki": {"Clinician"},
        "maria-stathaki": {"Assistant"},
        "camille-roussel-mercier": {"Guest"},
        "ingrid-solheimsvik": set(),
        "lotte-verhoeven": {"Coordinator"},
        "georgios-lamprou": {"Coordinator"},
        "ioanna-drakou": {"Coordinator"},
        "iryna-savchenko": {"UA Hub"},
        "robin-maes": {"Admin"},
        "anna-lindqvist": set(),
    }

    found = {}
    for key in expected:
        with whole.acting(id_of(whole, key)) as actor:
            found[key] = {role.value for role in actor.roles} - {"Any signed-in"}

    assert found == expected


def test_a_hospital_whose_authorisation_is_over_keeps_its_patients_and_enrols_none(whole: House) -> None:
    with whole.acting(id_of(whole, "matthias-kuehnert")) as actor:
        seen = db.session.scalars(select(Patient)).all()
        hospital = seen[0].hospital
        identity = identities.Identity("Neu", "Ein", dt.date(2000, 1, 1), "KE-1")

        with pytest.raises(NotAllowed):
            patients.enrol(actor, hospital, identity=identity, sex=seen[0].sex)
        states = [patient.state for patient in seen]

    assert states == [PatientState.ENROLLED, PatientState.ENROLLED]


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


def test_one_hospital_winds_down_with_records_to_hand_over_and_one_has_left(whole: House) -> None:
    found = {}
    for key in ("andreas-charalambidis", "johanna-poelzl"):
        with whole.acting(id_of(whole, key)) as actor:
            days = [one.day for one in departures.mine(actor)]
            found[key] = days, len(db.session.scalars(select(Patient)).all()), len(handovers.sources(actor))
    last = today() + dt.timedelta(days=60)
    assert found == {"andreas-charalambidis": ([last], 2, 1), "johanna-poelzl": ([None], 2, 0)}
    told = "SELECT count(*) FROM mail m JOIN ab_user p ON p.id = m.person_id WHERE m.kind = 'hospital.leaves' AND p.id = :who"
    assert {key: whole.value(told, who=id_of(whole, key)) for key in found} == dict.fromkeys(found, 1)


def test_one_hospitals_yearly_list_is_open_and_half_done(whole: House) -> None:
    with whole.acting(id_of(whole, "georgios-lamprou")) as actor:
        (roll,) = rolls.mine(actor)
        stands = rolls.standings(db.session(), [roll.id])[roll.id]
    assert roll.begun_on < today() < roll.due_on
    assert 0 < stands.open <= stands.people // 2 + 1
    assert stands.open < stands.people
