"""Flask-AppBuilder's security manager, with people of ours and roles that are computed, never stored.

Pages ask ``@has_access``; the answer comes from ``FAB_ROLES``, generated here from the site map and the access table.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from flask import Flask, g, request
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_login import LoginManager

from app import access, rights, sight
from app import act as acts
from app.actors import Actor, nobody
from app.models import Person, db
from app.pages.browsers import here
from app.services import phones
from app.words import Role

VISITORS_BODY = 512 * 1024
"""Bytes taken from somebody who has not signed in: they have nothing to send but short forms."""


class RoleName(NamedTuple):
    """A role as Flask-AppBuilder asks for it."""

    name: str
    id: int = 0


class Security(SecurityManager):  # type: ignore[misc]
    """Who is signed in and which roles are in force."""

    user_model = Person

    def create_login_manager(self, app: Flask) -> LoginManager:
        """Flask-Login asks our session who is there; nothing of its own is kept in a cookie."""
        manager = LoginManager(app)
        manager.session_protection = None
        manager.request_loader(lambda _request: _signed_in())
        return manager

    def create_jwt_manager(self, app: Flask) -> None:
        """No tokens: there is no API to carry them."""

    def create_limiter(self, app: Flask) -> None:
        """Limits are ours (``services.limits``), so that all web processes count together."""

    def get_user_roles(self, _user: Any) -> list[RoleName]:
        """The roles in force at this moment."""
        return [RoleName(role.value) for role in sorted(acting().roles)]

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Whether a role in force opens the page."""
        return self._opened(acting().roles, permission_name, view_name)

    @functools.cache  # noqa: B019  what a role opens stays as long as the process, and so does this
    def _opened(self, roles: frozenset[Role], permission_name: str, view_name: str) -> bool:
        """Flask-AppBuilder's own answer: it tries every pattern of ``FAB_ROLES``, a hundred times a page."""
        names = [RoleName(role.value) for role in roles]
        return any(self._has_access_builtin_roles(name, permission_name, view_name) for name in names)

    def get_user_menu_access(self, menu_names: list[str] | None = None) -> set[str]:
        """The menu entries a role in force opens."""
        return {name for name in menu_names or [] if self.has_access("menu_access", name)}


def _signed_in() -> Person | None:
    person = here().person
    return None if person is None else db.session.merge(person, load=False)


def enter() -> None:
    """Let the request's database session see what the visitor may see."""
    if request.endpoint == "PhonePage.upload":
        token = str((request.view_args or {})["token"])
        g.phone = phones.link_behind(token, request.remote_addr or "")  # before a byte of the upload is read
        return  # the page binds the actor who showed the QR
    if (fault := here().fault) is not None:
        raise fault
    actor = here().actor if request.endpoint != "static" else nobody()
    if not actor.user_id:
        request.max_content_length = VISITORS_BODY
    sight.bind(db.session(), actor)
    acts.ask_versions(db.session())
    g.actor = actor


def acting() -> Actor:
    """The actor of this request."""
    actor: Actor = g.actor if "actor" in g else nobody()
    return actor


def me() -> Person:
    """One's own account."""
    return db.session.get_one(Person, acting().user_id)


def fab_roles(pages: Iterable[type[Any]], menus: Iterable[tuple[str, str, type[Any]]]) -> dict[str, list[list[str]]]:
    """``FAB_ROLES``: for each role the (page, permission) pairs, anchored and escaped.

    Flask-AppBuilder matches with ``re.match``, a prefix match: an unanchored ``Patient`` would open ``PatientNotes`` too.

    Args:
        pages: every page class, with its ``acts``.
        menus: (category, title, page class) of every entry of the menu.
    """
    roles: dict[str, list[list[str]]] = {role.value: [] for role in access.ROLES}
    for page in pages:
        for method, act in page.acts.items():
            for role in _openers(act):
                roles[role].append([_exactly(page.__name__), _exactly(f"can_{method}")])
    for category, title, page in menus:
        for role in _openers(page.acts[page.default_view]):
            roles[role] += [[_exactly(name), _exactly("menu_access")] for name in (category, title) if name]
    return roles


def _openers(act: str) -> list[str]:
    return [role.value for role in access.ROLES if rights.held(role, act)]


def _exactly(name: str) -> str:
    return f"^{re.escape(name)}$"
