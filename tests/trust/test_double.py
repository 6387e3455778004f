"""T-DOUBLE: a form sent twice makes one record, one after the other and at the same moment, on both databases."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest

from app import actors, sight
from app.models import ConsentForm, Patient, db
from app.pages.base import once_key
from app.premises import premises
from tests.conftest import Tally
from tests.moments import at_once
from tests.trust.routes import stored
from tests.world import World

pytestmark = pytest.mark.t_double
MANY = 6
ENROLMENT = {
    "family_name": "Doubleton",
    "given_names": "Dora",
    "birth_date": "1980-02-03",
    "sex": "female",
    "file_number": "D-1",
}


def posted(clients: list[Any], address: str, data: dict[str, Any]) -> list[Any]:
    """The same form from several browsers at one moment; the answers."""
    return at_once(lambda client: client.post(address, data=data), clients)


def counted(world: World) -> Counter[str]:
    """How many rows each table has."""
    with world.house.everything() as session:
        return Counter({table: len(rows) for table, rows in stored(session).items()})


def more(world: World, before: Counter[str]) -> dict[str, int]:
    """Which tables grew, by how much."""
    return dict(counted(world) - before)


def version(world: World, name: str) -> str:
    """What the forms on the page of a consent form carry."""
    return str(world.house.value("SELECT version FROM consent_form WHERE id = :id", id=world.forms[name][0]))


def places(answers: list[Any]) -> set[tuple[int, str]]:
    """Where the answers lead."""
    return {(answer.status_code, answer.location or "") for answer in answers}


def test_a_patient_enrolled_twice_in_a_row_is_one(world: World) -> None:
    owner, before, once = world.client("owner"), counted(world), once_key()
    answers = [owner.post("/patients/enrol", data=ENROLMENT | {"once": once}) for _ in range(3)]
    assert len(places(answers)) == 1
    assert answers[0].status_code == 302
    assert more(world, before) == {"patient": 1, "patient_identity": 1, "once_key": 1}


def test_a_patient_enrolled_by_a_double_click_is_one(world: World, tally: Tally) -> None:
    for number in range(4):
        clients = [world.client("owner") for _ in range(MANY)]
        before, sent = counted(world), ENROLMENT | {"once": once_key(), "file_number": f"D-{number}"}
        answers = posted(clients, "/patients/enrol", sent | {"family_name": f"Doubleton{number}"})
        grown = more(world, before)
        tally.check(len(places(answers)) == 1, f"round {number}: {places(answers)}")
        tally.check(answers[0].status_code == 302, f"round {number}: {answers[0].status_code}")
        tally.check(grown == {"patient": 1, "patient_identity": 1, "once_key": 1}, f"round {number}: {grown}")


def test_two_people_with_their_own_forms_make_two(world: World) -> None:
    owner, before = world.client("owner"), counted(world)
    for number in range(2):
        sent = ENROLMENT | {"once": once_key(), "file_number": f"E-{number}", "family_name": f"Other{number}"}
        assert owner.post("/patients/enrol", data=sent).status_code == 302
    assert more(world, before)["patient"] == 2


def test_a_key_of_somebody_else_does_not_show_what_it_made(world: World) -> None:
    once, before = once_key(), counted(world)
    made = world.client("owner").post("/patients/enrol", data=ENROLMENT | {"once": once})
    other = world.client("neighbour").post("/patients/enrol", data=ENROLMENT | {"once": once})
    assert made.location != (other.location or "")
    assert more(world, before)["patient"] <= 2


def test_a_form_prepared_by_a_double_click_is_one(world: World, tally: Tally) -> None:
    address = f"/patients/{world.patients['draft'][1]}/prepare"
    clients, before = [world.client("owner") for _ in range(MANY)], counted(world)
    answers = posted(clients, address, {"language": "en", "variant": "adult", "once": once_key()})
    grown = more(world, before)
    tally.check(len(places(answers)) == 1, str(places(answers)))
    tally.check(grown.get("consent_form") == 1, str(grown))


def test_a_signature_recorded_at_one_moment_by_two_is_recorded(world: World, tally: Tally) -> None:
    key = world.forms["printed"][1]
    with world.house.acting(world.people["owner"]):
        form = db.session.get(ConsentForm, world.forms["printed"][0])
        sent = {f"answer_{d.public_id}": "given" for d in form.decisions} | {"signed_on": str(form.printed_at.date())}
        sent["seen"] = str(form.version)
    clients = [world.client("owner"), world.client("assistant"), world.client("owner"), world.client("assistant")]
    answers = posted(clients, f"/consents/{key}/sign", sent)
    statuses = Counter(answer.status_code for answer in answers)
    tally.check(statuses[302] >= 1 and set(statuses) <= {302, 409, 422}, str(statuses))
    found = world.house.value("SELECT state FROM consent_form WHERE public_id = :key", key=key)
    tally.check(found == "signed", found)


def test_a_form_attested_by_two_at_one_moment_is_archived_once(world: World, tally: Tally) -> None:
    key = world.forms["signed"][1]
    clients = [world.client("owner"), world.client("assistant")] * 3
    answers = posted(clients, f"/consents/{key}/attest", {"place": "Room 12", "seen": version(world, "signed")})
    statuses = Counter(answer.status_code for answer in answers)
    tally.check(statuses[302] == 1 and set(statuses) <= {302, 409}, str(statuses))
    entries = world.house.value(
        "SELECT count(*) FROM audit_entry WHERE act = 'consent.attest' AND outcome = 'done' AND thing_id = :key",
        key=key,
    )
    tally.check(entries == 1, f"{entries} entries")


def test_a_scan_sent_by_a_double_click_is_stored_once(world: World, tally: Tally) -> None:
    """Whoever loses is told so, and leaves no file behind."""
    house, key = world.house, world.forms["signed"][1]
    with house.app.app_context():
        files = set(premises().store.keys())
    scan, seen = picture(), version(world, "signed")

    def send(client: Any) -> int:
        sent = {"files": (memory(scan), "scan.png"), "seen": seen}
        return int(client.post(f"/consents/{key}/archive", data=sent).status_code)

    statuses = Counter(at_once(send, [world.client("owner") for _ in range(4)]))
    with house.app.app_context():
        new = set(premises().store.keys()) - files
    rows = house.value("SELECT count(*) FROM archived_document WHERE form_id = :id", id=world.forms["signed"][0])
    tally.check(statuses[302] == 1 and set(statuses) <= {302, 409, 422}, str(statuses))
    tally.check(len(new) == rows, f"{len(new)} files for {rows} rows")


def test_a_request_accepted_by_several_at_one_moment_makes_one_member(world: World, tally: Tally) -> None:
    key, _public = world.requests["at the network"]
    address = f"/requests/{world.requests['at the network'][1]}/accept"
    seen = str(world.house.value("SELECT version FROM membership_request WHERE id = :key", key=key))
    before = counted(world)
    answers = posted([world.client("coordinator") for _ in range(MANY)], address, {"seen": seen})
    statuses, grown = Counter(answer.status_code for answer in answers), more(world, before)
    tally.check(statuses[302] == 1 and set(statuses) <= {302, 409}, str(statuses))
    tally.check(grown == {"membership": 1, "mail": 1}, str(grown))


def test_people_of_one_role_who_come_at_one_moment_after_a_start_are_all_served(world: World, tally: Tally) -> None:
    """What is made once for a role is made by whoever comes first, while the others wait or make their own."""
    address = f"/consents/{world.forms['printed'][1]}"
    for _ in range(5):
        clients = [world.client(who) for who in ("owner", "assistant") * 4]
        for kept in (*vars(sight).values(), *vars(actors).values()):
            getattr(kept, "cache_clear", lambda: None)()
        actors._KNOWN.clear()
        statuses = Counter(at_once(lambda client: client.get(address).status_code, clients))
        tally.check(statuses == {200: 8}, str(statuses))


def test_a_table_has_one_alias_of_a_name_whoever_asks_first(tally: Tally) -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(100):
            found = at_once(lambda table: actors.known_as(f"asked first {number}", table), [Patient] * MANY)  # noqa: B023
            tally.check(len({id(one) for one in found}) == 1, "two aliases of one name")
    finally:
        sys.setswitchinterval(usual)


def picture() -> bytes:
    """A photograph of a page, as small as one can be."""
    from io import BytesIO

    from PIL import Image

    kept = BytesIO()
    Image.new("L", (600, 800), 200).save(kept, "PNG")
    return kept.getvalue()


def memory(content: bytes) -> Any:
    """A file to send."""
    from io import BytesIO

    return BytesIO(content)
