"""Setting papers: what comes out of the real renderer."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pikepdf
import pytest
import zxingcpp

from app.outside.paper import (
    BLANK_CODE,
    VARIANTS,
    Attached,
    PaperFault,
    Rendered,
    Renderer,
    compose,
    fill,
    language_name,
    languages,
    parse_qr,
    render_all_blanks,
    render_blank,
)
from tests.outside.printed import CODE, CREATED, HOUSE, REGISTRIES, TEXT, VALUES, pictures_of, set_filled, words_of


def test_a_form_is_pdf_a_3a_and_pdf_ua_1_in_one_file(filled: Rendered) -> None:
    with pikepdf.open(io.BytesIO(filled.pdf)) as pdf:
        root = pdf.Root
        with pdf.open_metadata() as metadata:
            marks = {name: metadata.get(name) for name in ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part")}
            title = metadata["dc:title"]
        assert marks == {"pdfaid:part": "3", "pdfaid:conformance": "A", "pdfuaid:part": "1"}
        assert b"pdfaExtension:schemas" in root.Metadata.read_bytes()
        assert [intent.S for intent in root.OutputIntents] == ["/GTS_PDFA1"]
        assert "/DestOutputProfile" in root.OutputIntents[0]
        assert bool(root.MarkInfo.Marked)
        assert root.StructTreeRoot.K[0].S == "/Document"
        assert str(root.Lang) == "en"
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        assert (title, str(pdf.docinfo["/Title"])) == (TEXT.title, TEXT.title)
        assert "/ID" in pdf.trailer
        assert [str(page.Tabs) for page in pdf.pages] == ["/S"] * len(pdf.pages)


def test_only_our_fonts_are_in_the_file_and_none_of_the_machine(filled: Rendered) -> None:
    with pikepdf.open(io.BytesIO(filled.pdf)) as pdf:
        objects = [item for item in pdf.objects if isinstance(item, pikepdf.Dictionary)]
        fonts = [item for item in objects if item.get("/Type") == "/FontDescriptor"]
        names = sorted(str(font.FontName).split("+")[1] for font in fonts)
        embedded = ["/FontFile2" in font for font in fonts]
    assert (names, embedded) == (["Noto-Sans", "Noto-Sans-Bold"], [True, True])


def test_no_picture_asks_to_be_smoothed_which_pdf_a_forbids(filled: Rendered) -> None:
    with pikepdf.open(io.BytesIO(filled.pdf)) as pdf:
        streams = [item for item in pdf.objects if isinstance(item, pikepdf.Stream)]
        smoothed = [bool(item.Interpolate) for item in streams if item.get("/Subtype") == "/Image"]
    assert smoothed == [False] * filled.pages


def test_the_patient_is_in_the_words_and_nowhere_in_the_files_description(filled: Rendered) -> None:
    with pikepdf.open(io.BytesIO(filled.pdf)) as pdf:
        description = pdf.Root.Metadata.read_bytes().decode() + "".join(map(str, pdf.docinfo.values()))
    assert "Παπαδοπούλου-Шевченко" in words_of(filled.pdf)
    known = [value for name, value in VALUES.items() if name.startswith("patient.") and value in description]
    assert known == []


@pytest.mark.parametrize("procedure", ["eu", "ua"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_form_has_at_most_four_pages_or_five_for_representatives_before_its_slip(
    renderer: Renderer, procedure: str, variant: str
) -> None:
    lengths = {}
    for language in languages(procedure):
        text = compose(procedure, language, variant)
        values = VALUES | {"form.language": language_name(language)}
        html = fill(text.html, values, REGISTRIES, demo=True)
        paper = renderer.render(html, text.css, title=text.title, language=language, created=CREATED)
        signing = {place.page for name, place in paper.places.items() if name.endswith(("-yes", "-no"))}
        lengths[language] = (
            paper.returning in ({3, 4} if variant == "adult" else {4, 5}),
            paper.missing,
            signing == {paper.returning},
        )
    assert lengths == dict.fromkeys(languages(procedure), (True, (), True))


def test_each_page_carries_its_code_in_two_corners_and_its_footer_says_the_same(
    filled: Rendered, tmp_path: Path
) -> None:
    read = []
    for picture in pictures_of(filled.pdf, tmp_path):
        width, height = picture.size
        corners = [(width // 2, 0, width, height // 4), (0, height * 3 // 4, width // 2, height)]
        found = [zxingcpp.read_barcodes(picture.crop(corner)) for corner in corners]
        read.append([[parse_qr(code.text) for code in codes] for codes in found])
    assert read == [[[(CODE, page)], [(CODE, page)]] for page in range(1, filled.pages + 1)]
    words = words_of(filled.pdf)
    footers = [f"Form 7K3M-9QZX-W2A4-B8CD · version 1 · English · page {page} of 5" for page in range(1, 6)]
    assert re.findall(r"Form 7K3M-9QZX-W2A4-B8CD · .*", words) == footers
    assert words.count("DEMO: not a valid form") == filled.pages


def test_the_boxes_are_where_the_renderer_says_and_empty(filled: Rendered, tmp_path: Path) -> None:
    pages = pictures_of(filled.pdf, tmp_path)
    ink = {}
    for name, box in filled.places.items():
        if name.endswith(("-yes", "-no")):
            scale = 200 / 25.4
            edges = [box.left, box.top, box.left + box.width, box.top + box.height]
            left, top, right, bottom = (edge * scale for edge in edges)
            page = pages[box.page - 1]
            inner = page.crop((left + 6, top + 6, right - 6, bottom - 6)).tobytes()
            ink[name] = (min(inner) > 250, min(page.crop((left, top, right, bottom)).tobytes()) < 100)
    expected = ["care", "education", "registry-1", "registry-2"]
    assert ink == {f"{name}-{answer}": (True, True) for name in expected for answer in ("yes", "no")}


def test_the_same_form_is_the_same_file_in_two_processes(filled: Rendered) -> None:
    script = (
        "import hashlib; from app.outside.paper import Renderer; from tests.outside.printed import VALUES, set_filled;"
        "renderer = Renderer(); paper = set_filled(renderer, VALUES); renderer.close();"
        "print(hashlib.sha256(paper.pdf).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=HOUSE)
    assert run.stdout.strip() == hashlib.sha256(filled.pdf).hexdigest()


def test_what_is_attached_comes_back_as_it_was_and_the_file_stays_reproducible(renderer: Renderer) -> None:
    html = fill(TEXT.html, VALUES)
    consent = Attached("consent.json", "The consent as FHIR R4", b'{"resourceType": "Consent"}')
    one, two = (
        renderer.render(html, TEXT.css, title="t", language="en", created=CREATED, attachments=files)
        for files in ([consent], [consent])
    )
    assert one.pdf == two.pdf
    with pikepdf.open(io.BytesIO(one.pdf)) as pdf:
        files = {name: file.get_file().read_bytes() for name, file in pdf.attachments.items()}
        assert (files, pdf.Root.AF[0].AFRelationship) == ({"consent.json": consent.content}, "/Data")


@pytest.mark.parametrize(
    "name",
    [
        "<b>Bold</b> <script>alert(1)</script>",
        "{{ 7*7 }} {% raw %} ${7*7}",
        "=HYPERLINK(1)+1",
        "[[hospital.name]]",
        "O’Brien-Ó Súilleabháin & Søn",
        "Đặng Thị Ngọc",
        "ძია",
    ],
)
def test_a_strange_name_is_printed_letter_by_letter(renderer: Renderer, name: str) -> None:
    paper = set_filled(renderer, VALUES | {"patient.family_name": name})
    assert paper.missing == (tuple(sorted(set(name))) if name == "ძია" else ())
    assert "".join(words_of(paper.pdf, raw=True).split()).count("".join(name.split())) == 2


@pytest.mark.parametrize("name", ["محمد الأحمد", "כהן־לוי", "محمد (Muhammad) 123"])
def test_a_name_written_from_right_to_left_is_printed_with_our_fonts(renderer: Renderer, name: str) -> None:
    paper = set_filled(renderer, VALUES | {"patient.family_name": name})
    letters = {sign for sign in name if sign.isalpha()}
    printed = set(words_of(paper.pdf))
    assert (paper.missing, letters - printed) == ((), set())


def test_a_long_name_is_printed_whole_and_one_that_fills_a_book_is_refused(renderer: Renderer) -> None:
    paper = set_filled(renderer, VALUES | {"patient.given_names": "Anna " * 40})
    assert words_of(paper.pdf).count("Anna") == 80
    with pytest.raises(PaperFault) as refusal:
        set_filled(renderer, VALUES | {"patient.given_names": "Anna " * 4000})
    assert refusal.value.code == "too_big"


def test_blank_forms_need_nothing_but_the_files(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    script = (
        "import sys; from pathlib import Path; from app.outside.paper import render_blank;"
        "render_blank('eu', 'en', 'adult', Path(sys.argv[1]))"
    )
    file = tmp_path / "blank.pdf"
    subprocess.run([sys.executable, "-c", script, file], check=True, env=environment, cwd=HOUSE)
    assert file.read_bytes() == render_blank("eu", "en", "adult").pdf
    codes = zxingcpp.read_barcodes(pictures_of(file.read_bytes(), tmp_path)[0])
    assert {parse_qr(code.text) for code in codes} == {(BLANK_CODE, 1)}


def test_all_blank_forms_are_written_under_names_that_say_what_they_are(tmp_path: Path) -> None:
    names = [path.name for path in render_all_blanks(tmp_path)]
    expected = [
        f"{procedure}-{language}-{variant}.pdf"
        for procedure in ("eu", "ua")
        for language in languages(procedure)
        for variant in VARIANTS
    ]
    assert names == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected)
