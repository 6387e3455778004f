"""T-UNDECLARED: every route has a row in the rights; one without stops the start."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.routing import Map, Rule

from app import access, views
from app.pages.base import Page, expose, has_access
from app.words import Role
from tests.conftest import Tally
from tests.trust.routes import asks_to_sign_in, records, routes

pytestmark = pytest.mark.t_undeclared


def test_every_route_has_a_right_or_is_on_the_public_list(house: Any, tally: Tally) -> None:
    pages = {entry.page.__name__: entry.page for entry in views.SITE}
    for rule in house.app.url_map.iter_rules():
        page, _dot, method = rule.endpoint.partition(".")
        declared = page in pages and pages[page].acts.get(method) in access.ACCESS
        tally.check(declared != (rule.endpoint in views.PUBLIC), f"{rule.endpoint} {rule.rule}")


def test_a_route_without_a_right_stops_the_start() -> None:
    site = Map([Rule("/home", endpoint="HomePage.index"), Rule("/rogue", endpoint="rogue")])
    with pytest.raises(RuntimeError, match=r"routes without a right: rogue$"):
        views.check(SimpleNamespace(url_map=site))


def test_a_method_a_page_does_not_declare_is_no_route() -> None:
    class Careless(Page):
        acts = {"kept": "home.open"}

        @expose("/kept")
        @has_access
        def kept(self) -> str:
            return ""

        @expose("/forgotten")
        def forgotten(self) -> str:
            return ""

    assert Careless.include_route_methods == {"kept"}


def test_every_method_that_is_not_public_asks_for_the_right(house: Any, tally: Tally) -> None:
    for entry in views.SITE:
        for method in entry.page.acts:
            function = getattr(entry.page, method)
            tally.check(hasattr(function, "_permission_name"), f"{entry.page.__name__}.{method} lacks @has_access")


def test_a_visitor_is_sent_to_the_login_page_by_every_route(world: Any, tally: Tally) -> None:
    visitor = world.client("anonymous")
    visitor.get("/login/")
    with world.house.everything() as session:
        every = [(route, records(session, route)[:1] if route.table else []) for route in routes(world.house.app)]
    for route, known in every:
        keys = known[0].keys if known else tuple("0" * 32 for _ in route.arguments)
        answer = visitor.open(route.address(*keys), method=route.verb, data=token_of(visitor, route.verb))
        tally.check(asks_to_sign_in(answer), f"{route}: {answer.status_code}")


def token_of(visitor: Any, verb: str) -> dict[str, str]:
    return {"csrf_token": visitor._token()} if verb == "POST" else {}


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_framework_is_told_whole_names_only(house: Any, dialect: str, tally: Tally) -> None:
    roles = house.app.config["FAB_ROLES"]
    assert set(roles) == {role.value for role in Role}
    for role, pairs in roles.items():
        for pattern in (part for pair in pairs for part in pair):
            whole = pattern.startswith("^") and pattern.endswith("$")
            tally.check(whole and re.fullmatch(r"[\w -]+", pattern[1:-1].replace("\\", "")), f"{role}: {pattern}")
    assert roles[Role.PUBLIC.value] == []
