"""The other guards of ``tables/guards``: what is append-only stays, one procedure holds from patient to decision."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    Engine,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit_chain import Verdict
from app.models import (
    ArchivedDocument,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Country,
    Hospital,
    Moment,
    Patient,
    Person,
)
from app.tables.guards import APPEND_ONLY
from app.words import Answer, FormState, PatientState, Procedure, Purpose, Sex, Variant
from tests.trust.chain.chains import LOG, tamper, unguarded, verdict, written

pytestmark = [pytest.mark.t_chain, pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")]

NUMBERS = itertools.count(1)

MOMENT = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)


class World:
    """An EU and a Ukrainian hospital, each with a patient, a text, a form, a decision and a document."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.person = self.kept(Person())
        self.patients: dict[Procedure, Patient] = {}
        self.texts: dict[Procedure, ConsentText] = {}
        self.forms: dict[Procedure, ConsentForm] = {}
        for procedure in Procedure:
            self.patients[procedure] = self.patient(procedure)
            self.texts[procedure] = self.kept(
                ConsentText(procedure=procedure, language="en", variant=Variant.ADULT, sha256="0" * 64)
            )
            self.forms[procedure] = self.kept(self.form(procedure))
            self.kept(self.decision(procedure))
            self.kept(ArchivedDocument(form_id=self.forms[procedure].id, archived_by_id=self.person.id))
        session.commit()

    def kept(self, record: Any) -> Any:
        """Store a record; what it must have and does not matter here is filled in."""
        for column in type(record).__table__.columns:
            needed = not (column.nullable or column.primary_key or column.default or column.server_default)
            if needed and getattr(record, column.name) is None:
                setattr(record, column.name, FILLINGS[type(column.type)]())
        self.session.add(record)
        self.session.flush()
        return record

    def patient(self, procedure: Procedure) -> Patient:
        country = self.kept(Country(code=procedure, procedure=procedure, majority_age=18))
        hospital = self.kept(Hospital(country_id=country.id))
        patient: Patient = self.kept(
            Patient(
                hospital_id=hospital.id,
                clinician_id=self.person.id,
                enrolled_by_id=self.person.id,
                procedure=procedure,
                state=PatientState.DRAFT,
                sex=Sex.UNKNOWN,
                birth_year=2000,
                birth_month=2,
            )
        )
        return patient

    def form(
        self, procedure: Procedure, *, of: Procedure | None = None, text_of: Procedure | None = None
    ) -> ConsentForm:
        patient = self.patients[of or procedure]
        return ConsentForm(
            patient_id=patient.id,
            hospital_id=patient.hospital_id,
            text_id=self.texts[text_of or procedure].id,
            procedure=procedure,
            language="en",
            variant=Variant.ADULT,
            state=FormState.PREPARED,
        )

    def decision(
        self, procedure: Procedure, *, of: Procedure | None = None, purpose: Purpose = Purpose.CARE
    ) -> ConsentDecision:
        form = self.forms[of or procedure]
        return ConsentDecision(form_id=form.id, procedure=procedure, purpose=purpose, answer=Answer.NOT_ASKED)


FILLINGS: dict[type, Callable[[], Any]] = {
    String: lambda: f"x{next(NUMBERS)}",
    Text: str,
    Integer: lambda: next(NUMBERS),
    LargeBinary: lambda: b"x",
    Boolean: lambda: False,
    JSON: dict,
    Date: MOMENT.date,
    Moment: lambda: MOMENT,
}


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with Session(engine, info={"wide": "command"}) as session:
        session.info["wide"] = "command"
        yield World(session)


def says_no(world: World, record: Any) -> str:
    """What the database says to a new ``record``."""
    with pytest.raises(IntegrityError) as refusal:
        world.kept(record)
    world.session.rollback()
    return str(refusal.value.orig).splitlines()[0]


ELSEWHERE = "{}: the procedure is not that of the row it belongs to"

OTHER = {Procedure.EU: Procedure.UA, Procedure.UA: Procedure.EU}


@pytest.mark.parametrize("procedure", Procedure)
def test_a_form_follows_the_procedure_of_its_patient_and_of_its_text(world: World, procedure: Procedure) -> None:
    other = OTHER[procedure]

    assert says_no(world, world.form(procedure, of=other)) == ELSEWHERE.format("consent_form")
    assert says_no(world, world.form(procedure, text_of=other)) == ELSEWHERE.format("consent_form")
    world.kept(world.form(procedure))


