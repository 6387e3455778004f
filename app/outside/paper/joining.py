"""Several forms as one PDF to print: runs in the child only, beside ``setting``.

Each form keeps its tags and begins on a right-hand page, so that a printer that uses both sides never puts two forms on
one sheet. What is joined stays PDF/A-3a and PDF/UA-1. The files themselves are never kept: each form is its own file.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any, Final

import pikepdf
from pikepdf import Name

if TYPE_CHECKING:
    from collections.abc import Sequence

OF_ONE_FORM: Final = ("/Names", "/Outlines", "/PageMode")
"""What leads to pages of one form by names that the others have too."""


def join(forms: Sequence[bytes]) -> bytes:
    """One PDF of several forms that were set by the house, in their order."""
    with pikepdf.open(io.BytesIO(forms[0])) as whole:
        for key in OF_ONE_FORM:
            if key in whole.Root:
                del whole.Root[key]
        tree = whole.Root.StructTreeRoot
        parents, top = list(tree.ParentTree.Nums), tree.K
        tree.K = whole.make_indirect(pikepdf.Dictionary(Type=Name.StructElem, S=Name.Document, P=tree, K=[]))
        _hang(tree.K, whole.Root.Lang, top)
        opened = [pikepdf.open(io.BytesIO(form)) for form in forms[1:]]
        for one in opened:
            _turn_over(whole)
            _append(whole, one, parents)
        tree.ParentTree.Nums = pikepdf.Array(parents)
        _share_fonts(whole)
        kept = io.BytesIO()
        whole.save(kept, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    for one in opened:
        one.close()
    return kept.getvalue()


def _turn_over(whole: pikepdf.Pdf) -> None:
    """An empty left-hand page after a form that ends on a right-hand one."""
    if len(whole.pages) % 2:
        last = whole.pages[-1].obj
        boxes = {key: last[key] for key in ("/MediaBox", "/BleedBox", "/TrimBox") if key in last}
        empty = pikepdf.Dictionary(Type=Name.Page, Resources=pikepdf.Dictionary(), Tabs=Name.S)
        for key, box in boxes.items():
            empty[key] = pikepdf.Array(list(box))
        empty.Contents = whole.make_stream(b"")
        whole.pages.append(pikepdf.Page(empty))


def _append(whole: pikepdf.Pdf, form: pikepdf.Pdf, parents: list[Any]) -> None:
    """The pages of a form, and its tags below those that are there. ``parents``: pairs of a page's number and its tags."""
    first, shift = len(whole.pages), len(parents) // 2
    whole.pages.extend(form.pages)  # before its tags, which then point to these pages and not to copies of their own
    for page in list(whole.pages)[first:]:
        page.obj.StructParents = int(page.obj.StructParents) + shift
    theirs = whole.copy_foreign(form.Root.StructTreeRoot)
    _hang(whole.Root.StructTreeRoot.K, form.Root.Lang, theirs.K)
    numbers = list(theirs.ParentTree.Nums)
    for number, tags in zip(numbers[::2], numbers[1::2], strict=True):
        parents += [int(number) + shift, tags]


def _share_fonts(whole: pikepdf.Pdf) -> None:
    """Forms of one text bring the same fonts, each the whole of them: one of each is enough."""
    known: dict[bytes, Any] = {}
    for page in whole.pages:
        for font in page.obj.Resources.get("/Font", {}).values():
            for kind in font.get("/DescendantFonts", []):
                file = kind.FontDescriptor.FontFile2
                digest = hashlib.sha256(file.read_raw_bytes()).digest()
                kind.FontDescriptor.FontFile2 = known.setdefault(digest, file)


def _hang(document: Any, language: Any, top: Any) -> None:
    """Hang the tags of one form, in its own language, below those of the whole."""
    part = top[0] if isinstance(top, pikepdf.Array) else top
    part.S, part.P, part.Lang = Name.Part, document, pikepdf.String(str(language))
    document.K.append(part)
