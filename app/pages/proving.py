"""Showing who one is once more: the second factor behind the password; a locked screen; before something that matters.

The first time is ``logins``; what is believed is ``services.proving``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from flask import Response, current_app, jsonify, redirect, request, url_for
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import Length

from app.errors import Incomplete
from app.models import Login, Person, db, now
from app.outside import passkeys
from app.outside.passkeys import Site
from app.pages.base import ActForm, Page, expose, has_access, inside, submitted
from app.pages.browsers import here
from app.pages.security import acting, me
from app.services import factors, kept, logins, proving
from app.words import FactorKind, Role, _

FRESH = dt.timedelta(minutes=15)
"""How long it is remembered that a person has shown who they are, before something that matters."""


WAYS = {"eu_login": "EuLoginPage.leave", "cas": "CasPage.leave"}
"""Where a login shows anew who somebody is, who came from elsewhere."""


def site() -> Site:
    """Where passkeys are for: the public address; a demo answers at whatever name of this machine it was opened by."""
    settings = current_app.config["SETTINGS"]
    return Site(request.host_url.rstrip("/") if settings.plain_http else settings["PUBLIC_URL"])


def fresh() -> bool:
    """Whether whoever is there has shown it lately."""
    proved_at = here().proved_at
    return proved_at is not None and proved_at + FRESH > now()


def asked_to_add(person: Person) -> Response:
    """What a browser is asked to make a passkey for a person."""
    asked = proving.question(request.remote_addr or "", person.id)
    known = factors.passkeys_of(person.id)
    return jsonify(passkeys.to_add(site(), asked, person.public_id.encode(), str(person.email), known))


def asked_to_prove(person: Person | None) -> Response:
    """What a browser is asked to sign: with the person's passkeys; with any, where nobody is known yet."""
    asked = proving.question(request.remote_addr or "", None if person is None else person.id)
    return jsonify(passkeys.to_prove(site(), asked, [] if person is None else factors.passkeys_of(person.id)))


def this_login() -> Login:
    """The login of this browser."""
    return db.session.get_one(Login, here().login_id)


class CodeForm(ActForm):
    """A code, or what a passkey answered."""

    code = StringField(
        _("Code"), description=_("Six digits from your app, or a recovery code."), validators=[Length(max=40)]
    )
    answer = HiddenField()


class AgainForm(ActForm):
    """The password once more, or what a passkey answered; what was typed before, sealed."""

    password = PasswordField(_("Password"), validators=[Length(max=256)])
    answer = HiddenField()
    typed = HiddenField()


