"""T-HEADERS: every answer, refusals and PDFs included, tells the browser to trust nothing but us."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lxml import html

from tests.conftest import Tally
from tests.trust.routes import NOWHERE, Desk, routes

pytestmark = [pytest.mark.t_headers, pytest.mark.one_database]

WANTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NEVER = ("Server", "X-Powered-By", "Access-Control-Allow-Origin", "ETag")


def faults(answer: Any) -> list[str]:
    """What an answer does not say, or says too much."""
    found = [
        f"{name}: {answer.headers.get(name)}" for name, value in WANTED.items() if answer.headers.get(name) != value
    ]
    if not answer.headers.get("Strict-Transport-Security", "").startswith("max-age=63072000"):
        found.append("no Strict-Transport-Security")
    found += [f"{name} is told" for name in NEVER if name in answer.headers]
    policy = answer.headers.get("Content-Security-Policy", "")
    if answer.mimetype != "text/html":
        return found + ([] if policy == "sandbox" or "frame-ancestors 'self'" in policy else [f"policy: {policy}"])
    return found + policy_faults(policy)


def policy_faults(policy: str) -> list[str]:
    """What the content security policy lets in."""
    rules = {name: words for name, *words in (part.split() for part in policy.split(";") if part.strip())}
    found = [] if rules.get("default-src") == ["'none'"] else ["default-src"]
    found += [name for name in ("base-uri", "object-src") if rules.get(name) not in (["'none'"], None)]
    found += [] if rules.get("frame-ancestors") in (["'self'"], ["'none'"]) else ["frame-ancestors"]
    found += [] if rules.get("form-action") == ["'self'"] else ["form-action"]
    loose = {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:", "data:", "blob:"}
    found += ["script-src"] if loose & {*rules.get("script-src", ["*"])} else []
    found += ["style-src"] if loose & {*rules.get("style-src", ["*"])} else []
    nonces = [word for word in rules.get("script-src", []) if word.startswith("'nonce-")]
    return found + ([] if len(nonces) == 1 and len(nonces[0]) > 24 else ["nonce"])


def page_faults(answer: Any) -> list[str]:
    """What a page would run or fetch from elsewhere."""
    if not answer.mimetype == "text/html" or not answer.data:
        return []
    page = html.document_fromstring(answer.data)
    found = [] if page.get("lang") or b"<html" not in answer.data else ["no lang"]
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"])[1]
    for script in page.iter("script"):
        if script.get("src") is None and script.get("nonce") != nonce and script.get("type") != "application/json":
            found.append("an inline script without the nonce")
    for element in page.iter():
        if isinstance(element.tag, str):
            found += [f"<{element.tag} {name}>" for name in element.attrib if name.startswith("on")]
            for name in ("src", "srcset", "action", "formaction", "data", "poster"):
                found += elsewhere(element, name)
    for form in page.iter("form"):
        if (form.get("method") or "get").lower() == "post" and not form.xpath(".//input[@name='csrf_token']/@value"):
            found.append(f"a form without a token: {form.get('action')}")
    return found + [f for link in page.iter("link") for f in elsewhere(link, "href")]


def elsewhere(element: Any, name: str) -> list[str]:
    """An address outside of the site."""
    value = (element.get(name) or "").strip().lower()
    outside = value.startswith(("http:", "https:", "//", "javascript:"))
    return [f"<{element.tag} {name}={value}>"] if outside else []


def test_every_answer_carries_the_headers(world: Any, tally: Tally) -> None:
    desk = Desk(world)
    for route in routes(world.house.app):
        for who in ("anonymous", "owner", "representative", "admin", "guest"):
            keys = [NOWHERE for _argument in route.arguments]
            own = desk.first(who, route)
            for known in [keys, *([list(own.keys)] if own and route.verb == "GET" else [])]:
                answer = desk.ask(who, route, *known)
                wrong = faults(answer) + page_faults(answer)
                tally.check(not wrong, f"{who}: {route} ({answer.status_code}): {', '.join(wrong)}")


@pytest.mark.parametrize(
    "address", ["/login/", "/nothing/here", "/healthz", "/readyz", "/phone/nothing", "/link/nothing"]
)
def test_pages_for_everybody_carry_them_too(house: Any, address: str, tally: Tally) -> None:
    answer = house.visitor().get(address)
    wrong = faults(answer) + page_faults(answer)
    tally.check(not wrong, f"{address}: {', '.join(wrong)}")


def test_each_answer_has_a_nonce_of_its_own(house: Any) -> None:
    visitor = house.visitor()
    policies = {visitor.get("/login/").headers["Content-Security-Policy"] for _ in range(5)}
    assert len(policies) == 5


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_is_static_is_never_guessed_at(house: Any, dialect: str) -> None:
    answer = house.visitor().get("/static/frame.css")
    answer.close()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.mimetype == "text/css"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "cpms.test.evil.example", "cpms.test:99999"])
def test_another_host_is_not_answered(house: Any, host: str) -> None:
    answer = house.visitor().get("/login/", base_url=f"https://{host.partition(':')[0]}", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_a_form_from_another_site_is_refused(house: Any) -> None:
    visitor = house.visitor()
    answer = visitor.post("/login/", data={"name": "a", "password": "b"}, headers={"Referer": "https://evil.example/"})
    assert answer.status_code == 400
