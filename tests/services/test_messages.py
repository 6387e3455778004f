"""Messages: what an act writes is stored with it, holds no more than its kind says, and can be switched off."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.errors import Incomplete
from app.models import Centre, Mail, Mandate, Membership, Person, db, today
from app.services import links, messages, people
from app.services.accounts import Typed
from app.services.mail_facts import Shape
from app.services.mail_kinds import KINDS
from app.words import LANGUAGES, MandateKind, Role
from tests import factories as make


@pytest.fixture
def clinic(house: Any) -> dict[str, int]:
    with house.system():
        country, network = make.country("GR"), make.network()
        hospital = make.hospital("Home", country)
        centre = make.centre(hospital, network)
        representative = make.person("representative")
        make.mandate(representative, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=hospital)
        clinician = make.person("clinician")
        found = {"representative": representative.id, "clinician": clinician.id, "centre": centre.id}
        found["membership"] = make.member(clinician, centre).id
        found["admin"] = make.admin(make.person("admin")).id
        db.session.commit()
    return found


def written(house: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in house.rows("SELECT person_id, kind, state FROM mail ORDER BY id")]


def test_who_is_given_a_place_and_whose_place_ends_is_told(house: Any, clinic: dict[str, int]) -> None:
    with house.acting(clinic["representative"]) as actor:
        centre = db.session.get(Centre, clinic["centre"])
        typed = Typed(email="new@people.example", first_name="New", last_name="Colleague")
        made = people.add_member(actor, centre, typed=typed, from_on=today())
        newcomer = made.person_id
        membership = db.session.get(Membership, clinic["membership"])
        people.end_membership(actor, membership, reason="Moved", seen=membership.version)
    assert written(house) == [
        (newcomer, "place.given", "to_send"),
        (clinic["clinician"], "place.ended", "to_send"),
    ]
    with house.system():
        told = [messages.words_of(mail, mail.person).paragraphs[0] for mail in db.session.query(Mail)]
    day = f"{today().day} {today():%B %Y}"
    assert told == [
        f"You were given a place: Clinician, Home, Centre of Home. It begins on {day}.",
        "Your place ended: Clinician, Home, Centre of Home. What it opened to you is closed.",
    ]


def test_what_is_refused_was_never_written(house: Any, clinic: dict[str, int]) -> None:
    with house.acting(clinic["representative"]) as actor, pytest.raises(Incomplete):
        membership = db.session.get(Membership, clinic["membership"])
        people.end_membership(actor, membership, reason="", seen=membership.version)
    assert written(house) == []


def test_who_gets_a_link_to_set_a_password_is_told_without_the_link(house: Any, clinic: dict[str, int]) -> None:
    with house.acting(clinic["admin"]) as actor:
        token = links.offer(actor, db.session.get(Person, clinic["clinician"]))
    assert written(house) == [(clinic["clinician"], "account.link-made", "to_send")]
    assert token not in str(house.rows("SELECT * FROM mail"))


def test_a_mandate_names_its_place(house: Any, clinic: dict[str, int]) -> None:
    with house.acting(clinic["representative"]) as actor:
        centre = db.session.get(Centre, clinic["centre"])
        typed = Typed(email="helper@people.example", first_name="Help", last_name="Er")
        made = people.appoint_assistant(actor, centre.hospital, typed=typed, from_on=today())
        mandate = db.session.get(Mandate, made.id)
        people.end_mandate(actor, mandate, reason="x", last_day=today() + dt.timedelta(days=9), seen=mandate.version)
    facts = house.rows("SELECT facts FROM mail ORDER BY id")
    assert len(facts) == 2
    with house.system():
        first, second = (messages.words_of(mail, mail.person) for mail in db.session.query(Mail).order_by(Mail.id))
    assert first.subject == "You have a new place: Assistant"
    assert second.paragraphs[0].startswith("Your place ends: Assistant, Home. Its last day is ")


@pytest.mark.parametrize(
    ("kind", "facts", "fault"),
    [
        ("nonsense", {}, KeyError),
        ("place.given", {"role": Role.ADMIN}, ValueError),
        ("place.given", {"role": Role.ADMIN, "place": "x", "day": today(), "patient": "A. B."}, ValueError),
        ("place.given", {"role": "no word of ours", "place": "x", "day": today()}, ValueError),
    ],
)
def test_a_mail_takes_exactly_the_facts_of_its_kind(
    house: Any, clinic: dict[str, int], kind: str, facts: dict[str, Any], fault: type[Exception]
) -> None:
    with house.app.app_context(), pytest.raises(fault):
        messages.post(clinic["clinician"], kind, facts)
    assert written(house) == []


EXAMPLES = {
    Shape.TEXT: "100 % Klinik {x} %(y)s",
    Shape.WORD: MandateKind.ASSISTANT,
    Shape.COUNT: 3,
    Shape.DAY: dt.date(2026, 3, 1),
    Shape.MOMENT: dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC),
}


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words_in_every_language_whatever_its_facts_hold(house: Any, kind: str, dialect: str) -> None:
    with house.system():
        person = make.person("Anna")
        for facts in (
            {name: EXAMPLES[shape] for name, shape in KINDS[kind].facts.items()},
            {name: None if name in KINDS[kind].lacks else EXAMPLES[shape] for name, shape in KINDS[kind].facts.items()},
        ):
            for language in LANGUAGES:
                row = messages._written(person.id, kind, facts, None)
                row.language = language
                words = messages.words_of(row, person)
                everything = "\n".join([words.subject, *words.paragraphs, words.button, *words.foot])
                assert words.url.startswith("https://cpms.test/")
                assert "None" not in everything
                assert "%(" not in everything.replace("%(y)s", "")
                assert words.subject.strip(" :,")


def test_only_optional_kinds_are_switched_off(house: Any, clinic: dict[str, int]) -> None:
    optional = next(name for name, one in KINDS.items() if one.optional)

    def off() -> set[str]:
        with house.acting(clinic["clinician"]) as actor:
            return messages.switched_off(actor.user_id)

    def choose(*kinds: str) -> None:
        with house.acting(clinic["clinician"]) as actor:
            messages.choose(actor, db.session.get(Person, actor.user_id), off=kinds)

    choose(optional, "place.given", "nonsense")
    assert off() == {optional}
    choose(optional)
    assert off() == {optional}
    choose()
    assert off() == set()
