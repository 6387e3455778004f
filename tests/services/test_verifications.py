"""Whether a file or a code is of a form of ours: what is said, what is not, and what bad files do."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from typing import Any

import pikepdf
import pytest
from PIL import Image

from app.errors import Incomplete
from app.models import ArchivedDocument, ConsentForm, db
from app.outside.paper import qr_payload
from app.outside.seals import Seal
from app.services import archives, jobs, limits, papers, receipts, verifications
from app.services.limits import TooMany
from app.services.verifications import Finding, Known
from tests.desks import blank_of
from tests.desks import printed as printed_blank
from tests.papers import by_field, document, locked_document, sentence
from tests.scans import bound, jpeg, scanned, written
from tests.services.copy_words import PAIR, sealing

pytestmark = pytest.mark.one_database

UNKNOWN = Finding()


@pytest.fixture
def sealed(world: Any) -> Iterator[Any]:
    """The world, with a seal, and the signed form's scan archived and copied."""
    with sealing(world, Seal(*PAIR)):
        yield world


def form(world: Any, name: str) -> ConsentForm:
    return db.session.get(ConsentForm, world.forms[name][0])


def code(world: Any, name: str) -> str:
    found = world.house.value("SELECT code FROM consent_form WHERE id = :id", id=world.forms[name][0])
    return str(found)


def printed(world: Any, name: str) -> Any:
    with world.house.acting(world.people["owner"]):
        return papers.set_paper(form(world, name))


def ask(world: Any, content: bytes, who: str = "bystander") -> Finding:
    with world.house.acting(world.people[who]) as actor:
        return verifications.by_file(actor, content)


def typed(world: Any, text: str, who: str = "bystander") -> Finding:
    with world.house.acting(world.people[who]) as actor:
        return verifications.by_code(actor, text)


def refusal(world: Any, content: bytes) -> str:
    with pytest.raises(Incomplete) as refused:
        ask(world, content)
    return by_field(refused.value)["file"]


def archived(world: Any, name: str, content: bytes) -> None:
    with world.house.acting(world.people["owner"]) as actor:
        archives.file_scan(actor, form(world, name), [archives.Upload(content, "scan.pdf")], source="desk")
    jobs.run_due(world.house.app.app_context)


def copy_of(world: Any, name: str) -> bytes:
    with world.house.acting(world.people["owner"]):
        found = [one for one in form(world, name).documents if one.kind == "copy"]
        return archives.read(found[0])


def test_a_code_says_which_form_it_is_and_nothing_else(world: Any) -> None:
    known = typed(world, code(world, "enrolled").lower())
    (facts,) = known.forms
    with world.house.acting(world.people["owner"]):
        text, day = form(world, "enrolled").text.text_version, form(world, "enrolled").archived_at
    assert facts == Known(code(world, "enrolled"), text, "en", day and day.date(), annulled=False)
    assert {field.name for field in dataclasses.fields(Known)} == {
        "code",
        "text_version",
        "language",
        "archived_on",
        "annulled",
        "blank",
    }
    assert (known.file, known.sealed, known.seal) == ("", None, ())


def test_what_a_scanner_reads_from_the_qr_is_taken_for_the_code(world: Any) -> None:
    plain = code(world, "enrolled")
    assert typed(world, qr_payload(plain, 2)) == typed(world, plain)


def test_a_withdrawn_form_looks_like_any_archived_one_and_an_annulled_one_says_so(world: Any) -> None:
    (withdrawn,), (annulled,) = (typed(world, code(world, name)).forms for name in ("withdrawn", "annulled"))
    (enrolled,) = typed(world, code(world, "enrolled")).forms
    assert dataclasses.replace(withdrawn, code="") == dataclasses.replace(enrolled, code="")
    assert annulled.annulled


def test_an_open_form_is_not_archived(world: Any) -> None:
    (facts,) = typed(world, code(world, "printed")).forms
    assert facts.archived_on is None


def test_an_unknown_code_and_an_unknown_file_are_answered_the_same(world: Any) -> None:
    assert typed(world, "0123-4567-89AB-CDEF") == ask(world, document()) == UNKNOWN


def test_what_is_no_code_is_refused_by_its_field(world: Any) -> None:
    with pytest.raises(Incomplete) as refused:
        typed(world, "my patient")
    assert by_field(refused.value)["code"].startswith("This is no form code.")


def test_the_printed_form_is_known_byte_for_byte(world: Any) -> None:
    assert ask(world, printed(world, "printed").pdf).file == "paper"


def test_an_archived_scan_is_intact_and_one_byte_more_is_not(world: Any) -> None:
    scan = scanned(written(printed(world, "signed")))
    archived(world, "signed", scan)
    assert ask(world, scan).file == "original"
    changed = ask(world, scan + b"\n")
    assert (changed.file, [one.code for one in changed.forms]) == ("other", [code(world, "signed")])


def test_a_blank_form_is_known_before_it_is_anybodys(world: Any) -> None:
    (key,) = printed_blank(world, "owner")
    with world.house.acting(world.people["owner"]):
        blank = blank_of(key)
        content, its_code = papers.set_blank(blank).pdf, blank.code
    finding = ask(world, content)
    assert (finding.file, [(one.code, one.blank, one.archived_on) for one in finding.forms]) == (
        "paper",
        [(its_code, True, None)],
    )
    assert typed(world, its_code).forms == finding.forms


