"""What surrounds every page: the actor, language, headers, health, refusals shown as pages, words for templates."""

from __future__ import annotations

import datetime as dt
import errno
import secrets
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from babel import Locale
from flask import Flask, Response, abort, current_app, g, has_request_context, render_template, request
from flask_babel import Domain, format_date, format_datetime, format_timedelta, get_locale
from flask_wtf.csrf import CSRFError
from jinja2 import StrictUndefined
from markupsafe import Markup
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from app import audit, sight
from app.errors import NoRoom, NotFound, Refusal
from app.labels import LABELS
from app.models import now
from app.outside.storage import StorageFault
from app.pages import names
from app.pages.base import may
from app.pages.browsers import Browsers, here
from app.pages.security import acting, enter
from app.services import days
from app.tables import engines
from app.words import FORMATS, _

DEFAULT = "en"


def hang(app: Flask) -> None:
    """Put the frame around the application."""
    app.session_interface = Browsers()
    app.before_request_funcs.setdefault(None, []).insert(0, enter)
    app.before_request(_refuse_nul)
    app.after_request(_headers)
    babel = app.extensions["babel"].instance
    with app.app_context():
        babel.domain_instance = Words(babel.domain)
    app.extensions["babel"].locale_selector = lambda: FORMATS.get(choose_language(), choose_language())
    app.extensions["babel"].timezone_selector = choose_zone
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _failed)
    app.register_error_handler(OSError, _no_room)
    app.register_error_handler(StorageFault, _lost)
    app.register_error_handler(OperationalError, lambda error: _refused(engines.refusal(error)))
    app.register_error_handler(CSRFError, _stale_form)
    app.context_processor(_words)
    app.add_url_rule("/healthz", "healthz", lambda: ("ok\n", {"Content-Type": "text/plain"}))
    app.add_url_rule("/readyz", "readyz", _ready)
    app.jinja_env.filters.update(day=day, moment=moment, ago=ago, label=label)
    app.jinja_env.filters.update(country=names.country, languages=names.languages)
    app.jinja_env.globals.update(may=may, csp_nonce=nonce, signed_in=lambda: here().person, drawn=drawn)
    app.jinja_env.undefined = StrictUndefined


def _refuse_nul() -> None:
    """No text holds a NUL, and PostgreSQL cannot store one: whoever sends it is not a person with a keyboard."""
    texts = [request.path, *request.args.values()]
    if request.form:
        texts += [value for values in request.form.listvalues() for value in values]
    if any("\0" in text for text in texts):
        abort(400)


def choose_language() -> str:
    """The person's language, else the one chosen on this browser, else what the browser asks for."""
    if not has_request_context():
        return DEFAULT
    offered = list(current_app.config["LANGUAGES"])
    person = here().person
    for wanted in (person.language if person else None, here().get("locale")):
        if wanted in offered:
            return str(wanted)
    return request.accept_languages.best_match(offered) or DEFAULT


def choose_zone() -> str | None:
    """The time zone the reader chose; none: UTC."""
    person = here().person if has_request_context() else None
    return person.time_zone if person and person.time_zone in days.zones() else None


def nonce() -> str:
    """The nonce of this answer's scripts."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _headers(response: Response) -> Response:
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'self' 'nonce-{nonce()}'; style-src 'self'; style-src-attr 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-src 'self'; frame-ancestors 'self'; object-src 'none'; manifest-src 'self'; worker-src 'self'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(self), microphone=(), geolocation=()")
    if request.endpoint != "static" and not response.cache_control.private:
        response.headers["Cache-Control"] = "no-store"
    if not current_app.config["SETTINGS"].plain_http:
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response


def _ready() -> tuple[str, int, dict[str, str]]:
    try:
        with sight.wide("health") as session:
            session.execute(text("SELECT 1"))
    except Exception:  # noqa: BLE001  whatever it is, we are not ready
        return "the database does not answer\n", 503, {"Content-Type": "text/plain"}
    return "ready\n", 200, {"Content-Type": "text/plain"}


def _words() -> dict[str, Any]:
    return {
        "actor": acting(),
        "demo": current_app.config["SETTINGS"].demo,
        "passwords": current_app.config["SETTINGS"]["PASSWORD_LOGIN"],
        "languages": current_app.config["LANGUAGES"],
        "locale": choose_language(),
        "own_photo": here().photo if may("photo.open") else None,
        "idle_seconds": current_app.config["SETTINGS"]["IDLE_MINUTES"] * 60,
        "menu": _menu() if here().person else [],
        "LABELS": LABELS,
    }


def _menu() -> list[dict[str, Any]]:
    """Flask-AppBuilder's menu as far as this person's mandates fill it, made once for all who read it the same way."""
    known: dict[object, list[dict[str, Any]]] = current_app.extensions.setdefault("menus", {})
    reader = (acting().roles, acting().mandates, choose_language(), request.script_root)
    if reader not in known:
        known[reader] = _menu_made()
    return known[reader]


def _menu_made() -> list[dict[str, Any]]:
    house = current_app.extensions["appbuilder"]
    groups = [
        {
            "name": group.name,
            "label": str(group.label),
            "childs": [
                {"name": entry.name, "label": str(entry.label), "icon": entry.icon, "url": entry.get_url()}
                for entry in group.childs
                if entry.name in house.sm.get_user_menu_access([entry.name])
                and may(entry.baseview.acts[entry.baseview.default_view])
            ],
        }
        for group in house.menu.get_list()
    ]
    return [group for group in groups if group["childs"]]


# --- refusals as pages ---


def _refused(refusal: Refusal) -> Any:
    actor, act = acting(), current_app.extensions["acts"].get(request.endpoint)
    if act and actor.user_id and refusal.status in (403, 404) and not refusal.kept:
        audit.refuse(actor, act, None)
    if isinstance(refusal, NotFound):
        return _error_page(404, str(refusal) or str(_not_found()))
    return _error_page(refusal.status, str(refusal), heading=refusal.heading)


def _not_found() -> object:
    return _("There is no such page, or you may not see it.")


def _no_room(error: OSError) -> Any:
    """A disk that fills up while an upload is received."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return _refused(
            NoRoom(_("The disk of the platform is full, so nothing was saved. Tell the operator and try again later."))
        )
    current_app.log_exception(sys.exc_info())
    return _failed(InternalServerError())


