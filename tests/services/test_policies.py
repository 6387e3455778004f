"""The privacy policy: published once, accepted as it was read, withdrawn without orphaning a record."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from app import actors, sight
from app.errors import Conflict, Incomplete, NotAllowed
from app.models import Person, db, now, today
from app.outside import policies as shipped
from app.services import jobs, policies
from app.words import LANGUAGES, MandateKind, Role
from tests import factories as make
from tests.factories import DAY

HELD = frozenset({Role.HELD})


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


def test_every_edition_has_english_and_the_languages_of_the_screens_and_names_only_known_fields() -> None:
    facts = {name: f"<{name}> & **x**" for name in shipped.FIELDS}
    for edition in shipped.editions():
        texts = shipped.texts(edition, facts)
        assert set(LANGUAGES) <= set(texts)
        headings = set()
        for text in texts.values():
            html = shipped.as_html(text["body"])
            headings.add(html.count("<h2>"))
            assert text["title"]
            assert "[[" not in text["body"]
            assert "&lt;operator.name&gt; &amp; x" in html
        assert len(headings) == 1  # no language leaves a point out


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
    with house.everything() as session, pytest.raises(IntegrityError):
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


def test_a_second_click_accepts_once(house: Any, clinic: dict[str, int]) -> None:
    accept(house, clinic["clinician"])
    accept(house, clinic["clinician"])
    assert house.value("SELECT count(*) FROM policy_acceptance") == 1


# --- withdrawn ------------------------------------------------------------------------------------------------------------


def withdraw(house: Any, person_id: int) -> None:
    with house.acting(person_id) as actor:
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
