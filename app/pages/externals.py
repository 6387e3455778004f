"""Papers from elsewhere: filed by hand on the patient's page, compared with their scan by a second person."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload, selectinload
from wtforms import BooleanField, DateField, MultipleFileField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional

from app import audit
from app.errors import NotAllowed
from app.models import ArchivedDocument, ConsentDecision, ConsentForm, Hospital, Patient, Registry
from app.outside import archive_copies, paper
from app.outside.archive_copies import CopyFault
from app.outside.children import ChildFault
from app.outside.storage import StorageFault
from app.pages import doers, names
from app.pages.base import (
    ActForm,
    Page,
    allowed,
    expose,
    find,
    has_access,
    may,
    once_key,
    sent_version,
    submitted,
)
from app.pages.consent_forms import ACCEPTED, ReasonForm, answers, question, uploads_of
from app.pages.fields import not_in_the_future, text, words
from app.pages.security import acting
from app.services import archives, externals, identities, proofs, signers
from app.services.externals import Paper, key_of
from app.words import Answer, FormState, Procedure, Relation, Variant, _

LOAD = (
    joinedload(ConsentForm.patient).joinedload(Patient.identity),
    joinedload(ConsentForm.patient).joinedload(Patient.clinician),
    joinedload(ConsentForm.hospital).joinedload(Hospital.country),
    joinedload(ConsentForm.filed_by),
    joinedload(ConsentForm.explained_by),
    selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry).joinedload(Registry.country),
    selectinload(ConsentForm.documents).joinedload(ArchivedDocument.key),
)


FILED = _("Filed. It counts once somebody else has compared it with the paper; Home asks them.")


class PaperForm(ActForm):
    """What a paper from elsewhere says. Nothing is answered beforehand."""

    reference = text(
        _("Title or number of the form"),
        120,
        hint=_("As printed on the paper, with its version. Such as: General consent, form 4711, version 3."),
    )
    language = SelectField(_("Language of the paper"), validators=[InputRequired(_("Choose one."))])
    signed_on = DateField(
        _("Date beside the signature"), validators=[InputRequired(_("Fill this in.")), not_in_the_future]
    )
    relation = words(_("Who signed"), Relation)
    names = text(
        _("Names of the representatives"),
        300,
        required=False,
        hint=_("Only where the patient has not signed alone. With two parents, both names."),
    )
    proof = text(_("Proof seen"), 200, required=False, hint=_("Such as: identity card, court decision and its date."))
    mandate_ends_on = DateField(
        _("The mandate ends on"),
        description=_("Where a court or a document says so. For parents leave it empty: the child’s age is known."),
        validators=[Optional()],
    )
    files = MultipleFileField(
        _("Scan of the signed form"),
        description=_("One PDF or TIFF of at most 20 pages, or a photograph of each page (JPEG, PNG). At most 50 MB."),
        render_kw={"accept": ACCEPTED},
    )
    place = text(
        _("Or: where the signed original is kept"),
        300,
        required=False,
        hint=_(
            "Where it may not be scanned. The second person has to see the paper there. Write no patient’s name here."
        ),
    )

    def said(self, decisions: list[ConsentDecision]) -> Paper:
        """What was typed."""
        alone = self.relation.data is Relation.SELF
        return Paper(
            reference=self.reference.data,
            language=self.language.data,
            signed_on=self.signed_on.data,
            relation=self.relation.data,
            answers={key_of(one): Answer(self[f"answer_{key_of(one)}"].data) for one in decisions},
            signer=None if alone else signers.Signer(self.names.data or "", self.proof.data),
            mandate_ends_on=None if alone else self.mandate_ends_on.data,
            place=self.place.data or None,
        )


def paper_form(decisions: list[ConsentDecision], **how: Any) -> PaperForm:
    """The form for a paper that may answer these questions."""
    fields = {
        f"answer_{key_of(one)}": RadioField(
            question(one),
            choices=answers(one, _("Left empty, or not on this paper")),
            validators=[InputRequired(_("Choose what stands on the paper."))],
        )
        for one in decisions
    }
    form: PaperForm = type("PaperForm", (PaperForm,), fields)(**how)
    codes = externals.languages()
    choices = [SelectChoice(code, names.both(code, paper.language_name(code))) for code in codes]
    form.language.choices = sorted(choices, key=lambda choice: names.by_letters(str(choice.label)))
    return form


class PaperPage(Page):
    """A form signed on paper that was not printed here, filed by hand."""

    route_base = "/patients"
    datamodel = SQLAInterface(Patient)
    acts: ClassVar[dict[str, str]] = {"file": "consent.file-external"}

    @expose("/<key>/other-paper", methods=["GET", "POST"])
    @has_access
    def file(self, key: str) -> Any:
        """Type what the paper says, and file its scan."""
        loads = (joinedload(Patient.identity), joinedload(Patient.hospital).joinedload(Hospital.country))
        patient = find(Patient, key, "patient.open", "consent.file-external", options=loads)
        if not allowed("consent.file-external", patient):
            raise NotAllowed(_("Your role does not allow this here."))
        if request.method == "GET" and not may("consent.file-external", patient):
            return redirect(url_for("PatientPage.show", key=key))
        audit.note(acting(), "patient.open", patient)
        decisions = externals.answerable(patient)
        form = paper_form(decisions)
        if request.method == "GET":
            form.once.data = once_key()
        made = submitted(form, lambda: self._file(patient, form, decisions))
        if made is None:
            return self.page(
                "externals/file.html",
                form=form,
                patient=patient,
                identity=identities.identity_of(patient),
                fixed=patient.procedure is Procedure.UA,
                correcting=None,
            )
        return self.done(FILED, "PatientPage.show", key=key)

    def _file(self, patient: Patient, form: PaperForm, decisions: list[ConsentDecision]) -> ConsentForm:
        once = form.words()["once"]
        return externals.file_paper(acting(), patient, form.said(decisions), uploads_of(form.files), once=once)


class CheckPage(Page):
    """A paper from elsewhere and what was typed of it, side by side: for the second person, and for who corrects it."""

    route_base = "/consents"
    datamodel = SQLAInterface(ConsentForm)
    acts: ClassVar[dict[str, str]] = {
        "check": "consent.confirm",
        "send_back": "consent.send-back",
        "correct": "consent.file-again",
    }

    @expose("/<key>/check", methods=["GET", "POST"])
    @has_access
    def check(self, key: str) -> Any:
        """Confirm each answer: then the form counts."""
        form = self._form(key, "consent.confirm")
        if request.method == "GET" and form.state is not FormState.TO_CHECK:
            return _onwards(form)
        checking = _check_form(form)
        saved = submitted(checking, lambda: externals.confirm(acting(), form, **_confirmed(checking)))
        if saved is None:
            return self._page(form, checking, ReasonForm())
        return self._done(form, _("Checked. The form is archived and counts."))

    @expose("/<key>/send-back", methods=["GET", "POST"])
    @has_access
    def send_back(self, key: str) -> Any:
        """Send it back to who filed it, with the reason."""
        form = self._form(key, "consent.send-back")
        if request.method == "GET":
            return redirect(url_for(".check", key=key))
        reason = ReasonForm()
        saved = submitted(
            reason, lambda: externals.send_back(acting(), form, reason=reason.reason.data, seen=sent_version())
        )
        if saved is None:
            return self._page(form, _check_form(form, formdata=None), reason, refused=reason)
        return self._done(form, _("Sent back. Who filed it sees your reason on Home."))

    @expose("/<key>/correct", methods=["GET", "POST"])
    @has_access
    def correct(self, key: str) -> Any:
        """Correct what was typed, and file it again."""
        consent = self._form(key, "consent.file-again")
        if request.method == "GET" and not may("consent.file-again", consent):
            return _onwards(consent)
        audit.note(acting(), "consent.open", consent)
        decisions = externals.answerable(consent.patient, consent)
        form = paper_form(decisions)
        if request.method == "GET":
            _fill(form, consent, decisions)
        saved = submitted(
            form,
            lambda: externals.correct_paper(
                acting(),
                consent,
                form.said(decisions),
                uploads_of(form.files),
                seen=sent_version(),
            ),
        )
        if saved is None:
            form.seen.data = str(consent.version)
            return self.page(
                "externals/file.html",
                form=form,
                patient=consent.patient,
                identity=identities.identity_of(consent.patient),
                fixed=False,
                correcting=consent,
                checker=doers.of_patient(consent.patient).of(consent, "consent.send-back"),
            )
        return self.done(FILED, "PatientPage.show", key=consent.patient.public_id)

    def _form(self, key: str, act: str) -> ConsentForm:
        offered = ("consent.open", "consent.confirm", "consent.send-back", "consent.file-again")
        form: ConsentForm = find(ConsentForm, key, *offered, options=LOAD)
        if form.patient is None or not allowed(act, form):
            raise NotAllowed(_("Your role does not allow this here."))
        return form

    def _page(self, consent: ConsentForm, checking: Any, reason: Any, refused: Any = None) -> Any:
        audit.note(acting(), "consent.open", consent)
        for one in (checking, reason):
            one.seen.data = str(consent.version)
        pictures = _pictures(consent)
        return self.page(
            "externals/check.html",
            form=refused or checking,
            consent=consent,
            filer=doers.filer(consent),
            checking=checking,
            reason=reason,
            identity=identities.identity_of(consent.patient),
            signer=signers.signer_of(consent),
            pictures=pictures,
            language=names.both(consent.language, paper.language_name(consent.language)),
            answers=[(one, question(one), checking[f"right_{key_of(one)}"]) for one in consent.decisions],
            documents=[one for one in proofs.readable(consent) if one.kind == "original"],
        )

    def _done(self, form: ConsentForm, sentence: object) -> Any:
        if allowed("consent.open", form):
            return self.done(sentence, "PatientPage.show", key=form.patient.public_id)
        return self.done(sentence, "HomePage.index")


def _onwards(form: ConsentForm) -> Any:
    """Where one goes whom the form does not wait for."""
    if allowed("consent.open", form):
        return redirect(url_for("ConsentPage.show", key=form.public_id))
    return redirect(url_for("HomePage.index"))


def _check_form(form: ConsentForm, **how: Any) -> Any:
    """A tick for each answer, one for whose paper it is, and one for the signature."""
    tick = InputRequired(_("Compare this with the paper and tick it, or send the form back."))
    fields: dict[str, Any] = {
        "right_patient": BooleanField(_("The paper is this patient’s"), validators=[tick]),
        "right_signature": BooleanField(_("Title, date and signature are as typed"), validators=[tick]),
    }
    for one in form.decisions:
        fields[f"right_{key_of(one)}"] = BooleanField(_("So it stands on the paper"), validators=[tick])
    return type("CheckForm", (ActForm,), fields)(**how)


def _confirmed(checking: Any) -> dict[str, Any]:
    ticked = {name.removeprefix("right_") for name, value in checking.given().items() if value}
    return {"confirmed": ticked, "seen": checking.words()["seen"]}


def _fill(form: PaperForm, consent: ConsentForm, decisions: list[ConsentDecision]) -> None:
    """What was typed stands in the form again."""
    signer = signers.signer_of(consent)
    form.seen.data = str(consent.version)
    form.reference.data, form.language.data = consent.external_reference, consent.language
    form.signed_on.data, form.relation.data = consent.signed_on, consent.relation
    form.mandate_ends_on.data, form.place.data = consent.mandate_ends_on, consent.attested_place
    if signer is not None and consent.variant is Variant.REPRESENTATIVE:
        form["names"].data, form.proof.data = signer.names, signer.proof
    known = {key_of(one) for one in consent.decisions}
    for one in decisions:
        stands = key_of(one) in known or one.named_registry is not None
        form[f"answer_{key_of(one)}"].data = one.answer.value if stands else None


def _pictures(form: ConsentForm) -> list[str] | None:
    """The pages to compare with, in the page itself, so that one entry in the log covers them; none: not to be drawn."""
    documents = proofs.readable(form)
    shown = next((one for one in documents if one.kind == "reading"), next(iter(documents), None))
    if shown is None:
        return []
    audit.note(acting(), "document.open", shown)
    try:
        pages = archive_copies.look(archives.read(shown))
    except (CopyFault, ChildFault, StorageFault):
        return None
    return [f"data:{media};base64,{base64.b64encode(content).decode()}" for media, content in pages]
