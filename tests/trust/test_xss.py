"""T-XSS: what people type is text, in every column, on every page, on paper: nothing of it becomes an element or runs.

Pages are read with a parser of HTML5, and a few by Chromium, whose console would tell. No mail leaves this system yet.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from app.models import Hospital
from app.pages.browsers import MARK
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.conftest import Tally
from tests.trust.planting import (
    OPENING,
    SHOWN_NOWHERE,
    active_in,
    every_page,
    parsed,
    plant,
    read_pdf,
    spoken,
    typed,
    typed_columns,
)
from tests.trust.servers import HERE, serving
from tests.world import World, token_of

pytestmark = [pytest.mark.t_xss, pytest.mark.one_database]

UTF_7 = "+ADw-xqe+AD4-"
"""Markup for a browser that guesses the encoding: ours say theirs."""
WORDS = (
    "<xqe xqa=1>",
    '"><xqe xqa=1>',
    "'><xqe xqa=1>",
    '" xqa=1 onfocus=xq() autofocus x="',
    "' xqa=1 onfocus=xq() autofocus x='",
    "<script>xq()</script>",
    "</script><script>xq()</script>",
    "<img src=x onerror=xq()>",
    "<svg/onload=xq()>",
    "</title><xqe>",
    "</textarea><xqe>",
    "--><xqe><!--",
    "]]><xqe>",
    "&lt;xqe&gt;",
    "&quot;><xqe>",
    '\\"-xq()-"',
    "';xq()//",
    "`;xq()//",
    "${xq()}",
    "<a href=javascript:xq()>x</a>",
    "<base href=//xqe.example>",
    "<style>*{background:url(//xqe.example)}</style>",
    "<iframe srcdoc='<script>parent.xq()</script>'>",
    '<form action="//xqe.example"><button>',
    "<p hx-get=//xqe.example hx-trigger=load>",
    "<template><xqe></template>",
    "<math><mtext><mglyph><style><img src=x onerror=xq()>",
    "\u2028<xqe>\u2029",
    "\u202e<xqe>",
    UTF_7,
)
EVERYWHERE = ("'\"--></title></textarea></script><xqe xqa=1>", "'\"><xqe xqa=1>", "</title><xqe>")
"""Words for every place of a page at once, and for columns that are shorter."""
RUNNING = ("javascript:", "data:", "vbscript:", "//")
LEAST_SHOWN = 25
"""So many pages at least answer with what was typed."""
LINKS = (
    "javascript:xq()",
    "JaVaScRiPt:xq()",
    "\tjavascript:xq()",
    "data:text/html,<script>xq()</script>",
    "//xqe.example",
)
ADDRESSES = {"href", "src", "action", "formaction", "data", "poster", "srcset", "xlink:href", "ping", "background"}
ADDRESSES |= {"hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete", "content"}
TEXTS_OF_CODE = {"script", "style", "noscript", "template"}


def live(tree: Any) -> list[str]:
    """What of our words became part of a page: elements, attributes, addresses, code, comments."""
    found: list[str] = []
    for element in tree.iter():
        if not isinstance(element.tag, str):
            found += ["comment"] if "xq" in (element.text or "") else []
            continue
        if "xq" in element.tag:
            found.append(f"<{element.tag}>")
        if element.tag.rpartition("}")[2] in TEXTS_OF_CODE and "xq" in "".join(element.itertext()):
            found.append(f"{element.tag} with our words")
        found += [f"{element.tag} {fault}" for name, value in element.attrib.items() if (fault := _wrong(name, value))]
    return found


def _wrong(name: object, value: str) -> str:
    """What is wrong with an attribute."""
    called = str(name).lower()
    if "xq" in called or called.startswith(("on", "hx-on", "@")) or (called == "style" and "xq" in value):
        return f"{called}={value}"
    address = "".join(value.split()).lower()
    if called in ADDRESSES and "xq" in address and (address.startswith(RUNNING) or "xqe.example" in address):
        return f"{called}={value}"
    return f"srcdoc={value}" if called == "srcdoc" else ""


CONTEXTS = (
    "<title>{}</title>",
    "<p>{}</p>",
    '<p title="{}">x</p>',
    "<p title='{}'>x</p>",
    "<p title={}>x</p>",
    "<textarea>{}</textarea>",
    '<script>var said = "{}";</script>',
    "<!-- {} --><p>x</p>",
)


@pytest.mark.parametrize("word", [word for word in WORDS if word != UTF_7])
def test_the_check_finds_each_word_where_a_page_forgets_to_escape_it(word: str) -> None:
    assert any(live(parsed(f"<!DOCTYPE html>{context.format(word)}")) for context in CONTEXTS)


@pytest.mark.parametrize("link", LINKS)
def test_the_check_finds_each_address_that_would_run(link: str) -> None:
    assert live(parsed(f'<!DOCTYPE html><a href="{link}">xq</a>'))


def test_every_column_of_text_is_planted_or_said_not_to_be_typed() -> None:
    columns = {f"{table.__tablename__}.{column.name}" for table, column in typed_columns()}
    assert {"hospital.address", "ab_user.last_name", "consent_decision.withdrawal_reason", "login.browser"} <= columns


@pytest.mark.parametrize(
    "words",
    [pytest.param(EVERYWHERE, id="for every place"), pytest.param(WORDS, id="of every kind", marks=pytest.mark.long)],
)
def test_nothing_that_was_typed_is_live_on_any_page(
    world: World, words: tuple[str, ...], tally: Tally, request: pytest.FixtureRequest
) -> None:
    planted, every = plant(world, words, LINKS), request.config.getoption("long")
    for who, route, answer in every_page(world, every=every):
        where = f"{who}: {route}"
        tally.check(answer.status_code < 500, f"{where} answers {answer.status_code}")
        if answer.mimetype == "text/html":
            tree = parsed(answer.text)
            found, strange = live(tree), planted.strange("\0".join(spoken(tree)))
            tally.check(not found, f"{where}: live: {found[:3]}")
            tally.check(not strange, f"{where}: not as it was typed: {strange[:3]}")
        elif answer.mimetype == "application/pdf" and (said := read_pdf(answer.data)):
            active, strange = active_in(answer.data), planted.strange(said, squeezed=True)
            tally.check(not active, f"{where}: the paper holds {active}")
            tally.check(not strange, f"{where}: not as it was typed: {strange[:3]}")
    unseen = planted.columns.keys() - planted.seen - SHOWN_NOWHERE
    tally.check(not (every and unseen), f"shown nowhere, so not tried: {sorted(unseen)}")


def test_what_was_typed_into_a_form_is_not_live_on_the_page_that_answers(world: World, tally: Tally) -> None:
    shown = 0
    for where, answer in typed(world, EVERYWHERE[0]):
        tally.check(answer.status_code < 500, f"{where} answers {answer.status_code}")
        if answer.mimetype == "text/html":
            found = live(tree := parsed(answer.text))
            shown += any(EVERYWHERE[0] in text for text in spoken(tree))
            tally.check(not found, f"{where}: live: {found[:3]}")
    tally.check(shown > LEAST_SHOWN, f"only {shown} pages showed again what was typed")


@pytest.mark.browser
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_chromium_runs_none_of_it(world: World, dialect: str, tally: Tally) -> None:
    """Without the policy that would stop scripts anyway: no dialog opens, nothing is called, no other host is asked."""
    plant(world, (*EVERYWHERE, *WORDS), LINKS)
    faults: list[str] = []
    with serving(world.house) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for who, paths in _seen_by(world).items():
            context = browser.new_context(bypass_csp=True)
            cookie = {"name": "cpms", "value": MARK + token_of(who), "domain": HERE, "path": "/"}
            context.add_cookies([cookie])  # type: ignore[list-item]
            context.add_init_script("window.xq = () => alert('xq')")
            page = context.new_page()
            page.on("dialog", lambda dialog: (faults.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
            page.on("request", lambda asked: faults.extend(_foreign(asked.url, server.port)))
            for path in paths:
                answer = page.goto(f"http://{HERE}:{server.port}{path}")
                tally.check(answer is not None and answer.status == 200, f"{who} {path}: {answer and answer.status}")
                tally.check(OPENING in page.inner_text("body") and not faults, f"{who} {path}: {faults[:2]}")
                faults.clear()
            context.close()
        browser.close()


def _seen_by(world: World) -> dict[str, list[str]]:
    """The pages that show the most of what people typed."""
    with world.house.everything() as session:
        hospital = session.get(Hospital, world.hospitals["Thessaloniki"])
        assert hospital is not None
        key, network = hospital.public_id, hospital.centres[0].network.public_id
    forms = [f"/consents/{world.forms[name][1]}" for name in ("represented", "attested", "cancelled", "withdrawn")]
    patients = [f"/patients/{world.patients[name][1]}" for name in ("enrolled", "withdrawn")]
    return {
        "owner": ["/", "/patients/", *patients, f"{patients[0]}/correct", f"{patients[0]}/log", "/consents/", *forms],
        "representative": [f"/hospitals/{key}", f"/hospitals/{key}/edit", "/people/", "/memberships/", "/mandates/"],
        "protection": ["/", "/letters/", f"/letters/{world.letters['restricted'][1]}"],
        "admin": ["/networks/", f"/networks/{network}", f"/networks/{network}/edit", "/registries/", "/my-logins/"],
    }


def _foreign(url: str, port: int) -> list[str]:
    ours = (f"http://{HERE}:{port}/", "data:image/")
    return [] if url.startswith(ours) else [f"asked for {url}"]