def test_a_ukrainian_form_cannot_ask_a_secondary_purpose_as_an_eu_decision(world: World) -> None:
    smuggled = world.decision(Procedure.EU, of=Procedure.UA, purpose=Purpose.EDUCATION)

    assert says_no(world, smuggled) == ELSEWHERE.format("consent_decision")
    assert "ukrainian_asks_care_alone" in says_no(world, world.decision(Procedure.UA, purpose=Purpose.EDUCATION))
    world.kept(world.decision(Procedure.EU, purpose=Purpose.EDUCATION))


def test_a_row_cannot_move_to_another_procedure(world: World) -> None:
    connection = world.session.connection()
    eu, ua = Procedure.EU, Procedure.UA
    whole = f"procedure = 'ua', patient_id = {world.patients[ua].id}, text_id = {world.texts[ua].id}"
    moves = {
        f"UPDATE consent_form SET {whole} WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE patient SET procedure = 'ua' WHERE id = {world.patients[eu].id}": "patient",
        f"UPDATE consent_form SET procedure = 'ua' WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE consent_form SET patient_id = {world.patients[ua].id} WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE consent_form SET text_id = {world.texts[ua].id} WHERE id = {world.forms[eu].id}": "consent_form",
        f"UPDATE consent_decision SET form_id = {world.forms[ua].id} WHERE procedure = 'eu'": "consent_decision",
        "UPDATE consent_decision SET procedure = 'ua' WHERE procedure = 'eu'": "consent_decision",
    }

    for statement, table in moves.items():
        assert _no(connection, statement).startswith(f"{table}: "), statement
    connection.exec_driver_sql(f"UPDATE consent_form SET procedure = 'eu', version = 2 WHERE id = {world.forms[eu].id}")
    connection.exec_driver_sql(f"UPDATE consent_decision SET answer = 'given' WHERE form_id = {world.forms[ua].id}")
    connection.exec_driver_sql("UPDATE patient SET state = 'enrolled'")


def _no(connection: Connection, statement: str) -> str:
    with pytest.raises(IntegrityError) as refusal, connection.begin_nested():
        connection.exec_driver_sql(statement)
    return str(refusal.value.orig).splitlines()[0]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_append_only_is_neither_changed_nor_deleted(world: World, table: str) -> None:
    connection = world.session.connection()
    before = connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id").all()

    assert _no(connection, f"UPDATE {table} SET sha256 = 'f'").startswith(f"{table}: UPDATE is refused")
    assert _no(connection, f"DELETE FROM {table}").startswith(f"{table}: DELETE is refused")
    assert connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id").all() == before


@pytest.mark.parametrize("table", [ConsentText, ArchivedDocument])
def test_insert_or_replace_replaces_nothing_through_any_key(sqlite: Engine, table: type[Any]) -> None:
    stored: Table = table.__table__
    keys = [["id"], *([c.name] for c in stored.columns if c.unique)]
    keys += [list(c.columns.keys()) for c in stored.constraints if isinstance(c, UniqueConstraint)]
    with Session(sqlite) as session:
        session.info["wide"] = "command"
        World(session)
    with sqlite.connect() as connection:
        row = dict(connection.execute(stored.select().limit(1)).mappings().one())
        before = connection.execute(stored.select()).all()
    fresh = {name: value for name, value in row.items() if name not in {"id", "public_id", "storage_key"}}
    fresh |= {
        "public_id": "new",
        **({"storage_key": "new", "position": 9} if "position" in row else {"language": "xx"}),
    }

    for key in keys:
        forged = fresh | {name: row[name] for name in key}
        with sqlite.connect() as connection, pytest.raises(IntegrityError, match="this row exists"):
            connection.execute(stored.insert().prefix_with("OR REPLACE").values(forged))

    with sqlite.connect() as connection:
        assert connection.execute(stored.select()).all() == before
        connection.execute(stored.insert().prefix_with("OR REPLACE").values(fresh))


def test_the_guards_go_down_and_up_with_data(engine: Engine) -> None:
    written(engine, 3)

    tamper(engine)
    hashes = written(engine, 1)

    assert verdict(engine) == Verdict(4, hashes[-1], None, "")
    with unguarded(engine) as connection:
        connection.exec_driver_sql("INSERT INTO audit_entry (act, outcome, details, origin) VALUES ('a', 'b', '', '')")
        assert connection.execute(select(LOG.c.seq, LOG.c.hash).where(LOG.c.seq > 4)).all() == [(5, None)]
