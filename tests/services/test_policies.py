"""The privacy policy: published once, accepted as it was read, withdrawn without orphaning a record."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app import actors, sight
from app.errors import Busy, Conflict, Incomplete, NotAllowed
from app.models import Hospital, Mandate, Network, Person, db, now, today
from app.outside import policies as shipped
from app.services import jobs, policies
from app.words import EndReason, MandateKind, Role
from tests import factories as make
from tests.factories import DAY
from tests.moments import at_once

HELD = frozenset({Role.HELD})
EU_AND_UKRAINIAN = set("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv uk".split())  # noqa: SIM905


def roles(house: Any, person_id: int, *, signed_in: bool = True) -> frozenset[Role]:
    with house.everything() as session:
        return actors.load(session, person_id, signed_in=signed_in).roles


@pytest.fixture
def clinic(house: Any) -> dict[str, int]:
    """A clinician with records in one hospital and none in another, an assistant, representatives, an operator."""
    with house.system():
        country, network = make.country("GR"), make.network()
        home, far = make.hospital("Home", country), make.hospital("Far", country)
        people = {
            name: make.person(name)
            for name in ("clinician", "assistant", "representative", "other representative", "admin", "newcomer")
        }
        clinician = people["clinician"]
        found = {
            "membership": make.member(clinician, make.centre(home, network)).id,
            "away": make.member(clinician, make.centre(far, network)).id,
            "mandate": make.mandate(clinician, MandateKind.DATA_PROTECTION_CONTACT, hospital=far).id,
        }
        make.mandate(people["assistant"], MandateKind.ASSISTANT, hospital=home)
        make.grant(clinician, people["assistant"], home)
        make.mandate(people["representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
        make.mandate(people["other representative"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=far)
        make.admin(people["admin"])
        make.patient(clinician, home)
        make.patient(clinician, home)
        make.policy_version(1, from_on=today() - 10 * DAY)
        db.session.commit()
        return found | {name: person.id for name, person in people.items()}


def accept(house: Any, person_id: int, number: int = 1, language: str = "de") -> None:
    with house.everything() as session:
        actor = actors.load(session, person_id, "test", signed_in=True)
    with house.app.app_context():
        sight.bind(db.session(), actor)
        policies.accept(actor, db.session.get(Person, person_id), number=number, language=language)


# --- published ------------------------------------------------------------------------------------------------------------


def test_every_edition_is_whole_in_the_24_languages_and_ukrainian_and_names_only_known_fields() -> None:
    facts = {name: f"<{name}> & **x**" for name in shipped.FIELDS}
    for edition in shipped.editions():
        texts = shipped.texts(edition, facts)
        assert set(texts) == EU_AND_UKRAINIAN
        shapes = set()
        for text in texts.values():
            html = shipped.as_html(text["body"])
            shapes.add((html.count("<h2>"), html.count("<li>"), html.count("<strong>")))
            assert text["title"]
            assert "[[" not in text["body"]
            assert "&lt;operator.name&gt; &amp; x" in html
        assert len(shapes) == 1  # no language leaves a point out


def test_the_operator_publishes_an_edition_once_with_a_day(house: Any) -> None:
    with house.system():
        admin_id = make.admin(make.person("admin")).id
        db.session.commit()
    with house.acting(admin_id) as actor:
        me = db.session.get(Person, admin_id)
        for day in (today() - DAY, today() + 400 * DAY):
            with pytest.raises(Incomplete):
                policies.publish(actor, me, number=1, from_on=day)
        with pytest.raises(Incomplete):
            policies.publish(actor, me, number=99, from_on=today())
        made = policies.publish(actor, me, number=1, from_on=today() + DAY)
        assert "Tests' operator" in made.texts["de"]["body"]
        with pytest.raises(Conflict):
            policies.publish(actor, me, number=1, from_on=today())
    with house.app.app_context():
        assert policies.current() is None  # not yet
        assert policies.current(today() + DAY).number == 1
        assert policies.to_publish() is None
    with house.everything() as session, pytest.raises((IntegrityError, ProgrammingError)):  # or no privilege
        session.connection(execution_options={"writes": True})
        session.execute(update(policies.PolicyVersion.__table__).values(sha256="x"))


def test_only_an_operator_publishes(house: Any, clinic: dict[str, int]) -> None:
    with house.acting(clinic["clinician"]) as actor, pytest.raises(NotAllowed):
        policies.publish(actor, db.session.get(Person, actor.user_id), number=1, from_on=today())


def test_a_language_that_is_missing_is_read_in_english(house: Any, clinic: dict[str, int]) -> None:
    with house.app.app_context():
        version = policies.current()
        assert [policies.text_in(version, code).language for code in ("de", "fi", "en")] == ["de", "en", "en"]


# --- accepted -------------------------------------------------------------------------------------------------------------


def test_before_accepting_there_is_one_role_and_jobs_go_on(house: Any, clinic: dict[str, int]) -> None:
    assert roles(house, clinic["clinician"]) == HELD
    assert Role.CLINICIAN in roles(house, clinic["clinician"], signed_in=False)
    accept(house, clinic["clinician"])
    assert Role.CLINICIAN in roles(house, clinic["clinician"])
    assert roles(house, clinic["newcomer"]) == HELD
    accept(house, clinic["newcomer"], language="fi")
    assert roles(house, clinic["newcomer"]) == {Role.ANY}
    rows = house.rows("SELECT person_id, language FROM policy_acceptance ORDER BY id")
    assert [tuple(row) for row in rows] == [(clinic["clinician"], "de"), (clinic["newcomer"], "en")]


def test_a_new_version_asks_again_from_its_day_on(house: Any, clinic: dict[str, int]) -> None:
    accept(house, clinic["clinician"])
    with house.system():
        make.policy_version(2, from_on=today() + DAY)
    assert Role.CLINICIAN in roles(house, clinic["clinician"])
    with house.system():
        make.policy_version(3, from_on=today())
    assert roles(house, clinic["clinician"]) == HELD
    with pytest.raises(Conflict):
        accept(house, clinic["clinician"], number=1)  # it was on the screen before
    accept(house, clinic["clinician"], number=3)
    assert Role.CLINICIAN in roles(house, clinic["clinician"])


def test_an_older_edition_planned_for_later_does_not_come_back(house: Any, clinic: dict[str, int]) -> None:
    with house.system():
        make.policy_version(2, from_on=today() + DAY * 5)
        make.policy_version(3, from_on=today())
    accept(house, clinic["clinician"], number=3)
    with house.app.app_context():
        assert [policies.current(today() + DAY * days).number for days in (0, 5, 9)] == [3, 3, 3]


def test_a_second_click_accepts_once(house: Any, clinic: dict[str, int]) -> None:
    accept(house, clinic["clinician"])
    accept(house, clinic["clinician"])
    assert house.value("SELECT count(*) FROM policy_acceptance") == 1


# --- withdrawn ------------------------------------------------------------------------------------------------------------


def withdraw(house: Any, person_id: int) -> None:
    with house.everything() as session:
        actor = actors.load(session, person_id, "test", signed_in=True)
    with house.app.app_context():
        sight.bind(db.session(), actor)
        policies.withdraw(actor, db.session.get(Person, person_id))


def test_withdrawing_says_in_numbers_what_ends_and_orphans_no_record(house: Any, clinic: dict[str, int]) -> None:
    person_id = clinic["clinician"]
    accept(house, person_id)
    house.client_for(person_id)
    with house.app.app_context():
        told = policies.consequences(person_id)
    assert (told.places, told.grants, told.logins) == (2, 0, 1)  # the place with records stays, and its grant
    (hanging,) = told.hanging
    assert (hanging.hospital, hanging.records, hanging.ask) == ("Home", 2, ("representative Tester",))

    withdraw(house, person_id)

    ended = {row.id: row.ended_at is not None for row in house.rows("SELECT id, ended_at FROM membership")}
    assert ended == {clinic["membership"]: False, clinic["away"]: True}
    assert house.value("SELECT ended_at IS NULL FROM assistant_grant")  # the assistant goes on until it is handed over
    assert not house.value("SELECT ended_at IS NULL FROM mandate WHERE id = :m", m=clinic["mandate"])
    assert house.value("SELECT disabled_at IS NOT NULL FROM ab_user WHERE id = :p", p=person_id)
    assert house.value("SELECT count(*) FROM login WHERE ended_at IS NULL") == 0
    assert house.value("SELECT count(*) FROM policy_acceptance WHERE withdrawn_at IS NULL") == 0
    mails = [tuple(row) for row in house.rows("SELECT person_id, kind FROM mail ORDER BY id")]
    assert mails == [(clinic["representative"], "records.to-hand-over"), (person_id, "account.ended")]


def test_where_nobody_else_represents_the_hospital_its_networks_decide_on_the_records(
    house: Any, clinic: dict[str, int]
) -> None:
    """The one representative is locked; the leaver represents the hospital, too; another network has no centre there."""
    with house.system():
        hospital = db.session.scalars(select(Hospital).where(Hospital.name == "Home")).one()
        network = db.session.scalars(select(Network)).one()
        db.session.get(Person, clinic["representative"]).disabled_at = now()
        leaver = db.session.get(Person, clinic["clinician"])
        make.mandate(leaver, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=hospital)
        deciding, other = make.person("deciding"), make.person("other")
        make.mandate(deciding, MandateKind.ERN_COORDINATOR, network=network)
        make.mandate(other, MandateKind.ERN_COORDINATOR, network=make.network("ERN OTHER"))
        deciding_id = deciding.id
        db.session.commit()
    accept(house, clinic["clinician"])
    with house.app.app_context():
        assert [one.ask for one in policies.consequences(clinic["clinician"]).hanging] == [("deciding Tester",)]
    withdraw(house, clinic["clinician"])
    mails = [tuple(row) for row in house.rows("SELECT person_id, kind FROM mail ORDER BY id")]
    assert mails == [(deciding_id, "records.to-hand-over"), (clinic["clinician"], "account.ended")]


def test_who_does_not_want_the_new_version_takes_the_old_one_back(house: Any, clinic: dict[str, int]) -> None:
    accept(house, clinic["clinician"])
    with house.system():
        make.policy_version(2, from_on=today())
    assert roles(house, clinic["clinician"]) == HELD

    withdraw(house, clinic["clinician"])

    ended = {row.id: row.ended_at is not None for row in house.rows("SELECT id, ended_at FROM membership")}
    assert ended == {clinic["membership"]: False, clinic["away"]: True}
    assert not house.value("SELECT ended_at IS NULL FROM mandate WHERE id = :m", m=clinic["mandate"])
    assert house.value("SELECT disabled_at IS NOT NULL FROM ab_user WHERE id = :p", p=clinic["clinician"])


@pytest.mark.parametrize("day", [today() + 9 * DAY, today() - 9 * DAY])
def test_grants_of_a_role_that_is_not_in_force_today_end_too(house: Any, clinic: dict[str, int], day: dt.date) -> None:
    """The assistant's role begins later, or has ended: the assistant sees no grant, and it must not come back to life."""
    with house.system():
        role = db.session.scalars(select(Mandate).where(Mandate.person_id == clinic["assistant"])).one()
        role.from_on, role.to_on = (day, None) if day > today() else (day - DAY, day)
        db.session.commit()
    accept(house, clinic["assistant"])
    with house.app.app_context():
        assert policies.consequences(clinic["assistant"]).grants == 1
    withdraw(house, clinic["assistant"])
    (grant,) = house.rows("SELECT ended_at IS NOT NULL AS over, end_reason, version FROM assistant_grant")
    assert tuple(grant) == (True, EndReason.POLICY_WITHDRAWN, 2)
    assert house.value(
        "SELECT count(*) FROM mandate WHERE person_id = :p AND ended_at IS NULL", p=clinic["assistant"]
    ) == (0 if day > today() else 1)


