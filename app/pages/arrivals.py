"""Signing in through somebody elsewhere who vouches: there and back. What comes back is believed or not in ``outside``.

``eu_logins`` is the way by OpenID Connect, ``cas_logins`` that by CAS. The login page (``logins``) offers them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Response, current_app, redirect, request, url_for

from app.errors import NotFound
from app.models import Login, Person, db
from app.outside.providers import Arrival, Crowded, Provider, Unreachable, Untrue
from app.pages.base import Page, expose, inside
from app.pages.browsers import here
from app.pages.security import acting
from app.services import arrivals, logins, trips
from app.services.trips import Back
from app.words import Role, _

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

SOMEBODY_ELSE = _(
    "This screen is locked by somebody else. They unlock it, or sign out; then you sign in with your own EU Login account."
)


class ArrivalPage(Page):
    """The way to a provider and back; which one, and what comes back, says the page itself."""

    default_view = "leave"
    open_to_all: ClassVar[set[str]] = {"leave", "back"}
    by: ClassVar[str]
    """What the session of a login holds under ``by`` when this provider vouched for the person."""

    @classmethod
    def provider(cls) -> Provider | None:
        """Who vouches, where the settings name one."""
        raise NotImplementedError

    def proof(self, came: Back) -> Arrival | None:
        """Who has come back, asked anew since they set out; ``None``: the provider says that it did not sign anybody in.

        Raises:
            Unreachable, Untrue: there is no proof.
        """
        raise NotImplementedError

    @expose("/")
    def leave(self) -> Any:
        """Set out; whoever comes there is asked anew, also where somebody's visit at the provider is still open."""
        wanted = inside(request.args.get("next"))
        if _inside():
            return redirect(wanted)
        there = self._there()
        if not _meant():
            return self._failed(400, TOO_OLD)
        try:
            begun = trips.begin(request.remote_addr or "", wanted)
            address = there.address(begun.trip, self.home())
        except Crowded:
            return self._in_a_moment()
        except (Unreachable, Untrue) as fault:
            return self._fault(fault)
        answer: Response = redirect(address)  # type: ignore[assignment]
        self._mark(answer, begun.token)
        return answer

    @expose("/back")
    def back(self) -> Any:
        """Come back; whoever is believed is signed in."""
        there = self._there()
        if _inside():
            return redirect(url_for("HomePage.index"))
        words = request.cookies.get(self._cookie(), ""), request.args.get("state", "")
        if not trips.is_under_way(*words):
            return self._failed(400, TOO_OLD)
        try:
            with there.turn():
                found = trips.end(*words)
                if found is None:
                    return self._failed(400, TOO_OLD)
                answer = self._arrive(found)
        except Crowded:
            return self._in_a_moment()
        except Unreachable as fault:
            return self._fault(fault)  # whoever has not been asked about comes back with the same answer
        except Untrue as fault:
            answer = self._fault(fault)
        self._mark(answer, "")
        return answer

    def home(self) -> str:
        """Where the provider sends the browser: registered there letter by letter, so it follows the settings, not the request."""
        return str(current_app.config["SETTINGS"]["PUBLIC_URL"] + url_for(f"{type(self).__name__}.back"))

    def _there(self) -> Provider:
        there = self.provider()
        if there is None:
            raise NotFound
        return there

    def _in_a_moment(self) -> Response:
        """Many come at once: the browser asks again by itself, and no thread waits meanwhile."""
        answer = self._failed(503, CROWDED, on=request.full_path)
        answer.headers["Refresh"] = "2"
        return answer

    def _arrive(self, came: Back) -> Any:
        """Sign in who has come back, or unlock: a locked screen opens to nobody who set out before it was locked."""
        origin, wanted, locked_at = request.remote_addr or "", came.wanted, here().locks_at
        if locked_at is not None and came.begun_at < locked_at:
            return self._failed(400, TOO_OLD)
        arrival = self.proof(came)
        if arrival is None:
            return self._failed(400, BROKEN_OFF)
        if not arrival.two_factors:
            arrivals.note_refusal(None, origin)
            return self._failed(403, ONE_FACTOR, again=True, next=wanted)
        person = arrivals.arrive(arrival, origin)
        if not person.active or person.disabled_at is not None:
            arrivals.note_refusal(person, origin)
            return self._failed(403, logins.LOCKED_IDLE if logins.was_idle(person) else NOT_OPEN)
        if here().person is not None:
            return self._unlocked(person, wanted)
        contents = {**here().beginning(), "by": self.by}
        here().sign_in(logins.start(person, origin, request.user_agent.string, contents, two_factors=True))
        return redirect(inside(wanted))

    def _unlocked(self, person: Person, wanted: str | None) -> Any:
        """Unlock the login of whoever comes back as the person it is of."""
        if person.id != acting().user_id:
            return self._failed(403, SOMEBODY_ELSE)
        logins.prove(acting(), db.session.get_one(Login, here().login_id), two_factors=True)
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
            self._cookie(),
            token,
            max_age=trips.MINUTES * 60 if token else 0,
            httponly=True,
            secure=not current_app.config["SETTINGS"].plain_http,
            samesite="Lax",
            path="/",
        )

    def _cookie(self) -> str:
        return f"{current_app.config['SESSION_COOKIE_NAME']}-{self.by.replace('_', '-')}"


def _inside() -> bool:
    """Whether somebody has signed in here, and is not locked out: those come to show anew who they are."""
    return here().person is not None and not acting().is_(Role.LOCKED)


def _meant() -> bool:
    """Whether a person goes there, not a picture in somebody's page, or a browser that fetches ahead: each is counted."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document" and "Sec-Purpose" not in request.headers
