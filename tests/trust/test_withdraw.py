"""T-WITHDRAW: a withdrawal has all its effects, each noted, by whoever may record it, and the contact learns nothing else."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pikepdf
import pytest
import time_machine
from babel.dates import format_date
from sqlalchemy import select

from app.errors import Incomplete, NotAllowed, NotFound, WrongStep
from app.models import ConsentDecision, ConsentForm, Hospital, Letter, LetterRecord, Patient, db, now, today
from app.outside import paper
from app.scopes import care_in_force, decisions_in_force
from app.services import consents, housekeeping, letters, patients, receipts, renewals, withdrawals, worklist
from app.services.letters import TooManySearches
from app.words import (
    Answer,
    Channel,
    FormState,
    LegalGround,
    LetterOutcome,
    PatientState,
    Purpose,
    Relation,
    Sex,
    Variant,
)
from tests.factories import DAY
from tests.papers import words_of
from tests.screens import Screen
from tests.trust.test_minimise import every_mark, found_in, text_of
from tests.world import ARCHIVED, bring_form, file_bytes, identity

pytestmark = pytest.mark.t_withdraw

THIRTY = 30 * DAY


def record(world: Any, name: str) -> Patient:
    return db.session.get_one(Patient, world.patients[name][0])


def form_of(world: Any, name: str) -> ConsentForm:
    return db.session.get_one(ConsentForm, world.forms[name][0])


def withdraw(actor: Any, decision: ConsentDecision, **given: Any) -> None:
    known = {"withdrawn_on": today(), "channel": Channel.LETTER, "reason": None}
    consents.withdraw(actor, decision, **known | given)


def shared(patient: Patient) -> bool:
    return (
        db.session.scalar(select(Patient.id).where(Patient.id == patient.id, Patient.id.in_(care_in_force())))
        is not None
    )


def acts_since(world: Any, seq: int) -> list[str]:
    rows = world.house.rows("SELECT act FROM audit_entry WHERE seq > :seq AND outcome = 'done' ORDER BY seq", seq=seq)
    return [act for (act,) in rows]


def last_entry(world: Any) -> int:
    return int(world.house.value("SELECT max(seq) FROM audit_entry"))


# --- care -------------------------------------------------------------------------------------------------------------


def test_care_withdrawn_stops_everything_in_one_act_and_each_effect_is_noted(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = record(world, "enrolled"), form_of(world, "enrolled")
        open_form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        before = last_entry(world)
        in_force = [shared(patient), len(renewals.in_force(patient, today()))]

        withdraw(actor, form.decisions[0])

        assert in_force == [True, len(form.decisions)]
        assert [shared(patient), renewals.in_force(patient, today())] == [False, set()]
        assert [form.state, open_form.state, patient.state] == [
            FormState.WITHDRAWN,
            FormState.CANCELLED,
            PatientState.RESTRICTED,
        ]
        assert patient.erase_on == today() + THIRTY
        assert acts_since(world, before) == ["decision.withdraw", "consent.end", "consent.lapse", "patient.restrict"]


def test_another_purpose_withdrawn_ends_alone(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = record(world, "enrolled"), form_of(world, "enrolled")
        education = form.decisions[1]
        withdraw(actor, education)
        assert (patient.state, patient.erase_on, shared(patient)) == (PatientState.ENROLLED, None, True)
        assert renewals.in_force(patient, today()) == {d.id for d in form.decisions if d is not education}


def test_a_no_on_a_later_form_is_a_withdrawal_too(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "enrolled")
        again = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, again, 3, care=Answer.REFUSED)
        assert (patient.state, patient.erase_on) == (PatientState.RESTRICTED, today() + THIRTY)


@pytest.mark.parametrize("channel", list(Channel))
def test_any_channel_takes_two_clicks_from_the_record(world: Any, channel: Channel) -> None:
    client = world.client("owner")
    shown = Screen(client.get(f"/patients/{world.patients['enrolled'][1]}"))
    first = shown.tree.xpath("//section[@aria-labelledby='standing']//a[contains(., 'Record a withdrawal')]/@href")[0]
    asked = Screen(client.get(first))
    buttons = asked.tree.xpath("//main//form//button[@name='channel']/@value")
    assert buttons == [one.value for one in Channel]

    answer = client.post(first, data=asked.form() | {"channel": channel.value})

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/patients/{world.patients['enrolled'][1]}")
    stored = "SELECT answer, channel, withdrawn_on FROM consent_decision WHERE form_id = :id AND purpose = 'care'"
    ((answered, by, day),) = world.house.rows(stored, id=world.forms["enrolled"][0])
    assert (answered, by, str(day)) == ("withdrawn", channel.value, str(today()))


# --- the thirty days --------------------------------------------------------------------------------------------------


def erase_what_is_due(world: Any) -> None:
    with world.house.system("expiry") as actor:
        housekeeping.erase_records(actor, {})


def test_on_day_thirty_the_record_is_erased_and_the_proof_of_consent_stays(world: Any) -> None:
    key, form_key = world.patients["enrolled"][0], world.forms["enrolled"][0]
    with world.house.acting(world.people["owner"]) as actor:
        withdraw(actor, form_of(world, "enrolled").decisions[0])
    state = "SELECT state FROM patient WHERE id = :id"
    with time_machine.travel(now() + 29 * DAY):
        erase_what_is_due(world)
        kept = world.house.value(state, id=key)
    before = last_entry(world)
    with time_machine.travel(now() + THIRTY):
        erase_what_is_due(world)
    gone = world.house.value("SELECT count(*) FROM patient_identity WHERE patient_id = :id", id=key)
    proof = "SELECT count(*) FROM archived_document d JOIN document_key k ON k.document_id = d.id WHERE d.form_id = :id"
    assert [kept, world.house.value(state, id=key), gone] == ["restricted", "erased", 0]
    assert world.house.value(proof, id=form_key) == 1
    assert "patient.erase-when-due" in acts_since(world, before)


def test_a_record_kept_by_a_named_law_is_not_erased_until_somebody_says_so(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "withdrawn")
        withdrawals.keep(actor, patient, ground=LegalGround.LEGAL_DUTY, law="Records act, section 12")
        assert (patient.erase_on, patient.kept_on, patient.state) == (None, today(), PatientState.RESTRICTED)
    with time_machine.travel(now() + 400 * DAY):
        erase_what_is_due(world)
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "withdrawn")
        assert (patient.state, shared(patient)) == (PatientState.RESTRICTED, False)
        withdrawals.erase(actor, patient)
        assert (patient.state, patient.identity) == (PatientState.ERASED, None)


def test_only_a_withdrawn_record_is_kept_or_erased_so(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for name in ("enrolled", "annulled", "draft"):
            with pytest.raises(WrongStep):
                withdrawals.erase(actor, record(world, name))
            with pytest.raises(WrongStep):
                withdrawals.keep(actor, record(world, name), ground=LegalGround.OTHER_LAW, law="none")


def test_a_patient_who_comes_back_is_not_erased(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "withdrawn")
        again = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, again, ARCHIVED)
        assert (patient.state, patient.erase_on, shared(patient)) == (PatientState.ENROLLED, None, True)
    with time_machine.travel(now() + 31 * DAY):
        erase_what_is_due(world)
    assert (
        world.house.value("SELECT state FROM patient WHERE id = :id", id=world.patients["withdrawn"][0]) == "enrolled"
    )


def test_a_withdrawal_recorded_late_leaves_a_week_to_decide(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        patient = record(world, "enrolled")
        patients.await_decision(patient, today() - 60 * DAY)
        assert patient.erase_on == today() + 7 * DAY
        db.session.rollback()


def test_home_asks_for_the_decision_from_the_first_day(world: Any) -> None:
    shown = Screen(world.client("owner").get("/"))
    group = "//section[h2[contains(., 'Care consent withdrawn')]]//li//a"
    with world.house.acting(world.people["owner"]):
        nickname = record(world, "withdrawn").nickname
    assert shown.texts(group) == [nickname]


def test_the_record_is_kept_from_its_page_with_ground_and_law(world: Any) -> None:
    client, key = world.client("owner"), world.patients["withdrawn"][1]
    asked = Screen(client.get(f"/patients/{key}/keep"))
    bare = client.post(f"/patients/{key}/keep", data=asked.form())
    done = client.post(f"/patients/{key}/keep", data=asked.form() | {"ground": "legal_duty", "law": "Act, section 12"})
    shown = Screen(client.get(f"/patients/{key}"))
    assert (bare.status_code, done.status_code) == (422, 302)
    assert "Act, section 12" in " ".join(shown.notices)


# --- the data-protection contact ------------------------------------------------------------------------------------------


def search(world: Any, actor: Any, name: str, **given: Any) -> Letter:
    who = world.identities.get(name) or identity(80)
    home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
    known = {
        "reason": "Letter 12",
        "received_on": today(),
        "family_name": who.family_name,
        "birth_date": who.birth_date,
    }
    return letters.trace(actor, home, **known | given)


def test_the_contact_finds_exactly_who_is_named_and_in_the_own_hospital_alone(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        one = world.identities["enrolled"]
        found = [
            search(world, actor, "enrolled").found,
            search(world, actor, "enrolled", file_number=one.file_number).found,
            search(world, actor, "enrolled", file_number="another").found,
            search(world, actor, "enrolled", birth_date=one.birth_date + DAY).found,
            search(world, actor, "neighbour's").found,
            search(world, actor, "erased").found,
        ]
        assert found == [1, 1, 0, 0, 0, 0]
        near = db.session.get_one(Hospital, world.hospitals["Leipzig"])
        with pytest.raises(NotAllowed):
            letters.trace(
                actor, near, reason="r", received_on=today(), family_name="Quex", birth_date=dt.date(1950, 1, 1)
            )


@pytest.mark.parametrize("who", ["owner", "representative", "coordinator", "other protection", "admin"])
def test_nobody_else_looks_for_patients_so(world: Any, who: str) -> None:
    with world.house.acting(world.people[who]) as actor, pytest.raises(NotAllowed):
        search(world, actor, "enrolled")
    assert world.client(who).get(f"/letters/{world.letters['renewed'][1]}").status_code in (403, 404)


def test_who_types_names_at_random_is_stopped_and_it_is_noted(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        for number in range(letters.MOST_MISSES - 1):  # one miss is the world's own
            search(world, actor, "nobody", family_name=f"Guess{number}")
        with pytest.raises(TooManySearches):
            search(world, actor, "enrolled")
    refused = "SELECT count(*) FROM audit_entry WHERE act = 'patient.trace' AND outcome = 'refused'"
    assert world.house.value(refused) == 1


def test_no_more_searches_a_day_than_letters_come(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        for _time in range(letters.MOST_A_DAY - 3):
            search(world, actor, "enrolled")
        with pytest.raises(TooManySearches):
            search(world, actor, "enrolled")


def test_the_answer_is_that_a_record_exists_its_clinician_and_its_consents_and_nothing_more(world: Any) -> None:
    client = world.client("protection")
    page = client.get(f"/letters/{world.letters['renewed'][1]}")
    with world.house.acting(world.people["owner"]):
        patient = record(world, "renewed")
        hidden = [patient.nickname, str(patient.birth_year), patient.public_id]
    assert page.status_code == 200
    assert found_in(text_of(page), [*every_mark(world), *hidden]) == []
    shown = Screen(page)
    assert "Treating clinician: owner Tester" in shown.main
    assert shown.texts("//section[@aria-labelledby='consents-1']/ul/li/span")[0] == "Given"


def test_the_contact_opens_the_consent_documents_of_the_letter_and_each_opening_is_noted(world: Any) -> None:
    client = world.client("protection")
    shown = Screen(client.get(f"/letters/{world.letters['renewed'][1]}"))
    addresses = shown.tree.xpath("//main//a[contains(@href, '/document/')]/@href")
    before = last_entry(world)
    answers = [client.get(address).status_code for address in addresses]
    read = "SELECT count(*) FROM audit_entry WHERE seq > :seq AND act = 'document.open' AND patient_id = :id"
    assert answers == [200, 200]
    assert world.house.value(read, seq=before, id=world.patients["renewed"][0]) == 2
    other = world.house.value(
        "SELECT public_id FROM archived_document WHERE form_id = :id", id=world.forms["enrolled"][0]
    )
    assert client.get(f"/consents/{world.forms['enrolled'][1]}/document/{other}").status_code == 404


def test_the_contact_obeys_a_letter_although_the_clinician_has_left(world: Any) -> None:
    with world.house.acting(world.people["protection"]) as actor:
        letter = search(world, actor, "leaver's")
        (key,) = [one.public_id for one in letter.records]
    client, letter_key = world.client("protection"), letter.public_id
    shown = Screen(client.get(f"/letters/{letter_key}"))
    first = shown.tree.xpath("//main//a[contains(., 'Record a withdrawal')]/@href")[0]
    asked = Screen(client.get(first))
    answer = client.post(first, data=asked.form() | {"channel": "letter"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/letters/{letter_key}")
    with world.house.everything() as session:
        patient = session.get(Patient, world.patients["leaver's"][0])
        outcome = session.scalar(select(LetterRecord.outcome).where(LetterRecord.public_id == key))
    assert (patient.state, patient.erase_on) == (PatientState.RESTRICTED, today() + THIRTY)
    assert outcome is LetterOutcome.WITHDRAWN


def test_a_restriction_is_put_at_once_beats_a_new_consent_and_stands_until_it_is_lifted(world: Any) -> None:
    client, address = world.client("protection"), f"/letters/{world.letters['renewed'][1]}"
    done = client.post(f"{address}/restrict", data=Screen(client.get(address)).form("/restrict"))
    with world.house.acting(world.people["owner"]) as actor:
        patient = record(world, "renewed")
        first = (patient.state, shared(patient), patient.erase_on)
        again = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        bring_form(actor, again, ARCHIVED)
        second = (patient.state, shared(patient))
    lifted = client.post(f"{address}/lift", data=Screen(client.get(address)).form("/lift"))
    with world.house.acting(world.people["owner"]):
        patient = record(world, "renewed")
        third = (patient.state, shared(patient))
    assert (done.status_code, lifted.status_code) == (302, 302)
    assert first == (PatientState.RESTRICTED, False, None)
    assert second == (PatientState.RESTRICTED, False)
    assert third == (PatientState.ENROLLED, True)


def test_a_letter_opens_its_records_for_thirty_days(world: Any) -> None:
    with time_machine.travel(now() + 31 * DAY), world.house.acting(world.people["protection"]) as actor:
        letter = db.session.get_one(Letter, world.letters["renewed"][0])
        assert [one.patient for one in letter.records] == [None]
        with pytest.raises(NotAllowed):
            withdrawals.restrict_by_protection(actor, Patient(id=world.patients["renewed"][0]))


def test_the_clinician_reads_on_home_what_the_contact_did_and_the_representative_without_whose_record(
    world: Any,
) -> None:
    with world.house.acting(world.people["owner"]):
        nickname = record(world, "restricted").nickname
    group = "//section[h2[contains(., 'Done by the data-protection contact')]]//li"
    clinicians = Screen(world.client("owner").get("/")).texts(group)
    representatives = Screen(world.client("representative").get("/")).texts(group)
    colleagues = Screen(world.client("colleague").get("/")).texts(group)
    told = f"Record restricted on {format_date(today(), 'long', 'en_GB')}"
    assert clinicians == [f"{nickname} {told}"]
    assert representatives == [f"Thessaloniki{told}"]
    assert colleagues == []


def test_what_was_typed_into_the_search_is_nowhere(world: Any) -> None:
    client, who = world.client("protection"), world.identities["attested"]
    asked = Screen(client.get("/letters/search")).form()
    typed = {"reason": "Letter 40", "received_on": str(today()), "family_name": who.family_name}
    answer = client.post("/letters/search", data=asked | typed | {"birth_date": str(who.birth_date)})
    page = client.get(answer.headers["Location"])
    assert (answer.status_code, found_in(text_of(answer) + text_of(page), every_mark(world))) == (302, [])
    for table in ("letter", "letter_record", "once_key", "audit_entry"):
        for row in world.house.rows(f"SELECT * FROM {table}"):
            assert found_in("\n".join(str(value) for value in row), every_mark(world)) == []


# --- the receipt --------------------------------------------------------------------------------------------------------


def test_the_receipt_says_in_the_forms_language_what_was_withdrawn_and_names_nobody(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        greek = form_of(world, "renewal")
        withdraw(actor, greek.decisions[0], channel=Channel.SLIP)
        key, code = greek.decisions[0].public_id, paper.grouped_code(greek.code)
        day = paper.long_date(today(), "el")
    client, before = world.client("owner"), last_entry(world)
    answer = client.get(f"/consents/{world.forms['renewal'][1]}/receipt/{key}")
    words = words_of(answer.data)
    wanted = paper.receipt_words()["el"]
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    for word in ("title", "care", "slip", "stop", "erase", "lawful", "normal"):
        assert " ".join(wanted[word].split()) in words
    assert [day in words, code in words, wanted["exports"] in words] == [True, True, False]
    assert found_in(text_of(answer), every_mark(world)) == []
    noted = "SELECT count(*) FROM audit_entry WHERE seq > :seq AND act = 'decision.open'"
    assert world.house.value(noted, seq=before) == 1
    with pikepdf.open(io.BytesIO(answer.data)) as pdf, pdf.open_metadata() as metadata:
        marks = {name: metadata.get(name) for name in ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part")}
    assert marks == {"pdfaid:part": "3", "pdfaid:conformance": "A", "pdfuaid:part": "1"}


def test_a_receipt_is_the_same_after_the_record_is_erased_and_there_is_none_for_what_stands(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        decision = form_of(world, "withdrawn").decisions[0]
        first = receipts.set_receipt(decision)
        withdrawals.erase(actor, record(world, "withdrawn"))
        assert receipts.set_receipt(db.session.get_one(ConsentDecision, decision.id)) == first
        with pytest.raises(NotFound):
            receipts.set_receipt(form_of(world, "enrolled").decisions[0])


# --- renewal ------------------------------------------------------------------------------------------------------------


def child(world: Any, actor: Any, born: dt.date, mandate_ends_on: dt.date | None = None) -> tuple[Patient, ConsentForm]:
    """A represented patient with an archived form."""
    who = patients.Identity("Childsname", "Given", born, f"CH-{born}")
    home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
    patient = patients.enrol(actor, home, identity=who, sex=Sex.FEMALE, despite_duplicate=True)
    form = consents.prepare(actor, patient, language="en", variant=Variant.REPRESENTATIVE)
    consents.note_print(actor, form)
    consents.sign(
        actor,
        form,
        signed_on=today(),
        relation=Relation.GUARDIAN,
        signer=consents.Signer("A Guardian"),
        answers={d.public_id: Answer.GIVEN for d in form.decisions},
        mandate_ends_on=mandate_ends_on,
    )
    file_bytes(actor, form)
    return patient, form


@pytest.mark.parametrize(
    ("born", "mandate", "due"),
    [
        (dt.date(2015, 5, 31), None, dt.date(2033, 6, 1)),
        (dt.date(2015, 12, 1), None, dt.date(2034, 1, 1)),
        (dt.date(2015, 5, 31), dt.date(2030, 2, 28), dt.date(2030, 3, 1)),
        (dt.date(1950, 5, 31), None, None),
        (dt.date(1950, 5, 31), dt.date(2030, 2, 28), dt.date(2030, 3, 1)),
    ],
)
def test_renewal_is_due_after_childhood_or_with_the_mandate(world: Any, born: dt.date, mandate: Any, due: Any) -> None:
    day = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)
    with time_machine.travel(day), world.house.acting(world.people["owner"]) as actor:
        _patient, form = child(world, actor, born, mandate)
        assert form.renewal_due_on == due


def test_a_mandate_that_is_over_or_an_adults_own_form_has_no_such_day(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        with pytest.raises(Incomplete):
            child(world, actor, dt.date(1950, 5, 31), today() - DAY)
        assert form_of(world, "enrolled").renewal_due_on is None


def test_from_the_day_on_care_goes_on_and_the_optional_purposes_pause(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = child(world, actor, dt.date(1950, 5, 31), today() + 20 * DAY)
        assert form.renewal_due_on == today() + 21 * DAY
        day_before, on_the_day = (
            {
                decision.purpose
                for decision in form.decisions
                if decision.id in set(db.session.scalars(decisions_in_force(day)))
            }
            for day in (today() + 20 * DAY, today() + 21 * DAY)
        )
        assert day_before == set(Purpose)
        assert on_the_day == {Purpose.CARE}
        assert shared(patient)


def test_home_and_the_record_remind_ninety_and_thirty_days_before_and_on_the_day(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        made = {
            days: child(world, actor, dt.date(1950, 1 + n, 3), today() + (days - 1) * DAY)
            for n, days in enumerate((91, 90, 30))
        }
        listed = [form.id for form in worklist.renewals(actor)]
        names = {days: patient.nickname for days, (patient, _form) in made.items()}
        keys = {days: patient.public_id for days, (patient, _form) in made.items()}
        assert listed == [made[30][1].id, made[90][1].id]
    client = world.client("owner")
    rows = Screen(client.get("/")).texts("//section[h2[contains(., 'Consent to renew')]]//li")
    assert [names[30] in rows[0] and "now" in rows[0], names[90] in rows[1] and "now" not in rows[1]] == [True, True]
    assert "mandate ends" in " ".join(Screen(client.get(f"/patients/{keys[90]}")).notices)
    assert "mandate ends" not in " ".join(Screen(client.get(f"/patients/{keys[91]}")).notices)


def test_a_corrected_birth_date_moves_the_day(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = child(world, actor, dt.date(today().year - 10, 5, 31))
        who = patients.Identity("Childsname", "Given", dt.date(today().year - 8, 11, 2), "CH-1")
        patients.correct(actor, patient, identity=who, sex=Sex.FEMALE)
        db.session.expire_all()
        assert form.renewal_due_on == dt.date(today().year + 10, 12, 1)


# --- the life of a consent ------------------------------------------------------------------------------------------------


def test_the_record_tells_the_life_of_its_consent_the_newest_first(world: Any) -> None:
    shown = Screen(world.client("owner").get(f"/patients/{world.patients['withdrawn'][1]}"))
    told = shown.texts("//ol[@class='timeline']/li/div/p[1]")
    assert told == [
        "To be erased, unless a law keeps it",
        "Withdrawn: Consent for care",
        "Archived",
        "Signed",
        "Printed",
        "Prepared",
    ]
