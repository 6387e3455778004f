"""CPMS: virtual consultations on rare diseases. ``create_app`` puts the house together.

What lives where: ``docs/decisions/0001-the-house.md`` and the maps ``models``, ``access``, ``steps``, ``views``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flask import Flask, has_request_context, request
from flask_appbuilder.const import AUTH_DB, AUTH_OAUTH
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

import config
from app import premises
from app.doors import PASSING, Doors
from app.models import db
from app.outside import eu_login, providers
from app.words import LANGUAGES

if TYPE_CHECKING:
    from config import Settings

SHORT_BODY = 64 * 1024
LONGEST_UPLOAD = 60 * 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application.

    Raises:
        config.Faults: the settings cannot be used; all faults are listed.
    """
    settings = settings or config.load()
    os.umask(0o077)  # database and files are for this program's eyes alone
    app = Flask(__name__, template_folder="templates", static_folder="static")
    app.config.update(_flask_config(settings))
    app.extensions["premises"] = premises.furnish(settings)
    app.wsgi_app = Doors(app.wsgi_app, settings["WEB_THREADS"])  # type: ignore[method-assign]
    if settings["PROXY_HOPS"]:
        hops = settings["PROXY_HOPS"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    db.init_app(app)
    from app import commands, views  # noqa: PLC0415  the site map needs the extensions above

    app.log_exception = lambda error: app.logger.error("Exception on %s", _endpoint(), exc_info=error)  # type: ignore[method-assign,assignment]
    views.build(app)
    CSRFProtect(app)  # after AppBuilder: before it, its blueprints would be exempt
    commands.register(app)
    return app


def _endpoint() -> str:
    """Where it happened, without the address: a one-time link's token stands in it."""
    return f"{request.endpoint} [{request.method}]" if has_request_context() else "no request"


def _flask_config(settings: Settings) -> dict[str, object]:
    secure = not settings.plain_http
    return {
        "SETTINGS": settings,
        "SECRET_KEY": settings.key("cookies of visitors"),
        "WTF_CSRF_SECRET_KEY": settings.key("tokens of forms"),
        "SQLALCHEMY_DATABASE_URI": settings["DATABASE_URL"],
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_pre_ping": True,
            "hide_parameters": True,
            "query_cache_size": 600,  # of a quarter of a megabyte each, for a right is part of its statement; half as many more at times
            "max_overflow": 2
            * (settings["WEB_THREADS"] + PASSING),  # a request holds two at most: its own and a wide one
        },
        "TRUSTED_HOSTS": settings["TRUSTED_HOSTS"],
        "SESSION_COOKIE_NAME": "__Host-cpms" if secure else "cpms",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": LONGEST_UPLOAD,
        "MAX_FORM_MEMORY_SIZE": SHORT_BODY * 8,
        "MAX_FORM_PARTS": 500,
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": True,
        "LANGUAGES": {code: {"name": name, "flag": ""} for code, name in LANGUAGES.items()},
        "BABEL_DEFAULT_LOCALE": "en",
        "BABEL_TRANSLATION_DIRECTORIES": str(config.ROOT / "translations"),
        "APP_NAME": "CPMS",
        "APP_THEME": "",
        "FAB_BASE_TEMPLATE": "base.html",
        "FAB_UPDATE_PERMS": False,
        "FAB_CREATE_DB": False,
        "FAB_ADD_SECURITY_VIEWS": False,
        "FAB_ADD_SECURITY_API": False,
        "FAB_ADD_OPENAPI_VIEWS": False,
        "FAB_ADD_MENU_API": False,
        "AUTH_ROLE_PUBLIC": "Public",
        "AUTH_ROLE_ADMIN": "Admin",
        "AUTH_ROLES_SYNC_AT_LOGIN": False,
        "AUTH_TYPE": AUTH_OAUTH if settings["EU_LOGIN_ISSUER"] else AUTH_DB,
        "OAUTH_PROVIDERS": [_eu_login(settings)] if settings["EU_LOGIN_ISSUER"] else [],
    }


def _eu_login(settings: Settings) -> dict[str, object]:
    """EU Login as Flask-AppBuilder registers it with Authlib; what is made of it is ``pages.eu_logins``."""
    return {
        "name": eu_login.NAME,
        "token_key": "access_token",
        "remote_app": {
            "client_id": settings["EU_LOGIN_CLIENT_ID"],
            "client_secret": settings["EU_LOGIN_CLIENT_SECRET"],
            "server_metadata_url": settings["EU_LOGIN_ISSUER"].rstrip("/") + "/.well-known/openid-configuration",
            "client_kwargs": {
                "scope": eu_login.SCOPE,
                "code_challenge_method": "S256",
                "default_timeout": providers.ANSWER_SECONDS,
            },
        },
    }
