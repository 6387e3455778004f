"""T-AUDIT: each change is one entry, each opening is one entry, refusals are at most ten a minute; without the log nothing happens."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine

from app.act import ACTS
from app.errors import NotAllowed
from app.models import ConsentForm, Hospital, Patient, db, today
from app.services import consents, patients
from app.words import Answer, Channel, Relation, Sex, Variant
from tests.conftest import Tally
from tests.trust.routes import Desk, digest, few, records, routes
from tests.trust.test_minimise import found_in, marks
from tests.world import World, file_bytes, identity

pytestmark = pytest.mark.t_audit


class Log:
    """What was written to the log since."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.last = house.value("SELECT coalesce(max(seq), 0) FROM audit_entry")

    def new(self) -> list[Any]:
        """(act, outcome, actor, patient, thing, fields) of each new entry."""
        found = self.house.rows(
            "SELECT act, outcome, actor_id, patient_id, thing, thing_id, details FROM audit_entry WHERE seq > :n ORDER BY seq",
            n=self.last,
        )
        self.last = self.house.value("SELECT coalesce(max(seq), 0) FROM audit_entry")
        return found

    def words(self) -> list[str]:
        """The acts of the new entries."""
        return [f"{row.act} {row.outcome}" for row in self.new()]


# --- each change one entry ------------------------------------------------------------------------------------------------


def test_the_main_job_leaves_one_entry_for_each_change(world: World, tally: Tally) -> None:
    """From enrolling to withdrawing, consequences included, nothing twice and nothing missing."""
    house, log = world.house, Log(world.house)
    answers = {}

    def note(*wanted: str) -> None:
        found = log.words()
        tally.check(found == list(wanted), f"{found} should be {list(wanted)}")

    with house.acting(world.people["owner"]) as actor:
        patient = patients.enrol(actor, at_home(world), identity=identity(40), sex=Sex.MALE)
        note("patient.enrol done")
        patients.correct(actor, patient, identity=identity(41), sex=Sex.FEMALE)
        note("patient.correct done")
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        note("consent.prepare done")
        consents.note_print(actor, form)
        consents.note_print(actor, form)
        note("consent.print done", "consent.print done")
        answers = {d.public_id: Answer.GIVEN for d in form.decisions}
        consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)
        note("consent.sign done")
        file_bytes(actor, form)
        note("consent.archive done", "patient.admit done")
        education, care = form.decisions[1], form.decisions[0]
        consents.withdraw(actor, education, withdrawn_on=today(), channel=Channel.PHONE, reason=None)
        note("decision.withdraw done")
        consents.withdraw(actor, care, withdrawn_on=today(), channel=Channel.PHONE, reason=None)
        note("decision.withdraw done", "consent.end done", "patient.restrict done")


def at_home(world: World) -> Hospital:
    return db.session.get(Hospital, world.hospitals["Thessaloniki"])


def test_an_entry_says_who_for_whom_on_what_and_which_fields_but_no_value(world: World) -> None:
    house = world.house
    patient_id, key = world.patients["enrolled"]
    log = Log(house)
    with house.acting(world.people["assistant"]) as actor:
        patients.correct(actor, db.session.get(Patient, patient_id), identity=identity(42), sex=Sex.MALE)
    (entry,) = house.rows("SELECT * FROM audit_entry WHERE seq > :n", n=log.last)
    assert (entry.actor_id, entry.on_behalf_of_id) == (world.people["assistant"], world.people["owner"])
    assert (entry.thing, entry.thing_id, entry.patient_id) == ("Patient", key, patient_id)
    assert entry.hospital_id == world.hospitals["Thessaloniki"]
    assert {"sex", "birth_year"} <= set(entry.details.split(","))
    assert found_in(str(tuple(entry)), marks(identity(42))) == []


