"""What a person fills in about a patient: who it is, whom to find, which form to print."""

from __future__ import annotations

from flask import request
from flask_babel import format_date, gettext
from wtforms import BooleanField, DateField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional

from app.labels import LABELS
from app.models import Hospital, Patient
from app.outside import paper
from app.pages import names
from app.pages.base import ActForm, once_key
from app.pages.fields import PickField, not_in_the_future, text, words
from app.pages.security import me
from app.services import identities, prints, texts
from app.words import Sex, Variant, _

WITH_PATRONYMIC = _("With the patronymic, as in the passport.")


class IdentityForm(ActForm):
    """Who the patient is."""

    family_name = text(_("Family name"), 200)
    given_names = text(_("Given names"), 200)
    birth_date = DateField(_("Date of birth"), validators=[InputRequired(_("Fill this in.")), not_in_the_future])
    sex = words(_("Sex"), Sex)
    file_number = text(_("File number"), 60, hint=_("The number of the patient's file in your hospital."))
    birth_place = text(_("Place of birth"), 200, required=False)
    cpms_reference = text(
        _("Reference in CPMS"),
        identities.LONGEST_REFERENCE,
        required=False,
        hint=_(
            "Where the case is discussed in the Commission’s own CPMS: what that system calls the patient. No name."
        ),
    )

    def identity(self) -> identities.Identity:
        """What was typed."""
        return identities.Identity(
            self.family_name.data,
            self.given_names.data,
            self.birth_date.data,
            self.file_number.data,
            self.birth_place.data,
            self.cpms_reference.data,
        )


class EnrolForm(IdentityForm):
    """Who the patient is, where and for whom. Fields with one possible answer are not asked."""

    hospital = PickField(_("Hospital"), "patient.enrol", narrow=lambda rows: rows.order_by(Hospital.name))
    clinician = SelectField(_("Treating clinician"), validators=[InputRequired(_("Choose one."))], validate_choice=True)
    despite_duplicate = BooleanField(_("This is somebody else: enrol this patient"))


class FindForm(ActForm):
    """An exact search in one's own records; sent by POST, so that no name stands in an address."""

    hospital = PickField(_("Hospital"), "patient.find", narrow=lambda rows: rows.order_by(Hospital.name))
    file_number = text(_("File number"), 60, required=False)
    cpms_reference = text(_("Reference in CPMS"), identities.LONGEST_REFERENCE, required=False)
    family_name = text(_("Family name"), 200, required=False)
    birth_date = DateField(_("Date of birth"), validators=[Optional()])


class PrepareForm(ActForm):
    """Which form to print."""

    language = SelectField(_("Language of the form"), validators=[InputRequired(_("Choose one."))])
    variant = words(_("Who signs"), Variant)
    large_print = BooleanField(
        _("Large print"), description=_("The same text in large type, on about twice as many pages.")
    )


def prepare_form(patient: Patient) -> PrepareForm:
    """Which form to print, with the languages the hospital has; what is likely is proposed."""
    codes = texts.offered_languages(patient, me().consent_language)
    form = PrepareForm(formdata=request.form if request.method == "POST" else None)
    form.language.description = _own_texts_told(patient)
    form.language.choices = [SelectChoice(code, names.both(code, paper.language_name(code))) for code in codes]
    if request.method == "GET":
        form.once.data = once_key()
        form.language.data = codes[0] if codes else None
        form.variant.data = prints.likely_variant(patient)
    return form


def _own_texts_told(patient: Patient) -> str:
    """Which forms have the hospital's own text, and since when."""
    own = [
        gettext(
            "%(language)s, %(signer)s, since %(day)s",
            language=paper.language_name(one.language),
            signer=str(LABELS[one.variant]).lower(),
            day=format_date(one.counts_from, "long"),
        )
        for one in texts.own_texts_in_force(patient.hospital, patient.procedure)
    ]
    return gettext("Your hospital’s own text is in force for: %(forms)s.", forms="; ".join(own)) if own else ""
