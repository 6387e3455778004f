"""How a hospital's own text is spoken of: what its points and fields are called, what is wrong with it, how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import format_date, gettext

from app.models import OwnText
from app.outside import paper
from app.outside.paper import own_texts as sheets
from app.outside.paper.own_texts import Fault
from app.services import own_texts, text_changes
from app.services.days import day_at
from app.words import OwnTextState, Renews, _, p_

PART_WORDS = {
    "opening": _("Title and opening"),
    "networks": _("European Reference Networks"),
    "why_shared": _("Why data are shared"),
    "what_shared": _("What is shared"),
    "what_not_shared": _("What is not shared"),
    "recognisable": _("Being recognised"),
    "similar_cases": _("Search for similar cases"),
    "recipients": _("Who sees the data"),
    "outside_eea": _("Outside Europe"),
    "clinician_decides": _("Who decides about treatment"),
    "no_duty": _("No duty to agree"),
    "purposes": _("What is asked"),
    "education": _("Consent for education"),
    "controllers": _("Who is responsible"),
    "dpo": _("Data-protection officers"),
    "retention": _("How long data are kept"),
    "rights": _("Rights"),
    "withdrawal": p_("a point of the form", "Withdrawal"),
    "complaint": _("Complaint"),
    "automated": _("Automated decisions"),
    "added": _("What your hospital adds"),
    "national": _("Law of the country"),
    "title": _("Title of the document"),
}
"""What each part of a text is called on the screen."""

FIELD_WORDS = {
    "operator.name": _("Operator: name"),
    "operator.address": _("Operator: address"),
    "operator.dpo_contact": _("Operator: data-protection officer"),
    "operator.arrangement": _("Arrangement: reference"),
    "hospital.name": _("Hospital: name"),
    "hospital.address": _("Hospital: address"),
    "hospital.dpo_contact": _("Hospital: data-protection officer"),
    "hospital.withdrawal_address": _("Withdrawal: address"),
    "hospital.withdrawal_phone": _("Withdrawal: telephone"),
    "hospital.withdrawal_email": _("Withdrawal: e-mail"),
    "authority.name": _("Supervisory authority: name"),
    "authority.contact": _("Supervisory authority: contact"),
    "form.code": _("Form code"),
    "form.version": _("Version of the text"),
    "form.language": _("Language of the form"),
    "page": _("Page number"),
    "pages": _("Number of pages"),
    "registry.name": _("Registry: name"),
    "registry.controller": _("Registry: controller"),
    "registry.country": _("Registry: country"),
}
"""What each field is called on the screen."""

PAPER_FAULTS = {
    "missing_letters": _("These letters are not in the font of the form: %(signs)s"),
    "too_big": _("The text has more than twelve pages. Shorten it."),
    "too_long": _("Setting the text as paper took too long. Shorten it."),
}
"""Why a proposed text cannot be set as paper."""


def standing(own: OwnText) -> str:
    """Whether a text counts, in words."""
    if own.state is OwnTextState.RETIRED and own.retired_on is not None:
        return str(gettext("Retired on %(day)s", day=format_date(own.retired_on, "long")))
    if own.state is not OwnTextState.ACCEPTED or own.counts_from is None:
        return str(gettext("Not in force"))
    today = day_at(own.hospital)
    if own.counts_from > today:
        return str(gettext("From %(day)s", day=format_date(own.counts_from, "long")))
    if not own_texts.is_in_force(own):
        return str(gettext("Replaced by a newer version"))
    since = str(gettext("Since %(day)s", day=format_date(own.counts_from, "long")))
    return (
        str(gettext("%(since)s; the standard text has changed", since=since)) if own_texts.has_changed(own) else since
    )


def renewing(own: OwnText) -> dict[str, Any]:
    """What a proposal says of the forms signed before: how many are due for renewal, and what speaks against a no."""
    if own.state is OwnTextState.DRAFT:
        return {}
    waiting = text_changes.waiting_after(own) if own.state is OwnTextState.PROPOSED else None
    if own.renews is Renews.NOBODY:
        return {"touched": [PART_WORDS[name] for name in text_changes.touched(own)], "waiting": waiting}
    return {"forms": text_changes.how_many(own) if own.state is OwnTextState.PROPOSED else None, "waiting": waiting}


def paper_fault(own: OwnText) -> object:
    """Why a proposed text cannot be set as paper."""
    if not own.fault:
        return None
    told = PAPER_FAULTS.get(own.fault, _("The text cannot be set as paper. Simplify it and propose it again."))
    return told % {"signs": own.missing} if own.fault == "missing_letters" else told


def label_of(key: str, base: Mapping[str, str]) -> object:
    """What an entry is called: its part, or for a word of the form the word itself."""
    if key.startswith("word."):
        return readable(base.get(key, key))
    return PART_WORDS[key.partition(".")[0]]


def readable(line: str) -> str:
    """A line without its stars, its fields by their names in brackets."""
    line = line.replace("**", "")
    return paper.markup.FIELD.sub(lambda found: f"[{FIELD_WORDS.get(found[1], found[1])}]", line)


def sentence(fault: Fault) -> str:
    """A fault as a sentence that says what to do."""
    name = str(FIELD_WORDS.get(fault.detail, fault.detail))
    limit = sheets.LONGEST[sheets.kind_of(fault.key)] if fault.key else 0
    told: dict[str, object] = {
        "missing": gettext("Fill this in: every point has to be there."),
        "too_short": gettext("This is too short to answer the question."),
        "too_long": gettext("Use at most %(count)s characters.", count=limit)
        if limit
        else gettext("This is more text than twelve pages hold. Shorten it and save again."),
        "unknown_field": gettext("There is no field “%(name)s” here. Choose one of the list.", name=name),
        "lost_field": gettext("The field “%(name)s” has to stand somewhere in the text.", name=name),
        "markup": gettext("This looks like HTML. Write plain words; the form shows them as they are."),
        "template": gettext("Double braces mean nothing here. Insert a field from the list."),
        "untranslated": gettext("This is still the text it started from."),
        "unknown_key": gettext("This entry belongs to no form."),
    }
    return str(told[fault.code])


def by_key(faults: Iterable[Fault]) -> dict[str, list[str]]:
    """The sentences of faults, by the entry they are about."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        found.setdefault(fault.key, []).append(sentence(fault))
    return found
