"""Blank forms: printed before their patient is known, listed while they are out. Bound they are in ``bindings``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, IntegerField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app import audit
from app.errors import NotAllowed, NotFound
from app.models import BlankForm, ConsentForm, Hospital, Patient, Person, db
from app.outside import paper
from app.pages import doers, files, names
from app.pages.base import (
    ActForm,
    allowed,
    expose,
    find,
    has_access,
    once_key,
    sent_version,
    submitted,
)
from app.pages.choices import ask_only_if_several, offer_clinicians, only_hospital
from app.pages.consent_forms import ReasonForm
from app.pages.fields import PickField, text, words
from app.pages.form_lists import FormListPage
from app.pages.lists import words_filter
from app.pages.records import born
from app.pages.security import acting, me
from app.services import blanks, papers, stacks, texts
from app.words import BlankState, Role, Variant, _

OFFERED = ("blank.open", "blank.cancel")
AT_FIRST = 10
LOAD = (
    joinedload(BlankForm.clinician),
    joinedload(BlankForm.printed_by),
    joinedload(BlankForm.text),
    joinedload(BlankForm.hospital).joinedload(Hospital.country),
    joinedload(BlankForm.form).joinedload(ConsentForm.patient),
)


class PrintForm(ActForm):
    """Which blank forms to print. Fields with one possible answer are not asked."""

    hospital = PickField(_("Hospital"), "blank.print", narrow=lambda rows: rows.order_by(Hospital.name))
    clinician = SelectField(_("Treating clinician"), validators=[InputRequired(_("Choose one."))], validate_choice=True)
    language = SelectField(_("Language of the form"), validators=[InputRequired(_("Choose one."))])
    variant = words(_("Who signs"), Variant)
    large_print = BooleanField(
        _("Large print"), description=_("The same text in large type, on about twice as many pages.")
    )
    count = IntegerField(
        _("How many"),
        default=AT_FIRST,
        description=_("At most 50. Each has a code of its own and is for one patient: do not copy them."),
        validators=[InputRequired(_("Fill this in."))],
    )


class FindForm(ActForm):
    """Whose form it is, in the words of who holds the paper."""

    typed = text(_("Nickname or file number"), 60, hint=_("A part of the nickname, or the whole file number."))


class BlankPage(FormListPage):
    """Blank forms of the clinician, or of the clinicians one assists."""

    route_base = "/blanks"
    datamodel = SQLAInterface(BlankForm)
    acts: ClassVar[dict[str, str]] = {
        "list": "blank.see",
        "add": "blank.print",
        "show": "blank.open",
        "paper": "blank.open",
        "run": "blank.open",
        "choose": "blank.open",
        "cancel": "blank.cancel",
        "back": "blank.open",
    }
    list_title = _("Blank forms")
    add_title = _("Print blank forms")
    list_columns: ClassVar[list[str]] = ["code", "state", "printed_at", "language", "clinician", "printed_by"]
    show_columns: ClassVar[list[str]] = ["code", "state"]
    label_columns: ClassVar[dict[str, object]] = {
        "code": _("Form code"),
        "state": _("State"),
        "printed_at": _("Printed"),
        "language": _("Language"),
        "clinician": _("Clinician"),
        "printed_by": _("Printed by"),
    }
    search_in: ClassVar[tuple[Any, ...]] = (BlankForm.code,)
    filters = {"state": words_filter(_("State"), BlankForm.state, BlankState)}  # noqa: RUF012
    load: ClassVar[tuple[Any, ...]] = (joinedload(BlankForm.clinician), joinedload(BlankForm.printed_by))
    empty: ClassVar[object] = _(
        "No blank form is out. Print some for visits where the patient is not enrolled yet: you say whose each one is when "
        "it comes back signed."
    )

    def columns(self) -> Any:
        """Whose forms they are matters to an assistant only."""
        return [name for name in self.list_columns if name != "clinician" or acting().is_(Role.ASSISTANT)]

    def cell(self, record: Any, column: str) -> Any:
        """People by their names."""
        if column == "printed_by":
            return self.printed_by(record)
        value = super().cell(record, column)
        return str(value) if isinstance(value, Person) else value

    def printed_by(self, blank: BlankForm) -> str:
        """Who printed it, and for whom."""
        own = blank.printed_by_id == blank.clinician_id
        return doers.written(blank.printed_by or "", None if own else blank.clinician)

    # --- print ---

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Say which blank forms, and how many."""
        form = PrintForm()
        ask_only_if_several(form, "hospital")
        offer_clinicians(form)
        _offer_languages(form)
        if request.method == "GET":
            form.once.data = once_key()
        made = submitted(form, lambda: _print(form))
        if made is None:
            return self.page("blanks/add.html", form=form)
        count = form.count.data
        sentence = ngettext(
            "%(num)s blank form is ready. Print it.", "%(num)s blank forms are ready. Print them.", count
        )
        return self.done(sentence, ".show", key=made.public_id)

    @expose("/<key>/paper")
    @has_access
    def paper(self, key: str) -> Any:
        """One blank form as PDF."""
        blank = self._blank(key)
        if blank.state is not BlankState.PRINTED:
            raise NotFound
        audit.note(acting(), "blank.open", blank)
        return files.paper(papers.set_blank(blank).pdf, f"blank-{blank.code}-{blank.language}.pdf")

    @expose("/<key>/run")
    @has_access
    def run(self, key: str) -> Any:
        """All that were printed in one go with this one and are out, as one PDF."""
        blank = self._blank(key)
        run = blanks.run_of(blank)
        if not run:
            raise NotFound
        audit.note(acting(), "blank.open", blank)
        return files.paper(blanks.set_run(run), f"blank-forms-{blank.language}.pdf")

    # --- one form ---

    def _blank(self, key: str, act: str = "blank.open") -> BlankForm:
        blank: BlankForm = find(BlankForm, key, *OFFERED, options=LOAD)
        if not allowed(act, blank):
            raise NotAllowed(_("Your role does not allow this here."))
        return blank

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """The blank form: what it is, and what to do when it comes back."""
        return self._page(self._blank(key), ReasonForm())

    def _page(self, blank: BlankForm, ending: ReasonForm) -> Any:
        audit.note(acting(), "blank.open", blank)
        ending.seen.data = str(blank.version)
        return self.page(
            "blanks/show.html",
            form=ending if ending.errors else None,
            blank=blank,
            ending=ending,
            run=blanks.run_of(blank),
            grouped=paper.grouped_code(blank.code),
            language=paper.language_name(blank.language),
            last_day=blanks.last_day(blank),
        )

    @expose("/<key>/choose", methods=["GET", "POST"])
    @has_access
    def choose(self, key: str) -> Any:
        """Find the patient whose signed form this is; by POST, so that nothing typed stands in an address."""
        blank, form = self._blank(key), FindForm()
        audit.note(acting(), "blank.open", blank)
        found = None
        if request.method == "POST":
            answer = submitted(form, lambda: ("found", _fitting(blank, form.typed.data)))
            found = answer[1] if answer else None
        return self.page(
            "blanks/choose.html",
            form=form,
            blank=blank,
            found=found,
            born=born,
            written=handwriting(blank),
            grouped=paper.grouped_code(blank.code),
        )

    @expose("/<key>/cancel", methods=["POST"])
    @has_access
    def cancel(self, key: str) -> Any:
        """Cancel a blank form that is lost or spoilt."""
        blank, ending = self._blank(key, "blank.cancel"), ReasonForm()
        saved = submitted(
            ending, lambda: blanks.cancel(acting(), blank, reason=ending.reason.data, seen=sent_version())
        )
        if saved is None:
            return self._page(blank, ending)
        return self.done(_("The blank form is cancelled. Nobody can bind it any more."), ".list")

    @expose("/<key>/cancel")
    @has_access
    def back(self, key: str) -> Any:
        """Whoever comes back to the address of a refused form finds the blank form."""
        return redirect(url_for(".show", key=key))


