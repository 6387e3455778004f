"""Hostile words in every column somebody can fill, and what a page or a paper says of them.

``plant`` writes over every text column of every table, found by walking the models: a new column is planted without
being named here, unless ``NOT_TYPED`` says that nobody types it. What is sealed (names of patients and signers) is
written by the acts that seal it. Each planted word stands between two marks, so that it is found again wherever it is
shown, and it can be said whether it came back as it was typed.
"""

from __future__ import annotations

import io
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pikepdf
import tinyhtml5
from lxml import html
from sqlalchemy import Enum, String, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import TABLES, ConsentForm, Patient, db, today
from app.services import consents, identities, patients, signers, withdrawals
from app.words import Answer, LegalGround, Relation
from tests.papers import words_of
from tests.trust.routes import Desk, Route, few, records, routes
from tests.world import World

NOT_TYPED = {
    "*": {"public_id", "language", "consent_language", "country_code", "time_zone", "storage_key", "sha256"},
    "ab_user": {"username", "password", "email", "demo_role"},  # who signs in; the password is a hash; of our demo
    "name_word": "all",  # cut from names to find them by, never shown
    "country": {"code", "languages"},  # of a list; the pages refuse what is not a code
    "membership_request": {"languages"},  # the same
    "network": {"code"},  # of reference data, read from our own files
    "consent_text": "all",  # published from files of ours, and never changed; hospitals' own: test_own_text_attacks
    "consent_form": {"code"},  # drawn by lot
    "archived_document": {"kind", "media_type", "source"},  # append-only, words of ours
    "own_text": {"fault", "missing"},  # words of ours about a text; what it says itself: test_own_text_attacks
    "stack_page": {"code"},  # of a QR, taken only where it is one of ours
    "audit_entry": "all",  # append-only; names of acts and fields
    "job": {"kind", "slot"},  # words of ours
    "once_key": "all",  # keys of ours
    "login": {"address"},  # an address, parsed
}
"""Columns of text that nobody types into, and why. Everything else is planted."""

SHORTEST = 40
"""Columns shorter than this hold codes."""
OPENING, CLOSING = "Zq~", "qZ"
"""No token drawn by lot holds a ``~``."""
FOUND = re.compile(rf"{OPENING}\d\d.*?{CLOSING}", re.DOTALL)
READERS = ("owner", "protection", "representative", "coordinator", "admin")
"""Of the world's principals, those who together see everything that is shown."""
SHOWN_NOWHERE = {"consent_decision.withdrawal_reason", "hospital.end_reason"}
"""Columns no page shows so far."""
MORE_READERS = ("anonymous", "assistant", "colleague", "ukrainian", "two hats", "guest", "hub")


