"""Setting a page with WeasyPrint: what runs inside the child process, and only there.

Importing this module imports WeasyPrint (0.9 s) and takes the machine's fonts away from this process, so
nobody but the child imports it: see ``renderers`` for the side of the web process.

What comes out is PDF/A-3a and PDF/UA-1 in one file, the same bytes for the same input in every process.
"""

from __future__ import annotations

import atexit
import datetime as dt
import gc
import hashlib
import io
import itertools
import logging
import os
import re
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Only the fonts a style sheet names exist here: no font of the machine may slip in. Read by fontconfig at its start.
FOLDER: Final = Path(tempfile.mkdtemp(prefix=f"cpms-paper-{os.getpid()}-"))
for left in Path(tempfile.gettempdir()).glob("cpms-paper-*-*"):  # by a process that was killed
    if not Path("/proc", left.name.split("-")[2]).exists():
        shutil.rmtree(left, ignore_errors=True)
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
(FOLDER / "fonts.conf").write_text(f"<fontconfig><cachedir>{FOLDER}/cache</cachedir></fontconfig>", "utf-8")
os.environ["FONTCONFIG_FILE"] = str(FOLDER / "fonts.conf")

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "No fonts configured")  # that is the point
    import weasyprint
import zxingcpp  # noqa: E402
from PIL import Image  # noqa: E402
from weasyprint.text.fonts import FontConfiguration, get_hb_object_data  # noqa: E402
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse  # noqa: E402

MOST_PAGES: Final = 24
PIXELS_A_MODULE: Final = 8
PAPERS_BETWEEN_COLLECTIONS: Final = 8
QR_ADDRESS: Final = re.compile(r"qr:([A-Z0-9:]{32})")
FONT_ADDRESS: Final = re.compile(r"font:([0-9a-f]{64})")
UA_MARK: Final = (
    b'<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" pdfuaid:part="1"/>'
    b'<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
    b' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"'
    b' xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag>'
    b'<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>'
    b"<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    b"<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>"
    b'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>'
    b"<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>"
    b"<pdfaProperty:description>Part of PDF/UA this file conforms to</pdfaProperty:description></rdf:li></rdf:Seq>"
    b"</pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"
)
"""PDF/UA-1's mark, and the schema PDF/A wants for a mark it does not know (ISO 19005-3, 6.6.2.3)."""

Paper = tuple[bytes, int, tuple[str, ...], dict[str, tuple[int, float, float, float, float]]]


class Refused(Exception):
    """Args: the fault's code, a detail."""


def set_paper(  # noqa: PLR0917 - crosses the process boundary by position
    html: str,
    css: str,
    fonts: Mapping[str, str],
    title: str,
    language: str,
    created: str,
    attachments: Sequence[tuple[str, str, bytes]] = (),
) -> Paper:
    """Set one paper.

    Args:
        html: a filled page.
        css: of the composed text; parsed once per worker.
        fonts: SHA-256 of each allowed font to the path of its file.
        title: metadata; no patient's name.
        language: BCP 47.
        created: moment in UTC, ISO 8601 with seconds and ``Z``.
        attachments: name, description, bytes.

    Returns:
        The PDF, the number of pages, the characters that no font has, and each id's place:
        page (from 1) and left, top, width, height in millimetres from the top left corner.
    """
    fetcher = _HouseFetcher(dict(fonts))
    complaints = _Warnings()
    logger = logging.getLogger("weasyprint")
    logger.addHandler(complaints)
    _tidy()
    try:
        return _set(html, css, fetcher, title, language, created, attachments, complaints)
    except FatalURLFetchingError as fault:
        raise Refused("refused_address", str(fault)) from None
    except RecursionError:
        raise Refused("too_big", "nested too deeply") from None
    finally:
        logger.removeHandler(complaints)


def _set(  # noqa: PLR0917 - one job, in the order of set_paper
    html: str,
    css: str,
    fetcher: _HouseFetcher,
    title: str,
    language: str,
    created: str,
    attachments: Sequence[tuple[str, str, bytes]],
    complaints: _Warnings,
) -> Paper:
    style, house_fonts = _style(css, tuple(sorted(fetcher.fonts.items())))
    page = weasyprint.HTML(string=html, url_fetcher=fetcher)
    document = page.render(font_config=house_fonts, stylesheets=[style], pdf_variant="pdf/a-3a")
    if len(document.pages) > MOST_PAGES:
        raise Refused("too_big", f"{len(document.pages)} pages")
    metadata = document.metadata
    metadata.title, metadata.lang, metadata.generator = title, language, "CPMS"
    metadata.created = metadata.modified = created
    metadata.authors, metadata.keywords, metadata.description, metadata.attachments = [], [], None, []
    pdf = document.write_pdf(
        pdf_variant="pdf/a-3a",
        finisher=_mark_accessible,
        attachments=[_attachment(*one, created, fetcher) for one in attachments] or None,
    )
    complaints.raise_first()
    _refuse_foreign(document, fetcher.fonts)
    missing = sorted({chr(sign) for font in document.fonts.values() for sign in font.missing})
    return pdf, len(document.pages), tuple(missing), _places(document)


