"""Patients: the list, finding by identity, enrolling, the record, correcting, deleting a draft, who opened it."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any, ClassVar

from flask import abort, flash, g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import format_date, get_locale, gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from wtforms import BooleanField, DateField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional

from app import access, audit, sight
from app.errors import Conflict, NotAllowed
from app.models import AuditEntry, ConsentDecision, ConsentForm, Hospital, Patient, Person, db
from app.outside import paper
from app.pages import names
from app.pages import prints as printing
from app.pages.acts import ACT_WORDS, OUTCOME_WORDS
from app.pages.base import ActForm, allowed, expose, find, has_access, may, offer, once_key, sent_version, submitted
from app.pages.consent_forms import question
from app.pages.fields import PickField, not_in_the_future, text, words
from app.pages.lists import PAGE_ROWS, ListPage, words_filter
from app.pages.security import acting
from app.pages.timelines import due, timeline
from app.services import consents, papers, patients, print_runs, prints, renewals, texts, worklist
from app.words import LABELS, Answer, PatientState, Procedure, Role, Sex, Variant, _

OFFERED = (
    "patient.correct",
    "patient.delete",
    "patient.keep",
    "patient.erase",
    "consent.prepare",
    "consent.file-external",
    "blank.bind",
)
FORM_ACTS = ("consent.print", "consent.sign", "consent.archive", "consent.attest", "consent.cancel", "consent.annul")

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
        patients.LONGEST_REFERENCE,
        required=False,
        hint=_(
            "Where the case is discussed in the Commission’s own CPMS: what that system calls the patient. No name."
        ),
    )

    def identity(self) -> patients.Identity:
        """What was typed."""
        return patients.Identity(
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
    cpms_reference = text(_("Reference in CPMS"), patients.LONGEST_REFERENCE, required=False)
    family_name = text(_("Family name"), 200, required=False)
    birth_date = DateField(_("Date of birth"), validators=[Optional()])


class PrepareForm(ActForm):
    """Which form to print."""

    language = SelectField(_("Language of the form"), validators=[InputRequired(_("Choose one."))])
    variant = words(_("Who signs"), Variant)
    large_print = BooleanField(
        _("Large print"), description=_("The same text in large type, on about twice as many pages.")
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
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
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

    def cell(self, record: Any, column: str) -> Any:
        """Year and month of birth, as others see them; what CPMS calls the patient."""
        if column == "cpms_reference":
            return patients.reference_of(record)
        return born(record) if column == "born" else super().cell(record, column)

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
        return "found", patients.find(acting(), hospital, **given)

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
            shut = request.method == "GET" and bool(closed) and len(closed) == len(hospitals)
            return self.page("patients/enrol.html", form=form, duplicate=asked, closed=closed, shut=shut)
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
        known = patients.identity_of(patient)
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
        saved = vars(patients.identity_of(patient)) | {"sex": patient.sex}
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
        forms = self._forms(patient)
        return self.page(
            "patients/record.html",
            patient=patient,
            identity=patients.identity_of(patient),
            forms=forms,
            standing=standing(forms),
            in_force=renewals.in_force(patient, acting().on),
            renewal=_renewal(forms),
            timeline=timeline(patient, forms, acting().on),
            prepare=self._prepare_form(patient),
            born=born(patient),
        )

    question = staticmethod(question)

    def grouped(self, form: ConsentForm) -> str:
        """A form's code for reading."""
        return paper.grouped_code(form.code)

    def language_of(self, form: ConsentForm) -> str:
        """A form's language by its own name."""
        return paper.language_name(form.language)

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

    def _forms(self, patient: Patient) -> list[ConsentForm]:
        """The patient's forms, the newest first, with what may be done to them."""
        statement = (
            select(ConsentForm)
            .where(ConsentForm.patient_id == patient.id)
            .order_by(ConsentForm.id.desc())
            .options(
                selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry),
                joinedload(ConsentForm.filed_by),
                joinedload(ConsentForm.checked_by),
            )
        )
        forms = list(db.session.scalars(statement).unique())
        for form in forms:
            offer(form, FORM_ACTS)  # who may open the record may do these; the step decides
        return forms

    def _prepare_form(self, patient: Patient) -> PrepareForm:
        person = db.session.get(Person, acting().user_id)
        codes = texts.offered_languages(patient, person.consent_language if person else None)
        form = PrepareForm(formdata=request.form if request.method == "POST" else None)
        form.language.description = _own_texts_told(patient)
        form.language.choices = [SelectChoice(code, names.both(code, paper.language_name(code))) for code in codes]
        if request.method == "GET":
            form.once.data = once_key()
            form.language.data = codes[0] if codes else None
            form.variant.data = prints.likely_variant(patient)
        return form

    @expose("/<key>/prepare", methods=["POST"])
    @has_access
    def prepare(self, key: str) -> Any:
        """Make a consent form in the chosen language."""
        patient = self._patient(key, "consent.prepare")
        form = self._prepare_form(patient)
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
        statement = select(entry).where(entry.patient_id == patient.id, access.right(acting(), "audit.see"))
        before = request.args.get("before", "")
        if before.isdecimal() and len(before) < 15:
            statement = statement.where(entry.seq < int(before))
        rows = list(db.session.scalars(statement.order_by(entry.seq.desc()).limit(PAGE_ROWS + 1)))
        return self.page(
            "patients/log.html",
            patient=patient,
            rows=rows[:PAGE_ROWS],
            names=_names(rows),
            older=rows[PAGE_ROWS - 1].seq if len(rows) > PAGE_ROWS else None,
        )


