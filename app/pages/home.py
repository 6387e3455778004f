"""Home: each role's open work, in the order one would do it."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, NamedTuple

from flask import redirect, url_for
from flask_babel import format_date, gettext, ngettext

from app.labels import LABELS
from app.models import ConsentForm, LetterRecord, OwnText
from app.outside import paper
from app.pages import (
    absences,
    doers,
    explanations,
    exports,
    figures,
    guest_stays,
    handovers,
    hospitals,
    operators,
    request_words,
    rolls,
    welcomes,
)
from app.pages.base import Page, expose, has_access, may, once_key
from app.pages.browsers import here
from app.pages.renewals import due
from app.pages.security import acting
from app.services import accounts, arrivals, departures, links, renewals, worklist
from app.words import FormState, MandateKind, RequestState, Role, RunState, _

LAST_DAYS = 7


class Group(NamedTuple):
    """One kind of work: what it is, the things that wait, what to read when none does."""

    title: object
    items: list[dict[str, object]]
    empty: object | None = None
    more: tuple[str, str] | None = None


def _mailbox() -> str | None:
    """The address mail to oneself goes to."""
    person = here().person
    return None if person is None else accounts.mailbox(person)


class HomePage(Page):
    """A to-do list, not a menu."""

    route_base = ""
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "home.open"}

    @expose("/")
    @has_access
    def index(self) -> Any:
        """What waits for me; at the first visit the welcome."""
        if welcomes.waits():
            return redirect(url_for("WelcomePage.begin"))
        groups = [group for group in self._groups() if group.items or group.empty]
        return self.page(
            "home.html",
            groups=groups,
            figures=figures.desk(),
            stay=guest_stays.own_stay(),
            nothing=not any(group.items for group in groups),
            link_made=links.made_for(acting().user_id),
            newcomer=acting().roles == {Role.ANY},
            mailbox=_mailbox(),
            news=arrivals.news_of(acting().user_id),
        )

    def _groups(self) -> list[Group]:
        actor = acting()
        asked = Group(_("You are asked to stand in"), absences.waiting())
        groups = [
            _own_requests(),
            _requests(),
            _departures(),
            Group(_("Records to hand over"), handovers.waiting()),
            *_rolls(),
            asked,
        ]
        if may("patient.open"):
            groups += [
                _obeyed(worklist.obeyed(actor)),
                _waiting(),
                _to_check(),
                Group(*explanations.waiting()),
                *_desk(),
                _renewals(),
            ]
        groups.append(Group(_("Guests who leave soon"), guest_stays.ending()))
        groups += _archive()
        if MandateKind.HOSPITAL_REPRESENTATIVE in actor.mandates:
            groups += [*_own_texts(), _authorisations(), _obeyed(worklist.obeyed_in_hospital(actor), named=False)]
        if MandateKind.DATA_PROTECTION_CONTACT in actor.mandates:
            groups.append(Group(_("Letters from patients"), [_letters()]))
            if not may("patient.open"):
                groups.append(_to_check())
        if MandateKind.ERN_COORDINATOR in actor.mandates:
            groups += [_texts_to_decide(), _unrepresented()]
        if actor.is_(Role.ADMIN):
            groups += [Group(*one) for one in operators.work()]
        if actor.is_(Role.UA_HUB):
            groups.append(Group(_("Ukrainian cases"), [], _("Cases appear here once a Ukrainian hospital sends one.")))
        if actor.is_(Role.GUEST):
            groups.append(Group(_("Discussions"), [], _("Discussions appear here once somebody invites you.")))
        return groups


def _own_requests() -> Group:
    """What one has asked for and is not decided; what was refused, until one asks again."""
    found = worklist.own_requests(acting())
    items: list[dict[str, object]] = [
        {
            "title": request_words.title(one),
            "url": url_for("OwnRequestPage.show", key=one.public_id),
            "note": one.decision_reason or one.question or deciding,
            "tag": one.state,
            **(
                {"act": _("Answer")} if one.question else {"act": _("Go on")} if one.state is RequestState.DRAFT else {}
            ),
        }
        for one, deciding in zip(found, request_words.deciding_each(found), strict=True)
    ]
    return Group(_("Your access"), items)


def _departures() -> Group:
    """Hospitals of one's own that leave their last network, or have left: whoever may asks for the export."""
    items: list[dict[str, object]] = []
    found = departures.mine(acting())
    for one in found:
        item: dict[str, object] = {"title": one.hospital.name, "note": hospitals.leaving(one)}
        there = {"url": url_for("HospitalPage.show", key=one.hospital.public_id)}
        export = {"url": url_for("ExportPage.add"), "act": _("Ask for the export")}
        items.append(item | (export if may("export.ask") else there))
    gone = all(one.day is None for one in found)
    return Group(_("Your hospital has left") if gone else _("Your hospital leaves"), items)


