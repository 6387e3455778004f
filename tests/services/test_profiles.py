"""Profiles: what people say of themselves and what they know about."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Incomplete, NotAllowed
from app.models import Expertise, Network, Person, ThematicArea, db
from app.services import messages, profiles


def told(world: Any, who: str, **given: Any) -> profiles.Known:
    """What somebody says they know about, as it is kept."""
    with world.house.acting(world.people[who]) as actor:
        profiles.tell(actor, db.session.get(Person, actor.user_id), known=profiles.Told(**given))
        return profiles.known_to(actor.user_id)


def test_what_one_knows_about_replaces_what_one_said_before(world: Any) -> None:
    with world.house.acting(world.people["bystander"]):
        area = db.session.scalars(select(ThematicArea).order_by(ThematicArea.id.desc())).first()
        network = db.session.scalars(select(Network).order_by(Network.id.desc())).first()
    told(world, "bystander", networks=[network], areas=[area], disorders="355 Gaucher", languages=["en", "el"])
    known = told(world, "bystander", disorders="ORPHA:355 Gaucher disease\n324", languages=["el"])
    assert known == profiles.Known((), (), {355: "Gaucher disease", 324: None}, ("el",))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", {}),
        ("558, 730; 15", {558: None, 730: None, 15: None}),
        (
            "ORPHA:558 Marfan syndrome\n\n orpha 730: Polycystic kidneys, dominant",
            {558: "Marfan syndrome", 730: "Polycystic kidneys, dominant"},
        ),
        ("000558", {558: None}),
        ("558\n558 Marfan", {558: "Marfan"}),
    ],
)
def test_disorders_are_read_as_people_type_them(typed: str, read: dict[int, str | None]) -> None:
    assert profiles.read(typed) == read
    assert profiles.read(profiles.written(read)) == read


@pytest.mark.parametrize(
    "typed", ["Marfan", "0", "12345678", "558a", f"558 {'x' * 151}", "\n".join(map(str, range(1, 52)))]
)
def test_what_is_no_code_is_refused_by_the_field(typed: str) -> None:
    with pytest.raises(Incomplete) as refused:
        profiles.read(typed)
    assert list(refused.value.fields) == ["disorders"]


def test_a_language_nobody_offers_is_refused(world: Any) -> None:
    with pytest.raises(Incomplete):
        told(world, "owner", languages=["xx"])


def test_nobody_writes_about_somebody_else(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        colleague = db.session.get(Person, world.people["colleague"])
        with pytest.raises(NotAllowed):
            profiles.write(actor, colleague, job_title="Nobody", professional_title=None, about=None)
        with pytest.raises(NotAllowed):
            profiles.tell(actor, colleague, known=profiles.Told())


def test_a_profile_is_written_again_and_again_and_is_one(world: Any) -> None:
    for about in ("First", "Second"):
        with world.house.acting(world.people["bystander"]) as actor:
            me = db.session.get(Person, actor.user_id)
            profiles.write(actor, me, job_title="Geneticist", professional_title="Prof.", about=about)
    with world.house.acting(world.people["bystander"]) as actor:
        profile = profiles.of(actor.user_id)
        assert (profile.person.job_title, profile.professional_title, profile.about) == (
            "Geneticist",
            "Prof.",
            "Second",
        )


def test_the_database_keeps_one_thing_a_row(world: Any) -> None:
    for wrong in ({}, {"orpha_code": 5, "language": "en"}, {"orpha_code": 0}, {"language": "el", "orpha_name": "x"}):
        with world.house.system():
            db.session.add(Expertise(person_id=world.people["bystander"], **wrong))
            with pytest.raises(IntegrityError):
                db.session.flush()
            db.session.rollback()


def test_a_mail_is_in_the_language_chosen_for_mails() -> None:
    person = Person(language="bg", consent_language="el")
    assert messages.language_of(person) == "bg"
    person.mail_language = "de"
    assert messages.language_of(person) == "de"
