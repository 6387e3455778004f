"""The welcome: once, at the first visit to Home with a place, who one is and what one knows; then a tour of four cards.

It keeps nobody from anything: an address in a mail leads where it leads, and one click skips it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, session, url_for

from app.pages.base import Page, expose, has_access, submitted
from app.pages.browsers import here
from app.pages.security import acting, me
from app.pages.settings import ExpertiseForm, ProfileForm, expertise_form, told
from app.pages.tours import cards
from app.services import profiles
from app.words import Role

SHOWN = "welcome"
"""In the browser's session: this login has been led to the welcome."""


class WelcomeForm(ProfileForm, ExpertiseForm):
    """Who one is at work and what one knows about, as in the settings."""


class WelcomePage(Page):
    """Who you are, and what to do first."""

    route_base = "/welcome"
    default_view = "begin"
    acts: ClassVar[dict[str, str]] = {"begin": "profile.introduce", "skip": "person.welcome", "tour": "help.open"}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def begin(self) -> Any:
        """Say who one is; then the tour."""
        person, profile = me(), profiles.of(acting().user_id)
        own = {"job_title": person.job_title}
        if profile is not None:
            own |= {"professional_title": profile.professional_title, "about": profile.about}
        form = expertise_form(profiles.known_to(person.id), WelcomeForm, own)
        form.seen.data = form.seen.data or str(person.version)
        said = {name: form[name].data for name in ("job_title", "professional_title", "about")}
        tell = lambda: profiles.introduce(acting(), me(), **said, known=told(form), seen=form.words()["seen"])  # noqa: E731
        if submitted(form, tell):
            return redirect(url_for(".tour"))
        return self.page("welcome/begin.html", form=form)

    @expose("/skip", methods=["POST"])
    @has_access
    def skip(self) -> Any:
        """Say nothing now; the settings ask the same."""
        profiles.welcome(acting(), me())
        return redirect(url_for(".tour"))

    @expose("/tour")
    @has_access
    def tour(self) -> Any:
        """What to do first."""
        return self.page("welcome/tour.html", cards=cards())


def waits() -> bool:
    """Whether to lead to the welcome now: once a login, until it is filled in or skipped, and not before one has a place."""
    person = here().person
    first = person is not None and person.welcomed_at is None and acting().roles > {Role.ANY} and SHOWN not in session
    if first:
        session[SHOWN] = True
    return first
