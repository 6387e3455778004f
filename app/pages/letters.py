"""Letters from patients: the data-protection contact looks for a record by identity, and obeys what was written.

The answer is that a record exists, who its clinician is and which consents stand: no name, no clinical content. Recording
a withdrawal is ``withdrawals``.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from flask import request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response
from wtforms import DateField
from wtforms.validators import InputRequired

from app import audit
from app.errors import Incomplete, NotFound
from app.models import ArchivedDocument, ConsentDecision, ConsentForm, Hospital, Letter, LetterRecord, Patient, db
from app.outside import paper
from app.pages.base import ActForm, expose, find, has_access, once_key, sent_version, submitted
from app.pages.choices import ask_only_if_several, only_hospital
from app.pages.consent_forms import question
from app.pages.fields import PickField, not_in_the_future, text
from app.pages.lists import ListPage
from app.pages.records import standing
from app.pages.security import acting
from app.services import letters, renewals, withdrawals
from app.words import DECIDED_FORMS, _

OFFERED = ("patient.restrict-by-protection", "patient.lift-restriction", "patient.keep")


class SearchForm(ActForm):
    """Who wrote, and why one looks; sent by POST, so that no name stands in an address."""

    hospital = PickField(_("Hospital"), "patient.trace", narrow=lambda rows: rows.order_by(Hospital.name))
    received_on = DateField(
        _("The letter was received on"), validators=[InputRequired(_("Fill this in.")), not_in_the_future]
    )
    reason = text(
        _("Why you look for the record"),
        300,
        hint=_("Such as: letter no. 2026-118, withdraws everything. It is kept and noted. Write no patient’s name."),
    )
    family_name = text(_("Family name"), 200)
    birth_date = DateField(_("Date of birth"), validators=[InputRequired(_("Fill this in.")), not_in_the_future])
    file_number = text(
        _("File number"), 60, required=False, hint=_("Tells two people of one name and birth date apart.")
    )


class Found(NamedTuple):
    """A record a letter is about, as far as the data-protection contact sees it."""

    record: LetterRecord
    patient: Patient
    forms: list[ConsentForm]
    standing: list[tuple[ConsentDecision, ConsentForm]]
    in_force: set[int]


class LetterPage(ListPage):
    """The letters of the hospital whose data-protection contact one is."""

    route_base = "/letters"
    datamodel = SQLAInterface(Letter)
    acts: ClassVar[dict[str, str]] = {
        "list": "letter.see",
        "show": "letter.open",
        "search": "patient.trace",
        "restrict": "patient.restrict-by-protection",
        "lift": "patient.lift-restriction",
    }
    list_title = _("Letters from patients")
    list_template = "letters/list.html"
    list_columns: ClassVar[list[str]] = ["reason", "received_on", "found", "person"]
    label_columns: ClassVar[dict[str, object]] = {
        "reason": _("Reason"),
        "received_on": _("Received"),
        "found": _("Records found"),
        "person": _("Searched by"),
    }
    show_columns: ClassVar[list[str]] = ["reason", "received_on"]
    load: ClassVar[tuple[Any, ...]] = (joinedload(Letter.person), joinedload(Letter.hospital))
    empty: ClassVar[object] = _(
        "No letter here yet. When a patient writes to the hospital’s data-protection contact, the contact records it here."
    )

    question = staticmethod(question)

    def grouped(self, form: ConsentForm) -> str:
        """A form's code for reading."""
        return paper.grouped_code(form.code)

    def language_of(self, form: ConsentForm) -> str:
        """A form's language by its own name."""
        return paper.language_name(form.language)

    # --- search ---

    @expose("/search", methods=["GET", "POST"])
    @has_access
    def search(self) -> Any:
        """Look for the records of the person who wrote."""
        form = SearchForm()
        several = ask_only_if_several(form, "hospital")
        if request.method == "GET":
            form.once.data = once_key()
        made = submitted(form, lambda: self._search(form))
        if made is None:
            return self.page("letters/search.html", form=form, shut=several == 0, days=letters.OPEN_DAYS)
        return self.done(_told(made), ".show", key=made.public_id)

    def _search(self, form: SearchForm) -> Letter:
        given = form.given()
        hospital = given.pop("hospital", None) or only_hospital("patient.trace")
        made: Letter = letters.trace(acting(), hospital, **given, once=form.words()["once"])
        return made

    # --- one letter ---

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """What the letter is about, and what can be done at once."""
        return self._page(self._letter(key))

    def _page(self, letter: Letter, **given: Any) -> Response:
        found = [one for record in letter.records if (one := _found(record)) is not None]
        for thing in [one.record for one in found] or [letter]:
            audit.note(acting(), "letter.open", thing)
        shown: Response = self.page("letters/letter.html", letter=letter, found=found, **given)
        return shown

    def _letter(self, key: str) -> Letter:
        options = (*self.load, selectinload(Letter.records).joinedload(LetterRecord.patient))
        letter: Letter = find(Letter, key, "letter.open", options=options)
        return letter

    @expose("/<key>/restrict", methods=["POST"])
    @has_access
    def restrict(self, key: str) -> Any:
        """Restrict the record at once."""
        done = _("The record is restricted. Nothing of it is shared any more.")
        return self._do(key, withdrawals.restrict_by_protection, done)

    @expose("/<key>/lift", methods=["POST"])
    @has_access
    def lift(self, key: str) -> Any:
        """Lift the restriction."""
        return self._do(key, withdrawals.lift_restriction, _("The restriction is lifted."))

    def _do(self, key: str, perform: Any, sentence: object) -> Any:
        letter = self._letter(key)
        form = ActForm()
        wanted = request.form.get("record", "")
        chosen = [record for record in letter.records if record.public_id == wanted]
        saved = submitted(form, lambda: perform(acting(), _only(chosen), seen=sent_version()))
        if saved is None:
            return self._page(letter, form=form)
        return self.done(sentence, ".show", key=key)


def _only(records: list[LetterRecord]) -> Patient:
    if not records or records[0].patient is None:
        raise Incomplete(_("Choose the record. A letter opens its records for thirty days; search again after that."))
    return records[0].patient


def _told(letter: Letter) -> object:
    if letter.found:
        return _("The hospital has a record of this person.")
    return _("The hospital has no record of this person.")


def _found(record: LetterRecord) -> Found | None:
    """A record with its forms; none where the letter opens it no more."""
    if record.patient is None:
        return None
    try:
        patient = find(Patient, record.patient.public_id, *OFFERED, options=(joinedload(Patient.clinician),))
    except NotFound:
        return None
    statement = (
        select(ConsentForm)
        .where(ConsentForm.patient_id == patient.id, ConsentForm.state.in_(DECIDED_FORMS))
        .order_by(ConsentForm.id.desc())
        .options(
            selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry),
            selectinload(ConsentForm.documents).joinedload(ArchivedDocument.key),
        )
    )
    forms = list(db.session.scalars(statement).unique())
    return Found(record, patient, forms, standing(forms), renewals.in_force(patient, acting().on))
