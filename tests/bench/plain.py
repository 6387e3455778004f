"""The other peer: WeasyPrint as its documentation uses it, warm, in a process of its own, with our fonts and codes.

It reads a variant and how many PDFs, a line each, and answers with the seconds of each. ``peers`` starts it.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import weasyprint

from app.outside.paper.renderers import checked_fonts
from app.outside.paper.setting import _HouseFetcher
from tests.bench.timings import timed, times


def main(page: str) -> None:
    """Print the page."""
    html, fonts = Path(page).read_text(), checked_fonts()
    gc.collect()
    gc.freeze()  # our own modules came along: collecting garbage costs what it costs where only WeasyPrint is

    def write(variant: str | None) -> bytes:
        given = {} if variant is None else {"pdf_variant": variant}
        pdf: bytes = weasyprint.HTML(string=html, url_fetcher=_HouseFetcher(fonts)).write_pdf(**given)
        return pdf

    write(None)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        variant, count = json.loads(line)
        print(json.dumps(times(timed(lambda: write(variant)))(count)), flush=True)  # noqa: B023  asked at once


if __name__ == "__main__":
    main(*sys.argv[1:])