def handwriting(blank: BlankForm) -> dict[str, str]:
    """What is written on its scanned paper about the patient, where its pages wait in one's own stack."""
    waiting = stacks.waiting_for(blank)
    return stacks.handwriting(waiting) if waiting else {}


def _fitting(blank: BlankForm, typed: str) -> list[Patient]:
    audit.note(acting(), "patient.find", blank.hospital)
    return blanks.fitting(acting(), blank, typed)


def _offer_languages(form: PrintForm) -> None:
    """Those of the hospital; of all one's hospitals where there are several."""
    last = me().consent_language
    hospitals = list(db.session.scalars(PrintForm().hospital.rows().options(joinedload(Hospital.country))).unique())
    known = (texts.languages_at(hospital, hospital.country.procedure, last) for hospital in hospitals)
    codes = list(dict.fromkeys(code for some in known for code in some))
    form.language.choices = [SelectChoice(code, names.both(code, paper.language_name(code))) for code in codes]
    if request.method == "GET":
        form.language.data = codes[0] if codes else None


def _print(form: PrintForm) -> BlankForm:
    return blanks.print_run(
        acting(),
        form.hospital.data if "hospital" in form else only_hospital("blank.print"),
        count=form.count.data,
        language=form.language.data,
        variant=form.variant.data,
        large_print=form.large_print.data,
        clinician=find(Person, form.clinician.data) if "clinician" in form else None,
        once=form.words()["once"],
    )
