"""Requests for a place, as those see them who confirm and decide: a list, each request, decisions, several at once."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import ngettext
from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import joinedload

from app import audit, sight
from app.errors import NotFound, Refusal
from app.models import Centre, MembershipRequest, RequestConfirmation, db, now
from app.pages import request_words
from app.pages.base import ActForm, Page, expose, find, has_access, may, offer, sent_version, submitted, version
from app.pages.fields import long_text
from app.pages.lists import Filter, ListPage, offered_rows, reach, words_filter
from app.pages.memberships import EmploymentForm
from app.pages.own_requests import answers
from app.pages.security import acting
from app.services import admissions, batches, worklist
from app.words import ConfirmationState, GrantScope, RequestKind, RequestState, _

MOST_PICKED = 100
SENT = [state for state in RequestState if state is not RequestState.DRAFT]
OVER = (RequestState.ACCEPTED, RequestState.REFUSED, RequestState.WITHDRAWN)


class RefuseForm(ActForm):
    """Why a request is refused."""

    reason = long_text(_("Reason"), _("The applicant reads it."))


class AskForm(ActForm):
    """What the applicant is asked."""

    question = long_text(_("Question"), _("The applicant reads it and answers; until then the request waits there."))


ASKING = {
    # method: title of its form, what is said after it
    "record": (_("Record the hospital’s word"), _("Recorded. Now decide.")),
    "ask": (_("Ask the applicant"), _("Asked.")),
    "refuse": (_("Refuse the request"), _("Refused.")),
}


def _waits(value: str) -> ColumnElement[bool]:
    if value == "me":
        return worklist.requests_for(acting())
    over = MembershipRequest.state.in_(OVER)
    return over if value == "over" else ~over


def _age(value: str) -> ColumnElement[bool]:
    old = MembershipRequest.submitted_at < now() - admissions.TARGET
    return old if value == "old" else ~old


WAITS: list[tuple[str, object]] = [("me", _("For you")), ("open", _("Undecided")), ("over", _("Over"))]
AGES: list[tuple[str, object]] = [("old", _("More than a day")), ("young", _("Up to a day"))]
ORDERS: list[tuple[str, object]] = [("oldest", _("Oldest first")), ("name", _("By name"))]
SORTED = {"oldest": (MembershipRequest.submitted_at,), "name": (MembershipRequest.applicant,)}


class RequestPage(ListPage):
    """Requests for a place."""

    route_base = "/requests"
    datamodel = SQLAInterface(MembershipRequest)
    acts: ClassVar[dict[str, str]] = {
        "list": "request.open",
        "table": "request.open",
        "show": "request.open",
        "confirm": "request.confirm",
        "record": "request.record-employment",
        "ask": "request.ask-back",
        "refuse": "request.refuse",
        "accept": "request.accept",
        "accept_picked": "request.accept",
        "unpicked": "request.accept",
    }
    list_title = _("Requests")
    list_template = "requests/list.html"
    show_template = "requests/show.html"
    list_columns: ClassVar[list[str]] = ["applicant", "kind", "place", "state", "submitted_at"]
    show_columns: ClassVar[list[str]] = ["applicant", "kind"]
    label_columns: ClassVar[dict[str, object]] = {
        "applicant": _("Name"),
        "kind": _("Place asked for"),
        "place": _("Where"),
        "state": _("State"),
        "submitted_at": _("Sent"),
    }
    ticks: ClassVar[str] = "request"
    search_in: ClassVar[tuple[Any, ...]] = (MembershipRequest.applicant, MembershipRequest.email)
    filters = {  # noqa: RUF012
        "waits": Filter(_("Waits"), lambda: WAITS, _waits),
        "state": words_filter(_("State"), MembershipRequest.state, SENT),
        "kind": words_filter(_("Place asked for"), MembershipRequest.kind, RequestKind),
        "age": Filter(_("Age"), lambda: AGES, _age),
        "sort": Filter(_("Order"), lambda: ORDERS, lambda _value: true(), _("Newest first")),
    }
    load: ClassVar[tuple[Any, ...]] = (
        joinedload(MembershipRequest.hospital),
        joinedload(MembershipRequest.centre).joinedload(Centre.network),
    )
    offered: ClassVar[tuple[str, ...]] = (
        "request.confirm",
        "request.record-employment",
        "request.ask-back",
        "request.refuse",
        "request.accept",
    )
    empty: ClassVar[object] = _("No request yet. Newcomers find your hospital or network when they sign up.")

    def ordered(self) -> tuple[Any, ...]:
        """The newest first, the oldest, or by name."""
        return SORTED.get(request.args.get("sort", ""), ())

    def pickable(self, record: Any) -> bool:
        """Those with everything in order are accepted together."""
        return may("request.accept", record)

    def named(self, record: Any) -> object:
        """Who asks."""
        return record.applicant

    def cell(self, record: Any, column: str) -> Any:
        """Where the place is, in words."""
        return request_words.place(record) if column == "place" else super().cell(record, column)

    def _page_of(self, statement: Select[Any]) -> Any:
        """The rows; those that may be accepted together are offered to be picked."""
        found = super()._page_of(statement)
        rows = found[0]
        mine = select(MembershipRequest.id).where(
            MembershipRequest.id.in_([row.id for row in rows]), sight.here(db.session(), "request.accept")
        )
        acceptable = set(db.session.scalars(mine))
        for row in rows:
            if row.id in acceptable and batches.unfit(acting(), row) is None:
                offer(row, ["request.accept"])
        return found

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """One request: the facts, what has happened, and the decision."""
        record = reach(MembershipRequest, key, "request.open", *self.offered, options=self.load)
        audit.note(acting(), "request.open", record)
        return self._shown(record)

    def _shown(self, record: MembershipRequest) -> Any:
        asked = offered_rows(
            select(RequestConfirmation)
            .where(RequestConfirmation.request_id == record.id)
            .order_by(RequestConfirmation.id),
            "request_confirmation.give",
            "request_confirmation.decline",
        )
        return self.page(
            self.show_template,
            record=record,
            answers=answers(record),
            asked=asked,
            deciding=request_words.deciding(record),
            age=request_words.age(record),
            late=admissions.is_late(record),
            same_domain=batches.same_domain(record) if record.hospital else None,
            waiting_confirmation=not any(one.state is ConfirmationState.GIVEN for one in asked),
            history=request_words.history(record),
        )

    # --- decide ---

    @expose("/<key>/confirm", methods=["POST"])
    @has_access
    def confirm(self, key: str) -> Any:
        """Say for the hospital that the applicant works there."""
        record = reach(MembershipRequest, key, "request.confirm")
        admissions.confirm(acting(), record, seen=sent_version())
        if request_words.waits_for_colleague(record):
            return self._next(_("Confirmed. A clinician who is named confirms next, then the ERN decides."))
        return self._next(_("Confirmed. The ERN decides now."))

    @expose("/<key>/accept", methods=["POST"])
    @has_access
    def accept(self, key: str) -> Any:
        """Accept: the place is there at once."""
        record = reach(MembershipRequest, key, "request.accept")
        admissions.accept(acting(), record, seen=sent_version())
        if record.kind is RequestKind.CLINICIAN and record.confirmed_by is None:
            return self._next(
                _("Accepted. The person can work at once, but enrols nobody until the hospital confirms.")
            )
        return self._next(_("Accepted. The person can work at once."))

    def _next(self, sentence: object) -> Any:
        """Say what happened and go on with the oldest request that waits for the same person."""
        waiting = worklist.requests(acting())
        if not waiting:
            return self.done(sentence, ".list")
        more = ngettext("%(num)s more waits for you.", "%(num)s more wait for you.", worklist.requests_count(acting()))
        return self.done(f"{sentence} {more}", ".show", key=waiting[0].public_id)

    @expose("/<key>/employment", methods=["GET", "POST"])
    @has_access
    def record(self, key: str) -> Any:
        """Record who at a hospital without representative confirmed the employment."""
        return self._asking(key, EmploymentForm(), "record", admissions.record_employment)

    @expose("/<key>/ask", methods=["GET", "POST"])
    @has_access
    def ask(self, key: str) -> Any:
        """Ask the applicant something."""
        return self._asking(key, AskForm(), "ask", admissions.ask_back)

    @expose("/<key>/refuse", methods=["GET", "POST"])
    @has_access
    def refuse(self, key: str) -> Any:
        """Refuse with a reason."""
        return self._asking(key, RefuseForm(), "refuse", admissions.refuse)

    def _asking(self, key: str, form: ActForm, method: str, perform: Any) -> Any:
        """A form of its own for an act on one request."""
        title, sentence = ASKING[method]
        record = reach(MembershipRequest, key, self.acts[method], options=self.load)
        if request.method == "GET":
            form.seen.data = str(record.version)
        saved = submitted(form, lambda: perform(acting(), record, **form.given(), seen=form.words()["seen"]))
        if saved is None:
            return self.page("requests/act.html", form=form, title=title, record=record)
        return self.done(sentence, ".show", key=key) if method == "record" else self._next(sentence)

    # --- several at once ---

    @expose("/accept", methods=["POST"])
    @has_access
    def accept_picked(self) -> Any:
        """Accept the picked requests, each by itself; what may not be accepted together with others is left out."""
        accepted, left = 0, []
        for picked in request.form.getlist("request")[:MOST_PICKED]:
            key, _dot, seen = picked.partition(".")
            try:
                record = find(MembershipRequest, key, options=self.load)
            except NotFound:
                continue
            reason = batches.unfit(acting(), record)
            if reason is None:
                try:
                    admissions.accept(acting(), record, seen=version(seen))
                    accepted += 1
                    continue
                except Refusal as refusal:
                    reason = refusal.sentence
            left.append((find(MembershipRequest, key, options=self.load), reason))
        return self.page("requests/picked.html", accepted=accepted, left=left)

    @expose("/accept")
    @has_access
    def unpicked(self) -> Any:
        """Whoever comes back to the address of what was picked finds the list."""
        return redirect(url_for(".list"))


class ConfirmationPage(Page):
    """The word of a colleague whom a request names."""

    route_base = "/request-confirmations"
    default_view = "give"
    acts: ClassVar[dict[str, str]] = {"give": "request_confirmation.give", "decline": "request_confirmation.decline"}

    @expose("/<key>/give", methods=["POST"])
    @has_access
    def give(self, key: str) -> Any:
        """Confirm."""
        asked = reach(RequestConfirmation, key, "request_confirmation.give")
        scope = request.form.get("scope", "")
        given = GrantScope(scope) if scope in set(GrantScope) else None
        admissions.give(acting(), asked, scope=given, seen=sent_version())
        return self.done(_("Confirmed."), "RequestPage.show", key=asked.request.public_id)

    @expose("/<key>/decline", methods=["POST"])
    @has_access
    def decline(self, key: str) -> Any:
        """Say no, unseen by the applicant."""
        asked = reach(RequestConfirmation, key, "request_confirmation.decline")
        admissions.decline(acting(), asked, seen=sent_version())
        return self.done(_("Not confirmed. The applicant is not told."), "RequestPage.list")
