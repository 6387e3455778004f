"""What hangs on people and places that are about to end: a preview in numbers, the same for a person and for a network.

Whoever ends something sees it first. ``endings`` says what ends with what and who leaves a
hospital by it; ``HANGS`` counts what hangs on these people there. What there is none of is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app import sight
from app.models import (
    BlankForm,
    Centre,
    ConsentForm,
    ExpertGroup,
    Grant,
    Handover,
    Mandate,
    Membership,
    MembershipRequest,
    Patient,
    Person,
    RequestConfirmation,
    today,
)
from app.scopes import enrollers, present
from app.services import endings, spells
from app.services.endings import Ending
from app.services.requests import OPEN
from app.words import OPEN_FORMS, BlankState, ConfirmationState, HandoverState, PatientState, RequestKind, _, n_

Said = Callable[[int], object]


class Kind(NamedTuple):
    """One kind of thing that hangs on people in hospitals: how many there are, and what is said of them."""

    counted: Callable[[FromClause], Select[Any]]
    """Of pairs (person id, hospital id)."""
    said: Said


def _in(pairs: FromClause, person: Any, hospital: Any) -> ColumnElement[bool]:
    return tuple_(person, hospital).in_(select(pairs.c.person_id, pairs.c.hospital_id))


def _whose(pairs: FromClause) -> Select[Any]:
    return select(pairs.c.person_id)


def records(pairs: FromClause) -> Select[Any]:
    """How many records these people treat in these hospitals."""
    theirs = _in(pairs, Patient.clinician_id, Patient.hospital_id)
    return select(func.count(Patient.id)).where(theirs, Patient.state != PatientState.ERASED)


def _forms(pairs: FromClause) -> Select[Any]:
    theirs = (_in(pairs, Patient.clinician_id, Patient.hospital_id), ConsentForm.state.in_(OPEN_FORMS))
    return select(func.count(ConsentForm.id)).join_from(ConsentForm, Patient).where(*theirs)


def _blanks(pairs: FromClause) -> Select[Any]:
    theirs = (_in(pairs, BlankForm.clinician_id, BlankForm.hospital_id), BlankForm.state == BlankState.PRINTED)
    return select(func.count(BlankForm.id)).where(*theirs)


def _given(pairs: FromClause) -> Select[Any]:
    theirs = (_in(pairs, Grant.clinician_id, Grant.hospital_id), spells.not_over(Grant))
    return select(func.count(Grant.id)).where(*theirs)


def _received(pairs: FromClause) -> Select[Any]:
    theirs = (_in(pairs, Grant.assistant_id, Grant.hospital_id), spells.not_over(Grant))
    return select(func.count(Grant.id)).where(*theirs)


def _offers(pairs: FromClause) -> Select[Any]:
    theirs = (_in(pairs, Handover.to_id, Handover.hospital_id), Handover.state == HandoverState.PROPOSED)
    return select(func.count(Handover.id)).where(*theirs)


def _asked(pairs: FromClause) -> Select[Any]:
    guests = and_(MembershipRequest.kind == RequestKind.GUEST, Person.id.in_(_whose(pairs)))
    here = or_(guests, _in(pairs, Person.id, MembershipRequest.hospital_id))
    found = select(func.count(RequestConfirmation.id.distinct())).join(RequestConfirmation.request)
    named = found.join(Person, func.lower(Person.email) == RequestConfirmation.email)
    return named.where(RequestConfirmation.state == ConfirmationState.ASKED, MembershipRequest.state.in_(OPEN), here)


def _guests(pairs: FromClause) -> Select[Any]:
    return select(func.count(Mandate.id)).where(Mandate.host_id.in_(_whose(pairs)), spells.not_over(Mandate))


def _mandates(pairs: FromClause) -> Select[Any]:
    theirs = (_in(pairs, Mandate.person_id, Mandate.hospital_id), spells.not_over(Mandate))
    return select(func.count(Mandate.id)).where(*theirs)


HANGS: tuple[Kind, ...] = (
    # how many, what is said of them; a later kind is a row more
    Kind(
        records,
        lambda n: n_(
            "%(num)s record: a colleague has to take it over", "%(num)s records: colleagues have to take them over", n
        ),
    ),
    Kind(
        _forms,
        lambda n: n_(
            "%(num)s form under way: it goes with its record", "%(num)s forms under way: they go with their records", n
        ),
    ),
    Kind(
        _blanks,
        lambda n: n_(
            "%(num)s blank form that has not come back: it can no longer be bound then",
            "%(num)s blank forms that have not come back: they can no longer be bound then",
            n,
        ),
    ),
    Kind(_given, lambda n: n_("%(num)s grant to an assistant: it ends", "%(num)s grants to assistants: they end", n)),
    Kind(
        _received,
        lambda n: n_("%(num)s grant from a clinician: it ends", "%(num)s grants from clinicians: they end", n),
    ),
    Kind(
        _offers,
        lambda n: n_(
            "%(num)s record offered by a colleague: it stays with that colleague",
            "%(num)s records offered by colleagues: they stay with them",
            n,
        ),
    ),
    Kind(
        _asked,
        lambda n: n_(
            "%(num)s request for access waits for a word from who leaves: somebody else has to be named",
            "%(num)s requests for access wait for a word from who leaves: somebody else has to be named",
            n,
        ),
    ),
    Kind(
        _guests,
        lambda n: n_(
            "%(num)s guest: another host has to admit them anew",
            "%(num)s guests: other hosts have to admit them anew",
            n,
        ),
    ),
    Kind(
        _mandates,
        lambda n: n_(
            "%(num)s mandate in this hospital: end it too", "%(num)s mandates in this hospital: end them too", n
        ),
    ),
)


# --- said -----------------------------------------------------------------------------------------------------------


def on_people(ending: Ending) -> list[object]:
    """What hangs on the people who leave a hospital by it, and who can take over, as sentences with numbers."""
    with sight.wide("leaving") as session:
        return list(_on_people(session, ending))


def _on_people(session: Session, ending: Ending) -> Iterable[object]:
    pairs = endings.leavers(ending.memberships)
    dispatchers = session.scalar(select(func.count()).select_from(endings.dispatchers_of(ending).subquery())) or 0
    if dispatchers:
        yield n_("%(num)s mandate as dispatcher: it ends", "%(num)s mandates as dispatchers: they end", dispatchers)
    counted = [(kind, session.scalar(kind.counted(pairs)) or 0) for kind in HANGS]
    yield from (kind.said(number) for kind, number in counted if number)
    if counted[0][1]:
        yield _who_takes_over(session.scalar(_takers(pairs)) or 0)


def _takers(pairs: FromClause) -> Select[Any]:
    """How many people can take over what these leave behind: who may enrol in the same hospital, and stays."""
    member, there = enrollers(today()).subquery(), present(today()).subquery()
    able = tuple_(member.c.person_id, member.c.hospital_id)
    stay = able.in_(select(there.c.person_id, there.c.hospital_id))
    left = able.in_(select(pairs.c.person_id, pairs.c.hospital_id))
    here = member.c.hospital_id.in_(select(pairs.c.hospital_id))
    return select(func.count(member.c.person_id.distinct())).where(here, stay, ~left)


def _who_takes_over(number: int) -> object:
    if not number:
        return _("Nobody else in the same hospital can take over records")
    return n_(
        "%(num)s colleague of the same hospital can take over records",
        "%(num)s colleagues of the same hospital can take over records",
        number,
    )


# --- what ends -------------------------------------------------------------------------------------------------------


PLACES: tuple[tuple[Callable[[Ending], Select[Any]], Said], ...] = (
    # what ends with places, how many, what is said of it
    (
        lambda e: select(func.count(Centre.id)).where(Centre.id.in_(e.centres if e.centres is not None else [])),
        lambda n: n_("%(num)s centre leaves its network.", "%(num)s centres leave their networks.", n),
    ),
    (
        lambda e: select(func.count(Membership.id)).where(Membership.id.in_(e.memberships)),
        lambda n: n_("%(num)s membership ends.", "%(num)s memberships end.", n),
    ),
    (
        lambda e: select(func.count(Mandate.id)).where(Mandate.id.in_(endings.mandates_of(e))),
        lambda n: n_("%(num)s mandate ends.", "%(num)s mandates end.", n),
    ),
    (
        lambda e: select(func.count(ExpertGroup.id)).where(
            ExpertGroup.network_id == (e.network_id or 0), spells.not_over(ExpertGroup)
        ),
        lambda n: n_("%(num)s expert group ends.", "%(num)s expert groups end.", n),
    ),
    (
        lambda e: select(func.count(MembershipRequest.id)).where(
            MembershipRequest.state.in_(OPEN),
            MembershipRequest.centre_id.in_(e.centres if e.centres is not None else []),
        ),
        lambda n: n_(
            "%(num)s open request for access can no longer be accepted.",
            "%(num)s open requests for access can no longer be accepted.",
            n,
        ),
    ),
    (
        lambda e: select(func.count()).select_from(endings.without_a_place(e).subquery()),
        lambda n: n_(
            "%(num)s person has no other place: nothing opens to them any more, and their logins end.",
            "%(num)s people have no other place: nothing opens to them any more, and their logins end.",
            n,
        ),
    ),
    (
        lambda e: select(func.count()).select_from(endings.losing_the_last(e).subquery()),
        lambda n: n_(
            "%(num)s hospital leaves its last network: it exports its archive, and then its records can only be read.",
            "%(num)s hospitals leave their last network: they export their archives, and then their records can only be "
            "read.",
            n,
        ),
    ),
)


def told(ending: Ending) -> list[object]:
    """The same after what ends itself."""
    with sight.wide("leaving") as session:
        counted = [(said, session.scalar(count(ending)) or 0) for count, said in PLACES]
        places = [said(number) for said, number in counted if number]
        return [*places, *_on_people(session, ending)]
