"""Compiling a paper: set once with marks in the places of a patient's words, then cut so that words can be stamped in.

Runs in the child only, beside ``setting``. The web process stamps the result (``stamps``): it overwrites bytes and
lays out nothing. What comes out stays PDF/A-3a and PDF/UA-1, because only text inside existing tags changes:

- each mark's text operator becomes an uncompressed stream of fixed length in its page's list of streams;
- the font of the marks holds every letter of the house's alphabets, not only those the text uses;
- each code (QR) is a raw picture of 200 x 200 bits;
- dates and the file's identifier stand uncompressed at known places.
"""

from __future__ import annotations

import io
import re
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pikepdf
from fontTools import subset
from fontTools.ttLib import TTFont
from pikepdf import Name

from app.outside.paper import setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOMENT: Final = "1970-01-01T00:00:00Z"
"""The date inside a compiled paper, until one is stamped over it."""
SLOT_BYTES: Final = 640
CODE_ROOM: Final = 12.04
"""How many times its size a form code may be long: 34 mm in the footer's 8 points (paper.css)."""
PICTURE_SIDE: Final = 25 * 8
PICTURE_BYTES: Final = 25 * PICTURE_SIDE
ALPHABETS: Final = (
    *((0x20, 0x7E), (0xA0, 0x17F), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x1CD, 0x1DC), (0x218, 0x21B)),
    *((0x37E, 0x3CE), (0x400, 0x4F9), (0x1E80, 0x1E85), (0x1EA0, 0x1EF9), (0x2010, 0x2027)),
)
"""What can be stamped: the letters of Europe's Latin, Greek and Cyrillic alphabets and of Vietnamese; punctuation."""
RUN: Final = re.compile(rb"/(\w+) ([\d.]+) Tf\n(\[[^\]]*\] TJ)\n")
MEANING: Final = re.compile(rb"<([0-9a-f]{4})> <((?:[0-9a-f]{4})+)>\n")
HEXES: Final = re.compile(rb"<([0-9a-f]+)>")

Slot = tuple[str, int, float, float]
"""Field, offset in the file, size of the letters and room for them (pixels of 1/96 inch)."""
Compiled = tuple[
    bytes,  # the file
    int,  # pages
    dict[str, tuple[int, float, float, float, float]],  # places, as of ``setting``
    list[Slot],
    list[tuple[int, int]],  # page and offset of each code
    list[int],  # offsets of MOMENT
    list[int],  # offsets of the identifier's hexadecimal digits
    dict[str, tuple[int, int]],  # a letter's glyph and width in thousandths of its size
]


def compile_paper(  # noqa: PLR0917 - crosses the process boundary by position
    html: str, css: str, fonts: Mapping[str, str], title: str, language: str, marks: Mapping[str, str]
) -> Compiled:
    """Set a page that has a mark for each field to be stamped, and make it ready.

    Args:
        html: a page filled with marks.
        css: as of ``setting.set_paper``, like ``fonts``, ``title`` and ``language``.
        fonts: see there.
        title: see there.
        language: see there.
        marks: field to mark; the room of a field is that of the element ``<part>-<field's last name>`` on its page.
    """
    content, pages, _missing, places = setting.set_paper(html, css, fonts, title, language, MOMENT)
    with pikepdf.open(io.BytesIO(content)) as pdf:
        cutter = _Cutter(pdf, fonts, marks, places)
        cutter.cut()
        _lay_bare(pdf)
        kept = io.BytesIO()
        pdf.save(
            kept,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
            deterministic_id=True,
        )
    file = kept.getvalue()
    slots = [(name, _place(file, mark), size, room) for name, mark, size, room in cutter.slots]
    pictures = [(page, _place(file, mark)) for page, mark in cutter.pictures]
    moments = [found.start() for found in re.finditer(re.escape(MOMENT.encode()), file)]
    identifier = re.search(rb"/ID \[<([0-9a-f]{32})><([0-9a-f]{32})>\]", file)
    if identifier is None or not moments:
        raise setting.Refused("warned", "compiled file without date or identifier")
    return file, pages, places, slots, pictures, moments, [identifier.start(1), identifier.start(2)], cutter.letters


def _place(file: bytes, mark: bytes) -> int:
    at = file.find(mark)
    if at < 0 or file.find(mark, at + 1) >= 0:
        raise setting.Refused("warned", "a mark is lost")
    return at