def test_an_account_that_is_opened_again_is_asked_again(house: Any, clinic: dict[str, int]) -> None:
    accept(house, clinic["newcomer"])
    withdraw(house, clinic["newcomer"])
    with house.system():
        db.session.get(Person, clinic["newcomer"]).disabled_at = None
        db.session.commit()
    assert roles(house, clinic["newcomer"]) == HELD


def test_the_last_operator_stays(house: Any, clinic: dict[str, int]) -> None:
    accept(house, clinic["admin"])
    with pytest.raises(NotAllowed, match="Make another operator first"):
        withdraw(house, clinic["admin"])
    with house.system():
        make.admin(make.person("second"))
        db.session.commit()
    withdraw(house, clinic["admin"])
    assert house.value("SELECT disabled_at IS NOT NULL FROM ab_user WHERE id = :p", p=clinic["admin"])


def test_the_last_operator_stays_also_while_a_new_version_asks(house: Any, clinic: dict[str, int]) -> None:
    assert roles(house, clinic["admin"]) == HELD
    with pytest.raises(NotAllowed, match="Make another operator first"):
        withdraw(house, clinic["admin"])


def test_two_last_operators_who_withdraw_at_one_moment_leave_one(house: Any, clinic: dict[str, int]) -> None:
    with house.system():
        second = make.admin(make.person("second")).id
        db.session.commit()

    def left(person_id: int) -> bool:
        try:
            withdraw(house, person_id)
        except (NotAllowed, Busy):
            return False
        return True

    assert sorted(at_once(left, (clinic["admin"], second))) == [False, True]
    assert house.value("SELECT count(*) FROM ab_user WHERE disabled_at IS NOT NULL") == 1


def test_who_accepted_is_forgotten_after_the_limitation_period_alone(house: Any, clinic: dict[str, int]) -> None:
    years = house.app.config["SETTINGS"]["ACCEPTANCE_YEARS"]
    for who, ended in (("clinician", None), ("newcomer", 366 * years), ("assistant", 365 * years - 9)):
        accept(house, clinic[who])
        if ended is not None:
            with house.system():
                db.session.get(Person, clinic[who]).disabled_at = now() - dt.timedelta(days=ended)
                db.session.commit()
    jobs.run_due(house.app.app_context)
    left = [row.person_id for row in house.rows("SELECT person_id FROM policy_acceptance ORDER BY id")]
    assert left == [clinic["clinician"], clinic["assistant"]]
