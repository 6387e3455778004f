"""What the warm child sees on one page: its codes, which way up it is, and the ink in its boxes and on its lines.

Runs in the child only (``stacks`` is how others see it). The way (PAPER.md, "Scanning back"): draw the page at 200 dpi,
look for codes in the corners, then on the whole page, then through filters; the corners of the codes say where each
millimetre of the printed page lies; each box is found again by its own outline near there, and the ink in its inner part
is measured against the paper around it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pypdfium2
import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps

from app.outside.paper.codes import parse_qr

DPI: Final = 200
MOST_DOTS: Final = 24 * 1000 * 1000
"""Of one drawn page; a larger one is drawn coarser."""
CORNER: Final = (0.42, 0.3)
"""Share of the page's width and height that is searched at each corner first."""
CODE_SIDE: Final = 22.0
CODES: Final = ((172.0, 7.0), (16.0, 268.0))
"""Where the two codes are printed (paper.css): millimetres from the top left corner of the page."""
DOTS: Final = 8
"""Dots a millimetre in which boxes and lines are looked at."""
REACH: Final = 2.5
"""How far from where it should be a box is looked for, in millimetres."""
AROUND: Final = 1.6
"""What the picture of a box shows around it."""
INNER: Final = 0.56
EMPTY: Final = 0.02
CROSSED: Final = 0.10
ABOVE: Final = 3.4
BELOW: Final = 1.2
WRITTEN: Final = 0.004
"""Share of ink from which a line counts as written on: initials on a line are 0.006, dust is 0.001."""
DARK: Final = 0.72
"""Ink is darker than this share of the paper around it."""
OUTLINED: Final = 0.3
"""Share of a box's outline that must be dark for it to be the box."""
SMALL: Final = 180

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]


class Code(NamedTuple):
    """A code on a page: what it says, and its corners (top left first, clockwise as it is read) in dots."""

    text: str
    corners: tuple[Point, Point, Point, Point]


