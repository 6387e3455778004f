"""T-CRASH: kill -9 in the middle of archiving. What was acknowledged is there, nothing half-written stays after ``fsck --repair``."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from app.models import ArchivedDocument, ConsentForm, Hospital, db
from app.services import archives, consents, patients
from app.words import FormState, PatientState, Sex, Variant
from tests.conftest import Tally
from tests.trust.servers import Reply, scan, serving
from tests.world import SIGNED, World, bring_form, identity

pytestmark = pytest.mark.t_crash
SIZE = 8 << 20
OLD = 7200


def signed_forms(world: World, count: int) -> list[str]:
    """Forms that wait for their scans."""
    keys = []
    with world.house.acting(world.people["owner"]) as actor:
        place = db.session.get(Hospital, world.hospitals["Thessaloniki"])
        for number in range(count):
            patient = patients.enrol(actor, place, identity=identity(60 + number), sex=Sex.MALE)
            form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
            bring_form(actor, form, SIGNED)
            keys.append(form.public_id)
    return keys


def killed(world: World, key: str, content: bytes, after: float) -> Reply:
    """Send a scan, and kill the server while it works; what it still answered."""
    replies: list[Reply] = []
    with serving(world.house) as server:
        server.send("GET", "/consents/")  # warm
        sender = threading.Thread(target=lambda: replies.append(server.archive(key, content)))
        sender.start()
        time.sleep(after)
        server.kill()
        sender.join()
    return replies[0]


def check_form(world: World, key: str, reply: Reply, content: bytes, tally: Tally) -> None:
    """Whole or not at all; acknowledged means whole."""
    with world.house.acting(world.people["owner"]):
        form = db.session.query(ConsentForm).filter_by(public_id=key).one()
        documents = db.session.query(ArchivedDocument).filter_by(form_id=form.id).all()
        whole = form.state is FormState.ARCHIVED and len(documents) == 1
        nothing = form.state is FormState.SIGNED and not documents
        tally.check(whole or nothing, f"{key}: {form.state} with {len(documents)} documents")
        tally.check(whole or reply.status == 0, f"{key}: acknowledged with {reply.status} and lost: {reply.said}")
        enrolled = form.patient.state is PatientState.ENROLLED
        tally.check(enrolled == whole, f"{key}: the patient is {form.patient.state}")
        for document in documents:
            kept = archives.read(document)
            same = hashlib.sha256(kept).digest() == hashlib.sha256(content).digest()
            tally.check(same, f"{key}: the archived file differs")


def fsck(world: World, *words: str) -> tuple[int, str]:
    """``flask fsck`` and what it printed."""
    result: Any = world.house.app.test_cli_runner().invoke(args=["fsck", "--deep", *words])
    return result.exit_code, result.output


def age_files(world: World) -> None:
    """As if the crash were long ago: fsck leaves young files alone, somebody may be writing them."""
    old = time.time() - OLD
    for file in (world.house.var / "files").iterdir():
        os.utime(file, (old, old))


@pytest.mark.parametrize("rounds", [4, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_server_keeps_what_it_acknowledged(world: World, rounds: int, tally: Tally) -> None:
    content = scan(SIZE)
    whole, *keys = signed_forms(world, rounds + 1)
    with serving(world.house) as server:
        server.send("GET", "/consents/")
        begun = time.perf_counter()
        first = server.archive(whole, content)
        takes = time.perf_counter() - begun
    tally.check(first.status == 302, f"a whole one: {first.status} {first.said}")
    check_form(world, whole, first, content, tally)
    for number, key in enumerate(keys):
        reply = killed(world, key, content, takes * (0.4 + 0.6 * number / max(rounds - 1, 1)))
        check_form(world, key, reply, content, tally)
    age_files(world)
    _code, found = fsck(world, "--repair")
    code, left = fsck(world)
    tally.check(code == 0, f"fsck --repair found\n{found}\nand leaves\n{left}")


def test_what_a_crash_left_behind_is_found_and_cleared_away(world: World, tally: Tally) -> None:
    files = world.house.var / "files"
    kept = {file.name for file in files.iterdir()}
    (files / ("." + "a" * 32 + ".part")).write_bytes(b"half")
    (files / ("b" * 32)).write_bytes(b"CPF1 of no row")
    age_files(world)
    code, found = fsck(world)
    tally.check(code == 1, "nothing was found")
    tally.check("a" * 32 in found and "b" * 32 in found, found)
    fsck(world, "--repair")
    tally.check({file.name for file in files.iterdir()} == kept, "the files are not those from before")
    tally.check(fsck(world)[0] == 0, fsck(world)[1])


def test_a_file_being_written_now_is_left_alone(world: World, tally: Tally) -> None:
    young = world.house.var / "files" / ("." + "c" * 32 + ".part")
    young.write_bytes(b"half")
    fsck(world, "--repair")
    tally.check(young.exists(), "fsck took a file away that somebody may be writing")


def test_a_commit_of_which_nobody_hears_leaves_the_file_its_row_names(world: World, tally: Tally) -> None:
    """The database keeps the act, and the connection breaks before it says so: the person is told to try again."""
    (key,) = signed_forms(world, 1)
    content = scan(100_000)
    lost = {"left": 1}

    def break_after_commit(connection: Connection) -> None:
        if connection.get_execution_options().get("writes") and lost["left"]:
            lost["left"] -= 1
            connection.connection.dbapi_connection.commit()
            raise OperationalError("COMMIT", {}, Exception("the connection is lost"))

    client = world.client("owner")
    client.get(f"/consents/{key}")
    with world.house.app.app_context():
        engine = db.engine
    event.listen(engine, "commit", break_after_commit)
    try:
        files = {"files": (io.BytesIO(content), "scan.pdf"), "seen": version_of(world, key)}
        answer = client.post(f"/consents/{key}/archive", data=files, content_type="multipart/form-data")
    finally:
        event.remove(engine, "commit", break_after_commit)

    tally.check((answer.status_code, lost["left"]) == (503, 0), f"answers {answer.status_code}")
    with world.house.acting(world.people["owner"]):
        form = db.session.query(ConsentForm).filter_by(public_id=key).one()
        tally.check(form.state is FormState.ARCHIVED, f"the form is {form.state}")
        tally.check(archives.read(form.documents[0]) == content, "the file is not there")


def version_of(world: World, key: str) -> str:
    return str(world.house.value("SELECT version FROM consent_form WHERE public_id = :key", key=key))
