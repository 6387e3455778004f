"""Forms the tests print by the real renderer, and what is read back from them."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

from PIL import Image

from app.outside.paper import (
    Registry,
    Rendered,
    Renderer,
    compose,
    fill,
)

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
