"""Grants: who acts for a clinician, on which records."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload
from wtforms import SelectMultipleField
from wtforms.validators import Optional

from app import rights
from app.models import (
    Grant,
    GrantedPatient,
    Hospital,
    Mandate,
    Patient,
    Person,
    db,
)
from app.pages import spells
from app.pages.base import ActForm, expose, has_access, submitted
from app.pages.fields import PickField, words
from app.pages.lists import reach
from app.pages.memberships import PlacePage
from app.pages.security import acting
from app.services import people
from app.services.spells import not_over
from app.words import GrantScope, MandateKind, _


class RecordsField(SelectMultipleField):  # type: ignore[misc]
    """Records of one's own, by nickname."""

    def __init__(self, label: object, **given: Any) -> None:
        super().__init__(label, validators=[Optional()], validate_choice=False, **given)
        self.type = "SelectMultipleField"  # what the template draws

    def rows(self) -> Select[Any]:
        """The records one treats."""
        own = select(Patient).where(Patient.clinician_id == acting().user_id, rights.right(acting(), "patient.see"))
        return own.order_by(Patient.nickname)

    def iter_choices(self) -> Any:
        """What the page offers."""
        chosen = {patient.public_id for patient in self.data or []}
        for patient in db.session.scalars(self.rows()).unique():
            yield patient.public_id, patient.nickname, patient.public_id in chosen, {}

    def process_data(self, value: Any) -> None:
        """Take records as they are."""
        self.data = value or []

    def process_formdata(self, valuelist: list[str]) -> None:
        """Find the chosen records."""
        keys = {key[:40] for key in valuelist if key}
        self.data = list(db.session.scalars(self.rows().where(Patient.public_id.in_(keys))).unique()) if keys else []
        if len(self.data) != len(keys):
            raise ValueError(str(_("Choose one of the list.")))

    def pre_validate(self, form: Any) -> None:
        """Nothing more: the records were found through the right."""


def _my_assistants(rows: Select[Any]) -> Select[Any]:
    mine = select(Hospital.id).where(rights.right(acting(), "grant.give"))
    return (
        rows.join(Mandate.person)
        .where(Mandate.kind == MandateKind.ASSISTANT, Mandate.hospital_id.in_(mine), not_over(Mandate))
        .where(Mandate.person_id != acting().user_id)
        .order_by(Person.last_name, Mandate.id)
        .options(joinedload(Mandate.person), joinedload(Mandate.hospital))
    )


def _scope() -> Any:
    return words(_("Which records"), GrantScope)


def _chosen_records() -> Any:
    return RecordsField(_("Chosen records"), description=_("Only if you choose the records one by one."))


class RecordsForm(ActForm):
    """Which records."""

    scope = _scope()
    chosen = _chosen_records()


class GrantForm(ActForm):
    """Who may act for me, on which records, from when to when."""

    assistant = PickField(
        _("Assistant"),
        "mandate.see",
        narrow=_my_assistants,
        describe=lambda mandate: f"{mandate.person} · {mandate.hospital.name}",
    )
    scope = _scope()
    chosen = _chosen_records()
    from_on = spells.first_day()
    to_on = spells.last_day()


GRANT_LOAD = (joinedload(Grant.clinician), joinedload(Grant.assistant), joinedload(Grant.hospital))
GRANT_LABELS: dict[str, object] = {
    "assistant": _("Assistant"),
    "clinician": _("Clinician"),
    "hospital.name": _("Hospital"),
    "scope": _("Which records"),
    "standing": _("In force"),
    "from_on": _("First day"),
    "to_on": _("Last day"),
    "end_reason": _("Reason for the end"),
}


