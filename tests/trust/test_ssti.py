"""T-SSTI: what people type is never a template or a format: it comes back as it was typed, on pages, paper and in refusals.

Each word would give itself away: what it computes is a number nothing else in the house has, or it makes a page fail.
"""

from __future__ import annotations

import dataclasses

import pytest

from app.models import ConsentForm, Patient, Person, db
from app.services import consents, papers, patients
from tests.conftest import Tally
from tests.papers import words_of
from tests.trust.planting import every_page, parsed, plant, read_pdf, spoken, typed
from tests.world import World

pytestmark = [pytest.mark.t_ssti, pytest.mark.one_database]

RESULT = "2377561"
WORDS = (
    "{{1187*2003}}",
    "{% print(1187*2003) %}",
    "{{self.__init__.__globals__}}",
    "{{config}}",
    "{{'a'.__class__.__mro__}}",
    "{# gone #}",
    "${1187*2003}",
    "#{1187*2003}",
    "<%= 1187*2003 %>",
    "{0.__class__}",
    "{name!r:>{width}}",
    "{}",
    "{",
    "%(x)s",
    "%(name)d %s %d",
    "100 % s",
    "%",
    "$x ${x",
    "\\g<0>\\1",
    "{{patient.family_name}}",
    "{patient.family_name}",
    "qr:x",
    "&amp;&#48;&nbsp;",
    "\\u0030\\x30",
)
GIVEN_AWAY = (RESULT, "<class 'str'>", "SECRET_KEY", "__builtins__", "Undefined")


def given_away(text: str) -> list[str]:
    """What only an evaluated word says."""
    return [sign for sign in GIVEN_AWAY if sign in text]


@pytest.mark.parametrize("language", ["en", pytest.param("el", marks=pytest.mark.long)])
def test_what_was_typed_comes_back_as_it_was_typed(
    world: World, language: str, tally: Tally, request: pytest.FixtureRequest
) -> None:
    planted, every = plant(world, WORDS), request.config.getoption("long")
    _speak(world, language)
    shown = 0
    for who, route, answer in every_page(world, every=every):
        where = f"{who}: {route}"
        tally.check(answer.status_code < 500, f"{where} answers {answer.status_code}")
        if answer.mimetype == "text/html":
            said = "\0".join(spoken(parsed(answer.text)))
            strange = planted.strange(said)
        elif answer.mimetype == "application/pdf":
            said = read_pdf(answer.data)
            strange = planted.strange(said, squeezed=True)
        else:
            continue
        shown += 1
        tally.check(not strange, f"{where}: not as it was typed: {strange[:3]}")
        tally.check(not given_away(said), f"{where}: {given_away(said)}")
    tally.check(shown > 100, f"only {shown} pages were read")
    papers = {"sealed family_name", "hospital.address", "country.authority_name", "registry.controller"}
    tally.check(papers <= planted.seen, f"nowhere: {papers - planted.seen}")


def _speak(world: World, language: str) -> None:
    """Everybody reads the screens in a language."""
    with world.house.everything() as session:
        if world.house.dialect == "sqlite":
            session.connection(execution_options={"writes": True})
        session.execute(Person.__table__.update().values(language=language))
        session.commit()


@pytest.mark.parametrize("word", [*WORDS[:2], pytest.param("{0.__class__} %(x)s %", id="formats")])
def test_a_page_that_refuses_what_was_typed_shows_it_as_it_was_typed(world: World, word: str, tally: Tally) -> None:
    shown = 0
    for where, answer in typed(world, word):
        tally.check(answer.status_code < 500, f"{where} answers {answer.status_code}")
        if answer.mimetype == "text/html":
            said = "\0".join(spoken(parsed(answer.text)))
            shown += word in said
            tally.check(not given_away(said), f"{where}: {given_away(said)}")
    tally.check(shown > 25, f"only {shown} pages showed again what was typed")


def test_a_name_on_paper_is_what_was_typed_and_nothing_else(world: World, tally: Tally) -> None:
    """The form itself, stamped and set in full, and the receipt: each word once, as the patient's name."""
    for number, word in enumerate(WORDS):
        name, more = f"Zq {word} qZ", "Ǽ" if number % 2 else ""  # a letter the stamps lack: set in full
        with world.house.acting(world.people["owner"]) as actor:
            patient = db.session.get(Patient, world.patients["printed"][0])
            told = dataclasses.replace(world.identities["printed"], family_name=name, given_names=f"G{more}")
            patients.correct(actor, patient, identity=told, sex=patient.sex)
            form = db.session.get(ConsentForm, world.forms["printed"][0])
            consents.note_print(actor, form)
            said = " ".join(words_of(papers.set_paper(form).pdf).split())
        tally.check(" ".join(name.split()) in said, f"{word}: not on the paper")
        tally.check(not given_away(said), f"{word}: {given_away(said)}")
