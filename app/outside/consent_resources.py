"""A signed consent as HL7 FHIR R4 ``Consent``: what machines read of an archived form.

Lives here: plain facts in, a plain dict out (hl7.org/fhir/R4/consent.html). Does not live here: the form's rows
(``app/tables``), who may see it, the PDF it is put into (``archive_copies``). Nothing of the identity is in it: the
patient is the nickname, the signer is a relation, the paper is named by its code.

What R4 has no word for is said in systems of our own (``urn:x-cpms:...``, a private use of the URN form): the nickname,
the form's code, the purpose, and the answer as it was given, because *not asked* and *refused* both mean no.
"""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS: Final = "urn:x-cpms:"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
REASONS: Final = {
    "care": ("TREAT", "treatment"),
    "education": ("TRAIN", "training"),
    "registry": ("HRESCH", "healthcare research"),
}
"""Each purpose in HL7's v3-ActReason, the value set R4 names for a provision."""
STATES: Final = {
    "archived": "active",
    "superseded": "inactive",
    "withdrawn": "inactive",
    "annulled": "entered-in-error",
}
"""What a form's state is in R4; refused care makes an archived form ``rejected``."""
SIGNERS: Final = {
    "self": "Patient",
    "parent": "RelatedPerson",
    "guardian": "RelatedPerson",
    "legal_representative": "RelatedPerson",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One purpose: ``care``, ``education`` or ``registry``; ``given``, ``refused``, ``not_asked`` or ``withdrawn``."""

    purpose: str
    answer: str
    registry: str = ""
    controller: str = ""
    country: str = ""
    withdrawn_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Consented:
    """The facts of an archived form."""

    code: str
    nickname: str
    state: str
    language: str
    relation: str
    signed_on: dt.date
    archived_at: dt.datetime
    hospital: str
    country: str
    authority: str
    text_title: str
    text_version: str
    text_sha256: str
    """Hex, of the published text; version and hash are empty for a form signed on paper of somebody else."""
    media_type: str
    decisions: Sequence[Decision]


def consent_resource(facts: Consented) -> dict[str, Any]:
    """The consent as a FHIR R4 ``Consent``, fit for ``json.dumps``.

    Every purpose is a provision of its own, to permit or to deny; an answer that is no yes denies.
    """
    archived = facts.archived_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    patient = {
        "type": "Patient",
        "identifier": {"system": f"{OURS}nickname", "value": facts.nickname},
        "display": facts.nickname,
    }
    return {
        "resourceType": "Consent",
        "language": facts.language,
        "identifier": [{"system": f"{OURS}form", "value": facts.code}],
        "status": _status(facts),
        "scope": _concept(f"{TERMINOLOGY}consentscope", "patient-privacy", "Privacy Consent"),
        "category": [_concept("http://loinc.org", "59284-0", "Consent Document")],
        "patient": patient,
        "dateTime": facts.signed_on.isoformat(),
        "performer": [_signer(facts, patient)],
        "organization": [{"type": "Organization", "display": f"{facts.hospital}, {facts.country}"}],
        "sourceAttachment": {
            "contentType": facts.media_type,
            "language": facts.language,
            "title": f"Signed form {facts.code}",
            "creation": archived,
        },
        **_policy(facts),
        "verification": [{"verified": True, "verifiedWith": _signer(facts, patient), "verificationDate": archived}],
        "provision": {"provision": [_provision(facts, decision) for decision in facts.decisions]},
    }


def _policy(facts: Consented) -> dict[str, Any]:
    """Which text was signed: ours by its hash; another by the title it bears."""
    if not facts.text_sha256:
        return {"policyRule": {"text": f"{facts.text_title} ({facts.authority})"}}
    return {
        "policy": [{"uri": named_information(facts.text_sha256)}],
        "policyRule": {"text": f"{facts.text_title}, version {facts.text_version} ({facts.authority})"},
    }


def named_information(sha256: str) -> str:
    """The address of content by its hash (RFC 6920), from the hash in hex."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=")
    return f"ni:///sha-256;{digest.decode()}"


def _status(facts: Consented) -> str:
    refused = any(one.purpose == "care" and one.answer == "refused" for one in facts.decisions)
    return "rejected" if refused and facts.state == "archived" else STATES[facts.state]


def _signer(facts: Consented, patient: dict[str, Any]) -> dict[str, Any]:
    """Who agreed: the patient, or somebody of whom only the relation is said."""
    kind = SIGNERS[facts.relation]
    return patient if kind == "Patient" else {"type": kind, "display": facts.relation.replace("_", " ")}


def _provision(facts: Consented, decision: Decision) -> dict[str, Any]:
    code, display = REASONS[decision.purpose]
    said: dict[str, Any] = {
        "extension": [{"url": f"{OURS}answer", "valueCode": decision.answer}],
        "type": "permit" if decision.answer == "given" else "deny",
        "period": {"start": (decision.withdrawn_on or facts.signed_on).isoformat()},
        "purpose": [
            {"system": f"{TERMINOLOGY}v3-ActReason", "code": code, "display": display},
            {"system": f"{OURS}purpose", "code": decision.purpose},
        ],
    }
    if decision.registry:
        receives = _concept(f"{TERMINOLOGY}v3-ParticipationType", "IRCP", "information recipient")
        named = f"{decision.registry} ({decision.controller}, {decision.country})"
        said["actor"] = [{"role": receives, "reference": {"type": "Organization", "display": named}}]
    return said


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}
