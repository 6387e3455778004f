"""Deciding on requests for a place: the hospital confirms, the colleague named confirms, the network accepts.

Accepting makes the membership, or the mandate and its grants, in the same act. Nobody decides on their own request: the
scopes leave it out. What the applicant does is ``requests``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.errors import WrongStep
from app.models import (
    MembershipRequest,
    Person,
    RequestConfirmation,
    db,
    now,
    today,
)
from app.scopes import clause, represented_requests
from app.services.entries import check_day, enter, enter_assistant, enter_grant, enter_guest
from app.services.requests import OPEN, note, refuse_closed, refuse_member, tell, wrong
from app.words import ConfirmationState, GrantScope, RequestKind, RequestState, _

TARGET = dt.timedelta(hours=24)
"""Within which a request is to be decided (DOMAIN.md section 3)."""


def is_late(request: MembershipRequest) -> bool:
    """Whether a request that waits is older than the target."""
    waits = request.state in (RequestState.AT_HOST, RequestState.AT_HOSPITAL, RequestState.AT_NETWORK)
    return waits and request.submitted_at is not None and now() - request.submitted_at > TARGET


# --- the hospital's word ---------------------------------------------------------------------------------------------


@act("request.confirm")
def confirm(actor: Actor, request: MembershipRequest) -> None:
    """Say for the hospital that the applicant works there and that the registration number is right.

    It holds for every request of this person for a centre of the hospital.

    Raises:
        WrongStep: the hospital or the centre is over.
    """
    refuse_closed(request)
    _confirmed_by(actor, request)
    same = select(MembershipRequest).where(
        MembershipRequest.person_id == request.person_id,
        MembershipRequest.hospital_id == request.hospital_id,
        MembershipRequest.kind == request.kind,
        MembershipRequest.registration_number.is_not_distinct_from(request.registration_number),
        MembershipRequest.state == RequestState.AT_HOSPITAL,
        MembershipRequest.id != request.id,
    )
    for other in db.session.scalars(same.with_for_update(of=MembershipRequest)).unique().all():
        confirm_too(actor, other)


@act("request.confirm-too")
def confirm_too(actor: Actor, request: MembershipRequest) -> None:
    """Say the same for another centre of the hospital."""
    _confirmed_by(actor, request)


def _confirmed_by(actor: Actor, request: MembershipRequest) -> None:
    person = db.session.get_one(Person, actor.user_id)
    request.confirmed_by_id, request.confirmed_by, request.confirmed_on = person.id, str(person), today()
    note(request, "request.confirm", "hospital")
    tell(request, "request.confirmed")


@act("request.record-employment")
def record_employment(_actor: Actor, request: MembershipRequest, *, name: str, on: dt.date, how: str) -> None:
    """Record who at a hospital that nobody represents here confirmed the employment, on which day and how.

    Raises:
        Incomplete: the day cannot be right.
        WrongStep: the hospital or the centre is over.
    """
    refuse_closed(request)
    check_day(on)
    request.confirmed_by, request.confirmed_on, request.confirmed_how = name, on, how
    note(request, "request.record-employment", "network")
    tell(request, "request.confirmed")


# --- the colleague's word --------------------------------------------------------------------------------------------


@act("request_confirmation.give")
def give(actor: Actor, confirmation: RequestConfirmation, *, scope: GrantScope | None = None) -> None:
    """Confirm that one is to be assisted, with a grant of all records or of those chosen later; or that one is the host.

    Raises:
        Incomplete: it is not said which records.
        WrongStep: the request is over.
    """
    request = confirmation.request
    if request.kind is RequestKind.ASSISTANT and scope is None:
        raise wrong("scope", _("Choose one."))
    if request.state not in (*OPEN, RequestState.ACCEPTED):
        raise WrongStep(_("This request is over."))
    confirmation.person_id, confirmation.answered_at, confirmation.scope = actor.user_id, now(), scope
    if request.kind is RequestKind.GUEST:
        host(actor, request)
    elif request.state is RequestState.ACCEPTED and request.hospital is not None:
        enter_grant(actor, request.hospital, request=request, confirmation=confirmation)


@act("request.host")
def host(actor: Actor, request: MembershipRequest) -> None:
    """Note who is the host: now the network decides."""
    request.host_id = actor.user_id
    note(request, "request.host", "host")
    tell(request, "request.confirmed")


@act("request_confirmation.decline")
def decline(actor: Actor, confirmation: RequestConfirmation) -> None:
    """Say no. The applicant is not told: nobody learns that the address is somebody's."""
    confirmation.person_id, confirmation.answered_at = actor.user_id, now()


