"""A PDF that somebody signed digitally: its signatures hold, and it is of the form it is archived for.

That a signature holds says nothing of what was signed. A scan is compared by the person who files it; the signer's name
beside a file invites nobody to look, so the codes printed on its pages are read: page by page, for the
signature also covers one that was exchanged before. Reading the signatures is ``outside.seals``, reading the codes
``outside.claims``; who signed is kept by ``archives``.
"""

from __future__ import annotations

from dataclasses import replace

from app.errors import Incomplete
from app.models import ConsentForm
from app.outside import claims, paper, seals
from app.outside.children import ChildFault
from app.outside.scans import ScanRefused
from app.outside.seals import Signature, SignatureRefused
from app.services import papers
from app.words import _

UNFIT = {
    "changed": _(
        "The PDF was changed after it was signed digitally, or a second person put a visible signature over it. Ask each "
        "signer for the file as it was signed."
    ),
    "broken": _(
        "The digital signature does not fit this PDF: the file was changed. Ask the signer for the file as it was signed."
    ),
    "unreadable": _(
        "The digital signature of this PDF cannot be checked. Ask for it to be signed with another program, or on paper."
    ),
    "undrawn": _(
        "The pages of this signed file cannot be searched for the code of the form. Ask for the form to be signed as it was "
        "printed here, or on paper."
    ),
}
"""What to do about a signed file that may not be archived, whatever form it is for."""


def check(content: bytes, form: ConsentForm | None) -> tuple[Signature, ...]:
    """The digital signatures of a PDF, oldest first; none for one that is not signed, which is then taken for a scan.

    Args:
        content: a PDF that passed ``scans.inspect``.
        form: it is archived for: every page of it that comes back is there, and none of another form. What else is in
            the file is named with its first signature. ``None`` for a paper that was not printed here: no page carries
            a code of ours.

    Raises:
        Incomplete: a signature does not hold, or the file is not of this form; with what to do.
        ChildFault: ``busy``; the file is not to blame.
    """
    try:
        signatures = seals.check(content)
        found = claims.on_pages(content) if signatures else []
    except SignatureRefused as refused:
        raise _unfit(UNFIT[refused.code]) from refused
    except ScanRefused as refused:  # it was drawn before: now it took too long
        raise _unfit(UNFIT["undrawn"]) from refused
    if not signatures:
        return ()
    _check_codes([code for page in found for code, _number in page], form.code if form else None)
    if form is None:
        return signatures
    _check_pages(form, {number for page in found for _code, number in page})
    beside = [position for position, page in enumerate(found, start=1) if not page]
    return (replace(signatures[0], beside=beside), *signatures[1:])


def _check_pages(form: ConsentForm, found: set[int]) -> None:
    """Each page that comes back is in the file: somebody may have exchanged one before signing. The slip may be left out."""
    try:
        printed = papers.set_paper(form)
    except paper.PaperFault as fault:
        raise ChildFault("busy") from fault
    missing = sorted(set(range(1, printed.returning + 1)) - found)
    if missing:
        raise _unfit(
            _(
                "This signed file is not the whole form %(code)s: these pages of it are missing, or were exchanged: "
                "%(pages)s. Ask for the form to be signed as it was printed here, or on paper.",
                code=paper.grouped_code(form.code),
                pages=", ".join(map(str, missing)),
            )
        )


def _check_codes(found: list[str], code: str | None) -> None:
    others = [paper.grouped_code(one) for one in found if one != code]
    if code is None:
        if others:
            raise _unfit(
                _(
                    "This signed file carries the code of form %(other)s, which was printed here. Archive it on the page of "
                    "that form.",
                    other=others[0],
                )
            )
        return
    own = paper.grouped_code(code)
    if others:
        raise _unfit(
            _(
                "This signed file is not form %(code)s alone: a page carries the code of form %(other)s. Ask for each form "
                "to be signed as a file of its own.",
                code=own,
                other=others[0],
            )
        )
    if not found:
        raise _unfit(
            _(
                "This signed file is not form %(code)s: no page carries its code. Ask for the form to be signed as it was "
                "printed here, or on paper.",
                code=own,
            )
        )


def _unfit(sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={"files": sentence})