class Lie(NamedTuple):
    """How a printed page lies on a picture: x = a * left + b * top + c, y = d * left + e * top + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def at(self, left: float, top: float) -> Point:
        """The dot of a millimetre."""
        return self.a * left + self.b * top + self.c, self.d * left + self.e * top + self.f


# --- the page ---------------------------------------------------------------------------------------------------------


def drawn(page: bytes, *, grey: bool = True) -> Image.Image:
    """The page as a picture of 200 dpi, with what was filled in and written on it."""
    document = pypdfium2.PdfDocument(page)
    document.init_forms()
    return drawn_page(document, 0, grey=grey)


def drawn_page(document: pypdfium2.PdfDocument, number: int, *, grey: bool = True) -> Image.Image:
    """One page of an opened document, from 0 on, as a picture of 200 dpi."""
    width, height = document.get_page_size(number)
    scale = min(DPI / 72, math.sqrt(MOST_DOTS / max(width * height, 1)))
    picture: Image.Image = document[number].render(scale=scale, grayscale=grey, rev_byteorder=not grey).to_pil()
    return picture.convert("L" if grey else "RGB")


def fitting(picture: Image.Image) -> Image.Image:
    """A picture with no more dots than a page is drawn with."""
    share = math.sqrt(MOST_DOTS / max(picture.width * picture.height, 1))
    return picture if share >= 1 else picture.resize((int(picture.width * share), int(picture.height * share)))


def draw(page: bytes, turned: int, width: int) -> bytes:
    """The page upright, so many dots wide, as a JPEG."""
    return _shrunk(_upright(drawn(page, grey=False), turned), width)


def _shrunk(picture: Image.Image, width: int) -> bytes:
    small = picture.resize((width, max(1, round(picture.height * width / picture.width))), Image.Resampling.BOX)
    written = io.BytesIO()
    small.save(written, "JPEG", quality=70)
    return written.getvalue()


def _upright(picture: Image.Image, turned: int) -> Image.Image:
    ways = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    return picture.transpose(ways[turned]) if turned else picture


def look(page: bytes) -> tuple[str | None, int | None, int, bool, bytes]:
    """Code, page number, turn, whether there is a code of another system, and a little picture."""
    picture = drawn(page)
    codes = find_codes(picture, enough=1)
    ours = {code.text for code in codes if parse_qr(code.text)}
    turned = _turn(codes)
    small = _shrunk(_upright(picture, turned), SMALL)
    if len(ours) != 1:  # two pages on one picture: a person looks
        return None, None, turned, bool(codes) and not ours, small
    form_code, number = parse_qr(ours.pop()) or (None, None)
    return form_code, number, turned, False, small


# --- codes ------------------------------------------------------------------------------------------------------------

View = tuple[Image.Image, Callable[[float, float], Point]]
"""What is searched, and where its dots lie on the page."""


def find_codes(picture: Image.Image, *, enough: int) -> list[Code]:
    """The codes of a page, searched until ``enough`` of ours are found."""
    found: list[Code] = []
    for views in (_corners(picture, 1), _whole(picture), _filtered(picture)):
        for looked, spread in views:
            for barcode in zxingcpp.read_barcodes(looked, formats=zxingcpp.BarcodeFormat.QRCode, try_invert=False):
                code = Code(barcode.text, _corners_of(barcode.position, spread))
                if not any(code.text == other.text and _near(code, other) for other in found):
                    found.append(code)
        if sum(parse_qr(code.text) is not None for code in found) >= enough:
            break
    return found


def _corners_of(at: Any, spread: Callable[[float, float], Point]) -> tuple[Point, Point, Point, Point]:
    one, two, three, four = (spread(c.x, c.y) for c in (at.top_left, at.top_right, at.bottom_right, at.bottom_left))
    return one, two, three, four


def _near(code: Code, other: Code) -> bool:
    (x, y), (u, v) = code.corners[0], other.corners[0]
    return abs(x - u) + abs(y - v) < 80


def _whole(picture: Image.Image) -> Iterator[View]:
    yield picture, lambda x, y: (x, y)


def _filtered(picture: Image.Image) -> Iterator[View]:
    """Without specks, larger; then with the shadows taken out."""
    calm = picture.filter(ImageFilter.MedianFilter(3))
    yield from _corners(calm, 2)
    paper = calm.reduce(8).filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.GaussianBlur(4)).resize(picture.size)
    even = ImageOps.autocontrast(ImageOps.invert(ImageChops.subtract(paper, calm)), cutoff=1)
    yield from _whole(even)
    yield from _corners(even, 2)
    yield from _corners(even.filter(ImageFilter.GaussianBlur(1.2)), 1)


def _corners(picture: Image.Image, larger: int) -> Iterator[View]:
    width, height = round(picture.width * CORNER[0]), round(picture.height * CORNER[1])
    for left in (picture.width - width, 0):
        for top in (0, picture.height - height):
            part = picture.crop((left, top, left + width, top + height))
            if larger > 1:
                part = part.resize((width * larger, height * larger), Image.Resampling.BICUBIC)
            yield part, _spread(left, top, larger)


def _spread(left: int, top: int, larger: int) -> Callable[[float, float], Point]:
    return lambda x, y: (left + x / larger, top + y / larger)


def _turn(codes: Sequence[Code]) -> int:
    """How far a page must be turned clockwise so that its codes stand upright."""
    chosen = [code for code in codes if parse_qr(code.text)] or codes
    if not chosen:
        return 0
    (x, y), (u, v), *_rest = chosen[0].corners
    return round(-math.degrees(math.atan2(v - y, u - x)) / 90) * 90 % 360


# --- where each millimetre lies ---------------------------------------------------------------------------------------


def _pairs(codes: Sequence[Code], turned: int, size: tuple[int, int]) -> list[tuple[Point, Point]]:
    """Corners of our codes: as printed, and on the upright picture. None when it shows two pages."""
    ours = [code for code in codes if parse_qr(code.text)]
    if len({code.text for code in ours}) != 1:
        return []
    pairs: list[tuple[Point, Point]] = []
    _width, height = size if turned % 180 == 0 else size[::-1]
    for code in ours:
        corners = [_turned(corner, turned, size) for corner in code.corners]
        upper = sum(y for _x, y in corners) / 4 < height / 2
        left, top = CODES[0] if upper else CODES[1]
        right, low = left + CODE_SIDE, top + CODE_SIDE
        pairs += zip(((left, top), (right, top), (right, low), (left, low)), corners, strict=True)
    return pairs


def _turned(point: Point, turned: int, size: tuple[int, int]) -> Point:
    (x, y), (width, height) = point, size
    return {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}[turned]


def fitted(pairs: Sequence[tuple[Point, Point]]) -> Lie:
    """The lie that brings printed points nearest to found ones (least squares).

    Four corners of one code say too little about what is far from them: then the page counts as neither stretched nor
    slanted.
    """
    count = len(pairs)
    left, top = (sum(printed[axis] for printed, _dot in pairs) / count for axis in (0, 1))
    x, y = (sum(dot[axis] for _printed, dot in pairs) / count for axis in (0, 1))
    moved = [((p[0] - left, p[1] - top), (d[0] - x, d[1] - y)) for p, d in pairs]
    if count <= 4:
        size = sum(p[0] ** 2 + p[1] ** 2 for p, _d in moved)
        cos = sum(p[0] * d[0] + p[1] * d[1] for p, d in moved) / size
        sin = sum(p[0] * d[1] - p[1] * d[0] for p, d in moved) / size
        slopes = (cos, -sin, sin, cos)
    else:
        aa, bb = sum(p[0] ** 2 for p, _d in moved), sum(p[1] ** 2 for p, _d in moved)
        ab = sum(p[0] * p[1] for p, _d in moved)
        det = aa * bb - ab * ab
        across = [(sum(p[0] * d[axis] for p, d in moved), sum(p[1] * d[axis] for p, d in moved)) for axis in (0, 1)]
        slopes = tuple(  # type: ignore[assignment]
            slope for u, v in across for slope in ((bb * u - ab * v) / det, (aa * v - ab * u) / det)
        )
    a, b, d, e = slopes
    return Lie(a, b, x - a * left - b * top, d, e, y - d * left - e * top)


# --- ink --------------------------------------------------------------------------------------------------------------

Read = tuple[dict[str, tuple[str, bytes]], dict[str, bool], dict[str, bytes]]


def read(page: bytes, boxes: Mapping[str, Rectangle], lines: Mapping[str, Rectangle]) -> Read | None:
    """What is crossed and where something is written; pictures of both."""
    picture = drawn(page)
    codes = find_codes(picture, enough=2)
    turned = _turn(codes)
    pairs = _pairs(codes, turned, picture.size)
    if not pairs:
        return None
    upright = _upright(picture, turned)
    lie = fitted(pairs)
    moved = {name: _outlined(upright, lie, box) for name, box in boxes.items()}
    for name, by in moved.items():
        if by is not None:
            left, top, width, height = boxes[name]
            middle = (left + width / 2, top + height / 2)
            pairs.append((middle, lie.at(middle[0] + by[0], middle[1] + by[1])))
    crossed = {name: _box(upright, lie, box, moved[name]) for name, box in boxes.items()}
    lie = fitted(pairs) if len(pairs) > 5 else lie
    inked = {name: _written(upright, lie, line) for name, line in lines.items()}
    return crossed, inked, {name: _jpeg(_cut(upright, lie, _with_loops(line))) for name, line in lines.items()}


def _with_loops(line: Rectangle) -> Rectangle:
    """A line with what reaches above and below it, for a picture."""
    left, top, width, height = line
    return left, top - ABOVE, width, height + ABOVE + BELOW


def _cut(picture: Image.Image, lie: Lie, rectangle: Rectangle) -> Image.Image:
    """A part of the printed page, straightened."""
    left, top, width, height = rectangle
    x, y = lie.at(left, top)
    how = (lie.a / DOTS, lie.b / DOTS, x, lie.d / DOTS, lie.e / DOTS, y)
    size = (max(1, round(width * DOTS)), max(1, round(height * DOTS)))
    return picture.transform(size, Image.Transform.AFFINE, how, Image.Resampling.BILINEAR, fillcolor=255)


def _ink(part: Image.Image) -> Image.Image:
    """White where there is ink: darker than the paper around it."""
    counts, seen, paper = part.histogram(), 0, 255
    for shade in range(255, -1, -1):
        seen += counts[shade]
        if seen * 4 > part.width * part.height:  # the lightest quarter is paper
            paper = shade
            break
    return part.point([255 if shade < paper * DARK else 0 for shade in range(256)])


def _outlined(picture: Image.Image, lie: Lie, box: Rectangle) -> Point | None:
    """How far from its place a box is, in millimetres; ``None`` where no outline like its own is near."""
    left, top, width, height = box
    around = _ink(_cut(picture, lie, (left - REACH, top - REACH, width + 2 * REACH, height + 2 * REACH)))
    reach, side = round(REACH * DOTS), round(width * DOTS)
    across = _peak(
        around.crop((0, reach, around.width, reach + side)).resize((around.width, 1), Image.Resampling.BOX), side
    )
    if across is None:
        return None
    column = around.crop((across, 0, across + side, around.height)).resize((1, around.height), Image.Resampling.BOX)
    down = _peak(column, side)
    return None if down is None else ((across - reach) / DOTS, (down - reach) / DOTS)


def _peak(profile: Image.Image, side: int) -> int | None:
    """Where two rules as far apart as the box's stand out most."""
    shares = [value / 255 for value in profile.tobytes()]
    thick = 2  # a rule is nearly three dots wide
    strong = [max(shares[max(0, at) : at + thick + 1]) for at in range(len(shares))]
    best = max(
        range(len(shares) - side + 1),
        key=lambda at: min(strong[at], strong[at + side - thick - 1]) - abs(at - (len(shares) - side) / 2) / 400,
    )
    return best if min(strong[best], strong[best + side - thick - 1]) > OUTLINED else None