@dataclass
class Planted:
    """What was planted: the words by the column they stand in, and whether a column's word was seen again."""

    columns: dict[str, set[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @property
    def words(self) -> set[str]:
        """Every planted word."""
        return set().union(*self.columns.values())

    def strange(self, text: str, *, squeezed: bool = False) -> list[str]:
        """What stands between our marks and was not typed so. ``squeezed``: as on paper, whose lines break."""
        found = {_squeezed(word) if squeezed else word for word in FOUND.findall(_squeezed(text) if squeezed else text)}
        known = {
            name: {_squeezed(word) if squeezed else word for word in words} for name, words in self.columns.items()
        }
        self.seen |= {name for name, words in known.items() if words & found}
        return sorted(found - set().union(*known.values()))


def _squeezed(text: str) -> str:
    return "".join(sign for sign in text if sign != "-" and not sign.isspace() and unicodedata.category(sign) != "Cf")


def typed_columns() -> Iterator[tuple[Any, Any]]:
    """(table, column) of every column of text somebody can fill."""
    for table in TABLES:
        apart = NOT_TYPED.get(table.__tablename__, set())
        for column in table.__table__.columns:
            if not isinstance(column.type, String) or isinstance(column.type, Enum):
                continue
            if (column.type.length or 2000) < SHORTEST:
                continue
            if apart != "all" and column.name not in set(apart) | NOT_TYPED["*"]:  # type: ignore[arg-type]
                yield table, column


def plant(world: World, words: Sequence[str], links: Sequence[str] = ()) -> Planted:
    """Write over every typed column of every row, and over what is sealed; ``links`` go where an address is typed."""
    made, turns = Planted(), itertools.count()
    with world.house.everything() as session:
        if world.house.dialect == "sqlite":
            session.connection(execution_options={"writes": True})
        for number, (table, column) in enumerate(typed_columns(), start=10):
            name = f"{table.__tablename__}.{column.name}"
            if links and column.name == "website":
                session.execute(update(table.__table__).values({column.name: links[next(turns) % len(links)]}))
            else:
                made.columns[name] = _write_over(session, table, column, number, words, turns)
        session.commit()
    _seal(world, made, words)
    return made


def _write_over(
    session: Session, table: Any, column: Any, number: int, words: Sequence[str], turns: Iterator[int]
) -> set[str]:
    longest = column.type.length or 2000
    every = select(table.id).order_by(table.id)
    filled = session.scalars(every.where(column.is_not(None))).all()
    wrote = set()
    for key in filled or session.scalars(every).all():
        fitting = [word for word in words if len(marked(word, number, key)) <= longest]
        word = marked(fitting[next(turns) % len(fitting)], number, key)
        with suppress(IntegrityError), session.begin_nested():  # a row of another kind may have no such word
            session.execute(update(table.__table__).where(table.__table__.c.id == key).values({column.name: word}))
            wrote.add(word)
    return wrote


def marked(word: str, number: int, key: object = "") -> str:
    """A word between our marks."""
    return f"{OPENING}{number:02d}{word}{key}{CLOSING}"


def _seal(world: World, made: Planted, words: Sequence[str]) -> None:
    """Patients and signers with hostile names, by the acts that seal them; one form is printed, one signed by another."""
    turns = itertools.cycle(words)
    given: dict[str, set[str]] = {name: set() for name in ("family_name", "given_names", "file_number", "birth_place")}
    for name in ("draft", "printed", "signed", "enrolled", "represented"):
        with world.house.acting(world.people["owner"]) as actor:
            patient = db.session.get(Patient, world.patients[name][0])
            told = {part: marked(next(turns), n, name) for n, part in enumerate(given)}
            identity = identities.Identity(birth_date=world.identities[name].birth_date, **told)
            patients.correct(actor, patient, identity=identity, sex=patient.sex)
            for part, word in told.items():
                given[part].add(word)
    with world.house.acting(world.people["owner"]) as actor:
        consents.note_print(actor, db.session.get(ConsentForm, world.forms["printed"][0]))
        given["signer"], given["proof"] = {name := marked(next(turns), 5)}, {proof := marked(next(turns), 6)}
        form = db.session.get(ConsentForm, world.forms["represented"][0])
        answers = {decision.public_id: Answer.GIVEN for decision in form.decisions}
        relation = Relation.LEGAL_REPRESENTATIVE
        consents.sign(
            actor, form, signed_on=today(), relation=relation, signer=signers.Signer(name, proof), answers=answers
        )
    with world.house.acting(world.people["owner"]) as actor:
        law = marked(next(turns), 7)
        withdrawals.keep(
            actor, db.session.get(Patient, world.patients["withdrawn"][0]), ground=LegalGround.LEGAL_DUTY, law=law
        )
    made.columns |= {f"sealed {part}": told for part, told in given.items()} | {"patient.kept_law": {law}}


# --- who reads ----------------------------------------------------------------------------------------------------------


def every_page(world: World, *, every: bool) -> Iterator[tuple[str, Route, Any]]:
    """Who, where and what: each page of records in each state (of all of them), to people who may open it."""
    desk = Desk(world)
    with world.house.everything() as session:
        known = {route: records(session, route) if route.table else [None] for route in routes(world.house.app)}
    for route, found in known.items():
        for who in READERS + (MORE_READERS if every else ()) if route.verb == "GET" else ():
            for record in few(found, every):
                if desk.verdict(who, route, record) == "open":
                    yield who, route, desk.ask(who, route, *(record.keys if record else ()))
    phone = world.house.visitor().get(f"/phone/{world.phone_token}")
    yield "phone", Route("/phone/<token>", "PhonePage.upload", "GET", None, "", ()), phone


def typed(world: World, word: str, readers: Sequence[str] = READERS) -> Iterator[tuple[str, Any]]:
    """Where, and the page that answers, when a word is typed into every field of every form one may open."""
    desk, sent = Desk(world), set()
    for who in readers:
        for route in routes(world.house.app):
            record = desk.first(who, route) if route.verb == "GET" else None
            if route.verb != "GET" or (record is None and (route.table is not None or not _open(desk, who, route))):
                continue
            page = desk.ask(who, route, *(record.keys if record else ()))
            for action, fields in _forms(page, route.address(*(record.keys if record else ()))):
                if (who, route.rule, tuple(fields)) not in sent:
                    sent.add((who, route.rule, tuple(fields)))
                    filled = {name: word if by_hand else value for name, (value, by_hand) in fields.items()}
                    yield (
                        f"{who}: {route.rule}: {action}",
                        desk.clients[who].post(action, data=filled, follow_redirects=True),
                    )


def _open(desk: Desk, who: str, route: Route) -> bool:
    return desk.verdict(who, route, None) == "open"


def _forms(page: Any, address: str) -> Iterator[tuple[str, dict[str, tuple[str, bool]]]]:
    """The forms of a page's content: where each goes; of each field its value, and whether one types into it."""
    if page.mimetype != "text/html":
        return
    for form in html.document_fromstring(page.data).xpath("//main//form[@method='post'][not(.//input[@type='file'])]"):
        fields = {name: (value or "", False) for name, value in form.form_values() if name != "csrf_token"}
        for box in form.xpath(".//input[@name] | .//textarea[@name] | .//select[@name]"):
            if box.tag != "select" and box.get("type") not in {"hidden", "radio", "checkbox", "submit", "date"}:
                fields[box.get("name")] = ("", True)
            elif box.get("type") == "date":
                fields[box.get("name")] = (str(today()), False)
            elif not fields.get(box.get("name"), ("", False))[0]:
                fields[box.get("name")] = _first_choice(box), False
        yield form.get("action") or address, fields


def _first_choice(field: html.HtmlElement) -> str:
    if field.tag == "select":
        return next((str(option.get("value")) for option in field.iter("option") if option.get("value")), "")
    return str(field.get("value") or "")


# --- what is read -------------------------------------------------------------------------------------------------------


def parsed(page: str) -> Any:
    """The page as a browser reads it (WeasyPrint's parser of HTML5; lxml's forgives differently)."""
    return tinyhtml5.parse(page, namespace_html_elements=False)


def spoken(tree: Any) -> Iterator[str]:
    """Every text and every attribute's value of a page, each for itself."""
    for element in tree.iter():
        if isinstance(element.tag, str):
            yield from (value for value in element.attrib.values() if value)
            yield "".join(element.itertext())


ACTIVE = {"/JS", "/JavaScript", "/URI", "/Launch", "/OpenAction", "/AA", "/EmbeddedFiles", "/GoToR", "/SubmitForm"}
ACTIVE |= {"/ImportData", "/XFA", "/RichMedia", "/Movie", "/Sound", "/FS"}


def active_in(pdf: bytes, *, allowed: frozenset[str] = frozenset()) -> list[str]:
    """What in a PDF could do something or leads elsewhere, by name."""
    found: set[str] = set()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for item in document.objects:
            if isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
                found |= ACTIVE & set(item.keys())
                found |= {str(item.S)} & ACTIVE if isinstance(item.get("/S"), pikepdf.Name) else set()
    return sorted(found - allowed)


def read_pdf(answer: bytes) -> str:
    """The words of a PDF, or nothing where a test stored something that only calls itself so."""
    try:
        pikepdf.open(io.BytesIO(answer)).close()
    except pikepdf.PdfError:
        return ""
    return words_of(answer)
