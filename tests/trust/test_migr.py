"""T-MIGR: every migration goes up and down with data, on both databases; what the migrations make is what the models say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_appbuilder import Model
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DBAPIError

import config
from app import audit_chain
from app.models import Centre, Hospital, Patient, db, today
from app.services import patients
from app.words import MandateKind
from tests.conftest import Tally
from tests.factories import DAY
from tests.houses import House, migrate
from tests.trust.routes import stored
from tests.world import World, build

pytestmark = pytest.mark.t_migr
FOLDER = str(config.ROOT / "migrations")
OWN_PAPER = "0009"
"""Before this revision every form was printed here; papers from elsewhere are not taken back beyond it."""
DISPATCHERS = "0041"
"""Before this revision nobody could be one."""


@pytest.fixture
def ours(houses: Callable[[str], Any], dialect: str) -> World:
    """The world without papers from elsewhere: its migrations go all the way down."""
    house = houses(dialect)
    made: World = house.snapshot("world of our own paper", partial(build, elsewhere=False))
    made.house = house
    return made


def revisions() -> list[str]:
    """Every revision, the first one first."""
    settings = Config()
    settings.set_main_option("script_location", FOLDER)
    walked = ScriptDirectory.from_config(settings).walk_revisions()
    return [script.revision for script in walked][::-1]


def down(house: House, revision: str) -> None:
    """Take the migrations above a revision back."""
    with house.app.app_context():
        flask_migrate.downgrade(directory=FOLDER, revision=revision)


def tables(house: House) -> set[str]:
    """The tables there are."""
    engine = create_engine(house.app.config["SETTINGS"]["DATABASE_OWNER_URL"])
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def columns(house: House) -> dict[str, set[str]]:
    """The columns of each table there is."""
    engine = create_engine(house.app.config["SETTINGS"]["DATABASE_OWNER_URL"])
    there = inspect(engine)
    found = {name: {column["name"] for column in there.get_columns(name)} for name in there.get_table_names()}
    engine.dispose()
    return found


def only(rows: dict[str, dict[Any, tuple[Any, ...]]], old: dict[str, set[str]]) -> dict[str, dict[Any, list[Any]]]:
    """Of what is stored, the tables and columns of a revision."""
    names = {table.name: [column.name for column in table.columns] for table in Model.metadata.sorted_tables}
    return {
        table: {
            key: [value for name, value in zip(names[table], row, strict=True) if name in old[table]]
            for key, row in found.items()
        }
        for table, found in rows.items()
        if table in old
    }


def undispatched(rows: dict[str, dict[Any, tuple[Any, ...]]]) -> dict[str, dict[Any, tuple[Any, ...]]]:
    """What is stored without the dispatchers' mandates: below their revision they are gone."""
    kept = {key: row for key, row in rows["mandate"].items() if MandateKind.DISPATCHER not in row}
    assert len(kept) < len(rows["mandate"])
    return rows | {"mandate": kept}


def test_the_migrations_are_one_line() -> None:
    settings = Config()
    settings.set_main_option("script_location", FOLDER)
    script = ScriptDirectory.from_config(settings)
    assert (len(script.get_heads()), len(script.get_bases())) == (1, 1)


def test_what_the_migrations_make_is_what_the_models_say(house: House) -> None:
    engine = create_engine(house.app.config["SETTINGS"]["DATABASE_OWNER_URL"])
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        differences = compare_metadata(context, Model.metadata)
    engine.dispose()
    assert differences == []


def test_the_checks_of_the_database_are_those_of_the_models(house: House, tally: Tally) -> None:
    engine = create_engine(house.app.config["SETTINGS"]["DATABASE_OWNER_URL"])
    there = inspect(engine)
    for table in Model.metadata.sorted_tables:
        found = {one["name"] for one in there.get_check_constraints(table.name)}
        wanted = {str(one.name) for one in table.constraints if one.__visit_name__ == "check_constraint"}
        tally.check(found >= wanted, f"{table.name}: {sorted(wanted - found)} are not in the database")
    engine.dispose()


