"""T-MINIMISE: who does not treat a patient finds no byte of who the patient is, on any page, in any file, header or log.

Every identity of the world is unlike anything else in the house (``world.identity``), so a plain search for its parts, in
the forms they could take, finds every leak; that the search works is shown on what the owner sees.
"""

from __future__ import annotations

import base64
import datetime as dt
import html
import io
import logging
import re
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

import pypdfium2
import pytest
from sqlalchemy import select

from app.models import TABLES
from app.services.identities import Identity
from tests.conftest import Tally
from tests.trust.routes import OUT, Desk, few, records, routes
from tests.world import World

pytestmark = [pytest.mark.t_minimise, pytest.mark.one_database]

TREATING = {"owner", "assistant", "assistant of chosen"}
"""Who may know the owner's patients, all or one."""

CHECKING = {
    "protection": {
        "to check",
        "assistant's to check",
        "colleague's to check",
        "leaver's to check",
        "sent back",
        "checked by protection",
    },
    "other protection": {"neighbour's to check"},
}
"""Whose papers from elsewhere a data-protection contact checks, or has checked today: these alone, and by name (0004)."""

SHARES = 4
"""Strangers are tried in so many tests, which run side by side."""

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
MONTHS += ("November", "December")


def birth_dates(born: dt.date) -> list[str]:
    """A birth date as people and programs write it."""
    return [
        born.isoformat(),
        f"{born:%d/%m/%Y}",
        f"{born:%d.%m.%Y}",
        f"{born.day} {MONTHS[born.month - 1]} {born.year}",
        f"{MONTHS[born.month - 1]} {born.day}, {born.year}",
        f"{born:%Y%m%d}",
    ]


def marks(identity: Identity) -> list[str]:
    """What must not be found of a person."""
    words = [identity.family_name, *identity.given_names.split(), identity.file_number, identity.birth_place or ""]
    return [word for word in words if word] + birth_dates(identity.birth_date)


def found_in(text: str, wanted: Iterable[str]) -> list[str]:
    """Those of the marks that a text holds, plain, escaped, quoted or encoded."""
    readable = "\n".join((text, html.unescape(text), unquote_plus(text))).casefold()
    plain, hidden, whose = forms(tuple(wanted))
    if not plain.search(readable) and not hidden.search(text):
        return []
    return sorted(mark for mark, (word, others) in whose.items() if word in readable or any(o in text for o in others))


@cache
def forms(wanted: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str], dict[str, tuple[str, set[str]]]]:
    """Patterns of the marks as anybody reads them and as they may be hidden, and both of each mark."""
    whose = {}
    for mark in wanted:
        hidden = {quote(mark), quote_plus(mark), base64.b64encode(mark.encode()).decode().rstrip("=")}
        whose[mark] = mark.casefold(), hidden - {mark}
    return any_of(word for word, _others in whose.values()), any_of(o for _w, os in whose.values() for o in os), whose


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """What finds whether a text holds one of the words."""
    return re.compile("|".join(map(re.escape, sorted(words))))


def text_of(answer: Any) -> str:
    """Everything an answer says: its headers, its body, the text of a PDF."""
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    if answer.mimetype == "application/pdf":
        return f"{headers}\n{pdf_text(answer.data)}\n{answer.data.decode('latin-1')}"
    return f"{headers}\n{answer.data.decode('utf-8', 'replace')}"


def pdf_text(content: bytes) -> str:
    """The text of a PDF."""
    try:
        document = pypdfium2.PdfDocument(io.BytesIO(content))
    except pypdfium2.PdfiumError:
        return ""
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return "\n".join(pages)


