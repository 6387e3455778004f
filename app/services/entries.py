"""What accepting a request makes: memberships, mandates and grants. Whether it is accepted is ``admissions``."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import (
    Centre,
    Grant,
    Hospital,
    Mandate,
    Membership,
    MembershipRequest,
    Person,
    RequestConfirmation,
    db,
    today,
)
from app.services import spells, stays
from app.services.people import GUEST_DAYS
from app.services.requests import wrong
from app.words import MandateKind, _


@act("membership.enter", creates=Membership)
def enter(actor: Actor, centre: Centre, *, request: MembershipRequest) -> Membership:
    """Make the applicant a member; who may enrol, the hospital has said."""
    return Membership(
        person_id=request.person_id,
        centre_id=centre.id,
        appointed_by_id=actor.user_id,
        from_on=today(),
        may_enrol=request.confirmed_by is not None,
        employment_by=request.confirmed_by,
        employment_on=request.confirmed_on,
        employment_how=request.confirmed_how,
        stay=stays.joined(request.person_id, centre.hospital_id, today()),
    )


@act("mandate.enter-assistant", creates=Mandate)
def enter_assistant(actor: Actor, hospital: Hospital, *, request: MembershipRequest) -> Mandate:
    """Make the applicant an assistant in the hospital.

    Raises:
        WrongStep: the person is one already.
    """
    same = select(Mandate.id).where(
        Mandate.person_id == request.person_id,
        Mandate.kind == MandateKind.ASSISTANT,
        Mandate.hospital_id == hospital.id,
        spells.not_over(Mandate),
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise WrongStep(_("This person is an assistant of this hospital already."))
    return Mandate(
        person_id=request.person_id,
        kind=MandateKind.ASSISTANT,
        hospital_id=hospital.id,
        appointed_by_id=actor.user_id,
        from_on=today(),
    )


@act("mandate.enter-guest", creates=Mandate)
def enter_guest(actor: Actor, host: Person, *, request: MembershipRequest) -> Mandate:
    """Admit the applicant as a guest of the host for ninety days.

    Raises:
        WrongStep: the person is one already: a stay is not prolonged by asking again.
    """
    same = select(Mandate.id).where(
        Mandate.person_id == request.person_id,
        Mandate.kind == MandateKind.GUEST,
        Mandate.host_id == host.id,
        spells.not_over(Mandate),
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise WrongStep(_("This person is a guest of this host already."))
    return Mandate(
        person_id=request.person_id,
        kind=MandateKind.GUEST,
        host_id=host.id,
        appointed_by_id=actor.user_id,
        from_on=today(),
        to_on=today() + dt.timedelta(days=GUEST_DAYS),
    )


@act("grant.enter", creates=Grant, gives_away=True)
def enter_grant(
    _actor: Actor, hospital: Hospital, *, request: MembershipRequest, confirmation: RequestConfirmation
) -> Grant:
    """Give the assistant what the clinician confirmed; records that are chosen one by one are chosen later.

    Raises:
        WrongStep: the clinician or the assistant has left meanwhile.
    """
    stay = stays.current(confirmation.person_id or 0, hospital.id)
    mandate_id = stays.assisting(request.person_id, hospital.id)
    if stay is None or mandate_id is None:
        raise WrongStep(_("This person is no longer an assistant of your hospital."))
    return Grant(
        clinician_id=confirmation.person_id,
        assistant_id=request.person_id,
        hospital_id=hospital.id,
        scope=confirmation.scope,
        from_on=today(),
        stay=stay,
        mandate_id=mandate_id,
    )


@act("membership.confirm-employment")
def confirm_employment(_actor: Actor, membership: Membership, *, name: str, on: dt.date, how: str) -> None:
    """Record that the hospital confirmed a member's employment: from now on the person may enrol.

    Raises:
        Incomplete: the day cannot be right.
        WrongStep: it is recorded already, or the membership is over.
    """
    spells.refuse_over(membership)
    if membership.may_enrol:
        raise WrongStep(_("This is confirmed already."))
    check_day(on)
    membership.may_enrol = True
    membership.employment_by, membership.employment_on, membership.employment_how = name, on, how


def check_day(on: dt.date) -> None:
    """Refuse a day on which nobody can have confirmed an employment that counts today.

    Raises:
        Incomplete: with the sentence by ``on``.
    """
    if on > today() + dt.timedelta(days=1):
        raise wrong("on", _("This date lies in the future."))
    if on < today() - dt.timedelta(days=365):
        raise wrong("on", _("This is more than a year ago. Ask the hospital again."))
