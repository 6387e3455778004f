"""Consent forms: the list, and one form's way from preview to archive. The phone's upload page is ``phones``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload, selectinload

from app import audit
from app.errors import NotAllowed, NotFound
from app.models import (
    ArchivedDocument,
    ConsentDecision,
    ConsentForm,
    Hospital,
    Patient,
    Registry,
)
from app.outside import paper
from app.pages import doers, files, pictures
from app.pages.base import allowed, expose, find, has_access, may, sent_version, submitted
from app.pages.browsers import here
from app.pages.consent_forms import AttestForm, ReasonForm, ScanForm, SignForm, question, sign_form
from app.pages.form_lists import FILTERS, FormListPage
from app.pages.frame import moment
from app.pages.renewals import soon
from app.pages.security import acting
from app.premises import premises
from app.services import archives, consents, copies, explanations, identities, papers, phones, questions, signers
from app.services.days import day_at
from app.words import Answer, FormState, PatientState, _

OFFERED = (
    "consent.open",
    "consent.print",
    "consent.sign",
    "consent.offer-phone",
    "consent.archive",
    "consent.attest",
    "consent.cancel",
    "consent.annul",
    "consent.confirm",
    "consent.confirm-explained",
    "consent.file-again",
)
LOAD = (
    joinedload(ConsentForm.patient).joinedload(Patient.identity),
    joinedload(ConsentForm.patient).joinedload(Patient.clinician),
    joinedload(ConsentForm.hospital).joinedload(Hospital.country),
    joinedload(ConsentForm.text),
    joinedload(ConsentForm.text_change),
    selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry).joinedload(Registry.country),
    selectinload(ConsentForm.documents).joinedload(ArchivedDocument.key),
)


class ConsentPage(FormListPage):
    """Consent forms: of one's own patients, or of the hospital one represents (code, language, state, dates)."""

    route_base = "/consents"
    datamodel = SQLAInterface(ConsentForm)
    acts: ClassVar[dict[str, str]] = {
        "list": "consent.see",
        "show": "consent.open",
        "preview": "consent.open",
        "print": "consent.print",
        "paper": "consent.open",
        "back": "consent.open",
        "sign": "consent.sign",
        "archive": "consent.archive",
        "attest": "consent.attest",
        "phone": "consent.offer-phone",
        "state": "consent.open",
        "cancel": "consent.cancel",
        "annul": "consent.annul",
        "document": "document.open",
    }
    list_title = _("Consent forms")
    list_columns: ClassVar[list[str]] = [
        "code",
        "patient",
        "state",
        "language",
        "printed_at",
        "signed_on",
        "renewal_due_on",
    ]
    label_columns: ClassVar[dict[str, object]] = {
        "code": _("Form code"),
        "patient": _("Patient"),
        "state": _("State"),
        "language": _("Language"),
        "printed_at": _("Printed"),
        "signed_on": _("Signed"),
        "renewal_due_on": _("Renewal due"),
    }
    show_columns: ClassVar[list[str]] = ["code", "state"]
    search_in: ClassVar[tuple[Any, ...]] = (ConsentForm.code,)
    filters = FILTERS
    load: ClassVar[tuple[Any, ...]] = (joinedload(ConsentForm.patient), joinedload(ConsentForm.hospital))

    @property
    def empty(self) -> object:  # type: ignore[override]
        """What to do; who prepares none is told where they come from."""
        if may("consent.prepare"):
            return _("No consent form here yet. Open a patient and prepare one.")
        return _("No consent form here yet. The forms of the hospital you represent or protect appear here.")

    def columns(self) -> Any:
        """A coordinator sees no patient; who only treats needs no hospital."""
        return [name for name in self.list_columns if name != "patient" or may("consent.prepare")]

    def needs(self) -> tuple[Any, ...]:
        """The patient, where the list says who it is."""
        return (joinedload(ConsentForm.patient),) if "patient" in self.columns() else ()

    # --- one form ---

    def _form(self, key: str, act: str = "consent.open") -> ConsentForm:
        form: ConsentForm = find(ConsentForm, key, *OFFERED, options=LOAD)
        if form.patient is None or not allowed("consent.open", form) or not allowed(act, form):
            raise NotAllowed(_("Your role does not allow this here."))
        return form

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """The form, and the next thing to do with it."""
        form = self._form(key)
        audit.note(acting(), "consent.open", form)
        return self._page(form)

    def _page(self, consent: ConsentForm, **forms: Any) -> Any:
        """The form's page; ``forms`` are those a refusal sends back."""
        signing = forms.get("signing") or (sign_form(consent) if may("consent.sign", consent) else None)
        if signing is not None and "signing" not in forms and signing.signed_on.data is None:
            signing.signed_on.data = consent.signed_on or day_at(consent.hospital)
        if request.method == "POST":  # a refused form shows who the patient is as well
            audit.note(acting(), "consent.open", consent)
        given = {
            "form": forms.get("form"),
            "signing": signing,
            "scanning": forms.get("scanning") or ScanForm(),
            "attesting": forms.get("attesting") or AttestForm(),
            "ending": forms.get("ending") or ReasonForm(),
        }
        for one in given.values():
            if one is not None:
                one.seen.data = str(consent.version)  # what this page shows is what the next act is about
        return self.page(
            "consents/form.html",
            consent=consent,
            identity=identities.identity_of(consent.patient),
            signer=signers.signer_of(consent),
            question=question,
            said=_said(consent),
            who=doers.of_patient(consent.patient, [consent.explained_by_id]),
            unexplained=explanations.is_waiting(consent),
            renewal=soon([consent], acting().on),
            copying=premises().seal is not None and copies.is_due(consent),
            grouped=paper.grouped_code(consent.code),
            language=paper.language_name(consent.language),
            fetch="fetch" in request.args and consent.state is FormState.PRINTED,
            **given,
        )

    @expose("/<key>/preview")
    @has_access
    def preview(self, key: str) -> Any:
        """The form in its language without the patient, as a PDF to look at."""
        form = self._form(key)
        return files.paper(papers.set_paper(form, preview=True).pdf, _name(form))

    @expose("/<key>/print", methods=["POST"])
    @has_access
    def print(self, key: str) -> Any:
        """Note the print and show the PDF."""
        form = self._form(key, "consent.print")
        consents.note_print(acting(), form, seen=sent_version())
        remark = papers.by_hand(papers.set_paper(form))
        if remark:
            flash(remark, "warn")
        return redirect(url_for(".paper", key=key))

    @expose("/<key>/paper")
    @has_access
    def paper(self, key: str) -> Any:
        """The printed form as PDF."""
        form = self._form(key)
        if form.printed_at is None:
            raise NotFound
        audit.note(acting(), "consent.open", form)
        return files.paper(
            papers.set_paper(form).pdf, _name(form), how="attachment" if "save" in request.args else "inline"
        )

    @expose("/<key>/<any(sign, archive, attest, cancel, annul, phone):_act>")
    @has_access
    def back(self, key: str, _act: str) -> Any:
        """Whoever comes back to the address of a form that was refused finds the form's page."""
        return redirect(url_for(".show", key=key))

    @expose("/<key>/sign", methods=["POST"])
    @has_access
    def sign(self, key: str) -> Any:
        """Record what stands on the signed paper."""
        form = self._form(key, "consent.sign")
        signing = sign_form(form)
        saved = submitted(signing, lambda: _sign(form, signing))
        if saved is None:
            return self._page(form, form=signing, signing=signing)
        return self.done(_recorded(form), ".show", key=key)

    @expose("/<key>/archive", methods=["POST"])
    @has_access
    def archive(self, key: str) -> Any:
        """Archive the scan of the signed paper."""
        form = self._form(key, "consent.archive")
        scanning = ScanForm()
        saved = submitted(
            scanning, lambda: archives.file_scan(acting(), form, scanning.uploads(), source="desk", seen=sent_version())
        )
        if saved is None:
            return self._page(form, form=scanning, scanning=scanning)
        return self.done(_archived(form), "PatientPage.show", key=form.patient.public_id)

    @expose("/<key>/attest", methods=["POST"])
    @has_access
    def attest(self, key: str) -> Any:
        """Attest where the signed original is kept."""
        form = self._form(key, "consent.attest")
        attesting = AttestForm()
        saved = submitted(
            attesting, lambda: archives.attest(acting(), form, place=attesting.place.data, seen=sent_version())
        )
        if saved is None:
            return self._page(form, form=attesting, attesting=attesting)
        return self.done(_archived(form), "PatientPage.show", key=form.patient.public_id)

    @expose("/<key>/phone", methods=["POST"])
    @has_access
    def phone(self, key: str) -> Any:
        """Show the QR that opens the upload page on a phone."""
        form = self._form(key, "consent.offer-phone")
        token = phones.offer_phone(acting(), form, login_id=here().login_id)
        address = premises().settings["PUBLIC_URL"] + url_for("PhonePage.upload", token=token)
        return self.page(
            "consents/phone.html",
            consent=form,
            grouped=paper.grouped_code(form.code),
            address=address,
            picture=pictures.qr(address),
            minutes=phones.PHONE_MINUTES,
        )

    @expose("/<key>/state")
    @has_access
    def state(self, key: str) -> Any:
        """The form's state, for the page that waits for a phone."""
        form = self._form(key)
        return self.page("consents/state.html", consent=form)

    @expose("/<key>/cancel", methods=["POST"])
    @has_access
    def cancel(self, key: str) -> Any:
        """Cancel a form that will not come back."""
        return self._end(key, "consent.cancel", consents.cancel, _("The form is cancelled."))

    @expose("/<key>/annul", methods=["POST"])
    @has_access
    def annul(self, key: str) -> Any:
        """Annul a form whose scan is wrong."""
        done = _("The form is annulled and its scan is locked. Prepare a new form for the right paper.")
        return self._end(key, "consent.annul", consents.annul, done)

    def _end(self, key: str, act: str, perform: Any, sentence: object) -> Any:
        form = self._form(key, act)
        ending = ReasonForm()
        saved = submitted(ending, lambda: perform(acting(), form, reason=ending.reason.data, seen=sent_version()))
        if saved is None:
            return self._page(form, form=ending, ending=ending)
        return self.done(sentence, "PatientPage.show", key=form.patient.public_id)

    @expose("/<key>/document/<document_key>")
    @has_access
    def document(self, key: str, document_key: str) -> Any:
        """An archived file, noted in the log."""
        document = find(ArchivedDocument, document_key, "document.open")  # first: others too may open it, and no more
        form = document.form
        if form.public_id != key or not allowed("document.open", document):
            raise NotFound
        content = archives.read(document)
        audit.note(acting(), "document.open", document)
        ending = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tiff"}[
            document.media_type
        ]
        name = f"consent-{form.code}-{document.position}.{ending}"
        return Response(
            content,
            mimetype=document.media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"},
        )


