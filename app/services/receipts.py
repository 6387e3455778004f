"""Receipts: what a patient gets in hand when a consent is withdrawn, in the language of the form.

Nothing is stored: a receipt follows from the decision, its form and the hospital, and names nobody, so it can be set
again at any time, even after the record is erased.
"""

from __future__ import annotations

import datetime as dt

from app.errors import NotFound
from app.models import ConsentDecision
from app.outside import paper
from app.premises import premises

NOON = dt.time(12, tzinfo=dt.UTC)


def set_receipt(decision: ConsentDecision) -> bytes:
    """The receipt as PDF; the same decision gives the same bytes as long as the hospital's address stays.

    Raises:
        NotFound: nothing was withdrawn.
        paper.PaperFault: it cannot be set.
    """
    if decision.withdrawn_on is None or decision.channel is None:
        raise NotFound
    language = paper.receipt_language(decision.form.language)
    html = paper.compose_receipt(
        language, decision.purpose.value, _values(decision, language), demo=premises().settings.demo
    )
    set_ = premises().printer.set(
        html,
        paper.style(),
        title=paper.receipt_words()[language]["title"],
        language=language,
        created=dt.datetime.combine(decision.withdrawn_on, NOON),
    )
    return set_.pdf


def _values(decision: ConsentDecision, language: str) -> dict[str, str]:
    """What is filled in; a purpose that names no registry leaves its places empty, where they do not stand."""
    form, registry = decision.form, decision.named_registry
    hospital, country = form.hospital, form.hospital.country
    return {
        "form.code": paper.grouped_code(form.code),
        "withdrawn_on": paper.long_date(decision.withdrawn_on, language) if decision.withdrawn_on else "",
        "channel": decision.channel.value if decision.channel else "",
        "registry.name": registry.name if registry else "",
        "registry.controller": f"{registry.controller} ({registry.country.code})" if registry else "",
        "hospital.name": hospital.name,
        "hospital.address": f"{hospital.address}, {hospital.city}",
        "hospital.phone": hospital.phone,
        "hospital.email": hospital.email,
        "hospital.dpo": f"{hospital.dpo_name}, {hospital.dpo_contact}",
        "authority.name": country.authority_name,
        "authority.contact": f"{country.authority_address}, {country.authority_contact}",
    }
