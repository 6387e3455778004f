"""Home: each role's open work, in the order one would do it."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, url_for
from flask_babel import format_date

from app.labels import LABELS
from app.models import OwnText
from app.outside import paper
from app.pages import (
    absences,
    consent_work,
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
from app.pages.base import Page, expose, has_access, may
from app.pages.browsers import here
from app.pages.security import acting
from app.pages.todo import Group
from app.services import accounts, arrivals, departures, links, worklist
from app.words import MandateKind, RequestState, Role, _


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
                consent_work.obeyed(worklist.obeyed(actor)),
                consent_work.waiting(),
                consent_work.to_check(),
                explanations.waiting(),
                *consent_work.desk(),
                consent_work.renewals(),
            ]
        groups.append(Group(_("Guests who leave soon"), guest_stays.ending()))
        groups += _archive()
        if MandateKind.HOSPITAL_REPRESENTATIVE in actor.mandates:
            groups += [
                *_own_texts(),
                _authorisations(),
                consent_work.obeyed(worklist.obeyed_in_hospital(actor), named=False),
            ]
        if MandateKind.DATA_PROTECTION_CONTACT in actor.mandates:
            groups.append(consent_work.letters())
            if not may("patient.open"):
                groups.append(consent_work.to_check())
        if MandateKind.ERN_COORDINATOR in actor.mandates:
            groups += [_texts_to_decide(), _unrepresented()]
        if actor.is_(Role.ADMIN):
            groups += operators.work()
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
