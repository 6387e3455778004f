"""A blank form that came back signed: compared with a patient by a person, and bound."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app import audit
from app.models import BlankForm, ConsentForm, Patient
from app.outside import paper
from app.pages.base import ActForm, Page, expose, find, has_access, once_key, submitted
from app.pages.blanks import LOAD, handwriting
from app.pages.fields import text
from app.pages.lists import reach
from app.pages.security import acting
from app.services import blanks, identities, stacks
from app.words import _


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
                identity=identities.identity_of(patient),
                blank=blank,
                others=others,
                written=handwriting(blank) if blank else {},
                grouped=paper.grouped_code,
            )
        waiting = stacks.waiting_for(blanks.by_code(acting(), made.code))
        if waiting is not None:
            sentence = _("The form is %(nickname)s’s now. Compare it and confirm it.", nickname=patient.nickname)
            return self.done(sentence, "StacksPage.show", key=waiting.pages[0].stack.public_id)
        sentence = _("The form is %(nickname)s’s now. Record what is on the signed paper.", nickname=patient.nickname)
        return self.done(sentence, "ConsentPage.show", key=made.public_id)


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