def _lay_bare(pdf: pikepdf.Pdf) -> None:
    """Metadata uncompressed, and dates only there: PDF/A-3 does without the old dictionary. A short identifier."""
    metadata = pdf.Root.Metadata
    metadata.write(metadata.read_bytes())
    del pdf.docinfo
    pdf.trailer.ID = pikepdf.Array([pikepdf.String(b"-" * 16)] * 2)


class _Cutter:
    """Cuts marks and codes out of the pages of one file."""

    def __init__(
        self,
        pdf: pikepdf.Pdf,
        fonts: Mapping[str, str],
        marks: Mapping[str, str],
        places: Mapping[str, tuple[int, float, float, float, float]],
    ) -> None:
        self._pdf, self._fonts, self._places = pdf, fonts, places
        self._fields = {mark: field for field, mark in marks.items()}
        self.slots: list[tuple[str, bytes, float, float]] = []
        self.pictures: list[tuple[int, bytes]] = []
        self.letters: dict[str, tuple[int, int]] = {}

    def cut(self) -> None:
        """Do it; then ``slots``, ``pictures`` and ``letters`` are known."""
        for number, page in enumerate(self._pdf.pages, start=1):
            self._cut_words(number, page)
            self._cut_codes(number, page)
        found = {name for name, *_rest in self.slots}
        if found != set(self._fields.values()):
            raise setting.Refused("warned", f"no place for {sorted(set(self._fields.values()) - found)}")

    def _cut_words(self, number: int, page: pikepdf.Page) -> None:
        content, pieces, at = page.Contents.read_bytes(), [], 0
        for run in RUN.finditer(content):
            font = page.Resources.Font[f"/{run[1].decode()}"]
            field = self._field(font, run[3])
            if field is None:
                continue
            mark = self._slot(number, field, float(run[2]))
            pieces += [_packed(content[at : run.start(3)]), (mark, None)]
            at = run.end(3)
            self._complete(font)
        if pieces:
            pieces.append(_packed(content[at:]))
            page.Contents = pikepdf.Array([self._stream(*piece) for piece in pieces])

    def _field(self, font: Any, run: bytes) -> str | None:
        """The field whose mark this run of glyphs shows."""
        signs = _signs(self._fonts[_font_hash(font, self._fonts)])
        glyphs = b"".join(HEXES.findall(run)).decode()
        shown = "".join(signs.get(int(glyphs[at : at + 4], 16), "\0") for at in range(0, len(glyphs), 4))
        return self._fields.get(shown)

    def _slot(self, number: int, field: str, size: float) -> bytes:
        name = field.rpartition(".")[2]
        cells = [place[3] for id_, place in self._places.items() if place[0] == number and id_.endswith(f"-{name}")]
        room = CODE_ROOM * size if field == "form.code" else max(cells) * 96 / 25.4
        mark = (b"slot %06d " % len(self.slots) * SLOT_BYTES)[:SLOT_BYTES]
        self.slots.append((field, mark, size, room))
        return mark

    def _cut_codes(self, number: int, page: pikepdf.Page) -> None:
        drawn = re.findall(rb"/(\w+) Do", _whole(page))
        for picture in {image.objgen: image for image in self._images(page, drawn)}.values():
            mark = (b"code %06d " % len(self.pictures) * PICTURE_BYTES)[:PICTURE_BYTES]
            for key in ("/DecodeParms", "/SMask", "/Interpolate"):
                if key in picture:
                    del picture[key]
            picture.write(mark)
            picture.Width = picture.Height = PICTURE_SIDE
            picture.BitsPerComponent, picture.ColorSpace = 1, Name.DeviceGray
            self.pictures.append((number, mark))

    def _images(self, page: pikepdf.Page, drawn: list[bytes]) -> Iterator[Any]:
        for name in drawn:
            form = page.Resources.XObject[f"/{name.decode()}"]
            yield from form.Resources.XObject.values()

    def _stream(self, content: bytes, packing: Name | None) -> pikepdf.Stream:
        stream = self._pdf.make_stream(b"")
        if packing is None:
            stream.write(content)
        else:
            stream.write(content, filter=packing)
        return self._pdf.make_indirect(stream)

    def _complete(self, font: Any) -> None:
        """Give a font every letter of the alphabets; its glyph numbers stay."""
        if self.letters:
            return
        path = self._fonts[_font_hash(font, self._fonts)]
        widths, letters = _measures(path)
        self.letters = {sign: (glyph, widths[glyph]) for sign, glyph in letters.items()}
        descendant = font.DescendantFonts[0]
        glyphs = frozenset({*letters.values(), *_glyphs(descendant.W)})
        program = _program(path, glyphs)
        descendant.FontDescriptor.FontFile2 = self._stream(*_packed(program))
        descendant.FontDescriptor.FontFile2.Length1 = len(program)
        descendant.W = pikepdf.Array([item for glyph in sorted(glyphs) for item in (glyph, [widths[glyph]])])
        font.ToUnicode = self._stream(*_packed(_to_unicode(_signs(path) | _meant(font), glyphs)))


