"""A consent as FHIR R4: what machines read, with nothing of the identity. R4B has the same ``Consent`` as R4."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from fhir.resources.R4B.consent import Consent

from app.outside.consent_resources import Consented, Decision, consent_resource, named_information

FACTS = Consented(
    code="4QXW8BTAZ2C5DK9M",
    nickname="quiet-fox-lake",
    state="archived",
    language="el",
    relation="self",
    signed_on=dt.date(2026, 3, 2),
    archived_at=dt.datetime(2026, 3, 4, 11, 30, 15, 999, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    hospital="Hospital of Thessaloniki",
    country="GR",
    authority="Hellenic Data Protection Authority",
    text_title="Consent",
    text_version="2026-01",
    text_sha256="ab" * 32,
    media_type="image/jpeg",
    decisions=(
        Decision("care", "given"),
        Decision("education", "not_asked"),
        Decision("registry", "given", "Registry of bones", "University of Nowhere", "DE"),
        Decision("registry", "refused", "Registry of hearts", "Institute of Elsewhere", "FR"),
    ),
)

STATUSES = {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"}
"""hl7.org/fhir/R4/valueset-consent-state-codes.html; the package does not look into value sets."""


def resource(**changes: Any) -> dict[str, Any]:
    return consent_resource(dataclasses.replace(FACTS, **changes))


@pytest.mark.parametrize("relation", ["self", "parent", "guardian", "legal_representative"])
@pytest.mark.parametrize("state", ["archived", "superseded", "withdrawn", "annulled"])
def test_it_is_a_fhir_consent_and_comes_back_as_it_was(relation: str, state: str) -> None:
    made = resource(relation=relation, state=state)

    read = Consent.model_validate_json(json.dumps(made))

    assert json.loads(read.model_dump_json()) == made
    assert made["status"] in STATUSES
    assert made["scope"]["coding"][0]["code"] == "patient-privacy"  # then R4 asks for the patient (ppc-2)
    assert made["policy"]  # and for a policy (ppc-1)


def test_each_purpose_and_each_registry_is_permitted_or_denied_and_no_answer_denies() -> None:
    made = resource()

    said = [
        (one["type"], one["purpose"][0]["code"], one["purpose"][1]["code"], one["extension"][0]["valueCode"])
        for one in made["provision"]["provision"]
    ]
    assert said == [
        ("permit", "TREAT", "care", "given"),
        ("deny", "TRAIN", "education", "not_asked"),
        ("permit", "HRESCH", "registry", "given"),
        ("deny", "HRESCH", "registry", "refused"),
    ]
    assert "type" not in made["provision"]  # R4 does not permit it in the root rule
    receivers = [one["actor"][0]["reference"]["display"] for one in made["provision"]["provision"] if "actor" in one]
    assert receivers == [
        "Registry of bones (University of Nowhere, DE)",
        "Registry of hearts (Institute of Elsewhere, FR)",
    ]


def test_a_withdrawn_purpose_is_denied_from_the_day_of_the_withdrawal() -> None:
    withdrawn = Decision("education", "withdrawn", withdrawn_on=dt.date(2026, 5, 6))

    (said,) = resource(decisions=(withdrawn,))["provision"]["provision"]

    assert (said["type"], said["period"]) == ("deny", {"start": "2026-05-06"})


@pytest.mark.parametrize(
    ("state", "care", "status"),
    [
        ("archived", "given", "active"),
        ("archived", "refused", "rejected"),
        ("superseded", "given", "inactive"),
        ("withdrawn", "withdrawn", "inactive"),
        ("annulled", "given", "entered-in-error"),
    ],
)
def test_the_status_follows_the_form_and_the_care_answer(state: str, care: str, status: str) -> None:
    assert resource(state=state, decisions=(Decision("care", care),))["status"] == status


def test_dates_are_the_signatures_and_moments_are_utc() -> None:
    made = resource()

    assert made["dateTime"] == "2026-03-02"
    assert made["verification"][0]["verificationDate"] == "2026-03-04T09:30:15Z"


def test_the_text_is_named_by_its_hash() -> None:
    (policy,) = resource()["policy"]

    assert policy == {"uri": named_information("ab" * 32)}
    assert policy["uri"].startswith("ni:///sha-256;")
    assert base64.urlsafe_b64decode(policy["uri"].partition(";")[2] + "=").hex() == "ab" * 32


def test_the_patient_is_a_nickname_and_a_representative_a_relation() -> None:
    made = resource(relation="legal_representative")

    assert made["patient"]["identifier"]["value"] == made["patient"]["display"] == "quiet-fox-lake"
    assert made["performer"] == [{"type": "RelatedPerson", "display": "legal representative"}]
    assert resource()["performer"] == [made["patient"]]
