"""Home: each role's open work, in the order one would do it."""

from __future__ import annotations

from typing import Any, ClassVar

from app.pages.base import Page, expose, has_access


class HomePage(Page):
    """A to-do list, not a menu."""

    route_base = ""
    default_view = "index"
    acts: ClassVar[dict[str, str]] = {"index": "home.open"}

    @expose("/")
    @has_access
    def index(self) -> Any:
        """What waits for me."""
        return self.page("home.html")
