"""A signed PDF is archived for the form whose code its pages carry, and for no other, wherever it comes in."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest

from app.errors import Incomplete
from app.models import ConsentForm, Patient, db
from app.outside.paper import grouped_code
from app.services import archives, externals, papers
from app.services.archives import Upload
from app.words import FormState
from tests.outside.test_seals import signer, updated
from tests.papers import by_field, document, sentence
from tests.scans import scanned, written
from tests.services.copy_words import archive, files, kinds, print_of
from tests.services.test_externals import paper

pytestmark = pytest.mark.one_database

CHANGED = (
    "The PDF was changed after it was signed digitally, or a second person put a visible signature over it. "
    "Ask each signer for the file as it was signed."
)


def signed(pdf: bytes) -> bytes:
    """As the patient sends it back."""
    return signer("Maria Signer").put_on(pdf, reason="I agree")


def joined(*pdfs: bytes) -> bytes:
    """The pages of several files as one."""
    made = pikepdf.new()
    for pdf in pdfs:
        made.pages.extend(pikepdf.open(io.BytesIO(pdf)).pages)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def first(pdf: bytes) -> bytes:
    """The first page alone."""
    return only(pdf, 1)


def only(pdf: bytes, pages: int) -> bytes:
    """The first pages alone."""
    made = pikepdf.open(io.BytesIO(pdf))
    del made.pages[pages:]
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def code(world: Any, name: str) -> str:
    """As it stands at the foot of each page."""
    return grouped_code(world.house.value("SELECT code FROM consent_form WHERE id = :id", id=world.forms[name][0]))


def preview_of(world: Any) -> bytes:
    with world.house.acting(world.people["owner"]):
        return papers.set_paper(db.session.get(ConsentForm, world.forms["signed"][0]), preview=True).pdf


def refused(world: Any, content: bytes, name: str = "signed") -> str:
    """The sentence beside the field; nothing is kept."""
    before = (files(world), kinds(world, name))
    with world.house.app.app_context(), pytest.raises(Incomplete) as refusal:
        archive(world, content, name=name)
    assert (files(world), kinds(world, name)) == before
    with world.house.app.app_context():
        assert by_field(refusal.value) == {"files": sentence(refusal.value)}
        return sentence(refusal.value)


def test_the_printed_form_signed_as_it_is_is_archived(world: Any) -> None:
    content = signed(print_of(world))
    archive(world, content)
    with world.house.acting(world.people["owner"]):
        form = db.session.get(ConsentForm, world.forms["signed"][0])
        (kept,) = form.documents
        assert (form.state, archives.read(kept) == content) == (FormState.ARCHIVED, True)
        assert [one.signer for one in archives.signatures_of(kept)] == ["Maria Signer"]


def test_a_letter_before_the_form_and_a_crooked_scan_of_it_are_no_obstacle(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        printed = papers.set_paper(db.session.get(ConsentForm, world.forms["signed"][0]))
    coming_back = written(printed)[: printed.returning]
    archive(world, signed(joined(document(), scanned(coming_back, "skewed"), document())))
    assert kinds(world) == [(1, "original", len(coming_back) + 2)]
    last = len(coming_back) + 2
    page = world.client("owner").get(f"/consents/{world.forms['signed'][1]}").text
    assert f"These pages of the file do not carry the code of the form: 1, {last}." in page


def test_a_signed_file_lacks_no_page_that_comes_back(world: Any) -> None:
    own = print_of(world)
    with world.house.acting(world.people["owner"]):
        coming = papers.set_paper(db.session.get(ConsentForm, world.forms["signed"][0])).returning
    told = (
        f"This signed file is not the whole form {code(world, 'signed')}: these pages of it are missing, or were exchanged: "
        "%s. Ask for the form to be signed as it was printed here, or on paper."
    )
    exchanged = updated(own, put_another_page)  # before the signature, which covers it
    assert refused(world, signed(exchanged)) == told % "1"
    behind = ", ".join(str(number) for number in range(2, coming + 1))
    assert refused(world, signed(joined(first(own), document(2)))) == told % behind
    archive(world, signed(only(own, coming)))  # the slip stays with the patient
    assert kinds(world) == [(1, "original", coming)]


def test_a_signed_file_without_the_forms_code_is_not_the_form(world: Any) -> None:
    said = (
        f"This signed file is not form {code(world, 'signed')}: no page carries its code. "
        "Ask for the form to be signed as it was printed here, or on paper."
    )
    preview = preview_of(world)
    assert [refused(world, signed(pdf)) for pdf in (document(2), preview)] == [said] * 2


def test_a_signed_file_with_a_page_of_another_form_is_refused_wherever_the_page_lies(world: Any) -> None:
    said = (
        f"This signed file is not form {code(world, 'signed')} alone: a page carries the code of form "
        f"{code(world, 'printed')}. Ask for each form to be signed as a file of its own."
    )
    own, other = print_of(world), print_of(world, "printed")
    tried = (other, joined(own, first(other)), joined(first(other), own), joined(first(own), document(9), first(other)))
    assert [refused(world, signed(pdf)) for pdf in tried] == [said] * len(tried)


def put_another_page(writer: Any) -> None:
    """The first page becomes one without the form's code."""
    from pyhanko.pdf_utils import generic

    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page[generic.pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=b"0 0 100 100 re f"))
    writer.update_container(page)


def test_a_page_exchanged_after_the_signature_is_refused_and_before_it_when_no_code_is_left(world: Any) -> None:
    assert refused(world, updated(signed(print_of(world)), put_another_page)) == CHANGED
    alone = updated(first(print_of(world)), put_another_page)
    assert refused(world, signed(alone)).startswith(f"This signed file is not form {code(world, 'signed')}: no page")


def test_the_scan_of_a_refusal_is_held_to_the_same(world: Any) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        form = db.session.get(ConsentForm, world.forms["refused"][0])
        own, other = papers.set_paper(form).pdf, signed(document())
        with pytest.raises(Incomplete, match="no page carries its code"):
            archives.add_scan(actor, form, [Upload(other, "scan.pdf")], source="desk")
        archives.add_scan(actor, form, [Upload(signed(own), "scan.pdf")], source="desk")
    assert [kind for _position, kind, _pages in kinds(world, "refused")] == ["original"]


def test_a_signed_paper_from_elsewhere_carries_no_code_of_ours(world: Any) -> None:
    own = code(world, "printed")
    sent = (signed(print_of(world, "printed")), signed(document(2)))
    with world.house.acting(world.people["assistant"]) as actor:
        patient = db.session.get(Patient, world.patients["draft"][0])
        ours, another = ([Upload(content, "scan.pdf")] for content in sent)
        with pytest.raises(Incomplete) as refusal:
            externals.file_paper(actor, patient, paper(), ours)
        assert by_field(refusal.value) == {
            "files": f"This signed file carries the code of form {own}, which was printed here. "
            "Archive it on the page of that form."
        }
        assert externals.file_paper(actor, patient, paper(), another).state == FormState.TO_CHECK
