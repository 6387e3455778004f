"""Forms for several patients at once: what would happen for each, asking for it, its progress, and the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, SelectField
from wtforms.fields.choices import SelectChoice

from app import audit, rights
from app.labels import LABELS
from app.models import ConsentForm, Hospital, Job, Patient, PrintItem, PrintRun, db
from app.outside import paper
from app.pages import files, names
from app.pages.base import ActForm, Page, expose, has_access, once_key, submitted
from app.pages.fields import words
from app.pages.jobs import KIND_WORDS
from app.pages.lists import reach
from app.pages.security import acting, me
from app.services import print_runs, prints
from app.services.prints import Plan, Wish
from app.words import Bundle, FormState, RunState, Variant, _

KIND_WORDS[print_runs.PRINTING] = _("Printing the forms of several patients")
MEDIA = {Bundle.ONE_PDF: ("application/pdf", "pdf", "inline"), Bundle.ZIP: ("application/zip", "zip", "attachment")}


class PrintForm(ActForm):
    """What is chosen for all patients; the choices of each are added by ``choices``."""

    bundle = words(_("As"), Bundle)


def chosen(keys: Sequence[str]) -> list[Patient]:
    """The patients of these keys for whom one may prepare a form, in the order of the keys."""
    mine = select(Patient).where(
        Patient.public_id.in_(keys[: print_runs.MOST + 1]), rights.right(acting(), "consent.prepare")
    )
    load = joinedload(Patient.hospital).joinedload(Hospital.country)
    known = {patient.public_id: patient for patient in db.session.scalars(mine.options(load)).unique()}
    return [known[key] for key in dict.fromkeys(keys) if key in known]


def choices(plans: Sequence[Plan]) -> PrintForm:
    """The form of a page of plans: language, signer and print for each patient who gets a new form."""
    fields: dict[str, Any] = {}
    offered: dict[str, None] = {}
    for plan in plans:
        if plan.refusal is not None or plan.form is not None:
            continue
        key = plan.patient.public_id
        codes = [SelectChoice(code, names.both(code, paper.language_name(code))) for code in plan.languages]
        offered |= dict.fromkeys(plan.languages)
        fields[f"language_{key}"] = SelectField(_("Language of the form"), choices=codes)
        kinds = [SelectChoice(kind.value, LABELS[kind]) for kind in Variant]
        fields[f"variant_{key}"] = SelectField(_("Who signs"), choices=kinds, default=plan.variant.value)
        fields[f"large_{key}"] = BooleanField(_("Large print"))
    if len(offered) > 1:
        every = [SelectChoice(code, names.both(code, paper.language_name(code))) for code in offered]
        each = SelectChoice("", _("The language chosen for each"))
        fields["all_in"] = SelectField(_("All new forms in"), choices=[each, *every])
    form: PrintForm = type("PrintForm", (PrintForm,), fields)()
    return form


def choose(page: Page, patients: Sequence[Patient], form: PrintForm | None = None) -> Any:
    """The page that says what would happen for each patient, and asks how."""
    plans = prints.plans(acting(), patients)
    if form is None:
        form = choices(plans)
        form.process(None)
        form.once.data, form.bundle.data = once_key(), Bundle.ONE_PDF
    count = sum(plan.refusal is None for plan in plans)
    return page.page("prints/choose.html", form=form, plans=plans, count=count, most=print_runs.MOST, happens=_happens)


def _happens(plan: Plan) -> object:
    if plan.refusal is not None:
        return plan.refusal
    if plan.form is None:
        return _("A new form is prepared and printed.")
    if plan.form.state is FormState.PRINTED:
        return _("The form that is printed already is printed again.")
    return _("The form that is prepared already is printed.")


class PrintPage(Page):
    """Forms printed for several patients at once."""

    route_base = "/prints"
    acts: ClassVar[dict[str, str]] = {
        "ask": "print_run.ask",
        "back": "print_run.ask",
        "show": "print_run.open",
        "file": "print_run.open",
    }

    @expose("/ask", methods=["POST"])
    @has_access
    def ask(self) -> Any:
        """Ask for the forms of the patients on the page."""
        patients = chosen(request.form.getlist("patient"))
        plans = prints.plans(acting(), patients)
        form = choices(plans)
        run = submitted(form, lambda: self._ask(form, plans))
        if run is None:
            return choose(self, patients, form)
        return redirect(url_for(".show", key=run.public_id))

    def _ask(self, form: PrintForm, plans: Sequence[Plan]) -> PrintRun:
        wishes = [_wish(form, plan) for plan in plans if plan.refusal is None]
        run: PrintRun = print_runs.ask(
            acting(), me(), wishes=wishes, bundle=form.bundle.data, once=form.words()["once"]
        )
        return run

    @expose("/ask")
    @has_access
    def back(self) -> Any:
        """Whoever comes back to the address of a page that was sent finds the patients."""
        return redirect(url_for("PatientPage.list"))

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """How far it is; then the file, and what became of each patient's form."""
        run: PrintRun = reach(PrintRun, key, "print_run.open")
        work = db.session.scalar(select(Job).where(Job.public_id == run.job_key))
        items = select(PrintItem).where(PrintItem.run_id == run.id).order_by(PrintItem.position)
        load = (joinedload(PrintItem.patient), joinedload(PrintItem.form))
        rows = list(db.session.scalars(items.options(*load)).unique())
        printed = sum(item.form_id is not None for item in rows)
        audit.note(acting(), "print_run.open", run)
        return self.page(
            "prints/show.html",
            run=run,
            work=work,
            rows=rows,
            printed=printed,
            unseen=print_runs.unseen(run),
            here=run.state is RunState.READY and run.storage_key is not None,
        )

    @expose("/<key>/file")
    @has_access
    def file(self, key: str) -> Any:
        """The printed forms."""
        run: PrintRun = reach(PrintRun, key, "print_run.open")
        content = print_runs.read(acting(), run)
        audit.note(acting(), "print_run.open", run)
        kind, ending, how = MEDIA[run.bundle]
        return files.paper(content, f"consent-forms.{ending}", how=how, kind=kind)

    def grouped(self, form: ConsentForm) -> str:
        """A form's code for reading."""
        return paper.grouped_code(form.code)

    def language_of(self, form: ConsentForm) -> str:
        """A form's language by its own name."""
        return paper.language_name(form.language)


def _wish(form: PrintForm, plan: Plan) -> Wish:
    """What was chosen for a patient; for a form that waits, what it is already."""
    key, waiting = plan.patient.public_id, plan.form
    if waiting is not None:
        return Wish(key, waiting.language, waiting.variant, waiting.large_print)
    language, every = form[f"language_{key}"].data, form["all_in"].data if "all_in" in form else ""
    language = every if every in plan.languages else language
    return Wish(key, language, Variant(form[f"variant_{key}"].data), bool(form[f"large_{key}"].data))