class ProvePage(Page):
    """The second factor behind the password; the password or a passkey once more."""

    route_base = "/prove"
    default_view = "factor"
    acts: ClassVar[dict[str, str]] = {
        "factor": "login.prove",
        "again": "login.prove",
        "keep": "login.prove",
        "question": "login.prove",
        "left": "login.prove",
        "present": "login.prove",
        "back": "login.prove",
        "lock": "login.lock",
    }

    @expose("/", methods=["GET", "POST"])
    @has_access
    def factor(self) -> Any:
        """Show the second factor; then the login is open."""
        onwards = inside(request.args.get("next"))
        if not acting().is_(Role.ASKED):
            return redirect(onwards)
        form = CodeForm()
        if submitted(form, lambda: self._factor_shown(form)) is not None:
            return redirect(onwards)
        form.code.flags.required = True
        kinds = factors.kinds_of(acting().user_id)
        return self.page("factors/prove.html", form=form, has_app=FactorKind.APP in kinds, passkeys=_usable(kinds))

    def _factor_shown(self, form: CodeForm) -> None:
        address = request.remote_addr or ""
        if form.answer.data:
            proving.by_passkey(form.answer.data, site(), address, me())
        elif form.code.data:
            proving.by_code(me(), form.code.data, address)
        else:
            raise Incomplete(_("Fill this in."), fields={"code": _("Fill this in.")})
        logins.prove(acting(), this_login(), two_factors=True)

    @expose("/again", methods=["GET", "POST"])
    @has_access
    def again(self) -> Any:
        """Show once more who one is; a part of the page for our script, which asks in place."""
        onwards = inside(request.args.get("next"))
        if acting().is_(Role.ASKED):
            return redirect(url_for(".factor", next=onwards))
        form = AgainForm()
        if submitted(form, lambda: self._shown_again(form)) is None:
            return self._asked_again(form, onwards)
        if _in_place():
            return Response(status=204)
        return self._back_with(form.typed.data) if form.typed.data else redirect(onwards)

    def _shown_again(self, form: AgainForm) -> None:
        person, address = me(), request.remote_addr or ""
        if form.answer.data:
            proving.by_passkey(form.answer.data, site(), address, person)
        elif form.typed.data and fresh() and not acting().is_(Role.LOCKED):
            return  # unlocked in another window meanwhile
        elif person.password:
            proving.by_password(person, form.password.data or "", address)
        elif not _by_a_click(person):
            raise Incomplete(_("Show it with EU Login, or sign out and sign in again."))
        logins.prove(acting(), this_login(), two_factors=bool(form.answer.data))

    def _asked_again(self, form: AgainForm, onwards: str) -> Any:
        person, form.password.flags.required = me(), True
        return self.page(
            "factors/part.html" if _in_place() else "factors/again.html",
            form=form,
            locked=acting().is_(Role.LOCKED),
            password=bool(person.password),
            click=_by_a_click(person),
            passkeys=_usable(factors.kinds_of(person.id)),
            onwards=onwards,
            way=WAYS.get(str(here().get("by"))),
            in_place=_in_place(),
        )

    @expose("/keep", methods=["POST"])
    @has_access
    def keep(self) -> Any:
        """A form that met the lock: it waits, sealed, in the page that asks who is there."""
        to = inside(request.args.get("to"))
        if not acting().is_(Role.LOCKED):
            return redirect(to)
        own = {"csrf_token", "password", "old", "again"}
        fields = [(name, value) for name, value in request.form.items(multi=True) if name not in own]
        form = AgainForm(formdata=None)
        form.typed.data = kept.seal(_key(), this_login().id, to, fields)
        answer = self._asked_again(form, inside(None))
        answer.status_code = 401
        return answer

    def _back_with(self, sealed: str) -> Any:
        to, fields = kept.open_sealed(_key(), this_login().id, sealed)
        return self.page("factors/kept.html", to=inside(to), fields=fields)

    @expose("/question", methods=["POST"])
    @has_access
    def question(self) -> Any:
        """What a passkey is asked to sign."""
        return asked_to_prove(me())

    @expose("/left")
    @has_access
    def left(self) -> Any:
        """In how many seconds the screen locks, and whose it is; asking does not count as using it."""
        locks_at = here().locks_at or now()
        return jsonify(left=max(0, int((locks_at - now()).total_seconds())), person=me().public_id)

    @expose("/present", methods=["POST"])
    @has_access
    def present(self) -> Any:
        """Somebody types or moves: that counts as using it, unless it is locked by now."""
        return self.left()

    @expose("/back")
    @has_access
    def back(self) -> Any:
        """After unlocking in a window of its own."""
        return self.page("factors/back.html")

    @expose("/lock", methods=["POST"])
    @has_access
    def lock(self) -> Any:
        """Lock the screen at once."""
        logins.lock(acting(), this_login())
        return redirect(url_for(".again", next=inside(request.form.get("next"))))


def _in_place() -> bool:
    """Whether our script asks, in a dialog over the page one was at."""
    return "X-In-Place" in request.headers


def _by_a_click(person: Person) -> bool:
    """Whether the person is invented, and entered by a click."""
    return bool(current_app.config["SETTINGS"].demo and person.demo_role)


def _usable(kinds: set[FactorKind]) -> bool:
    return FactorKind.PASSKEY in kinds and site().takes_passkeys


def _key() -> bytes:
    key: bytes = current_app.config["SETTINGS"].key("typed behind a lock")
    return key
