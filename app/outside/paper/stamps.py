"""Stamping: one patient's words put into a compiled paper in a millisecond, without laying anything out again.

A page is compiled once for its text, hospital, registries and operator (``compiling``, in the warm child, half a
second); a ``Press`` keeps what is compiled, in memory and in a folder. No compiled paper holds anything about a
patient. Words that do not fit their cells, or have a letter the stamps lack, are set in full (``renderers``), so both
ways show the same paper.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import secrets
import threading
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import zxingcpp

from app.outside.paper.codes import BLANK_CODE, grouped_code, qr_payload
from app.outside.paper.fills import fill
from app.outside.paper.renderers import Place, Rendered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.outside.paper.compiling import Compiled
    from app.outside.paper.fills import Registry
    from app.outside.paper.renderers import Renderer

STAMPED: Final = {
    "form.code": "ZZZZZZZZZZZZZZZZ",
    "patient.family_name": "Q1Q1Q",
    "patient.given_names": "Q2Q2Q",
    "patient.birth_date": "Q3Q3Q",
    "patient.file_number": "Q4Q4Q",
    "clinician.name": "Q5Q5Q",
}
"""The fields that are stamped, each with the mark that stands in its place while a paper is compiled."""
MARKS: Final = STAMPED | {"form.code": grouped_code(STAMPED["form.code"])}
"""The marks as they are printed."""
WRITTEN: Final = frozenset(name for name in STAMPED if name.startswith("patient."))
"""The fields that stand on a blank form as lines to write on."""
NAMES: Final = frozenset({"patient.family_name", "patient.given_names", "clinician.name"})
NARROWEST: Final = 85
"""Per cent of its width to which a long name is squeezed, no further."""
SLOT_BYTES: Final = 640
KEPT: Final = 64


@dataclass(frozen=True)
class Stamp:
    """A compiled paper, ready for the words of any patient of its hospital."""

    file: bytes
    pages: int
    places: Mapping[str, Place]
    slots: Sequence[tuple[str, int, float, float]]
    pictures: Sequence[tuple[int, int]]
    moments: Sequence[int]
    identifiers: Sequence[int]
    letters: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, compiled: Compiled) -> Stamp:
        """The stamp of what the child compiled."""
        file, pages, places, slots, pictures, moments, identifiers, letters = compiled
        known = {name: Place(*place) for name, place in places.items()}
        return cls(file, pages, known, slots, pictures, moments, identifiers, letters)

    def press(self, values: Mapping[str, str], created: dt.datetime) -> bytes | None:
        """The paper with ``values`` (by ``STAMPED``) in their places; ``None`` where they must be set in full.

        ``form.code`` is a form code, or missing on a form that belongs to no record; ``created`` becomes the date
        inside the file. The same arguments give the same bytes.
        """
        code = values.get("form.code") or BLANK_CODE
        words = {name: unicodedata.normalize("NFC", values.get(name, "")) for name in STAMPED}
        words["form.code"] = grouped_code(code)
        paper = bytearray(self.file)
        for field, at, size, room in self.slots:
            shown = self._shown(words[field], size, room, squeezed=field in NAMES)
            if shown is None:
                return None
            paper[at : at + SLOT_BYTES] = shown.ljust(SLOT_BYTES)
        for page, at in self.pictures:
            picture = _code_picture(qr_payload(code, page))
            paper[at : at + len(picture)] = picture
        moment = created.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        for at in self.moments:
            paper[at : at + len(moment)] = moment
        identity = json.dumps([sorted(words.items()), moment.decode()]).encode()
        identifier = hashlib.sha256(self.file[-1024:] + identity).hexdigest()[:32].encode()
        for at in self.identifiers:
            paper[at : at + 32] = identifier
        return bytes(paper)

    def _shown(self, text: str, size: float, room: float, *, squeezed: bool) -> bytes | None:
        """The operators that show a text in its place (ISO 32000, 9.4.3)."""
        if any(sign not in self.letters for sign in text):
            return None
        width = sum(self.letters[sign][1] for sign in text) * size / 1000
        scale = 100.0 if width <= room else int(room / width * 10_000) / 100
        if scale < (NARROWEST if squeezed else 100):
            return None
        glyphs = "".join(f"{self.letters[sign][0]:04x}" for sign in text)
        shown = f"{scale:g} Tz <{glyphs}> Tj 100 Tz\n".encode()
        return shown if len(shown) <= SLOT_BYTES else None


def _code_picture(payload: str) -> bytes:
    """A code as a picture of 200 x 200 bits, white is 1: a dot of its 25 x 25 is a byte wide and eight rows high."""
    code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="M", version="2")
    dots = bytes(code.to_image(scale=1, add_quiet_zones=False))
    return b"".join(dots[at : at + 25] * 8 for at in range(0, len(dots), 25))


PROGRAM: Final = hashlib.sha256(
    b"".join(one.read_bytes() for one in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()
"""What compiles: a paper compiled by an earlier program is compiled again."""


class Press:
    """Papers for patients: stamped where that can be, else set in full. Safe for threads."""

    def __init__(self, renderer: Renderer, folder: Path) -> None:
        """``folder`` keeps compiled papers between starts; it may be emptied at any time."""
        self._renderer, self._folder = renderer, folder
        self._stamps: OrderedDict[str, Stamp] = OrderedDict()
        self._lock = threading.Lock()

    def print(
        self,
        html: str,
        css: str,
        values: Mapping[str, str],
        registries: Sequence[Registry] = (),
        *,
        role: str,
        demo: bool,
        title: str,
        language: str,
        created: dt.datetime,
        large: bool = False,
        by_hand: bool = False,
    ) -> Rendered:
        """One form. Arguments and faults are those of ``fill`` and of ``Renderer.render``."""
        stamped = {name: mark for name, mark in STAMPED.items() if not (by_hand and name in WRITTEN)}
        words = {name: values[name] for name in STAMPED if values.get(name)}
        standing = {name: value for name, value in values.items() if name not in STAMPED}
        facts = [
            PROGRAM,
            html,
            css,
            sorted(standing.items()),
            [vars(one) for one in registries],
            role,
            demo,
            title,
            language,
            large,
            by_hand,
        ]
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        stamp = self._kept(key)
        if stamp is None:
            marked = fill(html, standing | stamped, registries, role=role, demo=demo, large=large, by_hand=by_hand)
            marks = {name: MARKS[name] for name in stamped}
            stamp = self._keep(key, self._renderer.compile(marked, css, title=title, language=language, marks=marks))
        pressed = stamp.press(words, created)
        if pressed is not None:
            return Rendered(pressed, stamp.pages, (), stamp.places)
        page = fill(html, values, registries, role=role, demo=demo, large=large, by_hand=by_hand)
        return self._renderer.render(page, css, title=title, language=language, created=created)

    def set(self, html: str, css: str, *, title: str, language: str, created: dt.datetime) -> Rendered:
        """A page that is no form, such as a receipt. Arguments and faults are those of ``Renderer.render``."""
        return self._renderer.render(html, css, title=title, language=language, created=created)

    def join(self, forms: Sequence[bytes]) -> bytes:
        """Several forms as one PDF to print. Faults are those of ``Renderer.join``."""
        return self._renderer.join(forms)

    def sweep(self, before: dt.datetime) -> int:
        """Delete compiled papers last taken from the folder before that moment. Gives how many."""
        old = [path for path in self._folder.glob("*") if path.stat().st_mtime < before.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _kept(self, key: str) -> Stamp | None:
        with self._lock:
            if key in self._stamps:
                self._stamps.move_to_end(key)
                return self._stamps[key]
        path = self._folder / key
        try:
            digest, _line, kept = path.read_bytes().partition(b"\n")
            if digest != hashlib.sha256(kept).hexdigest().encode():
                return None  # the power went while it was written, or somebody has changed it
            path.touch()  # still in use
        except OSError:  # not compiled yet
            return None
        facts, _line, file = kept.partition(b"\n")
        return self._remember(key, (file, *json.loads(facts)))

    def _keep(self, key: str, compiled: Compiled) -> Stamp:
        """Keep it in the folder too; where there is no room it is compiled again after the next start."""
        file, *facts = compiled
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            kept = json.dumps(facts).encode() + b"\n" + file
            fresh = self._folder / f"{key}.{secrets.token_hex(4)}"
            fresh.write_bytes(hashlib.sha256(kept).hexdigest().encode() + b"\n" + kept)
            fresh.replace(self._folder / key)
        return self._remember(key, compiled)

    def _remember(self, key: str, compiled: Compiled) -> Stamp:
        stamp = Stamp.of(compiled)
        with self._lock:
            self._stamps[key] = stamp
            while len(self._stamps) > KEPT:
                self._stamps.popitem(last=False)
        return stamp
