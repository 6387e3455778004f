"""T-FULL: the disk ends while a scan is archived: 507 with a sentence, nothing half-written, and it works again at once.

The server runs in a process whose files may not grow beyond a limit (RLIMIT_FSIZE): the write fails as on a full disk.
"""

from __future__ import annotations

import datetime as dt

import pytest

from app.models import Login, now
from tests.conftest import Tally
from tests.trust.servers import scan, serving
from tests.trust.test_crash import signed_forms
from tests.world import World

pytestmark = pytest.mark.t_full
LIMIT = 12 << 20
SENTENCE = "disk of the platform is full"


def files(world: World) -> set[str]:
    """What is in the store, half-written files too."""
    return {file.name for file in (world.house.var / "files").iterdir()}


def state(world: World, key: str) -> tuple[str, int]:
    """The form's state, and how many documents it has."""
    (row,) = world.house.rows(
        "SELECT f.state, (SELECT count(*) FROM archived_document d WHERE d.form_id = f.id)"
        " FROM consent_form f WHERE f.public_id = :key",
        key=key,
    )
    return row[0], row[1]


# A file of just the limit is received whole; encrypted it is a little longer, and does not fit. A longer one does not
# even fit while it is received.
@pytest.mark.parametrize("size", [LIMIT, LIMIT + (4 << 20)], ids=["while it is stored", "while it is received"])
def test_a_full_disk_is_told_and_leaves_nothing(world: World, size: int, tally: Tally) -> None:
    (key,) = signed_forms(world, 1)
    before = files(world)
    with serving(world.house, largest_file=LIMIT) as server:
        answer = server.archive(key, scan(size))
        tally.check(answer.status == 507, f"answers {answer.status}: {answer.said}")
        tally.check(SENTENCE in answer.text, "says nothing of the disk")
        tally.check(state(world, key) == ("signed", 0), f"the form is {state(world, key)}")
        tally.check(files(world) == before, f"left behind: {files(world) - before}")
        again = server.archive(key, scan(100_000))
        tally.check(again.status == 302, f"afterwards it answers {again.status}: {again.said}")
    tally.check(state(world, key) == ("archived", 1), f"afterwards the form is {state(world, key)}")
    tally.check(len(files(world) - before) == 1, "not exactly one file more")


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_database_that_cannot_grow_is_told_too(world: World, dialect: str, tally: Tally) -> None:
    """SQLite's own files are on the disk that is full: a change is refused with 507, reading what is noted too."""
    (key,) = signed_forms(world, 1)
    with world.house.everything() as session:  # who was last seen a while ago is noted as seen: that fails too
        session.connection(execution_options={"writes": True})
        session.execute(Login.__table__.update().values(seen_at=now() - dt.timedelta(minutes=5)))
        session.commit()
    with serving(world.house, largest_file=64 << 10) as server:
        for verb, address in [("POST", f"/consents/{key}/attest"), ("GET", f"/consents/{key}")]:
            sent = {"place": "Room 12", "seen": server.version(key)} if verb == "POST" else {}
            answer = server.send(verb, address, **sent)
            tally.check(answer.status in {503, 507}, f"{verb} answers {answer.status}: {answer.said}")
            tally.check("<main" in answer.text, f"{verb} is answered without a page")
        tally.check(server.send("GET", "/").status == 200, "Home, which notes nothing, does not open")
        tally.check(server.send("GET", "/healthz").status == 200, "the server is gone")
    tally.check(state(world, key) == ("signed", 0), f"the form is {state(world, key)}")
    with serving(world.house) as server:
        answer = server.send("POST", f"/consents/{key}/attest", place="Room 12", seen=server.version(key))
        tally.check(answer.status == 302, f"afterwards it answers {answer.status}")