def test_every_done_entry_of_the_world_is_an_act(world: World, tally: Tally) -> None:
    for (word,) in world.house.rows("SELECT DISTINCT act FROM audit_entry WHERE outcome = 'done'"):
        tally.check(word in ACTS or word == "job.ask", f"{word} is no act")


def test_every_posted_form_leaves_one_entry_and_its_consequences(world: World, tally: Tally) -> None:
    """Whatever a page's form does, the log has exactly one entry of the page's own act."""
    desk, log = Desk(world), Log(world.house)
    for route in routes(world.house.app):
        if route.verb != "POST" or route.act in {"home.open", "login.end", "login.lock", "policy.withdraw"}:
            continue
        if route.rule.endswith("/question"):  # what a passkey is asked stays in one's own login: nothing is done yet
            continue
        for who in ("owner", "assistant", "representative", "coordinator", "admin"):
            record = desk.first(who, route)
            if (record is None) == bool(route.arguments) or desk.verdict(who, route, record) != "open":
                continue
            with world.house.everything() as session:
                before = digest(session)
            answer = desk.ask(who, route, *(record.keys if record else ()))
            with world.house.everything() as session:
                changed = digest(session) != before
            entries = log.new()
            own = [row for row in entries if row.outcome == "done"]
            tally.check(
                own or not changed, f"{who}: {route} ({answer.status_code}) changed={changed}, {len(own)} entries"
            )
            theirs = [row for row in own if row.act != "job.ask"]  # the work an act leaves behind is the platform's
            asked = Counter(row.details for row in own if row.act == "job.ask")
            once = Counter(row.act for row in theirs) | asked
            tally.check(max(once.values(), default=1) == 1, f"{who}: {route} twice: {own}")
            tally.check(all(row.actor_id == world.people[who] for row in theirs), f"{who}: {route} for another: {own}")
            if changed:
                world.house.reset("world")
                log = Log(world.house)


# --- each opening one entry -----------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_each_page_that_shows_who_a_patient_is_leaves_exactly_one_entry(
    world: World, tally: Tally, request: pytest.FixtureRequest
) -> None:
    desk, log, every = Desk(world), Log(world.house), request.config.getoption("long")
    told = {key: marks(world.identities[name]) for name, (key, _public) in world.patients.items()}
    named = [mark for known in told.values() for mark in known]
    with world.house.everything() as session:
        everything = [
            (r, records(session, r) if r.table else [None]) for r in routes(world.house.app) if r.verb == "GET"
        ]
    for route, known in everything:
        for record in few(known, every):
            if desk.verdict("owner", route, record) != "open":
                continue
            log.new()
            answer = desk.ask("owner", route, *(record.keys if record else ()))
            shows = answer.status_code == 200 and (
                answer.mimetype in {"application/pdf", "image/jpeg"} or found_in(answer.text, named)
            )
            entries = [row for row in log.new() if row.outcome == "read"]
            where = f"{route} {record and record.keys} ({answer.status_code})"
            if shows and answer.mimetype == "text/html":
                tally.check(len(entries) >= 1, f"{where} shows who it is and leaves no entry")
            opened = {
                row.patient_id or (row.thing, row.thing_id) for row in entries
            }  # a stack, or a run, is of several
            twice = len(entries) - len(opened)
            tally.check(twice == 0, f"{where} leaves {twice} entries too many")
            tally.check(all(row.actor_id == world.people["owner"] for row in entries), f"{where}: {entries}")


def test_opening_downloading_and_searching_are_noted_with_their_names(world: World) -> None:
    owner, log = world.client("owner"), Log(world.house)
    (document,) = world.house.rows(
        "SELECT d.public_id FROM archived_document d JOIN consent_form f ON f.id = d.form_id WHERE f.id = :id",
        id=world.forms["enrolled"][0],
    )
    owner.get(f"/patients/{world.patients['enrolled'][1]}")
    owner.get(f"/consents/{world.forms['enrolled'][1]}")
    owner.get(f"/consents/{world.forms['enrolled'][1]}/paper")
    owner.get(f"/consents/{world.forms['enrolled'][1]}/document/{document.public_id}")
    owner.post("/patients/find", data={"file_number": "nothing-like-it"})
    assert log.words() == [
        "patient.open read",
        "consent.open read",
        "consent.open read",
        "document.open read",
        "patient.find read",
    ]


