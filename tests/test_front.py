"""The bundles and icons the pages are made with: tools/build_front.py."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE / "tools"))

import build_front  # noqa: E402  the tools are programs, not a package


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A house with our templates and pages, nothing built."""
    for folder in ("templates", "pages"):
        shutil.copytree(HOUSE / "app" / folder, tmp_path / "app" / folder)
    shutil.copy(HOUSE / "app/views.py", tmp_path / "app/views.py")
    return tmp_path


def test_the_sprite_holds_exactly_the_listed_icons(house: Path) -> None:
    assert build_front.build_front(HOUSE / "node_modules", house) == []
    sprite = ET.parse(house / "app/static/vendor/icons.svg")
    drawn = [symbol.get("id") for symbol in sprite.iter("{http://www.w3.org/2000/svg}symbol")]
    assert drawn == list(build_front.ICONS)


@pytest.mark.parametrize(
    "named",
    [
        '{{ m.icon("unicorn") }}',
        '{{ m.link_button("/", "Go", "plain", "unicorn") }}',
        '{{ m.post_button("/", "Go", icon_name="unicorn" if far else "house") }}',
        '{{ m.timeline([{"what": "Printed", "icon": "unicorn"}]) }}',
        '{% set MEANINGS = {"draft": ("quiet", "unicorn")} %}',
    ],
)
def test_an_icon_nobody_lists_stops_the_build(house: Path, named: str) -> None:
    page = house / "app/templates/new.html"
    page.write_text(named, "utf-8")
    assert build_front.build_front(HOUSE / "node_modules", house) == [f"{page} names the icon unicorn: add it to ICONS"]
    assert not (house / "app/static/vendor").exists()


def test_a_menu_entry_with_an_icon_nobody_lists_stops_the_build(house: Path) -> None:
    site_map = house / "app/views.py"
    site_map.write_text('SITE = (\n    Entry(home.HomePage, "today", _("Home"), "unicorn"),\n)\n', "utf-8")
    assert build_front.build_front(HOUSE / "node_modules", house) == [
        f"{site_map} names the icon unicorn: add it to ICONS"
    ]


def test_without_packages_the_build_says_what_to_run(house: Path, tmp_path: Path) -> None:
    faults = build_front.build_front(tmp_path / "empty", house)
    needed = [*build_front.BUNDLES, *(f"{package}/{source}" for package, source in build_front.MODULES.items())]
    assert faults[-len(needed) :] == [f"{tmp_path / 'empty' / one} is not there: run npm ci first" for one in needed]


def test_the_modules_of_the_editor_import_each_other_by_address(house: Path) -> None:
    assert build_front.build_front(HOUSE / "node_modules", house) == []
    vendor = house / "app/static/vendor"
    for package in build_front.MODULES:
        imported = re.findall(r"""\bfrom ['"]([^'"]+)['"]""", (vendor / f"{package}.js").read_text("utf-8"))
        assert {name for name in imported if not (vendor / name).is_file()} == set(), package
