"""One's own logins: the browsers one is signed in with, and the second factors. Changing those is ``factors``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, url_for
from sqlalchemy import select

from app.models import Login, now
from app.pages import proving
from app.pages.base import Page, expose, has_access
from app.pages.browsers import here
from app.pages.lists import offered_rows, reach
from app.pages.security import acting, me
from app.services import factors, logins
from app.words import Role, _

BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def browser_name(sent: str) -> str:
    """A browser and its system by the names people use, from what it sends about itself; the first mark decides."""
    found = [next((name for mark, name in names_.items() if mark in sent), None) for names_ in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in found if name) or str(_("Unknown browser"))


class OwnLoginPage(Page):
    """Where one is signed in, and by what beside the password."""

    route_base = "/my-logins"
    default_view = "list"
    acts: ClassVar[dict[str, str]] = {"list": "login.open", "end": "login.end"}

    @expose("/")
    @has_access
    def list(self) -> Any:
        """The browsers in which one is signed in, this one first; the second factors."""
        found = select(Login).where(
            Login.person_id == acting().user_id, Login.ended_at.is_(None), Login.expires_at > now()
        )
        rows = offered_rows(found.order_by((Login.id == here().login_id).desc(), Login.seen_at.desc()))
        person = me()
        return self.page(
            "people/logins.html",
            rows=[(login, browser_name(login.browser)) for login in rows],
            this=here().login_id,
            standing=factors.standing(acting(), person),
            offered=factors.for_whom(person),
            passkeys=proving.site().takes_passkeys,
            asked=acting().is_(Role.UNPROVED),
        )

    @expose("/<key>/end", methods=["POST"])
    @has_access
    def end(self, key: str) -> Any:
        """End one login."""
        login = reach(Login, key, "login.end")
        this = login.id == here().login_id
        logins.end(acting(), login)
        if this:
            left = here().get("by")
            here().sign_out()
            flash(str(_("You are signed out.")), "good")
            return redirect(url_for("LoginPage.login", left=left))
        return self.done(_("Ended."), ".list")
