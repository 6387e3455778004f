"""The life of a patient's consent as one reads it: what happened to which form, when; and what is still to come."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any, cast

from flask_babel import gettext

from app.labels import LABELS
from app.models import ConsentDecision, ConsentForm, Handover, Patient
from app.outside import paper
from app.pages.consent_forms import question
from app.pages.doers import Doers
from app.pages.renewals import why
from app.services import explanations, handovers, renewals
from app.words import FormState, HandoverState, _

ENDS = {
    FormState.SUPERSEDED: (_("Replaced by a newer form"), "quiet", "replace"),
    FormState.CANCELLED: (_("Cancelled"), "quiet", "circle-x"),
    FormState.ANNULLED: (_("Annulled"), "bad", "ban"),
}
ARCHIVING = ("consent.archive", "consent.attest", "consent.confirm", "consent.keep-refusal")
ENDING = ("consent.annul", "consent.cancel", "consent.lapse", "consent.supersede")


def timeline(patient: Patient, forms: list[ConsentForm], on: dt.date, who: Doers) -> list[dict[str, Any]]:
    """The lives of all forms and of the record, the newest first, each with who did it."""
    items = [item for form in forms for item in _of_form(form, who)] + _of_record(patient, on, who)
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


def _of_form(form: ConsentForm, who: Doers) -> list[dict[str, Any]]:
    by = functools.partial(who.of, form)
    made = by("consent.prepare", "consent.adopt")
    items = [
        _item(_("Prepared"), None if form.external_reference else form.prepared_at, "quiet", "file-text", by=made),
        _item(_("Printed"), form.printed_at, "quiet", "printer", by=by("consent.print", "consent.adopt")),
        _item(_("Signed"), form.signed_on, "info", "pen-line", recorded=form.recorded_at, by=by("consent.sign")),
        _item(_("Archived"), form.archived_at, "good", "archive", by=by(*ARCHIVING)),
        *(_withdrawn(decision, who) for decision in form.decisions),
        *(_checked(form, who) if form.external_reference else ()),
        *_explained(form, who),
    ]
    if form.state in ENDS:
        what, kind, icon = ENDS[form.state]
        items.append(_item(what, form.ended_at, kind, icon, note=form.end_reason, by=by(*ENDING)))
    if form.state is FormState.ARCHIVED and form.renewal_due_on is not None:
        note = form.text_change.what if renewals.because_of_text(form) and form.text_change else None
        items.append(_item(why(form), form.renewal_due_on, "warn", "clock", note=note))
    name = f"{paper.grouped_code(form.code)} · {paper.language_name(form.language)}"
    return [item | {"who": name} for item in items if item["at"] is not None]


def _checked(form: ConsentForm, who: Doers) -> list[dict[str, Any]]:
    """A paper from elsewhere: who filed it, and what the second person said."""
    filer = who.of(form, "consent.file-again", "consent.file-external")
    items = [_item(_("Filed by hand: signed on other paper"), form.recorded_at, "quiet", "archive", by=filer)]
    if form.state is FormState.TO_CHECK:
        items.append(_item(_("Waits for a second person"), form.recorded_at, "warn", "eye"))
    elif form.checked_on is not None:
        back = form.sent_back_reason is not None
        what = _("Sent back by the second person") if back else _("Compared with the paper by a second person")
        checker = who.of(form, "consent.send-back" if back else "consent.confirm")
        kind, icon = ("bad", "undo-2") if back else ("good", "eye")
        items.append(_item(what, form.checked_on, kind, icon, note=form.sent_back_reason, by=checker))
    return items


def _explained(form: ConsentForm, who: Doers) -> list[dict[str, Any]]:
    """Whose word it is that the consent was explained, once given; and that it waits."""
    name = who.name(form.explained_by_id)
    if explanations.is_waiting(form):
        return [
            _item(_("Waits for the clinician’s word that it was explained"), form.archived_at, "warn", "clock", by=name)
        ]
    return [_item(_("Explained, as the clinician confirms"), form.explained_at, "good", "circle-check", by=name)]


def _withdrawn(decision: ConsentDecision, who: Doers) -> dict[str, Any]:
    what = gettext("Withdrawn: %(purpose)s", purpose=str(question(decision)))
    channel = LABELS[decision.channel] if decision.channel else None
    by = who.of(decision, "decision.withdraw", "decision.carry-withdrawal")
    return _item(what, decision.withdrawn_on, "bad", "undo-2", note=channel, by=by)


def _of_record(patient: Patient, on: dt.date, who: Doers) -> list[dict[str, Any]]:
    restricted, kept = who.of(patient, "patient.restrict-by-protection"), who.of(patient, "patient.keep")
    items = [
        _item(_("Restricted by the data-protection contact"), patient.restricted_on, "warn", "lock", by=restricted),
        _item(_("Kept restricted by law"), patient.kept_on, "warn", "lock", note=patient.kept_law, by=kept),
    ]
    items += [_handed(one) for one in handovers.of_record(patient)]
    if patient.erase_on is not None and patient.erase_on >= on:
        items.append(_item(_("To be erased, unless a law keeps it"), patient.erase_on, "bad", "eraser"))
    return [item for item in items if item["at"] is not None]


def _handed(handover: Handover) -> dict[str, Any]:
    """From whom to whom the record went, or is offered."""
    names = {"giver": handover.giver, "taker": handover.taker}
    if handover.state is HandoverState.ACCEPTED:
        return _item(
            gettext("Handed over from %(giver)s to %(taker)s", **names), handover.answered_at, "info", "handshake"
        )
    return _item(gettext("Offered by %(giver)s to %(taker)s", **names), handover.proposed_at, "quiet", "hourglass")
