"""A PDF that does something is no scan; one with an ordinary link is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pikepdf
import pytest

from app.outside.scans import inspect
from tests.outside.scan_files import annotation, attach, pdf, refusal, shown

if TYPE_CHECKING:
    from collections.abc import Callable

JAVASCRIPT = {"/S": pikepdf.Name.JavaScript, "/JS": pikepdf.String("app.alert(1)")}
LAUNCH = {"/S": pikepdf.Name.Launch, "/F": pikepdf.String("cmd.exe")}
FETCH = {"/S": pikepdf.Name.URI, "/URI": pikepdf.String("http://x")}
GO = {"/S": pikepdf.Name.GoTo, "/D": pikepdf.String("next")}


def catalogue(key: str, value: dict[str, Any]) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        made.Root[key] = pikepdf.Dictionary(value)

    return change


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a script at opening", catalogue("/OpenAction", JAVASCRIPT)),
        (
            "a script by name",
            catalogue("/Names", {"/JavaScript": {"/Names": [pikepdf.String("a"), JAVASCRIPT]}}),
        ),
        ("a script on leaving the page", catalogue("/AA", {"/WC": JAVASCRIPT})),
        ("a program behind a link", annotation({"/Subtype": pikepdf.Name.Link, "/A": LAUNCH})),
        ("a second action behind a link", annotation({"/A": {"/S": pikepdf.Name.URI, "/Next": [LAUNCH]}})),
        ("a film", annotation({"/Subtype": pikepdf.Name.RichMedia})),
        ("a form that acts", catalogue("/AcroForm", {"/Fields": [], "/XFA": pikepdf.String("<xdp/>")})),
        (
            "a form that is sent",
            annotation({"/A": {"/S": pikepdf.Name.SubmitForm, "/F": pikepdf.String("http://x")}}),
        ),
        ("a program inside", attach("form.exe", b"MZ\x90")),
        ("a program inside that lies", attach("form.json", b"MZ\x90")),
        ("an archive inside", attach("form.zip", b"PK\x03\x04")),
        ("a PDF inside", attach("form.pdf", pdf())),
        ("an address fetched at opening", catalogue("/OpenAction", FETCH)),
        ("an address fetched on leaving", catalogue("/AA", {"/WC": FETCH})),
        ("an address fetched when a page is shown", shown({"/O": FETCH})),
        (
            "an address fetched after going to a page",
            catalogue("/OpenAction", {"/S": pikepdf.Name.GoTo, "/Next": [FETCH]}),
        ),
        ("an address fetched third", catalogue("/OpenAction", GO | {"/Next": GO | {"/Next": FETCH}})),
        ("another file opened at opening", catalogue("/OpenAction", FETCH | {"/S": pikepdf.Name.GoToR})),
        ("a form sent on leaving", catalogue("/AA", {"/WC": FETCH | {"/S": pikepdf.Name.SubmitForm}})),
        ("a program started at opening", catalogue("/OpenAction", LAUNCH)),
        ("a script no page leads to", lambda made: made.make_indirect(pikepdf.Dictionary(JAVASCRIPT))),
    ],
)
def test_a_pdf_that_acts_is_refused(what: str, change: Callable[[pikepdf.Pdf], object]) -> None:
    kept_apart = pdf(change, preserve_pdfa=False) if "no page" not in what else unreferenced(change)

    assert (what, refusal(kept_apart, "a.pdf")) == (what, "active")


def test_a_pdf_with_an_ordinary_link_is_taken() -> None:
    link = annotation({"/Subtype": pikepdf.Name.Link, "/A": FETCH})

    assert inspect(pdf(link), "a.pdf").kind == "pdf"


@pytest.mark.parametrize("how", ["a place", "an action", "an action in a circle"])
def test_a_pdf_that_opens_at_a_page_with_a_link_is_taken(how: str) -> None:
    def change(made: pikepdf.Pdf) -> None:
        annotation({"/Subtype": pikepdf.Name.Link, "/A": FETCH})(made)
        place = pikepdf.Array([made.pages[0].obj, pikepdf.Name.Fit])
        action = made.make_indirect(pikepdf.Dictionary({"/S": pikepdf.Name.GoTo, "/D": place}))
        if "circle" in how:
            action.Next = action
        made.Root.OpenAction = place if how == "a place" else action

    assert inspect(pdf(change), "a.pdf").kind == "pdf"


def unreferenced(change: Callable[[pikepdf.Pdf], object]) -> bytes:
    """A PDF whose extra object is reached by nothing but the trailer's own key."""

    def hide(made: pikepdf.Pdf) -> None:
        made.trailer["/Hidden"] = change(made)

    return pdf(hide)
