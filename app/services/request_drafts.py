"""A request for a place before it is sent: begun, and filled in page by page. Sending it is ``requests``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.errors import Incomplete, WrongStep
from app.models import Centre, Hospital, MembershipRequest, Person, RequestConfirmation, db, now
from app.services import accounts, profiles, spells
from app.services.requests import ANSWERS, draft_of, mine, wrong
from app.words import ConfirmationState, RequestKind, RequestState, _


@act("request.begin", creates=MembershipRequest)
def begin(actor: Actor, person: Person, *, kind: RequestKind) -> MembershipRequest:
    """Begin a request; what the last one of this kind said is taken over if it was refused or withdrawn.

    Raises:
        WrongStep: another one is begun and not sent.
    """
    if draft_of(actor) is not None:
        raise WrongStep(_("You have begun a request already. Go on with it, or withdraw it first."))
    request = MembershipRequest(person_id=person.id, kind=kind, begun_at=now(), more_centres=[], areas=[], history=[])
    for name in ANSWERS if (last := _last(actor, kind)) is not None else ():
        setattr(request, name, getattr(last, name))
    request.job_title = request.job_title or person.job_title
    request.institution = request.institution or person.institution
    request.country_code = request.country_code or person.country_code
    return request


def _last(actor: Actor, kind: RequestKind) -> MembershipRequest | None:
    over = MembershipRequest.state.in_([RequestState.REFUSED, RequestState.WITHDRAWN])
    found = select(MembershipRequest).where(mine(actor), over, MembershipRequest.kind == kind)
    return db.session.scalars(found.order_by(MembershipRequest.id.desc()).limit(1)).unique().first()


@act("request.write")
def write(
    actor: Actor,
    request: MembershipRequest,
    *,
    hospital: Hospital | None = None,
    centres: Sequence[Centre] | None = None,
    emails: Sequence[str] | None = None,
    **answers: Any,
) -> None:
    """Keep the answers of one page of the wizard.

    Raises:
        Incomplete: an answer cannot be right, with the sentence by its field.
        WrongStep: the hospital or centre takes part no more.
    """
    if hospital is not None:
        _place(request, hospital)
    if centres is not None:
        _choose(request, centres)
    if emails is not None:
        _name(actor, request, emails)
    if answers.get("registration_number") and not any(sign.isalnum() for sign in answers["registration_number"]):
        raise wrong("registration_number", _("A registration number has at least one letter or digit."))
    if answers.get("orpha_codes"):
        answers["orpha_codes"] = profiles.codes(answers["orpha_codes"])
    for name, value in answers.items():
        setattr(request, name, value)


def _place(request: MembershipRequest, hospital: Hospital) -> None:
    spells.refuse_over(hospital)
    if request.hospital_id != hospital.id:
        request.centre_id, request.more_centres, request.areas = None, [], []
    request.hospital_id = hospital.id


def _choose(request: MembershipRequest, centres: Sequence[Centre]) -> None:
    if not centres:
        raise wrong("centres", _("Choose at least one centre."))
    for centre in centres:
        if centre.hospital_id != request.hospital_id:
            raise wrong("centres", _("Choose centres of the hospital you named."))
        spells.refuse_over(centre)
    request.centre_id = centres[0].id
    request.more_centres = [centre.public_id for centre in centres[1:]]


def _name(actor: Actor, request: MembershipRequest, emails: Sequence[str]) -> None:
    """Name colleagues by their e-mail addresses; whether anybody has one is not asked, so nobody learns it."""
    wanted = list(dict.fromkeys(email.strip().lower() for email in emails))
    if not wanted:
        raise wrong("email", _("Type at least one e-mail address."))
    own = db.session.get_one(Person, actor.user_id).email.lower()
    for email in wanted:
        try:
            accounts.check_email(email)
        except Incomplete as fault:
            raise wrong("email", fault.sentence) from fault
        if email == own:
            raise wrong("email", _("This is your own address. Type that of a colleague."))
    kept = [one for one in request.confirmations if one.email in wanted]
    known = {one.email for one in kept}
    asked = ConfirmationState.ASKED
    request.confirmations = kept + [
        RequestConfirmation(email=email, state=asked) for email in wanted if email not in known
    ]
