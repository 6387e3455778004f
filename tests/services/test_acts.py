"""What an act leaves behind when the database does not let it begin: nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import text

from app.errors import Busy
from app.models import Network, db
from app.services import networks
from tests import factories as make


@pytest.mark.parametrize("dialect", ["sqlite"])  # PostgreSQL lets any number of transactions begin
def test_an_act_that_could_not_begin_does_not_swallow_the_next_one(house: Any, dialect: str) -> None:
    with house.system():
        key, admin = make.network().id, make.admin(make.person("admin")).id
    with house.acting(admin) as actor, closing(sqlite3.connect(house.var / "cpms.sqlite")) as other:
        network = db.session.get(Network, key)
        db.session.execute(text("PRAGMA busy_timeout = 50"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            networks.amend_network(actor, network, name="First", field="x", website=None)
        assert {"acting", "entries", "undo", "wake"} & set(db.session.info) == set()
        other.rollback()
        networks.amend_network(actor, network, name="Second", field="x", website=None)
        db.session.execute(text("PRAGMA busy_timeout = 10000"))
    assert house.value("SELECT name FROM network WHERE id = :key", key=key) == "Second"


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_is_erased_is_not_left_in_the_file(house: Any, dialect: str) -> None:
    with house.system():
        make.network("Erased-Network-4711")
    with house.everything() as session:
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    file = house.var / "cpms.sqlite"
    assert b"Erased-Network-4711" in file.read_bytes()
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(text("DELETE FROM network"))
        session.commit()
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        assert session.scalar(text("PRAGMA secure_delete")) == 1
    assert b"Erased-Network-4711" not in file.read_bytes()
