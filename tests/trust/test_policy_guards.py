"""A published privacy policy is what people accepted: the database lets nobody change, replace or empty it; fsck reads it."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from app.services import housekeeping
from tests.world import World

COPY = "INSERT OR REPLACE INTO policy_version SELECT * FROM policy_version"
TEXTS = "UPDATE policy_version SET texts = '{}'"


def refused(world: World, statement: str, *, owner: bool) -> str:
    """What the database says to it, as the role that owns the tables or as the application's."""
    settings = world.house.app.config["SETTINGS"]
    engine = create_engine(settings["DATABASE_OWNER_URL" if owner else "DATABASE_URL"])
    with engine.connect() as connection, pytest.raises(DBAPIError) as refusal:
        connection.exec_driver_sql(statement)
    engine.dispose()
    return str(refusal.value.orig)


@pytest.mark.parametrize("owner", [True, False])
def test_nobody_changes_replaces_or_empties_a_published_policy(world: World, dialect: str, owner: bool) -> None:
    statements = [TEXTS, "DELETE FROM policy_version"]
    statements += [COPY] if dialect == "sqlite" else ["TRUNCATE policy_version CASCADE"]
    said = [refused(world, statement, owner=owner) for statement in statements]
    if dialect == "postgresql" and not owner:
        assert ["permission denied" in one for one in said] == [True] * 3
    elif dialect == "sqlite":
        assert said == ["policy_version is append-only"] * 2 + ["policy_version: this row exists"]
    else:
        assert ["policy_version is append-only" in one for one in said] == [True] * 3
    assert world.house.value("SELECT count(*) FROM policy_version") == 1


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_fsck_finds_a_policy_whose_texts_are_others(world: World) -> None:
    with world.house.everything() as session:
        connection = session.connection(execution_options={"writes": True})
        connection.exec_driver_sql("DROP TRIGGER policy_version_update_refused")
        connection.exec_driver_sql(TEXTS)
        session.commit()
    with world.house.app.app_context():
        found = [str(finding) for finding in housekeeping.fsck() if finding.word == "policy"]
    assert found == ["policy 1: its texts are not those that were published"]
