"""The paper of a form: what stands on it, kept sealed from the print on, and set as PDF again at any time.

The words are ``outside.paper`` and ``app/consent_templates``; who may print is an act of ``consents``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import config
from app.errors import Incomplete, NotFound
from app.models import BlankForm, ConsentForm, ConsentText, Hospital, Person, Registry
from app.outside import paper
from app.outside.vault import Place
from app.premises import premises
from app.services import identities, proofs
from app.words import _

PURPOSE = proofs.PURPOSE
SEALED = ("sealed_paper", "sealed_signer")
"""The columns of a form that its key opens."""


def refuse_without_operator() -> None:
    """Refuse outside demo mode while a setting of the operator is empty.

    Raises:
        Incomplete: naming the settings, for the operator to fill in.
    """
    empty = [name for name in config.OPERATOR if not premises().settings[name]]
    if empty:
        raise Incomplete(
            _(
                "No form can be printed yet: the operator has not filled in %(settings)s. Tell the operator of this platform.",
                settings=", ".join(empty),
            )
        )


def keep(form: ConsentForm) -> None:
    """Keep what stands on the form when it is printed now, sealed with the form's key.

    A form that was printed blank stays as it is: the signed paper is that one.

    Raises:
        NotFound: the patient is erased.
    """
    if is_by_hand(form):
        return
    identity = identities.identity_of(form.patient)
    if identity is None:
        raise NotFound
    values = _values(form, form.patient.clinician) | _personal(form, identity)
    printed = {"values": values, "registries": _registries(form)} | _ground()
    form.sealed_paper = sealed(form, "sealed_paper", printed)
    form.explained_by_id = form.patient.clinician_id


def _ground() -> dict[str, Any]:
    """What the operator's settings say on a paper printed now."""
    settings = premises().settings
    return {"role": settings["OPERATOR_LEGAL_ROLE"] or "joint_controller", "demo": settings.demo}


def blank(of: BlankForm, registries: Sequence[Registry]) -> dict[str, Any]:
    """What stands on a form printed without a patient: the hospital's words, the code, and lines to write on."""
    values = _values(of, of.clinician) | {"form.code": of.code}
    return {"values": values, "registries": _named(registries, of.language), "by_hand": True} | _ground()


def keep_blank(form: ConsentForm, of: BlankForm) -> None:
    """The paper of a form is the blank one that was signed."""
    form.sealed_paper = sealed(form, "sealed_paper", of.paper)


def is_by_hand(form: ConsentForm) -> bool:
    """Whether the patient is written on the form's paper by hand."""
    return form.sealed_paper is not None and bool(opened(form, "sealed_paper").get("by_hand"))


def set_paper(form: ConsentForm, *, preview: bool = False) -> paper.Rendered:
    """The form as PDF: with what stood on it when it was last printed.

    A preview has neither the patient nor the form's code, so that nobody signs it and no identity is opened by looking.

    Raises:
        NotFound: it is not printed, or the patient is erased.
        paper.PaperFault: the paper cannot be set.
    """
    if preview and form.text is not None:
        printed: dict[str, Any] = {
            "values": _values(form, form.patient.clinician),
            "registries": _registries(form),
        }
        printed |= _ground()
    elif form.sealed_paper is not None:
        printed = opened(form, "sealed_paper")
    else:
        raise NotFound
    if form.text is None:
        raise NotFound  # signed on a paper that was not printed here
    return _set(printed, form, form.text, form.printed_at or form.prepared_at)


def set_blank(of: BlankForm) -> paper.Rendered:
    """A blank form as PDF.

    Raises:
        paper.PaperFault: the paper cannot be set.
    """
    return _set(of.paper, of, of.text, of.printed_at)


