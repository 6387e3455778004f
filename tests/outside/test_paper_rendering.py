"""Setting papers: what comes out of the real renderer, and what hostile pages cannot do."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from app.outside.paper import (
    BLANK_CODE,
    VARIANTS,
    Attached,
    PaperFault,
    Registry,
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
from app.outside.paper.renderers import FONTS

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUSE = Path(__file__).resolve().parents[2]
CODE = "7K3M9QZXW2A4B8CD"
CREATED = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)
TEXT = compose("eu", "en", "adult")
VALUES = {
    "form.code": CODE,
    "form.version": "1",
    "form.language": "English",
    "operator.name": "European Case Platform (invented)",
    "operator.address": "Rue de l'Exemple 1, 1000 Brussels, Belgium",
    "operator.dpo_contact": "dpo@platform.example",
    "operator.arrangement": "CPMS-JCA-2026/1",
    "hospital.name": "University Hospital of Exampleville",
    "hospital.address": "Example Street 12, 546 36 Thessaloniki, Greece",
    "hospital.dpo_contact": "Maria Georgiou, dpo@hospital.example, +30 2310 000000",
    "hospital.withdrawal_address": "Consent Desk, Example Street 12, 546 36 Thessaloniki",
    "hospital.withdrawal_phone": "+30 2310 000001",
    "hospital.withdrawal_email": "consent@hospital.example",
    "authority.name": "Hellenic Data Protection Authority",
    "authority.contact": "Kifissias 1-3, 115 23 Athens, www.dpa.gr",
    "clinician.name": "Dr Nikos Ioannou",
    "patient.family_name": "Παπαδοπούλου-Шевченко",
    "patient.given_names": "Eleni Ľubica Žofia",
    "patient.birth_date": "3 March 1984",
    "patient.file_number": "A-2026/1187",
}
REGISTRIES = [
    Registry("European Registry for Rare Kidney Diseases", "University Hospital A", "Germany"),
    Registry("Registry of Hereditary Metabolic Disorders", "Foundation B", "Italy"),
]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer(seconds=20)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def strict() -> Iterator[Renderer]:
    """A renderer that loses patience soon: for pages made to run for ever."""
    renderer = Renderer(seconds=4, memory_bytes=256 << 20)
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def filled(renderer: Renderer) -> Rendered:
    return set_filled(renderer, VALUES)


def set_filled(renderer: Renderer, values: dict[str, str]) -> Rendered:
    html = fill(TEXT.html, values, REGISTRIES, demo=True)
    return renderer.render(html, TEXT.css, title=TEXT.title, language="en", created=CREATED)


def set_body(renderer: Renderer, body: str, css: str = "") -> Rendered:
    page = f"<!DOCTYPE html><html lang=en><head><title>x</title></head><body>{body}</body></html>"
    return renderer.render(page, TEXT.css + css, title="x", language="en", created=CREATED)


def words_of(pdf: bytes, *, raw: bool = False) -> str:
    command = ["pdftotext", "-raw" if raw else "-layout", "-", "-"]
    run = subprocess.run(command, input=pdf, capture_output=True, check=True)
    return run.stdout.decode()


def pictures_of(pdf: bytes, folder: Path) -> list[Image.Image]:
    (folder / "form.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "200", "-gray", folder / "form.pdf", folder / "page"], check=True)
    pictures = []
    for path in sorted(folder.glob("page*")):
        with Image.open(path) as picture:
            pictures.append(picture.copy())
    return pictures


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
        "import hashlib, runpy; names = runpy.run_path('tests/outside/test_paper_rendering.py');"
        "renderer = names['Renderer'](); paper = names['set_filled'](renderer, names['VALUES']); renderer.close();"
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


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.mark.parametrize(
    "body",
    [
        '<img alt="x" src="{outside}">',
        '<img alt="x" src="file:///etc/passwd">',
        '<img alt="x" src="/etc/passwd">',
        '<link rel="stylesheet" href="{outside}">',
        '<style>@import url("{outside}");</style>',
        '<style>@font-face {{ font-family: X; src: url("{outside}") }}</style>',
        '<p style="background: url({outside})">x</p>',
        '<object data="{outside}"></object>',
        '<embed src="file:///etc/passwd">',
        '<link rel="attachment" href="file:///etc/passwd">',
        '<svg xmlns="http://www.w3.org/2000/svg"><title>x</title><image href="{outside}" width="9" height="9"/></svg>',
        '<img alt="x" src="data:image/svg+xml,%3Csvg/%3E">',
        '<base href="{outside}"><img alt="x" src="x.png">',
        '<img alt="x" src="font:0000000000000000000000000000000000000000000000000000000000000000">',
    ],
)
def test_a_page_that_asks_for_something_outside_gets_nothing(
    renderer: Renderer, listener: socket.socket, body: str
) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    outcome = ""
    try:
        paper = set_body(renderer, body.format(outside=address))
        assert b"root:" not in paper.pdf
        with pikepdf.open(io.BytesIO(paper.pdf)) as pdf:
            assert dict(pdf.attachments) == {}
    except PaperFault as fault:
        outcome = fault.code
    assert outcome in {"", "refused_address", "warned"}
    with pytest.raises(TimeoutError):
        listener.accept()
    assert set_body(renderer, "<p>next</p>").pages == 1


def test_a_script_in_a_page_is_not_run_and_not_printed(renderer: Renderer) -> None:
    paper = set_body(renderer, "<p>before</p><script>document.write('owned')</script><p>after</p>")
    assert words_of(paper.pdf).split() == ["before", "after"]


@pytest.mark.parametrize(
    "body",
    [
        "<table><tr><td colspan=100000>x</td></tr></table>" * 50,
        "<p style='break-after: page'>x</p>" * 20_000,
        "<div style='display: flex'>" * 300 + "x",
        "<div>" * 5000 + "x",
        "<p>" + "x" * 2_000_000,
        "<style>@page { size: 2mm; margin: 0 }</style><p>" + "x " * 20_000,
    ],
    ids=["colspan", "breaks", "flex", "depth", "size", "tiny-pages"],
)
def test_a_page_made_to_run_for_ever_is_stopped_and_the_next_is_set(strict: Renderer, body: str) -> None:
    with pytest.raises(PaperFault) as refusal:
        set_body(strict, body)
    assert refusal.value.code in {"too_long", "too_big", "crashed", "warned"}
    assert set_body(strict, "<p>next</p>").pages == 1


@pytest.mark.parametrize("css", ["p { colour: red }", "p { color: ", "} p {"])
def test_a_style_that_cannot_be_understood_is_a_fault(renderer: Renderer, css: str) -> None:
    with pytest.raises(PaperFault) as refusal:
        set_body(renderer, "<p>x</p>", "\n" + css)
    assert refusal.value.code == "warned"


def test_a_killed_child_is_replaced(renderer: Renderer) -> None:
    assert set_body(renderer, "<p>before</p>").pages == 1
    command = ["pgrep", "-f", "app.outside.paper.setting", "--parent", str(os.getpid())]
    children = subprocess.run(command, capture_output=True, text=True, check=True)
    for child in children.stdout.split():
        os.kill(int(child), signal.SIGKILL)
    assert set_body(renderer, "<p>after</p>").pages == 1


def test_papers_of_several_threads_are_not_mixed_up(renderer: Renderer) -> None:
    def set_name(number: int) -> list[str]:
        paper = set_body(renderer, f"<p>thread{number}</p>")
        return words_of(paper.pdf).split()

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        found = list(threads.map(set_name, range(24)))
    assert found == [[f"thread{number}"] for number in range(24)]


def test_without_the_pinned_fonts_nothing_is_set(tmp_path: Path) -> None:
    renderer = Renderer(fonts=tmp_path)
    for font in FONTS.glob("*.ttf"):
        (tmp_path / font.name).write_bytes(font.read_bytes())
    broken = tmp_path / "NotoSans-Bold.ttf"
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    with pytest.raises(PaperFault) as refusal:
        set_body(renderer, "<p>x</p>")
    assert (refusal.value.code, refusal.value.detail) == ("fonts_missing", "NotoSans-Bold.ttf")


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
