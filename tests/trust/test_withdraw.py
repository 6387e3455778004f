"""T-WITHDRAW: a withdrawal has all its effects, each noted: sharing, the thirty days, the receipt, renewal."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pikepdf
import pytest
import time_machine

from app.errors import Incomplete, NotFound, WrongStep
from app.models import ConsentDecision, ConsentForm, Hospital, Patient, db, now, today
from app.outside import paper
from app.scopes import decisions_in_force
from app.services import (
    consents,
    days,
    housekeeping,
    identities,
    patients,
    receipts,
    renewals,
    signers,
    withdrawals,
    worklist,
)
from app.words import (
    Answer,
    Channel,
    FormState,
    LegalGround,
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
from tests.trust.withdrawals import THIRTY, form_of, last_entry, record, shared, withdraw
from tests.world import ARCHIVED, bring_form, file_bytes

pytestmark = pytest.mark.t_withdraw


def acts_since(world: Any, seq: int) -> list[str]:
    rows = world.house.rows("SELECT act FROM audit_entry WHERE seq > :seq AND outcome = 'done' ORDER BY seq", seq=seq)
    return [act for (act,) in rows]


# --- care -----------------------------------------------------------------------------------------------------------


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
    with world.house.acting(world.people["owner"]):
        there = days.day_at(form_of(world, "enrolled").hospital)
    assert (answered, by, str(day)) == ("withdrawn", channel.value, str(there))


# --- the thirty days ------------------------------------------------------------------------------------------------


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


# --- the receipt ----------------------------------------------------------------------------------------------------


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


# --- renewal --------------------------------------------------------------------------------------------------------


def child(world: Any, actor: Any, born: dt.date, mandate_ends_on: dt.date | None = None) -> tuple[Patient, ConsentForm]:
    """A represented patient with an archived form."""
    who = identities.Identity("Childsname", "Given", born, f"CH-{born}")
    home = db.session.get_one(Hospital, world.hospitals["Thessaloniki"])
    patient = patients.enrol(actor, home, identity=who, sex=Sex.FEMALE, despite_duplicate=True)
    form = consents.prepare(actor, patient, language="en", variant=Variant.REPRESENTATIVE)
    consents.note_print(actor, form)
    consents.sign(
        actor,
        form,
        signed_on=today(),
        relation=Relation.GUARDIAN,
        signer=signers.Signer("A Guardian"),
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
    said = [" ".join(row.split()).replace(names[days], "") for row, days in zip(rows, (30, 90), strict=True)]
    assert [names[30] in rows[0], names[90] in rows[1]] == [True, True]
    assert [re.search(r"\bnow\b", row) is not None for row in said] == [True, False]
    assert "mandate ends" in " ".join(Screen(client.get(f"/patients/{keys[90]}")).notices)
    assert "mandate ends" not in " ".join(Screen(client.get(f"/patients/{keys[91]}")).notices)


def test_a_corrected_birth_date_moves_the_day(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        patient, form = child(world, actor, dt.date(today().year - 10, 5, 31))
        who = identities.Identity("Childsname", "Given", dt.date(today().year - 8, 11, 2), "CH-1")
        patients.correct(actor, patient, identity=who, sex=Sex.FEMALE)
        db.session.expire_all()
        assert form.renewal_due_on == dt.date(today().year + 10, 12, 1)


# --- the life of a consent ------------------------------------------------------------------------------------------


def test_the_record_tells_the_life_of_its_consent_the_newest_first(world: Any) -> None:
    shown = Screen(world.client("owner").get(f"/patients/{world.patients['withdrawn'][1]}"))
    told = shown.texts("//ol[@class='timeline']/li/div/p[1]")
    assert told == [
        "To be erased, unless a law keeps it",
        "Withdrawn: Consent for care",
        "Explained, as the clinician confirms",
        "Archived",
        "Signed",
        "Printed",
        "Prepared",
    ]