def test_who_opened_the_record_is_a_page(world: World) -> None:
    address = f"/patients/{world.patients['enrolled'][1]}"
    world.client("assistant").get(address)
    page = world.client("owner").get(f"{address}/log").text
    assert "assistant Tester" in page


def test_nothing_is_noted_as_opened_that_was_not(world: World) -> None:
    log = Log(world.house)
    for who in ("neighbour", "guest", "admin", "assistant of a leaver"):
        assert world.client(who).get(f"/patients/{world.patients['enrolled'][1]}").status_code in {403, 404}
    assert [word for word in log.words() if word.endswith("read")] == []


# --- refusals -------------------------------------------------------------------------------------------------------------


def test_a_refused_act_leaves_one_refusal_and_no_change(world: World) -> None:
    """The hospital's representative sees that the form exists, and may do nothing with it."""
    house, log = world.house, Log(world.house)
    with house.everything() as session:
        before = digest(session)
    refused(world, "representative", 1)
    assert log.words() == ["consent.print refused"]
    with house.everything() as session:
        assert digest(session) == before


def refused(world: World, who: str, times: int) -> None:
    """Print a form one sees and may not print."""
    with world.house.acting(world.people[who]) as actor:
        for _ in range(times):
            form = db.session.get(ConsentForm, world.forms["printed"][0])
            with pytest.raises(NotAllowed):
                consents.note_print(actor, form)


def test_at_most_ten_refusals_a_minute_are_noted_for_one_person(world: World) -> None:
    log = Log(world.house)
    refused(world, "representative", 12)
    refused(world, "protection", 12)
    found = Counter(row.actor_id for row in log.new())
    assert found == {world.people["representative"]: 10, world.people["protection"]: 10}


# --- no log, no act -------------------------------------------------------------------------------------------------------


@contextmanager
def closed_log(house: Any) -> Iterator[None]:
    """Nothing can be written to the log: who owns the table sees to it."""
    as_owner(house, SHUT[house.dialect])
    yield
    as_owner(house, OPEN[house.dialect])


SHUT = {
    "sqlite": "CREATE TRIGGER closed BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'closed'); END",
    "postgresql": "REVOKE INSERT ON audit_entry FROM cpms_app",
}
OPEN = {"sqlite": "DROP TRIGGER closed", "postgresql": "GRANT INSERT ON audit_entry TO cpms_app"}


def as_owner(house: Any, statement: str) -> None:
    """Run a statement as who owns the tables."""
    if house.dialect == "sqlite":
        with closing(sqlite3.connect(house.var / "cpms.sqlite")) as connection:
            connection.execute(statement)
            connection.commit()
        return
    engine = create_engine(house.app.config["SETTINGS"]["DATABASE_OWNER_URL"], isolation_level="AUTOCOMMIT")
    with engine.connect() as owner:
        owner.exec_driver_sql(statement)
    engine.dispose()


def test_what_cannot_be_noted_does_not_happen_and_is_not_shown(world: World) -> None:
    owner, house = world.client("owner"), world.house
    key = world.patients["draft"][1]
    with house.everything() as session:
        before = digest(session)
    seen = house.value("SELECT version FROM patient WHERE public_id = :key", key=key)
    with closed_log(house):
        shown = owner.get(f"/patients/{key}")
        deleted = owner.post(f"/patients/{key}/delete", data={"seen": seen})
    assert (shown.status_code, deleted.status_code) in {(500, 500), (500, 409)}
    assert found_in(shown.text, marks(world.identities["draft"])) == []
    with house.everything() as session:
        assert digest(session) == before
    assert owner.get(f"/patients/{key}").status_code == 200
