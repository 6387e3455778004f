"""Verifying: is this file, or this code, of a form of ours, and is the file as it was archived.

Anybody signed in may ask. What leaves is of the form, never of the patient: code, text version, language, the day it was
archived. That it does not exist and that one may not know are the same answer. Each try is counted and noted; the file
is read in memory and kept nowhere. Who may open the form gets a link from the page, through the right.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from app import audit, sight
from app.actors import Actor
from app.errors import Incomplete, NotFound
from app.models import ArchivedDocument, BlankForm, ConsentDecision, ConsentForm, Patient, Registry
from app.outside import claims, paper, seals
from app.outside.children import ChildFault
from app.outside.scans import ScanRefused
from app.outside.seals import Signature, SignatureRefused
from app.outside.vault import VaultFault
from app.services import limits, papers, receipts
from app.words import BlankState, FormState, _

WORD: Final = "verification.open"
MOST_FORMS: Final = 5
"""Forms one file may have been archived for: more than one is a mistake worth seeing."""
LOAD = (
    joinedload(ConsentForm.text),
    joinedload(ConsentForm.patient).joinedload(Patient.clinician),
    joinedload(ConsentForm.hospital),
    selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry).joinedload(Registry.country),
)


Paper = ConsentForm | BlankForm


@dataclass(frozen=True)
class Known:
    """What anybody signed in may know of a form."""

    code: str
    text_version: str
    language: str
    archived_on: dt.date | None
    annulled: bool
    blank: bool = False
    """Printed without a patient, and bound to none so far."""


@dataclass(frozen=True)
class Finding:
    """What came of a try.

    ``file`` is empty for a code; else ``original``, ``reading`` or ``copy`` as the archive has it, ``paper`` for the form
    as it was printed, ``receipt``, or ``other`` for a file that says it is of the form and is none of these.
    ``sealed`` says whether the digital signatures in a PDF hold; ``seal`` are those of our own copy.
    """

    forms: tuple[Known, ...] = ()
    file: str = ""
    sealed: bool | None = None
    seal: tuple[Signature, ...] = ()


def by_code(actor: Actor, typed: str) -> Finding:
    """What is known of a form by its code, or by what its QR says.

    Raises:
        Incomplete: this is no code of a form.
        TooMany: too many tries.
    """
    limits.count_try(WORD, actor.user_id)
    try:
        code = code_of(typed)
    except ValueError:
        sentence = _("This is no form code. It has sixteen letters and digits and stands at the foot of each page.")
        raise Incomplete(sentence, fields={"code": sentence}) from None
    with sight.wide("verify") as session:
        forms = _forms(session, [code])
    return _noted(actor, forms, Finding(_facts(forms)))


def code_of(typed: str) -> str:
    """The sixteen characters of what was typed, or read from a form's QR.

    Raises:
        ValueError: neither.
    """
    read = paper.parse_qr(typed.strip().upper())
    return read[0] if read else paper.plain_code(typed)


def by_file(actor: Actor, content: bytes) -> Finding:
    """What a file is: as it was archived or printed here, or only of a form, or unknown.

    Raises:
        Incomplete: it cannot be read, or has pages of several forms; with what to do.
        TooMany: too many tries.
    """
    limits.count_try(WORD, actor.user_id)
    archived, kind = _archived(content)
    forms: Sequence[Paper] = archived
    if not archived:
        forms, kind = _claimed(content)
    finding = Finding(_facts(forms), kind if forms else "")
    return _noted(actor, forms, _with_seal(finding, content) if forms else finding)


def _noted(actor: Actor, forms: Sequence[Paper], finding: Finding) -> Finding:
    """Note the try before its answer is given: about each form, or about none."""
    for form in forms:
        audit.note(actor, WORD, form)
    if not forms:
        audit.note(actor, WORD, None)
    return finding


def _facts(forms: Sequence[Paper]) -> tuple[Known, ...]:
    return tuple(_known(form) for form in forms)


def _known(form: Paper) -> Known:
    version = form.text.text_version if form.text else ""  # another's paper
    if isinstance(form, BlankForm):
        out = form.state is BlankState.PRINTED  # cancelled or lapsed, it does not count any more
        return Known(form.code, version, form.language, None, annulled=not out, blank=out)
    archived = form.archived_at.date() if form.archived_at else None
    return Known(form.code, version, form.language, archived, annulled=form.state is FormState.ANNULLED)


# --- a file -----------------------------------------------------------------------------------------------------------


def _archived(content: bytes) -> tuple[list[ConsentForm], str]:
    """The forms in whose archive exactly this file lies, and as what."""
    same = select(ArchivedDocument).where(ArchivedDocument.sha256 == hashlib.sha256(content).hexdigest())
    form = joinedload(ArchivedDocument.form)
    loads = (form.joinedload(ConsentForm.text), form.joinedload(ConsentForm.patient).joinedload(Patient.clinician))
    with sight.wide("verify") as session:
        statement = same.order_by(ArchivedDocument.id).limit(MOST_FORMS).options(*loads)
        documents = list(session.scalars(statement).unique())
    forms = {document.form.id: document.form for document in documents}
    return list(forms.values()), documents[0].kind if documents else ""


def _claimed(content: bytes) -> tuple[list[Paper], str]:
    """The form a file says it is of; whether it is what was printed of it."""
    try:
        codes = claims.read(content)
    except ScanRefused as refused:
        sentence = UNREADABLE.get(refused.code, UNREADABLE["damaged"])
        raise Incomplete(sentence, fields={"file": sentence}) from refused
    except ChildFault as busy:
        sentence = _("Many files are being checked at this moment. Wait a little and send it again.")
        raise Incomplete(sentence, fields={"file": sentence}) from busy
    with sight.wide("verify") as session:
        forms = _forms(session, codes[: MOST_FORMS + 1])
        if len(forms) > 1:
            sentence = _("This file has pages of several forms. Check the file of one form alone.")
            raise Incomplete(sentence, fields={"file": sentence})
        return forms, _as_printed(forms[0], content) if forms else ""


UNREADABLE = {
    "empty": _("The file is empty."),
    "too_large": _("The file is larger than 60 MB. No file of the archive is."),
    "not_a_scan": _("This is neither a PDF nor a picture (JPEG, PNG, TIFF), and it is not in the archive."),
    "encrypted": _("The PDF is protected by a password, and it is not in the archive as it is. Save it without one."),
    "too_many_pixels": _("The picture is too large to look for a code, and it is not in the archive as it is."),
    "damaged": _("The file is damaged: no code can be read in it, and it is not in the archive as it is."),
}
"""What is said of a file that is not archived and in which no code can be looked for."""


def _forms(session: Session, codes: Sequence[str]) -> list[Paper]:
    """The forms of these codes, and the blank ones that are nobody's yet."""
    statement = select(ConsentForm).where(ConsentForm.code.in_(codes)).options(*LOAD)
    found: list[Paper] = list(session.scalars(statement).unique())
    free = select(BlankForm).where(BlankForm.code.in_(codes), BlankForm.form_id.is_(None))
    loads = (joinedload(BlankForm.text), joinedload(BlankForm.form), joinedload(BlankForm.hospital))
    return [*found, *session.scalars(free.options(*loads)).unique()]


def _as_printed(form: Paper, content: bytes) -> str:
    """Whether the file is the form as it was last printed, or a receipt of it. Both can be set again byte for byte."""
    if content.startswith(b"%PDF-"):
        try:
            if isinstance(form, BlankForm):
                return "paper" if papers.set_blank(form).pdf == content else "other"
            if form.sealed_paper is not None and papers.set_paper(form).pdf == content:
                return "paper"
            withdrawn = [one for one in form.decisions if one.withdrawn_on is not None]
            if any(receipts.set_receipt(one) == content for one in withdrawn):
                return "receipt"
        except (NotFound, paper.PaperFault, VaultFault):  # what cannot be set again cannot be compared
            return "other"
    return "other"


def _with_seal(finding: Finding, content: bytes) -> Finding:
    """With the word of the digital signatures: names only of our own seal, others may be a patient's."""
    try:
        signatures = seals.check(content) if content.startswith(b"%PDF-") else ()
    except SignatureRefused:
        return replace(finding, sealed=False)
    except ChildFault:
        return finding
    return replace(finding, sealed=True, seal=signatures if finding.file == "copy" else ()) if signatures else finding