def _names(entries: list[AuditEntry]) -> dict[int, str]:
    """Who is behind the entries of a record one may audit, those who have left too."""
    ids = {entry.actor_id for entry in entries if entry.actor_id}
    with sight.wide("log-names") as session:
        return {person.id: str(person) for person in session.scalars(select(Person).where(Person.id.in_(ids)))}


def form_hospitals() -> Any:
    """The hospitals where the actor may enrol."""
    return select(Hospital).where(access.right(acting(), "patient.enrol")).order_by(Hospital.name)


def offer_clinicians(form: Any) -> None:
    """An assistant says for whom; a clinician does it for their own patients."""
    hospitals = list(db.session.scalars(form_hospitals()))
    people = [person for hospital in hospitals for person in patients.served(acting(), hospital)]
    if not people:
        del form.clinician
        return
    if any(patients.treats_at(acting(), hospital) for hospital in hospitals):
        people.insert(0, db.session.get_one(Person, acting().user_id))
    form.clinician.choices = [SelectChoice(person.public_id, str(person)) for person in people]
    if len(people) == 1 and request.method == "GET":
        form.clinician.data = people[0].public_id


def only_hospital(act: str) -> Hospital:
    """The one hospital where the actor may do an act.

    Raises:
        NotAllowed: there is none.
    """
    hospital = db.session.scalars(select(Hospital).where(access.right(acting(), act)).limit(1)).first()
    if hospital is None:
        raise NotAllowed(_("You have no hospital where you could do this."))
    return hospital


def ask_only_if_several(form: Any, name: str) -> int:
    """Drop a choice that is none. Gives how many there are, counted to two."""
    found = len(db.session.scalars(form[name].rows().limit(2)).all())
    if found < 2:
        delattr(form, name)
    return found


def born(patient: Patient) -> str:
    """Year and month of birth, as others see them."""
    return _month(patient.birth_year, patient.birth_month, str(get_locale()))


@functools.lru_cache(maxsize=4096)
def _month(year: int, month: int, _locale: str) -> str:
    return str(format_date(dt.date(year, month, 1), "LLLL yyyy"))


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


def _renewal(forms: list[ConsentForm]) -> str:
    """What the record says from ninety days before a form is due for renewal."""
    edge = acting().on + dt.timedelta(days=worklist.RENEWALS_DAYS)
    soon = [form for form in forms if form.state == "archived" and form.renewal_due_on and form.renewal_due_on <= edge]
    return due(soon[0], acting().on) if soon else ""


def standing(forms: list[ConsentForm]) -> list[tuple[ConsentDecision, ConsentForm]]:
    """What is in force or was decided last, per purpose and registry."""
    latest: dict[tuple[str, int | None], tuple[ConsentDecision, ConsentForm]] = {}
    for form in forms:
        if form.state not in ("archived", "withdrawn", "superseded"):
            continue
        for decision in form.decisions:
            if decision.answer is not Answer.NOT_ASKED or form.state == "archived":
                latest.setdefault((decision.purpose, decision.registry_id), (decision, form))
    return list(latest.values())
