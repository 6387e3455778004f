"""Requests for a place, as the applicant makes them: send, answer, correct, withdraw. Filling one in is ``request_drafts``.

One row a place: whoever asks for several centres of a hospital sends as many requests at once, since each network decides
for itself. Confirming and deciding are ``admissions``.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload

from app import steps
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, WrongStep
from app.models import (
    Centre,
    Membership,
    MembershipRequest,
    Person,
    RequestConfirmation,
    db,
    now,
)
from app.services import accounts, messages, spells
from app.words import RequestKind, RequestState, _

OPEN = (
    RequestState.AT_HOST,
    RequestState.AT_HOSPITAL,
    RequestState.ASKED_BY_HOSPITAL,
    RequestState.AT_NETWORK,
    RequestState.ASKED_BY_NETWORK,
)
MOST_OPEN = 12
ANSWERS = (
    "hospital_id",
    "centre_id",
    "job_title",
    "registration_number",
    "registered_with",
    "areas",
    "orpha_codes",
    "expertise",
    "languages",
    "institution",
    "country_code",
    "reason",
)
"""What the applicant answers; a new request takes it over from one that ended."""


def wrong(name: str, sentence: object) -> Incomplete:
    """A refusal with its sentence by a field."""
    return Incomplete(sentence, fields={name: sentence})


def note(request: MembershipRequest, what: str, by: str, text: str | None = None) -> None:
    """Add a turn to the request's history; ``by`` is a side (applicant, hospital, network, host), never a name."""
    request.history = [*request.history, {"what": what, "at": now().isoformat(), "by": by, "text": text}]


def draft_of(actor: Actor) -> MembershipRequest | None:
    """The request one has begun and not sent."""
    found = select(MembershipRequest).where(mine(actor), MembershipRequest.state == RequestState.DRAFT)
    return db.session.scalars(found).unique().one_or_none()


def mine(actor: Actor) -> ColumnElement[bool]:
    """One's own requests."""
    return MembershipRequest.person_id == actor.user_id


# --- send ------------------------------------------------------------------------------------------------------------


@act("request.submit")
def submit(actor: Actor, request: MembershipRequest) -> None:
    """Send a clinician's or an assistant's request to the hospital; one more for each further centre.

    Raises:
        Incomplete: something is missing, or asked for already.
        WrongStep: the hospital or a centre takes part no more.
    """
    if request.kind is RequestKind.GUEST:
        raise WrongStep(_("A guest's request goes to the host."))
    _refuse_incomplete(request)
    refuse_closed(request)
    more = _further(request)
    for centre_id in [request.centre_id, *(centre.id for centre in more)]:
        refuse_member(actor.user_id, centre_id)
        _refuse_asked(actor, request, centre_id)
    _refuse_many(actor, request, len(more))
    _send(actor, request, "request.submit")
    request.more_centres = []
    for centre in more:
        copy(actor, request, centre=centre)


@act("request.copy", creates=MembershipRequest)
def copy(_actor: Actor, request: MembershipRequest, *, centre: Centre) -> MembershipRequest:
    """Ask for one more centre of the same hospital with the same answers."""
    answers = {name: getattr(request, name) for name in ANSWERS} | {"centre_id": centre.id}
    same = {name: getattr(request, name) for name in ("person_id", "applicant", "email", "begun_at", "submitted_at")}
    return MembershipRequest(kind=request.kind, more_centres=[], history=request.history, **answers, **same)


@act("request.submit-as-guest")
def submit_as_guest(actor: Actor, request: MembershipRequest) -> None:
    """Send a guest's request to the host.

    Raises:
        Incomplete: something is missing, or asked for already.
    """
    if request.kind is not RequestKind.GUEST:
        raise WrongStep(_("This request goes to the hospital."))
    _refuse_incomplete(request)
    _refuse_asked(actor, request, None)
    _refuse_many(actor, request)
    _send(actor, request, "request.submit-as-guest")


def _send(actor: Actor, request: MembershipRequest, what: str) -> None:
    person = db.session.get_one(Person, actor.user_id)
    request.applicant, request.submitted_at = str(person), now()
    request.email = accounts.mailbox(person)
    note(request, what, "applicant")
    tell(request, "request.sent")
    for one in request.confirmations:
        if one.told_at is not None:
            continue
        one.told_at = now()
        named = accounts.holder(one.email)  # Home shows it to a clinician alone, whoever else may get the mail
        if named is not None:
            messages.post(named, "request.named", {"role": request.kind})


def tell(request: MembershipRequest, kind: str) -> None:
    """Write a mail to the applicant."""
    place = request.centre or request.hospital
    where = place.name if place is not None else request.institution
    messages.post(request.person_id, kind, {"role": request.kind, "place": where})


NEEDED = {
    RequestKind.CLINICIAN: ("hospital_id", "centre_id", "job_title", "registration_number", "registered_with"),
    RequestKind.ASSISTANT: ("hospital_id", "job_title"),
    RequestKind.GUEST: ("institution", "country_code", "job_title", "reason"),
}