# --- the decision ----------------------------------------------------------------------------------------------------


@act("request.ask-back")
def ask_back(actor: Actor, request: MembershipRequest, *, question: str) -> None:
    """Ask the applicant something; it waits for the answer."""
    request.question = question
    note(request, "request.ask-back", _side(actor, request), question)
    tell(request, "request.asked")


@act("request.refuse")
def refuse(actor: Actor, request: MembershipRequest, *, reason: str) -> None:
    """Refuse, with a reason the applicant reads."""
    _decided(actor, request)
    request.decision_reason, request.question = reason, None
    note(request, "request.refuse", _side(actor, request), reason)
    tell(request, "request.refused")


@act("request.accept")
def accept(actor: Actor, request: MembershipRequest) -> None:
    """Accept: the place is made with it. Without the hospital's word a clinician may join, but not enrol.

    Raises:
        WrongStep: the hospital or centre is over, the person has the place already, or somebody has still to confirm.
    """
    refuse_closed(request)
    _decided(actor, request)
    match request.kind:
        case RequestKind.CLINICIAN:
            refuse_member(request.person_id, request.centre_id)
            enter(actor, request.centre, request=request)
        case RequestKind.ASSISTANT:
            _admit_assistant(actor, request)
        case RequestKind.GUEST:
            enter_guest(actor, db.session.get(Person, request.host_id), request=request)
    note(request, "request.accept", "network")
    tell(request, "request.accepted")
    _introduce(request)


def _decided(actor: Actor, request: MembershipRequest) -> None:
    request.decided_by_id, request.decided_at = actor.user_id, now()


def _side(actor: Actor, request: MembershipRequest) -> str:
    """For whom the actor speaks."""
    mine = select(MembershipRequest.id).where(
        MembershipRequest.id == request.id,
        clause(MembershipRequest, [represented_requests(actor, MembershipRequest)]),
    )
    return "network" if db.session.scalar(mine) is None else "hospital"


def _admit_assistant(actor: Actor, request: MembershipRequest) -> None:
    if request.confirmed_by is None:
        raise WrongStep(_("The hospital has not confirmed this person yet. Record who at the hospital did, first."))
    given = [one for one in request.confirmations if one.state is ConfirmationState.GIVEN]
    if not given:
        raise WrongStep(_("No clinician has confirmed this assistant yet. Ask the applicant to remind them."))
    enter_assistant(actor, request.hospital, request=request)
    for one in given:
        enter_grant(actor, request.hospital, request=request, confirmation=one)


def _introduce(request: MembershipRequest) -> None:
    """What the account did not say about the person's work is taken over from the request."""
    person = db.session.get_one(Person, request.person_id)
    for name in ("job_title", "institution", "country_code"):
        if not getattr(person, name) and getattr(request, name):
            setattr(person, name, getattr(request, name))


# --- several at once, and who decides --------------------------------------------------------------------------------


def unfit(request: MembershipRequest) -> Any:
    """Why a request cannot be accepted together with others; ``None`` when it can."""
    if request.kind is not RequestKind.CLINICIAN:
        return _("Only clinicians are accepted together.")
    if request.state is not RequestState.AT_NETWORK or request.confirmed_by is None:
        return _("The hospital has not confirmed this.")
    if not request.registration_number:
        return _("The registration number is missing.")
    if not same_domain(request):
        return _("The e-mail address is not one of the hospital.")
    return None


def same_domain(request: MembershipRequest) -> bool:
    """Whether the applicant writes from the hospital's own domain, or one below it."""
    if request.hospital is None or not request.email:
        return False
    own, theirs = (address.rpartition("@")[2].lower() for address in (request.email, request.hospital.email))
    return bool(theirs) and (own == theirs or own.endswith(f".{theirs}"))
