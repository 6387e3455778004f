"""Idle accounts: told twice, locked after a year; who alone keeps something is not, and records are never orphaned."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from app import actors, sight
from app.errors import WrongStep
from app.models import Mail, Person, db, now, today
from app.services import accounts, housekeeping, idle, jobs
from app.words import MandateKind
from tests import factories as make
from tests.services.clinics import DAY, PROTECTION, REPRESENTATIVE, Clinic
from tests.services.mail_words import let_time_pass, sent
from tests.trust.sign_ins import account, inside, sign_in

LOCKED = "Nobody signed in to your account for a year"


def unused(house: Any, who: int, days: int) -> None:
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.get(Person, who).seen_on = today() - days * DAY
        session.commit()


def run(house: Any, name: str) -> None:
    with house.app.app_context():
        sight.bind(db.session(), actors.system("idle"))
        jobs.KINDS[name].work(actors.system("idle"), {})
    if name == "accounts.warn-idle":
        sent(house)


def told(house: Any, who: int) -> list[str]:
    return [row.kind for row in house.rows("SELECT kind FROM mail WHERE person_id = :i ORDER BY id", i=who)]


def is_locked(house: Any, who: int) -> bool:
    return house.value("SELECT disabled_at FROM ab_user WHERE id = :i", i=who) is not None


def a_year_over(house: Any, *people: int) -> None:
    """They have not signed in for a year, and were told a week ago; then the daily job comes by."""
    for who in people:
        unused(house, who, 358)
    run(house, "accounts.warn-idle")
    with time_machine.travel(now() + 7 * DAY, tick=True):
        run(house, "accounts.lock-idle")


def kept(house: Any) -> dict[int, list[str]]:
    with house.app.app_context():
        return idle.keepers()


def test_its_owner_is_told_thirty_and_seven_days_before_and_each_time_once(house: Any, clinic: Clinic) -> None:
    start = now()
    unused(house, clinic.assistant, 334)
    expected = {0: 0, 1: 1, 2: 1, 23: 1, 24: 2, 25: 2, 30: 2}
    for day, mails in expected.items():
        with time_machine.travel(start + day * DAY, tick=True):
            run(house, "accounts.warn-idle")
            run(house, "accounts.lock-idle")
        assert told(house, clinic.assistant) == ["account.idle"] * mails, day
    assert not is_locked(house, clinic.assistant)
    with time_machine.travel(start + 31 * DAY, tick=True):
        run(house, "accounts.warn-idle")
        run(house, "accounts.lock-idle")
    assert is_locked(house, clinic.assistant)
    assert told(house, clinic.assistant)[2:] == ["account.idle-locked"]
    assert not is_locked(house, clinic.outsider)


def test_nobody_is_locked_before_a_week_after_they_were_told(house: Any, clinic: Clinic) -> None:
    start = now()
    unused(house, clinic.assistant, 800)
    for day, locked in {0: False, 6: False, 7: True}.items():
        with time_machine.travel(start + day * DAY, tick=True):
            run(house, "accounts.lock-idle")
            run(house, "accounts.warn-idle")
            run(house, "accounts.lock-idle")
        assert is_locked(house, clinic.assistant) is locked, day
    assert told(house, clinic.assistant) == ["account.idle", "account.idle-locked"]


@pytest.mark.parametrize("state", [{"state": "to_send"}, {"state": "sending"}, {"state": "unsent", "fault": "too old"}])
def test_nobody_is_locked_whose_mail_was_never_handed_over(house: Any, clinic: Clinic, state: dict[str, str]) -> None:
    start = now()
    unused(house, clinic.assistant, 358)
    run(house, "accounts.warn-idle")
    let_time_pass(house, sent_at=None, tried_at=start, **state)
    with time_machine.travel(start + 20 * DAY, tick=True):
        run(house, "accounts.lock-idle")
        assert not is_locked(house, clinic.assistant)
        let_time_pass(house, state="to_send", fault=None)
        sent(house)
        run(house, "accounts.lock-idle")
        assert not is_locked(house, clinic.assistant)
    with time_machine.travel(start + 27 * DAY, tick=True):
        run(house, "accounts.lock-idle")
    assert is_locked(house, clinic.assistant)


def test_an_address_that_takes_no_mail_keeps_no_account_open(house: Any, clinic: Clinic) -> None:
    start = now()
    unused(house, clinic.assistant, 358)
    run(house, "accounts.warn-idle")
    let_time_pass(house, state="undelivered", sent_at=None, fault="address")
    with time_machine.travel(start + 7 * DAY, tick=True):
        run(house, "accounts.lock-idle")
    assert is_locked(house, clinic.assistant)


def test_whoever_signs_in_is_told_anew_a_year_later(house: Any) -> None:
    anna = account(house)
    unused(house, anna.id, 358)
    run(house, "accounts.warn-idle")
    assert inside(sign_in(house, anna.email)[0])
    with house.everything() as session:
        assert session.get(Person, anna.id).seen_on == today()
    with time_machine.travel(now() + 8 * DAY, tick=True):
        run(house, "accounts.lock-idle")
    assert (is_locked(house, anna.id), told(house, anna.id)) == (False, ["account.idle"])
    with time_machine.travel(now() + 358 * DAY, tick=True):
        run(house, "accounts.warn-idle")
    assert told(house, anna.id) == ["account.idle"] * 2


def test_a_locked_person_reads_what_to_do_only_with_the_right_password(house: Any) -> None:
    anna = account(house)
    a_year_over(house, anna.id)
    assert is_locked(house, anna.id)
    answers = [sign_in(house, anna.email, *typed)[1] for typed in ((), ("not the password at all",))]
    assert [(answer.status_code, LOCKED in answer.text) for answer in answers] == [(422, True), (422, False)]


def test_whoever_is_locked_by_hand_reads_nothing_of_it(house: Any, clinic: Clinic) -> None:
    anna = account(house)
    with house.acting(clinic.admin) as actor:
        accounts.disable(actor, db.session.get(Person, anna.id))
    answer = sign_in(house, anna.email)[1]
    assert (answer.status_code, LOCKED in answer.text) == (422, False)


def test_an_operator_opens_the_account_again_and_the_year_begins_anew(house: Any, clinic: Clinic) -> None:
    anna = account(house)
    a_year_over(house, anna.id)
    with house.acting(clinic.admin) as actor:
        accounts.enable(actor, db.session.get(Person, anna.id))
    with time_machine.travel(now() + 300 * DAY, tick=True):
        run(house, "accounts.warn-idle")
        run(house, "accounts.lock-idle")
    assert not is_locked(house, anna.id)
    assert inside(sign_in(house, anna.email)[0])


def test_an_account_never_used_counts_from_the_day_it_was_made(house: Any, clinic: Clinic) -> None:
    with house.everything() as session:
        assert session.get(Person, clinic.outsider).seen_on == today()
    with time_machine.travel(now() + 364 * DAY, tick=True):
        run(house, "accounts.warn-idle")
    assert told(house, clinic.outsider) == ["account.idle"]


def test_a_clinician_is_locked_and_whoever_represents_the_hospital_hands_the_records_over(
    house: Any, clinic: Clinic
) -> None:
    a_year_over(house, clinic.clinician)
    assert is_locked(house, clinic.clinician)
    assert told(house, clinic.representative) == ["records.to-hand-over"]
    with house.app.app_context():
        assert [str(finding) for finding in housekeeping.fsck() if finding.word == "patient"] == []


def test_who_alone_keeps_something_is_not_locked_and_the_desk_says_what(house: Any, clinic: Clinic) -> None:
    everybody = (clinic.representative, clinic.protection, clinic.coordinator, clinic.admin, clinic.clinician)
    a_year_over(house, *everybody)
    locked = [who for who in everybody if is_locked(house, who)]
    assert locked == [clinic.clinician]  # somebody represents the hospital, and hands the records over
    assert kept(house) == {
        clinic.representative: ["hospital_representative"],
        clinic.protection: ["data_protection_contact"],
        clinic.coordinator: ["ern_coordinator"],
        clinic.admin: ["operates"],
    }


def test_what_somebody_keeps_twice_is_said_once(house: Any, clinic: Clinic) -> None:
    unused(house, clinic.representative, 400)
    with house.system():
        far = db.session.get(make.Hospital, clinic.other_hospital)
        make.mandate(db.session.get(Person, clinic.representative), REPRESENTATIVE, hospital=far)
    assert kept(house) == {clinic.representative: ["hospital_representative"]}


def test_who_is_kept_is_told_so_once_a_year_and_never_that_they_are_locked(house: Any, clinic: Clinic) -> None:
    start = now()
    unused(house, clinic.representative, 335)
    for day, mails in {0: 1, 23: 1, 59: 1, 100: 1, 364: 1, 365: 2, 400: 2, 460: 2}.items():
        with time_machine.travel(start + day * DAY, tick=True):
            if day in (100, 460):  # as when sent mails are deleted
                with house.everything() as session:
                    session.connection(execution_options={"writes": True})
                    session.execute(Mail.__table__.update().values(slot=None))
                    session.commit()
            run(house, "accounts.warn-idle")
            run(house, "accounts.lock-idle")
        accounts_mails = [kind for kind in told(house, clinic.representative) if kind.startswith("account.")]
        assert accounts_mails == ["account.idle-kept"] * mails, day
    assert not is_locked(house, clinic.representative)


def test_who_is_kept_no_longer_is_told_a_week_before_the_account_is_locked(house: Any, clinic: Clinic) -> None:
    start = now()
    unused(house, clinic.representative, 700)
    run(house, "accounts.warn-idle")
    with house.system():
        hospital = db.session.get(make.Hospital, clinic.hospital)
        make.mandate(make.person("second"), REPRESENTATIVE, hospital=hospital)
    for day, locked in {1: False, 7: False, 8: True}.items():
        with time_machine.travel(start + day * DAY, tick=True):
            run(house, "accounts.warn-idle")
            run(house, "accounts.lock-idle")
        assert is_locked(house, clinic.representative) is locked, day
    assert told(house, clinic.representative) == ["account.idle-kept", "account.idle", "account.idle-locked"]


def test_where_nobody_could_hand_over_the_records_their_clinician_is_not_locked(house: Any, clinic: Clinic) -> None:
    with house.system():
        lonely = make.person("lonely")
        hospital = make.hospital("Lonely house", make.country("DE"))
        make.member(lonely, make.centre(hospital, make.network("ERN LONELY")))
        make.patient(lonely, hospital)
        who, place = lonely.id, hospital.id
    a_year_over(house, who)
    assert (is_locked(house, who), kept(house)) == (False, {who: ["treats"]})
    with house.system():
        make.mandate(db.session.get(Person, who), REPRESENTATIVE, hospital_id=place)
    assert kept(house) == {who: ["hospital_representative", "treats"]}  # nobody hands records over to themselves
    with house.system():
        make.mandate(make.person("helper"), REPRESENTATIVE, hospital_id=place)
    assert kept(house) == {}


def test_of_two_who_keep_the_same_one_is_locked_and_the_other_stays(house: Any, clinic: Clinic) -> None:
    with house.system():
        second = make.person("second")
        make.mandate(second, PROTECTION, hospital_id=clinic.hospital)
        who = second.id
    a_year_over(house, clinic.protection, who)
    assert sorted([is_locked(house, clinic.protection), is_locked(house, who)]) == [False, True]
    with house.acting(clinic.admin), sight.wide("idle") as session:
        assert idle.due(session) == []


def test_whoever_came_back_meanwhile_is_passed_over(house: Any, clinic: Clinic) -> None:
    with house.app.app_context():
        sight.bind(db.session(), actors.system("idle"))
        with pytest.raises(WrongStep):
            idle.lock(actors.system("idle"), db.session.get(Person, clinic.assistant))
    assert not is_locked(house, clinic.assistant)


def test_fsck_finds_an_account_the_daily_job_has_missed_and_locks_it(house: Any, clinic: Clinic) -> None:
    unused(house, clinic.assistant, 358)
    run(house, "accounts.warn-idle")
    with time_machine.travel(now() + 8 * DAY, tick=True), house.app.app_context():
        sight.bind(db.session(), actors.system("fsck"))
        found = [finding for finding in housekeeping.fsck() if finding.word == "account"]
        assert [finding.key for finding in found] == [db.session.get(Person, clinic.assistant).public_id]
        found[0].repair()
        assert [finding for finding in housekeeping.fsck() if finding.word == "account"] == []
    assert is_locked(house, clinic.assistant)


def test_the_last_hub_and_guests(house: Any, clinic: Clinic) -> None:
    with house.system():
        hub, visitor = make.person("hub"), make.person("visitor")
        make.mandate(hub, MandateKind.UA_HUB)
        last = today() + dt.timedelta(days=60)
        make.mandate(visitor, MandateKind.GUEST, host_id=clinic.clinician, to_on=last)
        ids = hub.id, visitor.id
    a_year_over(house, *ids)
    assert [is_locked(house, who) for who in ids] == [False, True]