def test_a_sealed_copy_says_who_sealed_it(sealed: Any) -> None:
    archived(sealed, "signed", scanned(written(printed(sealed, "signed"))))
    finding = ask(sealed, copy_of(sealed, "signed"))
    assert (finding.file, finding.sealed) == ("copy", True)
    assert [one.signer for one in finding.seal] == ["Seal of the tests"]


def test_a_changed_byte_in_a_sealed_copy_is_found_and_its_form_still_named(sealed: Any) -> None:
    archived(sealed, "signed", scanned(written(printed(sealed, "signed"))))
    copy = bytearray(copy_of(sealed, "signed"))
    place = copy.index(b"DCTDecode") if b"DCTDecode" in copy else copy.index(b"stream") + 200
    at = copy.index(b"stream", place) + 3000
    copy[at] ^= 1
    finding = ask(sealed, bytes(copy))
    assert (finding.file, finding.sealed, finding.seal) == ("other", False, ())
    assert [one.code for one in finding.forms] == [code(sealed, "signed")]


def test_another_scan_of_the_same_paper_is_not_called_the_archived_one(world: Any) -> None:
    paper = printed(world, "signed")
    archived(world, "signed", scanned(written(paper)))
    assert ask(world, scanned(written(paper), "noisy")).file == "other"


def test_a_photograph_of_one_page_is_enough(world: Any) -> None:
    page = written(printed(world, "printed"))[1]
    finding = ask(world, jpeg(page))
    assert (finding.file, [one.code for one in finding.forms]) == ("other", [code(world, "printed")])


def test_a_receipt_is_known_byte_for_byte(world: Any) -> None:
    with world.house.acting(world.people["owner"]):
        withdrawn = next(one for one in form(world, "withdrawn").decisions if one.withdrawn_on)
        receipt = receipts.set_receipt(withdrawn)
    finding = ask(world, receipt)
    assert (finding.file, [one.code for one in finding.forms]) == ("receipt", [code(world, "withdrawn")])


def test_a_file_of_two_forms_is_asked_for_apart(world: Any) -> None:
    pages = [jpeg(written(printed(world, name))[0]) for name in ("printed", "signed")]
    assert refusal(world, bound(pages)) == "This file has pages of several forms. Check the file of one form alone."


def a_bomb() -> bytes:
    """A PDF whose one picture unpacks to far more than a worker may hold."""
    made = pikepdf.new()
    page = made.add_blank_page(page_size=(595, 842))
    picture = pikepdf.Stream(made, b"\0" * (200 << 20))
    picture.stream_dict = pikepdf.Dictionary(
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=40000,
        Height=40000,
        BitsPerComponent=8,
        ColorSpace=pikepdf.Name.DeviceGray,
    )
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=picture))
    page.contents_add(b"q 595 0 0 842 0 0 cm /P Do Q")
    out = io.BytesIO()
    made.save(out, compress_streams=True)
    return out.getvalue()


def a_wide_picture() -> bytes:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"GIF89a nothing of ours", "This is neither a PDF nor a picture"),
        (b"%PDF-1.7\nand then nothing", "The file is damaged"),
        (locked_document(), "The PDF is protected by a password"),
        (a_wide_picture(), "The picture is too large"),
        (b"%PDF-" + bytes(60_000_000), "The file is larger than 60 MB."),
    ],
)
def test_a_bad_file_is_refused_with_what_to_do(world: Any, content: bytes, said: str) -> None:
    assert refusal(world, content).startswith(said)


def test_a_bomb_neither_breaks_the_page_nor_the_next_try(world: Any) -> None:
    assert ask(world, a_bomb()) == UNKNOWN
    assert ask(world, printed(world, "printed").pdf).file == "paper"


def test_nothing_of_the_file_is_kept(world: Any) -> None:
    files = world.house.var / "files"
    before = sorted(one.name for one in files.iterdir())
    ask(world, printed(world, "printed").pdf)
    assert sorted(one.name for one in files.iterdir()) == before


def test_each_try_is_noted_with_its_form_or_with_none(world: Any) -> None:
    typed(world, code(world, "enrolled"))
    typed(world, "0123-4567-89AB-CDEF")
    rows = world.house.rows(
        "SELECT actor_id, outcome, thing_id, patient_id FROM audit_entry WHERE act = 'verification.open' ORDER BY seq"
    )
    me = world.people["bystander"]
    assert [tuple(row) for row in rows] == [
        (me, "read", world.forms["enrolled"][1], world.patients["enrolled"][0]),
        (me, "read", None, None),
    ]


def test_who_tries_too_often_waits_and_others_do_not(world: Any) -> None:
    for _try in range(limits.MOST_TRIES):
        typed(world, "0123-4567-89AB-CDEF")
    with pytest.raises(TooMany) as refused:
        typed(world, code(world, "enrolled"))
    assert sentence(refused.value) == "You have tried this very often. Wait a quarter of an hour and try again."
    assert len(typed(world, code(world, "enrolled"), who="guest").forms) == 1


def test_a_scan_filed_for_two_forms_names_both(world: Any) -> None:
    with world.house.everything() as session:
        same = session.query(ArchivedDocument).first()
        content = b"%PDF-1.7 a scan of a test"
        assert same is not None
    assert len(ask(world, content).forms) == verifications.MOST_FORMS