def _lost(fault: StorageFault) -> Any:
    """A stored file that is missing, or not what was written: whoever asks for it is told, and ``flask fsck`` names it."""
    if fault.code not in {"missing", "damaged"}:
        current_app.log_exception(sys.exc_info())
        return _failed(InternalServerError())
    current_app.logger.error("a stored file is %s", fault.code)
    return _refused(
        NotFound(_("This file is missing or damaged on the platform. Tell the operator: a backup may have it whole."))
    )


def _failed(error: HTTPException) -> Any:
    if error.code is not None and 300 <= error.code < 400:
        return error
    if isinstance(error, SecurityError):  # a strange host: no address of ours can be built for the page
        return Response("This address is not served here.\n", 400, content_type="text/plain")
    sentences = {
        400: _("The browser sent something this page does not understand. Go back and try again."),
        401: _("This screen is locked. Show who you are."),
        403: _("Your role does not open this page."),
        404: _not_found(),
        405: _("This address takes no such request. Go back and try again."),
        413: _("The file is larger than 50 MB. Scan with fewer dots per inch, or fewer pages at a time."),
        429: _("Too many requests. Wait a moment and try again."),
        500: _("Something broke on our side. It is noted. Try again, or tell the operator what you were doing."),
    }
    code = error.code or 500
    if code == 413 and not acting().user_id and request.endpoint != "PhonePage.upload":
        return _error_page(
            413, str(_("Only somebody who has signed in can send this much. Sign in and send it again."))
        )
    return _error_page(code, str(sentences.get(code, sentences[400])))


def _stale_form(_error: CSRFError) -> Any:
    """The login ended in mid-form: keep what was typed, and say how to go on."""
    sentence = _(
        "This form was open too long or your login ended. Sign in again in this window, then send it once more."
    )
    return _error_page(400, str(sentence), typed=request.form)


def _error_page(status: int, sentence: str, heading: object = "", **given: Any) -> tuple[str, int]:
    return render_template("error.html", status=status, sentence=sentence, heading=heading, **given), status


# --- for templates ---


@cache
def drawn(icons: str) -> Callable[..., Markup]:
    """What draws an icon of this file; each is drawn once, for a page shows some seventy."""
    shape = Markup(
        '<svg class="icon" width="{size}" height="{size}" aria-hidden="true" focusable="false">'
        '<use href="{icons}#{name}"></use></svg>'
    )
    return cache(lambda name, size=20: shape.format(size=size, icons=icons, name=name))


class Words(Domain):  # type: ignore[misc]
    """The catalogues, each found by its locale; Flask-Babel's own spells the locale out at every word."""

    def __init__(self, domain: str) -> None:
        super().__init__(domain=domain)
        self._found: dict[Locale | None, Any] = {}

    def get_translations(self) -> Any:
        """The reader's."""
        locale = get_locale()
        if locale not in self._found:
            self._found[locale] = super().get_translations()
        return self._found[locale]


def day(value: dt.date | None, short: bool = False) -> str:  # noqa: FBT001, FBT002  a filter's argument
    """A date as the reader's language writes it, the month short where lines are."""
    return "" if value is None else str(format_date(value, "medium" if short else "long"))


def moment(value: dt.datetime | None) -> str:
    """A moment as the reader's language writes it."""
    return "" if value is None else str(format_datetime(value, "medium"))


def ago(value: dt.datetime | None, short: bool = False) -> str:  # noqa: FBT001, FBT002  as with ``day``
    """How long ago, for young moments; else the date."""
    if value is None:
        return ""
    age = now() - value
    return str(format_timedelta(-age, add_direction=True)) if age < dt.timedelta(days=7) else day(value.date(), short)


def label(value: Any) -> Any:
    """What a person reads for a word of ours; translated once a page, however many rows say it."""
    known: dict[Any, Any] = g.setdefault("labels", {})
    word = type(value), value
    if word not in known:
        known[word] = str(LABELS[value]) if value in LABELS else value
    return known[word]
