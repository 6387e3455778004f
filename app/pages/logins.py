"""Signing in and out, the language of the screens, one's own password, the operator's one-time link."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from flask import current_app, flash, redirect, request, url_for
from sqlalchemy import select
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app import sight
from app.models import Person, db
from app.pages.base import ActForm, Page, expose, find, has_access, submitted
from app.pages.browsers import here
from app.pages.security import acting
from app.services import accounts, links, logins
from app.words import _


class LoginForm(ActForm):
    """Name and password."""

    name = StringField(_("User name or e-mail"), validators=[InputRequired(_("Fill this in.")), Length(max=320)])
    password = PasswordField(_("Password"), validators=[InputRequired(_("Fill this in.")), Length(max=256)])


class NewPasswordForm(ActForm):
    """A new password, twice."""

    password = PasswordField(
        _("New password"),
        description=_("At least 12 characters. A short sentence is easy to remember."),
        validators=[InputRequired(_("Fill this in."))],
    )
    again = PasswordField(_("The same once more"), validators=[InputRequired(_("Fill this in."))])


class PasswordForm(NewPasswordForm):
    """The present password and a new one."""

    old = PasswordField(_("Present password"), validators=[InputRequired(_("Fill this in."))])


def inside(address: str | None) -> str:
    """An address of ours to go to; anything else is home."""
    parts = urlsplit((address or "").replace("\\", "/"))
    if not address or parts.scheme or parts.netloc or not address.startswith("/") or address.startswith("//"):
        return str(url_for("HomePage.index"))
    return address


class LoginPage(Page):
    """Where everybody enters and leaves."""

    route_base = ""
    default_view = "login"
    acts: ClassVar[dict[str, str]] = {"logout": "home.open"}
    open_to_all: ClassVar[set[str]] = {"login", "link", "language"}

    @expose("/login/", methods=["GET", "POST"])
    def login(self) -> Any:
        """Sign in with a password; in demo mode by one click."""
        if here().person is not None:
            return redirect(inside(request.args.get("next")))
        form = LoginForm()
        demo = current_app.config["SETTINGS"].demo
        token = submitted(form, lambda: self._token(form)) if "demo" not in request.form else self._demo_token()
        if token is None:
            return self.page("login.html", form=form, people=_demo_people() if demo else [])
        here().sign_in(token)
        return redirect(inside(request.args.get("next")))

    def _token(self, form: LoginForm) -> str:
        address, browser = request.remote_addr or "", request.user_agent.string
        return logins.sign_in(form.name.data, form.password.data, address, browser, here().beginning())

    def _demo_token(self) -> str | None:
        """Enter as one of the demo accounts, in demo mode only."""
        if not current_app.config["SETTINGS"].demo:
            return None
        with sight.wide("demo-logins") as session:
            person = session.scalars(
                select(Person).where(Person.public_id == request.form["demo"][:40], Person.demo_role.is_not(None))
            ).one_or_none()
        if person is None or not person.active or person.disabled_at is not None:
            return None
        return logins.start(person, request.remote_addr or "", request.user_agent.string, here().beginning())

    @expose("/logout/", methods=["POST"])
    @has_access
    def logout(self) -> Any:
        """End this login."""
        browser = here()
        if browser.person is not None and browser.login_id is not None:
            logins.sign_out(browser.login_id, browser.person, request.remote_addr or "")
        browser.sign_out()
        return redirect(url_for("LoginPage.login"))

    @expose("/language/", methods=["POST"])
    def language(self) -> Any:
        """Choose the language of the screens."""
        chosen = request.form.get("language", "")
        if chosen in current_app.config["LANGUAGES"]:
            here()["locale"] = chosen
            person = here().person
            if person is not None:
                accounts.prefer(acting(), find(Person, person.public_id), language=chosen)
        return redirect(inside(request.form.get("next")))

    @expose("/link/<token>", methods=["GET", "POST"])
    def link(self, token: str) -> Any:
        """Set a password by the operator's one-time link."""
        owner = links.owner(token)
        form = NewPasswordForm()
        saved = submitted(
            form, lambda: links.use(token, form.password.data, form.again.data, request.remote_addr or "")
        )
        if saved is None:
            return self.page("password.html", form=form, title=_("Set your password"), owner=owner)
        flash(str(_("Your password is set. Sign in with it.")), "good")
        return redirect(url_for("LoginPage.login"))


class PasswordPage(Page):
    """Change one's own password."""

    route_base = "/password"
    default_view = "change"
    acts: ClassVar[dict[str, str]] = {"change": "person.change-password"}

    @expose("/", methods=["GET", "POST"])
    @has_access
    def change(self) -> Any:
        """The old password, then the new one twice."""
        form = PasswordForm()
        person = db.session.get_one(Person, acting().user_id)
        saved = submitted(
            form,
            lambda: logins.change_password(
                acting(),
                person,
                old=form.old.data,
                password=form.password.data,
                again=form.again.data,
                login_id=here().login_id,
            ),
        )
        if saved is None:
            return self.page("password.html", form=form, title=_("Change your password"), owner=None)
        return self.done(_("Your password is changed. Your other logins have ended."), "HomePage.index")


def _demo_people() -> list[Person]:
    with sight.wide("demo-logins") as session:
        people = session.scalars(select(Person).where(Person.demo_role.is_not(None)).order_by(Person.id)).all()
        session.expunge_all()
        return list(people)
