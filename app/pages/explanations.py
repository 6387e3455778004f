"""Forms that wait for the clinician's word that they explained them: one on its page, one or several from a list."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, ngettext
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from app.errors import NotFound, Refusal
from app.models import ConsentForm
from app.outside import paper
from app.pages.base import expose, has_access, may, sent_version, version
from app.pages.form_lists import FormListPage
from app.pages.lists import reach
from app.pages.security import acting
from app.pages.todo import Group
from app.services import explanations, worklist
from app.words import _

MOST_PICKED = 100
ACT = "consent.confirm-explained"


def waiting() -> Group:
    """The clinician's group on Home: how many wait, the oldest of them, and the way to the list of all."""
    forms = worklist.unexplained(acting()) if may(ACT) else []
    count = worklist.unexplained_count(acting()) if forms else 0
    items: list[dict[str, object]] = [
        {
            "title": form.patient.nickname,
            "url": url_for("ConsentPage.show", key=form.public_id),
            "note": f"{paper.language_name(form.language)} · {paper.grouped_code(form.code)}",
            "act": _("I explained it"),
            "post": url_for("ExplanationPage.confirm", key=form.public_id),
            "icon": "circle-check",
            "fields": {"seen": form.version},
        }
        for form in forms
        if form.patient is not None
    ]
    title = ngettext(
        "%(num)s form waits for your word that you explained it",
        "%(num)s forms wait for your word that you explained them",
        count,
    )
    more = (str(_("Confirm several at once")), url_for("ExplanationPage.list")) if count > 1 else None
    return Group(title, items, more=more)


class ExplanationPage(FormListPage):
    """Archived forms that name the reader as who explained them, and wait for that word."""

    route_base = "/explanations"
    datamodel = SQLAInterface(ConsentForm)
    acts: ClassVar[dict[str, str]] = dict.fromkeys(("list", "show", "confirm", "confirm_picked", "unpicked"), ACT)
    list_title = _("Forms that wait for your word")
    list_template = "explanations/list.html"
    list_columns: ClassVar[list[str]] = ["patient", "code", "language", "signed_on", "archived_at"]
    label_columns: ClassVar[dict[str, object]] = {
        "patient": _("Patient"),
        "code": _("Form code"),
        "language": _("Language"),
        "signed_on": _("Signed"),
        "archived_at": _("Archived"),
    }
    ticks: ClassVar[str] = "form"
    load: ClassVar[tuple[Any, ...]] = (joinedload(ConsentForm.patient),)
    empty: ClassVar[object] = _(
        "No form waits for your word. Forms your assistants archive appear here, so that you confirm that you explained them."
    )

    def _found(self) -> Select[Any]:
        return super()._found().where(explanations.WAITS)

    def pickable(self, record: Any) -> bool:  # noqa: ARG002
        """Each of them waits for the reader's word."""
        return True

    def named(self, record: Any) -> object:
        """Whose form it is."""
        return record.patient.nickname

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """Whoever follows a row of the list finds the form's own page."""
        return redirect(url_for("ConsentPage.show", key=reach(ConsentForm, key, ACT).public_id))

    @expose("/<key>/confirm", methods=["POST"])
    @has_access
    def confirm(self, key: str) -> Any:
        """Say that one explained this form."""
        explanations.confirm(acting(), reach(ConsentForm, key, ACT), seen=sent_version())
        return self.done(_("Confirmed: you explained this form."), "ConsentPage.show", key=key)

    @expose("/confirm", methods=["POST"])
    @has_access
    def confirm_picked(self) -> Any:
        """Say so of the picked forms, each by itself; one that has changed meanwhile stays on the list."""
        confirmed, left = 0, 0
        for picked in request.form.getlist("form")[:MOST_PICKED]:
            key, _dot, seen = picked.partition(".")
            try:
                explanations.confirm(acting(), reach(ConsentForm, key, ACT), seen=version(seen))
                confirmed += 1
            except (NotFound, Refusal):
                left += 1
        if confirmed:
            said = ngettext("%(num)s form is confirmed.", "%(num)s forms are confirmed.", confirmed)
            flash(said, "good")
        if left or not confirmed:
            flash(gettext("Tick the forms you explained. One that changed meanwhile is left as it is."), "warn")
        return redirect(url_for(".list"))

    @expose("/confirm")
    @has_access
    def unpicked(self) -> Any:
        """Whoever comes back to the address of what was picked finds the list."""
        return redirect(url_for(".list"))
