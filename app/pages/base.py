"""The base of every page: records found through rights, forms that hand their values to acts, refusals by the field.

Lists and forms that Flask-AppBuilder generates are ``lists``; fields are ``fields``.

A page says in ``acts`` which act each of its methods does. ``security.fab_roles`` makes the role permissions from that,
and ``views.check`` refuses to start when a method is not declared. What a page shows is its template's; what an act does
is a service's.
"""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from flask_appbuilder import BaseView
from flask_appbuilder.baseviews import expose
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response as Answer
from wtforms import Field, HiddenField

from app import rights, sight, steps
from app.act import ReadOnly
from app.errors import NotAllowed, NotFound, Refusal
from app.models import db
from app.pages.security import acting
from app.words import Role, _

__all__ = [
    "ActForm",
    "Page",
    "allowed",
    "expose",
    "find",
    "has_access",
    "inside",
    "may",
    "offer",
    "once_key",
    "submitted",
]


def find(table: type[Any], public_id: str, *offered: str, options: Iterable[Any] = ()) -> Any:
    """The record of this public id, with the acts the actor may do on it now.

    Raises:
        NotFound: there is none, or the actor may not know of it: the two cannot be told apart.
    """
    if any(rights.on(act) is not table for act in offered):
        message = f"an act asked on {table.__name__} belongs to another table"
        raise ValueError(message)
    columns = [sight.here(db.session(), act).label(f"may_{n}") for n, act in enumerate(offered)]
    statement = select(table, *columns).where(table.public_id == public_id[:40]).options(*options)
    row = db.session.execute(statement).unique().first()
    if row is None:
        raise NotFound
    offer(row[0], [act for act, allowed in zip(offered, row[1:], strict=True) if allowed])
    return row[0]


def offer(record: Any, acts: Iterable[str]) -> None:
    """Remember for the template which acts the actor may do on the record."""
    offers: dict[int, set[str]] = g.setdefault("offers", {})
    offers.setdefault(id(record), set()).update(acts)
    g.setdefault("offered_records", []).append(record)  # keeps the id alive for the request


def allowed(act: str, record: Any) -> bool:
    """Whether the actor has the right, whatever the step: the act itself says what is wrong with the step."""
    return act in g.get("offers", {}).get(id(record), set())


def may(act: str, record: Any = None) -> bool:
    """Whether to offer the act: the right was asked with the record, the step is open. Never queries."""
    if record is None:
        return rights.may_anywhere(acting(), act)
    return allowed(act, record) and steps.possible(record, act)


def once_key() -> str:
    """A fresh one-time key for a create form."""
    return secrets.token_urlsafe(24)


_INSIDE = re.compile(r"/(?!/)[^\\?#\x00-\x1f\x7f]*([?#][^\x00-\x1f\x7f]*)?")
"""A path of this host: browsers read a backslash as a slash and drop tabs and line ends, so two slashes may hide there."""


def inside(address: str | None) -> str:
    """An address of ours to go to; anything else is home."""
    return address if address and _INSIDE.fullmatch(address) else str(url_for("HomePage.index"))


GATES = {
    Role.LOCKED: ("ProvePage.again", _("This screen is locked. Show who you are.")),
    Role.ASKED: ("ProvePage.factor", _("Show your second factor first.")),
    Role.UNPROVED: ("OwnLoginPage.list", _("Set up a second factor first: on the page “My logins and second factor”.")),
    Role.HELD: ("PolicyPage.show", _("Accept the privacy policy first: it is on the page Privacy policy.")),
}
"""The page that opens each gate (``gates.GATES``), and what is said to who sends something before."""


class AtGate(NotAllowed):
    """Something was sent while a gate is shut."""

    heading = _("One step comes first")


