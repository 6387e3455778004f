"""A hospital's own text from its start to its retirement, and which text a form has on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.errors import Conflict, Incomplete, NotAllowed, NotFound, WrongStep
from app.models import ConsentText, Hospital, Mandate, OwnText, Patient, Person, db, now, today
from app.outside.paper import own_texts as sheets
from app.services import consents, days, own_texts, texts
from app.words import MandateKind, Opinion, OwnTextState, Renews, Variant
from tests import factories as make
from tests.factories import DAY
from tests.world import OPINION, World


@contextmanager
def opened(world: World, who: str, name: str) -> Iterator[tuple[Any, OwnText]]:
    """A person, and one of the world's own texts."""
    with world.house.acting(world.people[who]) as actor:
        own = db.session.get(OwnText, world.own_texts[name][0])
        assert own is not None, f"{who} does not see it"
        yield actor, own


def home(world: World, name: str = "Thessaloniki") -> Hospital:
    return db.session.get(Hospital, world.hospitals[name])


def check(world: World, name: str) -> None:
    """What the job does once a text is proposed."""
    with world.house.system() as actor:
        own_texts.check_as_paper(actor, {"text": world.own_texts[name][1]})


# --- started and written ----------------------------------------------------------------------------------------------


def test_a_text_starts_as_the_standard_of_its_language_and_variant(world: World) -> None:
    with opened(world, "representative", "draft") as (_actor, own):
        assert own.content == own.base == sheets.standard("el", "adult", own_texts.role())
        assert (own.state, own.number, own.author_id) == (OwnTextState.DRAFT, 1, world.people["representative"])
        assert own_texts.faults(own) == []


