"""Adding, naming and removing one's own second factors, and recovery codes. Each asks first who is there (``proving``)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from flask import redirect, request, url_for
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from app.errors import NotAllowed
from app.models import SecondFactor
from app.pages.base import ActForm, Page, expose, has_access, submitted
from app.pages.browsers import here
from app.pages.fields import text
from app.pages.lists import reach
from app.pages.pictures import qr
from app.pages.proving import asked_to_add, fresh, site, this_login
from app.pages.security import acting, me
from app.services import factors, logins, proving
from app.words import _


def anew(method: Callable[..., Any]) -> Callable[..., Any]:
    """Open a method to whoever has shown lately who they are; others show it first, and come back."""

    @functools.wraps(method)
    def opened(self: Page, *args: Any, **words: Any) -> Any:
        if fresh():
            return method(self, *args, **words)
        onwards = request.full_path.rstrip("?") if request.method == "GET" else url_for("OwnLoginPage.list")
        return redirect(url_for("ProvePage.again", next=onwards))

    return opened


class AppForm(ActForm):
    """An app that makes codes, proved by a code."""

    secret = HiddenField()
    name = text(_("What you call it"), 60, hint=_("So that you know it again, such as “My phone”."))
    code = StringField(
        _("Code"),
        description=_("The six digits the app shows now."),
        validators=[InputRequired(_("Fill this in.")), Length(max=20)],
        render_kw={"inputmode": "numeric", "size": 8},
    )


class PasskeyForm(ActForm):
    """A passkey; what the browser has made is put in by our script."""

    name = text(_("What you call it"), 60, hint=_("So that you know it again, such as “Key on my key ring”."))
    answer = HiddenField(validators=[InputRequired(_("Your browser did not make a passkey. Try again."))])


class NameForm(ActForm):
    """Another name."""

    name = text(_("What you call it"), 60)


class FactorPage(Page):
    """Second factors."""

    route_base = "/my-factors"
    default_view = "add_app"
    acts: ClassVar[dict[str, str]] = {
        "add_app": "factor.add-app",
        "add_passkey": "factor.add-passkey",
        "passkey_question": "factor.add-passkey",
        "make_codes": "factor.make-codes",
        "rename": "factor.rename",
        "remove": "factor.remove",
    }

    @expose("/app", methods=["GET", "POST"])
    @has_access
    @anew
    def add_app(self) -> Any:
        """Show the secret as a QR code; the first code the app makes proves that it has it."""
        form = AppForm()
        form.secret.data = factors.known_secret(form.secret.data)
        made = submitted(
            form,
            lambda: factors.add_app(
                acting(),
                me(),
                name=form.name.data,
                secret=form.secret.data,
                code=form.code.data,
                login_id=here().login_id,
            ),
        )
        if made is not None:
            return self._added()
        secret = form.secret.data
        parts = [secret[start : start + 4] for start in range(0, len(secret), 4)]
        return self.page(
            "factors/app.html", form=form, picture=qr(factors.address_of(secret, me())), secret=" ".join(parts)
        )

    @expose("/passkey", methods=["GET", "POST"])
    @has_access
    @anew
    def add_passkey(self) -> Any:
        """Let the browser make a passkey."""
        if not site().takes_passkeys:
            raise NotAllowed(_("Browsers make no passkeys for an address that is a number."))
        form = PasskeyForm()
        made = submitted(
            form,
            lambda: factors.add_passkey(
                acting(),
                me(),
                name=form.name.data,
                key=proving.made_passkey(me(), form.answer.data, site()),
                login_id=here().login_id,
            ),
        )
        return self.page("factors/passkey.html", form=form) if made is None else self._added()

    @expose("/passkey/question", methods=["POST"])
    @has_access
    @anew
    def passkey_question(self) -> Any:
        """What the browser is asked to make one."""
        return asked_to_add(me())

    def _added(self) -> Any:
        """A login that has just shown a factor has two; the first factor brings recovery codes."""
        logins.prove(acting(), this_login(), two_factors=True)
        if factors.codes_left(acting().user_id):
            return self.done(_("Added. You are asked for it when you sign in next."), "OwnLoginPage.list")
        return self._codes()

    @expose("/codes", methods=["POST"])
    @has_access
    @anew
    def make_codes(self) -> Any:
        """Make recovery codes anew."""
        return self._codes()

    def _codes(self) -> Any:
        return self.page("factors/codes.html", codes=factors.make_codes(acting(), me()))

    @expose("/<key>/name", methods=["GET", "POST"])
    @has_access
    def rename(self, key: str) -> Any:
        """Call one by another name."""
        factor = reach(SecondFactor, key, "factor.rename")
        form = NameForm(obj=factor)
        named = submitted(form, lambda: factors.rename(acting(), factor, name=form.name.data))
        if named is None:
            return self.page("factors/name.html", form=form, factor=factor)
        return self.done(_("Saved."), "OwnLoginPage.list")

    @expose("/<key>/remove", methods=["POST"])
    @has_access
    @anew
    def remove(self, key: str) -> Any:
        """Remove one."""
        factors.remove(acting(), reach(SecondFactor, key, "factor.remove"), login_id=here().login_id)
        return self.done(_("Removed. Your other logins have ended."), "OwnLoginPage.list")
