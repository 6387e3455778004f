"""Stamping: the stamped paper is the paper set in full, dot for dot, and what cannot be stamped is set in full."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pikepdf
import pytest
import zxingcpp
from PIL import ImageChops

from app.outside.paper import VARIANTS, Press, Registry, Rendered, Renderer, compose, fill, languages, parse_qr
from app.outside.paper.stamps import STAMPED
from tests.outside.printed import CODE, CREATED, REGISTRIES, VALUES, pictures_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FITTING = VALUES | {"patient.family_name": "Παπαδοπούλου", "patient.given_names": "Žofia Ľubica"}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("papers")


@pytest.fixture(scope="module")
def press(renderer: Renderer, folder: Path) -> Press:
    return Press(renderer, folder)


def stamped(
    press: Press,
    values: dict[str, str],
    form: tuple[str, str, str] = ("eu", "en", "adult"),
    registries: list[Registry] = REGISTRIES,
    created: dt.datetime = CREATED,
) -> Rendered:
    text = compose(*form)
    named = registries if form[0] == "eu" else []
    return press.print(
        text.html,
        text.css,
        values,
        named,
        role="processor",
        demo=True,
        title=text.title,
        language=form[1],
        created=created,
    )


def in_full(renderer: Renderer, values: dict[str, str], form: tuple[str, str, str] = ("eu", "en", "adult")) -> Rendered:
    text = compose(*form)
    named = REGISTRIES if form[0] == "eu" else []
    html = fill(text.html, values, named, role="processor", demo=True)
    return renderer.render(html, text.css, title=text.title, language=form[1], created=CREATED)


def differing(one: bytes, other: bytes, folder: Path) -> list[int]:
    """The pages that do not look alike, dot for dot at 200 dots per inch."""
    sides = []
    for name, pdf in (("one", one), ("other", other)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        sides.append(pictures_of(pdf, folder / name))
    pairs = enumerate(zip(*sides, strict=True), start=1)
    return [page for page, (left, right) in pairs if ImageChops.difference(left, right).getbbox() is not None]


def is_stamped(paper: Rendered) -> bool:
    """A stamped file has no dictionary of dates; one set in full has."""
    with pikepdf.open(io.BytesIO(paper.pdf)) as pdf:
        return "/Info" not in pdf.trailer


FORMS = [("eu", "en", "adult"), ("eu", "el", "representative"), ("eu", "bg", "adult"), ("ua", "uk", "representative")]


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_a_stamped_paper_looks_like_the_one_set_in_full(
    renderer: Renderer, press: Press, tmp_path: Path, form: tuple[str, str, str]
) -> None:
    paper, full = stamped(press, FITTING, form), in_full(renderer, FITTING, form)
    assert is_stamped(paper)
    assert differing(paper.pdf, full.pdf, tmp_path) == []
    assert (paper.pages, paper.places, paper.missing) == (full.pages, full.places, full.missing)
    assert words_of(paper.pdf) == words_of(full.pdf)


@pytest.mark.parametrize("procedure", ["eu", "ua"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_form_can_be_stamped(press: Press, procedure: str, variant: str) -> None:
    papers = {language: stamped(press, FITTING, (procedure, language, variant)) for language in languages(procedure)}
    assert [language for language, paper in papers.items() if not is_stamped(paper)] == []


def test_another_patients_words_are_in_the_file_and_the_first_ones_are_not(press: Press) -> None:
    stamped(press, FITTING)
    other = FITTING | {"patient.family_name": "Nowak", "patient.given_names": "Ewa", "patient.file_number": "7"}
    words = words_of(stamped(press, other).pdf)
    assert (words.count("Nowak"), words.count("Παπαδοπούλου"), words.count("Q1Q1Q")) == (2, 0, 0)


def test_it_stays_pdf_a_3a_and_pdf_ua_1_with_the_same_tags(renderer: Renderer, press: Press) -> None:
    facts = []
    for paper in (stamped(press, FITTING), in_full(renderer, FITTING)):
        with pikepdf.open(io.BytesIO(paper.pdf)) as pdf:
            assert pdf.check_pdf_syntax() == []
            with pdf.open_metadata() as metadata:
                marks = [metadata.get(name) for name in ("pdfaid:part", "pdfaid:conformance", "pdfuaid:part")]
                dates = [metadata.get(name) for name in ("xmp:CreateDate", "xmp:ModifyDate")]
            tags = sorted(str(item.S) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/P" in item)
            smoothed = [bool(image.get("/Interpolate", False)) for image in pictures(pdf)]
            fonts = sorted(str(font.BaseFont).split("+")[1] for font in pdf.objects if is_font(font))
            facts.append((marks, dates, tags, smoothed, fonts, str(pdf.Root.Lang), bool(pdf.Root.MarkInfo.Marked)))
    assert facts[0] == facts[1]


def pictures(pdf: pikepdf.Pdf) -> list[pikepdf.Stream]:
    return [item for item in pdf.objects if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Image"]


def is_font(item: object) -> bool:
    return isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/Font" and "/DescendantFonts" in item


def test_every_letter_of_a_stamped_font_has_its_width_and_its_meaning(press: Press) -> None:
    with pikepdf.open(io.BytesIO(stamped(press, FITTING).pdf)) as pdf:
        font = max((font for font in pdf.objects if is_font(font)), key=lambda font: len(font.DescendantFonts[0].W))
        glyphs = {int(number) for number in list(font.DescendantFonts[0].W)[::2]}
        meant = font.ToUnicode.read_bytes().decode()
    unknown = [glyph for glyph in glyphs if f"<{glyph:04x}> <" not in meant]
    assert len(glyphs) > 750
    assert len(unknown) < 10


def test_each_page_carries_its_own_code(press: Press, tmp_path: Path) -> None:
    paper = stamped(press, FITTING)
    read = [{parse_qr(code.text) for code in zxingcpp.read_barcodes(page)} for page in pictures_of(paper.pdf, tmp_path)]
    assert read == [{(CODE, page)} for page in range(1, paper.pages + 1)]


def test_the_same_words_give_the_same_file_after_a_new_start_and_others_another_identifier(
    renderer: Renderer, press: Press, folder: Path
) -> None:
    one = stamped(press, FITTING).pdf
    assert stamped(Press(renderer, folder), FITTING).pdf == one
    later = stamped(press, FITTING, created=CREATED + dt.timedelta(seconds=1)).pdf
    with pikepdf.open(io.BytesIO(one)) as first, pikepdf.open(io.BytesIO(later)) as second:
        assert bytes(first.trailer.ID[0]) != bytes(second.trailer.ID[0])


@pytest.mark.parametrize("spoil", ["empty", "half", "a byte", "another shape"])
def test_a_spoilt_compiled_paper_is_compiled_again(renderer: Renderer, tmp_path: Path, spoil: str) -> None:
    whole = stamped(Press(renderer, tmp_path), FITTING).pdf
    (path,) = tmp_path.iterdir()
    kept = path.read_bytes()
    spoilt = {
        "empty": b"",
        "half": kept[: len(kept) // 2],
        "a byte": kept[:-2000] + bytes([kept[-2000] ^ 1]) + kept[-1999:],
        "another shape": b"{}\n%PDF-1.7",
    }
    path.write_bytes(spoilt[spoil])

    assert stamped(Press(renderer, tmp_path), FITTING).pdf == whole
    assert path.read_bytes() == kept


def test_what_is_kept_between_starts_says_nothing_of_a_patient(press: Press, folder: Path) -> None:
    stamped(press, FITTING)
    kept = b"".join(file.read_bytes() for file in folder.iterdir())
    personal = [FITTING[name] for name in STAMPED if name != "clinician.name"]
    assert [word for word in personal if word.encode() in kept] == []
    assert len(kept) > 100_000


def test_a_form_without_a_patient_has_empty_cells_and_the_code_of_nobody(
    renderer: Renderer, press: Press, tmp_path: Path
) -> None:
    nobody = {name: value for name, value in VALUES.items() if name not in STAMPED}
    paper = stamped(press, nobody)
    assert is_stamped(paper)
    assert differing(paper.pdf, in_full(renderer, nobody).pdf, tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "stamped_too"),
    [
        ({"patient.family_name": "Wolfeschlegelstei"}, True),
        ({"patient.family_name": "Papadopoulou-Konstantin"}, True),  # squeezed a little
        ({"patient.family_name": "Papadopoulou-Konstantinidou-Ioannou"}, False),
        ({"patient.file_number": "2026/1187-4711-08-15-A-XXVII"}, False),  # a number is never squeezed
        ({"patient.family_name": "Đặng Thị Ngọc"}, True),
        ({"patient.family_name": "e\N{COMBINING ACUTE ACCENT}"}, True),  # one letter when put together
        ({"patient.family_name": "q\N{COMBINING ACUTE ACCENT}"}, False),
        ({"patient.family_name": "محمد"}, False),
        ({"patient.family_name": "ძია"}, False),
        ({"patient.family_name": "<b>&amp;{{ 7*7 }}"}, True),
        ({"patient.given_names": "A\nB"}, False),
        ({"patient.given_names": ""}, True),
    ],
)
def test_what_does_not_fit_is_set_in_full(press: Press, changes: dict[str, str], stamped_too: bool) -> None:
    paper = stamped(press, FITTING | changes)
    shown = "".join(words_of(paper.pdf, raw=True).split())
    (name,) = changes.values()
    assert is_stamped(paper) == stamped_too
    if name.isascii():
        assert "".join(name.split()) in shown


def test_a_squeezed_name_stays_in_its_cell(press: Press, tmp_path: Path) -> None:
    paper = stamped(press, FITTING | {"patient.family_name": "Papadopoulou-Konstantin", "patient.given_names": ""})
    cell = paper.places["signing-family_name"]
    page = pictures_of(paper.pdf, tmp_path)[cell.page - 1]
    scale = 200 / 25.4
    beside = page.crop(
        tuple(
            int(edge * scale)
            for edge in (cell.left + cell.width, cell.top, cell.left + cell.width + 3, cell.top + cell.height)
        )
    )
    assert min(beside.tobytes()) > 200


def test_each_hospital_and_each_set_of_registries_has_its_own_stamp(press: Press, folder: Path) -> None:
    before = len(list(folder.iterdir()))
    stamped(press, FITTING | {"hospital.name": "Another Hospital"})
    stamped(press, FITTING, registries=REGISTRIES[:1])
    paper = stamped(press, FITTING | {"hospital.name": "Another Hospital"})
    assert len(list(folder.iterdir())) == before + 2
    assert "Another Hospital" in words_of(paper.pdf)


def test_a_folder_without_room_or_with_rubbish_stops_no_paper(renderer: Renderer, tmp_path: Path) -> None:
    (tmp_path / "papers").write_text("a file where the folder should be")
    assert is_stamped(stamped(Press(renderer, tmp_path / "papers"), FITTING))

    good = stamped(Press(renderer, tmp_path / "others"), FITTING).pdf
    (kept,) = (tmp_path / "others").iterdir()
    kept.write_bytes(b"rubbish\n" + kept.read_bytes()[:1000])
    assert stamped(Press(renderer, tmp_path / "others"), FITTING).pdf == good


def test_compiled_papers_nobody_wants_are_swept_and_made_again(renderer: Renderer, tmp_path: Path) -> None:
    moment = dt.datetime.now(dt.UTC)
    press = Press(renderer, tmp_path)
    good = stamped(press, FITTING).pdf
    assert [press.sweep(moment - dt.timedelta(days=1)), press.sweep(moment + dt.timedelta(days=1))] == [0, 1]
    assert list(tmp_path.iterdir()) == []
    assert stamped(Press(renderer, tmp_path), FITTING).pdf == good
