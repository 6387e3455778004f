"""Deciding on requests for a place: the hospital confirms, the colleague named confirms, the network accepts.

Accepting makes the membership, or the mandate and its grants, in the same act. Nobody decides on their own request: the
scopes leave it out. What the applicant does is ``requests``.
"""

from __future__ import annotations

import datetime as dt

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
from app.services import applicants, finder, stays
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
        MembershipRequest.registered_with.is_not_distinct_from(request.registered_with),
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
    """Say no, or take one's word back while the request waits.

    The applicant is not told: nobody learns that the address is somebody's.

    Raises:
        WrongStep: one's word has brought the request on already.
    """
    request = confirmation.request
    if confirmation.scope is not None and request.state not in OPEN:
        raise WrongStep(_("This request is over."))
    if request.host_id == actor.user_id:
        raise WrongStep(_("The ERN decides now. Tell its coordinator that you are not the host."))
    confirmation.person_id, confirmation.answered_at, confirmation.scope = actor.user_id, now(), None


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
        WrongStep: the hospital or centre is over, the account is locked, the person has the place already, or somebody has
            still to confirm.
    """
    refuse_closed(request)
    if applicants.is_locked(request.person_id):
        raise WrongStep(_("This account is locked, so the request cannot be accepted."))
    _refuse_both_words(actor, request)
    _decided(actor, request)
    match request.kind:
        case RequestKind.CLINICIAN:
            refuse_member(request.person_id, request.centre_id)
            _refuse_return(request)
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


def _refuse_both_words(actor: Actor, request: MembershipRequest) -> None:
    """Refuse that one person says the hospital's word and the network's, where somebody else could say one."""
    if request.confirmed_by_id != actor.user_id:
        return
    centres = [request.centre] if request.centre else finder.centres_of(request.hospital_id)
    if finder.coordinated({one.network_id for one in centres}, [actor.user_id, request.person_id]):
        raise WrongStep(_("You have confirmed this for the hospital. Another coordinator of the network accepts it."))


def _refuse_return(request: MembershipRequest) -> None:
    """Refuse to bring somebody back to their patients without the hospital's word."""
    if request.confirmed_by is None and applicants.worked_at(request.person_id, request.hospital_id or 0):
        raise WrongStep(_("This person worked in this hospital before. Record the hospital’s word first."))


def _admit_assistant(actor: Actor, request: MembershipRequest) -> None:
    if request.confirmed_by is None:
        raise WrongStep(_("The hospital has not confirmed this person yet. Record who at the hospital did, first."))
    given = [one for one in request.confirmations if _still_holds(one)]
    if not given:
        raise WrongStep(_("No clinician has confirmed this assistant yet. Ask the applicant to remind them."))
    enter_assistant(actor, request.hospital, request=request)
    for one in given:
        enter_grant(actor, request.hospital, request=request, confirmation=one)


def _still_holds(confirmation: RequestConfirmation) -> bool:
    """Whether a clinician has confirmed it who works there to this day."""
    given, hospital_id = confirmation.state is ConfirmationState.GIVEN, confirmation.request.hospital_id
    return given and stays.current(confirmation.person_id or 0, hospital_id or 0) is not None


def _introduce(request: MembershipRequest) -> None:
    """What the account did not say about the person's work is taken over from the request."""
    person = db.session.get_one(Person, request.person_id)
    for name in ("job_title", "institution", "country_code"):
        if not getattr(person, name) and getattr(request, name):
            setattr(person, name, getattr(request, name))
