"""The consent desk's work on Home: what to record, print, archive and renew, and what letters of patients did."""

from __future__ import annotations

import datetime as dt

from flask import url_for
from flask_babel import format_date, gettext, ngettext

from app.labels import LABELS
from app.models import ConsentForm, LetterRecord
from app.outside import paper
from app.pages import doers
from app.pages.base import once_key
from app.pages.renewals import due
from app.pages.security import acting
from app.pages.todo import Group
from app.services import worklist
from app.services.renewals import waits_for_text
from app.words import FormState, RunState, _

LAST_DAYS = 7


def obeyed(records: list[LetterRecord], *, named: bool = True) -> Group:
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


def waiting() -> Group:
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


def to_check() -> Group:
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


def desk() -> list[Group]:
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


def _print_now(patient: str) -> dict[str, object]:
    """The button that prints a patient's form at once; a second click makes no second form."""
    return {
        "act": _("Print the form"),
        "post": url_for("PatientPage.print_form", key=patient),
        "icon": "printer",
        "fields": {"once": once_key()},
    }


def renewals() -> Group:
    """Ninety days before, thirty days before, and from the day on."""
    items: list[dict[str, object]] = [
        {
            "title": form.patient.nickname,
            "url": url_for("PatientPage.show", key=form.patient.public_id),
            "note": due(form, acting().on),
            **({} if waits_for_text(form) else _print_now(form.patient.public_id)),
        }
        for form in worklist.renewals(acting())
        if form.patient is not None
    ]
    return Group(_("Consent to renew"), items)


def letters() -> Group:
    """The way to record what a patient wrote."""
    item: dict[str, object] = {
        "title": gettext("A patient has written"),
        "url": url_for("LetterPage.search"),
        "note": _("Look for the record, then withdraw or restrict at once."),
        "act": _("Record a letter"),
    }
    return Group(_("Letters from patients"), [item])
