"""Idle accounts: whoever does not sign in is told twice, and the account is locked after a year.

Nothing is orphaned by it: who alone keeps something is not locked but stands at the desk of who minds them; the records of a
clinician are handed over by the hospital's representative (``handovers``), who is told. An operator opens the account again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import ColumnElement, Select, String, and_, func, literal, or_, select, type_coerce, union_all
from sqlalchemy.orm import Session

from app import sight
from app.act import act
from app.actors import Actor, able_mandates
from app.errors import WrongStep
from app.models import Mail, Mandate, Patient, Person, today
from app.services import accounts, messages, policies
from app.services.jobs import Every, each, job
from app.services.logins import IDLE_DAYS
from app.services.mail_rounds import STALE
from app.words import MailState, MandateKind, PatientState, Role, _

LISTED_DAYS = 270
"""After so many days without signing in an account stands at the desk."""
WARNED_DAYS = (7, 30)
"""How long before it is locked its owner is told, the last time first."""

TELLING_DAYS = 60
"""Of each year in which somebody is kept: in so many days the mail goes out, even if the job stood still. Sent mails are kept
longer (``messages``), so that it goes out once."""

OPERATES, TREATS = "operates", "treats"
PLACES = (Mandate.hospital_id, Mandate.network_id)
KEEPS: dict[str, object] = {
    # what somebody alone keeps, so that the account is not locked by itself; a mandate by its kind
    MandateKind.HOSPITAL_REPRESENTATIVE: _("Nobody else represents the hospital"),
    MandateKind.DATA_PROTECTION_CONTACT: _("The hospital has no other data-protection contact"),
    MandateKind.ERN_COORDINATOR: _("Nobody else coordinates the network"),
    MandateKind.UA_HUB: _("Nobody else works in the hub"),
    OPERATES: _("Nobody else operates the platform"),
    TREATS: _("Nobody could hand over the records"),
}


def is_open() -> ColumnElement[bool]:
    """Accounts one can sign in to."""
    return and_(Person.active.is_(True), Person.disabled_at.is_(None))


def since(days: int) -> ColumnElement[bool]:
    """Accounts nobody has signed in to for so many days."""
    return Person.seen_on <= today() - dt.timedelta(days=days)


def listed() -> ColumnElement[bool]:
    """Open accounts that stand at the desk."""
    return and_(is_open(), since(LISTED_DAYS))


def near() -> ColumnElement[bool]:
    """Open accounts that are locked within thirty days, or would be."""
    return and_(is_open(), since(IDLE_DAYS - WARNED_DAYS[-1]))


def day_of(person: Person) -> dt.date:
    """The day an open account is locked."""
    return max(person.seen_on + dt.timedelta(days=IDLE_DAYS), today())


# --- told ------------------------------------------------------------------------------------------------------------


@job("accounts.warn-idle", reason="idle", every=Every.DAY)
def warn(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Tell people thirty and seven days before their account is locked; each time once. Who is kept is told so, once a year."""
    with sight.wide("idle") as session:
        found = session.execute(select(Person.id, Person.seen_on).where(near()).order_by(Person.id)).all()
        keeps = kept(session, [person_id for person_id, _seen_on in found])
    for person_id, seen_on in found:
        if person_id in keeps:
            _tell_kept(person_id, seen_on)
            continue
        day = max(seen_on + dt.timedelta(days=IDLE_DAYS), today() + dt.timedelta(days=WARNED_DAYS[0]))
        before = next(days for days in WARNED_DAYS if (day - today()).days <= days)
        slot = _slot(person_id, seen_on, before)
        messages.post_once(person_id, "account.idle", {"since": seen_on, "day": day}, slot=slot)


def _tell_kept(person_id: int, seen_on: dt.date) -> None:
    year, days = divmod((today() - seen_on).days - (IDLE_DAYS - WARNED_DAYS[-1]), IDLE_DAYS)
    if days < TELLING_DAYS:
        slot = f"idle-kept {person_id} {seen_on:%Y-%m-%d} {year}"
        messages.post_once(person_id, "account.idle-kept", {"since": seen_on}, slot=slot)


def _slot(person_id: int, seen_on: dt.date, before: int) -> str:
    return f"idle {person_id} {seen_on:%Y-%m-%d} {before}"


# --- locked ----------------------------------------------------------------------------------------------------------


@act("person.lock-idle", blind=True)
def lock(_actor: Actor, person: Person) -> None:
    """Lock an account nobody has signed in to for a year, and tell who decides on the records that hang on it.

    Raises:
        WrongStep: somebody has signed in, it is locked already, or it alone keeps something.
    """
    idle = person.seen_on <= today() - dt.timedelta(days=IDLE_DAYS)
    with sight.wide("idle") as session:
        keeps = kept(session, [person.id])
    if not idle or person.disabled_at is not None or keeps:
        raise WrongStep(_("This account cannot be locked by itself."))
    accounts.refuse_last_operator(person)
    for hanging in policies.consequences(person.id).hanging:
        policies.tell_deciders(person, hanging)
    messages.post(person.id, "account.idle-locked", {"since": person.seen_on})
    accounts.lock(person)