def missing(request: MembershipRequest) -> list[str]:
    """The answers without which the request cannot be sent."""
    gaps = [name for name in NEEDED[request.kind] if not getattr(request, name)]
    if request.kind is RequestKind.CLINICIAN and not request.languages:
        gaps.append("languages")
    if request.kind is not RequestKind.CLINICIAN and not request.confirmations:
        gaps.append("confirmations")
    return gaps


def _refuse_incomplete(request: MembershipRequest) -> None:
    if missing(request):
        raise Incomplete(_("Something is missing. Go through the pages and fill it in, then send the request."))


def refuse_closed(request: MembershipRequest) -> None:
    """Refuse a place where nobody can be any more.

    Raises:
        WrongStep: the hospital or the centre is over.
    """
    if request.hospital is not None:
        spells.refuse_over(request.hospital)
    if request.centre is not None:
        spells.refuse_over(request.centre)


def refuse_member(person_id: int, centre_id: int | None) -> None:
    """Refuse a second place in one centre.

    Raises:
        WrongStep: the person is a member of the centre.
    """
    same = select(Membership.id).where(
        Membership.person_id == person_id, Membership.centre_id == centre_id, spells.not_over(Membership)
    )
    if centre_id is not None and db.session.scalar(same.limit(1)) is not None:
        raise WrongStep(_("This person is a member of this centre already."))


def _refuse_asked(actor: Actor, request: MembershipRequest, centre_id: int | None) -> None:
    waiting = select(MembershipRequest.id).where(
        mine(actor), MembershipRequest.state.in_(OPEN), MembershipRequest.id != request.id
    )
    same = waiting.where(
        MembershipRequest.kind == request.kind,
        MembershipRequest.hospital_id.is_not_distinct_from(request.hospital_id),
        MembershipRequest.centre_id.is_not_distinct_from(centre_id),
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise WrongStep(_("You have asked for this already. That request still waits."))


def _refuse_many(actor: Actor, request: MembershipRequest, further: int = 0) -> None:
    """Refuse more than one person needs: each may write mails to colleagues, and again when it was corrected.

    Args:
        actor: the applicant.
        request: which is about to be sent.
        further: how many more are sent with it.
    """
    day = now() - dt.timedelta(days=1)
    counts = or_(
        MembershipRequest.state.in_(OPEN), MembershipRequest.begun_at > day, MembershipRequest.id == request.id
    )
    rows = db.session.scalars(select(MembershipRequest).where(mine(actor), counts)).unique().all()
    sent = sum(_times_sent(one, day) + 1 if one is request else max(1, _times_sent(one, day)) for one in rows)
    if sent + further > MOST_OPEN:
        raise WrongStep(_("You have made many requests. Withdraw those you do not need, and go on tomorrow."))


def _times_sent(request: MembershipRequest, since: dt.datetime) -> int:
    turns = [turn for turn in request.history if turn["what"] in ("request.submit", "request.submit-as-guest")]
    return sum(dt.datetime.fromisoformat(turn["at"]) > since for turn in turns)


def _further(request: MembershipRequest) -> list[Centre]:
    """The centres of a draft beyond the first.

    Raises:
        WrongStep: one has left its network.
    """
    found = select(Centre).where(Centre.public_id.in_(request.more_centres), Centre.hospital_id == request.hospital_id)
    centres = list(db.session.scalars(found.order_by(Centre.id)).unique())
    for centre in centres:
        spells.refuse_over(centre)
    return centres


# --- while it waits --------------------------------------------------------------------------------------------------


@act("request.take-back")
def take_back(actor: Actor, request: MembershipRequest) -> None:
    """Make a sent request a draft again, to correct it: whoever has confirmed something confirms it anew.

    Raises:
        WrongStep: another one is begun and not sent.
    """
    with db.session.no_autoflush:
        other = draft_of(actor)
    if other is not None and other is not request:
        raise WrongStep(_("You have begun another request. Send or withdraw that one first."))
    request.submitted_at = request.question = request.host_id = None
    request.confirmed_by_id = request.confirmed_by = request.confirmed_on = request.confirmed_how = None
    for one in request.confirmations:
        steps.move(one, steps.destination(RequestConfirmation, one.state, "request.take-back"))
        one.scope = one.person_id = one.answered_at = None
    note(request, "request.take-back", "applicant")


@act("request.answer")
def answer(_actor: Actor, request: MembershipRequest, *, text: str) -> None:
    """Answer the question of who decides: it waits there again."""
    request.question = None
    note(request, "request.answer", "applicant", text)


@act("request.withdraw")
def withdraw(_actor: Actor, request: MembershipRequest) -> None:
    """Give a request up."""
    request.question = None
    note(request, "request.withdraw", "applicant")


def of_person(actor: Actor) -> list[MembershipRequest]:
    """One's own requests, the newest first."""
    load = (joinedload(MembershipRequest.hospital), joinedload(MembershipRequest.centre).joinedload(Centre.network))
    found = select(MembershipRequest).where(mine(actor)).order_by(MembershipRequest.id.desc()).limit(50)
    return list(db.session.scalars(found.options(*load)).unique())
