"""Who is told, once, that their place, a centre, a hospital or a network ends, or that an authorisation runs out.

``departures`` and ``people`` tell of what somebody ends. A last day that stands there otherwise (from the start, by a
correction) is told by a daily job, as near as a wind-down begins, also when it was reached untold. A mail's slot names the place and the
day, so whichever of the two comes second writes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from app import sight
from app.actors import KEEPERS, Actor, able_mandates, hospitals_left
from app.models import Authorisation, Centre, Hospital, Mail, Mandate, Membership, Network, today
from app.premises import premises
from app.scopes import present
from app.services import endings, messages, spells
from app.services.endings import Ending
from app.services.jobs import Every, job
from app.services.worklist import RENEW_DAYS
from app.words import MandateKind, Role

TOLD_LATE_DAYS = 14
"""How long after a last day it is still told, where nobody was told before."""


class Notice(NamedTuple):
    """A mail to be written. ``slot``: its name where there is one of it."""

    person_id: int
    kind: str
    facts: dict[str, Any]
    slot: str | None


class Farewell(NamedTuple):
    """Whom an ending concerns, read before it: afterwards it is over and not found any more."""

    notices: list[Notice]
    people: set[int]
    """Ids of those whose membership or mandate ends."""


def horizon() -> dt.date:
    """The latest last day that is told, and shown on Home, by itself: as far ahead as a wind-down begins."""
    ahead: dt.date = today() + dt.timedelta(days=premises().settings["WIND_DOWN_DAYS"])
    return ahead


def of(ending: Ending, last_day: dt.date | None) -> Farewell:
    """Whom an ending concerns, at once or on a last day, and what they are still to be told."""
    with sight.wide("leaving") as session:
        with_places = joinedload(Membership.centre).joinedload(Centre.hospital)
        members = select(Membership).where(Membership.id.in_(ending.memberships)).options(with_places)
        memberships = list(session.scalars(members).unique())
        mandates = list(session.scalars(select(Mandate).where(Mandate.id.in_(endings.mandates_of(ending)))).unique())
        leaving = _leaving(session, ending, last_day)
        told = [
            *_to_members(memberships, leaving, last_day),
            *_to_mandated(mandates, last_day),
            *_to_hospitals(session, leaving, memberships),
        ]
        return Farewell(_untold(session, told), {one.person_id for one in (*memberships, *mandates)})


def tell(notices: Iterable[Notice]) -> None:
    """Write the mails with the act under way."""
    for one in notices:
        messages.post(one.person_id, one.kind, one.facts, slot=one.slot)


def tell_member(membership: Membership, last_day: dt.date | None) -> None:
    """Tell a clinician, with the act under way, that their place ends; not twice of the same day."""
    _tell_one(_of_member(membership, last_day))


def tell_mandated(mandate: Mandate, last_day: dt.date | None) -> None:
    """Tell whoever has a mandate, with the act under way, that it ends; not twice of the same day."""
    _tell_one(_of_mandate(mandate, last_day))


def _tell_one(notice: Notice) -> None:
    with sight.wide("leaving") as session:
        untold = _untold(session, [notice])
    tell(untold)


def _untold(session: Session, notices: list[Notice]) -> list[Notice]:
    written = select(Mail.slot).where(Mail.slot.in_([one.slot for one in notices if one.slot]))
    known = set(session.scalars(written))
    return [one for one in notices if one.slot is None or one.slot not in known]


def _notice(person_id: int, kind: str, day: dt.date | None, what: str, facts: Mapping[str, Any]) -> Notice:
    said = None if day is None or day < today() else day
    return Notice(person_id, kind, {**facts, "day": said}, None if day is None else f"{kind} {what} {day:%Y-%m-%d}")


def _first(last_day: dt.date | None, spell: Any) -> dt.date | None:
    """The day something ends with its place: it may end sooner by itself."""
    return last_day if last_day is None or spell.to_on is None else min(last_day, spell.to_on)


def _outlasts(spell: Any, day: dt.date | None) -> bool:
    """Whether it would have gone on: whoever ends by then anyhow has been told of their own last day."""
    return day is None or spell.to_on is None or spell.to_on > day


# --- what each one is told -------------------------------------------------------------------------------------------


def _leaving(session: Session, ending: Ending, last_day: dt.date | None) -> dict[Hospital, dt.date | None]:
    """The hospitals that leave their last network, and when."""
    hospitals = Centre.hospital_id.in_(endings.losing_the_last(ending, last_day))
    if ending.centres is None:
        return {}
    centres = select(Centre).where(Centre.id.in_(ending.centres), hospitals).options(joinedload(Centre.hospital))
    found: dict[Hospital, dt.date | None] = {}
    for centre in session.scalars(centres).unique():
        days = (_first(last_day, centre), found.get(centre.hospital))
        found[centre.hospital] = max((day for day in days if day is not None), default=None)
    return found


def _to_members(
    memberships: list[Membership], leaving: Mapping[Hospital, Any], last_day: dt.date | None
) -> Iterator[Notice]:
    """To clinicians whose place ends and whose hospital goes on."""
    for one in memberships:
        centre, day = one.centre, _first(last_day, one.centre)
        if centre.hospital not in leaving and _outlasts(one, day):
            yield _of_member(one, day)


def _of_member(one: Membership, day: dt.date | None) -> Notice:
    facts = {"role": Role.CLINICIAN, "place": f"{one.centre.hospital.name}, {one.centre.name}"}
    return _notice(one.person_id, "place.ended", day, f"member {one.id}", facts)


def _to_mandated(mandates: list[Mandate], last_day: dt.date | None) -> Iterator[Notice]:
    for one in mandates:
        if _outlasts(one, last_day):
            yield _of_mandate(one, last_day)


def _of_mandate(one: Mandate, day: dt.date | None) -> Notice:
    place = one.hospital or one.network
    facts = {"role": one.kind, "place": None if place is None else str(place)}
    return _notice(one.person_id, "place.ended", day, f"mandate {one.id}", facts)


def _to_hospitals(
    session: Session, leaving: Mapping[Hospital, dt.date | None], memberships: list[Membership]
) -> Iterator[Notice]:
    """To the clinicians, representatives and data-protection contacts of hospitals that leave their last network."""
    by_id = {hospital.id: hospital for hospital in leaving}
    keepers = select(Mandate.person_id, Mandate.hospital_id).where(
        Mandate.hospital_id.in_(by_id), Mandate.kind.in_(KEEPERS), spells.not_over(Mandate)
    )
    pairs = {(one.person_id, one.centre.hospital_id) for one in memberships if one.centre.hospital in leaving}
    pairs |= {(person_id, hospital_id) for person_id, hospital_id in session.execute(keepers) if hospital_id}
    for person_id, hospital_id in sorted(pairs):
        hospital = by_id[hospital_id]
        what = f"{hospital_id} {person_id}"
        yield _notice(person_id, "hospital.leaves", leaving[hospital], what, {"place": hospital.name})


# --- last days that nobody announced ---------------------------------------------------------------------------------


@job("places.tell", reason="leaving", every=Every.DAY)
def tell_all(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Tell who is concerned that a place, a centre, a hospital or an authorisation comes to its last day; of each once."""
    with sight.wide("leaving") as session:
        centres = list(session.scalars(_by_itself(Centre).join(Hospital).where(spells.not_over(Hospital))).unique())
        hospitals = list(session.scalars(_by_itself(Hospital)).unique())
        due = _untold(session, [*_of_authorisations(session), *_of_own_days(session)])
    ends = [(endings.of_centre(one), one.to_on) for one in centres]
    ends += [(endings.of_hospital(one), one.to_on) for one in hospitals]
    for ending, day in ends:
        due += of(ending, day).notices
    for one in due:
        messages.post_once(one.person_id, one.kind, one.facts, slot=str(one.slot))


