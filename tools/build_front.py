"""Make app/static/vendor from node_modules: the bundles we use, and one sprite with the icons we use.

Run by ``make setup`` after ``npm ci``. Icons are named here, once; a template or the site map that names another one
stops the build.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent

BUNDLES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "tom-select/dist/js/tom-select.popular.min.js": "tom-select.js",
}

ICONS = (
    "archive",
    "arrow-left",
    "badge-check",
    "ban",
    "bell",
    "briefcase-medical",
    "building-2",
    "calendar",
    "camera",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle-alert",
    "circle-check",
    "circle-question-mark",
    "circle-x",
    "clipboard-list",
    "clock",
    "copy",
    "download",
    "ellipsis",
    "eraser",
    "eye",
    "eye-off",
    "file-check",
    "file-text",
    "file-x",
    "flag",
    "globe",
    "handshake",
    "history",
    "hospital",
    "hourglass",
    "house",
    "id-card",
    "inbox",
    "info",
    "key-round",
    "languages",
    "list-checks",
    "loader",
    "lock",
    "log-out",
    "mail",
    "menu",
    "messages-square",
    "minus",
    "monitor-smartphone",
    "network",
    "pen-line",
    "pencil",
    "phone",
    "plus",
    "printer",
    "qr-code",
    "replace",
    "scan-line",
    "scroll-text",
    "search",
    "send",
    "settings",
    "shield-check",
    "smartphone",
    "stamp",
    "stethoscope",
    "tags",
    "trash-2",
    "triangle-alert",
    "undo-2",
    "upload",
    "user-check",
    "user-plus",
    "user-round",
    "users",
    "users-round",
    "video",
    "x",
)

CALLS = re.compile(r"""\bicon(?:\(\s*|\s*=\s*)["']([a-z0-9-]+)["']""")
ENTRIES = re.compile(r"""^ {4}Entry\(.*["']([a-z0-9-]+)["']\),""", re.MULTILINE)


def named_icons(templates: Path, site_map: Path) -> dict[str, str]:
    """Every icon a template or the site map names, with the file that names it."""
    places = {name: str(path) for path in sorted(templates.rglob("*.html")) for name in CALLS.findall(path.read_text("utf-8"))}
    return places | {name: str(site_map) for name in ENTRIES.findall(site_map.read_text("utf-8"))}


def symbol(name: str, drawing: str) -> str:
    """One icon as a ``<symbol>``; stroke and size come from the page's style sheet."""
    strokes = re.sub(r"\s+", " ", re.sub(r"^.*?<svg.*?>|</svg>\s*$", "", drawing, flags=re.DOTALL)).strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{strokes}</symbol>'


def build_front(packages: Path, house: Path) -> list[str]:
    """Write app/static/vendor; return one sentence per fault, and write nothing then."""
    drawings = {name: packages / "lucide-static/icons" / f"{name}.svg" for name in ICONS}
    named = named_icons(house / "app/templates", house / "app/views.py")
    faults = [f"{place} names the icon {name}: add it to ICONS" for name, place in named.items() if name not in drawings]
    faults += [f"there is no icon {name} in lucide-static" for name, path in drawings.items() if not path.is_file()]
    faults += [f"{packages / source} is not there: run npm ci first" for source in BUNDLES if not (packages / source).is_file()]
    if faults:
        return faults
    vendor = house / "app/static/vendor"
    vendor.mkdir(parents=True, exist_ok=True)
    for source, target in BUNDLES.items():
        text = (packages / source).read_text("utf-8")
        (vendor / target).write_text(re.sub(r"\n?//# sourceMappingURL=.*\s*$", "\n", text), "utf-8")
    symbols = "\n".join(symbol(name, path.read_text("utf-8")) for name, path in drawings.items())
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">\n<!-- lucide, ISC licence -->\n{symbols}\n</svg>\n'
    (vendor / "icons.svg").write_text(sprite, "utf-8")
    for licence in ("htmx.org", "lucide-static", "tom-select"):
        shutil.copyfile(packages / licence / "LICENSE", vendor / f"{licence}.LICENSE")
    return []


if __name__ == "__main__":
    sys.exit("\n".join(build_front(HOUSE / "node_modules", HOUSE)) or None)