def _box(picture: Image.Image, lie: Lie, box: Rectangle, moved: Point | None) -> tuple[str, bytes]:
    left, top, width, height = box
    by = moved or (0.0, 0.0)
    left, top = left + by[0], top + by[1]
    shown = _jpeg(_cut(picture, lie, (left - AROUND, top - AROUND, width + 2 * AROUND, height + 2 * AROUND)))
    if moved is None:
        return "unsure", shown
    whole = _ink(_cut(picture, lie, (left - AROUND, top - AROUND, width + 2 * AROUND, height + 2 * AROUND)))
    edge = round((AROUND + width * (1 - INNER) / 2) * DOTS)
    density = _share(whole.crop((edge, edge, whole.width - edge, whole.height - edge)))
    return "no" if density < EMPTY else "yes" if density > CROSSED else "unsure", shown


def _written(picture: Image.Image, lie: Lie, line: Rectangle) -> bool:
    """Whether there is ink, other than a printed rule that came in at an edge."""
    ink = _ink(_cut(picture, lie, line).filter(ImageFilter.MedianFilter(3)))
    rows = [value / 255 for value in ink.resize((1, ink.height), Image.Resampling.BOX).tobytes()]
    within = [share for share in rows if share < 0.5]
    return bool(within) and sum(within) / len(within) > WRITTEN


def _share(ink: Image.Image) -> float:
    counts = ink.histogram()
    return counts[255] / max(sum(counts), 1)


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=65)
    return written.getvalue()
