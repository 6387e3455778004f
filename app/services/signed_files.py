"""A PDF that somebody signed digitally: its signatures hold, and it is of the form it is archived for.

That a signature holds says nothing of what was signed. A scan is compared by the person who files it; the signer's name
beside a file invites nobody to look, so the code printed on its pages is read. Reading the signatures is ``outside.seals``,
reading the codes ``outside.claims``; who signed is kept by ``archives``.
"""

from __future__ import annotations

from app.errors import Incomplete
from app.outside import claims, paper, seals
from app.outside.scans import ScanRefused
from app.outside.seals import Signature, SignatureRefused
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


def check(content: bytes, code: str | None) -> tuple[Signature, ...]:
    """The digital signatures of a PDF, oldest first; none for one that is not signed, which is then taken for a scan.

    Args:
        content: a PDF that passed ``scans.inspect``.
        code: of the form it is archived for: at least one page carries it and none that of another form. ``None`` for a
            paper that was not printed here: no page carries any.

    Raises:
        Incomplete: a signature does not hold, or the file is not of this form; with what to do.
        ChildFault: ``busy``; the file is not to blame.
    """
    try:
        signatures = seals.check(content)
        if signatures:
            _check_codes(claims.on_pages(content), code)
    except SignatureRefused as refused:
        raise _unfit(UNFIT[refused.code]) from refused
    except ScanRefused as refused:  # it was drawn before: now it took too long
        raise _unfit(UNFIT["undrawn"]) from refused
    return signatures


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
