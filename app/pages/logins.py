"""Signing in and out, the language of the screens, one's own password, the operator's one-time link."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import current_app, flash, redirect, request, url_for
from sqlalchemy import select
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app import sight
from app.errors import Incomplete, NotFound
from app.models import Person
from app.pages.arrivals import ArrivalPage
from app.pages.base import ActForm, Page, expose, find, has_access, inside, may, submitted
from app.pages.browsers import here
from app.pages.cas_logins import CasPage
from app.pages.eu_logins import EuLoginPage
from app.pages.proving import asked_to_prove, site
from app.pages.security import acting, me
from app.services import accounts, links, logins, proving
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


class LoginPage(Page):
    """Where everybody enters and leaves."""

    route_base = ""
    default_view = "login"
    open_to_all: ClassVar[set[str]] = {"login", "passkey", "passkey_question", "link", "language", "logout"}

    @expose("/login/", methods=["GET", "POST"])
    def login(self) -> Any:
        """Sign in with a password; in demo mode by one click."""
        if here().person is not None:
            return redirect(inside(request.args.get("next")))
        settings = current_app.config["SETTINGS"]
        form = LoginForm() if settings["PASSWORD_LOGIN"] else None
        token = self._demo_token() if "demo" in request.form else self._token(form)
        if token is None:
            return self.page(
                "login.html",
                form=form,
                passkeys=form is not None and site().takes_passkeys,
                people=_demo_people() if settings.demo else [],
                ways=_ways(),
                **_left(),
            )
        here().sign_in(token)
        return redirect(inside(request.args.get("next")))

    @expose("/login/passkey", methods=["POST"])
    def passkey(self) -> Any:
        """Enter with a passkey alone: it says who, and that it verified them."""
        if not current_app.config["SETTINGS"]["PASSWORD_LOGIN"]:
            raise NotFound
        if here().person is not None:
            return redirect(inside(request.args.get("next")))
        address = request.remote_addr or ""
        try:
            person = proving.by_passkey(request.form.get("answer", ""), site(), address)
        except Incomplete as refusal:
            flash(str(refusal), "bad")
            return redirect(url_for(".login", next=request.args.get("next")))
        browser = request.user_agent.string
        here().sign_in(logins.start(person, address, browser, here().beginning(), two_factors=True))
        return redirect(inside(request.args.get("next")))

    @expose("/login/passkey/question", methods=["POST"])
    def passkey_question(self) -> Any:
        """What any passkey for this place is asked to sign."""
        if not current_app.config["SETTINGS"]["PASSWORD_LOGIN"]:
            raise NotFound
        return asked_to_prove(None)

    def _token(self, form: LoginForm | None) -> str | None:
        """Enter by a password, where passwords are used."""
        if form is None:
            return None
        words, address, browser = form, request.remote_addr or "", request.user_agent.string
        token: str | None = submitted(
            form, lambda: logins.sign_in(words.name.data, words.password.data, address, browser, here().beginning())
        )
        return token

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
        browser = request.user_agent.string
        return logins.start(person, request.remote_addr or "", browser, here().beginning(), two_factors=False)

    @expose("/logout/", methods=["POST"])
    def logout(self) -> Any:
        """End this login."""
        browser = here()
        left = browser.get("by")
        if browser.person is not None and browser.login_id is not None:
            logins.sign_out(browser.login_id, browser.person, request.remote_addr or "")
        browser.sign_out()
        return redirect(url_for("LoginPage.login", left=left))

    @expose("/language/", methods=["POST"])
    def language(self) -> Any:
        """Choose the language of the screens."""
        chosen = request.form.get("language", "")
        if chosen in current_app.config["LANGUAGES"]:
            here()["locale"] = chosen
            person = here().person
            if person is not None and may("person.prefer"):
                accounts.prefer(acting(), find(Person, person.public_id), language=chosen)
        return redirect(inside(request.form.get("next")))

    @expose("/link/<token>", methods=["GET", "POST"])
    def link(self, token: str) -> Any:
        """Set a password by the operator's one-time link."""
        if not current_app.config["SETTINGS"]["PASSWORD_LOGIN"]:
            raise NotFound(_("No passwords are used here. Sign in with EU Login."))
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
        person = me()
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


def _elsewhere() -> list[type[ArrivalPage]]:
    """The ways in through somebody who vouches, those the settings name."""
    return [page for page in (EuLoginPage, CasPage) if page.provider() is not None]


def _ways() -> list[tuple[str, object]]:
    """Where each of them begins, and what its button says."""
    labels = (_("Sign in with EU Login"), _("Sign in with EU Login (CAS)"))
    return [(f"{page.__name__}.leave", label) for page, label in zip(_elsewhere(), labels, strict=False)]


def _left() -> dict[str, object]:
    """Whether somebody has just signed out here who came through one of them, and where it is left."""
    found = [page.provider() for page in _elsewhere() if page.by == request.args.get("left")]
    return {"left": bool(found), "goodbye": found[0].leaving() if found and found[0] else None}


def _demo_people() -> list[Person]:
    with sight.wide("demo-logins") as session:
        people = session.scalars(select(Person).where(Person.demo_role.is_not(None)).order_by(Person.id)).all()
        session.expunge_all()
        return list(people)
