"""Forms in large print: the same words, larger; what is stamped, read back and signed on is where it is said to be."""

from __future__ import annotations

import ctypes
import datetime as dt
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from PIL import ImageChops
from pypdfium2 import raw

from app.outside import stacks
from app.outside.paper import (
    VARIANTS,
    Press,
    Registry,
    Rendered,
    Renderer,
    compose,
    fill,
    language_name,
    languages,
    lines,
    parse_qr,
)
from tests.scans import ADULT, bound, jpeg, written

CODE = "7K3M9QZXW2A4B8CD"
CREATED = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
REGISTRIES = [Registry("Kidney registry", "University Hospital A", "Germany"), Registry("Register", "Trust", "Ireland")]
PATIENT = {
    "form.code": CODE,
    "patient.family_name": "Παπαδοπούλου-Шевченко",
    "patient.given_names": "Eleni Ľubica",
    "patient.birth_date": "3 March 1984",
    "patient.file_number": "A-2026/1187",
    "clinician.name": "Dr Nikos Ioannou",
}
ALL = [(procedure, language) for procedure in ("eu", "ua") for language in languages(procedure)]
SOME = {("eu", "en"), ("eu", "el"), ("eu", "de"), ("eu", "fi"), ("ua", "uk")}
EACH = [pytest.param(*one, marks=[] if one in SOME else [pytest.mark.long], id="-".join(one)) for one in ALL]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(seconds=60)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def printed(renderer: Renderer) -> Callable[..., Rendered]:
    def render(procedure: str, language: str, variant: str, *, large: bool = True, **more: str) -> Rendered:
        text = compose(procedure, language, variant)
        values = PATIENT | {"form.language": language_name(language)} | more
        named = REGISTRIES if procedure == "eu" else []
        html = fill(text.html, values, named, role="processor", demo=True, large=large)
        return renderer.render(html, text.css, title=text.title, language=language, created=CREATED)

    return render


def sizes(paper: Rendered, pages: range) -> Counter[int]:
    """How many letters of each size there are on some pages; sizes in tenths of what the file names."""
    found: Counter[int] = Counter()
    with pypdfium2.PdfDocument(paper.pdf) as document:
        for number in pages:
            text = document[number - 1].get_textpage()
            for at in range(text.count_chars()):
                if raw.FPDFText_GetUnicode(text, at) <= ord(" "):
                    continue
                matrix = raw.FS_MATRIX()
                raw.FPDFText_GetMatrix(text, at, ctypes.byref(matrix))
                found[round(10 * raw.FPDFText_GetFontSize(text, at) * abs(matrix.d))] += 1
    return found


def pictures(paper: Rendered) -> list[Any]:
    with pypdfium2.PdfDocument(paper.pdf) as document:
        return [page.render(scale=200 / 72, grayscale=True).to_pil().copy() for page in document]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("procedure", "language"), EACH)
def test_the_words_are_the_same_and_the_pages_at_most_twelve(
    printed: Callable[..., Rendered], procedure: str, language: str, variant: str
) -> None:
    text = compose(procedure, language, variant)
    usual, large = (fill(text.html, PATIENT, large=one) for one in (False, True))
    assert large.replace(' class="large"', "").replace(' class="hyphenate large"', ' class="hyphenate"') == usual
    paper = printed(procedure, language, variant)
    assert (paper.pages <= 12, paper.missing, paper.places["decisions"].page < paper.pages) == (True, (), True)


def test_what_the_patient_reads_is_sixteen_points_high(printed: Callable[..., Rendered]) -> None:
    usual, large = printed("eu", "en", "adult", large=False), printed("eu", "en", "adult")
    most = [sizes(paper, range(1, paper.places["decisions"].page)).most_common(1)[0][0] for paper in (usual, large)]
    assert [round(size / most[0], 2) for size in most] == [1.0, round(16 / 10.5, 2)]
    body = sizes(large, range(1, large.places["decisions"].page))
    small = {size: count for size, count in body.items() if size < most[1]}
    assert {round(size * 16 / most[1]) for size in small} == {11, 12}  # head, foot and the mark of the demo