def _set(
    printed: dict[str, Any], form: ConsentForm | BlankForm, text: ConsentText, created: dt.datetime
) -> paper.Rendered:
    printed = _ground() | printed  # a paper printed before this was kept has what stands there now
    return premises().printer.print(
        text.html,
        text.css,
        printed["values"],
        [paper.Registry(*facts) for facts in printed["registries"]],
        role=printed["role"],
        demo=printed["demo"],
        title=text.title,
        language=form.language,
        created=created,
        large=form.large_print,
        by_hand=bool(printed.get("by_hand")),
    )


def by_hand(printed: paper.Rendered) -> str:
    """What has to be written on a printed form by hand: letters of a name that none of our fonts has."""
    if not printed.missing:
        return ""
    signs = " ".join(printed.missing)
    return str(_("Some letters of the name cannot be printed: %(signs)s. Write them by hand on the form.", signs=signs))


def _registries(form: ConsentForm) -> list[tuple[str, str, str]]:
    named = [decision.named_registry for decision in form.decisions if decision.named_registry is not None]
    return _named(named, form.language)


def _named(registries: Sequence[Registry], language: str) -> list[tuple[str, str, str]]:
    return [
        (registry.name, registry.controller, paper.country_name(registry.country.code, language))
        for registry in registries
    ]


def _personal(form: ConsentForm, identity: identities.Identity) -> dict[str, str]:
    """The fields that make a form this patient's."""
    return {
        "form.code": form.code,
        "patient.family_name": identity.family_name,
        "patient.given_names": identity.given_names,
        "patient.birth_date": paper.long_date(identity.birth_date, form.language),
        "patient.file_number": identity.file_number,
    }


def _values(form: ConsentForm | BlankForm, clinician: Person | None) -> dict[str, str]:
    """The fields that are the hospital's, the operator's and the country's, and who explains."""
    standing = standing_values(form.hospital, form.language, form.text.text_version if form.text else "")
    return standing | {"clinician.name": str(clinician) if clinician else ""}


def standing_values(hospital: Hospital, language: str, version: str) -> dict[str, str]:
    """The fields that are the same on every form of a text at a hospital."""
    settings, country = premises().settings, hospital.country
    return {
        "form.version": version,
        "form.language": paper.language_name(language),
        "operator.name": settings["OPERATOR_NAME"],
        "operator.address": settings["OPERATOR_ADDRESS"],
        "operator.dpo_contact": settings["OPERATOR_DPO"],
        "operator.arrangement": settings["ARRANGEMENT_REFERENCE"],
        "hospital.name": hospital.name,
        "hospital.address": f"{hospital.address}, {hospital.city}",
        "hospital.dpo_contact": f"{hospital.dpo_name}, {hospital.dpo_contact}",
        "hospital.withdrawal_address": f"{hospital.name}, {hospital.address}, {hospital.city}",
        "hospital.withdrawal_phone": hospital.phone,
        "hospital.withdrawal_email": hospital.email,
        "authority.name": country.authority_name,
        "authority.contact": f"{country.authority_address}, {country.authority_contact}",
        "country.paragraph": "",
    }


def new_key() -> bytes:
    """The key of a new form."""
    return premises().vault.new_key(PURPOSE)


def check_key(form: ConsentForm) -> None:
    """Open a form's key, and what is sealed with it.

    Raises:
        VaultFault: something does not open.
    """
    premises().vault.check(form.wrapped_key, PURPOSE)
    for column in SEALED:
        if getattr(form, column) is not None:
            opened(form, column)


def sealed(form: ConsentForm, column: str, words: dict[str, Any]) -> bytes:
    """Words sealed with the key of a form, for one of its columns."""
    plain = json.dumps(words, ensure_ascii=False).encode()
    return premises().vault.seal(form.wrapped_key, PURPOSE, plain, _place(form, column))


def opened(form: ConsentForm, column: str) -> dict[str, Any]:
    """What is sealed in a column of a form."""
    plain = premises().vault.open(form.wrapped_key, PURPOSE, getattr(form, column), _place(form, column))
    words: dict[str, Any] = json.loads(plain)
    return words


def _place(form: ConsentForm, column: str) -> Place:
    return Place(form.__tablename__, column, form.public_id)
