"""Printed consent forms made to look filled in by hand, signed, and scanned or photographed: paper of the demo.

Crosses come where the renderer says the boxes are; the writing lines are ``paper.lines``. The same form and
names give the same writing; only the dust differs. Reading such scans back is not here, and what was answered is in
``services/stories``.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import pypdfium2
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

from app.outside.paper import lines
from app.outside.paper.lines import Line
from app.outside.paper.renderers import FONTS, Rendered

DOTS: Final = 150
"""Dots per inch of a scan: what a ward's scanner does by default."""
FINE: Final = 2
"""Ink is drawn so many times finer than the scan, so that strokes have soft edges."""
MILLIMETRE: Final = DOTS * FINE / 25.4
FONT: Final = FONTS / "NotoSans-Regular.ttf"
INK: Final = 50
"""Grey of a ball pen on a grey scan, of 255."""
TABLE: Final = 96
"""Grey of what lies under a photographed page."""
SIZES: Final = (3.9, 3.4, 2.9, 2.4, 1.9, 1.5)
"""Millimetres of block letters: the largest that fits the line."""
QUALITY: Final = 45


class StrangePaper(Exception):
    """The form has other writing lines than this module knows; ``code`` is ``other_lines``."""

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(f"other_lines: {found} instead of {expected}")
        self.code = "other_lines"


@dataclass(frozen=True)
class Hand:
    """One person who signs: what they write beside the signature."""

    name: str
    place_date: str = ""
    relation: str = ""
    proof: str = ""


@dataclass(frozen=True)
class Writing:
    """What is written on a form by hand; ``crosses`` are ids of boxes, such as ``care-yes``."""

    variant: str
    crosses: Sequence[str]
    signers: Sequence[Hand]
    clinician: Hand
    child: Hand | None = None
    interpreter: Hand | None = None


class Signed(NamedTuple):
    """A signature; anything else on a line is block letters."""

    name: str


def fill_in(printed: Rendered, writing: Writing) -> list[Image.Image]:
    """Every page of a printed form as a grey picture of ``DOTS``, with crosses, dates and signatures on it.

    Raises:
        StrangePaper: the signature page has other lines than its variant should.
        KeyError: a cross is asked for in a box the form does not have.
    """
    with pypdfium2.PdfDocument(printed.pdf) as document:
        pages = [page.render(scale=DOTS / 72, grayscale=True).to_pil().copy() for page in document]
    marks = [text for row in _marks(writing) for text in row]  # large print has the same lines in other rows
    found = [line for row in lines.rows(printed) for line in row]
    if len(found) != len(marks):
        raise StrangePaper(len(found), len(marks))
    inks = {number: Ink(page.size, f"{writing.clinician.name}{number}") for number, page in enumerate(pages, 1)}
    for box in writing.crosses:
        place = printed.places[box]
        inks[place.page].cross(place.left, place.top, place.width)
    for line, text in zip(found, marks, strict=True):
        inks[line.page].put(line, text)
    return [inks[number].on(page) for number, page in enumerate(pages, 1)]


def _marks(writing: Writing) -> list[list[str | Signed]]:
    """What stands on each line of each row, in the order of form.html."""

    def signature(hand: Hand | None) -> list[str | Signed]:
        return [hand.place_date, Signed(hand.name)] if hand else ["", ""]

    clinician, interpreter = writing.clinician, writing.interpreter
    ends: list[list[str | Signed]] = [
        ["", *signature(clinician)],
        [interpreter.name, interpreter.relation, Signed(interpreter.name)] if interpreter else ["", "", ""],
    ]
    if writing.variant == "adult":
        return [signature(writing.signers[0]), *ends]
    rows: list[list[str | Signed]] = []
    for hand in (*writing.signers, None, None)[:2]:
        rows += [[hand.name, hand.relation, hand.proof] if hand else ["", "", ""], signature(hand)]
    return [*rows, signature(writing.child), *ends]


