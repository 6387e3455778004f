"""The privacy policy: published by the operator, accepted by everybody before anything else, withdrawn at any time.

Whether a person has accepted is asked with every page (``actors.load``). The texts are ``outside.policies``; what a person
may do before accepting is ``gates.GATES``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from app import actors, sight
from app.act import act
from app.actors import Actor
from app.errors import Conflict, Incomplete
from app.models import (
    Centre,
    Grant,
    Hospital,
    Mandate,
    Membership,
    Patient,
    Person,
    PolicyAcceptance,
    PolicyVersion,
    db,
    now,
    today,
)
from app.outside import policies as shipped
from app.premises import premises
from app.services import accounts, jobs, logins, messages, request_ends, spells
from app.services.jobs import Every, job
from app.words import EndReason, MandateKind, PatientState, _


class Text(NamedTuple):
    """The policy in one language: as it was asked for, or in English where there is none."""

    language: str
    title: str
    body: str


# --- versions --------------------------------------------------------------------------------------------------------


def current(on: dt.date | None = None) -> PolicyVersion | None:
    """The version in force. Everybody may read it, signed in or not."""
    with sight.wide("policy") as session:
        found = session.get(PolicyVersion, session.scalar(actors.policy_in_force(on or today())) or 0)
        session.expunge_all()
        return found


def version_of(number: int) -> PolicyVersion | None:
    """A version by its number, whether in force, over or still to come."""
    with sight.wide("policy") as session:
        found = session.scalars(select(PolicyVersion).where(PolicyVersion.number == number)).one_or_none()
        session.expunge_all()
        return found


def text_in(version: PolicyVersion, language: str) -> Text:
    """A version's text in a language, else in English."""
    spoken = language if language in version.texts else shipped.FALLBACK
    return Text(spoken, **version.texts[spoken])


def to_publish() -> int | None:
    """The newest edition that came with this program, if it is not published yet."""
    newest = shipped.editions()[-1]
    return newest if version_of(newest) is None else None


def draft(edition: int) -> dict[str, dict[str, str]]:
    """The texts of an edition as they would be published; a field nobody has filled in shows its name."""
    settings = premises().settings
    known = (settings["OPERATOR_NAME"], settings["OPERATOR_ADDRESS"], settings["OPERATOR_DPO"])
    facts = [*known, str(settings["ACCEPTANCE_YEARS"])]
    return shipped.texts(edition, {name: fact or f"[{name}]" for name, fact in zip(shipped.FIELDS, facts, strict=True)})


@act("policy.publish", creates=PolicyVersion)
def publish(actor: Actor, _operator: Person | None, *, number: int, from_on: dt.date) -> PolicyVersion:
    """Publish an edition, in force from a day; from then on everybody is asked to accept it.

    Raises:
        Incomplete: there is no such edition, the day is past or years ahead, or settings the text names are empty.
        Conflict: it is published already, or a later one is.
    """
    if number not in shipped.editions():
        raise Incomplete(_("There is no such edition of the policy."))
    newest = db.session.scalar(select(func.max(PolicyVersion.number)))
    if newest is not None and newest >= number:
        raise Conflict(_("This edition, or a later one, is published already."))
    if not actor.system and not today() <= from_on <= today() + dt.timedelta(days=366):
        sentence = _("Choose today or a day within a year.")
        raise Incomplete(sentence, fields={"from_on": sentence})
    _refuse_nameless()
    texts = draft(number)
    made = PolicyVersion(number=number, from_on=from_on, texts=texts, sha256=digest(texts), published_at=now())
    made.published_by_id = actor.user_id or None
    return made


