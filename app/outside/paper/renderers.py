"""The renderer as the web process and the job worker see it: a warm child that sets paper, within limits.

The child itself is ``app.outside.children``, what it does is ``setting``. Nothing here imports WeasyPrint.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.outside.children import Child, ChildFault
from app.outside.paper.faults import PaperFault
from app.outside.paper.texts import font_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.outside.paper.compiling import Compiled

FONTS: Final = Path(__file__).resolve().parents[2] / "fonts"
MOST_CHARACTERS: Final = 1_000_000
JOIN_SECONDS: Final = 180.0
"""Two hundred forms are joined in two; a machine that has much to do takes ten times as long. Meanwhile others print."""
CODES_OF_CHILD: Final = {"timeout": "too_long", "memory": "too_big", "busy": "busy"}


@dataclass(frozen=True)
class Attached:
    """A file inside the PDF, as data that belongs to it (such as the consent as FHIR)."""

    name: str
    description: str
    content: bytes


@dataclass(frozen=True)
class Place:
    """Where an element with an id is: page from 1; millimetres from the page's top left corner."""

    page: int
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Rendered:
    """A paper that was set."""

    pdf: bytes
    pages: int
    missing: tuple[str, ...]
    """Characters no font of ours has: printed as empty boxes, so the desk must say it."""
    places: Mapping[str, Place] = field(repr=False)
    """By id: ``care-yes``, ``care-no``, ``registry-1-yes``, ... and the parts ``signing``, ``decisions``, ``copy``, ``slip``."""

    @property
    def returning(self) -> int:
        """How many pages come back signed: the sheet of the slip, behind the last of them, stays with the patient."""
        last, slip = self.places.get("copy"), self.places.get("slip")
        return last.page if last is not None and slip is not None and last.page < slip.page else self.pages


class Renderer:
    """Sets papers in one or two children; threads wait for their turn. Nothing starts before the first paper."""

    def __init__(
        self,
        *,
        children: int = 1,
        seconds: float = 20.0,
        memory_bytes: int = 512 << 20,
        papers_a_worker: int = 200,
        fonts: Path = FONTS,
    ) -> None:
        """Note the limits of one paper; ``memory_bytes`` is what a worker may take beyond a warm one."""
        self._fonts = fonts
        self._children = [
            Child(["app.outside.paper.setting"], memory_bytes, seconds, papers_a_worker) for _ in range(children)
        ]
        self._turns = itertools.cycle(self._children)
        self._joiner = Child(["app.outside.paper.joining"], memory_bytes, JOIN_SECONDS, papers_a_worker)

    def render(
        self,
        html: str,
        css: str,
        *,
        title: str,
        language: str,
        created: dt.datetime,
        attachments: Sequence[Attached] = (),
    ) -> Rendered:
        """Set a filled page as PDF/A-3a and PDF/UA-1. The same arguments give the same bytes, everywhere.

        Args:
            html: from ``fill``.
            css: of the composed text.
            title: the document's title; never a patient's name.
            language: of the text, BCP 47.
            created: aware moment; it is the date inside the file.
            attachments: files to put inside.

        Raises:
            PaperFault: every code but ``text_missing``, ``text_broken``, ``unknown_field``.
        """
        moment = created.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        files = [(one.name, one.description, one.content) for one in attachments]
        pdf, pages, missing, places = self._ask(set_in_child, html, css, title, language, moment, files)
        return Rendered(pdf, pages, missing, {name: Place(*place) for name, place in places.items()})

    def compile(self, html: str, css: str, *, title: str, language: str, marks: Mapping[str, str]) -> Compiled:
        """Compile a page that is filled with ``marks`` (by field); see ``compiling``. Faults are those of ``render``."""
        compiled: Compiled = self._ask(compile_in_child, html, css, title, language, dict(marks))
        return compiled

    def join(self, forms: Sequence[bytes]) -> bytes:
        """Several forms as one PDF to print, each on sheets of its own; see ``joining``.

        Raises:
            PaperFault: ``too_long``, ``too_big``, ``busy``, ``crashed``.
        """
        return forms[0] if len(forms) == 1 else self._call(self._joiner, join_in_child, list(forms))

    def close(self) -> None:
        """End the children; a later paper starts them again."""
        for child in (*self._children, self._joiner):
            child.close()

    def _ask(self, work: Callable[..., Any], html: str, css: str, *rest: Any) -> Any:
        if len(html) + len(css) > MOST_CHARACTERS:
            raise PaperFault("too_big", "characters")
        answer = self._call(next(self._turns), work, html, css, checked_fonts(self._fonts), *rest)
        if len(answer) == 2:
            raise PaperFault(*answer)
        return answer

    def _call(self, child: Child, work: Callable[..., Any], *job: Any) -> Any:
        try:
            return child.call(work, *job)
        except ChildFault as fault:
            raise PaperFault(CODES_OF_CHILD.get(fault.code, "crashed"), fault.detail) from None


def set_in_child(*job: Any) -> Any:
    """Runs in the child: ``set_paper``'s answer, or the code and detail of a fault."""
    from app.outside.paper import setting  # noqa: PLC0415 - imports WeasyPrint, which only the child may

    try:
        return setting.set_paper(*job)
    except setting.Refused as fault:
        return fault.args


def compile_in_child(*job: Any) -> Any:
    """Runs in the child: ``compile_paper``'s answer, or the code and detail of a fault."""
    from app.outside.paper import compiling, setting  # noqa: PLC0415 - import WeasyPrint, which only the child may

    try:
        return compiling.compile_paper(*job)
    except setting.Refused as fault:
        return fault.args


def join_in_child(forms: list[bytes]) -> bytes:
    """Runs in the child."""
    from app.outside.paper import joining  # noqa: PLC0415 - imports pikepdf, which the web process does without

    return joining.join(forms)


def checked_fonts(folder: Path = FONTS) -> dict[str, str]:
    """SHA-256 of each pinned font to its path.

    Asked before every setting: without any font WeasyPrint does not raise, the process dies.

    Raises:
        PaperFault: ``fonts_missing``.
    """
    fonts = {}
    for pin in font_pins().values():
        path = folder / pin["file"]
        if not path.is_file() or _digest_of(str(path), path.stat().st_mtime_ns) != pin["sha256"]:
            raise PaperFault("fonts_missing", pin["file"])
        fonts[pin["sha256"]] = str(path)
    return fonts


@cache
def _digest_of(path: str, _changed: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
