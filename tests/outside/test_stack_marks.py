"""A stack of scans in any state is read page by page, nothing is read wrongly, and nothing that is dropped costs a process."""

from __future__ import annotations

import datetime as dt
import io
import random
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from app.outside import paper, stacks
from app.outside.paper import Rendered, lines
from app.outside.scans import ScanRefused
from tests.papers import document, locked_document, photograph
from tests.scans import ADULT, EMPTY, WAYS, bound, jpeg, scanned, written

CODE, OTHER = "0123456789ABCDEF", "ZYXWVTSRQPNMKJHG"
SOME = ("en", "de", "el", "bg", "fi", "ga")
LANGUAGES = [pytest.param(one, marks=[] if one in SOME else [pytest.mark.long]) for one in paper.languages("eu")]


@pytest.fixture(scope="module")
def printed() -> Iterator[Callable[..., Rendered]]:
    renderer = paper.Renderer(seconds=60)

    def render(language: str = "en", code: str = CODE) -> Rendered:
        text = paper.compose("eu", language, "adult")
        html = paper.fill(text.html, {"form.code": code}, [paper.Registry("Register", "Trust", "IE")], demo=True)
        created = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        return renderer.render(html, text.css, title=text.title, language=language, created=created)

    yield render
    renderer.close()


def boxes_of(form: Rendered, number: int) -> dict[str, stacks.Rectangle]:
    return {
        name: (place.left, place.top, place.width, place.height)
        for name, place in form.places.items()
        if name.endswith(("-yes", "-no")) and place.page == number
    }


def read(form: Rendered, alone: list[bytes]) -> tuple[dict[str, str], dict[str, bool]]:
    """What every page of a form says, in one."""
    signing, crossed, inked = lines.signatures(form, "adult"), {}, {}
    for number, page in enumerate(alone, start=1):
        writing = {name: line.writing for name, line in signing.items() if line.page == number}
        marks = stacks.read_marks(page, boxes_of(form, number), writing)
        if marks is not None:
            crossed |= {name: box.crossed for name, box in marks.boxes.items()}
            inked |= marks.inked
    return crossed, inked


# --- our own forms, as they come back ------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_at_least_99_of_100_pages_are_recognised_and_none_for_another(language: str, printed: Callable) -> None:
    form = printed(language)
    pages, found, unsure = written(form), [], []
    for seed, way in enumerate(WAYS):
        alone = list(stacks.take_apart(scanned(pages, way, seed * 100), "scan.pdf"))
        seen = [stacks.look(page) for page in alone]
        found += [(one.code, one.number) == (CODE, number) for number, one in enumerate(seen, start=1)]
        wrong = [
            one for number, one in enumerate(seen, start=1) if one.code and (one.code, one.number) != (CODE, number)
        ]
        assert wrong == []
        crossed, inked = read(form, alone)
        unsure += [name for name, said in crossed.items() if said == "unsure"]
        told = {name for name, said in crossed.items() if said == "yes"}
        assert told <= set(ADULT.crosses), way
        assert {name for name, said in crossed.items() if said == "no"}.isdisjoint(ADULT.crosses), way
        assert inked == dict.fromkeys(inked, True), way
    assert sum(found) >= 0.99 * len(found)
    assert len(unsure) <= len(WAYS)


@pytest.mark.parametrize(
    ("way", "turned"), [("straight", 0), ("turned left", 90), ("upside down", 180), ("turned right", 270)]
)
def test_a_page_says_which_way_it_lies(way: str, turned: int, printed: Callable) -> None:
    (page,) = stacks.take_apart(scanned(written(printed())[:1], way), "scan.pdf")

    seen = stacks.look(page)

    assert seen.turned == turned
    assert Image.open(io.BytesIO(stacks.draw(page, seen.turned, 300))).size == (300, 424)
    assert Image.open(io.BytesIO(seen.small)).height > Image.open(io.BytesIO(seen.small)).width


def test_a_form_nobody_signed_has_empty_lines_and_two_crosses_are_two_crosses(printed: Callable) -> None:
    form = printed()
    crossed, inked = read(form, list(stacks.take_apart(scanned(written(form, EMPTY)), "scan.pdf")))

    assert [name for name, said in crossed.items() if said == "yes"] == ["care-yes", "care-no"]
    assert inked == {"date": False, "signer": False, "clinician": False}


