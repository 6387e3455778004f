"""T-XSS, T-SSTI, T-SSRF of hospitals' own texts: what somebody writes is words on pages and paper, and nothing is fetched."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pikepdf
import pytest
from sqlalchemy import update

from app.models import OwnText, db
from app.outside import paper
from app.outside.paper import own_texts as sheets
from app.services import own_texts
from tests.conftest import Tally
from tests.screens import Screen
from tests.world import OPINION, World

PAYLOADS = (
    "<script>alert(1)</script>",
    '<iframe src="https://evil.example/frame"></iframe>',
    "<img src=x onerror=alert(1)>",
    "<link rel=stylesheet href=https://evil.example/a.css>",
    "<style>@import url(https://evil.example/b.css); p { background: url(file:///etc/passwd) }</style>",
    '<svg onload=alert(1)><image href="file:///etc/passwd"/></svg>',
    "</textarea></dd></main><script>alert(2)</script>",
    '"><script>alert(3)</script>',
    "<object data=file:///etc/passwd></object>",
    "![x](https://evil.example/c.png) [y](javascript:alert(4))",
    "<!--#exec cmd=\"id\"--><?php system('id') ?>",
    ']]><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
)
TEMPLATES = (
    "{{ 7*191 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ config.items() }}",
    "${7*191} #{7*191} <%= 7*191 %> @(7*191) {7*191} %(name)s {0.__class__}",
    "[[7*191]] [[__class__]] [[../secret]] [[patient.family_name]]",
)


def put(world: World, *payloads: str) -> None:
    """Write the payloads into the entries of the draft, one after the other and past every check."""
    turns = itertools.cycle(payloads)
    with world.house.system():
        own = db.session.get(OwnText, world.own_texts["draft"][0])
        content = {key: next(turns)[: sheets.LONGEST[sheets.kind_of(key)]] for key in own.base}
    told = " ".join(payloads)
    change = {"content": content, "returned_reason": told[:1000], "opinion_note": told, "opinion_by": told[:200]}
    with world.house.app.app_context(), db.engine.begin() as connection:
        table = OwnText.__table__
        connection.execute(update(table).where(table.c.id == world.own_texts["draft"][0]).values(**change))


def printed(world: World) -> str:
    """The words of the draft's paper, made by the act that people use."""
    answer: Any = world.client("representative").get(f"/own-texts/{world.own_texts['draft'][1]}/preview")
    assert answer.mimetype == "application/pdf", answer.text
    with pikepdf.open(io.BytesIO(answer.data)) as file:
        assert "/JavaScript" not in file.Root.get("/Names", {})
        assert "/OpenAction" not in file.Root
        assert not [page for page in file.pages for one in page.get("/Annots", []) if "/A" in one]
    return answer.data.decode("latin-1")


@pytest.mark.t_xss
@pytest.mark.one_database
def test_what_a_text_says_never_runs_on_a_page(world: World, tally: Tally) -> None:
    client, path = world.client("representative"), f"/own-texts/{world.own_texts['draft'][1]}"
    clean = {page: elements(client, page) for page in (path, f"{path}/edit", f"{path}/propose", "/own-texts/", "/")}
    put(world, *PAYLOADS)
    for page, before in clean.items():
        found = elements(client, page)
        tally.check(found <= before | HARMLESS, f"{page} has {sorted(found - before - HARMLESS)}")


HARMLESS = {
    ("p", ""),
    ("div", ""),
    ("ul", ""),
    ("li", ""),
    ("a", ""),
    ("ins", ""),
    ("del", ""),
    ("dl", ""),
    ("svg", ""),
    ("use", ""),
}
"""Elements the pages have themselves once there is something to say; scripts and frames never are among them."""


def elements(client: Any, page: str) -> set[tuple[str, str]]:
    """Tags of a page with their events and addresses elsewhere."""
    found = set()
    for one in Screen(client.get(page)).tree.iter():
        if isinstance(one.tag, str):
            events = sorted(name for name in one.attrib if name.startswith("on"))
            away = [one.get(name) for name in ("src", "href", "action", "data") if "evil" in (one.get(name) or "")]
            risky = one.tag in {"script", "iframe", "object", "embed", "style", "link", "img", "image", "base", "meta"}
            found.add((one.tag, f"{events}{away}{one.get('src')}{one.get('href')}" if risky or events or away else ""))
    return found


@pytest.mark.t_ssrf
@pytest.mark.one_database
def test_a_texts_paper_fetches_nothing_and_shows_the_words(world: World, tally: Tally) -> None:
    put(world, *PAYLOADS)
    tally.check("root:x:0" not in printed(world), "a file of the machine is on the paper")
    with world.house.system():
        composed = own_texts.compose(db.session.get(OwnText, world.own_texts["draft"][0]))
    for tag in ("<script", "<iframe", "<img", "<style", "<link", "<object", "<image", "<svg"):
        tally.check(tag not in composed.html, tag)


@pytest.mark.t_ssti
@pytest.mark.one_database
def test_no_template_engine_sees_a_text(world: World, tally: Tally) -> None:
    client, path = world.client("representative"), f"/own-texts/{world.own_texts['draft'][1]}"
    put(world, *TEMPLATES)
    for page in (path, f"{path}/edit", f"{path}/propose", "/"):
        tally.check("1337" not in client.get(page).text, page)
    with world.house.system():
        composed = own_texts.compose(db.session.get(OwnText, world.own_texts["draft"][0]))
        page = paper.fill(composed.html, {}, demo=True)
    tally.check("1337" not in page and "SECRET" not in page, "on paper")


@pytest.mark.t_ssti
def test_a_text_with_any_payload_is_not_proposed(world: World, tally: Tally) -> None:
    for payload in (*PAYLOADS, *TEMPLATES):
        if payload.startswith("!["):
            continue  # plain words: there are no pictures and no links to make of it
        put(world, payload)
        with world.house.acting(world.people["representative"]) as actor:
            own = db.session.get(OwnText, world.own_texts["draft"][0])
            refused = False
            try:
                own_texts.propose(actor, own, **OPINION)
            except own_texts.Incomplete:
                refused = True
            tally.check(refused, payload)