def test_it_is_pdf_a_3a_and_pdf_ua_1(printed: Callable[..., Rendered]) -> None:
    with pikepdf.open(io.BytesIO(printed("eu", "en", "adult").pdf)) as pdf, pdf.open_metadata() as metadata:
        marks = {name: metadata.get(name) for name in ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part")}
        assert marks == {"pdfaid:part": "3", "pdfaid:conformance": "A", "pdfuaid:part": "1"}
        assert bool(pdf.Root.MarkInfo.Marked)


@pytest.mark.parametrize(("language", "variant"), [("en", "adult"), ("el", "representative")])
def test_stamped_it_looks_like_the_one_set_in_full(
    printed: Callable[..., Rendered], renderer: Renderer, tmp_path: Path, language: str, variant: str
) -> None:
    text, press = compose("eu", language, variant), Press(renderer, tmp_path)
    facts: dict[str, Any] = {"role": "processor", "demo": True, "title": text.title, "language": language}
    values = PATIENT | {"form.language": language_name(language)}
    usual = press.print(text.html, text.css, values, REGISTRIES, created=CREATED, **facts)
    stamped = press.print(text.html, text.css, values, REGISTRIES, created=CREATED, large=True, **facts)
    full = printed("eu", language, variant)

    assert len(list(tmp_path.iterdir())) == 2  # one for each size
    assert usual.pages < stamped.pages
    assert (stamped.pages, stamped.places, stamped.pdf == full.pdf) == (full.pages, full.places, False)
    pairs = zip(pictures(stamped), pictures(full), strict=True)
    assert [ImageChops.difference(one, other).getbbox() for one, other in pairs] == [None] * full.pages


def test_every_page_carries_its_code_in_the_same_two_corners(printed: Callable[..., Rendered]) -> None:
    paper, read = printed("eu", "en", "adult"), []
    for picture in pictures(paper):
        width, height = picture.size
        corners = [(width // 2, 0, width, height // 4), (0, height * 3 // 4, width // 2, height)]
        read.append([[parse_qr(code.text) for code in zxingcpp.read_barcodes(picture.crop(one))] for one in corners])
    assert read == [[[(CODE, page)], [(CODE, page)]] for page in range(1, paper.pages + 1)]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("procedure", "language"), EACH)
def test_what_one_signs_stands_above_the_signature_and_nothing_comes_back_on_a_page_alone(
    printed: Callable[..., Rendered], procedure: str, language: str, variant: str
) -> None:
    paper, text = printed(procedure, language, variant), compose(procedure, language, variant)
    signing = lines.signatures(paper, variant)
    told = re.search(r'<p class="declaration">(.*?)</p>', text.html)
    assert told is not None
    with pypdfium2.PdfDocument(paper.pdf) as document:
        page = document[signing["signer"].page - 1].get_textpage().get_text_range()
    begins = "".join(unescape(told[1]).split())[:25]
    assert begins in "".join(re.sub(r"[\xad\ufffe]", "", page).split())
    assert any(line.page == paper.returning for row in lines.rows(paper) for line in row)


@pytest.mark.parametrize(("procedure", "language"), [("eu", "de"), ("eu", "ro")])
def test_the_heading_of_the_signature_page_is_not_hyphenated(
    printed: Callable[..., Rendered], procedure: str, language: str
) -> None:
    for variant in VARIANTS:
        paper = printed(procedure, language, variant)
        first = paper.places["signing-family_name"].page
        with pypdfium2.PdfDocument(paper.pdf) as document:
            top = document[first - 1].get_textpage().get_text_range()
        heading = top.splitlines()[1:4]
        assert not [line for line in heading if line.rstrip().endswith(("-", "\u2010", "\xad", "\ufffe"))]


@pytest.mark.parametrize(("procedure", "language"), EACH)
def test_a_signed_form_is_read_back_box_by_box_and_line_by_line(
    printed: Callable[..., Rendered], procedure: str, language: str
) -> None:
    paper = printed(procedure, language, "adult")
    asked = {name for name in paper.places if name.endswith(("-yes", "-no"))}
    writing = ADULT if procedure == "eu" else ADULT.__class__("adult", ("care-yes",), ADULT.signers, ADULT.clinician)
    signing, crossed, inked = lines.signatures(paper, "adult"), {}, {}
    pages = [jpeg(page) for page in written(paper, writing)[: paper.returning]]
    for number, page in enumerate(stacks.take_apart(bound(pages), "scan.pdf"), start=1):
        seen = stacks.look(page)
        assert (seen.code, seen.number) == (CODE, number)
        here = {name: place for name, place in paper.places.items() if name in asked and place.page == number}
        boxes = {name: (place.left, place.top, place.width, place.height) for name, place in here.items()}
        marks = stacks.read_marks(
            page, boxes, {name: line.writing for name, line in signing.items() if line.page == number}
        )
        crossed |= {} if marks is None else {name: box.crossed for name, box in marks.boxes.items()}
        inked |= {} if marks is None else marks.inked

    assert {name for name, said in crossed.items() if said == "yes"} == set(writing.crosses)
    assert {name for name, said in crossed.items() if said == "no"} == asked - set(writing.crosses)
    assert inked == {"date": True, "signer": True, "clinician": True}


def test_lines_nobody_wrote_on_are_seen_to_be_empty(printed: Callable[..., Rendered]) -> None:
    for variant in VARIANTS:
        paper = printed("eu", "de", variant, **{"clinician.name": ""})
        signing = lines.signatures(paper, variant)
        inked = {}
        for number, page in enumerate(stacks.take_apart(paper.pdf, "blank.pdf"), start=1):
            here = {name: line.writing for name, line in signing.items() if line.page == number}
            if here:
                marks = stacks.read_marks(page, {}, here)
                inked |= {} if marks is None else marks.inked
        assert inked == {"date": False, "signer": False, "clinician": False}
