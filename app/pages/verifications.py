"""Checking a form: by a file of it, or by its code. And the search box of every page: nickname, form code or QR."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_babel import format_date
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import FileStorage
from wtforms import FileField

from app import sight
from app.errors import Incomplete
from app.models import BlankForm, ConsentForm, Patient, db
from app.outside import paper
from app.pages.base import ActForm, Page, expose, has_access, submitted
from app.pages.fields import text
from app.pages.security import acting
from app.services import archives, verifications
from app.services.verifications import Finding
from app.words import _

VERDICTS: dict[str, tuple[str, object]] = {
    "original": ("good", _("The file is intact: it is the signed form as it was archived here.")),
    "reading": ("good", _("The file is intact: it is the signed form’s photographs as they were archived here.")),
    "copy": ("good", _("The file is intact: it is the sealed archive copy.")),
    "paper": ("good", _("The file is intact: it is the form as it was printed here, before anybody signed it.")),
    "receipt": ("good", _("The file is intact: it is a receipt of this form as it was printed here.")),
    "other": (
        "warn",
        _(
            "The file is not in the archive. It says it is of this form: it was changed, or it is another scan or print of the same paper."
        ),
    ),
}
"""What is said of a file of a form: how good it is, and the sentence."""


class VerifyForm(ActForm):
    """A file or a code."""

    file = FileField(
        _("File of the form"),
        description=_(
            "The scan, the sealed archive copy, the printed form, a receipt, or a photograph of a page with its code. At most 60 MB. It is not kept."
        ),
        render_kw={
            "required": False,  # one of the two is needed, so neither is called optional
            "accept": ".pdf,.tif,.tiff,.jpg,.jpeg,.png,application/pdf,image/tiff,image/jpeg,image/png",
        },
    )
    code = text(
        _("Or the form’s code"),
        50,
        required=False,
        render_kw={"required": False},
        hint=_("Sixteen letters and digits at the foot of each page."),
    )


class VerificationPage(Page):
    """Is this paper or file one of ours, and is it as it was archived?"""

    route_base = "/verify"
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "verification.open"}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def index(self) -> Any:
        """Ask, and answer on the same page."""
        form = VerifyForm()
        finding = submitted(form, lambda: self._verified(form))
        mine = self._mine(finding) if finding else {}
        if finding:
            form.code.data = None  # the next question begins empty
        return self.page("verifications/verify.html", form=form, finding=finding, mine=mine)

    def _verified(self, form: VerifyForm) -> Finding:
        sent = form.file.data
        if isinstance(sent, FileStorage) and sent.filename:
            return verifications.by_file(acting(), sent.stream.read())
        if form.code.data:
            return verifications.by_code(acting(), form.code.data)
        raise Incomplete(_("Choose a file, or type the form’s code."))

    def _mine(self, finding: Finding) -> dict[str, ConsentForm]:
        """The forms the reader may open anyhow, by code."""
        statement = select(ConsentForm).where(
            ConsentForm.code.in_([one.code for one in finding.forms]), sight.here(db.session(), "consent.open")
        )
        found = db.session.scalars(statement.options(joinedload(ConsentForm.patient))).unique()
        return {form.code: form for form in found if form.patient is not None}

    def grouped(self, code: str) -> str:
        """A form's code for reading."""
        return paper.grouped_code(code)

    def language_of(self, code: str) -> str:
        """A language by its own name."""
        return paper.language_name(code)

    def verdict(self, finding: Finding) -> tuple[str, object] | None:
        """How good the file is, in words."""
        return VERDICTS.get(finding.file)

    def said(self, signature: Any) -> list[object]:
        """What a seal says."""
        return archives.said(signature, lambda moment: str(format_date(moment, "long")))


class SearchPage(Page):
    """The search box of every page, for people with patients."""

    route_base = "/search"
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "consent.open"}

    @expose("/")
    @has_access
    def index(self) -> Any:
        """A form's code, or what a hand scanner reads from its QR, leads to the form; a nickname to the patients."""
        typed = request.args.get("q", "").strip()[:100]
        try:
            code = verifications.code_of(typed)
        except ValueError:
            return redirect(url_for("PatientPage.list", q=typed) if typed else url_for("PatientPage.list"))
        mine = sight.here(db.session(), "consent.open")
        key = db.session.scalar(select(ConsentForm.public_id).where(ConsentForm.code == code, mine))
        if key is None:
            mine = sight.here(db.session(), "blank.open")
            blank = db.session.scalar(select(BlankForm.public_id).where(BlankForm.code == code, mine))
            if blank is not None:
                return redirect(url_for("BlankPage.show", key=blank))
            called = func.lower(Patient.nickname).startswith(typed.lower(), autoescape=True)
            if db.session.scalar(select(Patient.id).where(called).limit(1)) is not None:
                return redirect(url_for("PatientPage.list", q=typed))  # "Amber Cedar Meadow" has sixteen letters too
            return redirect(url_for("ConsentPage.list", q=paper.grouped_code(code)))
        return redirect(url_for("ConsentPage.show", key=key))
