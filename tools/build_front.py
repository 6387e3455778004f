"""Make app/static/vendor from node_modules: the bundles we use, and one sprite with the icons we use.

Run by ``make setup`` after ``npm ci``. Icons are named here, once; a template or the site map that names another one
stops the build.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes

HOUSE = Path(__file__).resolve().parent.parent

BUNDLES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "tom-select/dist/js/tom-select.popular.min.js": "tom-select.js",
}

MODULES = {
    "orderedmap": "dist/index.js",
    "prosemirror-commands": "dist/index.js",
    "prosemirror-history": "dist/index.js",
    "prosemirror-inputrules": "dist/index.js",
    "prosemirror-keymap": "dist/index.js",
    "prosemirror-model": "dist/index.js",
    "prosemirror-schema-list": "dist/index.js",
    "prosemirror-state": "dist/index.js",
    "prosemirror-transform": "dist/index.js",
    "prosemirror-view": "dist/index.js",
    "rope-sequence": "dist/index.js",
    "w3c-keyname": "index.js",
}
"""Packages whose modules the browser loads as they are; only the names they import each other by become addresses."""
IMPORTED = re.compile(r"""(?<=\bfrom )['"]([\w-]+)['"]""")

ICONS = (
    "archive",
    "arrow-left",
    "arrow-right",
    "badge-check",
    "ban",
    "bell",
    "bold",
    "book-user",
    "braces",
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
    "fingerprint",
    "flag",
    "globe",
    "handshake",
    "heading",
    "history",
    "hospital",
    "hourglass",
    "house",
    "id-card",
    "inbox",
    "info",
    "key-round",
    "languages",
    "layers",
    "list",
    "list-checks",
    "list-ordered",
    "loader",
    "link",
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
    "pilcrow",
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
    "shield-x",
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

PLACES = {"icon": 0, "link_button": 3, "empty_state": 3, "post_button": 4}
"""Which argument of a macro is an icon."""

KINDS = {"quiet", "info", "good", "warn", "bad"}
IN_CODE = re.compile(r"""^ {4}Entry\(.*["']([a-z0-9-]+)["']\),|["']icon["']: ["']([a-z0-9-]+)["']""", re.MULTILINE)


def words(node: nodes.Node | None) -> Iterator[str]:
    """The strings an expression can be: both arms of a condition, the values of a dict, what ``get`` falls back to."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, nodes.Dict):
        for pair in node.items:
            yield from words(pair.value)
    elif isinstance(node, nodes.CondExpr):
        yield from words(node.expr1)
        yield from words(node.expr2)
    elif isinstance(node, nodes.Call):
        yield from words(node.node)
        for fallback in node.args[1:]:
            yield from words(fallback)
    elif node is not None:
        for child in node.iter_child_nodes():
            yield from words(child)


def drawn(page: nodes.Template) -> Iterator[str]:
    """The icons a template names: as a macro's argument, as ``icon`` of an item, beside a kind of tag."""
    for call in page.find_all(nodes.Call):
        name = getattr(call.node, "attr", getattr(call.node, "name", ""))
        yield from (word for argument in call.args[PLACES.get(name, len(call.args)) :][:1] for word in words(argument))
        yield from (word for given in call.kwargs if given.key == "icon_name" for word in words(given.value))
    for macro in page.find_all(nodes.Macro):
        for argument, default in zip(reversed(macro.args), reversed(macro.defaults), strict=False):
            yield from words(default) if argument.name == "icon_name" else ()
    for pair in page.find_all(nodes.Pair):
        if isinstance(pair.key, nodes.Const) and pair.key.value == "icon":
            yield from words(pair.value)
    for two in page.find_all(nodes.Tuple):
        strings = [getattr(item, "value", None) for item in two.items]
        if strings[:1] and strings[0] in KINDS:
            yield from (name for name in strings[1:] if isinstance(name, str) and name not in KINDS)


def named_icons(app: Path) -> dict[str, str]:
    """Every icon a template, the site map or a page names, with the file that names it."""
    reader = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    templates = sorted((app / "templates").rglob("*.html"))
    places = {name: str(path) for path in templates for name in drawn(reader.parse(path.read_text("utf-8")))}
    for path in (app / "views.py", *sorted((app / "pages").glob("*.py"))):
        places |= {one or other: str(path) for one, other in IN_CODE.findall(path.read_text("utf-8"))}
    return places


def symbol(name: str, drawing: str) -> str:
    """One icon as a ``<symbol>``; stroke and size come from the page's style sheet."""
    strokes = re.sub(r"\s+", " ", re.sub(r"^.*?<svg.*?>|</svg>\s*$", "", drawing, flags=re.DOTALL)).strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{strokes}</symbol>'


def build_front(packages: Path, house: Path) -> list[str]:
    """Write app/static/vendor; return one sentence per fault, and write nothing then."""
    drawings = {name: packages / "lucide-static/icons" / f"{name}.svg" for name in ICONS}
    named = named_icons(house / "app")
    faults = [
        f"{place} names the icon {name}: add it to ICONS" for name, place in named.items() if name not in drawings
    ]
    faults += [f"there is no icon {name} in lucide-static" for name, path in drawings.items() if not path.is_file()]
    needed = (*BUNDLES, *(f"{package}/{source}" for package, source in MODULES.items()))
    faults += [
        f"{packages / source} is not there: run npm ci first" for source in needed if not (packages / source).is_file()
    ]
    if faults:
        return faults
    vendor = house / "app/static/vendor"
    vendor.mkdir(parents=True, exist_ok=True)
    for source, target in BUNDLES.items():
        text = (packages / source).read_text("utf-8")
        (vendor / target).write_text(re.sub(r"\n?//# sourceMappingURL=.*\s*$", "\n", text), "utf-8")
    for package, source in MODULES.items():
        text = IMPORTED.sub(r'"./\1.js"', (packages / package / source).read_text("utf-8"))
        (vendor / f"{package}.js").write_text(text, "utf-8")
    symbols = "\n".join(symbol(name, path.read_text("utf-8")) for name, path in drawings.items())
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">\n<!-- lucide, ISC licence -->\n{symbols}\n</svg>\n'
    (vendor / "icons.svg").write_text(sprite, "utf-8")
    for licence in ("htmx.org", "lucide-static", "tom-select", *MODULES):
        shutil.copyfile(packages / licence / "LICENSE", vendor / f"{licence}.LICENSE")
    return []


if __name__ == "__main__":
    sys.exit("\n".join(build_front(HOUSE / "node_modules", HOUSE)) or None)
