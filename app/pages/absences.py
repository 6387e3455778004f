"""Absences: one's own days away and who stands in, and those in which one is asked to stand in for a colleague."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

from flask import g, request, url_for
from flask_babel import format_date
from wtforms import DateField, SelectField
from wtforms.validators import InputRequired, Optional

from app.errors import Conflict
from app.models import Absence, Person, db
from app.pages.base import ActForm, Page, expose, find, has_access, once_key, sent_version, submitted
from app.pages.fields import text
from app.pages.lists import reach
from app.pages.security import acting, me
from app.services import absences
from app.words import _


def away(absence: Absence | None) -> str | None:
    """What others read of somebody who is away today."""
    if absence is None:
        return None
    day = format_date(absence.to_on, "long")
    if absence.accepted_at is not None and absence.substitute is not None:
        return str(_("Away until %(day)s; %(name)s stands in.", day=day, name=str(absence.substitute)))
    return str(_("Away until %(day)s.", day=day))


def waiting() -> list[dict[str, object]]:
    """Colleagues who wait for one’s answer, as Home shows them."""
    return [
        {
            "title": str(one.person or _("A former colleague")),
            "url": url_for("AbsencePage.list"),
            "note": f"{format_date(one.from_on, 'long')} – {format_date(one.to_on, 'long')}",
            "act": _("Answer"),
        }
        for one in absences.asked_of(acting())
        if one.accepted_at is None
    ]


class AbsenceForm(ActForm):
    """Days away."""

    from_on = DateField(_("First day away"), validators=[InputRequired(_("Fill this in."))])
    to_on = DateField(_("Last day away"), validators=[InputRequired(_("Fill this in."))])
    substitute = SelectField(
        _("Who stands in for you"),
        description=_("They are asked. It opens nothing to them: they are told of work they may do themselves."),
        choices=[],
        validators=[Optional()],
        filters=[lambda chosen: chosen or None],
    )
    note = text(_("Note"), 200, required=False, hint=_("Colleagues read it. Name no patient."))

    def words_of_it(self) -> dict[str, Any]:
        """What the service takes."""
        chosen = self.substitute.data
        return {**self.given(), "substitute": find(Person, chosen) if chosen else None}


class AbsencePage(Page):
    """One's own absences, and those in which one is asked."""

    route_base = "/my-absences"
    default_view = "list"
    acts: ClassVar[dict[str, str]] = {
        "list": "absence.say",
        "add": "absence.say",
        "edit": "absence.change",
        "end": "absence.end",
        "accept": "absence.accept",
        "decline": "absence.decline",
    }

    @expose("/")
    @has_access
    def list(self) -> Any:
        """When one is away, and for whom one is asked to stand in."""
        return self.page(
            "settings/absences.html",
            mine=absences.of_person(acting().user_id),
            asked=absences.asked_of(acting()),
            on=acting().on,
        )

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Say that one is away."""
        form = self._form()
        form.once.data = form.once.data or once_key()
        if request.method == "GET":
            form.from_on.data = acting().on + dt.timedelta(days=1)
        made = submitted(form, lambda: absences.say(acting(), me(), **form.words_of_it(), once=form.words()["once"]))
        return self._done(made, form, _("Say that you are away"), _("Saved."))

    @expose("/<key>", methods=["GET", "POST"])
    @has_access
    def edit(self, key: str) -> Any:
        """Change the days or who stands in."""
        absence = reach(Absence, key, "absence.change")
        form = self._form(obj=absence, substitute=absence.substitute.public_id if absence.substitute else "")
        if request.method == "GET":
            form.seen.data = str(absence.version)
            form.substitute.data = absence.substitute.public_id if absence.substitute else None
        saved = submitted(
            form, lambda: absences.change(acting(), absence, **form.words_of_it(), seen=form.words()["seen"])
        )
        theirs = _theirs(absence, form) if g.get("refusal_status") == Conflict.status else []
        return self._done(saved, form, _("Change the absence"), _("Saved."), theirs)

    def _form(self, **given: Any) -> AbsenceForm:
        form = AbsenceForm(**given)
        people = absences.colleagues(acting().user_id)
        form.substitute.choices = [("", _("Nobody")), *((one.public_id, str(one)) for one in people)]
        return form

    def _done(self, saved: Any, form: AbsenceForm, title: object, sentence: object, theirs: Sequence[Any] = ()) -> Any:
        if saved is None:
            return self.page("settings/absence.html", form=form, title=title, theirs=theirs)
        return self.done(sentence, ".list")

    @expose("/<key>/end", methods=["POST"])
    @has_access
    def end(self, key: str) -> Any:
        """Be back."""
        absences.end(acting(), reach(Absence, key, "absence.end"), seen=sent_version())
        return self.done(_("Ended. Welcome back."), ".list")

    @expose("/<key>/accept", methods=["POST"])
    @has_access
    def accept(self, key: str) -> Any:
        """Stand in."""
        absences.accept(acting(), reach(Absence, key, "absence.accept"), seen=sent_version())
        return self.done(_("You stand in on these days."), ".list")

    @expose("/<key>/decline", methods=["POST"])
    @has_access
    def decline(self, key: str) -> Any:
        """Not stand in."""
        absences.decline(acting(), reach(Absence, key, "absence.decline"), seen=sent_version())
        return self.done(_("You do not stand in. Your colleague is told."), ".list")


def _theirs(absence: Absence, form: AbsenceForm) -> list[tuple[Any, Any]]:
    """What was saved in another window meanwhile, where it differs from what was typed."""
    db.session.refresh(absence)
    form.seen.data = str(absence.version)
    typed = form.words_of_it()
    return [(form[name], getattr(absence, name)) for name in typed if getattr(absence, name) != typed[name]]