def has_access(method: Callable[..., Any]) -> Callable[..., Any]:
    """Open a page's method to the roles that hold its act, as Flask-AppBuilder's decorator of this name does.

    A visitor is sent to sign in and back, without a word of refusal; whoever is at a gate to what opens it and back; a
    person whose role lacks it gets 403.
    """
    method._permission_name = method.__name__  # type: ignore[attr-defined]  # noqa: SLF001  Flask-AppBuilder reads it

    @functools.wraps(method)
    def opened(self: Page, *args: Any, **words: Any) -> Any:
        if self.appbuilder.sm.has_access(f"can_{method.__name__}", self.class_permission_name):
            return method(self, *args, **words)
        if not acting().user_id:
            back = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("LoginPage.login", next=back))
        for role in acting().roles & set(GATES):
            if "HX-Request" in request.headers:
                abort(401)
            if request.method == "GET":
                return redirect(url_for(GATES[role][0], next=request.full_path.rstrip("?")))
            if role is Role.LOCKED:  # what was typed goes along, and comes back
                return redirect(url_for("ProvePage.keep", to=request.full_path.rstrip("?")), code=307)
            raise AtGate(GATES[role][1])
        if rights.stopped(acting(), self.acts.get(method.__name__, "home.open")) is not None:
            raise ReadOnly
        raise NotAllowed(_("Your role does not open this page."))

    return opened


def version(sent: str | None) -> int | None:
    """A record's version as a form carries it."""
    return int(sent) if sent and sent.isdecimal() and len(sent) < 10 else None


def sent_version() -> int | None:
    """The version that was on the screen, of a request with or without a form of its own."""
    return version(request.form.get("seen"))


class ActForm(FlaskForm):  # type: ignore[misc]
    """What every form of ours carries beside its fields: the version seen, the one-time key."""

    seen = HiddenField()
    once = HiddenField()

    def words(self) -> dict[str, Any]:
        """``seen`` and ``once`` as an act takes them."""
        return {"seen": version(self.seen.data), "once": (self.once.data or "")[:64] or None}

    def given(self) -> dict[str, Any]:
        """The values of the form's own fields."""
        apart = {"seen", "once", "csrf_token"}
        return {name: field.data for name, field in self._fields.items() if name not in apart}


def show_refusal(form: FlaskForm, refusal: Refusal) -> None:
    """Put a refusal's sentences by their fields, the rest above the form."""
    for name, sentence in refusal.fields.items():
        if name in form:
            field: Field = form[name]
            field.errors = [*field.errors, str(sentence)]
    if not any(name in form for name in refusal.fields):
        form.form_errors.append(str(refusal))


def submitted(form: FlaskForm, perform: Callable[[], Any]) -> Any:
    """Do the act of a submitted form. Gives its result, or ``None`` when the form must be shown again."""
    if request.method != "POST" or not form.validate():
        return None
    try:
        result = perform()
    except NotFound:
        raise
    except Refusal as refusal:
        show_refusal(form, refusal)
        g.refusal_status = refusal.status
        return None
    return True if result is None else result


class Page(BaseView):  # type: ignore[misc]
    """A workspace page."""

    acts: ClassVar[dict[str, str]] = {}
    """Which act each method does: the right that opens it."""
    open_to_all: ClassVar[set[str]] = set()
    """Methods that need nobody signed in; ``views.PUBLIC`` lists them too."""

    def __init_subclass__(cls, **words: Any) -> None:
        """Only declared methods become routes: what Flask-AppBuilder brings beside stays shut."""
        super().__init_subclass__(**words)
        cls.include_route_methods = set(cls.acts) | cls.open_to_all

    def page(self, template: str, **given: Any) -> Response:
        """Render a template; a refused form answers with the refusal's status."""
        status = g.pop("refusal_status", None) or (422 if _has_errors(given.get("form")) else 200)
        return Response(render_template(template, page=self, **given), status=status)

    def done(self, sentence: object, endpoint: str, **values: Any) -> Answer:
        """Say what happened and go on."""
        flash(str(sentence), "good")
        return redirect(url_for(endpoint, **values))


def _has_errors(form: Any) -> bool:
    return bool(form is not None and request.method == "POST" and (form.errors or form.form_errors))