def _whole(page: pikepdf.Page) -> bytes:
    streams = page.Contents if isinstance(page.Contents, pikepdf.Array) else [page.Contents]
    return b"\n".join(stream.read_bytes() for stream in streams)


def _glyphs(widths: Any) -> Iterator[int]:
    """The glyph numbers of a font's array of widths: each number is followed by the widths from it on."""
    for first, run in zip(list(widths)[::2], list(widths)[1::2], strict=True):
        yield from range(int(first), int(first) + len(run))


def _meant(font: Any) -> dict[int, str]:
    """What a font's glyphs stand for as it was set: a ligature for its letters."""
    pairs = MEANING.findall(font.ToUnicode.read_bytes())
    return {int(glyph, 16): bytes.fromhex(sign.decode()).decode("utf-16-be") for glyph, sign in pairs}


def _packed(content: bytes) -> tuple[bytes, Name]:
    return zlib.compress(content, 9), Name.FlateDecode


def _font_hash(font: Any, fonts: Mapping[str, str]) -> str:
    """Which of our fonts an embedded one is, by its name."""
    name = str(font.BaseFont).partition("+")[2].replace("-", " ")
    found = [digest for digest, path in fonts.items() if _name(path) == name]
    if len(found) != 1:
        raise setting.Refused("foreign_font", name)
    return found[0]


@cache
def _name(path: str) -> str:
    with TTFont(path, lazy=True) as font:
        family, style = (str(font["name"].getDebugName(number)) for number in (1, 2))
    return family if style == "Regular" else f"{family} {style}"


@cache
def _signs(path: str) -> dict[int, str]:
    """Glyph number to the letter it shows."""
    with TTFont(path, lazy=True) as font:
        return {font.getGlyphID(name): chr(sign) for sign, name in sorted(font.getBestCmap().items(), reverse=True)}


@cache
def _measures(path: str) -> tuple[dict[int, int], dict[str, int]]:
    """Each glyph's width in thousandths of the size, and the glyph of each letter of the alphabets."""
    with TTFont(path, lazy=True) as font:
        unit, names = 1000 / font["head"].unitsPerEm, font.getReverseGlyphMap()
        widths = {number: round(font["hmtx"][name][0] * unit) for name, number in names.items()}
        cmap = font.getBestCmap()
        return widths, {chr(sign): names[cmap[sign]] for sign in _alphabets() & cmap.keys()}


@cache
def _program(path: str, glyphs: frozenset[int]) -> bytes:
    """The font with these glyphs alone, under their numbers."""
    options = subset.Options(retain_gids=True, notdef_outline=True, layout_features=[])
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "name", "OS/2", "post", "cmap"]
    with TTFont(path, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(gids=sorted(glyphs))
        cutter.subset(font)
        file = io.BytesIO()
        font.save(file)
    return file.getvalue()


def _to_unicode(signs: Mapping[int, str], glyphs: frozenset[int]) -> bytes:
    """Which letter each glyph shows, so that the text can be searched, copied and read aloud (ISO 32000, 9.10.3)."""
    known = [(glyph, signs[glyph]) for glyph in sorted(glyphs) if glyph in signs]
    lines = [f"<{glyph:04x}> <{sign.encode('utf-16-be').hex()}>" for glyph, sign in known]
    blocks = [lines[at : at + 100] for at in range(0, len(lines), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n{body}\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
    ).encode()


@cache
def _alphabets() -> frozenset[int]:
    return frozenset(sign for first, last in ALPHABETS for sign in range(first, last + 1))
