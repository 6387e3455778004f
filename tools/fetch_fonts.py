"""Copy the pinned fonts from node_modules to app/fonts, checked by SHA-256.

Run by ``make setup`` after ``npm ci``. The pins live in app/consent_templates/fonts.toml.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tomllib
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent


def fetch_fonts(packages: Path, pins: Path, folder: Path) -> list[str]:
    """Copy each pinned font into ``folder``; return one sentence per font that is missing or not the pinned one."""
    faults = []
    folder.mkdir(exist_ok=True)
    for pin in tomllib.loads(pins.read_text("utf-8")).values():
        source = packages / pin["source"]
        if not source.is_file():
            faults.append(f"{source} is not there: run npm ci first")
        elif hashlib.sha256(source.read_bytes()).hexdigest() != pin["sha256"]:
            faults.append(f"{source} is not the pinned font")
        else:
            shutil.copyfile(source, folder / pin["file"])
    return faults


if __name__ == "__main__":
    PINS = HOUSE / "app" / "consent_templates" / "fonts.toml"
    sys.exit("\n".join(fetch_fonts(HOUSE / "node_modules", PINS, HOUSE / "app" / "fonts")) or None)
