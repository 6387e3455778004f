"""The privacy policy: published by the operator, accepted by everybody before anything else, withdrawn at any time.

Whether a person has accepted is asked with every page (``actors.load``). The texts are ``outside.policies``; what a person
may do before accepting is ``access.BEFORE_THE_POLICY``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import and_, func, not_, or_, select
from sqlalchemy.orm import Session

from app import actors, sight
from app.act import act
from app.actors import Actor
from app.errors import Conflict, Incomplete, NotAllowed
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
from app.services import logins, messages, spells
from app.services.jobs import Every, job
from app.words import MandateKind, PatientState, Role, _

WITHDRAWN = "privacy policy withdrawn"
"""Why what a person held ended, as it is stored."""


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
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    made = PolicyVersion(number=number, from_on=from_on, texts=texts, sha256=digest, published_at=now())
    made.published_by_id = actor.user_id or None
    return made


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
        kept = [one.hospital_id for one in hanging]
        stay = select(Centre.id).where(Centre.hospital_id.in_(kept))
        given_there = and_(Grant.clinician_id == person_id, Grant.hospital_id.in_(kept))
        members = (Membership.person_id == person_id, spells.not_over(Membership), Membership.centre_id.not_in(stay))
        mandates = (Mandate.person_id == person_id, spells.not_over(Mandate))
        mine = or_(Grant.clinician_id == person_id, Grant.assistant_id == person_id)
        grants = (mine, spells.not_over(Grant), not_(given_there))
        counted = [
            session.scalar(select(func.count(table.id)).where(*where)) or 0
            for table, where in ((Membership, members), (Mandate, mandates), (Grant, grants))
        ]
        return Consequences(counted[0] + counted[1], counted[2], logins.count_of(person_id, session), hanging)


def _hanging(session: Session, person_id: int) -> list[Hanging]:
    """The records a person treats that are not erased, by hospital."""
    mine = (Patient.clinician_id == person_id, Patient.state != PatientState.ERASED)
    counted = select(Hospital.id, Hospital.name, func.count(Patient.id)).join(Patient).where(*mine)
    found = session.execute(counted.group_by(Hospital.id, Hospital.name).order_by(Hospital.name)).all()
    return [Hanging(key, name, records, _representatives(session, key)) for key, name, records in found]


def _representatives(session: Session, hospital_id: int) -> tuple[str, ...]:
    return tuple(str(person) for person in session.scalars(_representing(hospital_id)).unique())


def _representing(hospital_id: int) -> Any:
    kind, there = MandateKind.HOSPITAL_REPRESENTATIVE, Mandate.hospital_id == hospital_id
    statement = select(Person).join(Mandate, Mandate.person_id == Person.id).where(Mandate.kind == kind, there)
    return statement.where(actors.in_force(Mandate.__table__, today())).order_by(Person.last_name, Person.id)


@act("policy.withdraw", gives_away=True, blind=True)
def withdraw(actor: Actor, person: Person) -> None:
    """Take the acceptance back: places end, the account is locked at once, other logins with it.

    Records are never orphaned: a membership on which some hang stays, with the grants given from it, until somebody takes
    them over; the hospital's representatives are told how many they are.

    Raises:
        NotAllowed: nobody else operates the platform.
    """
    _refuse_last_operator(actor, person)
    hanging = consequences(person.id).hanging
    kept = {one.hospital_id for one in hanging}
    for row in db.session.scalars(select(PolicyAcceptance).where(PolicyAcceptance.person_id == person.id)).all():
        row.withdrawn_at = row.withdrawn_at or now()
    _end_places(person, kept)
    for one in hanging:
        _tell_representatives(person, one)
    messages.post(person.id, "account.ended", {"records": sum(one.records for one in hanging)})
    person.disabled_at = now()
    logins.end_all(person.id)


def _end_places(person: Person, kept: set[int]) -> None:
    """End what a person holds and has given, except where records hang on it."""
    held: list[Any] = [
        *db.session.scalars(select(Membership).where(Membership.person_id == person.id, spells.not_over(Membership))),
        *db.session.scalars(select(Mandate).where(Mandate.person_id == person.id, spells.not_over(Mandate))),
        *db.session.scalars(
            select(Grant).where(
                or_(Grant.clinician_id == person.id, Grant.assistant_id == person.id), spells.not_over(Grant)
            )
        ),
    ]
    for spell in held:
        given = isinstance(spell, Grant) and spell.clinician_id == person.id
        place = spell.centre.hospital_id if isinstance(spell, Membership) else spell.hospital_id
        if place not in kept or not (given or isinstance(spell, Membership)):
            spells.end(spell, WITHDRAWN)


def _tell_representatives(person: Person, hanging: Hanging) -> None:
    with sight.wide("policy") as session:
        ids = [one.id for one in session.scalars(_representing(hanging.hospital_id)).unique() if one.id != person.id]
    facts = {"person": str(person), "place": hanging.hospital, "records": hanging.records}
    for person_id in ids:
        messages.post(person_id, "records.to-hand-over", facts)


def _refuse_last_operator(actor: Actor, person: Person) -> None:
    if not actor.is_(Role.ADMIN):
        return
    with sight.wide("policy") as session:
        others = select(Person.id).where(
            Person.roles.any(FabRole.name == Role.ADMIN.value),
            Person.id != person.id,
            Person.active,
            Person.disabled_at.is_(None),
        )
        if session.scalar(others.limit(1)) is None:
            raise NotAllowed(_("Nobody else operates this platform. Make another operator first."))