def test_a_box_shows_its_picture(printed: Callable) -> None:
    form = printed()
    page = list(stacks.take_apart(scanned(written(form)), "scan.pdf"))[form.places["care-yes"].page - 1]

    marks = stacks.read_marks(page, boxes_of(form, form.places["care-yes"].page), {})

    shown = {name: Image.open(io.BytesIO(box.picture)).convert("L") for name, box in marks.boxes.items()}
    dark = {name: sum(picture.histogram()[:128]) for name, picture in shown.items()}
    assert dark["care-yes"] > 2 * dark["care-no"] > 0


# --- what else lies in a stack ---------------------------------------------------------------------------------------


def _drawn(text: str) -> Image.Image:
    page = Image.new("L", (1240, 1754), 255)
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    picture = Image.open(io.BytesIO(_png(code))).convert("L").resize((260, 260))
    page.paste(picture, (940, 60))
    return page


def _png(code: object) -> bytes:
    image = code.to_image(scale=4)
    height, width = image.shape
    out = io.BytesIO()
    Image.frombytes("L", (width, height), bytes(memoryview(image).cast("B"))).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("https://tickets.example/7", True),
        ("CPMS1:0123456789ABCDEF:001:00000", True),  # a wrong check: typed, or of somebody who imitates ours
        ("CPMS2:0123456789ABCDEF:001:317Q6", True),
    ],
)
def test_a_code_of_another_system_is_not_taken_for_ours(text: str, foreign: bool) -> None:
    (page,) = stacks.take_apart(bound([jpeg(_drawn(text), 90)]), "scan.pdf")

    seen = stacks.look(page)

    assert (seen.code, seen.number, seen.foreign) == (None, None, foreign)


def test_a_page_with_the_codes_of_two_forms_is_left_to_a_person(printed: Callable) -> None:
    one, two = written(printed())[0], written(printed("en", OTHER))[0]
    both = Image.new("L", (one.width * 2, one.height), 255)
    both.paste(one, (0, 0))
    both.paste(two, (one.width, 0))

    (page,) = stacks.take_apart(bound([jpeg(both, 80)]), "scan.pdf")

    assert (stacks.look(page).code, stacks.read_marks(page, boxes_of(printed(), 4), {})) == (None, None)


def test_an_empty_page_has_no_code_and_is_no_fault() -> None:
    (page,) = stacks.take_apart(document(), "scan.pdf")

    seen = stacks.look(page)

    assert (seen.code, seen.number, seen.turned, seen.foreign) == (None, None, 0, False)


def test_a_tiff_of_pages_in_fax_coding_is_a_stack(printed: Callable) -> None:
    pages = [page.convert("1") for page in written(printed())]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], compression="group4", dpi=(150, 150))

    seen = [stacks.look(page) for page in stacks.take_apart(out.getvalue(), "scan.tif")]

    assert [(one.code, one.number) for one in seen] == [(CODE, number) for number in range(1, len(pages) + 1)]


def test_a_page_takes_nothing_of_the_other_pages_along() -> None:
    """Some scanners name the pictures of all pages in one list that each page refers to."""
    secret = random.Random(1).randbytes(30_000)
    with pikepdf.new() as pdf:
        images = pikepdf.Dictionary(
            {
                f"/Im{n}": pikepdf.Stream(
                    pdf,
                    content,
                    Type=pikepdf.Name.XObject,
                    Subtype=pikepdf.Name.Image,
                    Width=100,
                    Height=100,
                    BitsPerComponent=8,
                    ColorSpace=pikepdf.Name.DeviceRGB,
                )
                for n, content in enumerate((secret[::-1], secret))
            }
        )
        shared = pdf.make_indirect(pikepdf.Dictionary(XObject=images))
        for n in range(2):
            page = pdf.add_blank_page(page_size=(595, 842))
            page.Resources = shared
            page.contents_add(b"q 100 0 0 100 0 0 cm /Im%d Do Q" % n)
        first, second = pdf.pages
        first.Annots = pikepdf.Array(
            [
                pikepdf.Dictionary(
                    Type=pikepdf.Name.Annot,
                    Subtype=pikepdf.Name.Link,
                    Rect=[0, 0, 9, 9],
                    Dest=[second.obj, pikepdf.Name.Fit],
                )
            ]
        )
        first.obj["/PieceInfo"] = pikepdf.Dictionary(Left=pikepdf.String("secret of another patient"))
        out = io.BytesIO()
        pdf.save(out)

    alone = list(stacks.take_apart(out.getvalue(), "scan.pdf"))

    with pikepdf.open(io.BytesIO(alone[0])) as kept:
        streams = [bytes(thing.read_bytes()) for thing in kept.objects if isinstance(thing, pikepdf.Stream)]
        assert (len(kept.pages), secret[::-1] in streams, secret in streams) == (1, True, False)
        assert "/PieceInfo" not in kept.pages[0].obj
        assert "/Dest" not in kept.pages[0].Annots[0]