@cache
def _style(css: str, fonts: tuple[tuple[str, str], ...]) -> tuple[Any, Any]:
    """Style sheet and fonts, kept warm: the same few texts are printed all day."""
    _clear_dead_fonts()
    house_fonts = FontConfiguration()
    style = weasyprint.CSS(string=css, font_config=house_fonts, url_fetcher=_HouseFetcher(dict(fonts)))
    return style, house_fonts


def _tidy() -> None:
    """Collect garbage every few papers and not during one (12 % faster); a paper leaves about 4 MB."""
    gc.disable()
    if next(_papers) % PAPERS_BETWEEN_COLLECTIONS == 0:
        gc.collect()


_papers = itertools.count(1)


def _clear_dead_fonts() -> None:
    """Remove what a killed worker left; WeasyPrint copies each font into a folder of its own."""
    mine = FOLDER / str(os.getpid())
    if not mine.exists():
        for folder in FOLDER.iterdir():
            if folder.name.isdigit():
                shutil.rmtree(folder, ignore_errors=True)
        mine.mkdir()
    tempfile.tempdir = str(mine)


class _HouseFetcher(URLFetcher):  # type: ignore[misc]
    """The only addresses a paper can name: our fonts by hash, our codes by content. Anything else stops the setting."""

    def __init__(self, fonts: dict[str, str]) -> None:
        super().__init__(allowed_protocols=(), fail_on_errors=True)
        self.fonts = fonts

    def fetch(self, url: str, _headers: object = None) -> URLFetcherResponse:
        if found := QR_ADDRESS.fullmatch(url):
            return URLFetcherResponse(url, _qr_picture(found[1]), {"Content-Type": "image/png"})
        if (found := FONT_ADDRESS.fullmatch(url)) and found[1] in self.fonts:
            content = Path(self.fonts[found[1]]).read_bytes()
            if hashlib.sha256(content).hexdigest() == found[1]:
                return URLFetcherResponse(url, content, {"Content-Type": "font/ttf"})
        raise PermissionError(url)


@cache
def _qr_picture(payload: str) -> bytes:
    """Version 2, correction M, black and white, without quiet zone: the margin around it is the paper's."""
    code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="M", version="2")
    picture = Image.fromarray(code.to_image(scale=PIXELS_A_MODULE, add_quiet_zones=False)).convert("L")
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _attachment(name: str, description: str, content: bytes, created: str, fetcher: _HouseFetcher) -> Any:
    moment = dt.datetime.fromisoformat(created)
    return weasyprint.Attachment(
        file_obj=io.BytesIO(content),
        name=name,
        description=description,
        relationship="Data",
        created=moment,
        modified=moment,
        url_fetcher=fetcher,
    )


def _mark_accessible(_document: Any, pdf: Any) -> None:
    number = int(pdf.catalog["Metadata"].split()[0])
    stream = pdf.objects[number].stream
    stream[:] = [b"".join(stream).replace(b"</rdf:RDF>", UA_MARK + b"</rdf:RDF>", 1)]


def _refuse_foreign(document: Any, fonts: Mapping[str, str]) -> None:
    for font in document.fonts.values():
        if hashlib.sha256(get_hb_object_data(font.hb_face)).hexdigest() not in fonts:
            raise Refused("foreign_font", str(font.name))


def _places(document: Any) -> dict[str, tuple[int, float, float, float, float]]:
    millimetre = 25.4 / 96
    places = {}
    for number, page in enumerate(document.pages, start=1):
        for name, (left, top, right, bottom) in page.anchors.items():
            edges = (left, top, right - left, bottom - top)
            places[name] = (number, *(round(edge * millimetre, 2) for edge in edges))
    return places


class _Warnings(logging.Handler):
    """Collects what WeasyPrint only logs. A missing glyph is reported apart, so it is not a fault here."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if not message.startswith(".notdef glyph"):
            self._messages.append(message)

    def raise_first(self) -> None:
        if self._messages:
            raise Refused("warned", self._messages[0])
