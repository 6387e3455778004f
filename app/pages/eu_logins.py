"""Signing in through EU Login: there and back. What comes back is believed or not in ``outside/eu_login``.

The login page (``logins``) offers it; passwords and demo accounts are there.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, current_app, redirect, request, url_for

from app.errors import NotFound
from app.outside.eu_login import NAME, Crowded, EuLogin, Trip, Unreachable, Untrue
from app.pages.base import Page, expose, inside
from app.pages.browsers import here
from app.services import arrivals, logins, trips
from app.words import _

BY_EU_LOGIN = "eu_login"
"""What the session of a login holds under ``by`` when EU Login vouched for the person."""

TOO_OLD = _("This was begun in another window, or too long ago, or is done already. Sign in again.")
BROKEN_OFF = _("EU Login did not sign you in. Try again, or ask EU Login’s own help desk.")
NOT_PROVED = _(
    "EU Login’s answer could not be checked, so nobody is signed in. Try again. If it happens again, tell the operator "
    "the time it happened."
)
SILENT = _("EU Login does not answer at this moment. Wait a few minutes and try again.")
CROWDED = _("Many people are signing in at this moment. This page goes on by itself in two seconds.")
ONE_FACTOR = _(
    "Patients’ data is behind this door, so EU Login must know you by two factors: your password and, for example, the "
    "EU Login app on your phone or a security key. This time it was one."
)
NOT_OPEN = _(
    "This EU Login account does not open the platform. If you think it should, ask whoever works with it in your hospital "
    "or your network."
)


def provider() -> EuLogin | None:
    """EU Login, where the settings name it."""
    found: EuLogin | None = current_app.extensions.get("eu_login")
    if found is None and current_app.config["OAUTH_PROVIDERS"]:
        settings = current_app.config["SETTINGS"]
        client = current_app.extensions["appbuilder"].sm.oauth_remotes[NAME]
        made = EuLogin(client, settings["EU_LOGIN_ISSUER"], settings["EU_LOGIN_TWO_FACTORS"])
        found = current_app.extensions.setdefault("eu_login", made)
    return found


def goodbye() -> str | None:
    """Where somebody who has just signed out here leaves EU Login too, if it says where."""
    there = provider()
    return None if there is None else there.leaving()


class EuLoginPage(Page):
    """The way to EU Login and back."""

    route_base = "/login/eu"
    default_view = "leave"
    open_to_all: ClassVar[set[str]] = {"leave", "back"}

    @expose("/")
    def leave(self) -> Any:
        """Set out; with ``?factors=2`` EU Login asks again, for two factors."""
        wanted = inside(request.args.get("next"))
        if here().person is not None:
            return redirect(wanted)
        there = _provider()
        try:
            begun = trips.begin(request.remote_addr or "", wanted)
            address = there.address(begun.trip, _back(), anew=request.args.get("factors") == "2")
        except (Unreachable, Untrue) as fault:
            return self._fault(fault)
        answer: Response = redirect(address)  # type: ignore[assignment]
        self._mark(answer, begun.token)
        return answer

    @expose("/back")
    def back(self) -> Any:
        """Come back; whoever is believed is signed in."""
        there = _provider()
        if here().person is not None:
            return redirect(url_for("HomePage.index"))
        try:
            with there.turn():
                found = trips.end(request.cookies.get(_cookie(), ""), request.args.get("state", ""))
                if found is None:
                    return self._failed(400, TOO_OLD)
                answer = self._arrive(there, *found)
        except Crowded:
            return self._in_a_moment()
        except (Unreachable, Untrue) as fault:
            answer = self._fault(fault)
        self._mark(answer, "")
        return answer

    def _in_a_moment(self) -> Response:
        """Many come at once: the browser asks again by itself, and no thread waits meanwhile."""
        answer = self._failed(503, CROWDED, on=request.full_path)
        answer.headers["Refresh"] = "2"
        return answer

    def _arrive(self, there: EuLogin, trip: Trip, wanted: str | None) -> Any:
        """Sign in who has come back."""
        origin = request.remote_addr or ""
        if "error" in request.args or "code" not in request.args:
            return self._failed(400, BROKEN_OFF)
        if request.args.get("iss", there.issuer) != there.issuer:
            raise Untrue("issuer of the answer")
        arrival = there.arrival(trip, _back(), request.args["code"])
        if not arrival.two_factors:
            arrivals.note_refusal(None, origin)
            return self._failed(403, ONE_FACTOR, again=True, next=wanted)
        person = arrivals.arrive(arrival, origin)
        if not person.active or person.disabled_at is not None:
            arrivals.note_refusal(person, origin)
            return self._failed(403, NOT_OPEN)
        contents = {**here().beginning(), "by": BY_EU_LOGIN}
        here().sign_in(logins.start(person, origin, request.user_agent.string, contents))
        return redirect(inside(wanted))

    def _fault(self, fault: Unreachable | Untrue) -> Any:
        """A sentence on what to do, and a line for the operator, who learns nothing about anybody."""
        if isinstance(fault, Unreachable):
            current_app.logger.warning("EU Login does not answer: %s", type(fault.__cause__).__name__)
            return self._failed(503, SILENT)
        current_app.logger.warning("EU Login's answer is not believed: %s", fault)
        arrivals.note_refusal(None, request.remote_addr or "")
        return self._failed(502, NOT_PROVED)

    def _failed(self, status: int, sentence: object, *, again: bool = False, **given: Any) -> Response:
        answer = self.page("eu_login.html", sentence=sentence, again=again, next=given.get("next"), on=given.get("on"))
        answer.status_code = status
        return answer

    def _mark(self, answer: Response, token: str) -> None:
        """Let the browser that sets out be known when it comes back, and for no longer."""
        answer.set_cookie(
            _cookie(),
            token,
            max_age=trips.MINUTES * 60 if token else 0,
            httponly=True,
            secure=not current_app.config["SETTINGS"].plain_http,
            samesite="Lax",
            path="/",
        )


def _provider() -> EuLogin:
    there = provider()
    if there is None:
        raise NotFound
    return there


def _back() -> str:
    """Where EU Login sends the browser: registered there letter by letter, so it follows the settings, not the request."""
    return str(current_app.config["SETTINGS"]["PUBLIC_URL"] + url_for("EuLoginPage.back"))


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-eu-login"