def every_mark(world: World, known: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """What must not be found of anybody but those who are ``known``."""
    told = {mark for name, identity in world.identities.items() if name not in known for mark in marks(identity)}
    return sorted(told | {"Signatoria", "Quexingtonmother", "4431-77"})


def test_the_search_finds_what_the_owner_sees(world: World) -> None:
    owner = world.client("owner")
    identity = world.identities["enrolled"]
    record = text_of(owner.get(f"/patients/{world.patients['enrolled'][1]}"))
    paper = text_of(owner.get(f"/consents/{world.forms['printed'][1]}/paper"))
    assert identity.family_name in found_in(record, marks(identity))
    assert identity.file_number in found_in(record, marks(identity))
    assert world.identities["printed"].family_name in found_in(paper, marks(world.identities["printed"]))


@pytest.mark.parametrize("share", range(SHARES))
def test_who_does_not_treat_a_patient_finds_nobody(
    world: World, share: int, tally: Tally, request: pytest.FixtureRequest
) -> None:
    """Every page they may open; of those they may not, one each: that all are alike is T-MATRIX."""
    desk, every = Desk(world), request.config.getoption("long")
    with world.house.everything() as session:
        everything = [(route, records(session, route) if route.table else [None]) for route in routes(world.house.app)]
    strangers = [who for who in desk.clients if who not in TREATING and not clinician(world, who)][share::SHARES]
    wanted = {who: every_mark(world, CHECKING.get(who, set())) for who in strangers}
    for route, known in everything:
        for who in strangers:
            opened = [one for one in known if who not in OUT and desk.verdict(who, route, one) == "open"]
            if route.verb == "POST":
                opened = []
            closed = [one for one in known if one not in opened]
            for record in [*opened, *(closed if every else closed[:1])]:
                if route.verb == "POST" and who not in OUT and desk.verdict(who, route, record) == "open":
                    continue
                answer = desk.ask(who, route, *(record.keys if record else ()))
                hits = found_in(text_of(answer), wanted[who])
                tally.check(not hits, f"{who}: {route} {record and record.keys}: {hits}")


def clinician(world: World, who: str) -> bool:
    """Whether somebody has patients of their own: they are looked at below."""
    return who in {"colleague", "neighbour", "ukrainian"}


@pytest.mark.parametrize("who", ["colleague", "neighbour", "ukrainian"])
def test_a_clinician_finds_nobody_elses_patients(world: World, who: str, tally: Tally) -> None:
    desk = Desk(world)
    own = {name for name, (key, _public) in world.patients.items() if key in desk.may(who, "patient.see")}
    wanted = sorted({m for name, one in world.identities.items() if name not in own for m in marks(one)})
    assert own
    with world.house.everything() as session:
        everything = [(route, records(session, route) if route.table else [None]) for route in routes(world.house.app)]
    for route, known in everything:
        if route.verb == "POST":
            continue
        for record in known:
            answer = desk.ask(who, route, *(record.keys if record else ()))
            hits = found_in(text_of(answer), wanted)
            tally.check(not hits, f"{who}: {route} {record and record.keys}: {hits}")


def test_an_assistant_of_chosen_records_finds_the_chosen_alone(world: World, tally: Tally) -> None:
    desk = Desk(world)
    wanted = sorted({m for name, one in world.identities.items() if name != "enrolled" for m in marks(one)})
    with world.house.everything() as session:
        everything = [(route, records(session, route) if route.table else [None]) for route in routes(world.house.app)]
    for route, known in everything:
        for record in known if route.verb == "GET" else []:
            answer = desk.ask("assistant of chosen", route, *(record.keys if record else ()))
            hits = found_in(text_of(answer), wanted)
            tally.check(not hits, f"{route} {record and record.keys}: {hits}")


LINK = re.compile(r"""(?:href|src|action|hx-get|hx-post|value)=["']([^"']*)["']""")


def test_addresses_headers_and_file_names_name_nobody_not_even_to_the_owner(
    world: World, tally: Tally, request: pytest.FixtureRequest
) -> None:
    desk, wanted, every = Desk(world), every_mark(world), request.config.getoption("long")
    with world.house.everything() as session:
        everything = [(route, records(session, route) if route.table else [None]) for route in routes(world.house.app)]
    for route, known in everything:
        for record in few(known, every) if route.verb == "GET" else []:
            answer = desk.ask("owner", route, *(record.keys if record else ()))
            headers = "\n".join(f"{name}: {value}" for name, value in answer.headers)
            links = "\n".join(link for link in LINK.findall(body(answer)) if "/" in link)
            hits = found_in(f"{headers}\n{links}", wanted)
            tally.check(not hits, f"{route} {record and record.keys}: {hits}")


def body(answer: Any) -> str:
    return answer.data.decode("utf-8", "replace") if answer.mimetype == "text/html" else ""


def test_nothing_at_rest_names_anybody(world: World, tally: Tally) -> None:
    wanted = every_mark(world)
    with world.house.everything() as session:
        for table in TABLES:
            for row in session.execute(select(table.__table__)).mappings():
                hits = found_in(readable(row), wanted)
                tally.check(not hits, f"{table.__tablename__}: {hits}")
    for file in (world.house.var / "files").iterdir():
        hits = found_in(file.name + file.read_bytes().decode("latin-1"), wanted)
        tally.check(not hits, f"{file.name}: {hits}")
    tally.check(any((world.house.var / "files").iterdir()), "there is no file to search")


def readable(row: Any) -> str:
    """All of a row; bytes as the characters they could be."""
    return "\n".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row.values())


