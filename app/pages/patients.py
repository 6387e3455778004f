"""Patients: the list, finding by identity, enrolling, the record, correcting, deleting a draft, who opened it."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import abort, flash, g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app import audit, rights
from app.act import HAS_LEFT
from app.errors import Conflict, NotAllowed
from app.models import AuditEntry, ConsentForm, Hospital, Patient, Person, db
from app.outside import paper
from app.pages import doers, records
from app.pages import prints as printing
from app.pages.absences import away
from app.pages.acts import ACT_WORDS, OUTCOME_WORDS
from app.pages.base import allowed, expose, find, has_access, may, once_key, sent_version, submitted
from app.pages.choices import (
    ask_only_if_several,
    form_hospitals,
    nowhere_to_enrol,
    offer_clinicians,
    only_hospital,
)
from app.pages.consent_forms import question
from app.pages.lists import PAGE_ROWS, ListPage, words_filter
from app.pages.patient_forms import WITH_PATRONYMIC, EnrolForm, FindForm, IdentityForm, prepare_form
from app.pages.renewals import soon
from app.pages.security import acting
from app.pages.timelines import timeline
from app.services import (
    absences,
    consents,
    departures,
    explanations,
    identities,
    papers,
    patients,
    print_runs,
    prints,
    renewals,
)
from app.words import PatientState, Procedure, Role, _

OFFERED = (
    "patient.correct",
    "patient.delete",
    "patient.keep",
    "patient.erase",
    "consent.prepare",
    "consent.file-external",
    "blank.bind",
    "handover.propose",
)


class PatientPage(ListPage):
    """The patients one treats, or whose clinician one assists."""

    route_base = "/patients"
    datamodel = SQLAInterface(Patient)
    acts: ClassVar[dict[str, str]] = {
        "list": "patient.open",
        "show": "patient.open",
        "enrol": "patient.enrol",
        "find": "patient.find",
        "correct": "patient.correct",
        "delete": "patient.delete",
        "prepare": "consent.prepare",
        "back": "patient.open",
        "print_form": "consent.prepare",
        "choose": "print_run.ask",
        "unchosen": "print_run.ask",
        "log": "audit.see",
    }
    list_title = _("Patients")
    list_template = "patients/list.html"
    list_columns: ClassVar[list[str]] = ["nickname", "state", "born", "sex", "cpms_reference", "clinician"]
    label_columns: ClassVar[dict[str, object]] = {
        "nickname": _("Nickname"),
        "state": _("State"),
        "born": _("Born"),
        "sex": _("Sex"),
        "cpms_reference": _("Reference in CPMS"),
        "clinician": _("Clinician"),
    }
    show_columns: ClassVar[list[str]] = ["nickname", "state"]
    ticks: ClassVar[str] = "patient"
    search_in: ClassVar[tuple[Any, ...]] = (Patient.nickname,)
    filters = {"state": words_filter(_("State"), Patient.state, PatientState)}  # noqa: RUF012
    load: ClassVar[tuple[Any, ...]] = (joinedload(Patient.clinician), joinedload(Patient.hospital))
    empty: ClassVar[object] = _("No patient here yet. Enrol the first one, then print the consent form.")

    def columns(self) -> Any:
        """Who treats the patient matters to an assistant only; CPMS only where a patient on the page is discussed there."""
        shown = {"clinician": acting().is_(Role.ASSISTANT), "cpms_reference": g.get("referenced", False)}
        return [name for name in self.list_columns if shown.get(name, True)]

    def _page_of(self, statement: Any) -> Any:
        found = super()._page_of(statement)
        g.referenced = any(one.identity is not None and one.identity.sealed_reference is not None for one in found[0])
        return found

    def needs(self) -> tuple[Any, ...]:
        """The reference; the clinician, where the list says who it is."""
        reference = joinedload(Patient.identity)
        return (reference, joinedload(Patient.clinician)) if "clinician" in self.columns() else (reference,)

    def pickable(self, record: Any) -> bool:  # noqa: ARG002
        """Forms are printed for any of one's patients; what cannot be printed is said before."""
        return may("print_run.ask")

    def tick(self, record: Any) -> str:
        """Which patient it is: whatever changed meanwhile, the form says it."""
        return str(record.public_id)

    def named(self, record: Any) -> object:
        """The nickname."""
        return record.nickname

    def cell(self, record: Any, column: str) -> Any:
        """Year and month of birth, as others see them; what CPMS calls the patient."""
        if column == "cpms_reference":
            return identities.reference_of(record)
        return records.born(record) if column == "born" else super().cell(record, column)

    # --- print for those picked in the list ---

    @expose("/print", methods=["POST"])
    @has_access
    def choose(self) -> Any:
        """What printing would do for the patients picked in the list, or for all it finds."""
        if "everyone" in request.form:
            found = self._found().order_by(Patient.id.desc()).limit(print_runs.MOST + 1)
            return printing.choose(self, list(db.session.scalars(found.options(*self.load)).unique()))
        return printing.choose(self, printing.chosen(request.form.getlist("patient")))

    @expose("/print")
    @has_access
    def unchosen(self) -> Any:
        """Whoever comes back to the address of what was picked finds the list."""
        return redirect(url_for(".list"))

    # --- find ---

    @expose("/find", methods=["GET", "POST"])
    @has_access
    def find(self) -> Any:
        """Exact search by identity in one's own records."""
        form = FindForm()
        ask_only_if_several(form, "hospital")
        found = None
        if request.method == "POST":
            found = submitted(form, lambda: self._found_by(form)) or None
        return self.page("patients/find.html", form=form, found=None if found is None else found[1])

    def _found_by(self, form: FindForm) -> tuple[str, list[Patient]]:
        given = form.given()
        hospital = given.pop("hospital", None) or only_hospital("patient.find")
        audit.note(acting(), "patient.find", hospital)
        return "found", identities.find(acting(), hospital, **given)

    # --- enrol and correct ---

    @expose("/enrol", methods=["GET", "POST"])
    @has_access
    def enrol(self) -> Any:
        """One short page: who the patient is."""
        form = EnrolForm()
        ask_only_if_several(form, "hospital")
        offer_clinicians(form)
        if request.method == "GET":
            form.once.data = once_key()
        made = submitted(form, lambda: self._enrol(form))
        if made is None:
            asked = "despite_duplicate" in form.errors or bool(form.despite_duplicate.data)
            hospitals = list(db.session.scalars(form_hospitals().options(joinedload(Hospital.country))))
            closed = [hospital for hospital in hospitals if not patients.authorised(hospital)]
            if hospitals and all(hospital.country.procedure is Procedure.UA for hospital in hospitals):
                form.given_names.description = WITH_PATRONYMIC
            shut = request.method == "GET" and len(closed) == len(hospitals)
            why = [] if hospitals else nowhere_to_enrol()
            return self.page("patients/enrol.html", form=form, duplicate=asked, closed=closed, why=why, shut=shut)
        return self.done(
            _("%(nickname)s is a draft now. Print the consent form next.", nickname=made.nickname),
            ".show",
            key=made.public_id,
        )

    def _enrol(self, form: EnrolForm) -> Patient:
        hospital = form.hospital.data if "hospital" in form else only_hospital("patient.enrol")
        clinician = find(Person, form.clinician.data) if "clinician" in form else None
        made: Patient = patients.enrol(
            acting(),
            hospital,
            identity=form.identity(),
            sex=form.sex.data,
            clinician=clinician,
            despite_duplicate=form.despite_duplicate.data,
            once=form.words()["once"],
        )
        return made

    @expose("/<key>/correct", methods=["GET", "POST"])
    @has_access
    def correct(self, key: str) -> Any:
        """Correct a misspelt identity."""
        patient = self._patient(key, "patient.correct")
        audit.note(acting(), "patient.open", patient)
        known = identities.identity_of(patient)
        if known is None:
            abort(404)
        form = IdentityForm(data=vars(known) | {"sex": patient.sex})
        if request.method == "GET":
            form.seen.data = str(patient.version)
        saved = submitted(
            form,
            lambda: patients.correct(
                acting(), patient, identity=form.identity(), sex=form.sex.data, seen=form.words()["seen"] or 0
            ),
        )
        if saved is None:
            if patient.procedure is Procedure.UA:
                form.given_names.description = WITH_PATRONYMIC
            theirs = self._theirs_of(patient, form) if g.get("refusal_status") == Conflict.status else []
            return self.page("patients/correct.html", form=form, patient=patient, theirs=theirs)
        return self.done(_("Corrected. Forms printed before keep what is on them."), ".show", key=key)

    def _theirs_of(self, patient: Patient, form: IdentityForm) -> list[tuple[Any, Any]]:
        """What somebody else saved meanwhile, where it differs from what was typed."""
        form.seen.data = str(patient.version)
        saved = vars(identities.identity_of(patient)) | {"sex": patient.sex}
        return [(form[name], value) for name, value in saved.items() if form[name].data != value]

    @expose("/<key>/delete", methods=["POST"])
    @has_access
    def delete(self, key: str) -> Any:
        """Erase an abandoned draft."""
        patient = self._patient(key, "patient.delete")
        patients.delete(acting(), patient, seen=sent_version())
        return self.done(_("The draft is erased. Nobody can read who it was."), ".list")

    # --- the record ---

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """The record: who, which consent, what to do next."""
        patient = self._patient(key)
        audit.note(acting(), "patient.open", patient)
        forms = records.forms_of(patient)
        who = doers.of_patient(patient, [form.explained_by_id for form in forms])
        return self.page(
            "patients/record.html",
            patient=patient,
            identity=identities.identity_of(patient),
            forms=forms,
            standing=records.standing(forms),
            in_force=renewals.in_force(patient, acting().on),
            renewal=soon(forms, acting().on),
            timeline=timeline(patient, forms, acting().on, who),
            unexplained=[form for form in forms if explanations.is_waiting(form)],
            who=who,
            prepare=prepare_form(patient),
            born=records.born(patient),
            left=HAS_LEFT if acting().is_(Role.READER) and departures.has_left(patient.hospital_id) else None,
            away=away(absences.today_of([patient.clinician_id]).get(patient.clinician_id)),
        )

    question = staticmethod(question)

    def grouped(self, form: ConsentForm) -> str:
        """A form's code for reading."""
        return paper.grouped_code(form.code)

    def language_of(self, form: ConsentForm) -> str:
        """A form's language by its own name."""
        return paper.language_name(form.language)

    doer = staticmethod(doers.of_entry)

    def act_words(self, act: str) -> object:
        """What an entry of the log says."""
        return ACT_WORDS.get(act, act)

    def outcome_words(self, outcome: str) -> object:
        """Whether it happened."""
        return OUTCOME_WORDS.get(outcome, outcome)

    def _patient(self, key: str, act: str | None = None) -> Patient:
        patient: Patient = find(
            Patient, key, "patient.open", *OFFERED, options=(*self.load, joinedload(Patient.identity))
        )
        if not may("patient.open", patient) or (act and not allowed(act, patient)):
            raise NotAllowed(_("Your role does not allow this here."))
        return patient

    @expose("/<key>/prepare", methods=["POST"])
    @has_access
    def prepare(self, key: str) -> Any:
        """Make a consent form in the chosen language."""
        patient = self._patient(key, "consent.prepare")
        form = prepare_form(patient)
        made = submitted(
            form,
            lambda: consents.prepare(
                acting(),
                patient,
                language=form.language.data,
                variant=form.variant.data,
                large_print=form.large_print.data,
                once=form.words()["once"],
            ),
        )
        if made is None:
            return self.page("patients/prepare.html", form=form, patient=patient)
        return redirect(url_for("ConsentPage.show", key=made.public_id))

    @expose("/<key>/print", methods=["POST"])
    @has_access
    def print_form(self, key: str) -> Any:
        """Print the patient's form at once: the one that waits, else one as it would be proposed."""
        patient = self._patient(key, "consent.prepare")
        form = prints.print_form(acting(), patient, once=(request.form.get("once") or "")[:64] or None)
        remark = papers.by_hand(papers.set_paper(form))
        if remark:
            flash(remark, "warn")
        return redirect(url_for("ConsentPage.show", key=form.public_id, fetch=1))

    @expose("/<key>/<any(prepare, print):_act>")
    @has_access
    def back(self, key: str, _act: str) -> Any:
        """Whoever comes back to the address of a refused form finds the record."""
        return redirect(url_for(".show", key=key))

    @expose("/<key>/log")
    @has_access
    def log(self, key: str) -> Any:
        """Who opened this record, and who did what."""
        patient = self._patient(key)
        audit.note(acting(), "patient.open", patient)
        entry = AuditEntry
        statement = select(entry).where(entry.patient_id == patient.id, rights.right(acting(), "audit.see"))
        before = request.args.get("before", "")
        if before.isdecimal() and len(before) < 15:
            statement = statement.where(entry.seq < int(before))
        rows = list(db.session.scalars(statement.order_by(entry.seq.desc()).limit(PAGE_ROWS + 1)))
        return self.page(
            "patients/log.html",
            patient=patient,
            rows=rows[:PAGE_ROWS],
            names=doers.names(key for row in rows for key in (row.actor_id, row.on_behalf_of_id)),
            older=rows[PAGE_ROWS - 1].seq if len(rows) > PAGE_ROWS else None,
        )