class Ink:
    """What a pen leaves on one page, drawn finer than the page."""

    def __init__(self, size: tuple[int, int], seed: str) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a hand's tremor, not a secret
        self._size = size
        self._sheet: Image.Image | None = None

    def on(self, page: Image.Image) -> Image.Image:
        """The page with the ink on it."""
        if self._sheet is None:
            return page
        return ImageChops.darker(page, self._sheet.resize(self._size, Image.Resampling.BOX))

    def cross(self, left: float, top: float, side: float) -> None:
        """A cross over a box, a little beyond it as hands do."""
        for start, end in (((0, 0), (1, 1)), ((0, 1), (1, 0))):
            (x, y), (to_x, to_y) = self._near(start), self._near(end)
            points = [(left + side * x, top + side * y), (left + side * to_x, top + side * to_y)]
            self._stroke(points, 0.7)

    def put(self, line: Line, text: str | Signed) -> None:
        """Write on a line: block letters, or a signature."""
        if isinstance(text, Signed):
            self._sign(line, text.name)
        elif text:
            self._write(line, text)

    def _near(self, corner: tuple[float, float]) -> tuple[float, float]:
        x, y = (0.5 + (at - 0.5) * self._chance.uniform(0.8, 1.35) for at in corner)
        return x, y

    def _canvas(self) -> Image.Image:
        if self._sheet is None:
            self._sheet = Image.new("L", (self._size[0] * FINE, self._size[1] * FINE), 255)
        return self._sheet

    def _stroke(self, points: Sequence[tuple[float, float]], width: float) -> None:
        dots = [(x * MILLIMETRE, y * MILLIMETRE) for x, y in points]
        ImageDraw.Draw(self._canvas()).line(dots, fill=INK, width=round(width * MILLIMETRE), joint="curve")

    def _sign(self, line: Line, name: str) -> None:
        """Loops that lean forward and grow flat: one set of loops for each part of the name."""
        chance = random.Random(name)  # noqa: S311 - the same person signs alike everywhere
        x, middle = line.left + chance.uniform(4, 8), line.top + line.height * 0.68
        for part in name.split()[:2]:
            loops = min(max(2, len(part) // 2), 6)
            length, high = loops * chance.uniform(2.6, 3.6), chance.uniform(2.4, 3.4)
            lean, turn = chance.uniform(0.7, 1.3), chance.uniform(0, math.pi)
            points = []
            for step in range(loops * 16 + 1):
                far = step / (loops * 16)
                angle, size = turn + far * loops * math.tau, high * (1 - 0.65 * far)
                points.append((x + length * far + lean * math.cos(angle), middle - size * math.sin(angle) * 0.8 - far))
            self._stroke(points, 0.4)
            x += length + 2.5
        self._stroke([(line.left + 5, middle + 2.4), (x, middle + chance.uniform(0.6, 2.2))], 0.35)

    def _write(self, line: Line, text: str) -> None:
        """Letters one by one, none quite level; smaller where the line is short. They may rise into the label."""
        room = (line.width - 2) * MILLIMETRE
        size = next((size for size in SIZES if _font(size).getlength(text) < room), SIZES[-1])
        x, ground = line.left + 1, line.top + line.height - 1.6
        draw = ImageDraw.Draw(self._canvas())
        for sign in text:
            at = (x * MILLIMETRE, (ground + self._chance.uniform(-0.35, 0.35)) * MILLIMETRE)
            draw.text(at, sign, fill=INK, font=_font(size), anchor="ls")
            x += _font(size).getlength(sign) / MILLIMETRE + self._chance.uniform(-0.1, 0.15)


@cache
def _font(millimetres: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, round(millimetres * MILLIMETRE))


# --- the machine that looks at the paper ---------------------------------------------------------------------


def strange_page(like: Image.Image, text: str) -> Image.Image:
    """A page of another system, as large as one of ours: a few grey lines and a code we do not know."""
    page = Image.new("L", like.size, 255)
    pen = ImageDraw.Draw(page)
    for line in range(12):
        top = page.height // 3 + line * 40
        pen.rectangle((page.width // 8, top, page.width * (7 - line % 3) // 8, top + 8), fill=150)
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    picture = Image.fromarray(code.to_image(scale=6))
    page.paste(picture, (page.width - picture.width - 90, 90))
    return page


def scan(pages: Sequence[Image.Image], seed: str) -> list[bytes]:
    """The pages as a flatbed scanner gives them: a little tilted, noisy and unevenly lit; a grey JPEG each."""
    machine = _Machine(pages[0].size, seed, tilt=1.6, shade=30, ground=236)
    return [_jpeg(machine.see(page)) for page in pages]


def photograph(pages: Sequence[Image.Image], seed: str) -> list[bytes]:
    """The pages as a telephone takes them on a table: more tilted, warm, darker at a side; a colour JPEG each."""
    size = (pages[0].width + 140, pages[0].height + 160)
    machine = _Machine(size, seed, tilt=2.5, shade=70, ground=TABLE)
    pictures = []
    for page in pages:
        table = Image.new("L", size, TABLE)
        table.paste(page, machine.somewhere(70, 80))
        pictures.append(ImageOps.colorize(machine.see(table), black="#1b1c22", white="#f4ecdd"))
    return [_jpeg(picture) for picture in pictures]


class _Machine:
    """A scanner or a camera: its light falls off to one side, and its noise is its own."""

    def __init__(self, size: tuple[int, int], seed: str, *, tilt: float, shade: int, ground: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - dust, not a secret
        self._tilt, self._ground = tilt, ground
        light = Image.linear_gradient("L").rotate(self._chance.choice((0, 90, 180, 270)))
        self._light = light.point([255 - shade + value * shade // 255 for value in range(256)]).resize(size)
        self._noise = Image.effect_noise((size[0] // 2, size[1] // 2), self._chance.uniform(3, 7)).resize(size)

    def somewhere(self, left: int, top: int) -> tuple[int, int]:
        """A corner near this one."""
        return left + self._chance.randint(-20, 20), top + self._chance.randint(-25, 25)

    def see(self, page: Image.Image) -> Image.Image:
        """The page, tilted one way or the other."""
        angle = self._chance.choice((-1, 1)) * self._chance.uniform(0.3, self._tilt)
        turned = page.rotate(angle, Image.Resampling.BILINEAR, fillcolor=self._ground)
        noise = ImageChops.offset(self._noise, self._chance.randrange(page.width), self._chance.randrange(page.height))
        return ImageChops.add(ImageChops.multiply(turned, self._light), noise, offset=-128)


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY, dpi=(DOTS, DOTS))
    return file.getvalue()
