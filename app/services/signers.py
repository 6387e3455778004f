"""Who signs a form: who may, at which age and until when; and the sealed name of who signed for the patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from app.errors import Incomplete
from app.models import ConsentForm, Patient
from app.services import days, identities, papers, renewals
from app.words import Answer, Relation, Variant, _


@dataclass(frozen=True)
class Signer:
    """Who signed, as far as it is not the patient."""

    names: str
    proof: str | None = None


@dataclass(frozen=True)
class Said:
    """What a person read on the signed paper of a form."""

    signed_on: dt.date
    relation: Relation
    signer: Signer | None
    answers: Mapping[str, Answer]
    mandate_ends_on: dt.date | None = None


def check_age(patient: Patient, variant: Variant, relation: Relation | None, on: dt.date | None = None) -> None:
    """Refuse who may not sign on that day: a child alone, or a parent for an adult. Ages are the hospital's country's.

    Args:
        patient: whose form it is.
        variant: who signs, the patient or somebody for the patient.
        relation: what the signer is to the patient, where that is known.
        on: the day of the signature; today without one.

    Raises:
        Incomplete: with who signs instead.
    """
    too_young = variant is Variant.ADULT and (on is not None and _before_birthday(patient, on))
    on = on or days.day_at(patient.hospital)
    if variant is Variant.ADULT and (too_young or not renewals.may_sign_alone(patient, on)):
        sentence = _(
            "In this country a patient signs alone from the age of %(years)s. A representative signs.",
            years=renewals.age_to_sign_alone(patient),
        )
        raise Incomplete(sentence, fields={"variant": sentence})
    if relation is Relation.PARENT and renewals.of_age_on(patient) <= on:
        sentence = _("A parent cannot sign for an adult. Choose guardian or legal representative, and note the proof.")
        raise Incomplete(sentence, fields={"relation": sentence})


def _before_birthday(patient: Patient, on: dt.date) -> bool:
    """Whether a signature of the very month in which the patient may sign alone is older than the birthday."""
    born = (patient.birth_year + renewals.age_to_sign_alone(patient), patient.birth_month)
    if (on.year, on.month) != born:
        return False
    identity = identities.identity_of(patient)
    return identity is not None and on.day < identity.birth_date.day


def check_signature(form: ConsentForm, signed_on: dt.date, relation: Relation, signer: Signer | None) -> None:
    """Refuse a signature that cannot stand on this form.

    Raises:
        Incomplete: with the sentence by its field.
    """
    printed_on = form.printed_at.date() if form.printed_at else signed_on
    if signed_on > days.day_at(form.hospital):
        sentence = _("This date lies in the future.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    if signed_on < printed_on - dt.timedelta(days=1):
        sentence = _("The form was printed later than this. Check the date beside the signature.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    check_age(form.patient, form.variant, relation, signed_on)
    if (relation is Relation.SELF) != (form.variant is Variant.ADULT):
        sentence = _("This form is signed by a representative. Choose what the signer is to the patient.")
        if form.variant is Variant.ADULT:
            sentence = _("This form is signed by the patient. For a representative prepare the other form.")
        raise Incomplete(sentence, fields={"relation": sentence})
    if form.variant is Variant.REPRESENTATIVE and (signer is None or not signer.names):
        sentence = _("Write the name of each person who signed.")
        raise Incomplete(sentence, fields={"names": sentence})


def check_mandate(form: ConsentForm, signed_on: dt.date, mandate_ends_on: dt.date | None) -> None:
    """Refuse a mandate that was over when its holder signed.

    Raises:
        Incomplete: with which dates to compare.
    """
    if mandate_ends_on is not None and mandate_ends_on > signed_on + dt.timedelta(days=366 * 120):
        sentence = _("Nobody’s mandate lasts so long. Check the year, or leave the date empty.")
        raise Incomplete(sentence, fields={"mandate_ends_on": sentence})
    if mandate_ends_on is not None and (form.variant is Variant.ADULT or mandate_ends_on < signed_on):
        sentence = _("The mandate was over before the signature. Check both dates.")
        raise Incomplete(sentence, fields={"mandate_ends_on": sentence})


def sealed_signer(form: ConsentForm, signer: Signer | None) -> bytes | None:
    """The representative's name and proof, sealed with the form's key."""
    return None if signer is None else papers.sealed(form, "sealed_signer", asdict(signer))


def signer_of(form: ConsentForm) -> Signer | None:
    """The representative who signed."""
    if form.sealed_signer is None:
        return None
    return Signer(**papers.opened(form, "sealed_signer"))