def _rolls() -> list[Group]:
    """Yearly lists of people: those one goes through, and the overdue ones of others."""
    return [
        Group(_("Who still works in your hospital"), rolls.waiting()),
        Group(_("Yearly lists of people that are overdue"), rolls.overdue()),
    ]


def _requests() -> Group:
    """Requests for a place that wait for one's word, the oldest first."""
    items: list[dict[str, object]] = [
        {
            "title": one.applicant,
            "url": url_for("RequestPage.show", key=one.public_id),
            "note": f"{request_words.title(one)} · {request_words.age(one)}",
            "tag": one.state,
            "act": _("Decide"),
        }
        for one in (worklist.requests(acting()) if may("request.open") else [])
    ]
    everything = str(_("All requests for you")), url_for("RequestPage.list", waits="me", sort="oldest")
    return Group(_("Requests for access"), items, more=everything if len(items) == worklist.SHOWN else None)


def _archive() -> list[Group]:
    """A hospital's export: what is to be released, and what is to be fetched."""
    groups: list[Group] = []
    if may("export_release.open"):
        groups.append(Group(_("Consent archive: forms to release"), exports.waiting(worklist.releases(acting()))))
    if may("export.open"):
        groups.append(Group(_("Consent archive: exports"), exports.under_way(worklist.exports(acting()))))
    return groups


def _desk() -> list[Group]:
    """The consent desk: what is nearest to its end comes first."""
    actor = acting()
    drafts = [
        {
            "title": patient.nickname,
            "url": url_for("PatientPage.show", key=patient.public_id),
            "tag": patient.state,
            "note": _("No consent form yet."),
            **_print_now(patient.public_id),
        }
        for patient in worklist.drafts(actor)
    ]
    return [
        _scans(),
        _printed_at_once(),
        Group(_("Sent back by who checked it"), _forms(FormState.SENT_BACK, _("Correct"), "CheckPage.correct")),
        Group(_("Signed, the scan is missing"), _forms(FormState.SIGNED, _("Archive the scan"))),
        Group(_("Printed and not yet back"), _forms(FormState.PRINTED, _("Record the signature"))),
        Group(_("Prepared, not printed"), _forms(FormState.PREPARED)),
        Group(_("Drafts without a form"), drafts),
    ]


def _obeyed(records: list[LetterRecord], *, named: bool = True) -> Group:
    """What the data-protection contact did because of a letter: by nickname, or to others by hospital."""
    items: list[dict[str, object]] = []
    for record in records:
        item: dict[str, object] = {"title": record.hospital.name, "note": _told(record)}
        if named and record.patient is not None:
            item |= {"title": record.patient.nickname, "url": url_for("PatientPage.show", key=record.patient.public_id)}
        items.append(item)
    return Group(_("Done by the data-protection contact, because of a patient’s letter"), items)


def _told(record: LetterRecord) -> str:
    what = LABELS[record.outcome] if record.outcome else ""
    return str(gettext("%(what)s on %(day)s", what=str(what), day=format_date(record.answered_at, "long")))


def _letters() -> dict[str, object]:
    return {
        "title": gettext("A patient has written"),
        "url": url_for("LetterPage.search"),
        "note": _("Look for the record, then withdraw or restrict at once."),
        "act": _("Record a letter"),
    }


def _waiting() -> Group:
    """Care consent was withdrawn: from the first day on, the hospital is asked to decide."""
    items: list[dict[str, object]] = [
        {
            "title": patient.nickname,
            "url": url_for("PatientPage.show", key=patient.public_id),
            "note": _erased_on(patient.erase_on),
            "tag": patient.state,
            "act": _("Decide"),
        }
        for patient in worklist.waiting(acting())
        if patient.erase_on is not None
    ]
    return Group(_("Care consent withdrawn: erase, or keep by law"), items)


def _erased_on(day: dt.date) -> str:
    """When the record is erased; in the last week, how soon."""
    left, written = (day - acting().on).days, format_date(day, "long")
    if left > LAST_DAYS:
        return str(gettext("Erased on %(day)s, unless a law keeps it.", day=written))
    if left < 1:
        return str(gettext("Erased within a day, unless a law keeps it."))
    if left == 1:
        return str(gettext("Erased tomorrow, unless a law keeps it."))
    sentence = ngettext(
        "Erased in %(num)s day, unless a law keeps it.", "Erased in %(num)s days, unless a law keeps it.", left
    )
    return str(sentence)


def _renewals() -> Group:
    """Ninety days before, thirty days before, and from the day on."""
    items: list[dict[str, object]] = [
        {
            "title": form.patient.nickname,
            "url": url_for("PatientPage.show", key=form.patient.public_id),
            "note": due(form, acting().on),
            **({} if renewals.waits_for_text(form) else _print_now(form.patient.public_id)),
        }
        for form in worklist.renewals(acting())
        if form.patient is not None
    ]
    return Group(_("Consent to renew"), items)


