"""My requests: what one has asked for, how it stands and who decides; send, answer, correct, withdraw. Filling in is ``sign_up``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request, url_for
from sqlalchemy.orm import joinedload

from app.labels import LABELS
from app.models import Centre, MembershipRequest
from app.pages import names, request_words
from app.pages.base import ActForm, Page, expose, has_access, sent_version, submitted
from app.pages.fields import long_text
from app.pages.lists import reach
from app.pages.security import acting
from app.pages.sign_up import WAYS, goes_on, journey
from app.services import requests
from app.words import RequestKind, RequestState, _

LOAD = (joinedload(MembershipRequest.hospital), joinedload(MembershipRequest.centre).joinedload(Centre.network))
DRAFT = RequestState.DRAFT


class AnswerForm(ActForm):
    """What the applicant answers."""

    text = long_text(_("Your answer"))


class OwnRequestPage(Page):
    """One's own requests."""

    route_base = "/my-requests"
    default_view = "list"
    acts: ClassVar[dict[str, str]] = {
        "list": "request.withdraw",
        "show": "request.withdraw",
        "send": "request.submit",
        "answer": "request.answer",
        "take_back": "request.take-back",
        "withdraw": "request.withdraw",
    }

    @expose("/")
    @has_access
    def list(self) -> Any:
        """What one has asked for, the newest first."""
        found = requests.of_person(acting())
        told = zip(found, request_words.deciding_each(found), strict=True)
        rows = [(one, request_words.title(one), _note(one, deciding)) for one, deciding in told]
        return self.page("sign_up/list.html", rows=rows)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """One request: the answers, how it stands, who decides, what has happened."""
        return self._shown(self._found(key, "request.withdraw"), AnswerForm())

    def _found(self, key: str, act: str) -> MembershipRequest:
        found: MembershipRequest = reach(
            MembershipRequest, key, act, "request.withdraw", "request.take-back", "request.submit", options=LOAD
        )
        return found

    def _shown(self, one: MembershipRequest, form: AnswerForm) -> Any:
        if request.method == "GET":
            form.seen.data = str(one.version)
        return self.page(
            "sign_up/request.html",
            record=one,
            form=form,
            title=request_words.title(one),
            answers=answers(one),
            journey=journey(one, "check") if one.state is DRAFT else [],
            missing=requests.missing(one) if one.state is DRAFT else [],
            goes=goes_on(one),
            first=WAYS[one.kind][0],
            deciding=request_words.deciding(one),
            age=request_words.age(one),
            history=request_words.history(one),
        )

    @expose("/<key>/send", methods=["POST"])
    @has_access
    def send(self, key: str) -> Any:
        """Send a draft to the hospital, or to the host."""
        one = self._found(key, "request.submit")
        perform = requests.submit_as_guest if one.kind is RequestKind.GUEST else requests.submit
        perform(acting(), one, seen=sent_version())
        return self.done(_("Sent. You find here how it stands."), ".list")

    @expose("/<key>/answer", methods=["GET", "POST"])
    @has_access
    def answer(self, key: str) -> Any:
        """Answer a question."""
        one, form = self._found(key, "request.answer"), AnswerForm()
        if request.method == "GET":
            return redirect(url_for(".show", key=key))
        saved = submitted(form, lambda: requests.answer(acting(), one, text=form.text.data, seen=form.words()["seen"]))
        return (
            self._shown(one, form)
            if saved is None
            else self.done(_("Answered. It waits there again."), ".show", key=key)
        )

    @expose("/<key>/take-back", methods=["POST"])
    @has_access
    def take_back(self, key: str) -> Any:
        """Correct what was sent."""
        one = self._found(key, "request.take-back")
        requests.take_back(acting(), one, seen=sent_version())
        sentence = _("Taken back. Correct it and send it again: whoever has confirmed something does so anew.")
        return self.done(sentence, "SignUpPage.step", key=key, page=WAYS[one.kind][0])

    @expose("/<key>/withdraw", methods=["POST"])
    @has_access
    def withdraw(self, key: str) -> Any:
        """Give a request up."""
        requests.withdraw(acting(), self._found(key, "request.withdraw"), seen=sent_version())
        return self.done(_("Withdrawn."), ".list")


def _note(one: MembershipRequest, deciding: object) -> object:
    return _("Begun, not sent yet.") if one.state is DRAFT else one.decision_reason or one.question or deciding or ""


def answers(one: MembershipRequest) -> list[tuple[object, object]]:
    """What the applicant says, as far as the way in asks it."""
    centre = one.centre
    pairs: list[tuple[object, object]] = [
        (_("Hospital"), one.hospital.name if one.hospital else None),
        (_("Centre"), f"{centre.name} · {centre.network.name} · {LABELS[centre.kind]}" if centre else None),
        (_("Institution"), one.institution if one.kind is RequestKind.GUEST else None),
        (_("Country"), names.country(one.country_code) if one.kind is RequestKind.GUEST and one.country_code else None),
        (_("Job title"), one.job_title),
        (_("Professional registration number"), one.registration_number),
        (_("Registered with"), one.registered_with),
        (_("Thematic areas"), ", ".join(one.areas)),
        (_("ORPHAcodes"), one.orpha_codes),
        (_("Expertise"), one.expertise),
        (_("Languages"), names.languages(one.languages) if one.languages else None),
        (_("Why"), one.reason),
    ]
    return [(label, value) for label, value in pairs if value]