@job("accounts.lock-idle", reason="idle", every=Every.DAY)
def lock_all(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Lock the accounts nobody has signed in to for a year."""
    with sight.wide("idle") as session:
        keys = due(session)
    each(actor, lock, Person, keys)


def due(session: Session, grace: int = 0) -> list[int]:
    """The ids of accounts to lock: a year is over, their owner was told a week ago, and they alone keep nothing.

    Args:
        session: a wide one.
        grace: days they should have been locked before.
    """
    after = dt.datetime.combine(today() - dt.timedelta(days=WARNED_DAYS[0] + grace - 1), dt.time(), dt.UTC)
    long = (is_open(), since(IDLE_DAYS + grace))
    theirs = (Mail.kind == "account.idle", Mail.person_id.in_(select(Person.id).where(*long)))
    told = (Mail.state.not_in([MailState.QUEUED, MailState.SENDING]), Mail.fault.is_distinct_from(STALE))
    told_at = func.coalesce(Mail.sent_at, Mail.written_at)
    slots = set(session.scalars(select(Mail.slot).where(*theirs, *told, told_at < after)))
    idle = select(Person.id, Person.seen_on).where(*long).order_by(Person.id)
    keys = [key for key, seen_on in session.execute(idle) if _slot(key, seen_on, WARNED_DAYS[0]) in slots]
    keeps = kept(session, keys)
    return [key for key in keys if key not in keeps]


def faults(session: Session) -> Iterator[int]:
    """Accounts the daily job should have locked, for ``fsck``: a day is its grace."""
    yield from due(session, grace=1)


# --- kept ------------------------------------------------------------------------------------------------------------


def keepers() -> dict[int, list[str]]:
    """Of those who would be locked within thirty days: who alone keeps something, and what (keys of ``KEEPS``)."""
    with sight.wide("idle") as session:
        return kept(session, list(session.scalars(select(Person.id).where(near()))))


def kept(session: Session, people: Sequence[int]) -> dict[int, list[str]]:
    """What each of these people alone keeps, by their ids; those who keep nothing alone are left out."""
    found: dict[int, list[str]] = {}
    if people:
        rows: Any = session.execute(union_all(_mandated(people), _operating(), _treating(people)))
        for person_id, what in rows:
            found.setdefault(person_id, []).append(what)
    return {person_id: sorted(set(found[person_id])) for person_id in people if person_id in found}


def _mandated(people: Sequence[int]) -> Select[int, str]:
    """Where these people have mandates: who is the only one with an open account there; also in hospitals that have left."""
    theirs = {column: select(column).where(Mandate.person_id.in_(people)) for column in PLACES}
    alike = union_all(able_mandates(today()), able_mandates(today(), left=True)).subquery()
    place = (alike.c.kind, alike.c.hospital_id, alike.c.network_id)
    alone = func.count(alike.c.person_id.distinct()) == 1
    kinds = [kind for kind in KEEPS if kind not in (OPERATES, TREATS)]
    there = (alike.c[column.key].in_(found.where(column.is_not(None))) for column, found in theirs.items())
    nowhere = and_(*(alike.c[column.key].is_(None) for column in theirs))  # the hub
    return (
        select(func.min(alike.c.person_id), type_coerce(alike.c.kind, String))
        .where(alike.c.kind.in_(kinds), or_(*there, nowhere))
        .group_by(*place)
        .having(alone)
    )


def _operating() -> Select[Any]:
    operators = Person.roles.any(FabRole.name == Role.ADMIN.value)
    alone = func.count(Person.id) == 1
    return select(func.min(Person.id), literal(OPERATES)).where(operators, is_open()).having(alone)


def _treating(people: Sequence[int]) -> Select[int, str]:
    """Who treats patients in a hospital nobody else represents; in one that has left, nobody else protects the data of."""
    represents, protects = able_mandates(today()).subquery(), able_mandates(today(), left=True).subquery()

    def others(mandate: Any, kind: MandateKind) -> Select[Any]:
        found = select(mandate.c.hospital_id).where(mandate.c.kind == kind, mandate.c.hospital_id.is_not(None))
        return found.where(mandate.c.person_id != Patient.clinician_id).correlate(Patient)

    minded = or_(
        Patient.hospital_id.in_(others(represents, MandateKind.HOSPITAL_REPRESENTATIVE)),
        Patient.hospital_id.in_(others(protects, MandateKind.DATA_PROTECTION_CONTACT)),
    )
    theirs = (Patient.clinician_id.in_(people), Patient.state != PatientState.ERASED)
    return select(Patient.clinician_id, literal(TREATS)).where(*theirs, ~minded).distinct()
