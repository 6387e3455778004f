"""The demo: invented hospitals, people and patients in every state, as ``outside.reference`` tells them.

Hospitals, people and their mandates are written as rows, with the days of their stories. What happened to patients
is not: each turn of their ``stories`` is the real act, done by the person of the story with the rights of that day, so
the audit log is complete. The clock is set back for each turn; the log itself keeps the true time of the seed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app import actors, sight
from app.actors import Actor
from app.errors import Conflict, NotAllowed
from app.models import (
    Grant,
    GrantedPatient,
    Hospital,
    Mandate,
    Person,
    PolicyAcceptance,
    db,
)
from app.outside.reference.shapes import Day, PersonStory
from app.premises import premises
from app.services import (
    blanks,
    demo_departures,
    demo_explanations,
    demo_groups,
    demo_handovers,
    demo_papers,
    demo_profiles,
    demo_requests,
    demo_rolls,
    demo_stacks,
    demo_texts,
    exports,
    policies,
    texts,
)
from app.services.demo_stages import set_stage
from app.services.reference import load_reference
from app.services.stories import Life, Stage, Turn
from app.tables.base import clock_at
from app.words import MandateKind, Variant, _

TEXTS_PUBLISHED: Day = -730
BLANKS, BLANKS_PRINTED = 2, -5


class Seeded(NamedTuple):
    """What the seed made."""

    hospitals: int
    people: int
    patients: int
    turns: int


def seed(
    *,
    scans: bool = True,
    only: Collection[str] | None = None,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Seeded:
    """Make the demo in an empty database.

    Args:
        scans: file scans made from the printed forms; without them the originals are attested, which is quick.
        only: keys of the patients to make; all of them by default.
        tell: called after each turn of a story with how many are done and how many there are.

    Raises:
        NotAllowed: this is not a demo installation.
        Conflict: there are people here already.
    """
    _refuse()
    load_reference()
    stage = set_stage(scans=scans)
    demo_profiles.write(stage)
    _publish_texts(stage)
    _settle_the_policy(stage)
    lives = [Life(story, stage) for story in stage.world.patients if only is None or story.key in only]
    turns = sorted((turn for life in lives for turn in life.turns()), key=lambda turn: turn.moment)
    done = 0
    for (person, _day), sitting in groupby(turns, key=lambda turn: (turn.person, turn.moment.date())):
        for _turn in _perform(list(sitting), stage.people[person]):
            done += 1
            tell(done, len(turns))
    _print_blanks(stage)
    _choose_records(stage, {life.story.key: life.patient_id for life in lives})
    if only is None:
        played = (demo_papers, demo_requests, demo_handovers, demo_explanations, demo_departures)
        for turn in (turn for stories in played for turn in stories.turns(stage)):
            _play(turn, stage)
        for turn in demo_stacks.turns(stage) if scans else ():
            _play(turn, stage)
        _ask_for_an_export()
        demo_texts.write(stage)
        demo_groups.write(stage)
        demo_rolls.write(stage)
    return Seeded(len(stage.hospitals), len(stage.people), len(lives), len(turns))


def _refuse() -> None:
    if not premises().settings.demo:
        raise NotAllowed(_("Invented people belong in demo mode only. Set CPMS_MODE to demo first."))
    with sight.wide("seed") as session:
        if session.scalar(select(Person.id).limit(1)) is not None:
            raise Conflict(_("There are people here already. The demo needs an empty database."))


def _perform(sitting: Sequence[Turn], person_id: int) -> Iterator[Turn]:
    """Let a person do what they did without a break on one day, each turn at its moment, in a session of their own."""
    db.session.remove()
    with clock_at(sitting[0].moment):
        actor = actors.load(db.session(), person_id, "demo")
    sight.bind(db.session(), actor)
    for turn in sitting:
        with clock_at(turn.moment):
            turn.perform(actor)
        yield turn
    db.session.remove()


def _publish_texts(stage: Stage) -> None:
    """Publish the texts that are not stored yet, as of the day the oldest form could have been printed."""
    db.session.remove()
    actor = actors.system("seed")
    sight.bind(db.session(), actor)
    with clock_at(stage.start + dt.timedelta(days=TEXTS_PUBLISHED)):
        texts.publish_new(actor)
    db.session.remove()


def _settle_the_policy(stage: Stage) -> None:
    """The privacy policy is in force, and all have accepted it but the newcomer of the login page, who is asked there."""
    sight.bind(db.session(), actors.system("seed"))
    day = stage.start + dt.timedelta(days=TEXTS_PUBLISHED)
    with clock_at(day):
        version = policies.publish(actors.system("seed"), None, number=1, from_on=day.date())
    texts = {key: policies.text_in(version, story.language) for key, story in _accepting(stage).items()}
    version_id = version.id
    db.session.remove()
    with sight.wide("seed") as session:
        session.connection(execution_options={"writes": True})
        for key, text in texts.items():
            accepted = PolicyAcceptance(person_id=stage.people[key], version_id=version_id, accepted_at=day)
            accepted.language = text.language
            session.add(accepted)
        session.commit()


def _accepting(stage: Stage) -> dict[str, PersonStory]:
    asked = ("newcomer", True)
    return {story.key: story for story in stage.world.people if (story.role, story.demo_login) != asked}


def _print_blanks(stage: Stage) -> None:
    """Blank forms of the first clinician of the login page: printed on Monday's round, and not back yet."""
    people = (person for person in stage.world.people if person.role == "clinician" and person.demo_login)
    clinician = next(people)

    def print_them(actor: Actor) -> None:
        hospital = db.session.get_one(Hospital, stage.hospitals[clinician.hospital])
        spoken = hospital.country.languages.split(",")[0]
        blanks.print_run(actor, hospital, count=BLANKS, language=spoken, variant=Variant.ADULT)

    turn = Turn(stage.start + dt.timedelta(days=BLANKS_PRINTED), clinician.key, print_them)
    _play(turn, stage)


def _play(turn: Turn, stage: Stage) -> None:
    for _turn in _perform([turn], stage.people[turn.person]):
        pass


def _ask_for_an_export() -> None:
    """A representative has asked for the hospital's archive: the clinicians find it on Home."""
    contact = aliased(Mandate)
    there = (contact.hospital_id == Mandate.hospital_id) & (contact.kind == MandateKind.DATA_PROTECTION_CONTACT)
    asks = select(Mandate.person_id, Mandate.hospital_id).join(contact, there)
    with sight.wide("seed") as session:
        asks = asks.where(Mandate.kind == MandateKind.HOSPITAL_REPRESENTATIVE).order_by(Mandate.id)
        person_id, hospital_id = session.execute(asks.limit(1)).one()
    db.session.remove()
    actor = actors.load(db.session(), person_id, "demo")
    sight.bind(db.session(), actor)
    exports.ask(actor, db.session.get(Hospital, hospital_id), reason="Move into the hospital’s own archive")
    db.session.remove()


def _choose_records(stage: Stage, patients: Mapping[str, int]) -> None:
    """Put the chosen records into the grants that name some, now that they exist."""
    with sight.wide("seed") as session:
        session.connection(execution_options={"writes": True})
        for story in stage.world.people:
            for grant in story.grants:
                row = session.scalars(
                    select(Grant).where(
                        Grant.assistant_id == stage.people[story.key],
                        Grant.clinician_id == stage.people[grant.clinician],
                    )
                ).one()
                chosen = [patients[key] for key in grant.patients if key in patients]
                session.add_all(GrantedPatient(grant_id=row.id, patient_id=patient_id) for patient_id in chosen)
        session.commit()
