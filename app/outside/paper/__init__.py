"""Paper: consent forms as printable, archivable, accessible PDF.

The rooms: ``fields`` (what a form must say and what is filled in), ``texts`` (a language's words composed with the
skeleton), ``fills`` (one patient's values put in), ``codes`` (the QR on each page), ``renderers`` (the warm child
seen from outside), ``setting`` (WeasyPrint, inside the child), ``compiling`` and ``stamps`` (a patient's words put into
a paper that was set before), ``blanks`` (forms without a patient), ``joining`` (several forms as one file to print),
``receipts`` (of withdrawals), ``faults``; ``own_texts`` and ``markup`` (what a hospital writes itself).
The words and the layout themselves are in app/consent_templates. Reading scans back is not here: ``scans``.

    text = compose("eu", "el", "adult")                      # published: kept for ever
    html = fill(text.html, {"hospital.name": "..."}, [Registry("...", "...", "...")])
    paper = renderer.render(html, text.css, title=text.title, language="el", created=now)
    paper = press.print(text.html, text.css, {...}, [...], role="processor", ...)    # the same, 200 times as fast
"""

from app.outside.paper import markup
from app.outside.paper.blanks import render_all_blanks, render_blank
from app.outside.paper.codes import BLANK_CODE, grouped_code, parse_qr, plain_code, qr_payload
from app.outside.paper.faults import CODES, PaperFault
from app.outside.paper.fields import FIELDS, POINTS, PROCEDURES, ROLES, VARIANTS
from app.outside.paper.fills import Registry, country_name, fill, long_date
from app.outside.paper.receipts import compose_receipt, receipt_language, receipt_words
from app.outside.paper.renderers import Attached, Place, Rendered, Renderer, checked_fonts
from app.outside.paper.stamps import Press
from app.outside.paper.texts import ComposedText, compose, language_name, languages, style

__all__ = [
    "BLANK_CODE",
    "CODES",
    "FIELDS",
    "POINTS",
    "PROCEDURES",
    "ROLES",
    "VARIANTS",
    "Attached",
    "ComposedText",
    "PaperFault",
    "Place",
    "Press",
    "Registry",
    "Rendered",
    "Renderer",
    "checked_fonts",
    "compose",
    "compose_receipt",
    "country_name",
    "fill",
    "grouped_code",
    "language_name",
    "languages",
    "long_date",
    "markup",
    "parse_qr",
    "plain_code",
    "qr_payload",
    "receipt_language",
    "receipt_words",
    "render_all_blanks",
    "render_blank",
    "style",
]
