"""Withdrawals: one purpose in two clicks, its receipt, and what becomes of the record; by whoever may reach the decision."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from flask import redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload

from app import audit
from app.errors import NotAllowed, NotFound
from app.models import ConsentDecision, ConsentForm, Letter, Patient
from app.pages import files
from app.pages.base import ActForm, Page, allowed, expose, find, has_access, sent_version, submitted
from app.pages.consent_forms import WithdrawForm, question
from app.pages.fields import text, words
from app.pages.security import acting
from app.services import consents, receipts, withdrawals
from app.services.days import day_at
from app.words import Channel, LegalGround, Purpose, _

ENDS = ("patient.open", "patient.keep", "patient.erase")


class KeepForm(ActForm):
    """Why a record is kept although care consent was withdrawn."""

    ground = words(_("Legal ground"), LegalGround)
    law = text(
        _("The law, and what it asks for"),
        300,
        hint=_("Such as: hospital records act, section 12, ten years. Write no patient’s name."),
    )


class WithdrawalPage(Page):
    """A decision and its withdrawal. The treating people come from the record, the contact from a letter."""

    route_base = "/consents"
    datamodel = SQLAInterface(ConsentForm)
    acts: ClassVar[dict[str, str]] = {"withdraw": "decision.withdraw", "receipt": "decision.open"}

    @expose("/<key>/withdraw/<decision_key>", methods=["GET", "POST"])
    @has_access
    def withdraw(self, key: str, decision_key: str) -> Any:
        """Record a withdrawal for one purpose: the day, and how it came, which is the button."""
        decision = _decision(key, decision_key, "decision.withdraw")
        form, letter = decision.form, _letter()
        asked = WithdrawForm()
        if request.method == "GET":
            asked.withdrawn_on.data = letter.received_on if letter else day_at(form.hospital)
            asked.seen.data = str(decision.version)
            audit.note(acting(), "decision.open", decision)
        saved = submitted(asked, lambda: _withdraw(decision, asked))
        back = _back(form, letter)
        if saved is None:
            return self.page(
                "consents/withdraw.html",
                form=asked,
                consent=form,
                decision=decision,
                question=question,
                channels=list(Channel),
                care=decision.purpose is Purpose.CARE,
                back=back,
            )
        sentence = _("The withdrawal is recorded and counts. Print the receipt for the patient.")
        return self.done(sentence, back.endpoint, key=back.key)

    @expose("/<key>/receipt/<decision_key>")
    @has_access
    def receipt(self, key: str, decision_key: str) -> Any:
        """The receipt of a withdrawal, in the language of the form; each printing is noted."""
        decision = _decision(key, decision_key, "decision.open")
        content = receipts.set_receipt(decision)
        audit.note(acting(), "decision.open", decision)
        name = f"receipt-{decision.form.code}-{decision.form.language}.pdf"
        return files.paper(content, name)


class WaitingPage(Page):
    """A record whose care consent was withdrawn: kept by law, or erased."""

    route_base = "/patients"
    datamodel = SQLAInterface(Patient)
    acts: ClassVar[dict[str, str]] = {"keep": "patient.keep", "erase": "patient.erase"}

    @expose("/<key>/keep", methods=["GET", "POST"])
    @has_access
    def keep(self, key: str) -> Any:
        """Keep the record restricted, and name the law."""
        patient = _patient(key, "patient.keep")
        form, back = KeepForm(), _back_to(patient, _letter())
        if request.method == "GET":
            if patient.erase_on is None:
                return redirect(url_for(back.endpoint, key=back.key))
            form.seen.data = str(patient.version)
        saved = submitted(
            form,
            lambda: withdrawals.keep(
                acting(), patient, ground=form.ground.data, law=form.law.data, seen=sent_version()
            ),
        )
        if saved is None:
            return self.page("patients/keep.html", form=form, back=back)
        return self.done(_("The record is kept restricted. Nothing of it is shared."), back.endpoint, key=back.key)

    @expose("/<key>/erase", methods=["POST"])
    @has_access
    def erase(self, key: str) -> Any:
        """Erase the record at once."""
        patient = _patient(key, "patient.erase")
        withdrawals.erase(acting(), patient, seen=sent_version())
        return self.done(_("The record is erased. Nobody can read who it was."), "PatientPage.show", key=key)


def _patient(key: str, act: str) -> Patient:
    patient: Patient = find(Patient, key, *ENDS, options=(joinedload(Patient.hospital),))
    if not allowed(act, patient):
        raise NotAllowed(_("Your role does not allow this here."))
    return patient


def _decision(key: str, decision_key: str, act: str) -> ConsentDecision:
    """The decision of a form, for whoever may reach it.

    Raises:
        NotFound: there is none, or it is another form's.
        NotAllowed: one sees it and may not do this.
    """
    decision: ConsentDecision = find(ConsentDecision, decision_key, act)
    if decision.form.public_id != key:
        raise NotFound
    if not allowed(act, decision):
        raise NotAllowed(_("Your role does not allow this here."))
    return decision


def _withdraw(decision: ConsentDecision, asked: WithdrawForm) -> None:
    consents.withdraw(
        acting(),
        decision,
        withdrawn_on=asked.withdrawn_on.data,
        channel=asked.channel.data,
        reason=asked.reason.data or None,
        seen=sent_version(),
    )


def _letter() -> Letter | None:
    """The letter from which the data-protection contact came here."""
    key = request.args.get("letter")
    found: Letter | None = find(Letter, key, "letter.open") if key else None
    return found


class Back(NamedTuple):
    """Where one goes on."""

    endpoint: str
    key: str | None
    title: object


def _back(form: ConsentForm, letter: Letter | None) -> Back:
    return _back_to(form.patient, letter)


def _back_to(patient: Patient, letter: Letter | None) -> Back:
    """The letter one came from, else the record, or the letters for whom the record is closed."""
    if letter is None and not allowed("patient.open", find(Patient, patient.public_id, "patient.open")):
        return Back("LetterPage.list", None, _("Letters"))
    if letter is not None:
        return Back("LetterPage.show", letter.public_id, _("The letter"))
    return Back("PatientPage.show", patient.public_id, patient.nickname)
