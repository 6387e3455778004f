"""The scan of a refusal: a refused form is archived by its signature alone, and may keep its paper's scan as well."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm import joinedload, selectinload

from app import audit
from app.errors import NotAllowed
from app.models import ConsentForm
from app.outside import paper
from app.pages.base import Page, allowed, expose, find, has_access, sent_version, submitted
from app.pages.consent_forms import ScanForm
from app.pages.security import acting
from app.services import archives
from app.words import PatientState, _


class RefusalPage(Page):
    """A refusal that was recorded: its scan."""

    route_base = "/consents"
    datamodel = SQLAInterface(ConsentForm)
    acts: ClassVar[dict[str, str]] = {"keep_scan": "consent.keep-scan"}

    @expose("/<key>/keep-scan", methods=["GET", "POST"])
    @has_access
    def keep_scan(self, key: str) -> Any:
        """Keep the scan of the refused form."""
        loads = (joinedload(ConsentForm.patient), selectinload(ConsentForm.documents))
        consent: ConsentForm = find(ConsentForm, key, "consent.open", "consent.keep-scan", options=loads)
        if not allowed("consent.keep-scan", consent):
            raise NotAllowed(_("Your role does not allow this here."))
        if request.method == "GET" and not archives.lacks_scan(consent):
            return redirect(url_for("ConsentPage.show", key=key))
        form = ScanForm()
        if request.method == "GET":
            audit.note(acting(), "consent.open", consent)
        saved = submitted(
            form, lambda: archives.add_scan(acting(), consent, form.uploads(), source="desk", seen=sent_version())
        )
        if saved is None:
            form.seen.data = str(consent.version)
            draft = consent.patient.state is PatientState.DRAFT
            grouped = paper.grouped_code(consent.code)
            return self.page("consents/keep_scan.html", form=form, consent=consent, draft=draft, grouped=grouped)
        return self.done(_("The scan of the refusal is kept."), "ConsentPage.show", key=key)
