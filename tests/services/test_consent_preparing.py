"""Consent: the languages offered, and preparing and printing a form."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pikepdf
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

import config
from app.errors import Incomplete, NotAllowed, WrongStep
from app.models import (
    AuditEntry,
    ConsentForm,
    ConsentText,
    Person,
    Registry,
    db,
    now,
)
from app.outside import paper
from app.services import consents, papers, patients, texts
from app.words import (
    Answer,
    FormState,
    Sex,
)
from config import Settings
from tests import factories as make
from tests.papers import by_field, pages_of, sentence, words_of
from tests.services.consent_words import ADULT, REPRESENTATIVE, form_of, questions, record, write


@contextmanager
def settings(app: Any, **changes: Any) -> Iterator[None]:
    """Other settings of the installation for a while."""
    usual = app.extensions["premises"]
    other = dataclasses.replace(usual, settings=Settings({**usual.settings.values, **changes}))
    app.extensions["premises"] = other
    try:
        yield
    finally:
        app.extensions["premises"] = usual


# --- texts and languages --------------------------------------------------------------------------------------------


def test_the_languages_offered_are_exactly_those_with_a_text_the_countrys_first(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        assert texts.offered_languages(record(world, "draft"), None) == ["el", "en"]
    with world.house.system():
        make.consent_text("eu", "bg")
        make.consent_text("eu", "de")
    with world.house.acting(world.people["owner"]):
        assert texts.offered_languages(record(world, "draft"), None) == ["el", "bg", "de", "en"]
    with world.house.acting(world.people["ukrainian"]):
        assert texts.offered_languages(record(world, "ukrainian draft"), None) == ["uk"]


def test_the_language_used_last_is_remembered_and_comes_first(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)
        last = db.session.get(Person, actor.user_id).consent_language

        assert last == "en"
        assert texts.offered_languages(record(world, "prepared"), last) == ["en", "el"]
        assert texts.offered_languages(record(world, "prepared"), "mt") == ["el", "en"]  # has no text


def test_a_form_without_a_text_is_not_prepared(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        for language, variant in (("uk", ADULT), ("el", REPRESENTATIVE), ("xx", ADULT), ("", ADULT)):
            with pytest.raises(Incomplete) as refusal:
                consents.prepare(actor, record(world, "draft"), language=language, variant=variant)
            assert by_field(refusal.value) == {"language": "There is no form in this language. Choose another one."}


def test_a_form_keeps_the_text_it_was_prepared_with_for_ever(world: Any) -> None:
    first = paper.compose("eu", "en", "adult")
    html = first.html.replace("consent", "CONSENT-OF-THE-NEXT-VERSION")
    newer = dataclasses.replace(first, version="2.0-test", html=html, sha256=hashlib.sha256(html.encode()).hexdigest())
    with world.house.system() as actor:
        texts.publish(actor, None, text=newer)
    with world.house.acting(world.people["owner"]) as actor:
        old, new = (
            form_of(world, "printed"),
            consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT),
        )
        consents.note_print(actor, new)

        assert (old.text.text_version, new.text.text_version) == (first.version, "2.0-test")
        assert "CONSENT-OF-THE-NEXT-VERSION" not in words_of(papers.set_paper(old).pdf)
        assert "CONSENT-OF-THE-NEXT-VERSION" in words_of(papers.set_paper(new).pdf)


def test_a_published_text_cannot_be_changed_or_deleted(world: Any) -> None:
    table = ConsentText.__table__
    for statement in (table.update().values(html="<p>other</p>"), table.delete()):
        with pytest.raises(DatabaseError):
            write(world, statement)


def test_only_the_system_publishes_texts(world: Any) -> None:
    with world.house.acting(world.people["admin"]) as actor, pytest.raises(NotAllowed):
        texts.publish(actor, None, text=paper.compose("eu", "de", "adult"))


# --- prepare --------------------------------------------------------------------------------------------------------


def test_a_form_asks_each_purpose_and_each_registry_of_the_clinicians_networks_by_name(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)

        assert questions(form) == ["care", "education", "Registry of nobody", "Registry of the network"]
        assert {decision.answer for decision in form.decisions} == {Answer.NOT_ASKED}
        consents.note_print(actor, form)
        words = words_of(papers.set_paper(form).pdf)
        for named in ("Registry of nobody", "Registry of the network"):
            assert named in words
            assert f"Controller of {named}" in words
        assert "Registry of others" not in words


def test_the_registries_of_a_form_are_pinned(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        key = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT).id
    with world.house.system():
        for registry in db.session.scalars(select(Registry)):
            registry.ended_at = now()
        where = db.session.get(ConsentForm, key).hospital.country
        make.registry("A registry that came later", where)
        db.session.commit()
    with world.house.acting(world.people["owner"]) as actor:
        assert questions(db.session.get(ConsentForm, key)) == [
            "care",
            "education",
            "Registry of nobody",
            "Registry of the network",
        ]
        later = consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT)
        assert questions(later) == ["care", "education", "A registry that came later"]


def test_an_erased_patient_gets_no_form(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor, pytest.raises(WrongStep):
        consents.prepare(actor, record(world, "erased"), language="en", variant=ADULT)


@pytest.mark.parametrize("name", config.OPERATOR)
def test_outside_demo_mode_nothing_is_prepared_or_printed_while_a_setting_of_the_operator_is_empty(
    world: Any, name: str
) -> None:
    with settings(world.house.app, **{name: ""}), world.house.acting(world.people["owner"]) as actor:
        for act in (
            lambda: consents.prepare(actor, record(world, "draft"), language="en", variant=ADULT),
            lambda: consents.note_print(actor, form_of(world, "prepared")),
        ):
            with pytest.raises(Incomplete) as refusal:
                act()
            assert sentence(refusal.value) == (
                f"No form can be printed yet: the operator has not filled in {name}. Tell the operator of this platform."
            )
        assert (form_of(world, "prepared").state, form_of(world, "prepared").print_count) == (FormState.PREPARED, 0)


# --- print ----------------------------------------------------------------------------------------------------------


def test_each_print_is_noted_and_the_first_ones_moment_stays(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "prepared")
        consents.note_print(actor, form)
        first = form.printed_at
        consents.note_print(actor, form)

        assert (form.state, form.print_count, form.printed_at) == (FormState.PRINTED, 2, first)
        entries = select(AuditEntry).where(AuditEntry.thing_id == form.public_id, AuditEntry.act == "consent.print")
        assert [entry.actor_id for entry in db.session.scalars(entries)] == [actor.user_id] * 2


def test_the_printed_form_says_who_where_for_whom_and_in_which_version(world: Any) -> None:
    known = world.identities["printed"]
    with world.house.acting(world.people["owner"]):
        form = form_of(world, "printed")
        made = papers.set_paper(form)
        pages = pages_of(made.pdf)

        assert len(pages) == made.pages >= 2
        words = " ".join(pages)
        for filled in (
            *(known.family_name, known.given_names, "January", str(known.birth_date.year), known.file_number),
            *("Thessaloniki", "1 Thessaloniki Street", "Testtown", "D. P. Officer"),
            *("Tests' operator", "1 Test Street, 1000 Testtown", "dpo@operator.example", "TEST-1"),
            *("Authority of GR", "Owner Tester", form.text.text_version),
        ):
            assert (
                filled.replace("January", paper.long_date(known.birth_date, "en").split()[1]).lower() in words.lower()
            )
        for page in pages:
            assert paper.grouped_code(form.code) in page
        assert "DEMO" not in words
        with pikepdf.open(io.BytesIO(made.pdf)) as opened:
            about = str(opened.open_metadata()) + str(opened.docinfo)
        assert known.family_name not in about


def test_in_demo_mode_every_page_carries_the_mark(world: Any) -> None:
    with settings(world.house.app, CPMS_MODE="demo"), world.house.acting(world.people["owner"]) as actor:
        before = words_of(papers.set_paper(form_of(world, "printed")).pdf)
        consents.note_print(actor, form_of(world, "printed"))
        pages = pages_of(papers.set_paper(form_of(world, "printed")).pdf)

        assert ("DEMO" in before, len(pages) >= 2) == (False, True)
        assert [page.count("DEMO") >= 1 for page in pages] == [True] * len(pages)
    with world.house.acting(world.people["owner"]):  # the paper says what it said when it was printed
        assert pages_of(papers.set_paper(form_of(world, "printed")).pdf) == pages


def test_a_preview_shows_the_text_and_nothing_of_the_patient(world: Any) -> None:
    known = world.identities["prepared"]
    with world.house.acting(world.people["owner"]):
        form = form_of(world, "prepared")
        words = words_of(papers.set_paper(form, preview=True).pdf)

        assert "Thessaloniki" in words
        for hidden in (
            known.family_name,
            known.given_names,
            known.file_number,
            paper.grouped_code(form.code),
            form.code,
        ):
            assert hidden not in words


NAMES = {
    "Κωνσταντίνα Παπαδοπούλου-Ζαχαριάδη": "Κωνσταντίνα",
    "Ґонґадзе Їжакевич": "Ґонґадзе",
    "<b>Bold</b><script>alert(1)</script>": "<b>Bold</b><script>alert(1)</script>",
    '=HYPERLINK("http://x.example")': '=HYPERLINK("http://x.example")',
    "{{ 7*7 }} [[operator.name]] {% raw %}": "{{ 7*7 }} [[operator.name]] {% raw %}",
    "A&amp;B </bdi><img src=x> Z": "A&amp;B </bdi><img src=x> Z",
}


def test_names_like_code_stand_on_paper_letter_by_letter(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = form_of(world, "prepared")
        for typed, read in NAMES.items():
            one = dataclasses.replace(world.identities["prepared"], family_name=typed, given_names="Given")
            patients.correct(actor, record(world, "prepared"), identity=one, sex=Sex.MALE)
            consents.note_print(actor, form)
            made = papers.set_paper(form)
            assert (typed, list(made.missing)) == (typed, [])
            assert "".join(read.split()) in "".join(words_of(made.pdf).split())


def test_a_correction_changes_no_paper_that_is_printed_already(world: Any) -> None:
    was = world.identities["printed"].family_name
    with world.house.acting(world.people["owner"]) as actor:
        right = dataclasses.replace(world.identities["printed"], family_name="Rightspelt")
        patients.correct(actor, record(world, "printed"), identity=right, sex=Sex.MALE)
        kept = words_of(papers.set_paper(form_of(world, "printed")).pdf)
        consents.note_print(actor, form_of(world, "printed"))
        anew = words_of(papers.set_paper(form_of(world, "printed")).pdf)

    assert (was in kept, "Rightspelt" in kept) == (True, False)
    assert (was in anew, "Rightspelt" in anew) == (False, True)


def test_what_was_printed_is_kept_sealed(world: Any) -> None:
    known = world.identities["printed"]
    for row in world.house.rows("SELECT * FROM consent_form"):
        stored = b"|".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
        assert known.family_name.encode() not in stored
        assert known.file_number.encode() not in stored


def test_letters_no_font_of_ours_has_are_named_and_the_form_prints_all_the_same(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        one = dataclasses.replace(world.identities["prepared"], family_name="李小龍", given_names="Bruce")
        patients.correct(actor, record(world, "prepared"), identity=one, sex=Sex.MALE)
        consents.note_print(actor, form_of(world, "prepared"))
        made = papers.set_paper(form_of(world, "prepared"))

        assert set(made.missing) == set("李小龍")
        assert "Bruce" in words_of(made.pdf)