def digest(texts: Mapping[str, Mapping[str, str]]) -> str:
    """The SHA-256 of a version's texts, as it is stored beside them."""
    return hashlib.sha256(json.dumps(texts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def changed(session: Session) -> list[PolicyVersion]:
    """The versions whose texts are not those that were published, for ``fsck``."""
    return [one for one in session.scalars(select(PolicyVersion)) if digest(one.texts) != one.sha256]


def _refuse_nameless() -> None:
    """Refuse while nobody has said who runs the platform.

    Raises:
        Incomplete: naming the empty settings.
    """
    names = ("OPERATOR_NAME", "OPERATOR_ADDRESS", "OPERATOR_DPO")
    empty = [name for name in names if not premises().settings[name]]
    if empty:
        raise Incomplete(_("The policy names these settings, and they are empty: %(names)s.", names=", ".join(empty)))


# --- accepted --------------------------------------------------------------------------------------------------------


@act("policy.accept", creates=PolicyAcceptance)
def accept(_actor: Actor, person: Person, *, number: int, language: str) -> PolicyAcceptance:
    """Accept the version that was on the screen.

    Raises:
        Conflict: another one is in force by now.
    """
    version = db.session.get(PolicyVersion, db.session.scalar(actors.policy_in_force(today())) or 0)
    if version is None or version.number != number:
        raise Conflict(_("Another version of the policy is in force by now. Read that one, then accept it."))
    mine = select(PolicyAcceptance).where(
        PolicyAcceptance.person_id == person.id,
        PolicyAcceptance.version_id == version.id,
        PolicyAcceptance.withdrawn_at.is_(None),
    )
    known: PolicyAcceptance | None = db.session.scalars(mine.limit(1)).first()
    if known is not None:
        return known  # a second click
    read_in = text_in(version, language).language
    return PolicyAcceptance(person_id=person.id, version_id=version.id, language=read_in, accepted_at=now())


@job("policies.forget", reason="expiry", every=Every.DAY)
def forget(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Delete who accepted what, years after the account ended: the limitation period is over."""
    over = now() - dt.timedelta(days=365.25 * premises().settings["ACCEPTANCE_YEARS"])
    ended = select(Person.id).where(Person.disabled_at < over)
    with sight.wide("expiry") as session:
        session.connection(execution_options={"writes": True})
        for row in session.scalars(select(PolicyAcceptance).where(PolicyAcceptance.person_id.in_(ended))).all():
            session.delete(row)
        session.commit()


# --- withdrawn -------------------------------------------------------------------------------------------------------


class Hanging(NamedTuple):
    """Records that hang on an account in a hospital, and who there decides whose they will be."""

    hospital_id: int
    hospital: str
    records: int
    ask: tuple[str, ...]


class Consequences(NamedTuple):
    """What withdrawing would end, in numbers."""

    places: int
    grants: int
    logins: int
    hanging: tuple[Hanging, ...]


def consequences(person_id: int) -> Consequences:
    """What withdrawing would end today; a place on which records hang, and the grants given from it, stay."""
    with sight.wide("policy") as session:
        hanging = tuple(_hanging(session, person_id))
        counted = {
            table: session.scalar(select(func.count(table.id)).where(where)) or 0
            for table, where in _ending(person_id, hanging).items()
        }
        places = counted[Membership] + counted[Mandate]
        return Consequences(places, counted[Grant], logins.count_of(person_id, session), hanging)


def _ending(person_id: int, hanging: Iterable[Hanging]) -> dict[type[Any], ColumnElement[bool]]:
    """Which of a person's places and grants end, by table: all that are not over, except where records hang on them."""
    kept = [one.hospital_id for one in hanging]
    stay = select(Centre.id).where(Centre.hospital_id.in_(kept))
    given_there = and_(Grant.clinician_id == person_id, Grant.hospital_id.in_(kept))
    mine = {
        Membership: and_(Membership.person_id == person_id, Membership.centre_id.not_in(stay)),
        Mandate: Mandate.person_id == person_id,
        Grant: and_(or_(Grant.clinician_id == person_id, Grant.assistant_id == person_id), not_(given_there)),
    }
    return {table: and_(where, spells.not_over(table)) for table, where in mine.items()}


def _hanging(session: Session, person_id: int) -> list[Hanging]:
    """The records a person treats that are not erased, by hospital."""
    mine = (Patient.clinician_id == person_id, Patient.state != PatientState.ERASED)
    counted = select(Hospital.id, Hospital.name, func.count(Patient.id)).join(Patient).where(*mine)
    found = session.execute(counted.group_by(Hospital.id, Hospital.name).order_by(Hospital.name)).all()
    return [
        Hanging(key, name, records, tuple(str(one) for one in deciders(session, key, person_id)))
        for key, name, records in found
    ]


def deciders(session: Session, hospital_id: int, leaver_id: int) -> list[Person]:
    """Who decides on the records of somebody who leaves: who represents the hospital, else who coordinates its networks."""
    mandate = actors.able_mandates(today()).subquery()
    networks = select(Centre.network_id).where(
        Centre.hospital_id == hospital_id, actors.in_force(Centre.__table__, today())
    )
    represents = (mandate.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE, mandate.c.hospital_id == hospital_id)
    coordinates = (mandate.c.kind == MandateKind.ERN_COORDINATOR, mandate.c.network_id.in_(networks))
    for where in (represents, coordinates):
        mandated = select(mandate.c.person_id).where(*where, mandate.c.person_id != leaver_id)
        people = select(Person).where(Person.id.in_(mandated)).order_by(Person.last_name, Person.id)
        found = session.scalars(people).unique().all()
        if found:
            return list(found)
    return []


@act("policy.withdraw", gives_away=True, blind=True)
def withdraw(_actor: Actor, person: Person) -> None:
    """Take the acceptance back: places end, the account is locked at once, other logins with it.

    Records are never orphaned: a membership on which some hang stays, with the grants given from it, until somebody takes
    them over; whoever decides that is told how many they are.

    Raises:
        NotAllowed: nobody else operates the platform.
    """
    accounts.refuse_last_operator(person)
    hanging = consequences(person.id).hanging
    for row in db.session.scalars(select(PolicyAcceptance).where(PolicyAcceptance.person_id == person.id)).all():
        row.withdrawn_at = row.withdrawn_at or now()
    for table, where in _ending(person.id, hanging).items():  # past one's own sight: a role that begins later sees none
        spells.end_where(db.session(), table, where, EndReason.POLICY_WITHDRAWN)
    for one in hanging:
        tell_deciders(person, one)
    messages.post(person.id, "account.ended", {"records": sum(one.records for one in hanging)})
    person.disabled_at = now()
    request_ends.look_after()
    jobs.ask("photos.sweep", {})
    logins.end_all(person.id)


def tell_deciders(person: Person, hanging: Hanging) -> None:
    """Tell who decides on the records of a person whose account is closed how many they are in a hospital."""
    with sight.wide("policy") as session:
        ids = [one.id for one in deciders(session, hanging.hospital_id, person.id)]
    facts = {"person": str(person), "place": hanging.hospital, "records": hanging.records}
    for person_id in ids:
        messages.post(person_id, "records.to-hand-over", facts)
