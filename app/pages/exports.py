"""Exports of a hospital's consent archive: the representative's and the data-protection contact's page, and the releases.

Nothing of a patient is on these pages but to who treats them: counts.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app import audit
from app.models import ConsentForm, Export, ExportRelease, Hospital, Patient, db
from app.pages import doers
from app.pages.base import ActForm, expose, has_access, once_key, sent_version, submitted
from app.pages.choices import ask_only_if_several, only_hospital
from app.pages.consent_forms import ReasonForm
from app.pages.fields import PickField, text
from app.pages.jobs import KIND_WORDS
from app.pages.lists import ListPage, reach, words_filter
from app.pages.security import acting
from app.services import exports
from app.words import PROVING_FORMS, ExportState, ReleaseState, _

KIND_WORDS[exports.MAKING] = _("Making an export of a consent archive")
OFFERED = ("export.go-on", "export.fetch", "export.take-passphrase", "export.stop")
DECIDING = ("export_release.prepare", "export_release.release", "export_release.refuse")
SHOWN = 200
"""Patients named to who is to release them."""


class AskForm(ActForm):
    """What the export is for."""

    hospital = PickField(_("Hospital"), "export.ask", narrow=lambda rows: rows.order_by(Hospital.name))
    reason = text(
        _("What the export is for"),
        300,
        hint=_("Such as: move into the hospital’s own archive. Every clinician reads it. Write no patient’s name."),
    )


class RefuseForm(ReasonForm):
    """Why one’s forms stay out."""


class ExportPage(ListPage):
    """Exports of the hospital one represents or whose data-protection contact one is."""

    route_base = "/exports"
    datamodel = SQLAInterface(Export)
    acts: ClassVar[dict[str, str]] = {
        "list": "export.open",
        "add": "export.ask",
        "show": "export.open",
        "go_on": "export.go-on",
        "fetch": "export.fetch",
        "passphrase": "export.take-passphrase",
        "stop": "export.stop",
    }
    list_title = _("Exports")
    add_title = _("Export the consent archive")
    list_columns: ClassVar[list[str]] = ["asked_at", "state", "hospital", "reason"]
    show_columns: ClassVar[list[str]] = ["asked_at", "state"]
    label_columns: ClassVar[dict[str, object]] = {
        "asked_at": _("Asked for"),
        "state": _("State"),
        "hospital": _("Hospital"),
        "reason": _("What it is for"),
    }
    filters = {"state": words_filter(_("State"), Export.state, ExportState)}  # noqa: RUF012
    load: ClassVar[tuple[Any, ...]] = (joinedload(Export.hospital), joinedload(Export.person))
    empty: ClassVar[object] = _(
        "No export yet. The representative of a hospital can ask for its whole consent archive as one encrypted file."
    )

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """Ask for an export."""
        form = AskForm()
        several = ask_only_if_several(form, "hospital")
        if request.method == "GET":
            form.once.data = once_key()
        made = submitted(form, lambda: self._ask(form))
        if made is None:
            return self.page("exports/ask.html", form=form, shut=several == 0)
        told = _("The clinicians are asked to release their patients’ forms.")
        if made.state is not ExportState.RELEASING:
            told = _(
                "The file is being made: only forms of erased records are archived, and nobody has to release them."
            )
        return self.done(told, ".show", key=made.public_id)

    def _ask(self, form: AskForm) -> Export:
        hospital = form.hospital.data if "hospital" in form else only_hospital("export.ask")
        return exports.ask_for(acting(), hospital, reason=form.reason.data, once=form.words()["once"])

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """How far it has come, and the next thing to do."""
        return self._page(self._export(key))

    def _export(self, key: str, act: str = "export.open") -> Export:
        options = (*self.load, selectinload(Export.releases).joinedload(ExportRelease.person))
        export: Export = reach(Export, key, act, *OFFERED, options=options)
        return export

    def _page(self, export: Export, **given: Any) -> Any:
        audit.note(acting(), "export.open", export)
        ending = given.pop("ending", None) or ReasonForm()
        ending.seen.data = str(export.version)
        counted = {state: [one for one in export.releases if one.state is state] for state in ReleaseState}
        return self.page(
            "exports/export.html",
            export=export,
            counted=counted,
            proofs=exports.proofs_of_erased(export.hospital_id) if export.state in exports.UNDER_WAY else 0,
            ending=ending,
            work=exports.work_of(export),
            days=exports.KEPT_DAYS,
            form=given.pop("form", None),
            passphrase=given.pop("passphrase", None),
        )

    @expose("/<key>/go-on", methods=["POST"])
    @has_access
    def go_on(self, key: str) -> Any:
        """Make it of what is released."""
        export = self._export(key, "export.go-on")
        form = ActForm()
        saved = submitted(form, lambda: exports.go_on(acting(), export, seen=sent_version()))
        if saved is None:
            return self._page(export, form=form)
        return self.done(_("The file is being made."), ".show", key=key)

    @expose("/<key>/file", methods=["POST"])
    @has_access
    def fetch(self, key: str) -> Any:
        """The encrypted file, a piece at a time."""
        export = self._export(key, "export.fetch")
        pieces = exports.fetch(acting(), export)
        name = f"consent-archive-{export.made_at:%Y-%m-%d}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(export.size)}
        headers["Content-Security-Policy"] = "sandbox"
        return Response(pieces, mimetype="application/zip", headers=headers)

    @expose("/<key>/passphrase", methods=["POST"])
    @has_access
    def passphrase(self, key: str) -> Any:
        """Show the passphrase, once."""
        export = self._export(key, "export.take-passphrase")
        form = ActForm()
        shown = submitted(form, lambda: exports.take_passphrase(acting(), export, seen=sent_version()))
        return self._page(self._export(key), form=None if shown else form, passphrase=shown)

    @expose("/<key>/stop", methods=["POST"])
    @has_access
    def stop(self, key: str) -> Any:
        """Stop it, and delete what was made."""
        export, form = self._export(key, "export.stop"), ReasonForm()
        saved = submitted(
            form, lambda: exports.end(acting(), export, reason=form.reason.data, seen=form.words()["seen"])
        )
        if saved is None:
            return self._page(export, ending=form, form=form)
        return self.done(_("The export is stopped. A file already made is deleted."), ".show", key=key)


class ReleasePage(ListPage):
    """What one is asked to release."""

    route_base = "/releases"
    datamodel = SQLAInterface(ExportRelease)
    acts: ClassVar[dict[str, str]] = {
        "list": "export_release.open",
        "show": "export_release.open",
        "prepare": "export_release.prepare",
        "release": "export_release.release",
        "refuse": "export_release.refuse",
    }
    list_title = _("Forms to release")
    list_columns: ClassVar[list[str]] = ["person", "state", "forms", "hospital"]
    show_columns: ClassVar[list[str]] = ["person", "state"]
    label_columns: ClassVar[dict[str, object]] = {
        "person": _("Clinician"),
        "state": _("State"),
        "forms": _("Forms"),
        "hospital": _("Hospital"),
    }
    load: ClassVar[tuple[Any, ...]] = (joinedload(ExportRelease.person), joinedload(ExportRelease.hospital))
    empty: ClassVar[object] = _("Nobody asks you to release anything.")

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """What is asked, by whom, and about which patients."""
        return self._page(self._release(key))

    def by(self, release: ExportRelease) -> str:
        """Who has looked through it, and for whom."""
        return doers.written(release.prepared_by, release.person)

    def _release(self, key: str, act: str = "export_release.open") -> ExportRelease:
        options = (
            *self.load,
            joinedload(ExportRelease.prepared_by),
            joinedload(ExportRelease.decided_by),
            joinedload(ExportRelease.export).joinedload(Export.person),
        )
        release: ExportRelease = reach(ExportRelease, key, act, *DECIDING, options=options)
        return release

    def _page(self, release: ExportRelease, form: Any = None, refusing: Any = None) -> Any:
        audit.note(acting(), "export_release.open", release)
        refusing = refusing or RefuseForm()
        refusing.seen.data = str(release.version)
        named = self._patients(release)
        return self.page("exports/release.html", release=release, form=form, refusing=refusing, named=named)

    def _patients(self, release: ExportRelease) -> list[Patient]:
        """The patients it is about, as far as the reader may see them: nobody, to the data-protection contact."""
        archived = select(ConsentForm.patient_id).where(
            ConsentForm.hospital_id == release.hospital_id, ConsentForm.state.in_(PROVING_FORMS)
        )
        statement = select(Patient).where(
            Patient.clinician_id == release.person_id,
            Patient.hospital_id == release.hospital_id,
            Patient.restricted_on.is_(None),
            Patient.id.in_(archived),
        )
        return list(db.session.scalars(statement.order_by(Patient.nickname).limit(SHOWN)).unique())

    @expose("/<key>/prepare", methods=["POST"])
    @has_access
    def prepare(self, key: str) -> Any:
        """Say to the clinician that it is looked through."""
        return self._do(key, "prepare", exports.prepare, _("Prepared. The clinician releases it in one click."))

    @expose("/<key>/release", methods=["POST"])
    @has_access
    def release(self, key: str) -> Any:
        """Release the forms."""
        return self._do(key, "release", exports.release, _("Released. The representative sees that it is done."))

    def _do(self, key: str, word: str, perform: Any, sentence: object) -> Any:
        release, form = self._release(key, f"export_release.{word}"), ActForm()
        saved = submitted(form, lambda: perform(acting(), release, seen=sent_version()))
        if saved is None:
            return self._page(release, form=form)
        return self.done(sentence, ".show", key=key)

    @expose("/<key>/refuse", methods=["POST"])
    @has_access
    def refuse(self, key: str) -> Any:
        """Keep them out, with a reason."""
        release, form = self._release(key, "export_release.refuse"), RefuseForm()
        saved = submitted(
            form, lambda: exports.refuse(acting(), release, reason=form.reason.data, seen=form.words()["seen"])
        )
        if saved is None:
            return self._page(release, form=form, refusing=form)
        return self.done(_("Not released. The representative reads your reason."), ".show", key=key)


def waiting(releases: list[ExportRelease]) -> list[dict[str, object]]:
    """What waits to be released, for Home."""
    return [
        {
            "title": release.hospital.name,
            "url": url_for("ReleasePage.show", key=release.public_id),
            "note": ngettext("%(num)s archived form", "%(num)s archived forms", release.forms)
            + (f" · {release.person}" if release.person_id != acting().user_id else ""),
            "tag": release.state,
            "act": _("Decide"),
        }
        for release in releases
    ]


def under_way(exported: list[Export]) -> list[dict[str, object]]:
    """Exports whose file can be fetched, or whose passphrase can be read, for Home."""
    return [
        {
            "title": export.hospital.name,
            "url": url_for("ExportPage.show", key=export.public_id),
            "note": export.reason,
            "tag": export.state,
            "act": _("Open"),
        }
        for export in exported
    ]
