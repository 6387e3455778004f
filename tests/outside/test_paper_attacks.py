"""What hostile pages cannot do to the renderer, and what a renderer that broke cannot do to the next page."""

from __future__ import annotations

import concurrent.futures
import io
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pikepdf
import pytest

from app.outside.paper import (
    PaperFault,
    Renderer,
)
from app.outside.paper.renderers import FONTS
from tests.outside.printed import set_body, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.mark.parametrize(
    "body",
    [
        '<img alt="x" src="{outside}">',
        '<img alt="x" src="file:///etc/passwd">',
        '<img alt="x" src="/etc/passwd">',
        '<link rel="stylesheet" href="{outside}">',
        '<style>@import url("{outside}");</style>',
        '<style>@font-face {{ font-family: X; src: url("{outside}") }}</style>',
        '<p style="background: url({outside})">x</p>',
        '<object data="{outside}"></object>',
        '<embed src="file:///etc/passwd">',
        '<link rel="attachment" href="file:///etc/passwd">',
        '<svg xmlns="http://www.w3.org/2000/svg"><title>x</title><image href="{outside}" width="9" height="9"/></svg>',
        '<img alt="x" src="data:image/svg+xml,%3Csvg/%3E">',
        '<base href="{outside}"><img alt="x" src="x.png">',
        '<img alt="x" src="font:0000000000000000000000000000000000000000000000000000000000000000">',
    ],
)
def test_a_page_that_asks_for_something_outside_gets_nothing(
    renderer: Renderer, listener: socket.socket, body: str
) -> None:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    outcome = ""
    try:
        paper = set_body(renderer, body.format(outside=address))
        assert b"root:" not in paper.pdf
        with pikepdf.open(io.BytesIO(paper.pdf)) as pdf:
            assert dict(pdf.attachments) == {}
    except PaperFault as fault:
        outcome = fault.code
    assert outcome in {"", "refused_address", "warned"}
    with pytest.raises(TimeoutError):
        listener.accept()
    assert set_body(renderer, "<p>next</p>").pages == 1


def test_a_script_in_a_page_is_not_run_and_not_printed(renderer: Renderer) -> None:
    paper = set_body(renderer, "<p>before</p><script>document.write('owned')</script><p>after</p>")
    assert words_of(paper.pdf).split() == ["before", "after"]


@pytest.mark.parametrize(
    "body",
    [
        "<table><tr><td colspan=100000>x</td></tr></table>" * 50,
        "<p style='break-after: page'>x</p>" * 20_000,
        "<div style='display: flex'>" * 300 + "x",
        "<div>" * 5000 + "x",
        "<p>" + "x" * 2_000_000,
        "<style>@page { size: 2mm; margin: 0 }</style><p>" + "x " * 20_000,
    ],
    ids=["colspan", "breaks", "flex", "depth", "size", "tiny-pages"],
)
def test_a_page_made_to_run_for_ever_is_stopped_and_the_next_is_set(strict: Renderer, body: str) -> None:
    with pytest.raises(PaperFault) as refusal:
        set_body(strict, body)
    assert refusal.value.code in {"too_long", "too_big", "crashed", "warned"}
    assert set_body(strict, "<p>next</p>").pages == 1


@pytest.mark.parametrize("css", ["p { colour: red }", "p { color: ", "} p {"])
def test_a_style_that_cannot_be_understood_is_a_fault(renderer: Renderer, css: str) -> None:
    with pytest.raises(PaperFault) as refusal:
        set_body(renderer, "<p>x</p>", "\n" + css)
    assert refusal.value.code == "warned"


def test_a_killed_child_is_replaced(renderer: Renderer) -> None:
    assert set_body(renderer, "<p>before</p>").pages == 1
    command = ["pgrep", "-f", "app.outside.paper.setting", "--parent", str(os.getpid())]
    children = subprocess.run(command, capture_output=True, text=True, check=True)
    for child in children.stdout.split():
        os.kill(int(child), signal.SIGKILL)
    assert set_body(renderer, "<p>after</p>").pages == 1


def test_papers_of_several_threads_are_not_mixed_up(renderer: Renderer) -> None:
    def set_name(number: int) -> list[str]:
        paper = set_body(renderer, f"<p>thread{number}</p>")
        return words_of(paper.pdf).split()

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        found = list(threads.map(set_name, range(24)))
    assert found == [[f"thread{number}"] for number in range(24)]


def test_without_the_pinned_fonts_nothing_is_set(tmp_path: Path) -> None:
    renderer = Renderer(fonts=tmp_path)
    for font in FONTS.glob("*.ttf"):
        (tmp_path / font.name).write_bytes(font.read_bytes())
    broken = tmp_path / "NotoSans-Bold.ttf"
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    with pytest.raises(PaperFault) as refusal:
        set_body(renderer, "<p>x</p>")
    assert (refusal.value.code, refusal.value.detail) == ("fonts_missing", "NotoSans-Bold.ttf")