def test_the_audit_log_the_jobs_and_the_sessions_hold_no_name(world: World, tally: Tally) -> None:
    owner, identity = world.client("owner"), world.identities["enrolled"]
    key = world.patients["enrolled"][1]
    typed = {
        "family_name": identity.family_name,
        "birth_date": identity.birth_date.isoformat(),
        "file_number": identity.file_number,
    }
    owner.post("/patients/find", data=typed)
    owner.get(f"/patients/{key}")
    owner.get(f"/patients/{key}/correct")
    owner.post(f"/patients/{key}/correct", data=typed | {"given_names": identity.given_names, "sex": "female"})
    for statement in (
        "SELECT * FROM audit_entry",
        "SELECT * FROM job",
        "SELECT * FROM login",
        "SELECT * FROM once_key",
    ):
        for row in world.house.rows(statement):
            hits = found_in("\n".join(str(value) for value in row), marks(identity))
            tally.check(not hits, f"{statement}: {hits}")


def test_a_search_by_identity_is_never_in_an_address(world: World) -> None:
    owner, identity = world.client("owner"), world.identities["enrolled"]
    key = world.patients["enrolled"][1]
    page = owner.get("/patients/find").text
    assert re.findall(r'<form class="fields" method="(\w+)"', page) == ["post"]
    asked = owner.get(f"/patients/find?family_name={identity.family_name}&file_number={identity.file_number}")
    listed = owner.get(f"/patients/?q={identity.file_number}")
    found = owner.post("/patients/find", data={"file_number": identity.file_number})
    assert [key in answer.text for answer in (asked, listed, found)] == [False, False, True]


def test_the_programs_own_log_names_nobody(
    world: World, caplog: pytest.LogCaptureFixture, tally: Tally, request: pytest.FixtureRequest
) -> None:
    caplog.set_level(logging.DEBUG)
    desk, every = Desk(world), request.config.getoption("long")
    with world.house.everything() as session:
        everything = [(route, records(session, route) if route.table else [None]) for route in routes(world.house.app)]
    for route, known in everything:
        for record in few(known, every) if route.verb == "GET" else []:
            desk.ask("owner", route, *(record.keys if record else ()))
    owner, identity = desk.clients["owner"], world.identities["enrolled"]
    wrong = {"family_name": identity.family_name, "birth_date": "not a date", "sex": "female"}
    owner.post("/patients/enrol", data=wrong)
    hits = found_in(caplog.text, every_mark(world))
    tally.check(not hits, f"the log holds {hits}")


def test_the_phone_learns_the_form_and_nothing_of_the_patient(world: World) -> None:
    answer = world.house.visitor().get(f"/phone/{world.phone_token}")
    with world.house.acting(world.people["owner"]):
        nickname = world.house.value("SELECT nickname FROM patient WHERE id = :id", id=world.patients["signed"][0])
    assert answer.status_code == 200
    assert found_in(text_of(answer), [*every_mark(world), nickname]) == []
