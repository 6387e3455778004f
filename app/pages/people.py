"""People: their accounts. One's own logins are ``own_logins``; places are ``memberships``, ``mandates`` and ``grants``."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import current_app, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import select
from wtforms import EmailField
from wtforms.validators import InputRequired, Length

from app.labels import LABELS, reason
from app.models import Person
from app.pages import names, spells
from app.pages.absences import away
from app.pages.base import ActForm, expose, find, has_access
from app.pages.fields import PickField, text
from app.pages.lists import ListPage, offered_rows, reach
from app.pages.security import acting
from app.services import absences, accounts, factors, links, people, profiles
from app.services.accounts import LONGEST_EMAIL
from app.words import Role, _

NAME = Person.first_name + " " + Person.last_name


def email_field(label: object, hint: object = "") -> Any:
    """An e-mail address."""
    checks = [InputRequired(_("Fill this in.")), Length(max=LONGEST_EMAIL, message=_("This is too long."))]
    return EmailField(label, description=hint, validators=checks, filters=[lambda typed: (typed or "").strip()])


OPERATORS = ("person.offer-link", "person.amend", "person.disable", "person.enable", "person.reset-factors")
"""What an operator does with an account."""


class PersonForm(ActForm):
    """An account's own words."""

    email = email_field(_("E-mail"))
    first_name = text(_("Given name"), 64)
    last_name = text(_("Family name"), 64)
    job_title = text(_("Job title"), 150, required=False)


class NewPersonForm(PersonForm):
    """A new account."""

    country = PickField(_("Country"), "person.add", describe=lambda c: names.country(c.code), by_name=True)


class PersonPage(ListPage):
    """People inside one's mandate."""

    route_base = "/people"
    datamodel = SQLAInterface(Person)
    acts: ClassVar[dict[str, str]] = {
        "list": "person.find",
        "table": "person.find",
        "show": "person.see",
        "add": "person.add",
        "edit": "person.amend",
        "disable": "person.disable",
        "enable": "person.enable",
        "offer_link": "person.offer-link",
        "reset_factors": "person.reset-factors",
    }
    list_title = _("People")
    add_title = _("Add a person")
    edit_title = _("Change the account")
    list_columns: ClassVar[list[str]] = ["name", "job_title", "email"]
    show_columns: ClassVar[list[str]] = ["email", "job_title", "institution", "country_code"]
    label_columns: ClassVar[dict[str, object]] = {
        "name": _("Name"),
        "email": _("E-mail"),
        "job_title": _("Job title"),
        "institution": _("Institution"),
        "country_code": _("Country"),
    }
    formatters_columns: ClassVar[dict[str, Any]] = {
        "country_code": lambda code: names.country(code) if code else None,
        "email": lambda email: email if accounts.is_email(email) else None,  # one that stands for none is nobody's
    }
    order: ClassVar[tuple[Any, ...]] = (Person.last_name,)
    search_in: ClassVar[tuple[Any, ...]] = (NAME,)
    add_form = NewPersonForm
    edit_form = PersonForm
    add_act = staticmethod(accounts.add)
    edit_act = staticmethod(accounts.amend)
    parent_field = "country"
    empty: ClassVar[object] = _("Nobody here yet.")
    added: ClassVar[object] = _("Added. Make a one-time link, so that this person can set a password.")

    def searched(self) -> tuple[Any, ...]:
        """An operator searches by e-mail address too."""
        return (NAME, Person.email) if acting().is_(Role.ADMIN) else self.search_in

    def cell(self, record: Any, column: str) -> Any:
        """The name as one reads it."""
        return str(record) if column == "name" else super().cell(record, column)

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """A person: who, and every place, now and before."""
        person = find(Person, key, *OPERATORS)
        return self._shown(person)

    def _shown(self, person: Person, link: str | None = None) -> Any:
        memberships, mandates, grants = people.places_of(person)
        return self.page(
            "people/record.html",
            record=person,
            link=link,
            hours=links.HOURS,
            memberships=_standing(memberships, "membership.end"),
            mandates=_standing(mandates, "mandate.end"),
            grants=_standing(grants, "grant.end"),
            away=away(absences.today_of([person.id]).get(person.id)),
            profile=profiles.of(person.id),
            known=_known(profiles.known_to(person.id)),
            own=person.id == acting().user_id,
            has_factors=factors.has(person),
        )

    def roles(self) -> list[str]:
        """The reader's own roles, in words."""
        return [str(LABELS[role]) for role in sorted(acting().roles) if role is not Role.ANY]

    @expose("/<key>/disable", methods=["POST"])
    @has_access
    def disable(self, key: str) -> Any:
        """Lock an account at once."""
        accounts.disable(acting(), reach(Person, key, "person.disable"))
        return self.done(_("Locked. This person's logins have ended."), ".show", key=key)

    @expose("/<key>/enable", methods=["POST"])
    @has_access
    def enable(self, key: str) -> Any:
        """Open a locked account."""
        accounts.enable(acting(), reach(Person, key, "person.enable"))
        return self.done(_("Open again."), ".show", key=key)

    @expose("/<key>/link", methods=["POST"])
    @has_access
    def offer_link(self, key: str) -> Any:
        """Make a one-time link to set a password; it is shown on this answer and nowhere else."""
        person = reach(Person, key, *OPERATORS)
        token = links.offer(acting(), person)
        address = current_app.config["SETTINGS"]["PUBLIC_URL"] + url_for("LoginPage.link", token=token)
        return self._shown(person, link=address)

    @expose("/<key>/reset-factors", methods=["POST"])
    @has_access
    def reset_factors(self, key: str) -> Any:
        """Take second factors away that somebody has lost."""
        factors.reset(acting(), reach(Person, key, "person.reset-factors"))
        return self.done(_("Removed. At the next login this person sets up a second factor anew."), ".show", key=key)


def _known(known: profiles.Known) -> list[tuple[object, str]]:
    """What a person knows about, in words."""
    disorders = [f"{name} (ORPHA:{code})" if name else f"ORPHA:{code}" for code, name in known.disorders.items()]
    pairs = [
        (_("ERNs"), ", ".join(str(one) for one in known.networks)),
        (_("Thematic areas"), ", ".join(str(one) for one in known.areas)),
        (_("Disorders"), ", ".join(disorders)),
        (_("Works in"), names.languages(",".join(known.languages)) if known.languages else ""),
    ]
    return [(label, words) for label, words in pairs if words]


def _standing(rows: list[Any], ends: str) -> list[tuple[Any, spells.Standing, Any]]:
    """Each with how it stands, and why it ended for who reads that."""
    if rows:
        table = type(rows[0])
        offered_rows(select(table).where(table.id.in_([row.id for row in rows])), ends)
    return [
        (row, spells.standing(row), reason(row.end_reason) if spells.reads_why(row, ends) else None) for row in rows
    ]
