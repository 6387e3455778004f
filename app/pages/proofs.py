"""Proof of consent: how many are kept and when their term ends; that of an erased record, found by its form's code alone."""

from __future__ import annotations

from typing import Any, ClassVar

from app import audit
from app.errors import Incomplete
from app.models import ConsentForm
from app.outside import paper
from app.pages.base import ActForm, Page, expose, has_access, submitted
from app.pages.consent_forms import question
from app.pages.fields import text
from app.pages.security import acting
from app.premises import premises
from app.services import proofs, verifications
from app.words import MandateKind, _


class CodeForm(ActForm):
    """A form's code, as it stands on the paper or in the patient's letter."""

    code = text(_("Form code"), 40, hint=_("The sixteen letters and digits at the foot of each page."))


class ProofPage(Page):
    """What is kept as proof, in numbers; and one proof, for the data-protection contact who knows its form's code."""

    route_base = "/proofs"
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "proof.find", "find": "proof.open"}

    @expose("/")
    @has_access
    def index(self) -> Any:
        """How many proofs there are, and how many end soon."""
        return self._page(CodeForm())

    @expose("/find", methods=["GET", "POST"])
    @has_access
    def find(self) -> Any:
        """The proof of an erased record; each look is noted."""
        form = CodeForm()
        found: ConsentForm | None = submitted(form, lambda: _found(form.code.data))
        if found is not None:
            audit.note(acting(), "proof.open", found)
        return self._page(form, found)

    def _page(self, form: CodeForm, found: ConsentForm | None = None) -> Any:
        return self.page(
            "proofs/proofs.html",
            form=form,
            kept=proofs.kept(acting()),
            years=premises().settings["PROOF_YEARS"],
            protects=MandateKind.DATA_PROTECTION_CONTACT in acting().mandates,
            found=found,
            until=None if found is None else proofs.kept_until(found),
            documents=[] if found is None else proofs.readable(found),
            grouped=paper.grouped_code,
            language=paper.language_name,
            question=question,
        )


def _found(typed: str) -> ConsentForm:
    try:
        found = proofs.by_code(acting(), verifications.code_of(typed))
    except ValueError:
        found = None
    if found is None:
        sentence = _(
            "No erased record of your hospital has a form of this code. For a record that is not erased, record the patient’s letter."
        )
        raise Incomplete(sentence, fields={"code": sentence}, noted=True)
    return found