def test_pages_bound_again_are_the_pages(printed: Callable) -> None:
    alone = list(stacks.take_apart(scanned(written(printed())), "scan.pdf"))

    again = list(stacks.take_apart(stacks.bind(alone[::-1]), "scan.pdf"))

    assert [stacks.look(page).number for page in again] == list(range(len(alone), 0, -1))


# --- what is refused -------------------------------------------------------------------------------------------------


def tiff(pages: int, size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("1", size)] * pages
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], compression="group4")
    return out.getvalue()


def bomb() -> bytes:
    """A PDF of a few kilobytes whose picture says it is 1.6 thousand million dots."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(595, 842))
        picture = pikepdf.Stream(pdf, b"")
        picture.write(zlib.compress(bytes(4_000_000), 9), filter=pikepdf.Name.FlateDecode)
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Width = picture.Height = 40_000
        picture.BitsPerComponent, picture.ColorSpace = 8, pikepdf.Name.DeviceGray
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        page.contents_add(b"q 595 0 0 842 0 0 cm /Im0 Do Q")
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "filename", "code"),
    [
        (lambda: b"", "a.pdf", "empty"),
        (lambda: b"GIF89a and more", "a.gif", "not_a_scan"),
        (photograph, "a.pdf", "not_a_scan"),
        (lambda: tiff(1), "a.pdf", "not_a_scan"),
        (lambda: tiff(1) + b"PK\x05\x06" + bytes(18), "a.tif", "not_a_scan"),
        (locked_document, "a.pdf", "encrypted"),
        (lambda: document(encryption=pikepdf.Encryption(owner="owner", user="")), "a.pdf", "encrypted"),
        (lambda: document()[:-400], "a.pdf", "damaged"),
        (lambda: b"%PDF-1.7\n" + bytes(500), "a.pdf", "damaged"),
        (lambda: tiff(3)[:60], "a.tif", "damaged"),
        (lambda: document(script="app.alert(1)"), "a.pdf", "active"),
        (partial(document, 201), "a.pdf", "too_many_pages"),
        (partial(tiff, 1000), "a.tif", "too_many_pages"),
        (lambda: tiff(1, (40_000, 40_000)), "a.tif", "too_many_pixels"),
        (bomb, "a.pdf", "too_many_pixels"),
        (lambda: b"%PDF-1.7 /ByteRange [0 1 2 3]", "a.pdf", "signed"),
    ],
)
def test_what_is_no_stack_is_refused(content: Callable[[], bytes], filename: str, code: str) -> None:
    with pytest.raises(ScanRefused) as refused:
        list(stacks.take_apart(content(), filename))

    assert refused.value.code == code


def test_a_stack_has_room_for_so_many_pages() -> None:
    assert len(list(stacks.take_apart(document(3), "a.pdf", 3))) == 3
    with pytest.raises(ScanRefused) as refused:
        list(stacks.take_apart(document(4), "a.pdf", 3))
    assert refused.value.code == "too_many_pages"


def test_a_page_as_large_as_a_house_is_drawn_coarser() -> None:
    made = pikepdf.new()
    made.add_blank_page(page_size=(3900, 3900))
    out = io.BytesIO()
    made.save(out)

    (page,) = stacks.take_apart(out.getvalue(), "a.pdf")

    assert stacks.look(page).code is None


@pytest.mark.long
def test_random_bytes_and_cut_files_never_cost_a_process() -> None:
    dice, whole, codes = random.Random(7), bound([photograph()] * 3), set()
    for turn in range(200):
        cut = bytearray(whole[: dice.randrange(10, len(whole))] if turn % 2 else whole)
        for _ in range(dice.randrange(1, 30)):
            cut[dice.randrange(len(cut))] = dice.randrange(256)
        codes.add(_read_or_refused(bytes(cut)))
    assert codes <= {"", "damaged", "not_a_scan", "no_pages", "active", "too_many_pixels", "encrypted"}


def _read_or_refused(content: bytes) -> str:
    try:
        for page in stacks.take_apart(content, "scan.pdf"):
            stacks.look(page)
    except ScanRefused as refused:
        return refused.code
    return ""
