"""The browser's session: a signed cookie for visitors, a row that can be ended for people who signed in.

Flask's ``session`` of a signed-in person lives in ``login.contents``; the cookie holds nothing but a random token.
Passwords and rows are ``services.logins``.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from flask import Flask, Request, Response, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from sqlalchemy.exc import OperationalError

from app.actors import Actor, nobody
from app.models import Person
from app.services import logins

MARK = "login."
LEFT = "/prove/left"
"""Where a page asks how long it is until the screen locks."""
NOBODYS = ("/static/", "/healthz", "/readyz")
"""Addresses that answer without asking who is there: the database may be what is ill."""


class Browser(SecureCookieSession):
    """What Flask calls ``session``, and who is there."""

    token: str | None = None
    login_id: int | None = None
    person: Person | None = None
    actor: Actor = nobody()
    proved_at: dt.datetime | None = None
    locks_at: dt.datetime | None = None
    photo: str | None = None
    signed_out = False
    fault: OperationalError | None = None
    """Why nobody knows who is there: the first thing of the request raises it, as its page."""

    def beginning(self) -> dict[str, Any]:
        """What the session of a new login holds: the language chosen before, and what its forms' tokens are made from.

        Each page would make the latter if there were none, and of two opened at once only one would be right.
        """
        kept = {"locale": self["locale"]} if "locale" in self else {}
        return {"csrf_token": secrets.token_hex(20), **kept}

    def sign_in(self, token: str) -> None:
        """Take a new identity: nothing of the visitor's session stays."""
        self.clear()
        self.token = token

    def sign_out(self) -> None:
        """Forget the identity."""
        self.clear()
        self.token, self.login_id, self.signed_out = None, None, True


class Browsers(SecureCookieSessionInterface):
    """Opens and saves browser sessions."""

    session_class = Browser

    def open_session(self, app: Flask, request: Request) -> Browser | None:
        """The session of this request."""
        cookie = request.cookies.get(self.get_cookie_name(app), "")
        address = request.remote_addr or ""
        if not cookie.startswith(MARK) or request.path.startswith(NOBODYS):
            browser = super().open_session(app, request) if not cookie.startswith(MARK) else Browser()
            if isinstance(browser, Browser):
                browser.actor = nobody(address)
            return browser  # type: ignore[return-value]
        try:
            visit = logins.visit(cookie.removeprefix(MARK), address, unasked=_unasked(request))
        except OperationalError as fault:
            unknown = Browser()
            unknown.fault, unknown.actor = fault, nobody(address)
            return unknown
        if visit is None:
            gone = Browser()
            gone.signed_out, gone.actor = True, nobody(address)
            return gone
        browser = Browser(visit.contents)
        browser.token, browser.login_id = cookie.removeprefix(MARK), visit.login_id
        browser.person, browser.actor = visit.person, visit.actor
        browser.proved_at, browser.locks_at = visit.proved_at, visit.locks_at
        browser.photo = visit.photo
        return browser

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write what changed."""
        browser: Browser = session
        if browser.fault is not None:
            return  # the cookie may be good
        if browser.login_id is not None:
            if browser.modified:
                logins.keep(browser.login_id, dict(browser))
            return
        if browser.token is not None:
            self._set(app, response, MARK + browser.token)
        elif browser.signed_out and not browser:
            response.delete_cookie(self.get_cookie_name(app), secure=self.get_cookie_secure(app), path="/")
        else:
            super().save_session(app, browser, response)

    def _set(self, app: Flask, response: Response, value: str) -> None:
        response.set_cookie(
            self.get_cookie_name(app),
            value,
            httponly=True,
            secure=self.get_cookie_secure(app),
            samesite=self.get_cookie_samesite(app),
            path="/",
        )


def _unasked(request: Request) -> bool:
    """Whether the page asks by itself: parts that load anew every few seconds, and when the screen locks."""
    return request.method == "GET" and ("HX-Request" in request.headers or request.path == LEFT)


def here() -> Browser:
    """The session of the present request."""
    browser: Browser = session._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return browser
