"""A form that was signed digitally: attached untouched behind a cover, its signer sealed, a changed one refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.errors import Incomplete
from app.models import ConsentForm, db
from app.services import archives
from tests.outside.test_seals import signer, updated
from tests.papers import document, pages_of, sentence, words_of
from tests.services.copy_words import (
    archive,
    attached,
    copy_of,
    files,
    kinds,
    print_of,
    run_due,
)


def test_a_signed_pdf_is_attached_untouched_behind_a_cover_that_says_what_the_check_found(sealed: Any) -> None:
    signed = signer("Maria Signer", "State Authority").put_on(print_of(sealed), reason="I agree")
    archive(sealed, signed)

    run_due(sealed)

    copy = copy_of(sealed)
    assert kinds(sealed) == [(1, "original", len(pages_of(signed))), (2, "copy", 1)]
    (name,) = [name for name in attached(copy) if name.endswith(".pdf")]
    assert attached(copy)[name] == signed
    words = words_of(copy)
    assert "Signed digitally by Maria Signer on " in words
    assert "The certificate was issued by State Authority." in words
    assert "each signature holds, and together they cover the whole file." in words
    assert "Whether a certificate’s issuer is trusted or qualified was not checked." in words


def test_the_signers_name_is_sealed_in_the_row_and_opens_for_the_form_alone(sealed: Any) -> None:
    archive(sealed, signer("Maria Signer").put_on(print_of(sealed), reason="I agree"))

    raw = bytes(sealed.house.value("SELECT sealed_signature FROM archived_document WHERE sealed_signature IS NOT NULL"))
    assert b"Maria" not in raw
    with sealed.house.acting(sealed.people["owner"]):
        (kept,) = db.session.get(ConsentForm, sealed.forms["signed"][0]).documents
        (found,) = archives.signatures_of(kept)
        said = [str(words) for words in archives.said(found, lambda moment: moment.date().isoformat())]
    assert said == [
        f"Signed digitally by Maria Signer on {dt.datetime.now(dt.UTC).date()}, by the signer’s own clock.",
        "The certificate is self-made: nobody else vouches for the name.",
    ]


def rotate(writer: Any) -> None:
    from pyhanko.pdf_utils import generic

    page = writer.root["/Pages"]["/Kids"][0]
    page[generic.pdf_name("/Rotate")] = writer.add_object(generic.NumberObject(180))
    writer.update_container(page)


@pytest.mark.parametrize("change", ["behind", "inside"])
def test_a_pdf_changed_after_its_signature_is_refused_in_plain_words_and_nothing_stays(world: Any, change: str) -> None:
    signed = signer().put_on(document(), reason="I agree")
    said = {
        "behind": "The PDF was changed after it was signed digitally, or a second person put a visible signature over it. "
        "Ask each signer for the file as it was signed.",
        "inside": "The digital signature does not fit this PDF: the file was changed. "
        "Ask the signer for the file as it was signed.",
    }[change]
    changed = updated(signed, rotate) if change == "behind" else signed.replace(b"595 842", b"595 812")
    before = files(world)

    with world.house.app.app_context(), pytest.raises(Incomplete) as caught:
        archive(world, changed)

    with world.house.app.app_context():
        assert sentence(caught.value) == said
    assert (files(world), kinds(world)) == (before, [])
