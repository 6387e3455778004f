"""Requests in words: the place that is asked for, who decides, how old it is, what has happened. No private name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from flask_babel import gettext, ngettext

from app.labels import LABELS
from app.models import MembershipRequest, now
from app.services import admissions, finder
from app.words import ConfirmationState, RequestKind, RequestState, _

HISTORY = {
    # what, by: sentence, icon, colour
    ("request.submit", "applicant"): (_("Sent to the hospital"), "send", "quiet"),
    ("request.submit-as-guest", "applicant"): (_("Sent to the host"), "send", "quiet"),
    ("request.take-back", "applicant"): (_("Taken back to be corrected"), "undo-2", "quiet"),
    ("request.withdraw", "applicant"): (_("Withdrawn by the applicant"), "undo-2", "quiet"),
    ("request.close", "platform"): (_("Closed: the account is locked, or nobody answered for long"), "x", "quiet"),
    ("request.answer", "applicant"): (_("Answered by the applicant"), "pen-line", "info"),
    ("request.confirm", "hospital"): (_("Confirmed by the hospital"), "check", "good"),
    ("request.record-employment", "network"): (_("The hospital’s word was recorded"), "check", "good"),
    ("request.host", "host"): (_("Confirmed by the host"), "check", "good"),
    ("request.ask-back", "hospital"): (_("The hospital asked"), "circle-question-mark", "warn"),
    ("request.ask-back", "network"): (_("The ERN asked"), "circle-question-mark", "warn"),
    ("request.refuse", "hospital"): (_("Refused by the hospital"), "x", "bad"),
    ("request.refuse", "network"): (_("Refused by the ERN"), "x", "bad"),
    ("request.accept", "network"): (_("Accepted by the ERN"), "circle-check", "good"),
}


def place(request: MembershipRequest) -> str:
    """What is asked for: the centre and its network, the hospital, or where the guest comes from."""
    if request.centre is not None:
        return f"{request.centre.name} · {request.centre.network.name}"
    if request.hospital is not None:
        return str(request.hospital.name)
    return request.institution or ""


def title(request: MembershipRequest) -> str:
    """A request as its owner calls it."""
    where = place(request)
    kind = str(LABELS[request.kind])
    return f"{kind} · {where}" if where else kind


def history(request: MembershipRequest) -> list[dict[str, Any]]:
    """What has happened, the newest first."""
    turns = []
    for turn in reversed(request.history):
        what, icon, kind = HISTORY[turn["what"], turn["by"]]
        moment = dt.datetime.fromisoformat(turn["at"])
        turns.append({"what": what, "at": moment, "icon": icon, "kind": kind, "note": turn["text"]})
    return turns


def deciding(request: MembershipRequest) -> Any:
    """Who decides next, by role and place; nothing where nobody does."""
    return deciding_each([request])[0]


def deciding_each(requests: Sequence[MembershipRequest]) -> list[Any]:
    """The same of several requests of one person, asked at once."""
    hospitals = {one.hospital_id for one in requests if one.state is RequestState.AT_HOSPITAL and one.hospital_id}
    represented = finder.represented(hospitals, [requests[0].person_id]) if hospitals else set()
    return [
        _at_hospital(one, represented)
        if one.state is RequestState.AT_HOSPITAL
        else DECIDING[one.state](one)
        if one.state in DECIDING
        else None
        for one in requests
    ]


def _at_hospital(request: MembershipRequest, represented: set[int]) -> object:
    hospital = request.hospital.name if request.hospital else ""
    if request.hospital_id in represented:
        return _("The representative of %(hospital)s confirms first, then the ERN decides.", hospital=hospital)
    if request.centre is None:
        return _(
            "Nobody represents %(hospital)s here: the coordinator of one of its networks asks it and decides.",
            hospital=hospital,
        )
    return _(
        "Nobody represents %(hospital)s here: the coordinator of %(network)s asks the hospital and decides.",
        hospital=hospital,
        network=request.centre.network.name,
    )


def waits_for_colleague(request: MembershipRequest) -> bool:
    """Whether no clinician an assistant named has confirmed yet."""
    given = (one.state is ConfirmationState.GIVEN for one in request.confirmations)
    return request.kind is RequestKind.ASSISTANT and not any(given)


def _at_network(request: MembershipRequest) -> object:
    if request.hospital is not None and waits_for_colleague(request):
        return _(
            "A clinician who is named confirms first, then the coordinator of a network of %(hospital)s decides.",
            hospital=request.hospital.name,
        )
    if request.centre is not None and not finder.coordinated([request.centre.network_id], [request.person_id]):
        return _(
            "Nobody else coordinates %(network)s here, so nobody can decide yet. Ask the operator to appoint somebody.",
            network=request.centre.network.name,
        )
    if request.centre is not None:
        return _("The coordinator of %(network)s decides.", network=request.centre.network.name)
    if request.hospital is not None:
        return _("The coordinator of a network of %(hospital)s decides.", hospital=request.hospital.name)
    return _("The coordinator of the host’s network decides.")


DECIDING = {
    RequestState.AT_HOST: lambda _request: _(
        "The host confirms first, then the coordinator of the host’s network decides."
    ),
    RequestState.AT_NETWORK: _at_network,
}


def age(request: MembershipRequest) -> str:
    """How long a request has waited, against the target of a day."""
    if request.submitted_at is None:
        return ""
    hours = int((now() - request.submitted_at).total_seconds() // 3600)
    if hours < 1:
        return str(gettext("Sent less than an hour ago"))
    if not admissions.is_late(request):
        return str(ngettext("Sent %(num)s hour ago", "Sent %(num)s hours ago", hours))
    days = hours // 24
    return str(ngettext("Waits for %(num)s day; the aim is one", "Waits for %(num)s days; the aim is one", days))