def test_what_is_written_is_kept_as_plain_lines_and_what_is_not_given_stays(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        before = own.content["rights.body"]
        typed = {"networks.body": "One\r\n\r\n\r\n\r\nTwo\u202e \x00of\ttext  ", "nobody.knows": "x"}
        own_texts.write(actor, own, content=typed, seen=own.version)
        assert own.content["networks.body"] == "One\n\nTwo of text"
        assert own.content["rights.body"] == before
        assert own.content.keys() == own.base.keys()


def test_who_saw_an_older_draft_cannot_write_over_the_newer(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        seen = own.version
        own_texts.write(actor, own, content={"networks.heading": "First"}, seen=seen)
        with pytest.raises(Conflict):
            own_texts.write(actor, own, content={"networks.heading": "Second"}, seen=seen)
        assert own.content["networks.heading"] == "First"


def test_five_megabytes_of_text_are_refused(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        before = dict(own.content)
        with pytest.raises(Incomplete, match="twelve pages"):
            own_texts.write(actor, own, content={"networks.body": "many words " * 500_000})
        db.session.expire_all()
        assert own.content == before


def test_a_second_text_of_a_language_waits_for_the_first(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        given = {"language": "el", "variant": Variant.ADULT, "base_language": "en"}
        with pytest.raises(Incomplete, match="being written already"):
            own_texts.start(actor, home(world), **given)
        own_texts.drop(actor, own)
        again = own_texts.start(actor, home(world), **given)
        assert (again.number, again.state) == (2, OwnTextState.DRAFT)


def test_a_further_language_brings_its_own_words_and_letters_the_font_lacks_are_refused(world: World) -> None:
    with opened(world, "two hats", "draft afar") as (actor, own):
        assert {"title", "national.heading", "word.care", "word.footer"} <= own.content.keys()
        kinds = {(fault.key, fault.code) for fault in own_texts.faults(own)}
        assert ("networks.body", "untranslated") in kinds
        assert ("word.care", "untranslated") in kinds
        for language in ("ar", "zh", "xx", "EN", "../"):
            with pytest.raises(Incomplete, match="cannot be printed"):
                own_texts.start(
                    actor, home(world, "Plovdiv"), language=language, variant=Variant.ADULT, base_language="en"
                )


# --- proposed ------------------------------------------------------------------------------------------------------------

WRONG = {
    "unknown_field": "Ask [[patient.family_name]] and [[hospital.nobody]] about it, at any time.",
    "markup": "<script>alert(1)</script><iframe src='https://evil.example'></iframe> and much else.",
    "template": "{{ config.SECRET_KEY }} {% for x in y %} stands here, as long as nobody cares.",
    "too_short": "Yes.",
    "missing": "",
}


@pytest.mark.parametrize(("code", "typed"), WRONG.items(), ids=WRONG)
def test_a_text_that_says_what_no_form_may_is_not_proposed(world: World, code: str, typed: str) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        own_texts.write(actor, own, content={"similar_cases.body": typed})
        assert {fault.code for fault in own_texts.faults(own)} == {code}
        with pytest.raises(Incomplete, match="not complete"):
            own_texts.propose(actor, own, **OPINION)
        assert own.state is OwnTextState.DRAFT


def test_the_place_of_a_contact_is_not_lost(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        own_texts.write(actor, own, content={"complaint.body": "At the authority, whose name is in the book."})
        lost = {(fault.key, fault.code, fault.detail) for fault in own_texts.faults(own)}
        assert lost == {
            ("complaint.body", "lost_field", "authority.name"),
            ("complaint.body", "lost_field", "authority.contact"),
        }
        elsewhere = own.content["dpo.body"] + "\n\n[[authority.name]], [[authority.contact]]"
        own_texts.write(actor, own, content={"dpo.body": elsewhere})
        assert own_texts.faults(own) == []


def test_an_opinion_of_tomorrow_and_a_negative_one_without_reasons_are_refused(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        for changed, field in (
            ({"opinion_on": today() + DAY * 2}, "opinion_on"),
            ({"opinion": Opinion.NEGATIVE}, "note"),
        ):
            with pytest.raises(Incomplete) as refused:
                own_texts.propose(actor, own, **OPINION | changed)
            assert set(refused.value.fields) == {field}
        own_texts.propose(actor, own, **OPINION | {"opinion": Opinion.NEGATIVE, "note": "The law asks for it"})
        assert (own.state, own.opinion, own.opinion_note) == (
            OwnTextState.PROPOSED,
            Opinion.NEGATIVE,
            "The law asks for it",
        )


def test_a_text_too_long_for_twelve_pages_is_found_by_the_job_and_cannot_be_accepted(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        long = "\n\n".join(["This paragraph is said again and again."] * 250)
        own_texts.write(actor, own, content={f"{part}.body": long for part in ("networks", "similar_cases")})
        assert {fault.code for fault in own_texts.faults(own)} == {"too_long"}
        long = "This paragraph is said again and again. " * 480
        short = {f"{part}.body": long for part in ("networks", "why_shared", "similar_cases", "no_duty", "automated")}
        own_texts.write(actor, own, content=short)
        own_texts.propose(actor, own, **OPINION)
    check(world, "draft")
    with opened(world, "coordinator", "draft") as (actor, own):
        assert (own.fault, own.text_id) == ("too_big", None)
        with pytest.raises(Incomplete, match="cannot be set as paper"):
            own_texts.accept(actor, own, counts_from=today() + DAY)


def test_letters_the_font_lacks_are_named(world: World) -> None:
    with opened(world, "representative", "draft") as (actor, own):
        own_texts.write(actor, own, content={"networks.body": "What does \u4f60\u597d mean in a Greek form?"})
        own_texts.propose(actor, own, **OPINION)
    check(world, "draft")
    with opened(world, "representative", "draft") as (_actor, own):
        assert (own.fault, own.missing, own.text_id) == ("missing_letters", "\u4f60\u597d", None)


# --- decided ---------------------------------------------------------------------------------------------------------------


def test_nobody_decides_about_their_own_text_not_even_as_coordinator(world: World) -> None:
    check(world, "proposed")
    with world.house.system():
        writer, network = (
            db.session.get(Person, world.people["representative"]),
            db.session.scalars(db.select(Mandate).where(Mandate.kind == MandateKind.ERN_COORDINATOR)).first(),
        )
        make.mandate(writer, MandateKind.ERN_COORDINATOR, network=network.network)
    with opened(world, "representative", "proposed") as (actor, own):
        for decide in (
            lambda: own_texts.accept(actor, own, counts_from=days.day_at(own.hospital)),
            lambda: own_texts.send_back(actor, own, reason="x"),
        ):
            with pytest.raises(NotAllowed):
                decide()
            db.session.rollback()


def test_the_database_refuses_a_text_decided_by_its_author(world: World) -> None:
    for who in ("author_id", "proposed_by_id"):
        statement = f"UPDATE own_text SET decided_by_id = {who} WHERE id = {world.own_texts['proposed'][0]}"
        with world.house.app.app_context(), pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_a_coordinator_decides_only_where_no_other_representative_could(world: World) -> None:
    check(world, "proposed")
    with world.house.acting(world.people["distant coordinator"]):
        assert db.session.get(OwnText, world.own_texts["proposed"][0]) is None
    with opened(world, "coordinator", "proposed") as (actor, own):
        own_texts.send_back(actor, own, reason="The third point is wrong")
    with opened(world, "representative", "proposed") as (actor, own):
        assert (own.state, own.returned_reason) == (OwnTextState.DRAFT, "The third point is wrong")
        own_texts.propose(actor, own, **OPINION)
    check(world, "proposed")
    with world.house.system():
        make.mandate(
            db.session.get(Person, world.people["bystander"]), MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home(world)
        )
    with world.house.acting(world.people["coordinator"]):
        assert db.session.get(OwnText, world.own_texts["proposed"][0]) is None
    with opened(world, "bystander", "proposed") as (actor, own):
        own_texts.accept(actor, own, counts_from=today() + DAY * 3)
        assert (own.state, own.decided_by_id) == (OwnTextState.ACCEPTED, world.people["bystander"])


def test_a_text_is_not_accepted_before_it_was_set_nor_for_a_day_that_is_past(world: World) -> None:
    still = pytest.raises(Incomplete, match="still being set")
    with opened(world, "coordinator", "proposed") as (actor, own), still:
        own_texts.accept(actor, own, counts_from=today() + DAY)
    check(world, "proposed")
    with opened(world, "coordinator", "proposed") as (actor, own):
        for day in (today() - DAY * 2, today() + DAY * 400):
            with pytest.raises(Incomplete, match="within a year"):
                own_texts.accept(actor, own, counts_from=day)


def test_a_proposal_taken_back_is_a_draft_and_has_to_be_checked_anew(world: World) -> None:
    check(world, "proposed")
    with opened(world, "representative", "proposed") as (actor, own):
        assert own.text_id is not None
        own_texts.take_back(actor, own)
        assert (own.state, own.text_id, own.checked_at) == (OwnTextState.DRAFT, None, None)
        own_texts.propose(actor, own, **OPINION)
    with world.house.system():
        before = db.session.query(ConsentText).count()
    check(world, "proposed")
    with world.house.system():
        assert db.session.query(ConsentText).count() == before  # the same words are the same row


# --- in force -----------------------------------------------------------------------------------------------------------


def accepted(world: World, from_day: dt.date | None = None) -> None:
    """The proposed text of Thessaloniki, accepted for a day: for today, as it is there, if none is said."""
    check(world, "proposed")
    with opened(world, "coordinator", "proposed") as (actor, own):
        own_texts.accept(actor, own, counts_from=from_day or days.day_at(own.hospital))


def text_of(world: World, who: str, language: str = "en") -> tuple[int | None, str]:
    """Hospital and version of the text that a form of the draft patient would have."""
    with world.house.acting(world.people[who]):
        patient = db.session.get(Patient, world.patients["draft"][0])
        found = texts.latest_text(patient.hospital, patient.procedure, language, Variant.ADULT)
        return found.hospital_id, found.text_version


def test_from_its_day_on_an_accepted_text_is_what_clinician_and_assistant_print(
    world: World, time_machine: Any
) -> None:
    accepted(world, today() + DAY * 2)
    standard, own = (None, "1"), (world.hospitals["Thessaloniki"], "H1")
    assert text_of(world, "owner") == standard
    time_machine.move_to(now() + DAY * 3, tick=True)
    assert text_of(world, "owner") == text_of(world, "assistant") == own
    assert text_of(world, "owner", "el") == standard
    with world.house.acting(world.people["owner"]) as actor:
        patient = db.session.get(Patient, world.patients["draft"][0])
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        assert form.text.hospital_id == world.hospitals["Thessaloniki"]


def test_a_retired_text_gives_way_to_the_standard_and_never_to_an_older_one(world: World) -> None:
    accepted(world)
    with opened(world, "representative", "proposed") as (actor, own):
        second = own_texts.start(
            actor, own.hospital, language="en", variant=Variant.ADULT, base_language="en", like=own
        )
        world.own_texts["second"] = second.id, second.public_id
        own_texts.propose(actor, second, **OPINION)
    check(world, "second")
    with opened(world, "coordinator", "second") as (actor, own):
        own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
    assert text_of(world, "owner")[1] == "H2"
    with opened(world, "representative", "second") as (actor, own):
        own_texts.retire(actor, own, reason="A mistake", renews=Renews.NOBODY)
        with pytest.raises(WrongStep):
            own_texts.retire(actor, own, reason="Again")
    assert text_of(world, "owner") == (None, "1")


def test_a_text_retired_before_its_day_leaves_the_older_one_in_force(world: World) -> None:
    accepted(world)
    with opened(world, "representative", "proposed") as (actor, own):
        second = own_texts.start(
            actor, own.hospital, language="en", variant=Variant.ADULT, base_language="en", like=own
        )
        world.own_texts["second"] = second.id, second.public_id
        own_texts.propose(actor, second, **OPINION)
    check(world, "second")
    with opened(world, "coordinator", "second") as (actor, own):
        own_texts.accept(actor, own, counts_from=today() + DAY * 9)
        assert text_of(world, "owner")[1] == "H1"
    with opened(world, "representative", "second") as (actor, own):
        own_texts.retire(actor, own, reason="Not needed")
    assert text_of(world, "owner")[1] == "H1"


def test_a_language_of_its_own_is_offered_by_that_hospital_alone(world: World) -> None:
    with opened(world, "two hats", "draft afar") as (actor, own):
        words = {key: f"{base} (Türkçe)" for key, base in own.base.items() if base}
        own_texts.write(actor, own, content=words)
        own_texts.propose(actor, own, **OPINION)
    check(world, "draft afar")
    with opened(world, "other representative", "draft afar") as (actor, own):
        assert (own.fault, own.missing) == (None, None)
        own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
        assert own.text.title.endswith("(Türkçe)")
        in_force = texts.in_force_at(own.hospital, days.day_at(own.hospital))
        assert {(one.language, one.variant) for one in in_force} == {("tr", Variant.ADULT), ("bg", Variant.ADULT)}
    with world.house.acting(world.people["owner"]):
        assert texts.offered_languages(db.session.get(Patient, world.patients["draft"][0]), None) == ["el", "en"]


# --- the Ukrainian form ---------------------------------------------------------------------------------------------------


def test_a_ukrainian_hospital_has_no_own_text(world: World) -> None:
    with world.house.system():
        person = db.session.get(Person, world.people["bystander"])
        make.mandate(person, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home(world, "Kyiv"))
    with world.house.acting(world.people["bystander"]) as actor, pytest.raises(Incomplete, match="fixed"):
        own_texts.start(actor, home(world, "Kyiv"), language="uk", variant=Variant.ADULT, base_language="uk")


def test_the_database_refuses_a_hospitals_ukrainian_form_and_any_change_of_the_published(world: World) -> None:
    copied = "procedure, 'xx', variant, text_version, title, html, css, fonts, 'other', published_at"
    insert = (
        "INSERT INTO consent_text (public_id, version, procedure, language, variant, text_version, title, html, css,"
        f" fonts, sha256, published_at, hospital_id) SELECT 'fresh', 1, {copied}, 1 FROM consent_text"
        " WHERE procedure = '{}' LIMIT 1"
    )
    for statement in (
        insert.format("ua"),
        "UPDATE consent_text SET html = 'x' WHERE procedure = 'ua'",
        "UPDATE consent_text SET hospital_id = 1 WHERE procedure = 'ua'",
        "DELETE FROM consent_text WHERE procedure = 'ua'",
    ):
        with (
            world.house.app.app_context(),
            pytest.raises(DBAPIError),
            db.engine.begin() as connection,
        ):  # by a guard, or a grant not there
            connection.exec_driver_sql(statement)
    with world.house.app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql(insert.format("eu"))  # the same for the EU procedure can be


def test_what_somebody_may_not_know_of_is_not_there(world: World) -> None:
    for who in ("owner", "colleague", "other representative", "neighbour", "guest", "hub", "admin"):
        with world.house.acting(world.people[who]):
            seen = {name for name, (key, _public) in world.own_texts.items() if db.session.get(OwnText, key)}
        wanted = set(world.own_texts) - {"draft", "proposed", "dropped"} if who == "other representative" else set()
        assert seen == wanted, who
    with world.house.acting(world.people["outsider"]):
        seen = {name for name, (key, _public) in world.own_texts.items() if db.session.get(OwnText, key)}
    assert seen == {"accepted", "retired"}
    assert NotFound.status == 404
