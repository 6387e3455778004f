"""What the warm child does for archive copies: pages drawn from any PDF, files put inside, PDF/A-3 marked and proved.

Runs in the child only (``archive_copies`` is how others see it): what is imported here meets what strangers wrote.
"""

from __future__ import annotations

import io
import math
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import img2pdf
import pikepdf
import pypdfium2
from pikepdf import pdfa
from PIL import Image, ImageChops

if TYPE_CHECKING:
    from collections.abc import Sequence

DPI: Final = 200
QUALITY: Final = 80
"""Of a page that was scanned: as large as scanners send it; the original is kept beside it as it came."""
LARGEST_PAGE: Final = 40 * 1000 * 1000
"""Pixels of one page: A1 at 200 dpi. A larger page is drawn as large as that."""
ALL_PAGES: Final = 200 * 1000 * 1000
"""Pixels of all pages: twenty of A3 at 200 dpi."""
COLOURED: Final = 16
"""How far the three colours of a grey pixel lie apart at most, of 255: lamps and sensors are never quite white."""
FEW: Final = 10_000
"""One coloured pixel in so many makes a coloured page: a thin line of a blue pen is more."""
PLAIN: Final = 0.6
"""Share of pixels of one shade from which a page counts as drawn, not photographed."""

File = tuple[str, str, str, str, bytes]
"""Name, description, media type, relationship to the document (``Data``, ``Source``), content."""


def measure(original: bytes) -> tuple[int, float]:
    """Pages, and the dots per inch at which all of them can be drawn: 200, or fewer where they are very large."""
    document = pypdfium2.PdfDocument(original)
    inches = [_inches(document, number) for number in range(len(document))]
    fits = (LARGEST_PAGE / max(inches), ALL_PAGES / sum(inches))
    return len(document), min(DPI, math.floor(math.sqrt(min(fits))))


def _inches(document: Any, number: int) -> float:
    width, height = document.get_page_size(number)
    return max(float(width * height) / 72**2, 1e-6)


def draw(original: bytes, number: int, dpi: float) -> bytes:
    """One page as a picture, with what was filled in and written on it: JPEG, or PNG where that stays sharp and small.

    Args:
        original: any PDF.
        number: of the page, from 0.
        dpi: from ``measure``.
    """
    document = pypdfium2.PdfDocument(original)
    document.init_forms()  # a crossed box of a filled form is drawn by the form, not by the page
    picture = document[number].render(scale=dpi / 72, rev_byteorder=True).to_pil().convert("RGB")
    if not _coloured(picture):
        picture = picture.convert("L")
    sharp, small = (_written(picture, "PNG") if _drawn(picture) else b""), _written(picture, "JPEG", quality=QUALITY)
    return sharp if sharp and len(sharp) <= len(small) else small


def _written(picture: Image.Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def _coloured(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    apart = (ImageChops.difference(red, green), ImageChops.difference(green, blue))
    beyond = max(sum(one.histogram()[COLOURED + 1 :]) for one in apart)
    return beyond * FEW > picture.width * picture.height


def _drawn(picture: Image.Image) -> bool:
    shades = picture.convert("L").histogram()
    return max(shades) >= PLAIN * picture.width * picture.height


def bind(pictures: Sequence[bytes], dpi: float) -> bytes:
    """One PDF with a page for each drawn picture, each page as large as it was."""
    with resources.as_file(resources.files("pikepdf.pdfa") / "data" / "sRGB.icc") as profile:
        document: bytes = img2pdf.convert(
            list(pictures), layout_fun=img2pdf.get_fixed_dpi_layout_fun((dpi, dpi)), pdfa=str(profile), nodate=True
        )
    return document


def finish(pages: bytes, title: str, language: str, made: str, files: Sequence[File]) -> bytes:
    """PDF/A-3b, proved, with files inside.

    Args:
        pages: a PDF of ours that is PDF/A already, of whatever part.
        title: metadata; no patient's name.
        language: BCP 47.
        made: moment in UTC, ISO 8601 with seconds and ``Z``.
        files: what belongs to the pages.

    Raises:
        pikepdf.pdfa.PdfaError: it would not be PDF/A-3b.
    """
    with pikepdf.open(io.BytesIO(pages)) as pdf:
        pdf.Root.Lang = pikepdf.String(language)
        _drop_empty_resources(pdf)
        with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["dc:title"] = title
            metadata["xmp:CreateDate"] = metadata["xmp:ModifyDate"] = made
            metadata["xmp:CreatorTool"] = "CPMS"
        moment = "D:" + made.translate(str.maketrans("", "", "-:T"))
        for name, description, media_type, relationship, content in files:
            pdf.attachments[name] = pikepdf.AttachedFileSpec(
                pdf,
                content,
                description=description,
                filename=name,
                mime_type=media_type,
                creation_date=moment,
                mod_date=moment,
                relationship=pikepdf.Name("/" + relationship),
            )
        written = io.BytesIO()
        pdfa.save(pdf, written, "3b")
    return written.getvalue()


def _drop_empty_resources(pdf: pikepdf.Pdf) -> None:
    """WeasyPrint names kinds of resources it has none of; the proof takes them for patterns it does not know."""
    for page in pdf.pages:
        for kind, found in list(page.Resources.items()):
            if isinstance(found, pikepdf.Dictionary) and not found.keys():
                del page.Resources[kind]
