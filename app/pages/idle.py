"""Idle accounts at the desk: who has not signed in for long, and what becomes of the account. The rules are ``services.idle``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import format_date
from sqlalchemy import ColumnElement, Select, and_, false, or_, true

from app.models import Person
from app.pages.base import expose, has_access
from app.pages.lists import Filter, ListPage, reach
from app.pages.people import NAME, PersonPage
from app.services import idle, logins
from app.words import _

STATES: list[tuple[str, object]] = [
    ("open", _("Still open")),
    ("near", _("Locked within 30 days")),
    ("kept", _("Somebody has to act")),
    ("locked", _("Locked")),
]
ORDERS: list[tuple[str, object]] = [("name", _("By name"))]


def _locked() -> ColumnElement[bool]:
    return and_(Person.disabled_at.is_not(None), idle.since(logins.IDLE_DAYS))


def _kept() -> dict[int, list[str]]:
    """Who is not locked because of what they alone keep, asked once a page."""
    if "idle_kept" not in g:
        g.idle_kept = idle.keepers()
    kept: dict[int, list[str]] = g.idle_kept
    return kept


def _in_state(value: str) -> ColumnElement[bool]:
    if value == "kept":
        return or_(false(), Person.id.in_(list(_kept())))
    clauses: dict[str, ColumnElement[bool]] = {"open": idle.listed(), "near": idle.near(), "locked": _locked()}
    return clauses[value]


class IdlePage(ListPage):
    """People who have not signed in for nine months."""

    route_base = "/idle-accounts"
    datamodel = SQLAInterface(Person)
    acts: ClassVar[dict[str, str]] = {"list": "idle.find", "table": "idle.find", "show": "idle.find"}
    list_title = _("Idle accounts")
    list_template = "people/idle.html"
    list_columns: ClassVar[list[str]] = ["name", "email", "seen_on", "outcome"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Name"),
        "email": _("E-mail"),
        "seen_on": _("Not signed in since"),
        "outcome": _("What becomes of it"),
    }
    formatters_columns = PersonPage.formatters_columns
    search_in: ClassVar[tuple[Any, ...]] = (NAME, Person.email)
    filters = {  # noqa: RUF012
        "state": Filter(_("State"), lambda: STATES, _in_state),
        "sort": Filter(_("Order"), lambda: ORDERS, lambda _value: true(), _("Longest first"), alone=True),
    }
    empty: ClassVar[object] = _("Everybody has signed in within the last nine months.")

    def ordered(self) -> tuple[Any, ...]:
        """Who has not signed in for longest first, or by name."""
        return (Person.last_name,) if request.args.get("sort") == "name" else (Person.seen_on,)

    def _found(self) -> Select[Any]:
        return super()._found().where(or_(idle.listed(), _locked()))

    def cell(self, record: Any, column: str) -> Any:
        """The name as one reads it; whether the account is locked, will be, or why not."""
        if column == "outcome":
            return _outcome(record)
        return str(record) if column == "name" else super().cell(record, column)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """The person's page."""
        return redirect(url_for("PersonPage.show", key=reach(Person, key, "idle.find").public_id))


def _outcome(person: Person) -> str:
    if person.disabled_at is not None:
        return str(_("Locked on %(day)s", day=format_date(person.disabled_at, "medium")))
    if person.id in _kept():
        why = ". ".join(str(idle.KEEPS[what]) for what in _kept()[person.id])
        return str(_("Not locked by itself. %(why)s.", why=why))
    return str(_("Locked on %(day)s, unless they sign in", day=format_date(idle.day_of(person), "medium")))