def _lately(last_day: Any, until: dt.date) -> ColumnElement[bool]:
    return and_(last_day >= today() - dt.timedelta(days=TOLD_LATE_DAYS), last_day <= until)


def _by_itself(table: type[Any]) -> Select[Any]:
    """Those whose last day is near: nobody announced it, or it was moved since; who has been told of that day is not told again."""
    return select(table).where(table.ended_at.is_(None), _lately(table.to_on, horizon()))


def _of_own_days(session: Session) -> Iterator[Notice]:
    """To clinicians and those with a mandate whose place ends no later than what it is in; guests are told by ``guests``."""
    members = _by_itself(Membership).join(Centre).join(Hospital)
    gone = or_(Centre.ended_at.is_not(None), Hospital.ended_at.is_not(None))  # they have been told
    members = members.where(_within(Membership, Centre), _within(Membership, Hospital), ~gone)
    with_places = joinedload(Membership.centre).joinedload(Centre.hospital)
    for member in session.scalars(members.options(with_places)).unique():
        yield _of_member(member, member.to_on)
    mandates = _by_itself(Mandate).outerjoin(Mandate.hospital).outerjoin(Mandate.network)
    ended = Hospital.ended_at.is_(None), Network.ended_at.is_(None)
    within = and_(_within(Mandate, Hospital), _within(Mandate, Network), *ended)
    told = (Mandate.kind != MandateKind.GUEST, or_(Mandate.kind.in_(KEEPERS), within))  # keepers outlast the hospital
    for mandate in session.scalars(mandates.where(*told)).unique():
        yield _of_mandate(mandate, mandate.to_on)


def _within(own: type[Any], place: type[Any]) -> ColumnElement[bool]:
    return or_(place.to_on.is_(None), own.to_on <= place.to_on)


def _of_authorisations(session: Session) -> Iterator[Notice]:
    """To who renews an authorisation, as Home does; a month before its end to the clinicians, who enrol nobody after it."""
    later = aliased(Authorisation)
    renewed = select(later.hospital_id).where(later.ended_at.is_(None), later.to_on > Authorisation.to_on)
    until = today() + dt.timedelta(days=RENEW_DAYS)
    ends = select(Authorisation).where(Authorisation.ended_at.is_(None), _lately(Authorisation.to_on, until))
    stays = Hospital.id.not_in(hospitals_left(today()))
    ends = ends.join(Hospital).where(stays, Hospital.id.not_in(renewed.correlate(Authorisation)))
    for one in session.scalars(ends.options(joinedload(Authorisation.hospital))).unique():
        near = one.to_on is not None and one.to_on <= today() + dt.timedelta(days=spells.SOON_DAYS)
        for person_id in sorted(_in_hospital(session, one.hospital_id, clinicians=near)):
            facts = {"place": one.hospital.name}
            yield _notice(person_id, "authorisation.ending", one.to_on, f"{one.id} {person_id}", facts)


def _in_hospital(session: Session, hospital_id: int, *, clinicians: bool) -> set[int]:
    """Ids of who keeps a hospital's archive, and of who may enrol there."""
    m, c = able_mandates(today()).subquery(), present(today()).subquery()
    keepers = select(m.c.person_id).where(m.c.hospital_id == hospital_id, m.c.kind.in_(KEEPERS))
    found = set(session.scalars(keepers))
    if clinicians:
        found |= set(session.scalars(select(c.c.person_id).where(c.c.hospital_id == hospital_id, c.c.may_enrol)))
    return found
