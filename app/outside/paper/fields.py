"""What a consent form must say and what is filled in: the points, the words, the fields.

The texts in app/consent_templates/texts hold exactly these; tests/outside/test_paper_texts.py compares.
"""

from __future__ import annotations

from typing import Final

PROCEDURES: Final = ("eu", "ua")
VARIANTS: Final = ("adult", "representative")
ROLES: Final = ("joint_controller", "processor")
"""Legal role of the operator of the platform: each text has a paragraph for either."""

POINTS: Final[dict[str, int]] = {
    name: order
    for order, name in enumerate(
        (
            "networks",
            "why_shared",
            "what_shared",
            "what_not_shared",
            "recognisable",
            "similar_cases",
            "recipients",
            "outside_eea",
            "clinician_decides",
            "no_duty",
            "purposes",
            "education",
            "controllers",
            "dpo",
            "retention",
            "rights",
            "withdrawal",
            "complaint",
            "automated",
        ),
        start=1,
    )
}
"""The points a form tells, in this order (DOMAIN.md section 5); each is an element ``data-point``."""

EU_ONLY_POINTS: Final = frozenset({"education"})
"""The Ukrainian form asks for care only, so it does not explain teaching."""

FIELDS: Final[dict[str, str]] = {
    "form.code": "random code of this form, grouped for reading",
    "form.version": "version of the published text",
    "form.language": "the form's language by its own name",
    "operator.name": "who runs the platform",
    "operator.address": "postal address of the operator",
    "operator.dpo_contact": "data protection officer of the operator: how to reach",
    "operator.arrangement": "reference of the arrangement between the controllers",
    "hospital.name": "the hospital that asks for consent",
    "hospital.address": "postal address of the hospital",
    "hospital.dpo_contact": "data protection officer of the hospital: how to reach",
    "hospital.withdrawal_address": "where a withdrawal can be sent: postal address",
    "hospital.withdrawal_phone": "where a withdrawal can be told: telephone",
    "hospital.withdrawal_email": "where a withdrawal can be sent: e-mail",
    "authority.name": "data protection supervisory authority of the hospital's country",
    "authority.contact": "address or website of the supervisory authority",
    "country.paragraph": "what else the law of the hospital's country demands (ages, co-signing); may be empty",
    "clinician.name": "who explains the form",
    "patient.family_name": "the patient's family name",
    "patient.given_names": "the patient's given names",
    "patient.birth_date": "the patient's date of birth, written in the form's language",
    "patient.file_number": "the patient's file number in the hospital",
}
"""Every field of a form with its meaning; a field without a value is a line to write on."""

REGISTRY_FIELDS: Final[dict[str, str]] = {
    "registry.name": "name of the registry",
    "registry.controller": "organisation responsible for the registry",
    "registry.country": "country of that organisation",
}
"""Fields of the one sentence that is repeated for each registry."""

PAGE_FIELDS: Final = ("page", "pages")
"""Page number and number of pages: set by the renderer, in the footer only."""

WORDS: Final = (
    "footer",
    "demo",
    "decisions",
    "patient",
    "family_name",
    "given_names",
    "birth_date",
    "file_number",
    "how_to_answer",
    "yes",
    "no",
    "care",
    "declaration",
    "signer",
    "interpreter",
    "clinician",
    "copy",
    "name",
    "role",
    "place_date",
    "date",
    "signature",
    "slip",
    "slip_statement",
    "slip_care",
    "slip_form",
    "slip_send",
)
REPRESENTATIVE_WORDS: Final = ("second_signer", "assent", "relation", "proof")
EU_WORDS: Final = ("education", "registry", "no_registry", "slip_education", "slip_registries")