class AssistantPage(PlacePage):
    """Who acts for me."""

    route_base = "/my-assistants"
    datamodel = SQLAInterface(Grant)
    acts: ClassVar[dict[str, str]] = {
        "list": "grant.choose",
        "show": "grant.see",
        "add": "grant.give",
        "edit": "grant.choose",
        "end": "grant.end",
    }
    list_title = _("My assistants")
    add_title = _("Let an assistant act for me")
    edit_title = _("Change which records")
    list_columns: ClassVar[list[str]] = ["assistant", "scope", "hospital.name", "standing"]
    show_columns: ClassVar[list[str]] = [
        "clinician",
        "assistant",
        "hospital.name",
        "scope",
        "from_on",
        "to_on",
        "end_reason",
    ]
    label_columns: ClassVar[dict[str, object]] = GRANT_LABELS
    load: ClassVar[tuple[Any, ...]] = GRANT_LOAD
    offered: ClassVar[tuple[str, ...]] = ("grant.choose", "grant.end")
    add_form = GrantForm
    show_template = "people/grant.html"
    empty: ClassVar[object] = _(
        "Nobody acts for you. Your hospital's representative adds assistants; then let one act here."
    )

    def named(self, record: Any) -> object:
        """Who assists."""
        return self.cell(record, "assistant")

    def _make(self, form: Any) -> Any:
        given = form.given()
        mandate = given.pop("assistant")
        return people.give(acting(), mandate.hospital, assistant=mandate.person, **given, once=form.words()["once"])

    @expose("/<key>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, key: str) -> Any:
        """Change which records a grant covers."""
        grant = reach(Grant, key, "grant.choose", options=self.load)
        form = RecordsForm(data={"scope": grant.scope, "chosen": _chosen(grant)})
        if request.method == "GET":
            form.seen.data = str(grant.version)
        saved = submitted(form, lambda: people.choose(acting(), grant, **form.given(), seen=form.words()["seen"]))
        if saved is None:
            return self.page("form.html", form=form, title=self.edit_title, record=grant)
        return self.done(self.edited, ".show", key=key)

    @expose("/<key>/end", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End a grant."""
        grant = reach(Grant, key, "grant.end", options=self.load)
        return spells.end(
            self,
            grant,
            people.end_grant,
            spells.EndForm(),
            title=_("End the grant"),
            warnings=[_("The assistant no longer sees these records, in open logins too. What was done stays.")],
            back=("AssistantPage.show", key),
        )


def _chosen(grant: Grant) -> list[Patient]:
    found = select(Patient).join(GrantedPatient, GrantedPatient.patient_id == Patient.id)
    return list(db.session.scalars(found.where(GrantedPatient.grant_id == grant.id)).unique())


class AssistedPage(PlacePage):
    """For whom I act."""

    route_base = "/whom-i-assist"
    datamodel = SQLAInterface(Grant)
    acts: ClassVar[dict[str, str]] = {"list": "grant.return", "show": "grant.return", "end": "grant.return"}
    list_title = _("Whom I assist")
    list_columns: ClassVar[list[str]] = ["clinician", "scope", "hospital.name", "standing"]
    show_columns: ClassVar[list[str]] = ["clinician", "hospital.name", "scope", "from_on", "to_on", "end_reason"]
    label_columns: ClassVar[dict[str, object]] = GRANT_LABELS
    load: ClassVar[tuple[Any, ...]] = GRANT_LOAD
    offered: ClassVar[tuple[str, ...]] = ("grant.return",)
    show_template = "people/grant.html"
    empty: ClassVar[object] = _(
        "You act for nobody yet. A clinician of your hospital lets you, on their page “My assistants”."
    )

    def named(self, record: Any) -> object:
        """Whom one assists."""
        return self.cell(record, "clinician")

    @expose("/<key>/give-back", methods=["GET", "POST"])
    @has_access
    def end(self, key: str) -> Any:
        """Give a grant back, at once."""
        grant = reach(Grant, key, "grant.return", options=self.load)
        return spells.end(
            self,
            grant,
            people.give_back,
            spells.EndNowForm(),
            title=_("Give the grant back"),
            warnings=[_("You no longer see these records, in open logins too. What you did stays.")],
            back=("AssistedPage.show", key),
        )
