"""What a person fills in about a consent form: its signature, its scan, where it is kept, why it ends, a withdrawal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wtforms import DateField, MultipleFileField, RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from app.labels import LABELS
from app.models import ConsentDecision, ConsentForm
from app.pages.base import ActForm
from app.pages.fields import not_in_the_future, text, words
from app.services import archives, signers
from app.words import Answer, Channel, Purpose, Relation, Variant, _

ACCEPTED = ".pdf,.tif,.tiff,.jpg,.jpeg,.png,application/pdf,image/tiff,image/jpeg,image/png"
"""What a browser offers to choose as a scan."""


def uploads_of(files: Any) -> list[archives.Upload]:
    """The files chosen in a field; an empty choice is none."""
    chosen = [file for file in files.data or [] if getattr(file, "filename", "")]
    return [archives.Upload(file.stream.read(), file.filename) for file in chosen]


class ReasonForm(ActForm):
    """A reason, for acts that need one."""

    reason = text(_("Reason"), 300, hint=_("Kept with the record. Write no patient's name."))


class SignForm(ActForm):
    """What stands on the signed paper. Nothing is answered beforehand."""

    signed_on = DateField(_("Date beside the signature"), validators=[InputRequired(_("Fill this in."))])

    def said(self, form: ConsentForm) -> signers.Said:
        """What was read on the paper of ``form``."""
        adult = form.variant is Variant.ADULT
        return signers.Said(
            signed_on=self.signed_on.data,
            relation=Relation.SELF if adult else self["relation"].data,
            signer=None if adult else signers.Signer(self["names"].data, self["proof"].data),
            answers={d.public_id: Answer(self[f"answer_{d.public_id}"].data) for d in form.decisions},
            mandate_ends_on=None if adult else self["mandate_ends_on"].data,
        )


class AttestForm(ActForm):
    """Where the signed original is kept."""

    place = text(
        _("Where the signed original is kept"),
        300,
        hint=_("Such as: paper archive, room 12, binder 2026-B. Write no patient's name here."),
    )


class ScanForm(ActForm):
    """The scan of the signed paper."""

    files = MultipleFileField(
        _("Scan of the signed form"),
        description=_("One PDF or TIFF of at most 20 pages, or a photograph of each page (JPEG, PNG). At most 50 MB."),
        render_kw={"accept": ACCEPTED, "required": ""},
    )

    def uploads(self) -> list[archives.Upload]:
        """The chosen files."""
        return uploads_of(self.files)


class WithdrawForm(ActForm):
    """A withdrawal as it reached the hospital."""

    withdrawn_on = DateField(_("Received on"), validators=[InputRequired(_("Fill this in.")), not_in_the_future])
    channel = words(_("How it came"), Channel)
    reason = TextAreaField(
        _("What the patient said"),
        description=_("Nobody has to give a reason. Write no patient's name here."),
        validators=[Optional(), Length(max=300)],
    )


def sign_form(form: ConsentForm, more: Mapping[str, Any] | None = None, **how: Any) -> SignForm:
    """The signature's form for one paper: as many answers as it asks, the signer where there is a representative.

    Args:
        form: the form on paper.
        more: further fields, for a page that asks more.
        how: what the form is made with, such as ``prefix`` where there are several on a page.
    """
    fields: dict[str, Any] = dict(more or {})
    if form.variant is Variant.REPRESENTATIVE:
        kinds = [kind for kind in Relation if kind is not Relation.SELF]
        fields["relation"] = words(_("What the signer is to the patient"), kinds)
        fields["names"] = text(_("Who signed"), 300, hint=_("Given and family name. With two parents, both names."))
        fields["proof"] = text(
            _("Proof seen"), 200, required=False, hint=_("Such as: identity card, court decision and its date.")
        )
        fields["mandate_ends_on"] = DateField(
            _("The mandate ends on"),
            description=_("Where a court or a document says so. For parents leave it empty: the child’s age is known."),
            validators=[Optional()],
        )
    for decision in form.decisions:
        fields[f"answer_{decision.public_id}"] = RadioField(
            question(decision),
            choices=answers(decision, _("Left empty")),
            validators=[InputRequired(_("Choose what is crossed on the paper."))],
        )
    signing: SignForm = type("SignForm", (SignForm,), fields)(**how)
    return signing


def question(decision: ConsentDecision) -> object:
    """What a decision is called: the purpose, and the registry where there is one."""
    registry = decision.named_registry
    return registry.name if registry is not None else LABELS[decision.purpose]


def answers(decision: ConsentDecision, left_out: object) -> list[SelectChoice]:
    """What may be answered. Only care has to be; what another question is called that was ``left_out``."""
    choices = [SelectChoice(Answer.GIVEN.value, _("Yes")), SelectChoice(Answer.REFUSED.value, _("No"))]
    if decision.purpose is not Purpose.CARE:
        choices.append(SelectChoice(Answer.NOT_ASKED.value, left_out))
    return choices