def test_up_down_and_up_again_from_nothing(house: House, tally: Tally) -> None:
    full = tables(house)
    down(house, "base")
    left = tables(house)
    tally.check(left <= {"alembic_version"}, f"left behind: {sorted(left)}")
    migrate(house.app)
    tally.check(tables(house) == full, "not all tables came back")
    tally.check(house.visitor().get("/login/").status_code == 200, "the login page does not answer")


def test_each_step_down_and_up_keeps_the_data(ours: World, tally: Tally) -> None:
    house, known = ours.house, revisions()
    with house.everything() as session:
        before = stored(session)
        verdict = audit_chain.verify(session)
    assert verdict.first_bad is None
    for revision in known[:-1][::-1]:
        down(house, revision)
        old = columns(house)  # what a younger revision holds is gone with it
        migrate(house.app)
        with house.everything() as session:
            known_there = before if revision >= DISPATCHERS else undispatched(before)
            kept, wanted = only(stored(session), old), only(known_there, old)
            tally.check(kept == wanted, f"down to {revision} and up again changes what is stored")
            after = audit_chain.verify(session)
            tally.check(after.first_bad is None, f"down to {revision} and up again breaks the chain: {after.reason}")


def test_papers_from_elsewhere_are_kept_by_every_step_and_not_taken_back_beyond_them(
    world: World, tally: Tally
) -> None:
    house, known = world.house, revisions()
    with house.everything() as session:
        before = undispatched(stored(session))
    down(house, OWN_PAPER)
    old = columns(house)
    with pytest.raises(SystemExit):
        down(house, known[known.index(OWN_PAPER) - 1])
    migrate(house.app)
    with house.everything() as session:
        tally.check(only(stored(session), old) == only(before, old), "what is stored has changed")


@pytest.mark.parametrize("what", ["centre", "hospital"])
def test_what_winds_down_is_noted_in_the_memberships_below_and_taken_from_them_above(ours: World, what: str) -> None:
    house = ours.house
    with house.system():
        place = db.session.query({"centre": Centre, "hospital": Hospital}[what]).order_by("id").first()
        place.to_on, place.end_reason, place.leaving_on = today() + 9 * DAY, "Leaves", today()
        db.session.commit()
    winding = f"SELECT count(*) FROM {what} WHERE leaving_on IS NOT NULL"
    below = "SELECT count(*) FROM membership WHERE leaving_on IS NOT NULL"
    known = house.value(below)
    down(house, "0035")
    assert house.value(below) > known
    migrate(house.app)
    assert (house.value(below), house.value(winding)) == (known, 1)


def test_a_house_with_data_goes_all_the_way_down_and_comes_back_empty(ours: World, tally: Tally) -> None:
    house = ours.house
    down(house, "base")
    left = tables(house)
    tally.check(left <= {"alembic_version"}, f"left behind: {sorted(left)}")
    migrate(house.app)
    tally.check(house.value("SELECT count(*) FROM patient") == 0, "patients are left")


def test_after_a_step_down_and_up_the_guards_stand(ours: World, tally: Tally) -> None:
    house = ours.house
    down(house, revisions()[0])
    migrate(house.app)
    with house.acting(ours.people["owner"]) as actor:
        patients.delete(actor, db.session.get(Patient, ours.patients["draft"][0]))
    with house.everything() as session:
        tally.check(audit_chain.verify(session).first_bad is None, "the chain is broken")
    for statement in ("UPDATE audit_entry SET act = 'x'", "DELETE FROM archived_document", "DELETE FROM consent_text"):
        tally.check(refused(house, statement), f"{statement} is not refused")


def refused(house: House, statement: str) -> bool:
    """Whether the database refuses a statement."""
    with house.app.app_context(), db.engine.connect() as connection:
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError:  # by a guard, or by a grant that is not there
            return True
    return False
