"""The phone's upload page: no login, one form, once, ten minutes. The desk's QR opens it."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import g
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app import sight
from app.errors import NotFound
from app.models import ConsentForm, db
from app.outside import paper
from app.pages.base import Page, expose, submitted
from app.pages.consent_forms import ScanForm
from app.services import archives
from app.words import _


class PhonePage(Page):
    """Upload only: the phone sees the form's code and language, nothing of the patient."""

    route_base = "/phone"
    default_view = "upload"
    acts: ClassVar[dict[str, str]] = {}
    open_to_all: ClassVar[set[str]] = {"upload"}

    @expose("/<token>", methods=["GET", "POST"])
    def upload(self, token: str) -> Any:  # noqa: ARG002  ``security.enter`` has looked the link up
        """Photographs or a PDF of the signed form; archived in the name of who showed the QR."""
        link, actor = g.phone
        sight.bind(db.session(), actor)
        g.actor = actor
        consent = (
            db.session.scalars(
                select(ConsentForm)
                .where(ConsentForm.id == link.form_id)
                .options(selectinload(ConsentForm.decisions), joinedload(ConsentForm.patient))
            )
            .unique()
            .one_or_none()
        )
        if consent is None or consent.patient is None:
            raise NotFound(_("The person who showed this code may no longer open the form."))
        form = ScanForm()
        saved = submitted(form, lambda: archives.file_scan(actor, consent, form.uploads(), source="phone", link=link))
        given = {
            "form": form,
            "grouped": paper.grouped_code(consent.code),
            "language": paper.language_name(consent.language),
        }
        return self.page("consents/upload.html", sent=saved is not None, **given)
