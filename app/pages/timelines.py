"""The life of a patient's consent as one reads it: what happened to which form, when; and what is still to come."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from flask_babel import gettext

from app.labels import LABELS
from app.models import ConsentDecision, ConsentForm, Patient
from app.outside import paper
from app.pages.consent_forms import question
from app.pages.renewals import why
from app.services import renewals
from app.words import FormState, _

ENDS = {
    FormState.SUPERSEDED: (_("Replaced by a newer form"), "quiet", "replace"),
    FormState.CANCELLED: (_("Cancelled"), "quiet", "circle-x"),
    FormState.ANNULLED: (_("Annulled"), "bad", "ban"),
}


def timeline(patient: Patient, forms: list[ConsentForm], on: dt.date) -> list[dict[str, Any]]:
    """The lives of all forms and of the record, the newest first."""
    items = [item for form in forms for item in _of_form(form)] + _of_record(patient, on)
    return sorted(items, key=_moment, reverse=True)


def _moment(item: dict[str, Any]) -> dt.datetime:
    """What sorts days and moments together: a day without an hour ends it, unless it was recorded on that very day."""
    at, recorded = item["at"], item.get("recorded")
    if isinstance(at, dt.datetime):
        return at
    if recorded is not None and recorded.date() == at:
        return cast("dt.datetime", recorded)
    return dt.datetime.combine(at, dt.time.max, dt.UTC)


def _item(what: object, at: dt.date | None, kind: str, icon: str, **more: Any) -> dict[str, Any]:
    return {"what": what, "at": at, "kind": kind, "icon": icon, **more}


def _of_form(form: ConsentForm) -> list[dict[str, Any]]:
    items = [
        _item(_("Prepared"), None if form.external_reference else form.prepared_at, "quiet", "file-text"),
        _item(_("Printed"), form.printed_at, "quiet", "printer"),
        _item(_("Signed"), form.signed_on, "info", "pen-line", recorded=form.recorded_at),
        _item(_("Archived"), form.archived_at, "good", "archive"),
        *(_withdrawn(decision) for decision in form.decisions),
        *(_checked(form) if form.external_reference else ()),
    ]
    if form.state in ENDS:
        what, kind, icon = ENDS[form.state]
        items.append(_item(what, form.ended_at, kind, icon, note=form.end_reason))
    if form.state is FormState.ARCHIVED and form.renewal_due_on is not None:
        note = form.text_change.what if renewals.because_of_text(form) and form.text_change else None
        items.append(_item(why(form), form.renewal_due_on, "warn", "clock", note=note))
    who = f"{paper.grouped_code(form.code)} · {paper.language_name(form.language)}"
    return [item | {"who": who} for item in items if item["at"] is not None]


def _checked(form: ConsentForm) -> list[dict[str, Any]]:
    """A paper from elsewhere: who filed it, and what the second person said."""
    filer = None if form.filed_by is None else str(form.filed_by)
    items = [_item(_("Filed by hand: signed on other paper"), form.recorded_at, "quiet", "archive", note=filer)]
    if form.state is FormState.TO_CHECK:
        items.append(_item(_("Waits for a second person"), form.recorded_at, "warn", "eye"))
    elif form.checked_on is not None:
        back = form.sent_back_reason is not None
        what = _("Sent back by the second person") if back else _("Compared with the paper by a second person")
        checker = None if form.checked_by is None else str(form.checked_by)
        kind, icon = ("bad", "undo-2") if back else ("good", "eye")
        items.append(_item(what, form.checked_on, kind, icon, note=form.sent_back_reason or checker))
    return items


def _withdrawn(decision: ConsentDecision) -> dict[str, Any]:
    what = gettext("Withdrawn: %(purpose)s", purpose=str(question(decision)))
    channel = LABELS[decision.channel] if decision.channel else None
    return _item(what, decision.withdrawn_on, "bad", "undo-2", note=channel)


def _of_record(patient: Patient, on: dt.date) -> list[dict[str, Any]]:
    items = [
        _item(_("Restricted by the data-protection contact"), patient.restricted_on, "warn", "lock"),
        _item(_("Kept restricted by law"), patient.kept_on, "warn", "lock", note=patient.kept_law),
    ]
    if patient.erase_on is not None and patient.erase_on >= on:
        items.append(_item(_("To be erased, unless a law keeps it"), patient.erase_on, "bad", "eraser"))
    return [item for item in items if item["at"] is not None]