def _sign(form: ConsentForm, signing: SignForm) -> None:
    consents.sign(acting(), form, **vars(signing.said(form)), seen=sent_version())


def _recorded(form: ConsentForm) -> object:
    if questions.care_answer(form) is not Answer.REFUSED:
        return _("The signature is recorded. Archive the scan next.")
    if form.patient.state is PatientState.DRAFT:
        return _("The refusal is recorded. The draft will be erased in thirty days.")
    return _("The refusal is recorded. Nothing of this record is shared any more.")


def _said(form: ConsentForm) -> dict[str, list[str]]:
    """What the digital signatures of each document say, where they are read; those of an annulled form are locked."""
    if form.state is FormState.ANNULLED:
        return {}
    return {document.public_id: list(_sentences(document)) for document in form.documents}


def _sentences(document: ArchivedDocument) -> Iterator[str]:
    """As plain text: a lazy sentence would go into the page unescaped, and a signer's name is anybody's words."""
    for signature in archives.signatures_of(document):
        yield from map(str, archives.said(signature, moment))


def _archived(form: ConsentForm) -> object:
    if form.patient.state is PatientState.ENROLLED:
        return _("Archived. %(nickname)s is enrolled.", nickname=form.patient.nickname)
    return _("Archived.")


def _name(form: ConsentForm) -> str:
    return f"consent-{form.code}-{form.language}.pdf"
