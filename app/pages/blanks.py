"""Blank forms: printed before their patient is known, listed while they are out, bound to a patient when they come back."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, IntegerField, RadioField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app import audit
from app.errors import NotAllowed, NotFound
from app.models import BlankForm, ConsentForm, Hospital, Patient, Person, db
from app.outside import paper
from app.pages import names
from app.pages.base import (
    ActForm,
    Page,
    allowed,
    expose,
    find,
    has_access,
    once_key,
    sent_version,
    submitted,
)
from app.pages.consent_forms import ReasonForm
from app.pages.fields import PickField, text, words
from app.pages.lists import ListPage, reach, words_filter
from app.pages.patients import ask_only_if_several, born, offer_clinicians, only_hospital
from app.pages.security import acting
from app.services import blanks, papers, patients, stacks, texts
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


class BindForm(ActForm):
    """A signed blank form, and that somebody has compared it with the patient."""

    code = text(_("Form code"), 40, hint=_("Sixteen characters at the foot of each page."))
    end_others = RadioField(
        _("The other open form"),
        choices=[
            SelectChoice("end", _("End it: the signed blank form takes its place")),
            SelectChoice("keep", _("Leave it open as well")),
        ],
        validators=[InputRequired(_("Choose one."))],
    )
    compared = BooleanField(
        _("I have compared the name and the date of birth written on the paper: this is the patient."),
        validators=[InputRequired(_("Compare them with the paper, then tick this box."))],
    )


class BlankPage(ListPage):
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
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
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

    def typed(self, text: str) -> str:
        """A form code as it is stored: without the dashes it is read with."""
        return text.replace("-", "").replace(" ", "")

    def cell(self, record: Any, column: str) -> Any:
        """Codes grouped for reading, languages by their names."""
        if column == "code":
            return Markup('<span class="code">{}</span>').format(paper.grouped_code(record.code))
        if column == "language":
            name = paper.language_name(record.language)
            return Markup('<span lang="{}">{}</span>').format(record.language, name)
        value = super().cell(record, column)
        return str(value) if isinstance(value, Person) else value

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
        return _pdf(papers.set_blank(blank).pdf, f"blank-{blank.code}-{blank.language}.pdf")

    @expose("/<key>/run")
    @has_access
    def run(self, key: str) -> Any:
        """All that were printed in one go with this one and are out, as one PDF."""
        blank = self._blank(key)
        run = blanks.run_of(blank)
        if not run:
            raise NotFound
        audit.note(acting(), "blank.open", blank)
        return _pdf(blanks.set_run(run), f"blank-forms-{blank.language}.pdf")

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
            written=_handwriting(blank),
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


class BindPage(Page):
    """A signed blank form made a patient's, after a person has compared the two."""

    route_base = "/patients"
    datamodel = SQLAInterface(Patient)
    acts: ClassVar[dict[str, str]] = {"bind": "blank.bind"}

    @expose("/<key>/blank", methods=["GET", "POST"])
    @has_access
    def bind(self, key: str) -> Any:
        """Compare the paper with the patient, and bind it."""
        patient: Patient = reach(
            Patient, key, "blank.bind", options=(joinedload(Patient.identity), joinedload(Patient.hospital))
        )
        audit.note(acting(), "patient.open", patient)
        form, blank = BindForm(), _named()
        bare = (form.code.data or "").replace("-", "")  # a second click finds the first one's form open: it is no other
        others = [other for other in blanks.open_forms(patient) if other.code != bare]
        if not others:
            del form.end_others
        if request.method == "GET":
            form.once.data = once_key()
            form.code.data = paper.grouped_code(blank.code) if blank else None
        made = submitted(form, lambda: _bind(patient, form))
        if made is None:
            return self.page(
                "blanks/bind.html",
                form=form,
                patient=patient,
                identity=patients.identity_of(patient),
                blank=blank,
                others=others,
                written=_handwriting(blank) if blank else {},
                grouped=paper.grouped_code,
            )
        waiting = stacks.waiting_for(blanks.by_code(acting(), made.code))
        if waiting is not None:
            sentence = _("The form is %(nickname)s’s now. Compare it and confirm it.", nickname=patient.nickname)
            return self.done(sentence, "StacksPage.show", key=waiting.pages[0].stack.public_id)
        sentence = _("The form is %(nickname)s’s now. Record what is on the signed paper.", nickname=patient.nickname)
        return self.done(sentence, "ConsentPage.show", key=made.public_id)


def _handwriting(blank: BlankForm) -> dict[str, str]:
    """What is written on its scanned paper about the patient, where its pages wait in one's own stack."""
    waiting = stacks.waiting_for(blank)
    return stacks.handwriting(waiting) if waiting else {}


def _named() -> BlankForm | None:
    """The blank form a link named."""
    key = request.args.get("form")
    return find(BlankForm, key, "blank.open", options=LOAD) if key else None


def _bind(patient: Patient, form: BindForm) -> ConsentForm:
    blank = blanks.by_code(acting(), form.code.data)
    asked = form.end_others.data if "end_others" in form else None
    made: ConsentForm = blanks.bind(
        acting(),
        patient,
        blank=blank,
        end_others=None if asked is None else asked == "end",
        once=form.words()["once"],
    )
    return made


def _fitting(blank: BlankForm, typed: str) -> list[Patient]:
    audit.note(acting(), "patient.find", blank.hospital)
    return blanks.fitting(acting(), blank, typed)


def _offer_languages(form: PrintForm) -> None:
    """Those of the hospital; of all one's hospitals where there are several."""
    person = db.session.get(Person, acting().user_id)
    last = person.consent_language if person else None
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


def _pdf(content: bytes, name: str) -> Response:
    headers = {
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Security-Policy": "frame-ancestors 'self'",  # a browser's own viewer is stopped by more
    }
    return Response(content, mimetype="application/pdf", headers=headers)