def _print_now(patient: str) -> dict[str, object]:
    """The button that prints a patient's form at once; a second click makes no second form."""
    return {
        "act": _("Print the form"),
        "post": url_for("PatientPage.print_form", key=patient),
        "icon": "printer",
        "fields": {"once": once_key()},
    }


def _printed_at_once() -> Group:
    """Files of several forms that can still be fetched."""
    items: list[dict[str, object]] = [
        {
            "title": ngettext("%(num)s form", "%(num)s forms", run.asked_for),
            "url": url_for("PrintPage.show", key=run.public_id),
            "note": _("Being printed") if run.state is RunState.ASKED else _("Kept for 24 hours"),
            "act": _("Open"),
        }
        for run in worklist.prints(acting())
    ]
    return Group(_("Forms printed for several patients"), items)


def _scans() -> Group:
    items: list[dict[str, object]] = [
        {
            "title": gettext("Scans of %(day)s", day=format_date(stack.added_at, "long")),
            "url": url_for("StacksPage.show", key=stack.public_id),
            "note": _("From a colleague’s stack") if stack.passed_by_id else _("Read and sorted. Compare and confirm."),
            "act": _("File"),
        }
        for stack in worklist.stacks(acting())
    ]
    return Group(_("Scans to file"), items)


def _to_check() -> Group:
    """Papers from elsewhere that wait for a second person, who is asked here."""
    items: list[dict[str, object]] = [
        {
            "title": form.patient.nickname,
            "url": url_for("CheckPage.check", key=form.public_id),
            "note": gettext("Filed by %(name)s", name=doers.filer(form)),
            "tag": form.state,
            "act": _("Compare"),
        }
        for form in worklist.to_check(acting())
        if form.patient is not None
    ]
    return Group(_("Signed on other paper: compare what was typed"), items)


def _forms(state: FormState, act: object = None, page: str = "ConsentPage.show") -> list[dict[str, object]]:
    """The forms of a state, with what is done on their page; without, they can be printed from here."""
    return [
        {
            "title": form.patient.nickname,
            "url": url_for(page, key=form.public_id),
            "note": _note(form),
            "tag": form.state,
            **({"act": act} if act else _print_now(form.patient.public_id)),
        }
        for form in worklist.forms(acting(), state)
        if form.patient is not None
    ]


def _note(form: ConsentForm) -> str:
    """Which form it is, and since when it waits."""
    name = paper.language_name(form.language)
    if form.sent_back_reason is not None:
        return form.sent_back_reason
    if form.state is FormState.PRINTED and form.printed_at is not None:
        day = format_date(form.printed_at, "long")
        if worklist.is_late(form, acting().on):
            return str(gettext("%(language)s · printed on %(day)s, ask for it", language=name, day=day))
        return str(gettext("%(language)s · printed on %(day)s", language=name, day=day))
    return f"{name} · {paper.grouped_code(form.code)}"


def _authorisations() -> Group:
    items = [
        {
            "title": hospital.name,
            "url": url_for("HospitalPage.show", key=hospital.public_id),
            "note": _("No authorisation in force: nobody can enrol.")
            if day is None
            else _("In force until %(day)s.", day=format_date(day, "long")),
            "act": _("Renew"),
        }
        for hospital, day in worklist.authorisations(acting())
    ]
    return Group(_("Authorisations to renew"), items)


def _own_texts() -> list[Group]:
    """The hospital's own texts: to decide, to go on with, and those whose standard text is another one now."""
    return [
        _texts_to_decide(),
        Group(
            _("Own consent texts: the standard has changed"), _texts(worklist.texts_outdated(acting()), _("Compare"))
        ),
        Group(_("Own consent texts being written"), _texts(worklist.texts_to_write(acting()), _("Write"))),
    ]


def _texts_to_decide() -> Group:
    return Group(_("Own consent texts to decide"), _texts(worklist.texts_to_decide(acting()), _("Decide")))


def _texts(found: list[OwnText], act: object) -> list[dict[str, object]]:
    return [
        {
            "title": f"{paper.language_name(own.language)} · {LABELS[own.variant]}",
            "url": url_for("OwnTextPage.show", key=own.public_id),
            "note": own.hospital.name,
            "tag": own.state,
            "act": act,
        }
        for own in found
    ]


def _unrepresented() -> Group:
    items: list[dict[str, object]] = [
        {
            "title": hospital.name,
            "url": url_for("MandatePage.appoint_representative", place=hospital.public_id),
            "note": _("Nobody represents this hospital, so nobody can add its people."),
            "act": _("Appoint"),
        }
        for hospital in worklist.unrepresented(acting())
    ]
    return Group(_("Hospitals without a representative"), items)
